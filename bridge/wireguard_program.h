// SPDX-License-Identifier: Apache-2.0
// One run of wg(8): found in PATH, started without a shell and without the bridge's environment
// (it holds passwords), its output bounded and its time too. Loop thread.
#pragma once

#include <uv.h>

#include "base/buf.h"

struct wireguard_program;

// How it went. ERR_OK: it exited with 0. ERR_UPSTREAM_DOWN: no program, no interface;
// ERR_FORBIDDEN: no rights; ERR_TIMEOUT; ERR_TOO_LARGE: more output than allowed;
// ERR_UPSTREAM_REFUSED: anything else it said, quoted. output is borrowed during the call and wiped
// after it.
typedef void wireguard_program_fn(const struct why *why, struct bytes output, void *ctx);

// argv ends with NULL, argv[0] is "wg"; borrowed for the call. Errors as above when it cannot be
// started; then there is no callback.
enum err ERR_MUST_CHECK wireguard_program_start(struct wireguard_program **out, uv_loop_t *loop,
						const char *const *argv, unsigned timeout_ms,
						wireguard_program_fn *done, void *ctx,
						struct why *why);
// Kills it without a callback.
void wireguard_program_cancel(struct wireguard_program *p);

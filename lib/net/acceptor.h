// SPDX-License-Identifier: Apache-2.0
// A listening TCP socket on the loop that hands out accepted sockets. When descriptors run out it
// rests for a moment instead of spinning.
#pragma once

#include <uv.h>

#include "net/addr.h"

struct acceptor;

// take_fd is non-blocking, close-on-exec, TCP_NODELAY; the callee owns it.
typedef void acceptor_fn(int take_fd, const struct addr *peer, void *ctx);

enum err ERR_MUST_CHECK acceptor_new(struct acceptor **out, uv_loop_t *loop, const struct addr *a,
				     acceptor_fn *fn, void *ctx, struct why *why);
struct addr acceptor_addr(const struct acceptor *a); // with the real port
// Closes the socket now; the memory goes with the loop's next turns. NULL is fine.
void acceptor_free(struct acceptor *a);

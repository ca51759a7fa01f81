// SPDX-License-Identifier: Apache-2.0
// The receiving end of NOTIFY_SOCKET (sd_notify(3)): an abstract datagram socket, so that no path
// gets too long and nothing is left behind; only datagrams of the expected process count.
#pragma once

#include <jansson.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"

struct notify;

// on_message: variables is {"READY":"1","X_HTTP":"127.0.0.1:41233",...}, borrowed.
typedef void notify_fn(const json_t *variables, void *ctx);

enum err ERR_MUST_CHECK notify_new(struct notify **out, uv_loop_t *loop, notify_fn *on_message,
				   void *ctx, struct why *why);
void notify_free(struct notify *n);
// The value for NOTIFY_SOCKET.
const char *notify_address(const struct notify *n);
// Messages of other processes are dropped.
void notify_expect(struct notify *n, pid_t pid);

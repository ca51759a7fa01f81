// SPDX-License-Identifier: Apache-2.0
// The unix socket of the userspace API: many clients, each may ask several times.
#pragma once

#include <uv.h>

#include "base/log.h"

struct uapi_socket;

// Appends the answer to one complete request. An error ends the client's connection.
typedef enum err uapi_answer(void *ctx, struct bytes request, struct buf *answer);

// Listens at path (mode 0600; missing folders are made). The socket of a dead process is replaced;
// ERR_CONFLICT: a living one answers there, or the path is something else. ERR_INPUT: too long.
enum err ERR_MUST_CHECK uapi_socket_open(struct uapi_socket **out, uv_loop_t *loop,
					 const char *path, uapi_answer *answer, void *ctx,
					 const struct log *log, struct why *why);
// Ends all connections, removes the socket file, frees itself on the next loop turns.
void uapi_socket_close(struct uapi_socket *s);

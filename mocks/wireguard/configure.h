// SPDX-License-Identifier: Apache-2.0
// What `wg show` reads from the server and `wg set` changes in it.
#pragma once

#include "wg/uapi.h"
#include "wireguard/server.h"

// Appends the answer to one complete request of the userspace API, failed or not. ERR_NOMEM,
// ERR_TOO_LARGE: no answer could be made.
enum err ERR_MUST_CHECK configure_answer(struct server *s, struct bytes request, struct buf *answer,
					 const struct wg_now *now);

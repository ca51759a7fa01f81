// SPDX-License-Identifier: Apache-2.0
// The tunnel in userspace: lib/wg's peer engine over a few UDP sockets that all devices of a worker
// share. The receiver index of a datagram says whose it is.
#pragma once

#include "act.h"

enum err ERR_MUST_CHECK wg_pool_new(struct wg_pool **out, struct worker *w, struct why *why);
// All links are gone.
void wg_pool_free(struct wg_pool *p);

void act_handshake(struct device *d);
void act_ping(struct device *d);
void act_tunnel_down(struct device *d);
bool wg_has_config(const struct device *d);
// Gives up a ping, or a tunnel that never came up.
void wg_cancel(struct sim_device *s);
// Says what was seen while nothing usable came back; fills d->failure.
void wg_explain_timeout(struct sim_device *s);

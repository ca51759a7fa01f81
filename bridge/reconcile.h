// SPDX-License-Identifier: Apache-2.0
// Puts right what no request will: peers that the WireGuard server lost (compared at every connect)
// and addresses of devices that never finished an enrollment. Loop thread.
#pragma once

#include "bridge/store.h"
#include "bridge/wireguard.h"

struct reconcile;

struct reconcile_options {
	uv_loop_t *loop;
	const struct log *log; // borrowed
	struct store *store;
	struct wireguard *wireguard; // NULL = none
	unsigned reservation_s;	     // how long an address waits for its certificate; 0 = 3600
};

enum err ERR_MUST_CHECK reconcile_new(struct reconcile **out, const struct reconcile_options *o);
// Handles close on the next loop turns.
void reconcile_free(struct reconcile *r);
// Compares server and store, sets the peers that are missing, logs the unknown. For wireguard's
// on_connected; a call while one runs makes it run again.
void reconcile_peers(struct reconcile *r);

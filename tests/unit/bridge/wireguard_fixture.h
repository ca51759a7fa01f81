// SPDX-License-Identifier: Apache-2.0
// A store, a WireGuard backend and the comparison of the two, without the rest of the bridge.
#pragma once

#include "bridge/reconcile.h"
#include "store_fixture.h"

struct wireguard_fixture {
	struct fixture fx;
	struct wireguard *wireguard;
	struct reconcile *reconcile;
	unsigned timeout_ms; // set before open; 0 = default
	int connected;	     // how often on_connected was called
};

// wireguard_new() and, when it is fine, a store and a comparison at each on_connected.
void wgfx_init(struct wireguard_fixture *w);
void wgfx_open(struct wireguard_fixture *w, const char *server);
void wgfx_fini(struct wireguard_fixture *w);
// Waits for the end; why holds it.
enum err wgfx_apply(struct wireguard_fixture *w, const struct wireguard_change *change,
		    struct why *why);
void wgfx_wait_connected(struct wireguard_fixture *w, int times);
// The text of a file; the caller frees it.
char *wgfx_read(const char *path);

// SPDX-License-Identifier: Apache-2.0
// The WireGuard server's peers, over the cross-platform userspace API (WG_SERVER=uapi:/path): one
// connection to its unix socket, requests pipelined, reconnected when it goes away. Loop thread.
#pragma once

#include <stdint.h>
#include <uv.h>

#include "base/log.h"
#include "wg/key.h"

struct wireguard;

// How a request ended; why->err is ERR_OK when the server said errno=0.
typedef void wireguard_done_fn(const struct why *why, void *ctx);

struct wireguard_options {
	uv_loop_t *loop;
	const struct log *log; // borrowed
	const char *server;    // value of WG_SERVER, "uapi:/path"; copied
	unsigned timeout_ms;   // of one request, connecting included; 0 = 3000
	void (*on_connected)(
		void *ctx); // the server is there (again): time to compare; may be NULL
	void *ctx;
};

// ERR_INPUT: the value is not understood, or the path is too long for a unix socket;
// ERR_UNSUPPORTED: a form that this build does not have. A server that is not there is no error:
// requests fail until it comes.
enum err ERR_MUST_CHECK wireguard_new(struct wireguard **out, const struct wireguard_options *o,
				      struct why *why);
// Ends what is in flight without callbacks. Handles close on the next loop turns.
void wireguard_free(struct wireguard *w);
bool wireguard_is_connected(const struct wireguard *w);

// Sets one peer with AllowedIPs = ip/32 (host byte order) and removes `remove` (keys separated by
// blanks, may be "") in the same request, so that a device never has two peers. Keys are base64.
enum err ERR_MUST_CHECK wireguard_set_peer(struct wireguard *w, const char *public_key, uint32_t ip,
					   const char *remove, wireguard_done_fn *done, void *ctx);
// Removes peers (keys separated by blanks); unknown ones are fine.
enum err ERR_MUST_CHECK wireguard_remove_peers(struct wireguard *w, const char *keys,
					       wireguard_done_fn *done, void *ctx);

struct wireguard_peer {
	char public_key[WG_KEY_CHARS + 1];
	uint32_t ip; // its AllowedIPs when that is exactly one IPv4 /32; else 0
	bool wanted; // for the caller
};
// All peers of the server, sorted by key; borrowed during the call. peers is NULL on error.
typedef void wireguard_peers_fn(const struct why *why, struct wireguard_peer *peers, size_t n,
				void *ctx);
enum err ERR_MUST_CHECK wireguard_get_peers(struct wireguard *w, wireguard_peers_fn *done,
					    void *ctx);
// Binary search in a sorted list; NULL when absent.
struct wireguard_peer *wireguard_find_peer(struct wireguard_peer *peers, size_t n,
					   const char *public_key);

// SPDX-License-Identifier: Apache-2.0
// The WireGuard server's peers. WG_SERVER names one of three ways to them: the userspace API over a
// unix socket, the program wg(8), or a wg-quick file. All three take changes as they come, keep
// their order and say how each ended. Loop thread.
#pragma once

#include <stdint.h>
#include <uv.h>

#include "base/id.h"
#include "base/log.h"
#include "wg/key.h"

struct wireguard;

// How a request ended; why->err is ERR_OK when the server has it.
typedef void wireguard_done_fn(const struct why *why, void *ctx);

struct wireguard_options {
	uv_loop_t *loop;
	const struct log *log; // borrowed
	const char *server;    // value of WG_SERVER; copied
	unsigned timeout_ms;   // of one exchange with the server; 0 = the backend's default
	void (*on_connected)(void *ctx); // the server is there (again), or somebody else may have
					 // changed its peers: time to compare; may be NULL
	void *ctx;
};

// The forms that WG_SERVER may have.
#define WIREGUARD_SERVER_FORMS "uapi:/path | wg:INTERFACE | file:/path"
// ERR_INPUT: not one of the forms, or what follows the colon cannot be; why says what is wrong and
// continues a sentence that names the variable.
enum err ERR_MUST_CHECK wireguard_server_check(const char *server, struct why *why);

// ERR_INPUT as wireguard_server_check(). A server that is not there is no error: requests fail
// until it comes.
enum err ERR_MUST_CHECK wireguard_new(struct wireguard **out, const struct wireguard_options *o,
				      struct why *why);
// Ends what is in flight without callbacks. Handles close on the next loop turns.
void wireguard_free(struct wireguard *w);
// False while the last thing heard of the server was that it cannot be used.
bool wireguard_is_connected(const struct wireguard *w);

struct wireguard_change {
	const char *device;	// id; whose peer this is
	const char *public_key; // base64; NULL = only remove
	uint32_t ip;		// the device's address, host byte order; AllowedIPs = ip/32
	const char *remove;	// keys that must go, separated by blanks; may be ""; unknown ones
				// are fine
};
// Sets and removes in one step, so that a device never has two peers. ERR_SYNTAX or ERR_INPUT at
// once for keys and ids that are none: nothing of them gets further.
enum err ERR_MUST_CHECK wireguard_apply(struct wireguard *w, const struct wireguard_change *change,
					wireguard_done_fn *done, void *ctx);

struct wireguard_peer {
	char public_key[WG_KEY_CHARS + 1];
	char device[DEVICE_ID_MAX + 1]; // whom the server's notes name; "" where it has none
	uint32_t ip;			// its AllowedIPs when that is exactly one IPv4 /32 and the
					// peer is there once; else 0
	bool wanted;			// for the caller
};
// All peers of the server, sorted by key; borrowed during the call. peers is NULL on error.
typedef void wireguard_peers_fn(const struct why *why, struct wireguard_peer *peers, size_t n,
				void *ctx);
enum err ERR_MUST_CHECK wireguard_get_peers(struct wireguard *w, wireguard_peers_fn *done,
					    void *ctx);
void wireguard_sort_peers(struct wireguard_peer *peers, size_t n);
// Binary search in a sorted list; NULL when absent.
struct wireguard_peer *wireguard_find_peer(struct wireguard_peer *peers, size_t n,
					   const char *public_key);

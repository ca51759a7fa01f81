// SPDX-License-Identifier: Apache-2.0
// The mock WireGuard server on a loop: server.h's engine with a UDP socket, a timer and the
// userspace API's unix socket.
#pragma once

#include <jansson.h>
#include <uv.h>

#include "wireguard/server.h"

struct wireguard;

struct wireguard_options {
	struct addr listen;		  // UDP
	const char *uapi_path;		  // NULL: no unix socket
	const struct wg_key *private_key; // NULL: a fresh one
	struct ip_prefix address;	  // of the tunnel, IPv4
	uint64_t seed;
	const struct log *log;
	struct fault_plan *faults; // borrowed
	struct journal *journal;   // borrowed
};

// NULL when memory is out.
struct wireguard *wireguard_new(uv_loop_t *loop);
// ERR_CONFLICT: port or socket path in use; ERR_INPUT, ERR_IO, ERR_CRYPTO. After an error stop and
// free it as after success.
enum err ERR_MUST_CHECK wireguard_start(struct wireguard *w, const struct wireguard_options *o,
					struct why *why);
struct addr wireguard_addr(const struct wireguard *w);
void wireguard_public_key(char out[static WG_KEY_CHARS + 1], const struct wireguard *w);
// For the admin API; ctx is the struct wireguard. key: NULL = all peers.
json_t *wireguard_state(void *ctx, const char *key);
void wireguard_reset(void *ctx);
// Closes sockets and timer on the next loop turns.
void wireguard_stop(struct wireguard *w);
// After the loop has ended.
void wireguard_free(struct wireguard *w);

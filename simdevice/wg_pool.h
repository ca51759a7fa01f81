// SPDX-License-Identifier: Apache-2.0
// UDP sockets of a worker and the table from receiver index to link. Private to wg_pool.c and
// act_wireguard.c.
#pragma once

#include <uv.h>

#include "act_wireguard.h"
#include "net/addr.h"
#include "wg/peer.h"

enum {
	WG_SLOT_BITS =
		20, // the lower bits of an index say whose it is, the upper ones which session
	WG_SLOTS_MAX = 1 << WG_SLOT_BITS,
	WG_SOCKETS_MAX = 16,
};

struct lookup;

struct wg_link {
	struct wg_pool *pool;
	struct sim_device *s;
	struct tunnel_config *config; // reference
	struct lookup *lookup;	      // of the endpoint's name, in flight
	uint32_t slot;
	uint32_t salt;
	int fd; // one of the pool's sockets
	struct addr endpoint;
	struct wg_identity identity;
	struct wg_peer peer;
	bool has_peer;
	uv_timer_t timer; // the engine's deadline
	uv_timer_t echo_timer;
	unsigned open_handles;
	bool handshaking;
	uint32_t attempt; // of HANDSHAKING or PINGING
	uint64_t started_ns;
	// What the engine said during a call; acted on after it returned.
	bool saw_session;
	bool saw_end;
	bool saw_bad_response;
	bool saw_cookie;
	// Echo in flight.
	bool pinging;
	uint16_t echo_id;
	uint16_t echo_sequence;
	uint64_t echo_sent_ns;
	unsigned echoes_left;
	uint32_t echo_timeout_ms;
};

// A socket for this family into *fd; made at the first use.
enum err ERR_MUST_CHECK wg_pool_socket(struct wg_pool *p, int family, int *fd, struct why *why);
// Gives the link a slot. ERR_EXHAUSTED.
enum err ERR_MUST_CHECK wg_pool_add(struct wg_pool *p, struct wg_link *link);
void wg_pool_remove(struct wg_pool *p, struct wg_link *link);
// Whose slot it is; NULL = free.
struct wg_link *wg_pool_at(const struct wg_pool *p, uint32_t slot);
// The pool hands datagrams to this; act_wireguard.c.
void wg_link_receive(struct wg_link *link, uint8_t *datagram, size_t n);

// SPDX-License-Identifier: Apache-2.0
// A WireGuard server without a socket: datagrams and time in, datagrams out. It shakes hands in
// both roles, checks AllowedIPs, answers ICMP echo on its tunnel address, follows roaming peers,
// counts what it drops and why, and asks the fault plan where it could fail.
#pragma once

#include "base/log.h"
#include "common/faults.h"
#include "common/journal.h"
#include "wireguard/peers.h"

struct server_ops {
	void (*send)(void *ctx, const struct addr *to, struct bytes datagram);
	// Moves to another UDP port (0: any) and says which it became. ERR_CONFLICT: taken. May be
	// NULL: not possible.
	enum err (*rebind)(void *ctx, uint16_t *port, struct why *why);
};

struct server_options {
	const struct wg_key *private_key;
	struct ip_prefix address; // of the tunnel, IPv4: echo requests to it are answered
	uint64_t seed;
	const struct log *log;
	struct fault_plan *faults;
	struct journal *journal;
	const struct server_ops *ops;
	void *ctx; // for ops
};

struct held;

// What an armed fault asks for while one datagram is handled.
struct server_deviation {
	bool mute;	   // whatever is sent now stays unsent
	uint64_t delay_ns; // or is sent later
};

struct server {
	struct wg_identity identity;
	bool has_identity; // false after the private key was taken away
	struct ip_prefix address;
	uint32_t address4;
	uint16_t listen_port;
	uint32_t fwmark; // kept for `wg show`; not applied to a socket
	struct peers peers;
	uint64_t drops[WG_DROP_COUNT];
	uint64_t other_packets; // inner packets that are not for us: no route, no answer
	struct held *held;	// delayed datagrams, earliest first
	struct server_deviation deviation;
	struct wg_now now; // of the call in progress
	uint64_t seed;
	const struct log *log;
	struct fault_plan *faults;
	struct journal *journal;
	const struct server_ops *ops;
	void *ctx;
};

extern const struct fault_vocabulary server_vocabulary;
extern const struct wg_peer_ops server_peer_ops;

// faults and journal are borrowed. ERR_CRYPTO.
enum err ERR_MUST_CHECK server_init(struct server *s, const struct server_options *o);
void server_fini(struct server *s);
// Peers and counters as after the start; the key stays.
void server_reset(struct server *s);

// A datagram that came from `from`; opened in place.
void server_receive(struct server *s, const struct addr *from, uint8_t *datagram, size_t n,
		    const struct wg_now *now);
// When server_tick() is due (monotonic ns); UINT64_MAX: never.
uint64_t server_deadline(const struct server *s);
void server_tick(struct server *s, const struct wg_now *now);
// Another private key (zero: none); all sessions end.
enum err ERR_MUST_CHECK server_set_private_key(struct server *s, const struct wg_key *private_key);

// SPDX-License-Identifier: Apache-2.0
// One peer of a tunnel, from either side (WireGuard is symmetric): handshakes begun and answered,
// current/previous/next session, every timer of the protocol with Linux's values. No I/O, no clock:
// datagrams and time come in, datagrams leave through wg_peer_ops.send, wg_peer_deadline() says
// when to call wg_peer_tick(). One thread at a time.
//
// A device: wg_peer_init, wg_peer_set_keepalive, wg_peer_connect (or wg_peer_send), then
// wg_peer_receive() for what arrives. A server with many peers looks the peer up by itself:
// wg_initiation_open() and wg_peer_accept_initiation() for initiations, the receiver index and
// wg_peer_receive() for the rest.
#pragma once

#include "base/rng.h"
#include "wg/noise.h"
#include "wg/transport.h"

enum {
	WG_REKEY_TIMEOUT_S = 5,
	WG_REKEY_JITTER_MS = 333,
	WG_INITIATIONS_PER_ROUND = 20,
	WG_REKEY_AFTER_S = 120,
	WG_REKEY_LATE_S = 165, // 180 - 10 - 5
	WG_NEW_HANDSHAKE_S = 15,
	WG_KEEPALIVE_S = 10,
	WG_ERASE_AFTER_S = 540,
	WG_COOKIE_LIFE_S = 120,
	WG_FLOOD_MS = 20,
	WG_STAGED_MAX = 32, // inner packets that wait for a session; the oldest goes first
};

// Both clocks at one moment: monotonic for timers, wall (Unix epoch) for TAI64N and statistics.
struct wg_now {
	uint64_t mono_ns;
	uint64_t wall_ns;
};

struct wg_peer;

enum wg_event {
	WG_EVENT_SESSION,      // a session is usable both ways (a responder: confirmed by the peer)
	WG_EVENT_GAVE_UP,      // 20 initiations without an answer; staged packets dropped
	WG_EVENT_BAD_RESPONSE, // a response that does not open: another preshared key, or damage
	WG_EVENT_COOKIE,       // the peer is under load and sent a cookie; the next retry uses it
};

// Shared by all peers of an owner; ctx is the peer's own. `send` is required. Without index_new an
// index is drawn from the peer's generator.
struct wg_peer_ops {
	// A datagram for the peer's endpoint. The bytes are valid during the call.
	void (*send)(void *ctx, struct bytes datagram);
	// A receiver index that no other session or handshake of the owner uses.
	uint32_t (*index_new)(void *ctx);
	// The index is no longer in use.
	void (*index_free)(void *ctx, uint32_t index);
	// May be NULL. Must not call back into the peer.
	void (*event)(void *ctx, enum wg_event event, const struct wg_now *now);
};

struct wg_peer_stats {
	uint64_t handshakes; // sessions that were confirmed
	uint64_t initiations_sent;
	uint64_t responses_sent;
	uint64_t bad_responses;
	uint64_t cookies_received;
	uint64_t rx_bytes;   // UDP payload of authenticated messages, as `wg show` counts
	uint64_t tx_bytes;   // UDP payload sent
	uint64_t rx_packets; // inner packets, without keepalives
	uint64_t tx_packets;
	uint64_t last_handshake_wall_ns; // 0: never
	uint64_t handshake_ns;		 // from the last initiation to its response; 0: never
};

struct wg_staged;

// Embedded by its owner. Only `stats` and `remote` are for reading from outside.
struct wg_peer {
	const struct wg_identity *identity; // borrowed
	const struct wg_peer_ops *ops;	    // borrowed
	void *ctx;
	struct rng rng; // jitter and indexes
	struct wg_remote remote;
	struct wg_peer_stats stats;
	uint16_t keepalive_s;

	struct wg_handshake handshake; // ours, waiting for a response
	bool handshake_is_open;
	unsigned attempts;
	bool has_sent_handshake;
	uint64_t last_handshake_sent_ns; // initiation or response
	uint64_t initiation_sent_ns;
	uint8_t last_mac1[WG_MAC_BYTES];
	bool has_mac1;
	uint8_t cookie[WG_COOKIE_BYTES];
	uint64_t cookie_ns;
	bool has_cookie;

	struct wg_tai64n last_timestamp; // the newest that we accepted
	uint64_t last_consumed_ns;
	bool has_consumed;

	struct wg_keypair *current;
	struct wg_keypair *previous;
	struct wg_keypair *next; // answered, not yet confirmed
	bool sent_lastminute;

	struct wg_staged *staged;
	unsigned n_staged;

	// Monotonic deadlines; 0: off.
	uint64_t retry_at;
	uint64_t passive_keepalive_at;
	uint64_t new_handshake_at;
	uint64_t persistent_keepalive_at;
	uint64_t erase_at;
	bool wants_another_keepalive;
};

// seed, stream: for jitter (base/rng.h). preshared_key may be NULL. ERR_INPUT: public_key is a
// point of low order. identity and ops outlive the peer.
enum err ERR_MUST_CHECK wg_peer_init(struct wg_peer *p, const struct wg_identity *identity,
				     const struct wg_key *public_key,
				     const struct wg_key *preshared_key,
				     const struct wg_peer_ops *ops, void *ctx, uint64_t seed,
				     uint64_t stream);
// Ends sessions (indexes are given back) and wipes everything.
void wg_peer_fini(struct wg_peer *p);
// PersistentKeepalive in seconds, 0 = off. Turning it on sends one at once, as `wg set` does.
void wg_peer_set_keepalive(struct wg_peer *p, uint16_t seconds, const struct wg_now *now);
void wg_peer_set_preshared_key(struct wg_peer *p, const struct wg_key *preshared_key);
// After *identity got another key pair: computes anew what depends on it and forgets sessions.
enum err ERR_MUST_CHECK wg_peer_identity_changed(struct wg_peer *p);

// Begins a handshake unless one was begun in the last 5 s.
void wg_peer_connect(struct wg_peer *p, const struct wg_now *now);
// Sends an inner packet (at most WG_MTU bytes), or stages a copy and begins a handshake. Empty: a
// keepalive. ERR_TOO_LARGE, ERR_NOMEM.
enum err ERR_MUST_CHECK wg_peer_send(struct wg_peer *p, struct bytes inner,
				     const struct wg_now *now);
// Seals without looking at timers, for hostile tests (a stale counter, a wrong source ...):
// ERR_WRONG_STATE without a session. out holds wg_transport_size(inner.n).
enum err ERR_MUST_CHECK wg_peer_seal(struct wg_peer *p, uint8_t *out, struct bytes inner,
				     const struct wg_now *now);
// Any datagram from this peer; opened in place. *inner: an inner packet, trimmed to its own length,
// not yet compared with AllowedIPs; empty when there is none. An initiation must come from exactly
// this peer (a device has one).
enum wg_drop wg_peer_receive(struct wg_peer *p, uint8_t *datagram, size_t n, struct bytes *inner,
			     const struct wg_now *now);
// An initiation whose mac1 was checked and whose first half was opened by wg_initiation_open():
// authenticates it, refuses replay and flood, answers. hs is wiped.
enum wg_drop wg_peer_accept_initiation(struct wg_peer *p, struct wg_handshake *hs, struct bytes msg,
				       const struct wg_now *now);

// When wg_peer_tick() is due (monotonic ns); UINT64_MAX: never. May change after every call above.
uint64_t wg_peer_deadline(const struct wg_peer *p);
void wg_peer_tick(struct wg_peer *p, const struct wg_now *now);

// True while packets can be sent at once.
bool wg_peer_has_session(const struct wg_peer *p, const struct wg_now *now);
// Forgets sessions, handshakes, cookie and accepted timestamps, as after a reboot; timers stop.
// Keys and statistics stay.
void wg_peer_reset(struct wg_peer *p);

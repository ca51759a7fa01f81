// SPDX-License-Identifier: Apache-2.0
// Session keys: sealing and opening transport messages, the replay window, the age of keys
// (WireGuard whitepaper sections 5.4.5, 5.4.6 and 6).
#pragma once

#include "wg/noise.h"

enum {
	WG_REJECT_AFTER_S = 180, // a session is unusable from this age on
	WG_REPLAY_WORDS = 128,
	// Counters this far behind the greatest seen are still accepted once (RFC 6479: one word of
	// the bitmap is always being refilled). The same as Linux and wireguard-go.
	WG_REPLAY_WINDOW = (WG_REPLAY_WORDS - 1) * 64,
};

struct wg_replay {
	uint64_t next; // one above the greatest counter accepted
	uint64_t bits[WG_REPLAY_WORDS];
};

// Accepts every counter at most once; false: seen before or too old.
bool wg_replay_accept(struct wg_replay *w, uint64_t counter);

// One generation of session keys. Zero-filled, then wg_keypair_start().
struct wg_keypair {
	struct wg_key send_key;
	struct wg_key receive_key;
	uint64_t send_counter;
	uint64_t born_ns; // monotonic
	uint32_t local_index;
	uint32_t remote_index;
	bool is_initiator; // we began this handshake, so renewing it is ours
	struct wg_replay replay;
};

void wg_keypair_start(struct wg_keypair *k, const struct wg_session_keys *keys, bool is_initiator,
		      uint64_t now_ns);
// NULL is accepted; wipes and frees.
void wg_keypair_free(struct wg_keypair *k);
// True from 180 s on: unusable in both directions.
bool wg_keypair_is_expired(const struct wg_keypair *k, uint64_t now_ns);

// Bytes of the datagram for an inner packet of n bytes: padded to 16, but not beyond WG_MTU.
size_t wg_transport_size(size_t n);
// Seals inner (empty: keepalive) into out, wg_transport_size(inner.n) bytes. The caller has checked
// the age of k. ERR_EXHAUSTED when the counters are used up.
enum err ERR_MUST_CHECK wg_transport_seal(uint8_t *out, struct wg_keypair *k, struct bytes inner);
// Opens a datagram of type WG_MESSAGE_TRANSPORT in place; *inner then points into it, still padded
// (empty: keepalive). Checks age, tag and replay window, in this order of cheapness.
enum wg_drop wg_transport_open(struct bytes *inner, struct wg_keypair *k, uint8_t *datagram,
			       size_t n, uint64_t now_ns);

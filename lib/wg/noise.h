// SPDX-License-Identifier: Apache-2.0
// The handshake Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (WireGuard whitepaper section 5.4), both
// sides, with its MACs and cookies. No clock and no randomness that a test cannot replace: time
// comes as TAI64N, ephemeral keys and nonces may be given. Per thread one set of OpenSSL contexts.
#pragma once

#include "wg/key.h"
#include "wg/message.h"

enum {
	WG_HASH_BYTES = 32,
	WG_TAI64N_BYTES = 12,
	WG_COOKIE_SECRET_BYTES = 32,
};

// Our static key pair and what follows from it. Plain data; wipe it when done.
struct wg_identity {
	struct wg_key private_key;
	struct wg_key public_key;
	uint8_t hash0[WG_HASH_BYTES];	   // hash after mixing in our key: where a responder starts
	uint8_t mac1_key[WG_HASH_BYTES];   // checks mac1 of what we receive
	uint8_t cookie_key[WG_HASH_BYTES]; // seals the cookie replies that we send
};

// A peer's static public key and what follows from it and our identity. Plain data; wipe it.
struct wg_remote {
	struct wg_key public_key;
	struct wg_key preshared_key;	   // zero when there is none
	struct wg_key static_static;	   // DH of both static keys: computed once per peer
	uint8_t hash0[WG_HASH_BYTES];	   // where an initiator towards this peer starts
	uint8_t mac1_key[WG_HASH_BYTES];   // makes mac1 of what we send
	uint8_t cookie_key[WG_HASH_BYTES]; // opens its cookie replies
};

// Seconds and nanoseconds, big-endian, so that memcmp orders them.
struct wg_tai64n {
	uint8_t b[WG_TAI64N_BYTES];
};

// What one side remembers between two messages. Plain data; wiped by the function that ends it.
struct wg_handshake {
	uint8_t chaining_key[WG_HASH_BYTES];
	uint8_t hash[WG_HASH_BYTES];
	struct wg_key ephemeral_private; // ours
	struct wg_key ephemeral_public;	 // ours
	struct wg_key remote_ephemeral;
	uint32_t local_index;
	uint32_t remote_index;
};

// What a finished handshake yields.
struct wg_session_keys {
	struct wg_key send;
	struct wg_key receive;
	uint32_t local_index;  // the peer puts it into what it sends us
	uint32_t remote_index; // we put it into what we send
};

enum err ERR_MUST_CHECK wg_identity_init(struct wg_identity *id, const struct wg_key *private_key);
void wg_identity_wipe(struct wg_identity *id);
// preshared_key may be NULL. ERR_INPUT when public_key is a point of low order.
enum err ERR_MUST_CHECK wg_remote_init(struct wg_remote *r, const struct wg_identity *id,
				       const struct wg_key *public_key,
				       const struct wg_key *preshared_key);
void wg_remote_wipe(struct wg_remote *r);
void wg_handshake_wipe(struct wg_handshake *hs);

// wall_ns: since the Unix epoch. Like real senders it clears the low 24 bits of the nanoseconds.
void wg_tai64n_set(struct wg_tai64n *out, uint64_t wall_ns);
// True when a is later than b.
bool wg_tai64n_is_after(const struct wg_tai64n *a, const struct wg_tai64n *b);

// Message 1. index: what the peer shall put into its answers. ephemeral: NULL for a fresh one.
// cookie: WG_COOKIE_BYTES of the peer's last cookie reply, or NULL. About 54 us.
enum err ERR_MUST_CHECK wg_initiation_create(uint8_t out[static WG_INITIATION_BYTES],
					     struct wg_handshake *hs, const struct wg_remote *r,
					     const struct wg_identity *id,
					     const struct wg_tai64n *timestamp, uint32_t index,
					     const uint8_t *cookie, const struct wg_key *ephemeral);
// Message 2 at the initiator; its mac1 has been checked. On success hs is wiped; on a failure it is
// unchanged, so that a forged response cannot break a handshake. WG_DROP_BAD_TAG: damaged, or
// another preshared key.
enum wg_drop wg_response_open(struct wg_session_keys *out, struct wg_handshake *hs,
			      const struct wg_identity *id, const struct wg_remote *r,
			      const uint8_t msg[static WG_RESPONSE_BYTES]);

// Message 1 at the responder, first half (its mac1 has been checked): who is it? BAD_TAG: damaged.
enum wg_drop wg_initiation_open(struct wg_handshake *hs, struct wg_key *static_public,
				const struct wg_identity *id,
				const uint8_t msg[static WG_INITIATION_BYTES]);
// Second half, with the peer that static_public names: proves that the sender has its key. The
// caller then compares the timestamp with the last accepted one.
enum wg_drop wg_initiation_authenticate(struct wg_handshake *hs, struct wg_tai64n *timestamp,
					const struct wg_remote *r,
					const uint8_t msg[static WG_INITIATION_BYTES]);
// Message 2 and the session that follows; wipes hs.
enum err ERR_MUST_CHECK wg_response_create(uint8_t out[static WG_RESPONSE_BYTES],
					   struct wg_session_keys *keys, struct wg_handshake *hs,
					   const struct wg_remote *r, uint32_t index,
					   const uint8_t *cookie, const struct wg_key *ephemeral);

// mac1 of an initiation or response that reached us.
bool wg_mac1_is_valid(const struct wg_identity *id, struct bytes msg);
// mac2 of it under the cookie that its source should have.
bool wg_mac2_is_valid(const uint8_t cookie[static WG_COOKIE_BYTES], struct bytes msg);
// The mac1 inside an initiation or response.
const uint8_t *wg_mac1_of(struct bytes msg);

// The cookie of a source (its IP address and port as bytes, in any fixed form).
enum err ERR_MUST_CHECK wg_cookie_make(uint8_t cookie[static WG_COOKIE_BYTES],
				       const uint8_t secret[static WG_COOKIE_SECRET_BYTES],
				       struct bytes source);
// Message 3, refusing `msg` (an initiation or response). nonce: NULL for a random one.
enum err ERR_MUST_CHECK wg_cookie_reply_create(uint8_t out[static WG_COOKIE_REPLY_BYTES],
					       const struct wg_identity *id, struct bytes msg,
					       const uint8_t cookie[static WG_COOKIE_BYTES],
					       const uint8_t *nonce);
// Message 3 at its receiver; mac1: of the message that we sent last.
enum wg_drop wg_cookie_reply_open(uint8_t cookie[static WG_COOKIE_BYTES], const struct wg_remote *r,
				  const uint8_t mac1[static WG_MAC_BYTES],
				  const uint8_t msg[static WG_COOKIE_REPLY_BYTES]);

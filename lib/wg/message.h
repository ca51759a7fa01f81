// SPDX-License-Identifier: Apache-2.0
// The four WireGuard messages on the wire (whitepaper section 5.4; contracts: exact lengths, type
// as a little-endian 32-bit word, so the reserved bytes are zero), and why a datagram can be
// dropped.
#pragma once

#include "base/buf.h"

enum wg_message {
	WG_MESSAGE_NONE,
	WG_MESSAGE_INITIATION,
	WG_MESSAGE_RESPONSE,
	WG_MESSAGE_COOKIE,
	WG_MESSAGE_TRANSPORT,
	WG_MESSAGE_COUNT
};

enum {
	WG_TAG_BYTES = 16,
	WG_MAC_BYTES = 16,
	WG_COOKIE_BYTES = 16,
	WG_COOKIE_NONCE_BYTES = 24,
	WG_INITIATION_BYTES = 148,
	WG_RESPONSE_BYTES = 92,
	WG_COOKIE_REPLY_BYTES = 64,
	WG_TRANSPORT_HEADER_BYTES = 16,
	WG_KEEPALIVE_BYTES = 32,
	// The tunnel's MTU: what wg-quick sets over a 1500-byte link.
	WG_MTU = 1420,
	// The largest datagram that we send: an inner packet of WG_MTU is not padded beyond the
	// MTU.
	WG_DATAGRAM_MAX = WG_TRANSPORT_HEADER_BYTES + WG_MTU + WG_TAG_BYTES,
};

// Why a datagram led to nothing. WireGuard never answers with an error: these names are all that an
// operator can see.
#define WG_DROP_TABLE(X)                                                                           \
	X(NONE, "none")                                                                            \
	X(MALFORMED, "malformed")	/* length, type, inner packet */                           \
	X(BAD_MAC1, "bad-mac1")		/* made for another public key */                          \
	X(UNKNOWN_PEER, "unknown-peer") /* static key not configured */                            \
	X(REPLAY, "replay")		/* initiation not newer than the last accepted one */      \
	X(FLOOD, "flood")		/* second initiation of a peer within 20 ms */             \
	X(BAD_TAG, "bad-tag") /* AEAD failed: damaged, wrong key or wrong preshared key */         \
	X(UNKNOWN_INDEX, "unknown-index") /* no session or handshake has this receiver index */    \
	X(REPEATED_COUNTER, "repeated-counter") /* transport packet seen before or too old */      \
	X(EXPIRED_KEY, "expired-key")		/* session older than 180 s */                     \
	X(BAD_SOURCE, "bad-source")		/* inner source outside the peer's AllowedIPs */   \
	X(FAULT, "fault")			/* an armed fault dropped it */                    \
	X(INTERNAL, "internal")			/* we failed: memory or OpenSSL */

enum wg_drop {
#define X(id, name) WG_DROP_##id,
	WG_DROP_TABLE(X)
#undef X
		WG_DROP_COUNT
};

// "bad-mac1" ...; stable, part of the admin API.
const char *wg_drop_name(enum wg_drop drop);
// "initiation" "response" "cookie" "transport"; "none" for what is not a message.
const char *wg_message_name(enum wg_message type);

// The type when length and reserved bytes fit it, WG_MESSAGE_NONE otherwise.
enum wg_message wg_message_type(struct bytes datagram);
// The receiver index of a response, cookie reply or transport message whose type was checked.
uint32_t wg_message_receiver(struct bytes datagram);
// The sender index of an initiation or response whose type was checked.
uint32_t wg_message_sender(struct bytes datagram);

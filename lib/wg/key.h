// SPDX-License-Identifier: Apache-2.0
// X25519 keys (RFC 7748) as WireGuard writes them: 32 bytes, 44 base64 characters in files, 64 hex
// digits in the userspace API. Text conversion takes the same time whatever the key is. Every
// function may be called from any thread; OpenSSL's objects are kept per thread.
#pragma once

#include "base/buf.h"

enum {
	WG_KEY_BYTES = 32,
	WG_KEY_CHARS = 44,     // base64, without the terminator
	WG_KEY_HEX_CHARS = 64, // without the terminator
};

// A private, public or preshared key, or a shared secret.
struct wg_key {
	uint8_t b[WG_KEY_BYTES];
};

// Exactly 44 base64 characters (43 and one '='), unused bits zero. ERR_SYNTAX otherwise.
enum err ERR_MUST_CHECK wg_key_parse(struct wg_key *out, struct bytes text);
void wg_key_print(char out[static WG_KEY_CHARS + 1], const struct wg_key *key);
// Exactly 64 hex digits of either case. ERR_SYNTAX otherwise.
enum err ERR_MUST_CHECK wg_key_parse_hex(struct wg_key *out, struct bytes text);
void wg_key_print_hex(char out[static WG_KEY_HEX_CHARS + 1], const struct wg_key *key);

// Constant time.
bool wg_key_equal(const struct wg_key *a, const struct wg_key *b);
bool wg_key_is_zero(const struct wg_key *key);
void wg_key_wipe(struct wg_key *key);
#define WG_KEY_AUTO __attribute__((cleanup(wg_key_wipe)))

// A fresh pair; the private key is clamped, as `wg genkey` makes it. ERR_CRYPTO when OpenSSL fails.
enum err ERR_MUST_CHECK wg_key_generate(struct wg_key *private_key, struct wg_key *public_key);
// The public half of any 32 bytes (they are used clamped). About 24 us.
enum err ERR_MUST_CHECK wg_key_public(struct wg_key *public_key, const struct wg_key *private_key);
// X25519(private_key, public_key). ERR_INPUT when the result is all zero, i.e. public_key is a
// point of low order (RFC 7748 section 6.1). The private key's public half is not needed. About 26
// us.
enum err ERR_MUST_CHECK wg_key_dh(struct wg_key *out, const struct wg_key *private_key,
				  const struct wg_key *public_key);
// For a public key that a stranger sent: ERR_INPUT for the points of low order, with which no
// handshake can ever succeed. why says so.
enum err ERR_MUST_CHECK wg_key_check_public(const struct wg_key *public_key, struct why *why);

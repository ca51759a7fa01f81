// SPDX-License-Identifier: Apache-2.0
// Inside lib/wg only: the primitives of the handshake on OpenSSL's EVP. Each thread has one set of
// contexts, made at its first use and freed at its end: fetching or building them per call would
// double the price of a handshake. Everything returns ERR_CRYPTO (or ERR_NOMEM) when OpenSSL fails.
#pragma once

#include "wg/key.h"
#include "wg/message.h"

enum { WG_HASH_LEN = 32, WG_NONCE_BYTES = 12 };

// BLAKE2s-256 of a and b, one after the other.
enum err ERR_MUST_CHECK wg_hash(uint8_t out[static WG_HASH_LEN], struct bytes a, struct bytes b);
// Keyed BLAKE2s with 16 bytes of output. key.n <= 32.
enum err ERR_MUST_CHECK wg_mac(uint8_t out[static WG_MAC_BYTES], struct bytes key,
			       struct bytes data);
// KDF1, KDF2, KDF3 of the whitepaper: HKDF over HMAC-BLAKE2s. t2 and t3 may be NULL. t1 may be ck.
enum err ERR_MUST_CHECK wg_kdf(const uint8_t ck[static WG_HASH_LEN], struct bytes input,
			       uint8_t t1[static WG_HASH_LEN], uint8_t *t2, uint8_t *t3);
// ChaCha20-Poly1305 (RFC 8439). out holds plain.n + pad + 16 bytes and may be plain.p; `pad` zero
// bytes (at most 16) are sealed behind plain.
enum err ERR_MUST_CHECK wg_aead_seal(uint8_t *out, const uint8_t key[static WG_KEY_BYTES],
				     const uint8_t nonce[static WG_NONCE_BYTES], struct bytes plain,
				     size_t pad, struct bytes ad);
// sealed.n >= 16; out holds sealed.n - 16 bytes and may be sealed.p. ERR_INPUT: the tag is wrong.
enum err ERR_MUST_CHECK wg_aead_open(uint8_t *out, const uint8_t key[static WG_KEY_BYTES],
				     const uint8_t nonce[static WG_NONCE_BYTES],
				     struct bytes sealed, struct bytes ad);
// 4 zero bytes and the counter, little-endian.
void wg_nonce(uint8_t nonce[static WG_NONCE_BYTES], uint64_t counter);
// HChaCha20 (draft-irtf-cfrg-xchacha 2.2) with the first 16 bytes of a 24-byte nonce.
enum err ERR_MUST_CHECK wg_hchacha20(struct wg_key *out, const uint8_t key[static WG_KEY_BYTES],
				     const uint8_t nonce[static 16]);

// A private key that is used for more than one DH in a row; freed by wg_dh_end().
struct wg_dh {
	struct evp_pkey_st *key;
	struct evp_pkey_ctx_st *derive;
};

void wg_dh_end(struct wg_dh *dh);
#define WG_DH_AUTO __attribute__((cleanup(wg_dh_end)))
// public_key: the private key's own; any 32 bytes do, as nothing here reads them back.
enum err ERR_MUST_CHECK wg_dh_begin(struct wg_dh *dh, const struct wg_key *private_key,
				    const struct wg_key *public_key);
// A fresh pair.
enum err ERR_MUST_CHECK wg_dh_generate(struct wg_dh *dh, struct wg_key *private_key,
				       struct wg_key *public_key);
// The public half of the private key.
enum err ERR_MUST_CHECK wg_dh_public(struct wg_key *public_key, struct wg_dh *dh);
// ERR_INPUT: all zero, i.e. a public key of low order.
enum err ERR_MUST_CHECK wg_dh_derive(struct wg_key *out, struct wg_dh *dh,
				     const struct wg_key *public_key);

static inline void
wg_put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline uint32_t
wg_get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void
wg_put_le64(uint8_t *p, uint64_t v)
{
	wg_put_le32(p, (uint32_t)v);
	wg_put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline uint64_t
wg_get_le64(const uint8_t *p)
{
	return wg_get_le32(p) | (uint64_t)wg_get_le32(p + 4) << 32;
}

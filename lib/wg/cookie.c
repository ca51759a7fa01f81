// SPDX-License-Identifier: Apache-2.0
// The MACs that guard the handshake against strangers and floods (whitepaper 5.4.4, 5.4.7).
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "wg/crypto.h"
#include "wg/noise.h"

enum {
	COOKIE_RECEIVER = 4,
	COOKIE_NONCE = 8,
	COOKIE_SEALED = 32,
	SEALED_COOKIE_BYTES = WG_COOKIE_BYTES + WG_TAG_BYTES,
};

const uint8_t *
wg_mac1_of(struct bytes msg)
{
	return msg.p + msg.n - 2 * WG_MAC_BYTES;
}

bool
wg_mac1_is_valid(const struct wg_identity *id, struct bytes msg)
{
	uint8_t mac[WG_MAC_BYTES];
	return !wg_mac(mac, BYTES(id->mac1_key, WG_HASH_BYTES),
		       BYTES(msg.p, msg.n - 2 * WG_MAC_BYTES)) &&
	       CRYPTO_memcmp(mac, wg_mac1_of(msg), sizeof(mac)) == 0;
}

bool
wg_mac2_is_valid(const uint8_t cookie[static WG_COOKIE_BYTES], struct bytes msg)
{
	uint8_t mac[WG_MAC_BYTES];
	return !wg_mac(mac, BYTES(cookie, WG_COOKIE_BYTES), BYTES(msg.p, msg.n - WG_MAC_BYTES)) &&
	       CRYPTO_memcmp(mac, msg.p + msg.n - WG_MAC_BYTES, sizeof(mac)) == 0;
}

enum err
wg_cookie_make(uint8_t cookie[static WG_COOKIE_BYTES],
	       const uint8_t secret[static WG_COOKIE_SECRET_BYTES], struct bytes source)
{
	return wg_mac(cookie, BYTES(secret, WG_COOKIE_SECRET_BYTES), source);
}

// XChaCha20-Poly1305: HChaCha20 makes a subkey from 16 bytes of the nonce, the rest is the nonce.
static enum err
xchacha_key(struct wg_key *key, uint8_t nonce[static WG_NONCE_BYTES], const uint8_t *cookie_key,
	    const uint8_t *nonce24)
{
	memset(nonce, 0, 4);
	memcpy(nonce + 4, nonce24 + 16, 8);
	return wg_hchacha20(key, cookie_key, nonce24);
}

enum err
wg_cookie_reply_create(uint8_t out[static WG_COOKIE_REPLY_BYTES], const struct wg_identity *id,
		       struct bytes msg, const uint8_t cookie[static WG_COOKIE_BYTES],
		       const uint8_t *nonce)
{
	WG_KEY_AUTO struct wg_key key;
	uint8_t nonce12[WG_NONCE_BYTES];
	wg_put_le32(out, WG_MESSAGE_COOKIE);
	wg_put_le32(out + COOKIE_RECEIVER, wg_message_sender(msg));
	if (nonce)
		memcpy(out + COOKIE_NONCE, nonce, WG_COOKIE_NONCE_BYTES);
	else if (RAND_bytes(out + COOKIE_NONCE, WG_COOKIE_NONCE_BYTES) != 1)
		return ERR_CRYPTO;
	TRY(xchacha_key(&key, nonce12, id->cookie_key, out + COOKIE_NONCE));
	return wg_aead_seal(out + COOKIE_SEALED, key.b, nonce12, BYTES(cookie, WG_COOKIE_BYTES), 0,
			    BYTES(wg_mac1_of(msg), WG_MAC_BYTES));
}

enum wg_drop
wg_cookie_reply_open(uint8_t cookie[static WG_COOKIE_BYTES], const struct wg_remote *r,
		     const uint8_t mac1[static WG_MAC_BYTES],
		     const uint8_t msg[static WG_COOKIE_REPLY_BYTES])
{
	WG_KEY_AUTO struct wg_key key;
	uint8_t nonce12[WG_NONCE_BYTES];
	if (xchacha_key(&key, nonce12, r->cookie_key, msg + COOKIE_NONCE))
		return WG_DROP_INTERNAL;
	// Opened aside: a forged reply must not damage the cookie that we have.
	uint8_t opened[WG_COOKIE_BYTES];
	enum err err = wg_aead_open(opened, key.b, nonce12,
				    BYTES(msg + COOKIE_SEALED, SEALED_COOKIE_BYTES),
				    BYTES(mac1, WG_MAC_BYTES));
	if (err)
		return err == ERR_INPUT ? WG_DROP_BAD_TAG : WG_DROP_INTERNAL;
	memcpy(cookie, opened, WG_COOKIE_BYTES);
	return WG_DROP_NONE;
}

// SPDX-License-Identifier: Apache-2.0
// The handshake's arithmetic, line by line as whitepaper section 5.4.2 and 5.4.3 write it.
#include "wg/noise.h"

#include <openssl/crypto.h>

#include "base/clock.h"
#include "wg/crypto.h"

#define CONSTRUCTION "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
#define IDENTIFIER   "WireGuard v1 zx2c4 Jason@zx2c4.com"

// Offsets of the fields (message.h has the sizes).
enum {
	INITIATION_SENDER = 4,
	INITIATION_EPHEMERAL = 8,
	INITIATION_STATIC = 40,
	INITIATION_TIMESTAMP = 88,
	INITIATION_MAC1 = 116,
	RESPONSE_SENDER = 4,
	RESPONSE_RECEIVER = 8,
	RESPONSE_EPHEMERAL = 12,
	RESPONSE_EMPTY = 44,
	RESPONSE_MAC1 = 60,
	SEALED_KEY_BYTES = WG_KEY_BYTES + WG_TAG_BYTES,
	SEALED_TIMESTAMP_BYTES = WG_TAI64N_BYTES + WG_TAG_BYTES,
};

static const uint8_t nonce_zero[WG_NONCE_BYTES];

static struct bytes
key_bytes(const struct wg_key *key)
{
	return BYTES(key->b, WG_KEY_BYTES);
}

static enum err
mix_hash(struct wg_handshake *hs, struct bytes data)
{
	return wg_hash(hs->hash, BYTES(hs->hash, WG_HASH_BYTES), data);
}

// ck = KDF1(ck, input), or (ck, key) = KDF2(ck, input).
static enum err
mix_key(struct wg_handshake *hs, struct bytes input, struct wg_key *key)
{
	return wg_kdf(hs->chaining_key, input, hs->chaining_key, key ? key->b : NULL, NULL);
}

static enum err
seal_and_mix(uint8_t *out, struct wg_handshake *hs, const struct wg_key *key, struct bytes plain)
{
	TRY(wg_aead_seal(out, key->b, nonce_zero, plain, 0, BYTES(hs->hash, WG_HASH_BYTES)));
	return mix_hash(hs, BYTES(out, plain.n + WG_TAG_BYTES));
}

static enum err
open_and_mix(uint8_t *out, struct wg_handshake *hs, const struct wg_key *key, struct bytes sealed)
{
	TRY(wg_aead_open(out, key->b, nonce_zero, sealed, BYTES(hs->hash, WG_HASH_BYTES)));
	return mix_hash(hs, sealed);
}

// Everything that follows from a static public key.
static enum err
derive_public(const struct wg_key *public_key, uint8_t hash0[static WG_HASH_BYTES],
	      uint8_t mac1_key[static WG_HASH_BYTES], uint8_t cookie_key[static WG_HASH_BYTES])
{
	uint8_t hash[WG_HASH_BYTES];
	TRY(wg_hash(hash, BYTES_STR(CONSTRUCTION), BYTES_NONE));
	TRY(wg_hash(hash, BYTES(hash, sizeof(hash)), BYTES_STR(IDENTIFIER)));
	TRY(wg_hash(hash0, BYTES(hash, sizeof(hash)), key_bytes(public_key)));
	TRY(wg_hash(mac1_key, BYTES_STR("mac1----"), key_bytes(public_key)));
	return wg_hash(cookie_key, BYTES_STR("cookie--"), key_bytes(public_key));
}

enum err
wg_identity_init(struct wg_identity *id, const struct wg_key *private_key)
{
	id->private_key = *private_key;
	TRY(wg_key_public(&id->public_key, private_key));
	return derive_public(&id->public_key, id->hash0, id->mac1_key, id->cookie_key);
}

void
wg_identity_wipe(struct wg_identity *id)
{
	OPENSSL_cleanse(id, sizeof(*id));
}

enum err
wg_remote_init(struct wg_remote *r, const struct wg_identity *id, const struct wg_key *public_key,
	       const struct wg_key *preshared_key)
{
	*r = (struct wg_remote){.public_key = *public_key};
	if (preshared_key)
		r->preshared_key = *preshared_key;
	TRY(wg_key_dh(&r->static_static, &id->private_key, public_key));
	return derive_public(public_key, r->hash0, r->mac1_key, r->cookie_key);
}

void
wg_remote_wipe(struct wg_remote *r)
{
	OPENSSL_cleanse(r, sizeof(*r));
}

void
wg_handshake_wipe(struct wg_handshake *hs)
{
	OPENSSL_cleanse(hs, sizeof(*hs));
}

void
wg_tai64n_set(struct wg_tai64n *out, uint64_t wall_ns)
{
	uint64_t seconds = 0x400000000000000aULL + wall_ns / NS_PER_S;
	uint32_t nanos = (uint32_t)(wall_ns % NS_PER_S) & 0xff000000u;
	for (size_t i = 0; i < 8; i++)
		out->b[i] = (uint8_t)(seconds >> (56 - 8 * i));
	for (size_t i = 0; i < 4; i++)
		out->b[8 + i] = (uint8_t)(nanos >> (24 - 8 * i));
}

bool
wg_tai64n_is_after(const struct wg_tai64n *a, const struct wg_tai64n *b)
{
	return memcmp(a->b, b->b, WG_TAI64N_BYTES) > 0;
}

// Where both sides start: ck is a constant, the hash holds the responder's static key.
static enum err
handshake_begin(struct wg_handshake *hs, const uint8_t hash0[static WG_HASH_BYTES])
{
	*hs = (struct wg_handshake){0};
	memcpy(hs->hash, hash0, WG_HASH_BYTES);
	return wg_hash(hs->chaining_key, BYTES_STR(CONSTRUCTION), BYTES_NONE);
}

// Our ephemeral pair into hs, ready for DH.
static enum err
make_ephemeral(struct wg_dh *dh, struct wg_handshake *hs, const struct wg_key *given)
{
	if (!given)
		return wg_dh_generate(dh, &hs->ephemeral_private, &hs->ephemeral_public);
	hs->ephemeral_private = *given;
	TRY(wg_key_public(&hs->ephemeral_public, given));
	return wg_dh_begin(dh, &hs->ephemeral_private, &hs->ephemeral_public);
}

static enum err
mix_ephemeral(struct wg_handshake *hs, const struct wg_key *ephemeral)
{
	TRY(mix_key(hs, key_bytes(ephemeral), NULL));
	return mix_hash(hs, key_bytes(ephemeral));
}

static enum err
mix_dh(struct wg_handshake *hs, struct wg_dh *dh, const struct wg_key *public_key,
       struct wg_key *key)
{
	WG_KEY_AUTO struct wg_key shared;
	TRY(wg_dh_derive(&shared, dh, public_key));
	return mix_key(hs, key_bytes(&shared), key);
}

// mac1 and mac2 behind the first mac1_at bytes.
static enum err
write_macs(uint8_t *msg, size_t mac1_at, const struct wg_remote *r, const uint8_t *cookie)
{
	uint8_t *mac1 = msg + mac1_at;
	TRY(wg_mac(mac1, BYTES(r->mac1_key, WG_HASH_BYTES), BYTES(msg, mac1_at)));
	if (cookie)
		return wg_mac(mac1 + WG_MAC_BYTES, BYTES(cookie, WG_COOKIE_BYTES),
			      BYTES(msg, mac1_at + WG_MAC_BYTES));
	memset(mac1 + WG_MAC_BYTES, 0, WG_MAC_BYTES);
	return ERR_OK;
}

enum err
wg_initiation_create(uint8_t out[static WG_INITIATION_BYTES], struct wg_handshake *hs,
		     const struct wg_remote *r, const struct wg_identity *id,
		     const struct wg_tai64n *timestamp, uint32_t index, const uint8_t *cookie,
		     const struct wg_key *ephemeral)
{
	WG_DH_AUTO struct wg_dh dh = {0};
	WG_KEY_AUTO struct wg_key key;
	TRY(handshake_begin(hs, r->hash0));
	hs->local_index = index;
	TRY(make_ephemeral(&dh, hs, ephemeral));
	wg_put_le32(out, WG_MESSAGE_INITIATION);
	wg_put_le32(out + INITIATION_SENDER, index);
	memcpy(out + INITIATION_EPHEMERAL, hs->ephemeral_public.b, WG_KEY_BYTES);
	TRY(mix_ephemeral(hs, &hs->ephemeral_public));
	TRY(mix_dh(hs, &dh, &r->public_key, &key));
	TRY(seal_and_mix(out + INITIATION_STATIC, hs, &key, key_bytes(&id->public_key)));
	TRY(mix_key(hs, key_bytes(&r->static_static), &key));
	TRY(seal_and_mix(out + INITIATION_TIMESTAMP, hs, &key,
			 BYTES(timestamp->b, WG_TAI64N_BYTES)));
	return write_macs(out, INITIATION_MAC1, r, cookie);
}

// What a failed step means for whoever counts dropped datagrams.
static enum wg_drop
drop_of(enum err err)
{
	if (err == ERR_OK)
		return WG_DROP_NONE;
	return err == ERR_INPUT ? WG_DROP_BAD_TAG : WG_DROP_INTERNAL;
}

static enum err
open_static(struct wg_handshake *hs, struct wg_key *static_public, const struct wg_identity *id,
	    const uint8_t *msg)
{
	WG_DH_AUTO struct wg_dh dh = {0};
	WG_KEY_AUTO struct wg_key key;
	TRY(handshake_begin(hs, id->hash0));
	memcpy(hs->remote_ephemeral.b, msg + INITIATION_EPHEMERAL, WG_KEY_BYTES);
	hs->remote_index = wg_get_le32(msg + INITIATION_SENDER);
	TRY(mix_ephemeral(hs, &hs->remote_ephemeral));
	TRY(wg_dh_begin(&dh, &id->private_key, &id->public_key));
	TRY(mix_dh(hs, &dh, &hs->remote_ephemeral, &key));
	return open_and_mix(static_public->b, hs, &key,
			    BYTES(msg + INITIATION_STATIC, SEALED_KEY_BYTES));
}

enum wg_drop
wg_initiation_open(struct wg_handshake *hs, struct wg_key *static_public,
		   const struct wg_identity *id, const uint8_t msg[static WG_INITIATION_BYTES])
{
	enum err err = open_static(hs, static_public, id, msg);
	if (err)
		wg_handshake_wipe(hs);
	return drop_of(err);
}

static enum err
open_timestamp(struct wg_handshake *hs, struct wg_tai64n *timestamp, const struct wg_remote *r,
	       const uint8_t *msg)
{
	WG_KEY_AUTO struct wg_key key;
	TRY(mix_key(hs, key_bytes(&r->static_static), &key));
	return open_and_mix(timestamp->b, hs, &key,
			    BYTES(msg + INITIATION_TIMESTAMP, SEALED_TIMESTAMP_BYTES));
}

enum wg_drop
wg_initiation_authenticate(struct wg_handshake *hs, struct wg_tai64n *timestamp,
			   const struct wg_remote *r, const uint8_t msg[static WG_INITIATION_BYTES])
{
	enum err err = open_timestamp(hs, timestamp, r, msg);
	if (err)
		wg_handshake_wipe(hs);
	return drop_of(err);
}

// (a, b) = KDF2(ck, ""): a from initiator to responder.
static enum err
derive_session(struct wg_session_keys *keys, const struct wg_handshake *hs, bool is_initiator)
{
	keys->local_index = hs->local_index;
	keys->remote_index = hs->remote_index;
	uint8_t *a = is_initiator ? keys->send.b : keys->receive.b;
	uint8_t *b = is_initiator ? keys->receive.b : keys->send.b;
	return wg_kdf(hs->chaining_key, BYTES_NONE, a, b, NULL);
}

// (ck, tau, key) = KDF3(ck, psk); h = HASH(h | tau).
static enum err
mix_preshared_key(struct wg_handshake *hs, const struct wg_key *psk, struct wg_key *key)
{
	WG_KEY_AUTO struct wg_key tau;
	TRY(wg_kdf(hs->chaining_key, key_bytes(psk), hs->chaining_key, tau.b, key->b));
	return mix_hash(hs, key_bytes(&tau));
}

static enum err
create_response(uint8_t *out, struct wg_session_keys *keys, struct wg_handshake *hs,
		const struct wg_remote *r, uint32_t index, const struct wg_key *ephemeral)
{
	WG_DH_AUTO struct wg_dh dh = {0};
	WG_KEY_AUTO struct wg_key key;
	hs->local_index = index;
	TRY(make_ephemeral(&dh, hs, ephemeral));
	wg_put_le32(out, WG_MESSAGE_RESPONSE);
	wg_put_le32(out + RESPONSE_SENDER, index);
	wg_put_le32(out + RESPONSE_RECEIVER, hs->remote_index);
	memcpy(out + RESPONSE_EPHEMERAL, hs->ephemeral_public.b, WG_KEY_BYTES);
	TRY(mix_ephemeral(hs, &hs->ephemeral_public));
	TRY(mix_dh(hs, &dh, &hs->remote_ephemeral, NULL));
	TRY(mix_dh(hs, &dh, &r->public_key, NULL));
	TRY(mix_preshared_key(hs, &r->preshared_key, &key));
	TRY(wg_aead_seal(out + RESPONSE_EMPTY, key.b, nonce_zero, BYTES_NONE, 0,
			 BYTES(hs->hash, WG_HASH_BYTES)));
	return derive_session(keys, hs, false);
}

enum err
wg_response_create(uint8_t out[static WG_RESPONSE_BYTES], struct wg_session_keys *keys,
		   struct wg_handshake *hs, const struct wg_remote *r, uint32_t index,
		   const uint8_t *cookie, const struct wg_key *ephemeral)
{
	enum err err = create_response(out, keys, hs, r, index, ephemeral);
	if (!err)
		err = write_macs(out, RESPONSE_MAC1, r, cookie);
	wg_handshake_wipe(hs);
	return err;
}

static enum err
open_response(struct wg_session_keys *out, struct wg_handshake *hs, const struct wg_identity *id,
	      const struct wg_remote *r, const uint8_t *msg)
{
	WG_DH_AUTO struct wg_dh own_static = {0};
	WG_DH_AUTO struct wg_dh own_ephemeral = {0};
	WG_KEY_AUTO struct wg_key key;
	uint8_t nothing[WG_TAG_BYTES];
	hs->remote_index = wg_get_le32(msg + RESPONSE_SENDER);
	memcpy(hs->remote_ephemeral.b, msg + RESPONSE_EPHEMERAL, WG_KEY_BYTES);
	TRY(mix_ephemeral(hs, &hs->remote_ephemeral));
	TRY(wg_dh_begin(&own_ephemeral, &hs->ephemeral_private, &hs->ephemeral_public));
	TRY(mix_dh(hs, &own_ephemeral, &hs->remote_ephemeral, NULL));
	TRY(wg_dh_begin(&own_static, &id->private_key, &id->public_key));
	TRY(mix_dh(hs, &own_static, &hs->remote_ephemeral, NULL));
	TRY(mix_preshared_key(hs, &r->preshared_key, &key));
	TRY(wg_aead_open(nothing, key.b, nonce_zero, BYTES(msg + RESPONSE_EMPTY, WG_TAG_BYTES),
			 BYTES(hs->hash, WG_HASH_BYTES)));
	return derive_session(out, hs, true);
}

enum wg_drop
wg_response_open(struct wg_session_keys *out, struct wg_handshake *hs, const struct wg_identity *id,
		 const struct wg_remote *r, const uint8_t msg[static WG_RESPONSE_BYTES])
{
	struct wg_handshake attempt = *hs;
	enum err err = open_response(out, &attempt, id, r, msg);
	wg_handshake_wipe(&attempt);
	if (!err)
		wg_handshake_wipe(hs);
	return drop_of(err);
}

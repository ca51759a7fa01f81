// SPDX-License-Identifier: Apache-2.0
#include "wg/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>

enum { HMAC_BLOCK = 64 };

struct contexts {
	EVP_MD_CTX *md;
	EVP_MAC_CTX *mac;
	EVP_CIPHER_CTX *seal;
	EVP_CIPHER_CTX *open;
	EVP_CIPHER_CTX *chacha;
	EVP_PKEY_CTX *import;
	EVP_PKEY *peer; // scratch: takes each public key in turn
};

static _Thread_local struct contexts *contexts;
static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;
static bool contexts_key_is_valid;

static void
contexts_free(void *arg)
{
	struct contexts *c = arg;
	EVP_MD_CTX_free(c->md);
	EVP_MAC_CTX_free(c->mac);
	EVP_CIPHER_CTX_free(c->seal);
	EVP_CIPHER_CTX_free(c->open);
	EVP_CIPHER_CTX_free(c->chacha);
	EVP_PKEY_CTX_free(c->import);
	EVP_PKEY_free(c->peer);
	free(c);
}

static void
make_contexts_key(void)
{
	contexts_key_is_valid = pthread_key_create(&contexts_key, contexts_free) == 0;
}

static bool
init_md(struct contexts *c)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	c->md = EVP_MD_CTX_new();
	bool ok = md && c->md && EVP_DigestInit_ex2(c->md, md, NULL) == 1;
	EVP_MD_free(md);
	return ok;
}

static bool
init_mac(struct contexts *c)
{
	size_t size = WG_MAC_BYTES;
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
				     OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	c->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	bool ok = c->mac && EVP_MAC_CTX_set_params(c->mac, params) == 1;
	EVP_MAC_free(mac);
	return ok;
}

static EVP_CIPHER_CTX *
new_cipher(const char *name, int encrypt)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!cipher || !ctx || EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypt, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_CIPHER_free(cipher);
	return ctx;
}

static bool
init_x25519(struct contexts *c)
{
	static const uint8_t any_public[WG_KEY_BYTES] = {9};
	c->import = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	c->peer = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, any_public,
						 sizeof(any_public));
	return c->import && c->peer && EVP_PKEY_fromdata_init(c->import) == 1;
}

static struct contexts *
make_contexts(void)
{
	pthread_once(&contexts_once, make_contexts_key);
	struct contexts *c = contexts_key_is_valid ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->seal = new_cipher("ChaCha20-Poly1305", 1);
	c->open = new_cipher("ChaCha20-Poly1305", 0);
	c->chacha = new_cipher("ChaCha20", 1);
	if (!c->seal || !c->open || !c->chacha || !init_md(c) || !init_mac(c) || !init_x25519(c) ||
	    pthread_setspecific(contexts_key, c) != 0) {
		contexts_free(c);
		ERR_clear_error();
		return NULL;
	}
	contexts = c;
	return c;
}

static inline struct contexts *
get_contexts(void)
{
	return contexts ? contexts : make_contexts();
}

static enum err
crypto_failed(void)
{
	ERR_clear_error();
	return ERR_CRYPTO;
}

static bool
digest2(EVP_MD_CTX *md, uint8_t *out, struct bytes a, struct bytes b)
{
	return EVP_DigestInit_ex2(md, NULL, NULL) == 1 && EVP_DigestUpdate(md, a.p, a.n) == 1 &&
	       (b.n == 0 || EVP_DigestUpdate(md, b.p, b.n) == 1) &&
	       EVP_DigestFinal_ex(md, out, NULL) == 1;
}

enum err
wg_hash(uint8_t out[static WG_HASH_LEN], struct bytes a, struct bytes b)
{
	struct contexts *c = get_contexts();
	return c && digest2(c->md, out, a, b) ? ERR_OK : crypto_failed();
}

enum err
wg_mac(uint8_t out[static WG_MAC_BYTES], struct bytes key, struct bytes data)
{
	struct contexts *c = get_contexts();
	size_t n = 0;
	if (!c || EVP_MAC_init(c->mac, key.p, key.n, NULL) != 1 ||
	    EVP_MAC_update(c->mac, data.p, data.n) != 1 ||
	    EVP_MAC_final(c->mac, out, &n, WG_MAC_BYTES) != 1 || n != WG_MAC_BYTES)
		return crypto_failed();
	return ERR_OK;
}

// HMAC (RFC 2104) as two digests: a third cheaper than EVP_MAC's, which copies contexts.
struct hmac_key {
	uint8_t inner[HMAC_BLOCK];
	uint8_t outer[HMAC_BLOCK];
};

static void
hmac_set_key(struct hmac_key *k, const uint8_t key[static WG_HASH_LEN])
{
	memset(k->inner, 0x36, sizeof(k->inner));
	memset(k->outer, 0x5c, sizeof(k->outer));
	for (size_t i = 0; i < WG_HASH_LEN; i++) {
		k->inner[i] ^= key[i];
		k->outer[i] ^= key[i];
	}
}

static bool
hmac(EVP_MD_CTX *md, uint8_t *out, const struct hmac_key *k, struct bytes data)
{
	uint8_t inner[WG_HASH_LEN];
	return digest2(md, inner, BYTES(k->inner, sizeof(k->inner)), data) &&
	       digest2(md, out, BYTES(k->outer, sizeof(k->outer)), BYTES(inner, sizeof(inner)));
}

enum err
wg_kdf(const uint8_t ck[static WG_HASH_LEN], struct bytes input, uint8_t t1[static WG_HASH_LEN],
       uint8_t *t2, uint8_t *t3)
{
	struct contexts *c = get_contexts();
	if (!c)
		return ERR_CRYPTO;
	struct hmac_key k;
	uint8_t *const out[] = {t1, t2, t3};
	uint8_t block[WG_HASH_LEN + 1];
	hmac_set_key(&k, ck);
	bool ok = hmac(c->md, block, &k, input);
	hmac_set_key(&k, block);
	size_t n = 0;
	for (size_t i = 0; ok && i < N_ELEMENTS(out) && out[i]; i++) {
		block[n] = (uint8_t)(i + 1);
		ok = hmac(c->md, out[i], &k, BYTES(block, n + 1));
		n = WG_HASH_LEN;
		memcpy(block, out[i], n);
	}
	OPENSSL_cleanse(&k, sizeof(k));
	OPENSSL_cleanse(block, sizeof(block));
	return ok ? ERR_OK : crypto_failed();
}

void
wg_nonce(uint8_t nonce[static WG_NONCE_BYTES], uint64_t counter)
{
	memset(nonce, 0, 4);
	wg_put_le64(nonce + 4, counter);
}

enum err
wg_aead_seal(uint8_t *out, const uint8_t key[static WG_KEY_BYTES],
	     const uint8_t nonce[static WG_NONCE_BYTES], struct bytes plain, size_t pad,
	     struct bytes ad)
{
	static const uint8_t zeros[16];
	struct contexts *c = get_contexts();
	int n = 0;
	if (!c || EVP_EncryptInit_ex2(c->seal, NULL, key, nonce, NULL) != 1 ||
	    (ad.n && EVP_EncryptUpdate(c->seal, NULL, &n, ad.p, (int)ad.n) != 1) ||
	    (plain.n && EVP_EncryptUpdate(c->seal, out, &n, plain.p, (int)plain.n) != 1) ||
	    (pad && EVP_EncryptUpdate(c->seal, out + plain.n, &n, zeros, (int)pad) != 1) ||
	    EVP_EncryptFinal_ex(c->seal, out + plain.n + pad, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c->seal, EVP_CTRL_AEAD_GET_TAG, WG_TAG_BYTES,
				out + plain.n + pad) != 1)
		return crypto_failed();
	return ERR_OK;
}

enum err
wg_aead_open(uint8_t *out, const uint8_t key[static WG_KEY_BYTES],
	     const uint8_t nonce[static WG_NONCE_BYTES], struct bytes sealed, struct bytes ad)
{
	struct contexts *c = get_contexts();
	size_t body = sealed.n - WG_TAG_BYTES;
	uint8_t tag[WG_TAG_BYTES];
	int n = 0;
	memcpy(tag, sealed.p + body, sizeof(tag));
	if (!c || EVP_DecryptInit_ex2(c->open, NULL, key, nonce, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c->open, EVP_CTRL_AEAD_SET_TAG, WG_TAG_BYTES, tag) != 1 ||
	    (ad.n && EVP_DecryptUpdate(c->open, NULL, &n, ad.p, (int)ad.n) != 1) ||
	    (body && EVP_DecryptUpdate(c->open, out, &n, sealed.p, (int)body) != 1))
		return crypto_failed();
	uint8_t rest[WG_TAG_BYTES];
	if (EVP_DecryptFinal_ex(c->open, rest, &n) != 1) {
		ERR_clear_error();
		return ERR_INPUT;
	}
	return ERR_OK;
}

// HChaCha20's output is the ChaCha20 state after the rounds without the final addition: encrypt
// zeros and take the known words off again.
enum err
wg_hchacha20(struct wg_key *out, const uint8_t key[static WG_KEY_BYTES],
	     const uint8_t nonce[static 16])
{
	static const uint32_t sigma[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	static const uint8_t zeros[64];
	struct contexts *c = get_contexts();
	uint8_t block[64];
	int n = 0;
	if (!c || EVP_EncryptInit_ex2(c->chacha, NULL, key, nonce, NULL) != 1 ||
	    EVP_EncryptUpdate(c->chacha, block, &n, zeros, sizeof(zeros)) != 1)
		return crypto_failed();
	for (size_t i = 0; i < 4; i++) {
		wg_put_le32(out->b + 4 * i, wg_get_le32(block + 4 * i) - sigma[i]);
		wg_put_le32(out->b + 16 + 4 * i,
			    wg_get_le32(block + 48 + 4 * i) - wg_get_le32(nonce + 4 * i));
	}
	OPENSSL_cleanse(block, sizeof(block));
	return ERR_OK;
}

void
wg_dh_end(struct wg_dh *dh)
{
	EVP_PKEY_CTX_free(dh->derive);
	EVP_PKEY_free(dh->key);
	*dh = (struct wg_dh){0};
}

static enum err
dh_init(struct wg_dh *dh)
{
	dh->derive = EVP_PKEY_CTX_new_from_pkey(NULL, dh->key, NULL);
	if (!dh->derive || EVP_PKEY_derive_init(dh->derive) != 1) {
		wg_dh_end(dh);
		return crypto_failed();
	}
	return ERR_OK;
}

enum err
wg_dh_begin(struct wg_dh *dh, const struct wg_key *private_key, const struct wg_key *public_key)
{
	*dh = (struct wg_dh){0};
	struct contexts *c = get_contexts();
	if (!c)
		return ERR_CRYPTO;
	// OSSL_PARAM is not const-correct; copies keep our promise.
	WG_KEY_AUTO struct wg_key priv = *private_key;
	struct wg_key pub = *public_key;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, priv.b, sizeof(priv.b)),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, pub.b, sizeof(pub.b)),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_PKEY_fromdata(c->import, &dh->key, EVP_PKEY_KEYPAIR, params) != 1)
		return crypto_failed();
	return dh_init(dh);
}

// The public half is DH with the base point: OpenSSL's key generation and import take another way
// to the same result, which is up to a third slower than its DH.
static const struct wg_key base_point = {.b = {9}};

enum err
wg_dh_public(struct wg_key *public_key, struct wg_dh *dh)
{
	return wg_dh_derive(public_key, dh, &base_point);
}

enum err
wg_dh_generate(struct wg_dh *dh, struct wg_key *private_key, struct wg_key *public_key)
{
	*dh = (struct wg_dh){0};
	if (RAND_priv_bytes(private_key->b, WG_KEY_BYTES) != 1)
		return crypto_failed();
	private_key->b[0] &= 248;
	private_key->b[31] = (private_key->b[31] & 127) | 64;
	TRY(wg_dh_begin(dh, private_key, &base_point));
	return wg_dh_public(public_key, dh);
}

enum err
wg_dh_derive(struct wg_key *out, struct wg_dh *dh, const struct wg_key *public_key)
{
	struct contexts *c = get_contexts();
	size_t n = WG_KEY_BYTES;
	// The peer is not validated apart: a point of low order shows as an all-zero result, which
	// EVP_PKEY_derive refuses.
	if (!c || EVP_PKEY_set1_encoded_public_key(c->peer, public_key->b, WG_KEY_BYTES) != 1 ||
	    EVP_PKEY_derive_set_peer_ex(dh->derive, c->peer, 0) != 1)
		return crypto_failed();
	if (EVP_PKEY_derive(dh->derive, out->b, &n) != 1) {
		ERR_clear_error();
		wg_key_wipe(out);
		return ERR_INPUT;
	}
	return ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "pki/key.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <pthread.h>

#include "pki/der.h"
#include "pki/pem.h"

enum {
	KEY_DER_MAX = 64 * 1024,
	P256_PKCS8_BYTES = 138,
};

// Building an EVP_PKEY_CTX costs more than generating a P-256 key with it, so each thread keeps its
// own.
struct kept {
	EVP_PKEY_CTX *keygen;
	EVP_PKEY_CTX *import;
};

static _Thread_local struct kept *kept;
static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void
kept_free(void *p)
{
	struct kept *k = p;
	EVP_PKEY_CTX_free(k->keygen);
	EVP_PKEY_CTX_free(k->import);
	free(k);
}

static void
kept_key_make(void)
{
	pthread_key_create(&kept_key, kept_free);
}

static struct kept *
kept_get(void)
{
	if (kept)
		return kept;
	pthread_once(&kept_once, kept_key_make);
	kept = calloc(1, sizeof(*kept));
	if (kept)
		pthread_setspecific(kept_key, kept);
	return kept;
}

static EVP_PKEY_CTX *
keygen_ctx(void)
{
	struct kept *k = kept_get();
	if (!k || k->keygen)
		return k ? k->keygen : NULL;
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_group_name(ctx, SN_X9_62_prime256v1) != 1)
		return NULL;
	k->keygen = STEAL(ctx);
	return k->keygen;
}

static EVP_PKEY_CTX *
import_ctx(void)
{
	struct kept *k = kept_get();
	if (!k || k->import)
		return k ? k->import : NULL;
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
		return NULL;
	k->import = STEAL(ctx);
	return k->import;
}

enum err
key_generate(EVP_PKEY **out)
{
	*out = NULL;
	EVP_PKEY_CTX *ctx = keygen_ctx();
	if (!ctx || EVP_PKEY_generate(ctx, out) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "key generation");
	return ERR_OK;
}

bool
key_is_p256(const EVP_PKEY *key)
{
	char group[32];
	size_t n;
	return key && EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
	       strcmp(group, SN_X9_62_prime256v1) == 0;
}

enum err
key_p256_point(uint8_t out[static P256_POINT_BYTES], const EVP_PKEY *key)
{
	size_t n = 0;
	if (!key_is_p256(key))
		return ERR_UNSUPPORTED;
	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, out, P256_POINT_BYTES,
					    &n) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "public point");
	return n == P256_POINT_BYTES && out[0] == 4 ? ERR_OK : ERR_UNSUPPORTED;
}

enum err
key_p256_scalar(uint8_t out[static P256_SCALAR_BYTES], const EVP_PKEY *key)
{
	AUTO(BN_clear_free) BIGNUM *d = NULL;
	if (!key_is_p256(key))
		return ERR_UNSUPPORTED;
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1)
		return ossl_fail(NULL, ERR_INPUT, "private scalar");
	return BN_bn2binpad(d, out, P256_SCALAR_BYTES) == P256_SCALAR_BYTES ? ERR_OK : ERR_CRYPTO;
}

static bool
is_consistent(EVP_PKEY *key)
{
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	return ctx && EVP_PKEY_pairwise_check(ctx) == 1;
}

// Parameters on the stack: building them with OSSL_PARAM_BLD costs as much as the import itself.
static enum err
import_p256(EVP_PKEY **out, const uint8_t point[static P256_POINT_BYTES], const uint8_t *scalar)
{
	char group[] = SN_X9_62_prime256v1;
	uint8_t public[P256_POINT_BYTES];
	uint8_t native[P256_SCALAR_BYTES]; // a number parameter is in the machine's byte order
	OSSL_PARAM params[4];
	OSSL_PARAM *p = params;
	EVP_PKEY_CTX *ctx = import_ctx();
	*out = NULL;
	if (!ctx)
		return ossl_fail(NULL, ERR_NOMEM, "key import");
	memcpy(public, point, sizeof(public));
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public, sizeof(public));
	if (scalar) {
		for (size_t i = 0; i < sizeof(native); i++)
			native[i] = scalar[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
						   ? sizeof(native) - 1 - i
						   : i];
		*p++ = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native));
	}
	*p = OSSL_PARAM_construct_end();
	int good = EVP_PKEY_fromdata(ctx, out, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
				     params);
	if (scalar)
		OPENSSL_cleanse(native, sizeof(native));
	return good == 1 ? ERR_OK : ossl_fail(NULL, ERR_CRYPTO, "key import");
}

enum err
key_p256_from_raw(EVP_PKEY **out, const uint8_t point[static P256_POINT_BYTES],
		  const uint8_t *scalar)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	*out = NULL;
	TRY(import_p256(&key, point, scalar));
	if (scalar && !is_consistent(key))
		return ossl_fail(NULL, ERR_CRYPTO, "key import");
	*out = STEAL(key);
	return ERR_OK;
}

// --- private keys in PEM ---

// PKCS#8 of a P-256 key, as OpenSSL and Go write it: everything but scalar and point is fixed.
static const uint8_t p256_pkcs8_head[] = {
	0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
	0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
};
static const uint8_t p256_pkcs8_middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};

enum {
	SCALAR_AT = sizeof(p256_pkcs8_head),
	MIDDLE_AT = SCALAR_AT + P256_SCALAR_BYTES,
	POINT_AT = MIDDLE_AT + sizeof(p256_pkcs8_middle),
};
_Static_assert(POINT_AT + P256_POINT_BYTES == P256_PKCS8_BYTES, "PKCS#8 layout");

static bool
is_plain_p256(struct bytes der)
{
	return der.n == P256_PKCS8_BYTES && memcmp(der.p, p256_pkcs8_head, SCALAR_AT) == 0 &&
	       memcmp(der.p + MIDDLE_AT, p256_pkcs8_middle, sizeof(p256_pkcs8_middle)) == 0;
}

// Asked for the password of an encrypted key: there is none, and nobody to ask.
static int
no_password(char *out, int size, int writing, void *ctx)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static enum err
key_from_any_pem(EVP_PKEY **out, struct bytes pem, struct why *why)
{
	AUTO(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (!bio)
		return ossl_fail(why, ERR_NOMEM, "private key");
	*out = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	if (!*out)
		return ossl_fail(why, ERR_SYNTAX, "not an unencrypted private key in PEM");
	return ERR_OK;
}

enum err
key_from_pem(EVP_PKEY **out, struct bytes pem, struct why *why)
{
	*out = NULL;
	if (pem.n > KEY_DER_MAX)
		return why_set(why, ERR_SYNTAX, "private key: larger than %d bytes", KEY_DER_MAX);
	struct pem_block block = {0};
	buf_init(&block.der, pem.n);
	struct bytes rest = pem;
	enum err err = pem_next(&block, &rest);
	if (err)
		why_set(why, ERR_SYNTAX, "private key: not PEM");
	else if (bytes_is(block.label, "PRIVATE KEY") && is_plain_p256(buf_bytes(&block.der)))
		err = key_p256_from_raw(out, block.der.data + POINT_AT, block.der.data + SCALAR_AT);
	else
		err = key_from_any_pem(out, pem, why);
	if (err == ERR_CRYPTO)
		why_set(why, ERR_SYNTAX,
			"private key: the public point does not belong to the private key");
	if (block.der.data)
		OPENSSL_cleanse(block.der.data, block.der.len);
	buf_fini(&block.der);
	return err == ERR_NOMEM ? err : err ? ERR_SYNTAX : ERR_OK;
}

static enum err
secret_take_pem(struct secret *out, struct bytes der)
{
	struct buf pem;
	buf_init(&pem, 2 * der.n + 256);
	// Reserved at once: growing would leave copies of the key behind.
	enum err err = buf_reserve(&pem, 2 * der.n + 256);
	if (!err)
		err = pem_write(&pem, "PRIVATE KEY", der);
	if (!err)
		err = secret_set(out, buf_bytes(&pem));
	if (pem.data)
		OPENSSL_cleanse(pem.data, pem.len);
	buf_fini(&pem);
	return err;
}

static enum err
p256_to_pem(struct secret *out, const EVP_PKEY *key)
{
	uint8_t der[P256_PKCS8_BYTES];
	memcpy(der, p256_pkcs8_head, SCALAR_AT);
	memcpy(der + MIDDLE_AT, p256_pkcs8_middle, sizeof(p256_pkcs8_middle));
	enum err err = key_p256_scalar(der + SCALAR_AT, key);
	if (!err)
		err = key_p256_point(der + POINT_AT, key);
	if (!err)
		err = secret_take_pem(out, BYTES(der, sizeof(der)));
	OPENSSL_cleanse(der, sizeof(der));
	return err;
}

AUTO_DEFINE(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free)

enum err
key_to_pem(struct secret *out, const EVP_PKEY *key)
{
	if (key_is_p256(key))
		return p256_to_pem(out, key);
	AUTO(PKCS8_PRIV_KEY_INFO_free) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	if (n < 0)
		return ossl_fail(NULL, ERR_INPUT, "private key");
	enum err err = secret_take_pem(out, BYTES(der, (size_t)n));
	OPENSSL_clear_free(der, (size_t)n);
	return err;
}

// --- public keys ---

static const uint8_t p256_spki_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

enum err
key_public_to_der(struct buf *out, const EVP_PKEY *key)
{
	uint8_t point[P256_POINT_BYTES];
	if (key_p256_point(point, key) == ERR_OK) {
		TRY(buf_append(out, p256_spki_head, sizeof(p256_spki_head)));
		return buf_append(out, point, sizeof(point));
	}
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	if (n < 0)
		return ossl_fail(NULL, ERR_CRYPTO, "public key");
	enum err err = buf_append(out, der, (size_t)n);
	OPENSSL_free(der);
	return err;
}

enum err
key_public_from_der(EVP_PKEY **out, struct bytes spki, struct why *why)
{
	*out = NULL;
	if (spki.n == sizeof(p256_spki_head) + P256_POINT_BYTES &&
	    memcmp(spki.p, p256_spki_head, sizeof(p256_spki_head)) == 0 &&
	    spki.p[sizeof(p256_spki_head)] == 4) {
		enum err err = key_p256_from_raw(out, spki.p + sizeof(p256_spki_head), NULL);
		return err ? why_set(why, ERR_SYNTAX, "public key: not a point of P-256") : ERR_OK;
	}
	const unsigned char *p = spki.p;
	if (spki.n > KEY_DER_MAX)
		return why_set(why, ERR_SYNTAX, "public key: larger than %d bytes", KEY_DER_MAX);
	AUTO(EVP_PKEY_free) EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	if (!key)
		return ossl_fail(why, ERR_SYNTAX, "public key");
	if (p != spki.p + spki.n)
		return why_set(why, ERR_SYNTAX, "public key: bytes left over");
	*out = STEAL(key);
	return ERR_OK;
}

enum err
key_public_sha256(uint8_t out[static SHA256_BYTES], const EVP_PKEY *key)
{
	BUF_AUTO struct buf der;
	buf_init(&der, KEY_DER_MAX);
	TRY(key_public_to_der(&der, key));
	return sha256(out, buf_bytes(&der));
}

bool
key_public_equal(const EVP_PKEY *a, const EVP_PKEY *b)
{
	return a && b && EVP_PKEY_eq(a, b) == 1;
}

// --- signatures and hashes ---

enum err
key_p256_sign(uint8_t out[static P256_SIG_MAX_BYTES], size_t *n, EVP_PKEY *key, struct bytes data)
{
	uint8_t hash[SHA256_BYTES];
	TRY(sha256(hash, data));
	*n = P256_SIG_MAX_BYTES;
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_sign(ctx, out, n, hash, sizeof(hash)) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "signature");
	return ERR_OK;
}

enum err
key_p256_verify(EVP_PKEY *key, struct bytes data, struct bytes der_sig)
{
	uint8_t hash[SHA256_BYTES];
	TRY(sha256(hash, data));
	AUTO(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (!ctx || EVP_PKEY_verify_init(ctx) != 1 ||
	    EVP_PKEY_verify(ctx, der_sig.p, der_sig.n, hash, sizeof(hash)) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "signature");
	return ERR_OK;
}

enum err
sha256(uint8_t out[static SHA256_BYTES], struct bytes data)
{
	return SHA256(data.p, data.n, out) ? ERR_OK : ERR_CRYPTO;
}

// SPDX-License-Identifier: Apache-2.0
#include "pki/jose.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/encode.h"

enum {
	CEK_BYTES = 32,
	WRAPPED_BYTES = CEK_BYTES + 8, // RFC 3394 section 2.2.1
	IV_BYTES = 12,
	TAG_BYTES = 16,
	SALT_BYTES = 16,
	SALT_MAX_BYTES = 1024,
};

static const char alg_name[] = "PBES2-HS256+A128KW";
static const char enc_name[] = "A256GCM";

enum err
jwe_derive_kek(uint8_t out[static JWE_KEK_BYTES], struct bytes password, struct bytes p2s,
	       uint32_t p2c)
{
	BUF_AUTO struct buf salt;
	buf_init(&salt, sizeof(alg_name) + SALT_MAX_BYTES);
	// The terminator of alg_name is the zero byte that RFC 7518 section 4.8.1.1 puts between.
	TRY(buf_append(&salt, alg_name, sizeof(alg_name)));
	TRY(buf_append(&salt, p2s.p, p2s.n));
	if (password.n > INT_MAX || p2c > INT_MAX ||
	    PKCS5_PBKDF2_HMAC((const char *)password.p, (int)password.n, salt.data, (int)salt.len,
			      (int)p2c, EVP_sha256(), JWE_KEK_BYTES, out) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "key derivation");
	return ERR_OK;
}

// --- AES-128 key wrap (RFC 3394) ---

static EVP_CIPHER_CTX *
wrap_ctx(const uint8_t kek[static JWE_KEK_BYTES], int seal)
{
	AUTO(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return NULL;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_CipherInit_ex(ctx, EVP_aes_128_wrap(), NULL, kek, NULL, seal) != 1)
		return NULL;
	return STEAL(ctx);
}

static enum err
wrap_cek(uint8_t out[static WRAPPED_BYTES], const uint8_t kek[static JWE_KEK_BYTES],
	 const uint8_t cek[static CEK_BYTES])
{
	int n = 0;
	AUTO(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = wrap_ctx(kek, 1);
	if (!ctx || EVP_CipherUpdate(ctx, out, &n, cek, CEK_BYTES) != 1 || n != WRAPPED_BYTES)
		return ossl_fail(NULL, ERR_CRYPTO, "key wrap");
	return ERR_OK;
}

static enum err
unwrap_cek(uint8_t out[static CEK_BYTES], const uint8_t kek[static JWE_KEK_BYTES],
	   struct bytes wrapped)
{
	uint8_t room[WRAPPED_BYTES + 8];
	int n = 0;
	AUTO(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = wrap_ctx(kek, 0);
	bool good = ctx && EVP_CipherUpdate(ctx, room, &n, wrapped.p, (int)wrapped.n) == 1 &&
		    n == CEK_BYTES;
	if (good)
		memcpy(out, room, CEK_BYTES);
	OPENSSL_cleanse(room, sizeof(room));
	return good ? ERR_OK : ossl_fail(NULL, ERR_UNAUTHORIZED, "key unwrap");
}

// --- AES-256-GCM; the ASCII of the protected header is authenticated with it ---

static enum err
gcm_seal(struct buf *out, uint8_t tag[static TAG_BYTES], const uint8_t *cek, const uint8_t *iv,
	 struct bytes aad, struct bytes plaintext)
{
	int n = 0;
	TRY(buf_reserve(out, plaintext.n));
	AUTO(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cek, iv) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) != 1 ||
	    EVP_EncryptUpdate(ctx, out->data, &n, plaintext.p, (int)plaintext.n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, out->data + n, &(int){0}) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "sealing");
	out->len = (size_t)n;
	return ERR_OK;
}

static enum err
gcm_open(struct buf *out, const uint8_t *cek, struct bytes iv, struct bytes aad,
	 struct bytes content, struct bytes tag)
{
	int n = 0;
	uint8_t tag_copy[TAG_BYTES];
	memcpy(tag_copy, tag.p, sizeof(tag_copy));
	TRY(buf_reserve(out, content.n));
	AUTO(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cek, iv.p) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) != 1 ||
	    EVP_DecryptUpdate(ctx, out->data, &n, content.p, (int)content.n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag_copy) != 1 ||
	    EVP_DecryptFinal_ex(ctx, out->data + n, &(int){0}) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "opening");
	out->len = (size_t)n;
	return ERR_OK;
}

// --- sealing ---

static enum err
append_dotted(struct buf *out, struct bytes raw)
{
	TRY(buf_put_u8(out, '.'));
	return base64url_append(out, raw);
}

static enum err
append_header(struct buf *out, struct bytes salt, uint32_t p2c, const char *cty)
{
	char p2s[BASE64_CHARS(SALT_BYTES) + 1];
	base64url_encode(p2s, salt);
	json_auto_t *header = json_pack("{s:s, s:s, s:s, s:I, s:s}", "alg", alg_name, "cty", cty,
					"enc", enc_name, "p2c", (json_int_t)p2c, "p2s", p2s);
	AUTO(free) char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
	return text ? base64url_append(out, BYTES_STR(text)) : ERR_INPUT;
}

struct seal_keys {
	uint8_t salt[SALT_BYTES];
	uint8_t iv[IV_BYTES];
	uint8_t cek[CEK_BYTES];
	uint8_t kek[JWE_KEK_BYTES];
	uint8_t wrapped[WRAPPED_BYTES];
};

static enum err
seal_with(struct buf *out, struct bytes plaintext, struct seal_keys *k, uint32_t p2c,
	  const char *cty)
{
	BUF_AUTO struct buf content;
	uint8_t tag[TAG_BYTES];
	size_t start = out->len;
	buf_init(&content, JWE_MAX_BYTES);
	TRY(append_header(out, BYTES(k->salt, SALT_BYTES), p2c, cty));
	TRY(wrap_cek(k->wrapped, k->kek, k->cek));
	TRY(gcm_seal(&content, tag, k->cek, k->iv, BYTES(out->data + start, out->len - start),
		     plaintext));
	TRY(append_dotted(out, BYTES(k->wrapped, WRAPPED_BYTES)));
	TRY(append_dotted(out, BYTES(k->iv, IV_BYTES)));
	TRY(append_dotted(out, buf_bytes(&content)));
	return append_dotted(out, BYTES(tag, TAG_BYTES));
}

enum err
jwe_seal(struct buf *out, struct bytes plaintext, struct bytes password, uint32_t p2c,
	 const char *cty)
{
	struct seal_keys k;
	if (p2c < JWE_P2C_MIN || p2c > JWE_P2C_MAX)
		return ERR_INPUT;
	if (RAND_bytes(k.salt, SALT_BYTES) != 1 || RAND_bytes(k.iv, IV_BYTES) != 1 ||
	    RAND_bytes(k.cek, CEK_BYTES) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "random bytes");
	enum err err = jwe_derive_kek(k.kek, password, BYTES(k.salt, SALT_BYTES), p2c);
	if (!err)
		err = seal_with(out, plaintext, &k, p2c, cty);
	OPENSSL_cleanse(&k, sizeof(k));
	return err;
}

// --- opening ---

enum { PART_HEADER, PART_KEY, PART_IV, PART_CONTENT, PART_TAG, N_PARTS };

struct jwe {
	struct bytes header_text; // as sent: the authenticated data
	struct buf raw[N_PARTS];
	struct buf salt;
	uint32_t p2c;
};

static void
jwe_fini(struct jwe *j)
{
	for (int i = 0; i < N_PARTS; i++)
		buf_fini(&j->raw[i]);
	buf_fini(&j->salt);
}

static enum err
split(struct jwe *j, struct bytes compact, struct why *why)
{
	for (int i = 0; i < N_PARTS; i++) {
		const uint8_t *dot = compact.n ? memchr(compact.p, '.', compact.n) : NULL;
		if ((i < PART_TAG) != (dot != NULL))
			return why_set(why, ERR_SYNTAX, "JWE: not five parts");
		size_t n = dot ? (size_t)(dot - compact.p) : compact.n;
		if (i == PART_HEADER)
			j->header_text = BYTES(compact.p, n);
		buf_init(&j->raw[i], JWE_MAX_BYTES);
		if (base64url_decode(&j->raw[i], BYTES(compact.p, n)))
			return why_set(why, ERR_SYNTAX, "JWE: part %d is not base64url", i + 1);
		compact.p += n + (dot ? 1 : 0);
		compact.n -= n + (dot ? 1 : 0);
	}
	return ERR_OK;
}

static enum err
read_header(struct jwe *j, struct why *why)
{
	json_auto_t *header = json_loadb((const char *)j->raw[PART_HEADER].data,
					 j->raw[PART_HEADER].len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(header))
		return why_set(why, ERR_SYNTAX, "JWE: header is not a JSON object");
	const char *alg = json_string_value(json_object_get(header, "alg"));
	const char *enc = json_string_value(json_object_get(header, "enc"));
	const char *p2s = json_string_value(json_object_get(header, "p2s"));
	const json_t *p2c = json_object_get(header, "p2c");
	if (!alg || strcmp(alg, alg_name) != 0 || !enc || strcmp(enc, enc_name) != 0)
		return why_set(why, ERR_UNSUPPORTED, "JWE: alg %.32s, enc %.32s; only %s with %s",
			       alg ? alg : "none", enc ? enc : "none", alg_name, enc_name);
	if (json_object_get(header, "zip") || json_object_get(header, "crit"))
		return why_set(why, ERR_UNSUPPORTED, "JWE: zip and crit are not supported");
	if (!json_is_integer(p2c) || json_integer_value(p2c) < JWE_P2C_MIN ||
	    json_integer_value(p2c) > JWE_P2C_MAX)
		return why_set(why, ERR_UNSUPPORTED, "JWE: p2c must be from %d to %d", JWE_P2C_MIN,
			       JWE_P2C_MAX);
	j->p2c = (uint32_t)json_integer_value(p2c);
	buf_init(&j->salt, SALT_MAX_BYTES);
	// RFC 7518 section 4.8.1.1: at least 8 octets.
	if (!p2s || base64url_decode(&j->salt, BYTES_STR(p2s)) || j->salt.len < 8)
		return why_set(why, ERR_SYNTAX, "JWE: p2s is not base64url of at least 8 bytes");
	return ERR_OK;
}

static enum err
open_with(struct secret *out, const struct jwe *j, const uint8_t kek[static JWE_KEK_BYTES],
	  struct why *why)
{
	uint8_t cek[CEK_BYTES];
	if (unwrap_cek(cek, kek, buf_bytes(&j->raw[PART_KEY])))
		return why_set(why, ERR_UNAUTHORIZED, "JWE: the password is wrong");
	struct buf plain;
	buf_init(&plain, JWE_MAX_BYTES);
	enum err err = gcm_open(&plain, cek, buf_bytes(&j->raw[PART_IV]), j->header_text,
				buf_bytes(&j->raw[PART_CONTENT]), buf_bytes(&j->raw[PART_TAG]));
	OPENSSL_cleanse(cek, sizeof(cek));
	if (err == ERR_CRYPTO)
		why_set(why, err, "JWE: content or header was altered");
	if (!err)
		err = secret_set(out, buf_bytes(&plain));
	if (plain.data)
		OPENSSL_cleanse(plain.data, plain.cap);
	buf_fini(&plain);
	return err;
}

enum err
jwe_open(struct secret *out, struct bytes compact, struct bytes password, struct why *why)
{
	__attribute__((cleanup(jwe_fini))) struct jwe j = {0};
	uint8_t kek[JWE_KEK_BYTES];
	if (compact.n > JWE_MAX_BYTES)
		return why_set(why, ERR_SYNTAX, "JWE: larger than %d bytes", JWE_MAX_BYTES);
	TRY(split(&j, compact, why));
	TRY(read_header(&j, why));
	if (j.raw[PART_KEY].len != WRAPPED_BYTES || j.raw[PART_IV].len != IV_BYTES ||
	    j.raw[PART_TAG].len != TAG_BYTES)
		return why_set(why, ERR_SYNTAX, "JWE: key, IV or tag has the wrong length");
	TRY(jwe_derive_kek(kek, password, buf_bytes(&j.salt), j.p2c));
	enum err err = open_with(out, &j, kek, why);
	OPENSSL_cleanse(kek, sizeof(kek));
	return err;
}

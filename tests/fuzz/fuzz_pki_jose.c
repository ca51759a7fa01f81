// SPDX-License-Identifier: Apache-2.0
// A token, a key or an encrypted key, as a CA or its clients send them. First byte: which.
#include "base/encode.h"
#include "fuzz.h"
#include "pki/jose.h"

enum { P2C_CHEAP = 2000 };

static EVP_PKEY *
our_key(void)
{
	static EVP_PKEY *key;
	// RFC 7515 appendix A.3.
	static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
				  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
				  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
	if (!key) {
		json_auto_t *json = json_loads(jwk, 0, NULL);
		FUZZ_CHECK(jwk_to_key(&key, json, NULL) == ERR_OK);
	}
	return key;
}

static void
read_jwk(const json_t *json)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *again = NULL;
	char thumbprint[JWK_THUMBPRINT_CHARS + 1];
	struct why why = {0};
	enum err err = jwk_to_key(&key, json, &why);
	FUZZ_CHECK_WHY(err, why);
	if (err)
		return;
	json_auto_t *written = jwk_from_key(key);
	FUZZ_CHECK(written && jwk_to_key(&again, written, NULL) == ERR_OK);
	FUZZ_CHECK(key_public_equal(key, again));
	FUZZ_CHECK(jwk_thumbprint(thumbprint, key) == ERR_OK);
	FUZZ_CHECK(strlen(thumbprint) == JWK_THUMBPRINT_CHARS);
}

static void
read_private_jwk(struct bytes text)
{
	SECRET_AUTO struct secret secret = SECRET_NONE;
	SECRET_AUTO struct secret written = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *again = NULL;
	struct why why = {0};
	if (secret_set(&secret, text) != ERR_OK)
		return;
	enum err err = jwk_private_from_text(&key, &secret, &why);
	FUZZ_CHECK_WHY(err, why);
	if (err)
		return;
	FUZZ_CHECK(jwk_private_to_text(&written, key) == ERR_OK);
	FUZZ_CHECK(jwk_private_from_text(&again, &written, &why) == ERR_OK);
	FUZZ_CHECK(key_public_equal(key, again));
}

static void
read_jws(struct bytes text)
{
	AUTO(jws_free) struct jws *jws = NULL;
	struct why why = {0};
	enum err err = jws_parse(&jws, text, &why);
	FUZZ_CHECK_WHY(err, why);
	FUZZ_CHECK((jws != NULL) == !err);
	if (err)
		return;
	FUZZ_CHECK(json_is_object(jws->header) && json_is_object(jws->claims));
	FUZZ_CHECK(jws->n_signed < jws->text.len);
	err = jws_verify(jws, our_key(), &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err)
		FUZZ_CHECK(strcmp(jws_header_str(jws, "alg"), "ES256") == 0);
	(void)jws_claim_str(jws, "iss");
	read_jwk(json_object_get(jws->header, "jwk"));
}

// Many rounds only cost time; their limit has a unit test.
static bool
is_cheap(struct bytes compact)
{
	BUF_AUTO struct buf header;
	buf_init(&header, JWE_MAX_BYTES);
	if (base64url_decode(&header, fuzz_take_until(&compact, '.')) != ERR_OK)
		return true;
	json_auto_t *json = json_loadb((const char *)header.data, header.len, 0, NULL);
	json_int_t p2c = json_integer_value(json_object_get(json, "p2c"));
	return p2c <= P2C_CHEAP || p2c > JWE_P2C_MAX;
}

static void
read_jwe(struct bytes text)
{
	SECRET_AUTO struct secret plain = SECRET_NONE;
	struct why why = {0};
	if (!is_cheap(text))
		return;
	enum err err = jwe_open(&plain, text, BYTES_STR("password"), &why);
	FUZZ_CHECK_WHY(err, why);
	FUZZ_CHECK(secret_is_set(&plain) == !err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	switch (fuzz_take_u8(&in)) {
	case 'e':
		read_jwe(in);
		break;
	case 'k': {
		json_auto_t *json = json_loadb((const char *)in.p, in.n, JSON_DECODE_ANY, NULL);
		read_jwk(json);
		read_private_jwk(in);
		break;
	}
	default:
		read_jws(in);
	}
	return 0;
}

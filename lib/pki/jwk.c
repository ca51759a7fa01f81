// SPDX-License-Identifier: Apache-2.0
#include "pki/jose.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "base/encode.h"

enum {
	COORDINATE_CHARS = 43, // base64url of 32 bytes
	PRIVATE_JWK_MAX = 512,
};

struct jwk_text {
	char x[COORDINATE_CHARS + 2];
	char y[COORDINATE_CHARS + 2];
};

static enum err
coordinates(struct jwk_text *out, const EVP_PKEY *key)
{
	uint8_t point[P256_POINT_BYTES];
	TRY(key_p256_point(point, key));
	base64url_encode(out->x, BYTES(point + 1, P256_SCALAR_BYTES));
	base64url_encode(out->y, BYTES(point + 1 + P256_SCALAR_BYTES, P256_SCALAR_BYTES));
	return ERR_OK;
}

json_t *
jwk_from_key(const EVP_PKEY *key)
{
	struct jwk_text text;
	if (coordinates(&text, key))
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x", text.x, "y",
			 text.y);
}

// RFC 7638 section 3: required members only, in lexical order, no blanks.
enum err
jwk_thumbprint(char out[static JWK_THUMBPRINT_CHARS + 1], const EVP_PKEY *key)
{
	struct jwk_text text;
	char canonical[256];
	uint8_t hash[SHA256_BYTES];
	char encoded[BASE64_CHARS(SHA256_BYTES) + 1];
	TRY(coordinates(&text, key));
	snprintf(canonical, sizeof(canonical),
		 "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", text.x, text.y);
	TRY(sha256(hash, BYTES_STR(canonical)));
	base64url_encode(encoded, BYTES(hash, sizeof(hash)));
	memcpy(out, encoded, JWK_THUMBPRINT_CHARS + 1);
	return ERR_OK;
}

// RFC 7518 section 6.2.1.2: a coordinate is exactly 32 bytes, leading zeros kept.
static enum err
decode_coordinate(uint8_t out[static P256_SCALAR_BYTES], struct bytes text)
{
	struct buf raw;
	buf_init(&raw, BASE64_CHARS(P256_SCALAR_BYTES));
	enum err err = text.n == COORDINATE_CHARS ? base64url_decode(&raw, text) : ERR_SYNTAX;
	if (!err && raw.len != P256_SCALAR_BYTES)
		err = ERR_SYNTAX;
	if (!err)
		memcpy(out, raw.data, P256_SCALAR_BYTES);
	if (raw.data)
		OPENSSL_cleanse(raw.data, raw.len);
	buf_fini(&raw);
	return err;
}

static enum err
check_type(struct bytes kty, struct bytes crv, struct why *why)
{
	if (!kty.p || !crv.p)
		return why_set(why, ERR_SYNTAX, "JWK: kty or crv is missing");
	if (!bytes_is(kty, "EC") || !bytes_is(crv, "P-256"))
		return why_set(why, ERR_UNSUPPORTED, "JWK: not an EC key on P-256");
	return ERR_OK;
}

static enum err
build_key(EVP_PKEY **out, struct bytes x, struct bytes y, const uint8_t *d, struct why *why)
{
	uint8_t point[P256_POINT_BYTES] = {4};
	if (decode_coordinate(point + 1, x) || decode_coordinate(point + 1 + P256_SCALAR_BYTES, y))
		return why_set(why, ERR_SYNTAX, "JWK: x or y is not base64url of 32 bytes");
	enum err err = key_p256_from_raw(out, point, d);
	if (err == ERR_CRYPTO)
		return why_set(why, err, "JWK: x, y%s do not form a P-256 key", d ? " and d" : "");
	return err;
}

static struct bytes
string_member(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);
	return json_is_string(v) ? BYTES(json_string_value(v), json_string_length(v)) : BYTES_NONE;
}

enum err
jwk_to_key(EVP_PKEY **out, const json_t *jwk, struct why *why)
{
	*out = NULL;
	if (!json_is_object(jwk))
		return why_set(why, ERR_SYNTAX, "JWK: not a JSON object");
	TRY(check_type(string_member(jwk, "kty"), string_member(jwk, "crv"), why));
	return build_key(out, string_member(jwk, "x"), string_member(jwk, "y"), NULL, why);
}

// --- private keys ---

enum err
jwk_private_to_text(struct secret *out, const EVP_PKEY *key)
{
	struct jwk_text text;
	char kid[JWK_THUMBPRINT_CHARS + 1];
	uint8_t scalar[P256_SCALAR_BYTES];
	char d[COORDINATE_CHARS + 2];
	char json[PRIVATE_JWK_MAX];
	TRY(coordinates(&text, key));
	TRY(jwk_thumbprint(kid, key));
	enum err err = key_p256_scalar(scalar, key);
	if (!err) {
		base64url_encode(d, BYTES(scalar, sizeof(scalar)));
		int n = snprintf(json, sizeof(json),
				 "{\"use\":\"sig\",\"kty\":\"EC\",\"kid\":\"%s\",\"crv\":\"P-256\","
				 "\"alg\":\"ES256\",\"x\":\"%s\",\"y\":\"%s\",\"d\":\"%s\"}",
				 kid, text.x, text.y, d);
		err = secret_set(out, BYTES(json, (size_t)n));
	}
	OPENSSL_cleanse(scalar, sizeof(scalar));
	OPENSSL_cleanse(d, sizeof(d));
	OPENSSL_cleanse(json, sizeof(json));
	return err;
}

// A JSON reader that copies nothing: jansson would leave d behind in freed memory. It knows flat
// objects of strings without escapes, which is what a private EC key is.
struct scanner {
	const char *at;
	const char *end;
};

static void
skip_blanks(struct scanner *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool
take_char(struct scanner *s, char c)
{
	skip_blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool
take_string(struct scanner *s, struct bytes *out)
{
	if (!take_char(s, '"'))
		return false;
	const char *start = s->at;
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\' || (unsigned char)*s->at < ' ')
			return false;
		s->at++;
	}
	*out = BYTES(start, (size_t)(s->at - start));
	return take_char(s, '"');
}

struct member {
	const char *name;
	struct bytes value;
};

static bool
scan_object(struct scanner *s, struct member *members, size_t n)
{
	if (!take_char(s, '{'))
		return false;
	do {
		struct bytes name;
		struct bytes value;
		if (!take_string(s, &name) || !take_char(s, ':') || !take_string(s, &value))
			return false;
		for (size_t i = 0; i < n; i++) {
			if (bytes_is(name, members[i].name))
				members[i].value = value;
		}
	} while (take_char(s, ','));
	if (!take_char(s, '}'))
		return false;
	skip_blanks(s);
	return s->at == s->end;
}

enum err
jwk_private_from_text(EVP_PKEY **out, const struct secret *text, struct why *why)
{
	enum { KTY, CRV, X, Y, D, N };
	struct member m[N] = {
		{.name = "kty"}, {.name = "crv"}, {.name = "x"}, {.name = "y"}, {.name = "d"}};
	struct scanner s = {text->text, text->text + text->n};
	uint8_t d[P256_SCALAR_BYTES];
	*out = NULL;
	if (!text->text || !scan_object(&s, m, N))
		return why_set(why, ERR_SYNTAX, "JWK: not a flat JSON object of strings");
	TRY(check_type(m[KTY].value, m[CRV].value, why));
	if (!m[D].value.p || decode_coordinate(d, m[D].value))
		return why_set(why, ERR_SYNTAX, "JWK: d is missing or not base64url of 32 bytes");
	enum err err = build_key(out, m[X].value, m[Y].value, d, why);
	OPENSSL_cleanse(d, sizeof(d));
	return err;
}

// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/jwt.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/encode.h"

enum {
	MAC_BYTES = 64,
	TOKEN_MAX = 8192,
};

enum err
jwt_key_init(struct jwt_key *key)
{
	return RAND_bytes(key->bytes, sizeof(key->bytes)) == 1 ? ERR_OK : ERR_CRYPTO;
}

void
jwt_key_fini(struct jwt_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

static enum err
mac(uint8_t out[static MAC_BYTES], const struct jwt_key *key, struct bytes text)
{
	unsigned n = MAC_BYTES;
	const uint8_t *done =
		HMAC(EVP_sha512(), key->bytes, sizeof(key->bytes), text.p, text.n, out, &n);
	return done ? ERR_OK : ERR_CRYPTO;
}

static enum err
append_base64url(struct buf *out, struct bytes raw)
{
	TRY(buf_reserve(out, BASE64_CHARS(raw.n)));
	char *at = (char *)buf_tail(out);
	base64url_encode(at, raw);
	out->len += strlen(at);
	return ERR_OK;
}

enum err
jwt_sign(struct buf *out, const struct jwt_key *key, const json_t *claims)
{
	size_t start = out->len;
	AUTO(free) char *text = json_dumps(claims, JSON_COMPACT);
	if (!text)
		return ERR_NOMEM;
	TRY(append_base64url(out, BYTES_STR("{\"alg\":\"HS512\"}")));
	TRY(buf_append_str(out, "."));
	TRY(append_base64url(out, BYTES_STR(text)));
	uint8_t signature[MAC_BYTES];
	TRY(mac(signature, key, BYTES(out->data + start, out->len - start)));
	TRY(buf_append_str(out, "."));
	return append_base64url(out, BYTES(signature, sizeof(signature)));
}

static enum err
decode_object(json_t **out, struct bytes part)
{
	BUF_AUTO struct buf raw;
	buf_init(&raw, TOKEN_MAX);
	if (base64url_decode(&raw, part) != ERR_OK || !raw.len)
		return ERR_SYNTAX;
	*out = json_loadb((const char *)raw.data, raw.len, JSON_REJECT_DUPLICATES, NULL);
	return json_is_object(*out) ? ERR_OK : ERR_SYNTAX;
}

static enum err
check_header(struct bytes part)
{
	json_auto_t *header = NULL;
	TRY(decode_object(&header, part));
	const char *alg = json_string_value(json_object_get(header, "alg"));
	return alg && strcmp(alg, "HS512") == 0 ? ERR_OK : ERR_SYNTAX;
}

// Cuts the part before the next '.' off *rest.
static bool
next_part(struct bytes *part, struct bytes *rest)
{
	const uint8_t *dot = rest->n ? memchr(rest->p, '.', rest->n) : NULL;
	if (!dot)
		return false;
	*part = BYTES(rest->p, (size_t)(dot - rest->p));
	*rest = BYTES(dot + 1, rest->n - part->n - 1);
	return true;
}

enum err
jwt_verify(json_t **claims, const struct jwt_key *key, struct bytes token)
{
	struct bytes rest = token;
	struct bytes header;
	struct bytes body;
	if (token.n > TOKEN_MAX || !next_part(&header, &rest) || !next_part(&body, &rest))
		return ERR_SYNTAX;
	json_auto_t *found = NULL;
	BUF_AUTO struct buf signature;
	buf_init(&signature, TOKEN_MAX);
	TRY(check_header(header));
	TRY(decode_object(&found, body));
	TRY(base64url_decode(&signature, rest));
	uint8_t good[MAC_BYTES];
	TRY(mac(good, key, BYTES(token.p, header.n + 1 + body.n)));
	if (signature.len != sizeof(good) || CRYPTO_memcmp(signature.data, good, sizeof(good)) != 0)
		return ERR_UNAUTHORIZED;
	*claims = STEAL(found);
	return ERR_OK;
}

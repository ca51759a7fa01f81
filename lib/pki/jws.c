// SPDX-License-Identifier: Apache-2.0
#include "pki/jose.h"

#include "base/encode.h"
#include "pki/der.h"

static enum err
append_json_part(struct buf *out, const json_t *json)
{
	AUTO(free) char *text = json_dumps(json, JSON_COMPACT);
	return text ? base64url_append(out, BYTES_STR(text)) : ERR_INPUT;
}

// One INTEGER of an ECDSA-Sig-Value into 32 bytes.
static enum err
take_integer(uint8_t out[static P256_SCALAR_BYTES], struct bytes *sig)
{
	struct bytes v;
	TRY(der_expect(sig, DER_INTEGER, &v));
	while (v.n && v.p[0] == 0) {
		v.p++;
		v.n--;
	}
	if (v.n > P256_SCALAR_BYTES)
		return ERR_CRYPTO;
	memset(out, 0, P256_SCALAR_BYTES);
	if (v.n)
		memcpy(out + P256_SCALAR_BYTES - v.n, v.p, v.n);
	return ERR_OK;
}

static enum err
raw_from_der(uint8_t out[static JWS_ES256_BYTES], struct bytes der)
{
	struct bytes sig;
	TRY(der_expect(&der, DER_SEQUENCE, &sig));
	TRY(take_integer(out, &sig));
	return take_integer(out + P256_SCALAR_BYTES, &sig);
}

static enum err
der_from_raw(struct buf *out, const uint8_t raw[static JWS_ES256_BYTES])
{
	struct der_writer w = DER_WRITER(out);
	size_t sig = der_open(&w, DER_SEQUENCE);
	der_put_uint(&w, BYTES(raw, P256_SCALAR_BYTES));
	der_put_uint(&w, BYTES(raw + P256_SCALAR_BYTES, P256_SCALAR_BYTES));
	der_close(&w, sig);
	return w.err;
}

enum err
jws_sign(struct buf *out, const json_t *header, const json_t *claims, EVP_PKEY *key)
{
	const char *alg = json_string_value(json_object_get(header, "alg"));
	if (!alg || strcmp(alg, "ES256") != 0 || !key_is_p256(key))
		return ERR_UNSUPPORTED;
	size_t start = out->len;
	TRY(append_json_part(out, header));
	TRY(buf_put_u8(out, '.'));
	TRY(append_json_part(out, claims));
	uint8_t der[P256_SIG_MAX_BYTES];
	uint8_t raw[JWS_ES256_BYTES];
	size_t n;
	TRY(key_p256_sign(der, &n, key, BYTES(out->data + start, out->len - start)));
	TRY(raw_from_der(raw, BYTES(der, n)));
	TRY(buf_put_u8(out, '.'));
	return base64url_append(out, BYTES(raw, sizeof(raw)));
}

enum err
jws_sign_token(struct buf *out, const char *kid, const json_t *claims, EVP_PKEY *key)
{
	json_auto_t *header =
		json_pack("{s:s, s:s, s:s}", "alg", "ES256", "kid", kid, "typ", "JWT");
	return header ? jws_sign(out, header, claims, key) : ERR_INPUT;
}

void
jws_free(struct jws *jws)
{
	if (!jws)
		return;
	json_decref(jws->header);
	json_decref(jws->claims);
	buf_fini(&jws->text);
	buf_fini(&jws->payload);
	buf_fini(&jws->signature);
	free(jws);
}

static json_t *
object_from(struct bytes text)
{
	json_t *json = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

// Takes the text up to the next dot off the front of *rest; false when there is no dot.
static bool
take_part(struct bytes *part, struct bytes *rest)
{
	const uint8_t *dot = rest->n ? memchr(rest->p, '.', rest->n) : NULL;
	if (!dot)
		return false;
	*part = BYTES(rest->p, (size_t)(dot - rest->p));
	rest->n -= part->n + 1;
	rest->p = dot + 1;
	return true;
}

enum err
jws_parse(struct jws **out, struct bytes compact, struct why *why)
{
	*out = NULL;
	if (compact.n > JWS_MAX_BYTES)
		return why_set(why, ERR_SYNTAX, "token: larger than %d bytes", JWS_MAX_BYTES);
	AUTO(jws_free) struct jws *jws = calloc(1, sizeof(*jws));
	if (!jws)
		return why_set(why, ERR_NOMEM, "out of memory");
	buf_init(&jws->text, JWS_MAX_BYTES);
	buf_init(&jws->payload, JWS_MAX_BYTES);
	buf_init(&jws->signature, JWS_MAX_BYTES);
	BUF_AUTO struct buf header_text;
	buf_init(&header_text, JWS_MAX_BYTES);
	TRY(buf_append(&jws->text, compact.p, compact.n));
	struct bytes rest = buf_bytes(&jws->text);
	struct bytes header;
	struct bytes payload;
	if (!take_part(&header, &rest) || !take_part(&payload, &rest) ||
	    memchr(rest.p, '.', rest.n))
		return why_set(why, ERR_SYNTAX, "token: not three parts");
	jws->n_signed = header.n + 1 + payload.n;
	if (base64url_decode(&header_text, header) || base64url_decode(&jws->payload, payload) ||
	    base64url_decode(&jws->signature, rest))
		return why_set(why, ERR_SYNTAX, "token: not base64url without padding");
	jws->header = object_from(buf_bytes(&header_text));
	if (!jws->header)
		return why_set(why, ERR_SYNTAX, "token: header is not a JSON object");
	jws->claims = object_from(buf_bytes(&jws->payload));
	if (!jws->claims)
		return why_set(why, ERR_SYNTAX, "token: payload is not a JSON object");
	*out = STEAL(jws);
	return ERR_OK;
}

enum err
jws_verify(const struct jws *jws, EVP_PKEY *key, struct why *why)
{
	const char *alg = jws_header_str(jws, "alg");
	if (!alg || strcmp(alg, "ES256") != 0 || !key_is_p256(key))
		return why_set(why, ERR_UNAUTHORIZED, "token: not signed with ES256");
	// RFC 7515 section 4.1.11: extensions that we do not understand make the token invalid.
	if (json_object_get(jws->header, "crit"))
		return why_set(why, ERR_UNAUTHORIZED, "token: has critical extensions");
	if (jws->signature.len != JWS_ES256_BYTES)
		return why_set(why, ERR_UNAUTHORIZED, "token: signature of %zu bytes, not %d",
			       jws->signature.len, JWS_ES256_BYTES);
	BUF_AUTO struct buf der;
	buf_init(&der, P256_SIG_MAX_BYTES);
	TRY(der_from_raw(&der, jws->signature.data));
	if (key_p256_verify(key, BYTES(jws->text.data, jws->n_signed), buf_bytes(&der)))
		return why_set(why, ERR_UNAUTHORIZED, "token: signature does not verify");
	return ERR_OK;
}

const char *
jws_header_str(const struct jws *jws, const char *name)
{
	return json_string_value(json_object_get(jws->header, name));
}

const char *
jws_claim_str(const struct jws *jws, const char *name)
{
	return json_string_value(json_object_get(jws->claims, name));
}

// SPDX-License-Identifier: Apache-2.0
#include "stepca/token.h"

#include "base/encode.h"

static json_t *
sans_to_json(const char *const *sans)
{
	json_t *list = json_array();
	for (; list && *sans; sans++) {
		if (json_array_append_new(list, json_string(*sans)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *
confirmation_to_json(const uint8_t *csr_sha256)
{
	char text[BASE64_CHARS(TOKEN_CSR_SHA256_BYTES) + 1];
	base64url_encode(text, BYTES(csr_sha256, TOKEN_CSR_SHA256_BYTES));
	return json_pack("{s:s}", "x5rt#S256", text);
}

json_t *
token_claims_to_json(const struct token_claims *c)
{
	char jti[HEX_CHARS(TOKEN_JTI_BYTES) + 1];
	hex_encode(jti, BYTES(c->jti, TOKEN_JTI_BYTES));
	json_auto_t *sans = c->sans ? sans_to_json(c->sans) : NULL;
	json_auto_t *cnf = c->csr_sha256 ? confirmation_to_json(c->csr_sha256) : NULL;
	if ((c->sans && !sans) || (c->csr_sha256 && !cnf))
		return NULL;
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:O*, s:O*, s:s*}", "aud",
			 c->audience, "exp", (json_int_t)c->now + TOKEN_LIFE_S, "iat",
			 (json_int_t)c->now, "nbf", (json_int_t)c->now, "iss", c->issuer, "sub",
			 c->subject, "jti", jti, "sans", sans, "cnf", cnf, "sha", c->root_sha256);
}

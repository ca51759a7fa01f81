// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "stepca/token.h"

static const uint8_t jti[TOKEN_JTI_BYTES] = {0xab, 0x01};
static const uint8_t digest[TOKEN_CSR_SHA256_BYTES] = {0xff, 0xfe};

// The claims that the real client sends (contracts/step-ca.md 5), and the binding to the CSR.
Test(token, holds_the_claims_of_the_real_client)
{
	static const char *const sans[] = {"dev-1", "10.8.0.2", NULL};
	struct token_claims c = {
		.issuer = "iot-bridge",
		.audience = "https://ca:9000/1.0/sign",
		.subject = "dev-1",
		.sans = sans,
		.root_sha256 = "aa",
		.csr_sha256 = digest,
		.jti = jti,
		.now = 1700000000,
	};
	json_auto_t *got = token_claims_to_json(&c);
	json_auto_t *want =
		json_pack("{s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:[s,s], s:{s:s}, s:s}", "aud",
			  "https://ca:9000/1.0/sign", "exp", 1700000300, "iat", 1700000000, "nbf",
			  1700000000, "iss", "iot-bridge", "sub", "dev-1", "jti",
			  "ab01000000000000000000000000000000000000000000000000000000000000",
			  "sans", "dev-1", "10.8.0.2", "cnf", "x5rt#S256",
			  "__4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "sha", "aa");
	cr_assert(want != NULL);
	cr_expect(json_equal(got, want));
}

Test(token, to_revoke_has_neither_names_nor_request)
{
	struct token_claims c = {
		.issuer = "iot-bridge",
		.audience = "https://ca:9000/1.0/revoke",
		.subject = "12345678901234567890",
		.jti = jti,
		.now = 1700000000,
	};
	json_auto_t *got = token_claims_to_json(&c);
	cr_assert(got != NULL);
	cr_expect(json_object_get(got, "sans") == NULL);
	cr_expect(json_object_get(got, "cnf") == NULL);
	cr_expect(json_object_get(got, "sha") == NULL);
}

Test(token, text_that_is_not_utf8_makes_no_token)
{
	struct token_claims c = {
		.issuer = "iot-bridge",
		.audience = "https://ca/1.0/sign",
		.subject = "dev-\xff",
		.jti = jti,
	};
	cr_expect(token_claims_to_json(&c) == NULL);
}

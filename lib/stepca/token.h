// SPDX-License-Identifier: Apache-2.0
// The claims of a one-time token (contracts/step-ca.md 5). Pure: time and random bytes come in.
#pragma once

#include <jansson.h>

#include "base/buf.h"

enum {
	TOKEN_JTI_BYTES = 32,
	TOKEN_LIFE_S = 300, // what step's own client takes
	TOKEN_CSR_SHA256_BYTES = 32,
};

struct token_claims {
	const char *issuer;	   // the provisioner's name
	const char *audience;	   // URL of the endpoint
	const char *subject;	   // CN of the certificate, or decimal serial to revoke
	const char *const *sans;   // NULL-terminated; NULL = no such claim
	const char *root_sha256;   // hex, for clients that read it; NULL = leave out
	const uint8_t *csr_sha256; // TOKEN_CSR_SHA256_BYTES of the DER: binds the token to it; NULL
				   // = leave out
	const uint8_t *jti;	   // TOKEN_JTI_BYTES, random, never used before
	int64_t now;		   // seconds since the epoch
};

// New reference; NULL when memory is out or a text is not UTF-8.
json_t *token_claims_to_json(const struct token_claims *c);

// SPDX-License-Identifier: Apache-2.0
// What the tests of mock-step-ca need: a provisioner whose private key is at hand, and tokens of
// it.
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "pki/csr.h"
#include "step-ca/token.h"

#define STEPCA_PASSWORD "bridge-secret"

static inline struct secret
stepca_password(void)
{
	struct secret s = SECRET_NONE;
	cr_assert(secret_set(&s, BYTES_STR(STEPCA_PASSWORD)) == ERR_OK);
	return s;
}

// The private key inside a provisioner's encryptedKey; the caller frees it.
static inline EVP_PKEY *
stepca_open_key(const char *encrypted_key)
{
	SECRET_AUTO struct secret jwk = SECRET_NONE;
	EVP_PKEY *key = NULL;
	cr_assert(jwe_open(&jwk, BYTES_STR(encrypted_key), BYTES_STR(STEPCA_PASSWORD), NULL) ==
		  ERR_OK);
	cr_assert(jwk_private_from_text(&key, &jwk, NULL) == ERR_OK);
	return key;
}

// A signed token; claims is consumed. The caller frees the text.
static inline char *
stepca_token(EVP_PKEY *key, const char *kid, json_t *claims)
{
	struct buf out;
	buf_init(&out, JWS_MAX_BYTES);
	cr_assert(claims != NULL);
	cr_assert(jws_sign_token(&out, kid, claims, key) == ERR_OK);
	json_decref(claims);
	return buf_steal_str(&out);
}

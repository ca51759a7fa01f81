// SPDX-License-Identifier: Apache-2.0
// The corner of JOSE that step-ca's tokens and provisioner keys need: JWS compact with ES256 (RFC
// 7515, RFC 7518 section 3.4), JWK for P-256 (RFC 7517) with thumbprint (RFC 7638), JWE compact
// with PBES2-HS256+A128KW and A256GCM (RFC 7516, RFC 7518 sections 4.8 and 5.3).
#pragma once

#include <jansson.h>

#include "base/secret.h"
#include "pki/key.h"

enum {
	JWK_THUMBPRINT_CHARS = 43,
	JWS_ES256_BYTES = 64, // r || s
	JWS_MAX_BYTES = 64 * 1024,
	JWE_MAX_BYTES = 64 * 1024,
	JWE_P2C_MAX = 1000000, // beyond it a hostile server could burn our CPU; go-jose's limit too
	JWE_P2C_MIN = 1000,    // RFC 7518 section 4.8.1.2
	JWE_KEK_BYTES = 16,
};

// --- JWS ---
// Appends header.payload.signature. header and claims are borrowed JSON objects, written compact in
// their own order; header must say "alg":"ES256". key: P-256 private.
enum err ERR_MUST_CHECK jws_sign(struct buf *out, const json_t *header, const json_t *claims,
				 EVP_PKEY *key);
// The same with {"alg":"ES256","kid":kid,"typ":"JWT"}.
enum err ERR_MUST_CHECK jws_sign_token(struct buf *out, const char *kid, const json_t *claims,
				       EVP_PKEY *key);

// A token taken apart; nothing in it is verified until jws_verify says so.
struct jws {
	json_t *header;	      // an object
	json_t *claims;	      // the payload as an object
	struct buf text;      // the whole token
	size_t n_signed;      // length of "header.payload" in it
	struct buf payload;   // decoded bytes
	struct buf signature; // decoded bytes, any length
};

void jws_free(struct jws *jws);
AUTO_DEFINE(struct jws *, jws_free)
// Three base64url parts without padding, header and payload JSON objects. ERR_SYNTAX with the
// place.
enum err ERR_MUST_CHECK jws_parse(struct jws **out, struct bytes compact, struct why *why);
// header.alg is ES256, there are no critical extensions, the signature has 64 bytes and is by this
// P-256 key. ERR_UNAUTHORIZED with why.
enum err ERR_MUST_CHECK jws_verify(const struct jws *jws, EVP_PKEY *key, struct why *why);
// String members; NULL when absent or not a string. Borrowed.
const char *jws_header_str(const struct jws *jws, const char *name);
const char *jws_claim_str(const struct jws *jws, const char *name);

// --- JWK ---
// The public key as {"kty","crv","x","y"}; new reference, NULL when the key is not P-256.
json_t *jwk_from_key(const EVP_PKEY *key);
// A public JWK from JSON; members other than kty, crv, x, y are ignored. ERR_SYNTAX /
// ERR_UNSUPPORTED / ERR_CRYPTO.
enum err ERR_MUST_CHECK jwk_to_key(EVP_PKEY **out, const json_t *jwk, struct why *why);
// base64url SHA-256 of the canonical members: step-ca's kid.
enum err ERR_MUST_CHECK jwk_thumbprint(char out[static JWK_THUMBPRINT_CHARS + 1],
				       const EVP_PKEY *key);
// The private key as step's tools write it:
// {"use":"sig","kty","kid","crv","alg":"ES256","x","y","d"}, kid = thumbprint.
enum err ERR_MUST_CHECK jwk_private_to_text(struct secret *out, const EVP_PKEY *key);
// Such a text, or any flat JWK of kty EC, crv P-256 with x, y, d. No copy of d stays in memory
// outside *out.
enum err ERR_MUST_CHECK jwk_private_from_text(EVP_PKEY **out, const struct secret *text,
					      struct why *why);

// --- JWE: takes p2c rounds of HMAC-SHA256, tens of milliseconds: never on an event loop thread ---
// cty: e.g. "jwk+json". p2c from JWE_P2C_MIN to JWE_P2C_MAX. Appends the compact form.
enum err ERR_MUST_CHECK jwe_seal(struct buf *out, struct bytes plaintext, struct bytes password,
				 uint32_t p2c, const char *cty);
// ERR_SYNTAX: not such a JWE. ERR_UNSUPPORTED: another alg or enc, or p2c out of bounds (says
// which). ERR_UNAUTHORIZED: the password is wrong. ERR_CRYPTO: the content was altered.
enum err ERR_MUST_CHECK jwe_open(struct secret *out, struct bytes compact, struct bytes password,
				 struct why *why);
// The key encryption key of RFC 7518 section 4.8.1.1 for alg PBES2-HS256+A128KW; the caller
// cleanses it.
enum err ERR_MUST_CHECK jwe_derive_kek(uint8_t out[static JWE_KEK_BYTES], struct bytes password,
				       struct bytes p2s, uint32_t p2c);

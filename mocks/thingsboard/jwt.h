// SPDX-License-Identifier: Apache-2.0
// JSON Web Tokens as ThingsBoard issues them: JWS compact with HS512 (RFC 7515, RFC 7518 3.2).
#pragma once

#include <jansson.h>

#include "base/buf.h"

#define JWT_KEY_BYTES 64

struct jwt_key {
	uint8_t bytes[JWT_KEY_BYTES];
};

// A new random key.
enum err ERR_MUST_CHECK jwt_key_init(struct jwt_key *key);
void jwt_key_fini(struct jwt_key *key);
// Appends header.claims.signature.
enum err ERR_MUST_CHECK jwt_sign(struct buf *out, const struct jwt_key *key, const json_t *claims);
// ERR_SYNTAX: not a JWT signed with HS512. ERR_UNAUTHORIZED: not by this key. *claims: new
// reference, an object; dates in it are not looked at.
enum err ERR_MUST_CHECK jwt_verify(json_t **claims, const struct jwt_key *key, struct bytes token);

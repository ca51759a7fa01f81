// SPDX-License-Identifier: Apache-2.0
// JWK provisioners: who may ask for certificates. The private half of each key exists only inside
// its encryptedKey, as on a real step-ca.
#pragma once

#include "base/secret.h"
#include "pki/jose.h"

#define PROVISIONER_UID_CHARS 40

// Content of the OID 1.3.6.1.4.1.37476.9000.64.1: the extension that tells a renewal which
// provisioner it was.
extern const struct bytes step_extension_oid;

struct provisioner {
	char *name;
	char *kid;
	EVP_PKEY *key;			     // public
	char *encrypted_key;		     // compact JWE; NULL: not published
	char uid[PROVISIONER_UID_CHARS + 1]; // place in the paged list
	char *json;			     // as listed
	struct buf step_extension; // value of the extension in its leaves (contracts/step-ca.md 7)
};

struct provisioners {
	struct provisioner *items;
	size_t n;
};

void provisioners_fini(struct provisioners *l);
// Adds one with a new key, sealed with the password (100,000 rounds: takes 20 ms). ERR_CONFLICT:
// the name is taken.
enum err ERR_MUST_CHECK provisioners_add(struct provisioners *l, const char *name,
					 const struct secret *password, struct why *why);
// provisioner.json: an array of provisioner objects as the API lists them. The password must open
// the keys.
enum err ERR_MUST_CHECK provisioners_load(struct provisioners *l, const char *path,
					  const struct secret *password, struct why *why);
enum err ERR_MUST_CHECK provisioners_save(const struct provisioners *l, const char *path,
					  struct why *why);

// NULL: none.
const struct provisioner *provisioners_by_name(const struct provisioners *l, struct bytes name);
// By name and kid, as tokens name them.
const struct provisioner *provisioners_by_token(const struct provisioners *l, const char *issuer,
						const char *kid);
// The one whose encryptedKey has this kid; only published keys are found.
const struct provisioner *provisioners_by_kid(const struct provisioners *l, const char *kid);

// Appends the body of GET /provisioners. cursor: "" = from the start. limit: <= 0 is 20, at most
// 100.
enum err ERR_MUST_CHECK provisioners_write_page(struct buf *out, const struct provisioners *l,
						const char *cursor, int64_t limit);

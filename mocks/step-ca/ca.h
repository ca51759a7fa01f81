// SPDX-License-Identifier: Apache-2.0
// The certificates and keys of the CA: root -> intermediate -> tenant Sub-CA, which issues the
// leaves.
#pragma once

#include "pki/cert.h"

struct ca_level {
	X509 *cert;
	EVP_PKEY *key;
	struct buf pem; // of cert
};

struct ca {
	struct ca_level root;
	struct ca_level intermediate;
	struct ca_level sub;
	struct cert_ca *issuer; // the Sub-CA, ready to sign
	// Prepared pieces of answers: between the two copies of the leaf, and behind the second.
	struct buf middle;
	struct buf tail;
	struct buf short_tail; // without the intermediate
	char root_fingerprint[CERT_FINGERPRINT_CHARS + 1];
	char sub_fingerprint[CERT_FINGERPRINT_CHARS + 1];
};

// A new chain, valid from now (seconds since the epoch). name: prefix of the subjects.
enum err ERR_MUST_CHECK ca_new(struct ca **out, const char *name, int64_t now);
// The chain from a folder: root_ca.crt, intermediate_ca.crt, sub_ca.crt and a file *_ca_key (0600)
// for each. Made and written when root_ca.crt is not there. ERR_INPUT: files that do not fit
// together, named in why.
enum err ERR_MUST_CHECK ca_open(struct ca **out, const char *dir, const char *name, int64_t now,
				struct why *why);
void ca_free(struct ca *ca);
AUTO_DEFINE(struct ca *, ca_free)

// Sub-CA and intermediate, as a leaf's holder presents them behind it.
enum err ERR_MUST_CHECK ca_write_issuers_pem(struct buf *out, const struct ca *ca);
// The answer of sign, renew and rekey (contracts/step-ca.md 4) for a leaf in DER.
// without_intermediate: the chain ends with the Sub-CA.
enum err ERR_MUST_CHECK ca_write_answer(struct buf *out, const struct ca *ca, struct bytes leaf_der,
					bool without_intermediate);

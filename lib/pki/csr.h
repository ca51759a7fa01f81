// SPDX-License-Identifier: Apache-2.0
// PKCS#10 certificate requests (RFC 2986): cheap to make for P-256 keys, safe to read from
// strangers.
#pragma once

#include "pki/key.h"
#include "pki/san.h"

enum {
	CSR_MAX_BYTES = 32 * 1024, // what csr_parse looks at, PEM or DER
};

// --- making one ---
struct csr_options {
	const char *cn;		     // NULL or "": empty subject
	const struct san_list *sans; // NULL or empty: no extension request
};
// Appends PEM ("CERTIFICATE REQUEST", 64 columns, final newline) / DER. key: P-256 private.
enum err ERR_MUST_CHECK csr_create_pem(struct buf *out, EVP_PKEY *key, const struct csr_options *o);
enum err ERR_MUST_CHECK csr_create_der(struct buf *out, EVP_PKEY *key, const struct csr_options *o);

// --- reading one ---
enum key_kind { KEY_KIND_EC, KEY_KIND_ED25519, KEY_KIND_RSA, KEY_KIND_OTHER };

struct csr {
	EVP_PKEY *key; // public
	enum key_kind kind;
	char curve[32]; // "P-256", "P-384", ...; OpenSSL's name for others; "" unless EC
	int bits;
	char *cn; // NULL: none. The last one when there are several, as Go reads it
	size_t n_cn;
	struct san_list sans;	      // of all extension requests
	struct buf der;		      // the request itself
	uint8_t sha256[SHA256_BYTES]; // of der
	struct bytes info;	      // signed part; points into der
	struct bytes algorithm;	      // AlgorithmIdentifier; points into der
	struct bytes signature;	      // points into der
};

void csr_free(struct csr *csr);
AUTO_DEFINE(struct csr *, csr_free)
// text: PEM (its first block decides, whatever its label; text around it is ignored) or bare DER.
// The signature is not checked here. ERR_SYNTAX: why says "not PEM" or "not a PKCS#10 request" with
// the place.
enum err ERR_MUST_CHECK csr_parse(struct csr **out, struct bytes text, struct why *why);
// Proof of possession. ERR_CRYPTO: "self-signature does not verify ...".
enum err ERR_MUST_CHECK csr_verify(const struct csr *csr, struct why *why);
// P-256, P-384, Ed25519, RSA >= 2048; ERR_UNSUPPORTED names what came and what is accepted.
enum err ERR_MUST_CHECK csr_check_key(const struct csr *csr, struct why *why);
// All rules of contracts/bridge.md for a device's CSR: signature, key, CN = id, SANs none or
// exactly the id. ERR_INPUT; the text starts with "Invalid CSR: " and says how to mend it.
enum err ERR_MUST_CHECK csr_check_for_device(const struct csr *csr, const char *id,
					     struct why *why);
// csr_parse and csr_check_for_device in one; every failure is ERR_INPUT and starts with "Invalid
// CSR: ".
enum err ERR_MUST_CHECK csr_open_for_device(struct csr **out, struct bytes text, const char *id,
					    struct why *why);

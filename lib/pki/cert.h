// SPDX-License-Identifier: Apache-2.0
// X.509 certificates (RFC 5280): issuing (roots, CAs, leaves; written as DER directly, because
// OpenSSL's builder costs nine times as much) and reading. Times are Unix seconds.
#pragma once

#include "pki/key.h"
#include "pki/pem.h"
#include "pki/san.h"

// --- issuing ---
enum { CERT_SERIAL_BYTES = 16 };

struct cert_extension {
	struct bytes oid; // content of the OBJECT IDENTIFIER, without tag and length
	bool critical;
	struct bytes value; // content of the OCTET STRING
};

struct cert_template {
	const char *cn;		  // subject CN; NULL or "": none
	const char *organization; // subject O before the CN, or NULL
	struct bytes subject_der; // whole subject Name instead of the two above
	EVP_PKEY *key; // subject's public key, any type; cert_issue_root: the P-256 private key
	int64_t not_before;
	int64_t not_after;
	const struct san_list *sans; // NULL or empty: none
	unsigned key_usage;	// OpenSSL's KU_DIGITAL_SIGNATURE, KU_KEY_CERT_SIGN, ...; 0: none
	unsigned ext_key_usage; // OpenSSL's XKU_SSL_SERVER, XKU_SSL_CLIENT; 0: none
	bool is_ca;		// basicConstraints CA:TRUE; without it no basicConstraints
	int path_len;		// with is_ca; < 0: unlimited
	const struct cert_extension *extra;
	size_t n_extra;
	// Whole content of the Extensions SEQUENCE (encoded extensions, one after the other)
	// instead of all that the fields above would write. For renewals, which copy what was
	// there.
	struct bytes extensions_der;
	const uint8_t *serial; // CERT_SERIAL_BYTES, or NULL: random
};

// An issuer with everything prepared: name, key id, key.
struct cert_ca;

// cert and key are referenced; they must belong together and the key must be P-256 (ERR_INPUT).
enum err ERR_MUST_CHECK cert_ca_new(struct cert_ca **out, X509 *cert, EVP_PKEY *key,
				    struct why *why);
void cert_ca_free(struct cert_ca *ca);
AUTO_DEFINE(struct cert_ca *, cert_ca_free)
X509 *cert_ca_cert(const struct cert_ca *ca);	 // borrowed
EVP_PKEY *cert_ca_key(const struct cert_ca *ca); // borrowed
// The authorityKeyIdentifier extension, encoded, that this issuer writes.
struct bytes cert_ca_aki(const struct cert_ca *ca);

// Appends the certificate's DER. Extensions in step-ca's order: key usage, extended key usage,
// [basic constraints,] subject key id (SHA-1 of the key bits), authority key id, SANs, extra.
// ECDSA-SHA256. ERR_INPUT: a text cannot be encoded, or not_after before not_before.
enum err ERR_MUST_CHECK cert_issue_der(struct buf *out, const struct cert_ca *ca,
				       const struct cert_template *t);
// The same as an object; costs a parse more.
enum err ERR_MUST_CHECK cert_issue(X509 **out, const struct cert_ca *ca,
				   const struct cert_template *t);
// Self-signed with t->key.
enum err ERR_MUST_CHECK cert_issue_root(X509 **out, const struct cert_template *t);

// Appends the encoded subjectKeyIdentifier extension of a key (SHA-1 of its bits).
enum err ERR_MUST_CHECK cert_write_subject_key_id(struct buf *out, const EVP_PKEY *key);

// --- PEM ---
enum err ERR_MUST_CHECK cert_to_pem(struct buf *out, const X509 *cert);
enum err ERR_MUST_CHECK cert_chain_to_pem(struct buf *out, const STACK_OF(X509) * chain);
// The first certificate of a PEM text. ERR_SYNTAX with why.
enum err ERR_MUST_CHECK cert_from_pem(X509 **out, struct bytes pem, struct why *why);
// All of them in order, at least one; free with x509_stack_free. Blocks of other kinds are skipped.
enum err ERR_MUST_CHECK cert_chain_from_pem(STACK_OF(X509) * *out, struct bytes pem,
					    struct why *why);

// --- reading ---
#define CERT_FINGERPRINT_CHARS 64
#define CERT_SERIAL_CHARS      49 // decimal digits of 160 bits
// Lower-case hex SHA-256 of the DER.
enum err ERR_MUST_CHECK cert_fingerprint(char out[static CERT_FINGERPRINT_CHARS + 1],
					 const X509 *cert);
enum err ERR_MUST_CHECK cert_sha256(uint8_t out[static SHA256_BYTES], const X509 *cert);
// The serial number in decimal, as step-ca's API has it. ERR_TOO_LARGE beyond RFC 5280's 20 bytes.
enum err ERR_MUST_CHECK cert_serial(char out[static CERT_SERIAL_CHARS + 1], const X509 *cert);
// Subject CN, UTF-8, terminated heap copy the caller frees; *out NULL when there is none. With
// several: the last.
enum err ERR_MUST_CHECK cert_cn(char **out, const X509 *cert);
// Appends the SANs to out (initialised); none is fine.
enum err ERR_MUST_CHECK cert_sans(struct san_list *out, const X509 *cert);
enum err ERR_MUST_CHECK cert_validity(int64_t *not_before, int64_t *not_after, const X509 *cert);
bool cert_is_valid_at(const X509 *cert, int64_t now);
// The certificate's public key is that of `key`.
bool cert_matches_key(const X509 *cert, const EVP_PKEY *key);
// SHA-256 of the SubjectPublicKeyInfo.
enum err ERR_MUST_CHECK cert_public_sha256(uint8_t out[static SHA256_BYTES], const X509 *cert);

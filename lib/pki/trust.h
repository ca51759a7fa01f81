// SPDX-License-Identifier: Apache-2.0
// Chain verification at a given time, in OpenSSL's words. A struct trust is built once and shared;
// it may be used by several threads at once.
#pragma once

#include "pki/cert.h"

enum trust_purpose {
	TRUST_ANY,
	TRUST_SERVER, // extended key usage must allow serverAuth
	TRUST_CLIENT,
};

struct trust;

// anchors_pem: one or more certificates that are trusted as they are (also non-roots). ERR_SYNTAX.
enum err ERR_MUST_CHECK trust_new(struct trust **out, struct bytes anchors_pem, struct why *why);
// From one certificate, which is referenced.
enum err ERR_MUST_CHECK trust_new_from_cert(struct trust **out, X509 *anchor);
void trust_free(struct trust *t);
AUTO_DEFINE(struct trust *, trust_free)

// Verifies leaf at time `now` (Unix seconds); untrusted (may be NULL) supplies issuers, in any
// order. ERR_CRYPTO: why holds OpenSSL's words, the depth and the subject it stumbled over.
enum err ERR_MUST_CHECK trust_verify(const struct trust *t, X509 *leaf, STACK_OF(X509) * untrusted,
				     int64_t now, enum trust_purpose purpose, struct why *why);

// True when one of the certificates has this SHA-256 fingerprint (64 hex digits, either case); it
// is then returned borrowed in *found (may be NULL).
bool trust_find_fingerprint(X509 **found, const STACK_OF(X509) * certs, const char *fingerprint);
// Verifies that leaf chains, through `others` (which must hold the pinned certificate), to the
// certificate with this fingerprint: a root or a Sub-CA, but always a CA. ERR_CRYPTO or
// ERR_NOT_FOUND with why.
enum err ERR_MUST_CHECK trust_verify_pinned(X509 *leaf, STACK_OF(X509) * others,
					    const char *fingerprint, int64_t now, struct why *why);

// The certificate names this host (dNSName) or IP literal (iPAddress). ERR_CRYPTO names both sides.
enum err ERR_MUST_CHECK trust_check_host(X509 *cert, const char *host, struct why *why);

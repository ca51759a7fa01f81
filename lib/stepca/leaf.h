// SPDX-License-Identifier: Apache-2.0
// The short way to check a leaf by an issuer that is known already: its DER is read directly,
// because OpenSSL 3.0 spends twice a signature's cost on building a decoder for every public key it
// parses. It says yes only to what it understands in full; everything else goes the long way, which
// also finds the words for a no.
#pragma once

#include "pki/ossl.h"
#include "pki/san.h"

struct known_issuer {
	EVP_PKEY *key;	    // P-256; NULL = nobody is known
	struct buf subject; // DER Name
};

// Keeps what is needed of cert; nothing when its key is of another kind.
enum err ERR_MUST_CHECK known_issuer_set(struct known_issuer *i, const X509 *cert);
void known_issuer_fini(struct known_issuer *i);

enum { LEAF_SERIAL_MAX = 20 }; // RFC 5280 section 4.1.2.2

struct leaf_facts {
	uint8_t serial[LEAF_SERIAL_MAX]; // big-endian, positive
	size_t serial_n;
	int64_t not_before;
	int64_t not_after;
};

// True: der is a certificate issued and signed by `issuer`, for this P-256 public key, with exactly
// this CN and these names and no critical extension that a leaf should not have. Times are read,
// not judged.
bool leaf_is_for(struct leaf_facts *out, struct bytes der, const struct known_issuer *issuer,
		 const EVP_PKEY *key, const char *cn, const struct san_list *sans);

// UTCTime or GeneralizedTime as DER wants it (RFC 5280 section 4.1.2.5). ERR_SYNTAX.
enum err ERR_MUST_CHECK leaf_read_time(int64_t *out, uint8_t tag, struct bytes text);

// SPDX-License-Identifier: Apache-2.0
// What step-ca answers: errors in words, certificates checked before anybody believes them
// (contracts/step-ca.md 4, 9, 14). No I/O, no clock.
#pragma once

#include "net/http_client.h"
#include "pki/trust.h"
#include "stepca/leaf.h"
#include "stepca/stepca.h"

// Turns an answer into an outcome. `what` names the call ("sign"), `expected` is its status of
// success.
void stepca_judge(struct stepca_outcome *out, const char *url, const char *what, int expected,
		  const struct http_answer *answer);

// Who may have issued: the root, and the issuers that were verified to it last.
struct issuers {
	const struct trust *root; // borrowed
	const char *pin;	  // fingerprint that must be among root and issuers
	bool pin_is_root;
	char *pem;		   // certChain without the leaf, as it was verified
	struct known_issuer first; // of it
	int64_t not_after;	   // the earliest of it
};
void issuers_fini(struct issuers *i);

// What the certificate has to be.
struct expected_leaf {
	const EVP_PKEY *key; // its public half
	const char *subject;
	const char *const *sans; // NULL-terminated; NULL = the subject; host names and IP addresses
};

// An answer taken apart; stepca_certificate's members point into it.
struct checked_answer {
	struct buf chain_pem;
	char serial[CERT_SERIAL_CHARS + 1];
	struct stepca_certificate cert;
};
void checked_answer_fini(struct checked_answer *a);

// Reads a sign or renew answer. ERR_UPSTREAM_FAULT: not such an answer. ERR_UPSTREAM_REFUSED: a
// certificate that is not what was asked for, or not by the pinned CA. out is initialised here.
enum err ERR_MUST_CHECK checked_answer_read(struct checked_answer *out, struct issuers *issuers,
					    const struct expected_leaf *want, const json_t *body,
					    int64_t now, struct why *why);

// SPDX-License-Identifier: Apache-2.0
// A CA with step-ca's interface on 127.0.0.1, misbehaving on demand, in the loop of the test.
// Chain: root -> intermediate -> Sub-CA -> leaf. Every token is verified with the provisioner's key
// and its jti noted.
#pragma once

#include <uv.h>

#include "net/http_server.h"
#include "pki/cert.h"
#include "stepca/stepca.h"

#define FAKE_PASSWORD "open sesame"

enum { FAKE_SCRIPT_MAX = 8, FAKE_TOKENS_MAX = 64 };

enum fake_answer {
	FAKE_GOOD,
	FAKE_OTHER_KEY,	 // a certificate for another key
	FAKE_OTHER_NAME, // for another subject
	FAKE_OTHER_ROOT, // by an unknown CA
	FAKE_NOT_JSON,	 // 201 and nonsense
	FAKE_HANG,	 // no answer
	FAKE_STATUS,	 // any value from here on is this status
};

struct fake_authority {
	EVP_PKEY *key;
	X509 *cert;
	struct cert_ca *ca;
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
};

struct fake_ca {
	uv_loop_t *loop;
	struct http_server *server;
	struct tls_server *tls;
	char url[96];
	struct fake_authority root;
	struct fake_authority intermediate;
	struct fake_authority sub;
	struct fake_authority rogue; // a root of somebody else
	EVP_PKEY *key;		     // the provisioner's
	char kid[64];
	struct buf encrypted_key;
	// What to do with the n-th sign request; afterwards FAKE_GOOD.
	int sign_script[FAKE_SCRIPT_MAX];
	const char *message; // in error bodies; NULL = a plain one
	int revoke_status;
	bool rotate_on_401;   // the provisioner gets a new key when a 401 is answered
	bool second_page;     // the provisioner is on the second page
	bool list_rogue_only; // GET /roots tells the rogue root
	// What came.
	unsigned n_root;
	unsigned n_provisioners;
	unsigned n_sign;
	unsigned n_revoke;
	unsigned n_bad_tokens;
	char *jtis[FAKE_TOKENS_MAX];
	unsigned n_jtis;
	unsigned n_repeated_jtis;
	char last_audience[128];
	char last_subject[80];
};

// chain: what the server presents: 's' leaf by the Sub-CA, 'r' leaf by the rogue root; then 'S'
// Sub-CA, 'I' intermediate.
void fake_ca_start(struct fake_ca *ca, uv_loop_t *loop, const char *chain);
// Handles close on the next loop turns.
void fake_ca_stop(struct fake_ca *ca);
void fake_ca_rotate(struct fake_ca *ca);

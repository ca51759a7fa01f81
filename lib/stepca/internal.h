// SPDX-License-Identifier: Apache-2.0
// What the files of this library share. stepca.c owns the objects and the life of a call, calls.c
// the kinds of call, load.c brings root and provisioner key, pin.c the trust behind a Sub-CA's
// fingerprint.
#pragma once

#include "base/rng.h"
#include "net/stream.h"
#include "pki/csr.h"
#include "stepca/answer.h"
#include "stepca/stepca.h"
#include "stepca/token.h"

enum {
	STEPCA_BUDGET_MS = 10000,
	STEPCA_ANSWER_MAX = 512 * 1024,
};

struct pin_search;
struct key_job;

// One load at a time; everybody who needs it waits for the same one.
struct loader {
	const struct load_step *step; // NULL = idle
	struct http_call *http;
	struct pin_search *pin;
	struct key_job *job;
	char *cursor; // of the next page of provisioners
	unsigned pages;
	char *encrypted_key; // of the provisioner that was found
	char *kid;
	EVP_PKEY *public_key;
};

struct stepca {
	uv_loop_t *loop;
	struct http_client *http;
	struct log log;
	struct rng rng;
	unsigned refs; // owner, open handles, helper thread jobs
	bool closing;
	char *url; // without a trailing slash, host in lower case
	char *provisioner;
	char *sign_audience;
	char *revoke_audience;
	char pin[CERT_FINGERPRINT_CHARS + 1];
	const struct secret *password;
	unsigned budget_ms;

	struct tls_client
		*tls; // verifies against the root or the pinned Sub-CA; NULL until trust stands
	bool pin_is_root;
	char *root_pem;
	char root_fingerprint[CERT_FINGERPRINT_CHARS + 1];
	struct trust *root;
	struct issuers issuers;

	EVP_PKEY *key; // the provisioner's; NULL until opened
	char *kid;
	char *encrypted_key;  // what `key` was opened from: unchanged = not opened again
	unsigned key_version; // grows with every load
	bool key_doubted;     // a token was refused: load before the next use
	struct loader loader;

	struct stepca_call *calls;
	struct stepca_call *waiting; // for the loader
};

void stepca_unref(struct stepca *ca);

// --- calls ---
struct call_kind {
	const char *name; // "sign", for messages
	const char *path; // below the CA's URL; NULL = loading is all
	int expected;	  // status of success
	bool needs_key;	  // the provisioner's; false: trust is enough
	// Writes the body; NULL = none.
	enum err (*write_body)(struct stepca_call *call, struct buf *out);
	// The CA said yes: checks and keeps what it gave. May be NULL.
	enum err (*read_answer)(struct stepca_call *call, const struct http_answer *answer,
				struct why *why);
	// The CA said no: true when that is success too. May be NULL.
	bool (*forgives)(const struct stepca_call *call, const struct http_answer *answer);
};

struct stepca_call {
	struct stepca *ca;
	const struct call_kind *kind;
	struct stepca_call *prev; // in ca->calls
	struct stepca_call *next;
	struct stepca_call *wait_prev; // in ca->waiting
	struct stepca_call *wait_next;
	bool is_waiting;
	bool is_done;
	bool key_was_reloaded;
	bool reuse_failed; // a kept connection had died: the next attempt takes a fresh one
	uv_timer_t timer;
	uint64_t deadline_ns;
	unsigned failures; // attempts that may be repeated, so far
	unsigned key_version;
	struct http_call *http;
	struct tls_client *own_tls; // renew: with the device's certificate

	char *subject; // or the serial to revoke
	char **sans;   // NULL-terminated, or NULL
	char *not_after;
	char *reason;
	struct csr *own_csr;
	const struct csr *csr;
	const EVP_PKEY *leaf_key; // that the certificate must carry
	EVP_PKEY *own_key;

	struct checked_answer answer;
	stepca_sign_fn *sign_done;
	stepca_ready_fn *ready_done;
	void *ctx;
};

// A call that waits for nothing yet; NULL when memory is out.
struct stepca_call *stepca_call_new(struct stepca *ca, const struct call_kind *kind, void *ctx);
// Begins it. On an error the call is gone.
enum err ERR_MUST_CHECK stepca_call_begin(struct stepca_call **out, struct stepca_call *call);
// The loader is through with an outcome; calls that wait go on.
void stepca_wake_waiting(struct stepca *ca, const struct stepca_outcome *outcome);

// --- loading ---
bool load_has_trust(const struct stepca *ca);
bool load_has_key(const struct stepca *ca);
// Starts the loader unless it runs. It ends with stepca_wake_waiting(), never from inside this
// call.
enum err ERR_MUST_CHECK load_start(struct stepca *ca, struct why *why);
void load_cancel(struct stepca *ca);
// Makes `root` the anchor; tls is taken over.
enum err ERR_MUST_CHECK load_set_root(struct stepca *ca, X509 *root, struct tls_client *take_tls,
				      bool pin_is_root, struct why *why);

// --- a Sub-CA's fingerprint ---
typedef void pin_done_fn(struct stepca *ca, const struct stepca_outcome *outcome);
// Finds the root behind ca->pin when that is not a root's, and calls load_set_root.
enum err ERR_MUST_CHECK pin_search_start(struct pin_search **out, struct stepca *ca,
					 pin_done_fn *done, struct why *why);
void pin_search_cancel(struct pin_search *s);

// SPDX-License-Identifier: Apache-2.0
// Non-blocking client of a step-ca with a JWK provisioner (contracts/step-ca.md): trust from a
// fingerprint, provisioner key, one-time tokens, sign, renew, revoke. One loop thread; callbacks
// come from the loop, never from inside the call that starts the work. PBES2 is opened on libuv's
// thread pool.
#pragma once

#include <openssl/evp.h>
#include <uv.h>

#include "base/log.h"
#include "base/secret.h"
#include "net/http_client.h"

struct stepca;
struct stepca_call;
struct csr;

struct stepca_options {
	const char
		*url; // "https://host:port"; the host must be one of the CA's dnsNames, lower case
	const char *fingerprint; // SHA-256 in hex (64 digits, either case) of the root's or of the
				 // Sub-CA's DER
	const char *provisioner; // name of a JWK provisioner
	const struct secret *password; // of its encryptedKey; borrowed as long as the client lives
	unsigned budget_ms;	       // for one call with all its retries; 0 = 10000
	uint64_t jitter_seed;	       // for the backoff
	const struct log *log;	       // borrowed; NULL = silent
};

enum err ERR_MUST_CHECK stepca_new(struct stepca **out, uv_loop_t *loop, struct http_client *http,
				   const struct stepca_options *o, struct why *why);
// Cancels all calls without callbacks. The memory goes when the last handle and helper thread job
// is done.
void stepca_free(struct stepca *ca);

// How a call ended. err: UPSTREAM_DOWN (refused, DNS), TLS (untrusted or not TLS; why says which),
// UPSTREAM_FAULT (5xx), UPSTREAM_REFUSED (4xx, with the CA's message; or an answer that does not
// fit the request), UNSUPPORTED (501: revocation without a database), TIMEOUT (the budget is used
// up), UNAUTHORIZED (the password does not open the provisioner's key), NOT_FOUND (no such
// provisioner).
struct stepca_outcome {
	enum err err;
	struct why why;
	int status; // last HTTP status of the CA; 0 = none
};

// Loads root and provisioner key unless they are there. For start-up and readiness.
typedef void stepca_ready_fn(const struct stepca_outcome *outcome, void *ctx);
enum err ERR_MUST_CHECK stepca_load(struct stepca_call **out, struct stepca *ca,
				    stepca_ready_fn *done, void *ctx);
bool stepca_is_loaded(const struct stepca *ca);
// The root in PEM (one certificate); NULL until the first call got it.
const char *stepca_root_pem(const struct stepca *ca);
// Its fingerprint, lower-case hex; NULL until then. Differs from the configured one when that is a
// Sub-CA's.
const char *stepca_root_fingerprint(const struct stepca *ca);

// A certificate as it came, checked: the leaf's key is the CSR's, its names are the ones asked for,
// the chain leads to the pinned root. Borrowed during the callback.
struct stepca_certificate {
	struct bytes chain_pem;	  // leaf, Sub-CA, intermediate(s); terminated
	struct bytes leaf_pem;	  // the first one in it
	struct bytes issuers_pem; // the others; may be empty
	const char *serial;	  // decimal
	int64_t not_before;	  // seconds since the epoch
	int64_t not_after;
};

// cert is NULL unless outcome->err is ERR_OK.
typedef void stepca_sign_fn(const struct stepca_outcome *outcome,
			    const struct stepca_certificate *cert, void *ctx);

struct stepca_sign_request {
	struct bytes csr_pem;	 // used when csr is NULL
	const struct csr *csr;	 // parsed already: borrowed until the call ended
	const char *subject;	 // becomes the CN
	const char *const *sans; // NULL-terminated; NULL = only the subject
	const char *not_after;	 // RFC 3339 or Go duration ("1h"); NULL = the CA's default
};

// POST /1.0/sign with a fresh token for each attempt. One retry after a refused token (401), with
// the key loaded anew; jittered backoff within the budget for connect failures (one retry) and 5xx.
enum err ERR_MUST_CHECK stepca_sign(struct stepca_call **out, struct stepca *ca,
				    const struct stepca_sign_request *r, stepca_sign_fn *done,
				    void *ctx);

// POST /1.0/renew over mutual TLS: same key and names, new serial. chain_pem: the old certificate,
// leaf first.
enum err ERR_MUST_CHECK stepca_renew(struct stepca_call **out, struct stepca *ca,
				     struct bytes chain_pem, EVP_PKEY *key, stepca_sign_fn *done,
				     void *ctx);

// POST /1.0/revoke. "Already revoked" is success.
enum err ERR_MUST_CHECK stepca_revoke(struct stepca_call **out, struct stepca *ca,
				      const char *serial_decimal, const char *reason,
				      stepca_ready_fn *done, void *ctx);

// done will not be called. The CA may act on the request nevertheless.
void stepca_call_cancel(struct stepca_call *call);

// SPDX-License-Identifier: Apache-2.0
// What the endpoints of the authority share. authority.c owns the object and the life of the
// server, routes.c the table and the life of a request; each of the others is one endpoint.
#pragma once

#include "pki/csr.h"
#include "step-ca/authority.h"
#include "step-ca/ca.h"
#include "step-ca/ledger.h"
#include "step-ca/provisioner.h"
#include "step-ca/token.h"
#include "step-ca/validity.h"

enum endpoint {
	EP_HEALTH,
	EP_VERSION,
	EP_ROOT,
	EP_ROOTS,
	EP_FEDERATION,
	EP_ROOTS_PEM,
	EP_PROVISIONERS,
	EP_ENCRYPTED_KEY,
	EP_SIGN,
	EP_RENEW,
	EP_REKEY,
	EP_REVOKE,
	N_ENDPOINTS
};

struct authority {
	struct authority_options o;
	struct ca *ca;
	struct ca *stranger; // another CA, for the fault wrong-chain; made when first needed
	struct provisioners provisioners;
	struct token_rules rules;
	struct ledger *ledger;
	struct tls_server *tls;
	struct http_server *server;
	struct http_faults http;
	uv_timer_t renewal; // of the server certificate
	bool renewal_runs;
	uint64_t requests[N_ENDPOINTS];
	uint64_t tokens[TOKEN_REJECTED + 1]; // by verdict
	int64_t start_s;
};

// The body of a POST, read before the handler runs because faults and journal want to know the
// device.
struct post {
	bool is_read; // the body is JSON of the right shape
	json_t *json; // keeps the texts alive
	struct post_body {
		const char *csr;
		const char *ott;
		const char *not_before;
		const char *not_after;
		const char *serial;
		const char *reason;
		int64_t reason_code;
		bool passive;
	} body;
	struct jws *token; // of ott; NULL when it is none
};

// --- routes.c ---
extern const struct http_route authority_routes[];
extern const size_t authority_n_routes;
extern const struct http_error_style authority_errors;
bool authority_before(struct http_req *req, void *ctx);
bool authority_after(struct http_req *req, int status, void *ctx);
void authority_on_finish(struct http_req *req, int status, void *ctx);
// For the journal and for faults: the device that a request is about, or NULL.
const char *authority_device(struct http_req *req, void *ctx);
const char *authority_endpoint_name(enum endpoint endpoint);

// --- reply.c ---
// The body as Go's server sends it: chunked above 2 KiB.
void reply_body(struct http_req *req, int status, const char *content_type, struct bytes body);
void reply_json_text(struct http_req *req, int status, struct bytes json);
// {"status":n,"message":"..."}: ERR_SYNTAX 400, ERR_UNAUTHORIZED 401, ERR_FORBIDDEN 403,
// ERR_NOT_FOUND 404, ERR_UNSUPPORTED 501, others 500. Only 400 and 403 tell why's text.
void reply_error(struct http_req *req, enum err err, const struct why *why);
// The same with a message of its own instead of the usual one.
void reply_message(struct http_req *req, int status, const char *message);

// --- issue.c ---
// Issues what t says, spoils it if a semantic fault of `endpoint` fires, records it and answers
// 201.
void issue_and_reply(struct authority *a, struct http_req *req, const char *endpoint,
		     const char *subject, struct cert_template *t);
enum { ISSUE_N_FAULTS = 5 };
extern const struct fault_term issue_faults[ISSUE_N_FAULTS];

// --- the request's client certificate (verified by TLS); NULL: none. Borrowed ---
X509 *client_certificate(const struct http_req *req);
// Checks and uses up the one-time token of a POST. ERR_UNAUTHORIZED: it has replied.
enum err ERR_MUST_CHECK authorize_post(struct token *out, struct authority *a, struct http_req *req,
				       const struct post *post, enum token_use use);
// The CSR of a POST: present, readable by Go, self-signature. ERR_SYNTAX with step-ca's text.
enum err ERR_MUST_CHECK read_post_csr(struct csr **out, const struct post *post, struct why *why);
// The certificate that a bearer token for renewal proves; replies itself on failure. The caller
// frees *out.
bool renew_token_certificate(X509 **out, struct authority *a, struct http_req *req);

// --- handlers ---
http_handler health_get;
http_handler version_get;
http_handler root_get;
http_handler roots_get;
http_handler roots_pem_get;
http_handler provisioners_get;
http_handler encrypted_key_get;
http_handler sign_post;
http_handler renew_post;
http_handler rekey_post;
http_handler revoke_post;

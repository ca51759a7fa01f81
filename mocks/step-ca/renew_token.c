// SPDX-License-Identifier: Apache-2.0
// Renewal without mutual TLS: a bearer token signed with the certificate's key, which carries the
// chain in its header (contracts/step-ca.md 8).
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"
#include "pki/trust.h"
#include "step-ca/internal.h"

#define FAILED "error validating renew token"

enum {
	CERT_MAX = 64 * 1024,
	CHAIN_MAX = 10,
};

// The text behind "Bearer ", or NULL.
static const char *
bearer_of(const struct http_req *req)
{
	const char *value = http_req_header(req, "Authorization");
	const char *at = value ? strstr(value, "Bearer ") : NULL;
	return at ? at + strlen("Bearer ") : NULL;
}

static X509 *
decode_certificate(const json_t *text)
{
	BUF_AUTO struct buf der;
	buf_init(&der, CERT_MAX);
	if (!json_is_string(text) ||
	    base64_decode(&der, BYTES(json_string_value(text), json_string_length(text))))
		return NULL;
	const unsigned char *p = der.data;
	return d2i_X509(NULL, &p, (long)der.len);
}

static STACK_OF(X509) * read_chain(const struct jws *jws)
{
	const json_t *list = json_object_get(jws->header, "x5cInsecure");
	AUTO(x509_stack_free) STACK_OF(X509) *chain = sk_X509_new_null();
	size_t n = json_array_size(list);
	if (!chain || n == 0 || n > CHAIN_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		X509 *cert = decode_certificate(json_array_get(list, i));
		if (!cert || sk_X509_push(chain, cert) == 0) {
			X509_free(cert);
			return NULL;
		}
	}
	return STEAL(chain);
}

// step-ca looks at the chain as it was a minute before the leaf's end, so that expired ones can be
// judged too; and 0.19 asks for serverAuth.
static bool
chain_verifies(const struct authority *a, STACK_OF(X509) * chain)
{
	AUTO(trust_free) struct trust *trust = NULL;
	X509 *leaf = sk_X509_value(chain, 0);
	int64_t from;
	int64_t until;
	return cert_validity(&from, &until, leaf) == ERR_OK &&
	       trust_new_from_cert(&trust, a->ca->root.cert) == ERR_OK &&
	       trust_verify(trust, leaf, chain, until - SECONDS_PER_MINUTE, TRUST_SERVER, NULL) ==
		       ERR_OK;
}

// step-ca's admin errors have another shape than the others.
static void
reply_admin_error(struct http_req *req, const char *message)
{
	json_auto_t *body = json_pack("{s:s, s:s, s:s}", "type", "unauthorized", "detail",
				      "unauthorized", "message", message);
	AUTO(free) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const char *line = text ? arena_printf(http_req_arena(req), "%s\n", text) : NULL;
	reply_json_text(req, 401, BYTES_STR(line ? line : "{}\n"));
}

static bool
refuse(struct http_req *req, int status, const char *message)
{
	reply_message(req, status, message);
	return false;
}

// A panic in a Go handler ends the connection without an answer.
static void
panic_as_0_19_does(struct http_req *req)
{
	log_info(http_req_log(req), "request.panicked");
	http_req_abort(req, false);
}

static bool
check_claims(struct authority *a, struct http_req *req, const struct jws *jws, X509 *leaf)
{
	static const char *const time_messages[] = {
		[TOKEN_NOT_YET_VALID] = FAILED ": token not valid yet (nbf)",
		[TOKEN_EXPIRED] = FAILED ": token is expired (exp)",
		[TOKEN_FROM_THE_FUTURE] = FAILED ": token issued in the future (iat)",
	};
	AUTO(free) char *cn = NULL;
	const char *sub = jws_claim_str(jws, "sub");
	const char *iss = jws_claim_str(jws, "iss");
	if (cert_cn(&cn, leaf) || (cn && *cn && (!sub || strcmp(sub, cn) != 0)))
		return refuse(req, 401, FAILED ": invalid subject claim (sub)");
	enum token_time time = token_check_times(jws, clock_wall_ns());
	if (time != TOKEN_TIME_GOOD)
		return refuse(req, 401, time_messages[time]);
	if (!token_has_audience(&a->rules, jws, TOKEN_FOR_RENEW)) {
		panic_as_0_19_does(req);
		return false;
	}
	bool known = iss && (strcmp(iss, "step-ca-client/1.0") == 0 ||
			     provisioners_by_name(&a->provisioners, BYTES_STR(iss)));
	if (!known)
		reply_admin_error(req, FAILED ": invalid issuer claim (iss)");
	return known;
}

bool
renew_token_certificate(X509 **out, struct authority *a, struct http_req *req)
{
	AUTO(jws_free) struct jws *jws = NULL;
	const char *text = bearer_of(req);
	struct why why;
	*out = NULL;
	if (!text) {
		why_set(&why, ERR_SYNTAX, "missing client certificate");
		reply_error(req, ERR_SYNTAX, &why);
		return false;
	}
	AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
	if (jws_parse(&jws, BYTES_STR(text), NULL) == ERR_OK)
		chain = read_chain(jws);
	const json_t *list = jws ? json_object_get(jws->header, "x5cInsecure") : NULL;
	if (json_is_array(list) && json_array_size(list) == 0) {
		panic_as_0_19_does(req);
		return false;
	}
	if (!chain || !chain_verifies(a, chain))
		return refuse(req, 401, FAILED);
	X509 *leaf = sk_X509_value(chain, 0);
	if (jws_verify(jws, X509_get0_pubkey(leaf), NULL) || token_check_types(jws, NULL))
		return refuse(req, 500, FAILED);
	enum err err = token_burn(&a->rules, jws);
	if (err) {
		why_set(&why, err, "renew token: already used");
		reply_error(req, err == ERR_CONFLICT ? ERR_UNAUTHORIZED : ERR_INTERNAL, &why);
		return false;
	}
	if (!check_claims(a, req, jws, leaf))
		return false;
	X509_up_ref(leaf);
	*out = leaf;
	return true;
}

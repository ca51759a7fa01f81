// SPDX-License-Identifier: Apache-2.0
// The table of endpoints, and what happens around every request.
#include "step-ca/go_json.h"
#include "step-ca/internal.h"

#define BODY_MAX ((size_t)8 * 1024 * 1024) // the real one has no limit

#define FIELD(name, type, member)                                                                  \
	{                                                                                          \
		name, type, offsetof(struct post_body, member)                                     \
	}
static const struct go_field sign_fields[] = {
	FIELD("csr", GO_STRING, csr),
	FIELD("ott", GO_STRING, ott),
	FIELD("notBefore", GO_STRING, not_before),
	FIELD("notAfter", GO_STRING, not_after),
	{"templateData", GO_ANY, 0},
};
static const struct go_field rekey_fields[] = {FIELD("csr", GO_STRING, csr)};
static const struct go_field revoke_fields[] = {
	FIELD("serial", GO_STRING, serial),	  FIELD("ott", GO_STRING, ott),
	FIELD("reasonCode", GO_INT, reason_code), FIELD("reason", GO_STRING, reason),
	FIELD("passive", GO_BOOL, passive),
};

// By enum endpoint: the routes' names, which faults can sit on.
static const struct fault_term endpoint_terms[N_ENDPOINTS] = {
	[EP_HEALTH] = {"health",	 "GET /health"			      },
	[EP_VERSION] = {"version",	   "GET /version"			 },
	[EP_ROOT] = {"root",	     "GET /root/{fingerprint}"	      },
	[EP_ROOTS] = {"roots",	       "GET /roots"			   },
	[EP_FEDERATION] = {"federation",	 "GET /federation"			  },
	[EP_ROOTS_PEM] = {"roots.pem",     "GET /roots.pem"		       },
	[EP_PROVISIONERS] = {"provisioners",  "GET /provisioners"			},
	[EP_ENCRYPTED_KEY] = {"encrypted-key", "GET /provisioners/{kid}/encrypted-key"},
	[EP_SIGN] = {"sign",	     "POST /sign"				 },
	[EP_RENEW] = {"renew",	       "POST /renew (also /re-sign)"	    },
	[EP_REKEY] = {"rekey",	       "POST /rekey"			    },
	[EP_REVOKE] = {"revoke",	 "POST /revoke"			       },
};

const struct fault_vocabulary authority_vocabulary = {
	.on = endpoint_terms,
	.n_on = N_ENDPOINTS,
	.semantic = issue_faults,
	.n_semantic = ISSUE_N_FAULTS,
	.kinds = FAULT_KINDS_HTTP | FAULT_SEMANTIC,
	.status_min = 100,
	.status_max = 599,
};

// The members of the bodies that are read; POST /renew ignores its body.
static const struct {
	const struct go_field *fields;
	size_t n;
} bodies[N_ENDPOINTS] = {
	[EP_SIGN] = {sign_fields,	  N_ELEMENTS(sign_fields)	 },
	[EP_REKEY] = {rekey_fields,  N_ELEMENTS(rekey_fields) },
	[EP_REVOKE] = {revoke_fields, N_ELEMENTS(revoke_fields)},
};

// Everything is there with and without the version in front.
#define BOTH(method, path, handler, name)                                                          \
	{method, path, handler, BODY_MAX, name},                                                   \
	{                                                                                          \
		method, "/1.0" path, handler, BODY_MAX, name                                       \
	}
const struct http_route authority_routes[] = {
	BOTH("GET", "/health", health_get, "health"),
	BOTH("GET", "/version", version_get, "version"),
	BOTH("GET", "/root/{fp}", root_get, "root"),
	BOTH("GET", "/roots", roots_get, "roots"),
	BOTH("GET", "/federation", roots_get, "federation"),
	BOTH("GET", "/roots.pem", roots_pem_get, "roots.pem"),
	BOTH("GET", "/provisioners", provisioners_get, "provisioners"),
	BOTH("GET", "/provisioners/{kid}/encrypted-key", encrypted_key_get, "encrypted-key"),
	BOTH("POST", "/sign", sign_post, "sign"),
	BOTH("POST", "/renew", renew_post, "renew"),
	BOTH("POST", "/re-sign", renew_post, "renew"),
	BOTH("POST", "/rekey", rekey_post, "rekey"),
	BOTH("POST", "/revoke", revoke_post, "revoke"),
};
const size_t authority_n_routes = N_ELEMENTS(authority_routes);

static int
endpoint_of(const struct http_req *req)
{
	const struct http_route *route = http_req_route(req);
	int i = 0;
	while (i < N_ENDPOINTS && (!route || strcmp(route->name, endpoint_terms[i].name) != 0))
		i++;
	return i;
}

// --- errors of the router, which are not JSON ---

static void
reply_not_found(struct http_req *req, void *ctx)
{
	(void)ctx;
	http_reply_header(req, "X-Content-Type-Options", "nosniff");
	http_reply(req, 404, "text/plain; charset=utf-8", BYTES_STR("404 page not found\n"));
}

static void
reply_method_not_allowed(struct http_req *req, const char *allow, void *ctx)
{
	(void)allow; // 0.19 does not say
	(void)ctx;
	http_reply(req, 405, NULL, BYTES_NONE);
}

const struct http_error_style authority_errors = {
	.not_found = reply_not_found,
	.method_not_allowed = reply_method_not_allowed,
};

// --- around a request ---

// go-jose drops white space anywhere in a token.
static const char *
token_text(struct http_req *req, const char *ott)
{
	static const char blanks[] = " \t\n\v\f\r";
	char *out = ott ? arena_strndup(http_req_arena(req), ott, strlen(ott)) : NULL;
	if (!out)
		return NULL;
	char *to = out;
	for (const char *from = out; *from; from++) {
		if (!strchr(blanks, *from))
			*to++ = *from;
	}
	*to = '\0';
	return out;
}

// False: memory is out.
static bool
attach_post(struct http_req *req, int endpoint)
{
	struct post *post = calloc(1, sizeof(*post));
	if (!post)
		return false;
	http_req_set_priv(req, post);
	post->is_read = go_json_read(&post->body, &post->json, http_req_body(req),
				     bodies[endpoint].fields, bodies[endpoint].n) == ERR_OK;
	const char *token = token_text(req, post->body.ott);
	if (token && jws_parse(&post->token, BYTES_STR(token), NULL))
		post->token = NULL;
	return true;
}

static void
post_free(struct post *post)
{
	if (!post)
		return;
	json_decref(post->json);
	jws_free(post->token);
	free(post);
}

static const char *
device_of_client(struct http_req *req)
{
	AUTO(free) char *cn = NULL;
	const X509 *cert = client_certificate(req);
	if (!cert || cert_cn(&cn, cert) || !cn)
		return NULL;
	return arena_strndup(http_req_arena(req), cn, strlen(cn));
}

const char *
authority_device(struct http_req *req, void *ctx)
{
	const struct authority *a = ctx;
	const struct post *post = http_req_priv(req);
	const char *cn;
	switch (endpoint_of(req)) {
	case EP_SIGN:
		return post && post->token ? jws_claim_str(post->token, "sub") : NULL;
	case EP_RENEW:
	case EP_REKEY:
		return device_of_client(req);
	case EP_REVOKE:
		cn = post && post->body.serial ? ledger_subject(a->ledger, post->body.serial)
					       : NULL;
		return cn ? arena_strndup(http_req_arena(req), cn, strlen(cn)) : NULL;
	default:
		return NULL;
	}
}

bool
authority_before(struct http_req *req, void *ctx)
{
	struct authority *a = ctx;
	int endpoint = endpoint_of(req);
	if (endpoint < N_ENDPOINTS) {
		a->requests[endpoint]++;
		if (bodies[endpoint].fields && !attach_post(req, endpoint)) {
			http_req_abort(req, false);
			return true;
		}
	}
	if (http_faults_before(&a->http, req))
		return true;
	if (strcmp(http_req_method(req), "HEAD") != 0 || endpoint == N_ENDPOINTS)
		return false;
	reply_method_not_allowed(req, NULL, ctx);
	return true;
}

bool
authority_after(struct http_req *req, int status, void *ctx)
{
	struct authority *a = ctx;
	return http_faults_after(&a->http, req, status);
}

void
authority_on_finish(struct http_req *req, int status, void *ctx)
{
	struct authority *a = ctx;
	http_faults_on_finish(&a->http, req, status);
	post_free(http_req_priv(req));
}

const char *
authority_endpoint_name(enum endpoint endpoint)
{
	return endpoint_terms[endpoint].name;
}

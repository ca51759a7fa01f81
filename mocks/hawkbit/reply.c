// SPDX-License-Identifier: Apache-2.0
#include "hawkbit/reply.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"

#define TYPE_HAL  "application/hal+json;charset=UTF-8"
#define TYPE_JSON "application/json;charset=UTF-8"

#define REPO	  "org.eclipse.hawkbit.repository.exception."
#define REST	  "org.eclipse.hawkbit.rest.exception."
#define MGMT_REST "org.eclipse.hawkbit.mgmt.rest.resource.exception."

static const struct {
	int status; // 0: by release
	const char *exception;
	const char *code; // NULL: by release
	const char *message;
} refusals[REFUSE_KINDS] = {
	[REFUSE_NOT_FOUND] = {404, REPO "EntityNotFoundException",			   NULL,			 ""							   },
	[REFUSE_EXISTS] = {409, REPO "EntityAlreadyExistsException",		     NULL,
			      "The given entity already exists in database"													},
	[REFUSE_CONCURRENT] = {409, REPO "ConcurrentModificationException",
			       "repo.concurrentModification",							    "The given entity has been changed by another user/session"},
	[REFUSE_NOT_READABLE] = {400, REST "MessageNotReadableException",			  "rest.body.notReadable",
				 "The given request body is not well formed"													  },
	[REFUSE_CONSTRAINT] = {400, "jakarta.validation.ConstraintViolationException",
			       "repo.constraintViolation",							       ""							     },
	[REFUSE_ADDRESS] = {400, REPO "InvalidTargetAddressException",		       "repo.invalidTargetAddress",
			      "The target address is not well formed"													      },
	[REFUSE_RSQL_SYNTAX] = {400, REPO "RSQLParameterSyntaxException",
				"rest.param.rsqlParamSyntax",							      ""								},
	[REFUSE_RSQL_FIELD] = {400, REPO "RSQLParameterUnsupportedFieldException",
			       "rest.param.rsqlInvalidField",							      ""								},
	[REFUSE_SORT_SYNTAX] = {400, MGMT_REST "SortParameterSyntaxErrorException",
				"rest.param.sortParamSyntax",							     "The given sort parameter is not well formed"		     },
	[REFUSE_SORT_FIELD] = {400, MGMT_REST "SortParameterUnsupportedFieldException",
			       "rest.param.invalidField",								"The given sort parameter field does not exist"	      },
	[REFUSE_SORT_DIRECTION] = {400, MGMT_REST "SortParameterUnsupportedDirectionException",
				   "rest.param.invalidDirection",							    "The given sort parameter direction does not exist"	      },
	[REFUSE_PERMISSION] = {403, REPO "InsufficientPermissionException",
			       "insufficientPermission",								 "Insufficient Permission"				  },
	[REFUSE_QUOTA] = {0,   REPO "AssignmentQuotaExceededException",		      "quota.tooManyEntries",      ""								},
};

enum err
refuse(struct refusal *r, enum refusal_kind kind, const char *fmt, ...)
{
	*r = (struct refusal){.kind = kind};
	va_list args;
	va_start(args, fmt);
	vsnprintf(r->message, sizeof(r->message), fmt, args);
	va_end(args);
	return ERR_INPUT;
}

enum err
refuse_not_found(struct refusal *r, const char *type, const char *id)
{
	refuse(r, REFUSE_NOT_FOUND, "%s with given identifier {%s} does not exist.", type, id);
	r->entity_type = type;
	r->entity_id = id;
	return ERR_INPUT;
}

static const char *
code_of(enum refusal_kind kind, const struct release *release)
{
	if (kind == REFUSE_NOT_FOUND)
		return release->not_found;
	if (kind == REFUSE_EXISTS)
		return release->already_exists;
	return refusals[kind].code;
}

// Sends the JSON as a string of the given type. Consumes the reference.
static void
reply_text(struct http_req *req, int status, const char *type, json_t *take_body)
{
	AUTO(free) char *text = take_body ? json_dumps(take_body, JSON_COMPACT) : NULL;
	json_decref(take_body);
	if (text)
		http_reply(req, status, type, BYTES_STR(text));
	else
		http_reply(req, 500, NULL, BYTES_NONE);
}

void
reply_refusal(struct http_req *req, const struct release *release, const struct refusal *r)
{
	const char *type = reply_negotiate(http_req_header(req, "Accept"));
	const char *accept = http_req_header(req, "Accept");
	int status = refusals[r->kind].status ? refusals[r->kind].status : release->quota_status;
	json_t *body =
		json_pack("{s:s, s:o}", "exceptionClass", refusals[r->kind].exception, "errorCode",
			  json_sprintf("hawkbit.server.error.%s", code_of(r->kind, release)));
	const char *message = r->message[0] ? r->message : refusals[r->kind].message;
	json_object_set_new(body, "message", json_string(message));
	if (r->entity_id)
		json_object_set_new(
			body, "info",
			json_pack("{s:s, s:s}", "type", r->entity_type, "entityId", r->entity_id));
	// An error is plain JSON unless HAL was named.
	bool hal = type && accept && strcasestr(accept, "hal+json");
	reply_text(req, status, hal ? TYPE_HAL : TYPE_JSON, body);
}

void
reply_spring(struct http_req *req, int status)
{
	char stamp[CLOCK_RFC3339_BYTES];
	clock_format_rfc3339(stamp, clock_wall_ns(), 3);
	stamp[strlen(stamp) - 1] = 0; // Spring writes +00:00 where RFC 3339 allows Z
	reply_text(req, status, TYPE_JSON,
		   json_pack("{s:o, s:i, s:s}", "timestamp", json_sprintf("%s+00:00", stamp),
			     "status", status, "error", http_status_text(status)));
}

void
reply_bare(struct http_req *req, int status)
{
	http_reply(req, status, NULL, BYTES_NONE);
}

// "0<md5 of the body>" in quotes.
static bool
make_etag(char out[static 64], const char *text)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char hex[HEX_CHARS(EVP_MAX_MD_SIZE) + 1];
	if (EVP_Digest(text, strlen(text), digest, &n, EVP_md5(), NULL) != 1)
		return false;
	hex_encode(hex, BYTES(digest, n));
	snprintf(out, 64, "\"0%.32s\"", hex);
	return true;
}

// If-None-Match: a list of entity tags, weak ones count too, or * (RFC 9110 section 13.1.2).
static bool
etag_matches(const char *list, const char *etag)
{
	return list && (strstr(list, etag) || strcmp(list, "*") == 0);
}

void
reply_hal(struct http_req *req, int status, json_t *take_body)
{
	const char *type = reply_negotiate(http_req_header(req, "Accept"));
	const char *method = http_req_method(req);
	char etag[64];
	AUTO(free) char *text = take_body ? json_dumps(take_body, JSON_COMPACT) : NULL;
	json_decref(take_body);
	if (!text) {
		reply_bare(req, 500);
		return;
	}
	bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (get && status == 200 && make_etag(etag, text)) {
		http_reply_header(req, "ETag", etag);
		if (etag_matches(http_req_header(req, "If-None-Match"), etag)) {
			reply_bare(req, 304);
			return;
		}
	}
	http_reply(req, status, type ? type : TYPE_HAL, BYTES_STR(text));
}

// --- Accept (RFC 9110 section 12.5.1) ---

struct range {
	const char *text;
	size_t n; // of the media range without parameters
	double q;
};

static bool
range_is(const struct range *r, const char *media)
{
	return r->n == strlen(media) && strncasecmp(r->text, media, r->n) == 0;
}

static double
quality(const char *parameters, size_t n)
{
	const char *q = memmem(parameters, n, "q=", 2);
	return q ? strtod(q + 2, NULL) : 1.0;
}

// What the range yields, hawkBit's first choice first; NULL: nothing of ours.
static const char *
type_of_range(const struct range *r)
{
	if (range_is(r, "*/*") || range_is(r, "application/*") ||
	    range_is(r, "application/*+json") || range_is(r, "application/hal+json"))
		return TYPE_HAL;
	return range_is(r, "application/json") ? TYPE_JSON : NULL;
}

const char *
reply_negotiate(const char *accept)
{
	const char *best = NULL;
	double best_q = 0;
	if (!accept)
		return TYPE_HAL;
	while (*accept) {
		accept += strspn(accept, " \t,");
		size_t whole = strcspn(accept, ",");
		struct range range = {accept, strcspn(accept, ";, \t"), 1.0};
		range.q = quality(accept + range.n, whole - range.n);
		const char *type = type_of_range(&range);
		if (type && range.q > best_q) {
			best = type;
			best_q = range.q;
		}
		accept += whole;
	}
	return best;
}

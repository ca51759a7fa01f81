// SPDX-License-Identifier: Apache-2.0
// The endpoints that anybody may read.
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <strings.h>

#include "step-ca/internal.h"

enum { BODY_MAX = 16 * 1024 * 1024 };

static void
reply_constant(struct http_req *req, int status, const char *json)
{
	reply_json_text(req, status, BYTES_STR(json));
}

void
health_get(struct http_req *req, void *ctx)
{
	(void)ctx;
	reply_constant(req, 200, "{\"status\":\"ok\"}\n");
}

void
version_get(struct http_req *req, void *ctx)
{
	(void)ctx;
	reply_constant(req, 200, "{\"version\":\"0.19.0\"}\n");
}

// Replies with a JSON text in which %s is the root's PEM; PEM needs no escape but for line ends.
static void
reply_root(struct http_req *req, const struct authority *a, int status, const char *before,
	   const char *after)
{
	BUF_AUTO struct buf body;
	buf_init(&body, BODY_MAX);
	if (buf_append_str(&body, before) || json_escape(&body, buf_bytes(&a->ca->root.pem)) ||
	    buf_append_str(&body, after)) {
		reply_error(req, ERR_INTERNAL, NULL);
		return;
	}
	reply_json_text(req, status, buf_bytes(&body));
}

// Any case; dashes between the digits do not count, colons do.
static bool
is_fingerprint(const char *text, const char *fingerprint)
{
	for (; *text; text++) {
		if (*text == '-')
			continue;
		if (tolower((unsigned char)*text) != *fingerprint)
			return false;
		fingerprint++;
	}
	return *fingerprint == '\0';
}

void
root_get(struct http_req *req, void *ctx)
{
	const struct authority *a = ctx;
	if (is_fingerprint(http_req_param(req, "fp"), a->ca->root_fingerprint))
		reply_root(req, a, 200, "{\"ca\":\"", "\"}\n");
	else
		reply_error(req, ERR_NOT_FOUND, NULL);
}

// Also GET /federation, which lists the roots and those of other CAs, of which there are none.
void
roots_get(struct http_req *req, void *ctx)
{
	reply_root(req, ctx, 201, "{\"crts\":[\"", "\"]}\n");
}

void
roots_pem_get(struct http_req *req, void *ctx)
{
	const struct authority *a = ctx;
	reply_body(req, 200, "application/x-pem-file", buf_bytes(&a->ca->root.pem));
}

// Like Go's strconv.Atoi.
static bool
parse_limit(const char *text, int64_t *out)
{
	char *end;
	const char *digits = text + (*text == '-' || *text == '+');
	errno = 0;
	*out = strtoll(text, &end, 10);
	return isdigit((unsigned char)*digits) && *end == '\0' && errno == 0;
}

void
provisioners_get(struct http_req *req, void *ctx)
{
	const struct authority *a = ctx;
	const char *limit_text = http_req_query(req, "limit");
	const char *cursor = http_req_query(req, "cursor");
	int64_t limit = 0;
	struct why why;
	if (limit_text && *limit_text && !parse_limit(limit_text, &limit)) {
		why_set(&why, ERR_SYNTAX, "limit '%s' is not an integer", limit_text);
		reply_error(req, ERR_SYNTAX, &why);
		return;
	}
	BUF_AUTO struct buf body;
	buf_init(&body, BODY_MAX);
	if (provisioners_write_page(&body, &a->provisioners, cursor ? cursor : "", limit))
		reply_error(req, ERR_INTERNAL, NULL);
	else
		reply_json_text(req, 200, buf_bytes(&body));
}

void
encrypted_key_get(struct http_req *req, void *ctx)
{
	const struct authority *a = ctx;
	const struct provisioner *p =
		provisioners_by_kid(&a->provisioners, http_req_param(req, "kid"));
	BUF_AUTO struct buf body;
	buf_init(&body, BODY_MAX);
	if (!p)
		reply_error(req, ERR_NOT_FOUND, NULL);
	else if (buf_printf(&body, "{\"key\":\"%s\"}\n", p->encrypted_key))
		reply_error(req, ERR_INTERNAL, NULL);
	else
		reply_json_text(req, 200, buf_bytes(&body));
}

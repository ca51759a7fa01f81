// SPDX-License-Identifier: Apache-2.0
#include "bridge/reply.h"

#include <stdio.h>
#include <strings.h>

static const struct row {
	const char *kind;
	int status;
	unsigned retry_after_s;
} rows[] = {
#define X(id, kind, status, retry_after) {kind, status, retry_after},
	PROBLEM_TABLE(X)
#undef X
};

int
problem_status(enum problem p)
{
	return rows[p].status;
}

const char *
problem_kind(enum problem p)
{
	return rows[p].kind;
}

unsigned
problem_retry_after_s(enum problem p)
{
	return rows[p].retry_after_s;
}

void
reply_problem(struct http_req *req, enum problem p, const char *detail, const char *device_id)
{
	char seconds[16];
	if (rows[p].retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%u", rows[p].retry_after_s);
		http_reply_header(req, "Retry-After", seconds);
	}
	http_reply_problem(req, rows[p].status, rows[p].kind, detail, device_id);
}

enum problem
problem_of_ca(const struct stepca_outcome *outcome)
{
	switch (outcome->err) {
	case ERR_UPSTREAM_DOWN:
	case ERR_TLS:
		return PROBLEM_CA_UNREACHABLE;
	case ERR_UPSTREAM_REFUSED:
		return PROBLEM_CA_REFUSED;
	case ERR_TIMEOUT:
		return PROBLEM_CA_TIMEOUT;
	default:
		return PROBLEM_CA_ERROR;
	}
}

bool
content_type_is_json(const char *content_type)
{
	static const char json[] = "application/json";
	if (!content_type)
		return true;
	size_t n = strcspn(content_type, "; \t");
	return n == sizeof(json) - 1 && strncasecmp(content_type, json, n) == 0;
}

bool
admin_is_allowed(struct http_req *req, const struct secret *token)
{
	static const char scheme[] = "Bearer ";
	if (!secret_is_set(token)) {
		reply_problem(req, PROBLEM_NOT_FOUND,
			      "the admin API is off: BRIDGE_ADMIN_TOKEN is not set", NULL);
		return false;
	}
	const char *header = http_req_header(req, "Authorization");
	if (header && strncasecmp(header, scheme, sizeof(scheme) - 1) == 0 &&
	    secret_equal(token, BYTES_STR(header + sizeof(scheme) - 1)))
		return true;
	http_reply_header(req, "WWW-Authenticate", "Bearer");
	reply_problem(req, PROBLEM_UNAUTHORIZED, "this call needs the bridge's admin token", NULL);
	return false;
}

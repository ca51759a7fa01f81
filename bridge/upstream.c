// SPDX-License-Identifier: Apache-2.0
#include "bridge/upstream.h"

#include <ctype.h>
#include <stdio.h>

enum {
	URL_MAX = 2048,
	MESSAGE_MAX = 200,
};

// What the server says about a failure: "message" of its JSON, or its plain text; printable.
static void
read_message(char out[static MESSAGE_MAX], const struct http_answer *answer)
{
	json_auto_t *body = http_answer_json(answer, NULL);
	const char *text = json_string_value(json_object_get(body, "message"));
	if (!text && !body && answer->body.n)
		text = (const char *)answer->body.p;
	snprintf(out, MESSAGE_MAX, "%s", text ? text : "");
	for (char *p = out; *p; p++) {
		if (!isprint((unsigned char)*p))
			*p = ' ';
	}
}

static enum err
err_of_status(int status)
{
	if (status >= 200 && status <= 299)
		return ERR_OK;
	if (status >= 500)
		return ERR_UPSTREAM_FAULT;
	switch (status) {
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	case 429:
		return ERR_RATE_LIMITED;
	default:
		return ERR_UPSTREAM_REFUSED;
	}
}

enum err
upstream_judge(struct why *why, const struct upstream *u, const char *what,
	       const struct http_answer *answer)
{
	*why = (struct why){0};
	if (answer->err != ERR_OK)
		return why_set(why, answer->err, "%s (%s): %s: %s", u->name, u->url, what,
			       answer->why.text);
	enum err err = err_of_status(answer->status);
	if (err == ERR_OK)
		return ERR_OK;
	char message[MESSAGE_MAX];
	read_message(message, answer);
	bool credentials = answer->status == 401 || answer->status == 403;
	return why_set(why, err, "%s (%s): %s: HTTP %d%s%s%s", u->name, u->url, what,
		       answer->status, message[0] ? ": " : "", message,
		       credentials ? "; check its user and password" : "");
}

static enum err
start(struct http_call **call, const struct upstream *u, struct http_request *r, const char *path,
      json_t *take_body, http_done_fn *done, void *ctx)
{
	json_auto_t *body = take_body;
	AUTO(free) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	static const char *const headers[] = {"Accept: application/json", NULL};
	char url[URL_MAX];
	if (body && !text)
		return ERR_NOMEM;
	if (snprintf(url, sizeof(url), "%s%s", u->url, path) >= (int)sizeof(url))
		return ERR_TOO_LARGE;
	r->url = url;
	r->tls = u->tls;
	r->headers = headers;
	r->timeout_ms = u->timeout_ms;
	if (text) {
		r->content_type = "application/json";
		r->body = BYTES_STR(text);
	}
	return http_call_start(call, u->http, r, done, ctx);
}

enum err
upstream_call(struct http_call **call, const struct upstream *u, const char *method,
	      const char *path, json_t *take_body, const struct secret *bearer, http_done_fn *done,
	      void *ctx)
{
	struct http_request r = {.method = method};
	if (bearer) {
		r.bearer = bearer;
		r.bearer_header = "X-Authorization";
	} else {
		r.basic_user = u->user;
		r.basic_password = u->password;
	}
	return start(call, u, &r, path, take_body, done, ctx);
}

enum err
upstream_call_anonymous(struct http_call **call, const struct upstream *u, const char *method,
			const char *path, json_t *take_body, http_done_fn *done, void *ctx)
{
	struct http_request r = {.method = method};
	return start(call, u, &r, path, take_body, done, ctx);
}

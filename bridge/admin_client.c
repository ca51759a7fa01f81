// SPDX-License-Identifier: Apache-2.0
#include "bridge/admin_client.h"

#include <stdio.h>
#include <uv.h>

#include "base/encode.h"
#include "base/file.h"
#include "net/http_client.h"
#include "pki/cert.h"
#include "pki/ossl.h"

enum {
	TIMEOUT_MS = 60000, // a decommission may wait for five systems
	ROOTS_MAX_BYTES = 4 * 1024 * 1024,
	URL_MAX_BYTES = 2048,
};

static const char system_roots[] = "/etc/ssl/certs/ca-certificates.crt";

struct admin_client {
	struct admin_client_options o;
	uv_loop_t loop;
	struct http_client *http;
	struct tls_client *tls;
	// Of the call that runs.
	bool done;
	enum err err;
	struct why why;
	int status;
	json_t *body;
};

static enum err
err_of_status(int status)
{
	switch (status) {
	case 401:
		return ERR_UNAUTHORIZED;
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	case 429:
		return ERR_RATE_LIMITED;
	default:
		return status >= 500 ? ERR_UPSTREAM_FAULT : ERR_UPSTREAM_REFUSED;
	}
}

static void
on_answer(const struct http_answer *a, void *ctx)
{
	struct admin_client *c = ctx;
	c->done = true;
	c->err = a->err;
	c->why = a->why;
	c->status = a->status;
	if (a->err != ERR_OK) {
		why_prefix(&c->why, "%s", c->o.url);
		return;
	}
	c->body = http_answer_json(a, &c->why);
	if (a->status >= 200 && a->status <= 299) {
		if (!c->body)
			c->err = why_set(&c->why, ERR_SYNTAX,
					 "the answer is not JSON: is this a bridge?");
		return;
	}
	const char *detail = json_string_value(json_object_get(c->body, "detail"));
	c->err = why_set(&c->why, err_of_status(a->status), "HTTP %d%s%s", a->status,
			 detail ? ": " : "", detail ? detail : "");
}

static enum err
call(struct admin_client *c, const char *method, const char *path, const struct secret *token,
     struct why *why)
{
	char url[URL_MAX_BYTES];
	if (snprintf(url, sizeof(url), "%s%s", c->o.url, path) >= (int)sizeof(url))
		return why_set(why, ERR_TOO_LARGE, "the URL is too long");
	struct http_request r = {
		.method = method,
		.url = url,
		.tls = c->tls,
		.bearer = token,
		.timeout_ms = TIMEOUT_MS,
		.answer_max = ROOTS_MAX_BYTES,
	};
	json_decref(c->body);
	c->body = NULL;
	c->done = false;
	TRY(http_call_start(NULL, c->http, &r, on_answer, c));
	while (!c->done)
		uv_run(&c->loop, UV_RUN_ONCE);
	if (c->err != ERR_OK && why)
		*why = c->why;
	return c->err;
}

enum err
admin_client_call(struct admin_client *c, const char *method, const char *path, int *status,
		  json_t **body, struct why *why)
{
	enum err err = call(c, method, path, c->o.token, why);
	*status = c->status;
	*body = err == ERR_OK ? json_incref(c->body) : NULL;
	return err;
}

// --- trust ---

static enum err
trust_roots(struct admin_client *c, struct bytes pem, struct why *why)
{
	struct tls_client_options o = {.roots_pem = pem, .alpn = "http/1.1"};
	tls_client_unref(STEAL(c->tls));
	return tls_client_new(&c->tls, &o, why);
}

static enum err
trust_file(struct admin_client *c, struct why *why)
{
	BUF_AUTO struct buf pem;
	buf_init(&pem, ROOTS_MAX_BYTES);
	const char *path = c->o.cacert ? c->o.cacert : system_roots;
	TRY(file_read(&pem, path, why));
	enum err err = trust_roots(c, buf_bytes(&pem), why);
	if (err != ERR_OK)
		why_prefix(why, "%s", path);
	return err;
}

// The root comes over a connection that verifies nothing and is worth what its fingerprint says; no
// token is shown there.
static enum err
trust_fingerprint(struct admin_client *c, struct why *why)
{
	char path[sizeof("/pki/root/") + CERT_FINGERPRINT_CHARS];
	char found[CERT_FINGERPRINT_CHARS + 1];
	AUTO(X509_free) X509 *root = NULL;
	if (strlen(c->o.fingerprint) != CERT_FINGERPRINT_CHARS ||
	    strspn(c->o.fingerprint, "0123456789abcdefABCDEF") != CERT_FINGERPRINT_CHARS)
		return why_set(why, ERR_INPUT, "--fingerprint must be %d hex digits",
			       CERT_FINGERPRINT_CHARS);
	TRY(trust_roots(c, BYTES_NONE, why));
	snprintf(path, sizeof(path), "/pki/root/%s", c->o.fingerprint);
	TRY(call(c, "GET", path, NULL, why));
	const char *pem = json_string_value(json_object_get(c->body, "ca"));
	TRY(cert_from_pem(&root, BYTES_STR(pem ? pem : ""), why));
	TRY(cert_fingerprint(found, root));
	if (strcasecmp(found, c->o.fingerprint) != 0)
		return why_set(why, ERR_TLS, "the bridge shows a root with the fingerprint %s",
			       found);
	return trust_roots(c, BYTES_STR(pem), why);
}

static enum err
open_client(struct admin_client *c, struct why *why)
{
	bool https = strncmp(c->o.url, "https://", 8) == 0;
	if (!https && strncmp(c->o.url, "http://", 7) != 0)
		return why_set(why, ERR_INPUT,
			       "the bridge's URL must begin with https:// or http://");
	TRY(http_client_new(&c->http, &c->loop, why));
	if (!https)
		return ERR_OK;
	return c->o.fingerprint ? trust_fingerprint(c, why) : trust_file(c, why);
}

enum err
admin_client_new(struct admin_client **out, const struct admin_client_options *o, struct why *why)
{
	struct admin_client *c = calloc(1, sizeof(*c));
	if (!c || uv_loop_init(&c->loop) != 0) {
		free(c);
		return why_set(why, ERR_NOMEM, "cannot make an event loop");
	}
	c->o = *o;
	enum err err = open_client(c, why);
	if (err == ERR_OK)
		*out = c;
	else
		admin_client_free(c);
	if (err != ERR_OK && why && !why->text[0])
		why_set(why, err, "%s", err_text(err));
	return err;
}

void
admin_client_free(struct admin_client *c)
{
	if (!c)
		return;
	json_decref(c->body);
	if (c->http)
		http_client_free(c->http);
	tls_client_unref(c->tls);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	uv_loop_close(&c->loop);
	free(c);
}

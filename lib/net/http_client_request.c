// SPDX-License-Identifier: Apache-2.0
// A struct http_request in curl's words.
#include <openssl/crypto.h>
#include <stdio.h>

#include "net/http_client_internal.h"

enum {
	DEFAULT_TIMEOUT_MS = 10000,
	UPLOAD_BUFFER_BYTES = 16 * 1024,
};

static size_t
on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	if (buf_append(&call->answer, data, size * n) != ERR_OK) {
		call->too_large = true;
		return 0;
	}
	return size * n;
}

static size_t
on_send(char *out, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	size_t rest = call->body.len - call->sent;
	size_t k = size * n < rest ? size * n : rest;
	if (k)
		memcpy(out, call->body.data + call->sent, k);
	call->sent += k;
	return k;
}

static size_t
on_header(char *data, size_t size, size_t n, void *ctx)
{
	static const char name[] = "retry-after:";
	struct http_call *call = ctx;
	size_t len = size * n;
	if (len > sizeof(name) && len < 128 && strncasecmp(data, name, sizeof(name) - 1) == 0) {
		const char *value = data + sizeof(name) - 1;
		size_t rest = len - (sizeof(name) - 1);
		while (rest && *value == ' ') {
			value++;
			rest--;
		}
		while (rest && (value[rest - 1] == '\r' || value[rest - 1] == '\n'))
			rest--;
		free(call->retry_after);
		call->retry_after = strndup(value, rest);
	}
	return len;
}

static void
add_header(struct http_call *call, const char *name, const char *value)
{
	char line[8192];
	snprintf(line, sizeof(line), "%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(call->headers, line);
	OPENSSL_cleanse(line, sizeof(line)); // it may have held a token
	if (longer)
		call->headers = longer;
}

// Splits the URL and shows curl the plain form of an https one.
static enum err
set_url(struct http_call *call, const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL, *scheme = NULL, *plain = NULL;
	enum err err = ERR_INPUT;
	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		bool https = strcmp(scheme, "https") == 0;
		size_t n = strlen(host);
		bool bracketed = n > 2 && host[0] == '[';
		if (n < sizeof(call->host) && https == (call->tls != NULL) &&
		    (https || strcmp(scheme, "http") == 0)) {
			snprintf(call->host, sizeof(call->host), "%.*s",
				 (int)(bracketed ? n - 2 : n), bracketed ? host + 1 : host);
			call->port = (uint16_t)strtoul(port, NULL, 10);
			if (https) {
				curl_url_set(u, CURLUPART_PORT, port, 0);
				curl_url_set(u, CURLUPART_SCHEME, "http", 0);
			}
			if (curl_url_get(u, CURLUPART_URL, &plain, 0) == CURLUE_OK &&
			    curl_easy_setopt(call->easy, CURLOPT_URL, plain) == CURLE_OK)
				err = ERR_OK;
		}
	}
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_free(plain);
	curl_url_cleanup(u);
	return err;
}

// When a kept connection dies before an answer came, curl repeats the request by itself. That is
// right for the idempotent methods (RFC 9110 section 9.2.2) and wrong for POST: a one-time token
// would be spent twice. A body that curl cannot rewind keeps it from doing so.
static void
set_body_source(struct http_call *call, const struct http_request *r)
{
	if (strcmp(r->method, "POST") != 0) {
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, (const char *)call->body.data);
		return;
	}
	curl_easy_setopt(call->easy, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(call->easy, CURLOPT_READDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_BYTES);
}

static void
set_options(struct http_call *call, const struct http_request *r)
{
	CURL *e = call->easy;
	curl_easy_setopt(e, CURLOPT_PRIVATE, call);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->curl_error);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
			 (long)(r->timeout_ms ? r->timeout_ms : DEFAULT_TIMEOUT_MS));
	if (r->fresh_connection) {
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
		add_header(call, "Connection", "close");
	}
	if (strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	if (r->body.n || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		set_body_source(call, r);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
		add_header(call, "Content-Type",
			   r->content_type ? r->content_type : "application/json");
		struct curl_slist *longer = curl_slist_append(call->headers, "Expect:");
		call->headers = longer ? longer : call->headers;
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
}

static void
set_credentials(struct http_call *call, const struct http_request *r)
{
	for (const char *const *line = r->headers; line && *line; line++) {
		struct curl_slist *longer = curl_slist_append(call->headers, *line);
		call->headers = longer ? longer : call->headers;
	}
	if (r->basic_user) {
		curl_easy_setopt(call->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(call->easy, CURLOPT_USERNAME, r->basic_user);
		if (r->basic_password && secret_is_set(r->basic_password))
			curl_easy_setopt(call->easy, CURLOPT_PASSWORD, r->basic_password->text);
	}
	if (r->bearer && secret_is_set(r->bearer)) {
		SECRET_AUTO struct secret value = SECRET_NONE;
		char *text = malloc(r->bearer->n + sizeof("Bearer "));
		if (text) {
			int n = snprintf(text, r->bearer->n + sizeof("Bearer "), "Bearer %s",
					 r->bearer->text);
			value = (struct secret){text, (size_t)n};
			add_header(call, r->bearer_header ? r->bearer_header : "Authorization",
				   text);
		}
	}
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

enum err
http_call_prepare(struct http_call *call, const struct http_request *r)
{
	TRY(buf_append(&call->body, r->body.p, r->body.n));
	TRY(set_url(call, r->url));
	set_options(call, r);
	set_credentials(call, r);
	if (call->tls)
		http_tls_prepare(call);
	return ERR_OK;
}

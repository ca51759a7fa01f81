// SPDX-License-Identifier: Apache-2.0
// What the clients of hawkBit and ThingsBoard share: how an HTTP answer becomes an error of ours.
#pragma once

#include "net/http_client.h"

// How an operation on another system ended; why->err is ERR_OK when it succeeded.
typedef void upstream_done_fn(const struct why *why, void *ctx);

// Where a system is and how to talk to it. Everything is borrowed for the client's life.
struct upstream {
	struct http_client *http;
	struct tls_client *tls; // for https
	const char *name;	// "hawkBit", for messages
	const char *url;	// without a trailing slash
	const char *user;
	const struct secret *password;
	unsigned timeout_ms; // of one call
};

// No answer: the transport's error. 2xx: ERR_OK. 401 and 403: ERR_UPSTREAM_REFUSED with a hint at
// the credentials; 404: ERR_NOT_FOUND; 409: ERR_CONFLICT; 429: ERR_RATE_LIMITED; other 4xx and 3xx:
// ERR_UPSTREAM_REFUSED; 5xx: ERR_UPSTREAM_FAULT. `what` names the call ("create target").
enum err upstream_judge(struct why *why, const struct upstream *u, const char *what,
			const struct http_answer *answer);

// One call: path starts with '/', body (consumed, NULL = none) is sent as JSON, bearer (NULL =
// basic authentication with u's user) goes into X-Authorization.
enum err ERR_MUST_CHECK upstream_call(struct http_call **call, const struct upstream *u,
				      const char *method, const char *path, json_t *take_body,
				      const struct secret *bearer, http_done_fn *done, void *ctx);
// The same without any authorization.
enum err ERR_MUST_CHECK upstream_call_anonymous(struct http_call **call, const struct upstream *u,
						const char *method, const char *path,
						json_t *take_body, http_done_fn *done, void *ctx);

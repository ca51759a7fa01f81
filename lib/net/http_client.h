// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 client: curl's multi interface on one libuv loop; keep-alive pool. For https URLs TLS is
// ours: curl speaks plain HTTP over a socketpair to a stream on a shared SSL_CTX, so no context is
// built per connection and a failed handshake can be told in its own words.
#pragma once

#include <jansson.h>
#include <uv.h>

#include "base/buf.h"
#include "base/secret.h"
#include "net/tls.h"

struct http_client;
struct http_call;

enum err ERR_MUST_CHECK http_client_new(struct http_client **out, uv_loop_t *loop, struct why *why);
// Cancels what is in flight (without callbacks). Handles close on the next loop turns.
void http_client_free(struct http_client *c);

// At most n connections to one host and port; further calls wait for one to become free (their timeout runs). For
// services that talk to few upstreams: under a burst it saves TLS handshakes. Default: no limit.
void http_client_limit_connections(struct http_client *c, unsigned n);

struct http_answer {
	enum err err;	   // ERR_OK: an answer came, whatever its status. Else UPSTREAM_DOWN, TLS,
			   // TIMEOUT, CLOSED...
	struct why why;	   // what went wrong, in words
	int status;	   // 0 when no answer came
	struct bytes body; // borrowed during the callback, terminated
	const char *content_type; // or NULL
	const char *retry_after;  // or NULL
	bool connected; // the connection was up (TCP and TLS) when it failed: the server may have
			// acted
	uint64_t connect_ns; // time until TCP and TLS stood; 0 on a reused connection
	uint64_t total_ns;
};

typedef void http_done_fn(const struct http_answer *answer, void *ctx);

struct http_request {
	const char *method;	    // "GET"
	const char *url;	    // http:// or https://
	struct tls_client *tls;	    // needed for https; its connections are pooled by this pointer
	const char *content_type;   // with body
	struct bytes body;	    // copied
	const char *const *headers; // NULL-terminated "Name: value" lines, or NULL
	const char *basic_user;	    // HTTP basic auth, or NULL
	const struct secret *basic_password;
	const struct secret *bearer; // Authorization: Bearer, or NULL
	const char *bearer_header;   // header name for bearer; NULL = Authorization
	unsigned timeout_ms;	     // whole call; 0 = 10000
	size_t answer_max;	     // bytes; 0 = 1 MiB
	bool fresh_connection;	     // do not reuse one, do not keep it
};

// Starts a call; done is called once from the loop, never from inside this function. *out (may be
// NULL) can be given to http_call_cancel until done was called.
enum err ERR_MUST_CHECK http_call_start(struct http_call **out, struct http_client *c,
					const struct http_request *r, http_done_fn *done,
					void *ctx);
// done will not be called.
void http_call_cancel(struct http_call *call);
// The body as JSON (duplicate keys refused); NULL with why when it is not. New reference.
json_t *http_answer_json(const struct http_answer *a, struct why *why);

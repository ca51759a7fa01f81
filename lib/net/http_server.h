// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 server: libmicrohttpd parses, TLS ends in front of it (design.md 1), everything runs on
// one libuv loop thread. Handlers never block: a handler that returns without having answered
// leaves the request waiting (MHD suspends the connection) until somebody calls http_reply*() for
// it.
#pragma once

#include <jansson.h>
#include <uv.h>

#include "base/arena.h"
#include "base/log.h"
#include "net/addr.h"
#include "net/tls.h"

struct http_req;
struct http_server;

typedef void http_handler(struct http_req *req, void *ctx);

// One row a route. Path segments in braces bind parameters: "/devices/{device_id}/enroll". Matching
// is by segment, exact, case-sensitive; no trailing slash. HEAD works where GET does.
struct http_route {
	const char *method;
	const char *path;
	http_handler *handler;
	size_t body_max;  // bytes; a larger Content-Length is answered 413 before the body is read
	const char *name; // short stable name for metrics, faults and the journal
};

// How a server words its own answers; NULL members use problem JSON (RFC 9457).
struct http_error_style {
	http_handler *not_found; // no such path
	// Known path, other method. allow: comma list for the Allow header.
	void (*method_not_allowed)(struct http_req *req, const char *allow, void *ctx);
	http_handler *too_large; // body over the route's maximum
};

struct http_server_options {
	const char *server_name; // for log lines
	struct addr addr;
	struct tls_server *tls; // NULL = plain HTTP; referenced
	const struct http_route *routes;
	size_t n_routes;
	void *ctx;			       // handed to handlers
	const struct http_error_style *errors; // NULL = default
	const struct log *log;		       // borrowed
	unsigned idle_timeout_s;	       // without a byte; 0 = 15
	// How long a request may take to arrive, beyond idle_timeout_s; 0 = 30000. However the bytes
	// trickle, a connection is closed when it has not completed a request in the sum of both.
	unsigned request_timeout_ms;
	unsigned connection_limit;	       // 0 = 10000
	bool echo_request_id;		       // every answer carries X-Request-Id
	// Called before the handler once a request is complete (also for unmatched ones, route
	// NULL). True = it answered, or took the request over to call http_req_dispatch() later.
	// For faults, rate limits, the journal. May be NULL.
	bool (*before)(struct http_req *req, void *ctx);
	// Called when the reply is known, before it is sent. True = it took the reply over (to
	// delay or drop it) and calls http_req_release_reply() or http_req_abort() later. May be
	// NULL.
	bool (*after)(struct http_req *req, int status, void *ctx);
	void (*on_finish)(struct http_req *req, int status,
			  void *ctx); // reply sent or connection gone (status 0)
};

enum err ERR_MUST_CHECK http_server_new(struct http_server **out, uv_loop_t *loop,
					const struct http_server_options *o, struct why *why);
struct addr http_server_addr(const struct http_server *s);
// Open connections, and requests that are not answered yet.
size_t http_server_connections(const struct http_server *s);
size_t http_server_requests(const struct http_server *s);
// Stops listening; requests in flight are answered. on_idle comes when none is left.
void http_server_drain(struct http_server *s, void (*on_idle)(void *ctx), void *ctx);
// Ends all connections. Call before the loop is closed; handles close on the next loop turns.
void http_server_free(struct http_server *s);

// --- the request; all pointers are valid until it was answered ---
const char *http_req_method(const struct http_req *req);
const char *http_req_path(const struct http_req *req); // raw, as sent, without the query
const struct http_route *http_req_route(const struct http_req *req); // NULL: none matched
const char *http_req_param(const struct http_req *req,
			   const char *name); // decoded; NULL: no such parameter
const char *http_req_query(struct http_req *req,
			   const char *name); // decoded; NULL: absent or bad escape
const char *http_req_header(const struct http_req *req, const char *name);
struct bytes http_req_body(const struct http_req *req);
const struct addr *http_req_peer(const struct http_req *req);
SSL *http_req_ssl(const struct http_req *req); // the client's TLS connection; NULL when plain
struct arena *http_req_arena(struct http_req *req);
const char *
http_req_id(const struct http_req *req); // X-Request-Id: the caller's if sane, else a new one
struct log *http_req_log(struct http_req *req);		  // carries the request id
uint64_t http_req_started_ns(const struct http_req *req); // clock_mono_ns() at its head
uv_loop_t *http_req_loop(const struct http_req *req);
void http_req_set_priv(struct http_req *req, void *priv);
void *http_req_priv(const struct http_req *req);

// --- the reply: exactly one of these, at once or later, from the loop thread ---
// Adds a header to the coming reply. Values with CR or LF are dropped.
void http_reply_header(struct http_req *req, const char *name, const char *value);
// content_type NULL = no such header. The body is copied.
void http_reply(struct http_req *req, int status, const char *content_type, struct bytes body);
// Consumes the reference; compact, with a final newline when `newline`. Content-Type:
// application/json.
void http_reply_json(struct http_req *req, int status, json_t *take_body);
// RFC 9457: {"type":"urn:provsim:<kind>","title","status","detail","request_id"[,"device_id"]}.
void http_reply_problem(struct http_req *req, int status, const char *kind, const char *detail,
			const char *device_id);
// Chunked transfer even for a small body (some real servers stream). Like http_reply.
void http_reply_chunked(struct http_req *req, int status, const char *content_type,
			struct bytes body);
// Ends the connection without an answer: clean close, or RST.
void http_req_abort(struct http_req *req, bool reset);
// For `before`: runs the handler now. For `after`: sends the reply that was held.
void http_req_dispatch(struct http_req *req);
void http_req_release_reply(struct http_req *req);
// For `after`: forgets the reply that is held, so that another can be given in its place (`after`
// is asked about that one too).
void http_req_discard_reply(struct http_req *req);
// The standard phrase of a status code (RFC 9110 section 15).
const char *http_status_text(int status);

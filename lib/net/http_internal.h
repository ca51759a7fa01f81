// SPDX-License-Identifier: Apache-2.0
// What the files of the HTTP server share; nobody else includes this.
#pragma once

#include <microhttpd.h>

#include "net/http_route.h"
#include "net/http_server.h"
#include "net/relay.h"

enum http_req_state {
	HTTP_REQ_READING,
	HTTP_REQ_WAITING, // the handler has it; no reply yet
	HTTP_REQ_HELD,	  // the reply is known, `after` holds it
	HTTP_REQ_READY,	  // the reply may be queued
	HTTP_REQ_ABORTED,
	HTTP_REQ_QUEUED,
};

struct http_header {
	struct http_header *next;
	const char *name;
	const char *value;
};

struct http_req {
	struct http_server *server;
	struct http_req *prev, *next; // all requests of the server
	struct MHD_Connection *connection;
	enum http_req_state state;
	bool suspended;
	bool in_handler; // inside MHD's callback: reply by returning, not by resuming
	bool too_large;
	bool chunked;
	bool reset;
	const char *method;
	const char *path;
	struct http_match match;
	struct buf body;
	struct arena arena;
	struct addr peer;
	struct log log;
	const char *id;
	void *priv;
	uint64_t started_ns;
	struct http_header *reply_headers;
	struct buf reply_body;
	int reply_status;
};

// One TLS connection: the relay behind one descriptor that MHD has.
struct tls_connection {
	struct http_server *server;
	struct relay *relay;
	int mhd_fd; // its number at birth; MHD may have closed it since
};

struct http_server {
	struct http_server_options o;
	uv_loop_t *loop;
	struct MHD_Daemon *mhd;
	struct acceptor *acceptor;
	uv_poll_t poll;
	uv_timer_t timer;
	uv_idle_t kick;
	int open_handles;
	struct http_req *requests;
	size_t n_requests;
	struct tls_connection **by_fd; // by the descriptor that MHD has
	int n_fds;
	struct rng *rng;
	bool closing;
	void (*on_idle)(void *ctx);
	void *on_idle_ctx;
};

// The state moved: hand the reply to MHD now or wake the connection.
void http_server_proceed(struct http_req *req);
void http_server_kick(struct http_server *s);
// Answers that no route was found, or not with this method, or too much was sent.
void http_reply_unmatched(struct http_req *req);

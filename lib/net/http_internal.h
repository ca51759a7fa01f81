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
	bool bad_framing; // where the body ends is open to dispute
	size_t discarded; // of a body that is too large
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

// One connection of MHD's, known by its socket context.
struct http_connection {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_connection *prev, *next; // of server->owing
	bool owes;			     // it is in that list
	uint64_t since_ns;
};

struct http_server {
	struct http_server_options o;
	uv_loop_t *loop;
	struct MHD_Daemon *mhd;
	struct acceptor *acceptor;
	uv_poll_t poll;
	uv_timer_t timer;
	uv_idle_t kick;
	uv_timer_t deadline;
	struct http_connection *owing; // wait for a request or are in the midst of one
	uint64_t request_deadline_ms;  // how long they may
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
// A request of this connection is awaited from now on; it is complete (or will never be). NULL is
// fine.
void http_deadline_begin(struct http_connection *c);
void http_deadline_end(struct http_connection *c);
struct http_connection *http_connection_of(struct MHD_Connection *connection);
// MHD_NotifyConnectionCallback.
void http_connection_notify(void *cls, struct MHD_Connection *connection, void **context,
			    enum MHD_ConnectionNotificationCode code);
// Sees from the head alone that the body is too large or its length open to dispute.
void http_body_look_at_head(struct http_req *req);
// A piece of the body, as on_access gets it; MHD_NO ends the connection.
enum MHD_Result http_body_take(struct http_req *req, const char *upload, size_t *upload_size);
// Answers that no route was found, or not with this method, or too much was sent.
void http_reply_unmatched(struct http_req *req);

// SPDX-License-Identifier: Apache-2.0
// What the files of the HTTP client share; nobody else includes this.
#pragma once

#include <curl/curl.h>
#include <uthash.h>

#include "net/gate.h"
#include "net/http_client.h"
#include "net/relay.h"

enum { HTTP_HOST_MAX = 256 };

struct tls_realm { // the pool identity of a tls_client
	struct tls_client *tls;
	unsigned number;
	UT_hash_handle hh;
};

struct http_client {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	struct http_call *calls;
	struct tls_realm *realms;
	struct client_relay *relays;
	struct gate *gate;
	unsigned n_realms;
	int n_watches;
	bool closing;
	bool timer_closed;
};

// A TLS connection that curl uses. It may outlive the call that opened it (keep-alive).
struct client_relay {
	struct relay *relay;
	struct http_client *client;
	struct http_call *call; // the one that waits for it to open, or NULL
	struct client_relay *prev, *next;
	struct gate_ticket ticket;
};

struct http_call {
	struct http_client *client;
	struct http_call *prev, *next;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	struct buf body;
	size_t sent; // of body
	struct buf answer;
	struct tls_client *tls;
	struct client_relay *relay;
	char host[HTTP_HOST_MAX];
	uint16_t port;
	http_done_fn *done;
	void *ctx;
	char *retry_after;
	uint64_t started_ns;
	uint64_t open_ns;
	struct why relay_why;
	char curl_error[CURL_ERROR_SIZE];
	bool fresh; // never pooled, so it needs no realm
	bool opened_relay;
	bool connected;
	bool too_large;
};

// http_client_request.c: puts a request into curl's words.
enum err ERR_MUST_CHECK http_call_prepare(struct http_call *call, const struct http_request *r);

// http_client_tls.c
// The gate's callback: curl's socket came through.
void http_tls_arrived(struct gate_ticket *ticket, int take_fd);
// Makes curl ask us for the call's connection.
void http_tls_prepare(struct http_call *call);
void http_tls_forget(struct client_relay *cr);
void http_tls_free_realms(struct http_client *c);

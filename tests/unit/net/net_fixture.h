// SPDX-License-Identifier: Apache-2.0
// A loop with an HTTP server and a client on it, plain or TLS with a certificate made on the spot.
#pragma once

#include <uv.h>

#include "net/http_client.h"
#include "net/http_server.h"

struct net_fixture {
	uv_loop_t loop;
	struct log log;
	struct http_server *server;
	struct http_client *client;
	struct tls_server *tls_server;
	struct tls_client *tls_client;	 // trusts the server
	struct tls_client *tls_stranger; // trusts somebody else
	struct tls_client
		*tls_bad_identity; // trusts the server, shows it a certificate of another CA
	char base[96];		   // "https://127.0.0.1:41233"
	struct http_answer answer; // of the last call
	char body[64 * 1024];
	char content_type[128];
	int finished;
	int resets; // requests that the server has seen and reset
};

// routes: NULL = the fixture's own (see net_fixture.c).
void net_fixture_init(struct net_fixture *f, bool tls);
// The same with a server that waits so long for a whole request: idle 1 s and this.
void net_fixture_init_impatient(struct net_fixture *f, bool tls, unsigned request_timeout_ms);
void net_fixture_fini(struct net_fixture *f);
// Runs the loop until the call is done; the answer's body is copied to f->body.
void net_fixture_call(struct net_fixture *f, const struct http_request *r);
// GET of a path on the fixture's server.
void net_fixture_get(struct net_fixture *f, const char *path);
// Sends raw bytes over a plain socket, shuts down nothing, collects the answer until the peer
// closes.
void net_fixture_raw(struct net_fixture *f, const char *request, char *answer, size_t size);

// SPDX-License-Identifier: Apache-2.0
// Servers that answer as a test tells them: one for HTTP (hawkBit and ThingsBoard at once: their
// paths do not meet) and one for WireGuard's userspace API. They live on the test's loop.
#pragma once

#include <uv.h>

#include "net/http_server.h"
#include "wg/uapi.h"

enum {
	FAKE_ROWS = 64,
	FAKE_TEXT = 512,
};

struct fake_rule {
	const char *call; // "GET /rest/v1/targets/dev-1"; borrowed
	int status;
	const char *body; // JSON or NULL; borrowed
	int times;	  // 0 = always
	bool hang;	  // never answers
};

struct fake_http {
	struct http_server *server;
	char url[64];
	struct fake_rule rules[FAKE_ROWS]; // the first that fits and is not used up
	size_t n_rules;
	char calls[FAKE_ROWS][FAKE_TEXT];
	char bodies[FAKE_ROWS][FAKE_TEXT];
	char authorizations[FAKE_ROWS][FAKE_TEXT];
	size_t n_calls;
	struct http_req *hanging[FAKE_ROWS];
	size_t n_hanging;
};

void fake_http_start(struct fake_http *f, uv_loop_t *loop, const struct log *log);
void fake_http_stop(struct fake_http *f);
// A later rule for the same call replaces none: it takes over when the earlier ones are used up.
void fake_http_rule(struct fake_http *f, const char *call, int status, const char *body, int times);
void fake_http_clear(struct fake_http *f); // rules and calls
// How often a call came.
size_t fake_http_count(const struct fake_http *f, const char *call);
// The body that came with its last one; "" = none.
const char *fake_http_body(const struct fake_http *f, const char *call);

struct fake_uapi_peer {
	char key[WG_KEY_CHARS + 1];
	char ip[IP_PREFIX_TEXT_BYTES];
};

struct fake_uapi {
	uv_loop_t *loop;
	uv_pipe_t *listener; // NULL: stopped
	void *connection;    // the one client
	char path[108];
	struct fake_uapi_peer peers[FAKE_ROWS];
	size_t n_peers;
	size_t n_requests;
	char last[4096];
	int refuse;  // answer set with this errno
	bool silent; // do not answer
};

void fake_uapi_start(struct fake_uapi *f, uv_loop_t *loop, const char *path);
// Ends the connection too; peers are forgotten unless keep.
void fake_uapi_stop(struct fake_uapi *f, bool keep);
// "10.8.0.2/32"; NULL = no such peer.
const char *fake_uapi_ip(const struct fake_uapi *f, const char *key);

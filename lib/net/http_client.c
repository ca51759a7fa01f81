// SPDX-License-Identifier: Apache-2.0
// curl's multi interface on the loop. An https URL is shown to curl as http; when curl wants a
// socket it is given one that leads to our gate, and what arrives there is tied by a relay to a TLS
// stream.
// curl pools connections by host and port: each tls_client is given an address of its own to
// "connect to", so that connections of different trust or identity never mix.
#include "net/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <openssl/crypto.h>
#include <uthash.h>

#include "base/clock.h"
#include "net/gate.h"
#include "net/relay.h"

enum {
	DEFAULT_TIMEOUT_MS = 10000,
	DEFAULT_ANSWER_MAX = 1024 * 1024,
	POOL_CONNECTIONS = 256,
	HOST_MAX = 256,
	UPLOAD_BUFFER_BYTES = 16 * 1024,
};

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

struct watch { // a socket of curl's
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t fd;
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
	char host[HOST_MAX];
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

// --- curl's sockets and timer on the loop ---

static void collect_done(struct http_client *c);

static void
maybe_freed(struct http_client *c)
{
	if (c->closing && c->n_watches == 0 && c->timer_closed)
		free(c);
}

static void
on_watch_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	struct http_client *c = w->client;
	c->n_watches--;
	free(w);
	maybe_freed(c);
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct http_client *c = w->client;
	int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
		    (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
		    (status < 0 ? CURL_CSELECT_ERR : 0);
	int running = 0;
	curl_multi_socket_action(c->multi, w->fd, flags, &running);
	collect_done(c);
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http_client *c = ctx;
	struct watch *w = socket_ctx;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			uv_poll_stop(&w->poll);
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
			curl_multi_assign(c->multi, fd, NULL);
		}
		return 0;
	}
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w || uv_poll_init_socket(c->loop, &w->poll, fd) != 0) {
			free(w);
			return -1;
		}
		w->client = c;
		w->fd = fd;
		w->poll.data = w;
		c->n_watches++;
		curl_multi_assign(c->multi, fd, w);
	}
	int events =
		(what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	uv_poll_start(&w->poll, events, on_socket);
	return 0;
}

static void
on_timer(uv_timer_t *timer)
{
	struct http_client *c = timer->data;
	int running = 0;
	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_done(c);
}

static int
on_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_client *c = ctx;
	(void)multi;
	if (c->closing)
		return 0;
	if (timeout_ms < 0)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

// --- TLS behind curl ---

static void
on_relay_open(struct relay *relay, void *ctx)
{
	struct client_relay *cr = ctx;
	(void)relay;
	if (!cr->call)
		return;
	cr->call->connected = true;
	cr->call->open_ns = clock_mono_ns() - cr->call->started_ns;
}

static void
forget_relay(struct client_relay *cr)
{
	if (cr->call)
		cr->call->relay = NULL;
	if (cr->prev)
		cr->prev->next = cr->next;
	else
		cr->client->relays = cr->next;
	if (cr->next)
		cr->next->prev = cr->prev;
	gate_forget(cr->client->gate, &cr->ticket);
	free(cr);
}

static void
on_relay_end(struct relay *relay, const struct why *why, void *ctx)
{
	struct client_relay *cr = ctx;
	(void)relay;
	if (cr->call)
		cr->call->relay_why = *why;
	forget_relay(cr);
}

static curl_socket_t
open_tls(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_call *call = ctx;
	struct http_client *c = call->client;
	(void)purpose;
	struct client_relay *cr = calloc(1, sizeof(*cr));
	int fd = cr ? gate_open(c->gate, &cr->ticket) : -1;
	if (fd < 0) {
		free(cr);
		return CURL_SOCKET_BAD;
	}
	cr->client = c;
	cr->call = call;
	cr->next = c->relays;
	if (cr->next)
		cr->next->prev = cr;
	c->relays = cr;
	call->relay = cr;
	call->opened_relay = true;
	address->family = AF_UNIX;
	address->protocol = 0;
	address->addrlen = sizeof(struct sockaddr_un);
	memcpy(&address->addr, gate_address(c->gate), sizeof(struct sockaddr_un));
	return fd;
}

// curl's socket came through the gate: tie it to a TLS stream.
static void
begin_relay(struct gate_ticket *ticket, int take_fd)
{
	static const struct relay_events events = {.on_open = on_relay_open,
						   .on_end = on_relay_end};
	struct client_relay *cr = CONTAINER_OF(ticket, struct client_relay, ticket);
	struct http_call *call = cr->call;
	struct stream *stream = NULL;
	if (relay_new(&cr->relay, take_fd, cr->client->loop, &events, cr) != ERR_OK) {
		forget_relay(cr);
		return;
	}
	if (stream_connect(&stream, cr->client->loop, call->host, call->port, call->tls,
			   &relay_stream_events, cr->relay) != ERR_OK) {
		relay_end(cr->relay, true);
		forget_relay(cr);
		return;
	}
	relay_take_stream(cr->relay, stream);
}

static unsigned
realm_number(struct http_client *c, struct tls_client *tls)
{
	struct tls_realm *realm = NULL;
	HASH_FIND_PTR(c->realms, &tls, realm);
	if (realm)
		return realm->number;
	realm = calloc(1, sizeof(*realm));
	if (!realm)
		return 0;
	// Held for the client's life: a freed pointer could come back as another identity.
	realm->tls = tls_client_ref(tls);
	realm->number = ++c->n_realms;
	HASH_ADD_PTR(c->realms, tls, realm);
	return realm->number;
}

// --- one call ---

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
unlink_call(struct http_call *call)
{
	struct http_client *c = call->client;
	if (!c)
		return;
	if (call->prev)
		call->prev->next = call->next;
	else
		c->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	if (call->relay) {
		call->relay->call = NULL;
		if (!call->relay->relay) // given up before it came through the gate
			forget_relay(call->relay);
	}
	call->client = NULL;
}

static void
call_free(struct http_call *call)
{
	unlink_call(call);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->connect_to);
	tls_client_unref(call->tls);
	buf_fini(&call->body);
	buf_fini(&call->answer);
	free(call->retry_after);
	free(call);
}

static enum err
err_of_curl(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return ERR_OK;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return ERR_UPSTREAM_DOWN;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
		return ERR_CLOSED;
	case CURLE_OUT_OF_MEMORY:
		return ERR_NOMEM;
	default:
		return ERR_UPSTREAM_FAULT;
	}
}

static void
explain(struct http_call *call, CURLcode code, struct http_answer *a)
{
	bool tls = call->tls != NULL;
	if (call->too_large) {
		a->err = why_set(&a->why, ERR_TOO_LARGE, "the answer is larger than %zu bytes",
				 call->answer.max);
	} else if (code != CURLE_OK && call->relay_why.err != ERR_OK) {
		a->err = why_set(&a->why, call->relay_why.err, "%s", call->relay_why.text);
	} else if (code == CURLE_OPERATION_TIMEDOUT && tls && call->opened_relay &&
		   !call->connected) {
		a->err = why_set(&a->why, ERR_TIMEOUT, "no connection within the time allowed");
	} else if (code == CURLE_SEND_FAIL_REWIND) {
		a->err = why_set(&a->why, ERR_CLOSED,
				 "the connection was closed before an answer came");
	} else if (code != CURLE_OK) {
		a->err = why_set(&a->why, err_of_curl(code), "%s",
				 *call->curl_error ? call->curl_error : curl_easy_strerror(code));
	}
}

// A connection stood at some time: a kept one counts, and so does one that made curl want to
// repeat.
static bool
was_connected(const struct http_call *call, CURLcode code, bool timed)
{
	long new_connections = 0;
	curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &new_connections);
	if (code == CURLE_SEND_FAIL_REWIND)
		return true;
	// To curl a TLS connection stands as soon as it has reached the gate.
	if (call->tls)
		return call->connected || !call->opened_relay;
	return timed || new_connections == 0;
}

static void
finish(struct http_call *call, CURLcode code)
{
	struct http_answer a = {.retry_after = call->retry_after, .connect_ns = call->open_ns};
	long status = 0;
	curl_off_t connect_us = 0;
	explain(call, code, &a);
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &a.content_type);
	curl_easy_getinfo(call->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	a.status = a.err == ERR_OK ? (int)status : 0;
	a.connected = was_connected(call, code, connect_us > 0);
	if (!call->tls)
		a.connect_ns = (uint64_t)connect_us * 1000;
	a.total_ns = clock_mono_ns() - call->started_ns;
	if (buf_reserve(&call->answer, 0) == ERR_OK)
		a.body = buf_bytes(&call->answer);
	http_done_fn *done = call->done;
	void *ctx = call->ctx;
	curl_multi_remove_handle(call->client->multi, call->easy);
	unlink_call(call); // done may free the client
	done(&a, ctx);
	call_free(call);
}

static void
collect_done(struct http_client *c)
{
	int left = 0;
	for (CURLMsg *m; !c->closing && (m = curl_multi_info_read(c->multi, &left)) != NULL;) {
		struct http_call *call = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, m->data.result);
	}
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

static void
set_tls(struct http_call *call)
{
	char line[64];
	unsigned n = call->fresh ? 0 : realm_number(call->client, call->tls);
	// Never dialled: only the name under which curl pools connections of this tls_client.
	snprintf(line, sizeof(line), "::127.%u.%u.%u:%u", n >> 16 & 255, n >> 8 & 255, n & 255,
		 call->port);
	call->connect_to = curl_slist_append(NULL, line);
	curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to);
	curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETFUNCTION, open_tls);
	curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETDATA, call);
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
http_call_start(struct http_call **out, struct http_client *c, const struct http_request *r,
		http_done_fn *done, void *ctx)
{
	struct http_call *call = calloc(1, sizeof(*call));
	if (!call)
		return ERR_NOMEM;
	call->client = c;
	call->done = done;
	call->ctx = ctx;
	call->started_ns = clock_mono_ns();
	call->tls = tls_client_ref(r->tls);
	call->fresh = r->fresh_connection;
	call->next = c->calls;
	if (call->next)
		call->next->prev = call;
	c->calls = call;
	buf_init(&call->answer, r->answer_max ? r->answer_max : DEFAULT_ANSWER_MAX);
	buf_init(&call->body, r->body.n);
	call->easy = curl_easy_init();
	enum err err = call->easy ? buf_append(&call->body, r->body.p, r->body.n) : ERR_NOMEM;
	if (err == ERR_OK)
		err = set_url(call, r->url);
	if (err == ERR_OK) {
		set_options(call, r);
		set_credentials(call, r);
		if (call->tls)
			set_tls(call);
		if (curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
			err = ERR_INTERNAL;
	}
	if (err != ERR_OK) {
		call_free(call);
		return err;
	}
	if (out)
		*out = call;
	return ERR_OK;
}

void
http_call_cancel(struct http_call *call)
{
	curl_multi_remove_handle(call->client->multi, call->easy);
	call_free(call);
}

json_t *
http_answer_json(const struct http_answer *a, struct why *why)
{
	json_error_t error;
	json_t *root =
		json_loadb((const char *)a->body.p, a->body.n, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		why_set(why, ERR_UPSTREAM_FAULT, "the answer is not JSON: %s", error.text);
	return root;
}

// --- life of the client ---

static void
init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum err
http_client_new(struct http_client **out, uv_loop_t *loop, struct why *why)
{
	static uv_once_t once = UV_ONCE_INIT;
	uv_once(&once, init_curl);
	struct http_client *c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	c->loop = loop;
	c->multi = curl_multi_init();
	if (!c->multi || gate_new(&c->gate, loop, begin_relay) != ERR_OK) {
		curl_multi_cleanup(c->multi);
		free(c);
		return why_set(why, ERR_INTERNAL, "the HTTP client did not start");
	}
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)POOL_CONNECTIONS);
	*out = c;
	return ERR_OK;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct http_client *c = handle->data;
	c->timer_closed = true;
	maybe_freed(c);
}

void
http_client_free(struct http_client *c)
{
	if (!c)
		return;
	while (c->calls)
		http_call_cancel(c->calls);
	c->closing = true;
	curl_multi_cleanup(c->multi);
	while (c->relays) {
		struct client_relay *cr = c->relays;
		if (cr->relay)
			relay_end(cr->relay, false);
		forget_relay(cr);
	}
	gate_free(c->gate);
	struct tls_realm *realm, *next;
	HASH_ITER (hh, c->realms, realm, next) {
		HASH_DEL(c->realms, realm);
		tls_client_unref(realm->tls);
		free(realm);
	}
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

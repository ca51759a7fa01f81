// SPDX-License-Identifier: Apache-2.0
// curl's multi interface on the loop: its sockets and its timer are ours, calls start and end here.

#include "base/clock.h"
#include "net/http_client_internal.h"

enum {
	DEFAULT_ANSWER_MAX = 1024 * 1024,
	POOL_CONNECTIONS = 256,
};

struct watch { // a socket of curl's
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t fd;
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

// --- one call ---

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
			http_tls_forget(call->relay);
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
	enum err err = call->easy ? http_call_prepare(call, r) : ERR_NOMEM;
	if (err == ERR_OK && curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
		err = ERR_INTERNAL;
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
	if (!c->multi || gate_new(&c->gate, loop, http_tls_arrived) != ERR_OK) {
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

void
http_client_limit_connections(struct http_client *c, unsigned n)
{
	curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)n);
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
		http_tls_forget(cr);
	}
	gate_free(c->gate);
	http_tls_free_realms(c);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

// SPDX-License-Identifier: Apache-2.0
// libmicrohttpd without a listening socket and without threads: its epoll descriptor is a member of
// our loop, connections are handed to it (plain ones as they are, TLS ones as one end of a relay),
// a handler that does not answer at once leaves its connection suspended. Verified shape: see
// performance notes in docs.
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/rng.h"
#include "net/acceptor.h"
#include "net/http_internal.h"

enum {
	ARENA_MAX_BYTES = 1024 * 1024,
	UNMATCHED_BODY_MAX = 64 * 1024,
	CONNECTION_MEMORY = 16 * 1024,
	REQUEST_ID_BYTES = 16,
	REQUEST_ID_MAX = 64,
	DEFAULT_IDLE_S = 15,
	DEFAULT_CONNECTIONS = 10000,
	DEFAULT_REQUEST_MS = 30000,
};

static void run_mhd(struct http_server *s);

// --- the daemon on the loop ---

static void
on_epoll_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run_mhd(poll->data);
}

static void
on_timeout(uv_timer_t *timer)
{
	run_mhd(timer->data);
}

static void
on_kick(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	run_mhd(idle->data);
}

void
http_server_kick(struct http_server *s)
{
	if (!s->closing)
		uv_idle_start(&s->kick, on_kick);
}

static void
run_mhd(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	if (s->closing)
		return;
	MHD_run(s->mhd);
	if (MHD_get_timeout(s->mhd, &wait_ms) != MHD_YES)
		uv_timer_stop(&s->timer);
	else if (wait_ms == 0)
		http_server_kick(s);
	else
		uv_timer_start(&s->timer, on_timeout, wait_ms, 0);
}

// --- one request ---

static bool
id_is_sane(const char *id)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = id ? strnlen(id, REQUEST_ID_MAX + 1) : 0;
	return n > 0 && n <= REQUEST_ID_MAX && strspn(id, allowed) == n;
}

static const char *
choose_id(struct http_req *req)
{
	const char *given = http_req_header(req, "X-Request-Id");
	if (id_is_sane(given))
		return given;
	uint8_t raw[REQUEST_ID_BYTES / 2];
	char text[REQUEST_ID_BYTES + 1];
	rng_fill(req->server->rng, raw, sizeof(raw));
	hex_encode(text, BYTES(raw, sizeof(raw)));
	const char *id = arena_strndup(&req->arena, text, REQUEST_ID_BYTES);
	return id ? id : "";
}

static struct http_req *
req_new(struct http_server *s, struct MHD_Connection *connection, const char *method,
	const char *path)
{
	struct http_req *req = calloc(1, sizeof(*req));
	if (!req)
		return NULL;
	req->server = s;
	req->connection = connection;
	req->method = method;
	req->path = path;
	req->started_ns = clock_mono_ns();
	arena_init(&req->arena, ARENA_MAX_BYTES);
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr) {
		req->peer.len = info->client_addr->sa_family == AF_INET6
					? sizeof(struct sockaddr_in6)
					: sizeof(struct sockaddr_in);
		memcpy(&req->peer.ss, info->client_addr, req->peer.len);
	}
	req->id = choose_id(req);
	req->log = log_for(s->o.log, NULL, req->id);
	req->match = http_route_match(s->o.routes, s->o.n_routes, method, path, &req->arena);
	buf_init(&req->body, req->match.route ? req->match.route->body_max : UNMATCHED_BODY_MAX);
	req->next = s->requests;
	if (req->next)
		req->next->prev = req;
	s->requests = req;
	s->n_requests++;
	return req;
}

static void
req_free(struct http_req *req)
{
	struct http_server *s = req->server;
	if (req->prev)
		req->prev->next = req->next;
	else
		s->requests = req->next;
	if (req->next)
		req->next->prev = req->prev;
	s->n_requests--;
	buf_fini(&req->body);
	buf_fini(&req->reply_body);
	arena_fini(&req->arena);
	free(req);
	if (s->n_requests == 0 && s->on_idle && !s->closing) {
		void (*on_idle)(void *) = s->on_idle;
		s->on_idle = NULL;
		on_idle(s->on_idle_ctx);
	}
}

static enum MHD_Result
queue_reply(struct http_req *req)
{
	struct MHD_Response *response;
	size_t n = req->reply_body.len;
	// The body belongs to MHD from here on; it frees it with free().
	void *body = n ? buf_steal_str(&req->reply_body) : NULL;
	response = MHD_create_response_from_buffer(
		n, body, n ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(body);
		return MHD_NO;
	}
	for (const struct http_header *h = req->reply_headers; h; h = h->next)
		MHD_add_response_header(response, h->name, h->value);
	if (req->server->o.echo_request_id)
		MHD_add_response_header(response, "X-Request-Id", req->id);
	if (req->chunked)
		MHD_add_response_header(response, "Transfer-Encoding", "chunked");
	if (req->server->on_idle || req->bad_framing)
		MHD_add_response_header(response, "Connection", "close");
	enum MHD_Result result =
		MHD_queue_response(req->connection, (unsigned)req->reply_status, response);
	MHD_destroy_response(response);
	req->state = HTTP_REQ_QUEUED;
	return result;
}

static void
forget_connection(struct tls_connection *tc)
{
	struct http_server *s = tc->server;
	// The number may serve another connection by now.
	if (s->by_fd[tc->mhd_fd] == tc)
		s->by_fd[tc->mhd_fd] = NULL;
	free(tc);
}

// Connecting a TCP socket to nowhere makes Linux send RST and forget it.
static void
reset_socket(struct http_req *req)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!info)
		return;
	struct http_server *s = req->server;
	int fd = info->connect_fd;
	if (fd < s->n_fds && s->by_fd[fd]) {
		relay_end(s->by_fd[fd]->relay, true);
		forget_connection(s->by_fd[fd]);
	} else {
		int ret = connect(fd, &nowhere, sizeof(nowhere));
		(void)ret;
	}
}

static enum MHD_Result
outcome(struct http_req *req)
{
	switch (req->state) {
	case HTTP_REQ_READY:
		return queue_reply(req);
	case HTTP_REQ_ABORTED:
		if (req->reset)
			reset_socket(req);
		return MHD_NO;
	case HTTP_REQ_WAITING:
	case HTTP_REQ_HELD:
		MHD_suspend_connection(req->connection);
		req->suspended = true;
		return MHD_YES;
	default:
		return MHD_YES;
	}
}

void
http_server_proceed(struct http_req *req)
{
	if (req->in_handler || !req->suspended)
		return;
	req->suspended = false;
	MHD_resume_connection(req->connection);
	http_server_kick(req->server);
}

void
http_req_dispatch(struct http_req *req)
{
	if (req->state != HTTP_REQ_WAITING)
		return;
	if (!req->match.route || req->match.bad_escape || req->too_large || req->bad_framing)
		http_reply_unmatched(req);
	else
		req->match.route->handler(req, req->server->o.ctx);
}

static enum MHD_Result
complete(struct http_req *req)
{
	const struct http_server_options *o = &req->server->o;
	http_deadline_end(http_connection_of(req->connection));
	req->state = HTTP_REQ_WAITING;
	req->in_handler = true;
	if (!o->before || !o->before(req, o->ctx))
		http_req_dispatch(req);
	req->in_handler = false;
	return outcome(req);
}

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	  const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
	struct http_req *req = *con_cls;
	(void)version;
	if (!req) {
		req = req_new(cls, connection, method, url);
		if (!req)
			return MHD_NO;
		*con_cls = req;
		// Answering before the body is read makes MHD close afterwards: a huge body is
		// never taken.
		http_body_look_at_head(req);
		if (req->bad_framing || req->too_large)
			return complete(req);
		return MHD_YES;
	}
	if (*upload_size) {
		return http_body_take(req, upload, upload_size);
	}
	return req->state == HTTP_REQ_READING ? complete(req) : outcome(req);
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
	     enum MHD_RequestTerminationCode code)
{
	struct http_server *s = cls;
	struct http_req *req = *con_cls;
	if (!req)
		return;
	*con_cls = NULL;
	http_deadline_begin(http_connection_of(connection));
	bool sent = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	if (s->o.on_finish)
		s->o.on_finish(req, sent ? req->reply_status : 0, s->o.ctx);
	req_free(req);
}

// --- connections ---

static void
on_relay_end(struct relay *relay, const struct why *why, void *ctx)
{
	(void)relay;
	(void)why;
	forget_connection(ctx);
}

static bool
make_room_for(struct http_server *s, int fd)
{
	if (fd < s->n_fds)
		return true;
	int n = fd * 2 + 64;
	struct tls_connection **by_fd = realloc(s->by_fd, (size_t)n * sizeof(*by_fd));
	if (!by_fd)
		return false;
	memset(by_fd + s->n_fds, 0, (size_t)(n - s->n_fds) * sizeof(*by_fd));
	s->by_fd = by_fd;
	s->n_fds = n;
	return true;
}

static void
give_to_mhd(struct http_server *s, int take_fd, const struct addr *peer)
{
	MHD_add_connection(s->mhd, take_fd, (const struct sockaddr *)&peer->ss, peer->len);
	http_server_kick(s);
}

// A socketpair with the relay on one end; *mhd_fd is the other.
static struct tls_connection *
connection_new(struct http_server *s, int *mhd_fd)
{
	static const struct relay_events events = {.on_end = on_relay_end};
	int pair[2];
	struct tls_connection *tc = calloc(1, sizeof(*tc));
	if (!tc || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		free(tc);
		return NULL;
	}
	*tc = (struct tls_connection){.server = s, .mhd_fd = pair[1]};
	if (!make_room_for(s, pair[1]) ||
	    relay_new(&tc->relay, pair[0], s->loop, &events, tc) != ERR_OK) {
		close(pair[1]);
		free(tc);
		return NULL;
	}
	s->by_fd[pair[1]] = tc;
	*mhd_fd = pair[1];
	return tc;
}

static void
accept_tls(struct http_server *s, int take_fd, const struct addr *peer)
{
	struct stream *stream = NULL;
	int mhd_fd = -1;
	struct tls_connection *tc = connection_new(s, &mhd_fd);
	if (!tc) {
		close(take_fd);
		return;
	}
	if (stream_accept(&stream, s->loop, take_fd, s->o.tls, &relay_stream_events, tc->relay) !=
	    ERR_OK) {
		relay_end(tc->relay, true);
		forget_connection(tc);
		close(mhd_fd);
		return;
	}
	relay_take_stream(tc->relay, stream);
	give_to_mhd(s, mhd_fd, peer);
}

static void
on_accepted(int take_fd, const struct addr *peer, void *ctx)
{
	struct http_server *s = ctx;
	if (s->o.tls)
		accept_tls(s, take_fd, peer);
	else
		give_to_mhd(s, take_fd, peer);
}

// --- life of the server ---

// Paths and queries are decoded by us, after routing: "%2F" must not become a slash before it.
static size_t
keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static struct MHD_Daemon *
start_mhd(struct http_server *s)
{
	return MHD_start_daemon(
		MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC,
		0, NULL, NULL, on_access, s, MHD_OPTION_CONNECTION_LIMIT, s->o.connection_limit,
		MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
		http_connection_notify, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, s,
		MHD_OPTION_END);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;
	if (--s->open_handles > 0)
		return;
	tls_server_unref(s->o.tls);
	free(s->by_fd);
	free(s->rng);
	free(s);
}

static void
watch_mhd(struct http_server *s)
{
	int fd = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	uv_poll_init(s->loop, &s->poll, fd);
	uv_timer_init(s->loop, &s->timer);
	uv_idle_init(s->loop, &s->kick);
	uv_timer_init(s->loop, &s->deadline);
	s->poll.data = s;
	s->timer.data = s;
	s->kick.data = s;
	s->deadline.data = s;
	s->open_handles = 4;
	uv_poll_start(&s->poll, UV_READABLE, on_epoll_ready);
}

enum err
http_server_new(struct http_server **out, uv_loop_t *loop, const struct http_server_options *o,
		struct why *why)
{
	struct http_server *s = calloc(1, sizeof(*s));
	struct rng *rng = calloc(1, sizeof(*rng));
	if (!s || !rng) {
		free(s);
		free(rng);
		return ERR_NOMEM;
	}
	*s = (struct http_server){.o = *o, .loop = loop, .rng = rng};
	s->o.idle_timeout_s = o->idle_timeout_s ? o->idle_timeout_s : DEFAULT_IDLE_S;
	s->o.connection_limit = o->connection_limit ? o->connection_limit : DEFAULT_CONNECTIONS;
	s->request_deadline_ms =
		s->o.idle_timeout_s * 1000ULL +
		(o->request_timeout_ms ? o->request_timeout_ms : DEFAULT_REQUEST_MS);
	rng_init(rng, rng_system_seed(), 0);
	enum err err = acceptor_new(&s->acceptor, loop, &o->addr, on_accepted, s, why);
	if (err == ERR_OK) {
		s->mhd = start_mhd(s);
		err = s->mhd ? ERR_OK : why_set(why, ERR_INTERNAL, "libmicrohttpd did not start");
	}
	if (err != ERR_OK) {
		acceptor_free(s->acceptor);
		free(rng);
		free(s);
		return err;
	}
	tls_server_ref(s->o.tls);
	watch_mhd(s);
	*out = s;
	return ERR_OK;
}

struct addr
http_server_addr(const struct http_server *s)
{
	return acceptor_addr(s->acceptor);
}

size_t
http_server_connections(const struct http_server *s)
{
	return MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

size_t
http_server_requests(const struct http_server *s)
{
	return s->n_requests;
}

void
http_server_drain(struct http_server *s, void (*on_idle)(void *ctx), void *ctx)
{
	acceptor_free(s->acceptor);
	s->acceptor = NULL;
	if (s->n_requests == 0) {
		on_idle(ctx);
		return;
	}
	s->on_idle = on_idle;
	s->on_idle_ctx = ctx;
}

void
http_server_free(struct http_server *s)
{
	if (!s)
		return;
	s->closing = true;
	acceptor_free(s->acceptor);
	uv_poll_stop(&s->poll);
	// MHD refuses to stop while connections are suspended.
	for (struct http_req *req = s->requests; req; req = req->next) {
		if (req->suspended) {
			req->suspended = false;
			req->state = HTTP_REQ_ABORTED;
			MHD_resume_connection(req->connection);
		}
	}
	MHD_run(s->mhd);
	MHD_stop_daemon(s->mhd);
	for (int fd = 0; fd < s->n_fds; fd++) {
		struct tls_connection *tc = s->by_fd[fd];
		if (!tc)
			continue;
		relay_end(tc->relay, false);
		forget_connection(tc);
	}
	uv_close((uv_handle_t *)&s->poll, on_handle_closed);
	uv_close((uv_handle_t *)&s->timer, on_handle_closed);
	uv_close((uv_handle_t *)&s->kick, on_handle_closed);
	uv_close((uv_handle_t *)&s->deadline, on_handle_closed);
}

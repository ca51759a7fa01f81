// SPDX-License-Identifier: Apache-2.0
// WG_SERVER=uapi:/path, the cross-platform userspace API (wireguard.com/xplatform): one connection
// to the server's unix socket. Requests are written as they come and answered in the same order
// (wireguard-go and wg(8) treat the socket so). A lost connection fails what is in flight and is
// made anew in the background: the server may have restarted and lost its peers, so whoever listens
// to on_connected compares.
#include "bridge/wireguard_backend.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/un.h>
#include <utlist.h>

#include "wg/uapi.h"

enum {
	TIMEOUT_MS = 3000,
	RECONNECT_MIN_MS = 100,
	RECONNECT_MAX_MS = 5000,
	UNIX_PATH_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path),
};

struct request {
	struct request *next, *prev;
	struct buf text;
	uint64_t deadline_ms;	   // uv_now()
	wireguard_done_fn *done;   // of a set
	wireguard_peers_fn *peers; // of a get
	void *ctx;
};

// A connection outlives its client until libuv has closed the pipe.
struct connection {
	uv_pipe_t pipe;
	uv_connect_t connect;
	struct uapi *w; // NULL: abandoned
	struct buf in;
};

struct writing {
	uv_write_t write;
	uv_buf_t bytes;
};

enum link { LINK_DOWN, LINK_CONNECTING, LINK_UP };

struct uapi {
	struct wireguard base;
	char path[UNIX_PATH_BYTES];
	enum link link;
	struct connection *connection; // unless LINK_DOWN
	struct request *requests;      // LINK_UP: all of them were written
	uv_timer_t timeout;
	uv_timer_t reconnect;
	unsigned reconnect_ms;
	int open_handles;
};

static void connect_now(struct uapi *w);

// --- requests ---

static void
request_free(struct request *r)
{
	buf_fini(&r->text);
	free(r);
}

static void
fail_requests(struct uapi *w, const struct why *why)
{
	struct request *list = STEAL(w->requests);
	struct request *r, *next;
	DL_FOREACH_SAFE (list, r, next) {
		if (r->peers)
			r->peers(why, NULL, 0, r->ctx);
		else
			r->done(why, r->ctx);
		request_free(r);
	}
}

static void on_timeout(uv_timer_t *timer);

static void
arm_timeout(struct uapi *w)
{
	if (!w->requests) {
		uv_timer_stop(&w->timeout);
		return;
	}
	uint64_t now = uv_now(w->base.loop);
	uint64_t deadline = w->requests->deadline_ms;
	uv_timer_start(&w->timeout, on_timeout, deadline > now ? deadline - now : 0, 0);
}

// --- the connection ---

static void
on_pipe_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;
	buf_fini(&c->in);
	free(c);
}

static void
abandon_connection(struct uapi *w)
{
	struct connection *c = STEAL(w->connection);
	if (!c)
		return;
	c->w = NULL;
	uv_close((uv_handle_t *)&c->pipe, on_pipe_closed);
}

static void
on_reconnect(uv_timer_t *timer)
{
	struct uapi *w = timer->data;
	if (w->link == LINK_DOWN)
		connect_now(w);
}

static void
lose_link(struct uapi *w, enum err err, const char *reason)
{
	struct why why = {0};
	why_set(&why, err, "WireGuard server at %s: %s", w->path, reason);
	wireguard_note_lost(&w->base, &why);
	w->link = LINK_DOWN;
	abandon_connection(w);
	uv_timer_start(&w->reconnect, on_reconnect, w->reconnect_ms, 0);
	w->reconnect_ms =
		w->reconnect_ms * 2 < RECONNECT_MAX_MS ? w->reconnect_ms * 2 : RECONNECT_MAX_MS;
	fail_requests(w, &why);
	arm_timeout(w);
}

static void
on_timeout(uv_timer_t *timer)
{
	struct uapi *w = timer->data;
	lose_link(w, ERR_TIMEOUT, "no answer in time");
}

static void
answer_get(struct request *r, struct bytes text)
{
	struct why why = {0};
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	wg_uapi_device_init(&d);
	why.err = wg_uapi_get_answer_parse(&d, text, &why);
	struct wireguard_peer *list = calloc(d.n_peers + 1, sizeof(*list));
	if (!list && why.err == ERR_OK)
		why_set(&why, ERR_NOMEM, "out of memory");
	for (size_t i = 0; list && i < d.n_peers; i++) {
		const struct wg_uapi_peer *p = &d.peers[i];
		wg_key_print(list[i].public_key, &p->public_key);
		if (p->n_allowed_ips == 1 && p->allowed_ips[0].family == 4 &&
		    p->allowed_ips[0].bits == 32)
			list[i].ip = ip4_of_prefix(&p->allowed_ips[0]);
	}
	if (list)
		wireguard_sort_peers(list, d.n_peers);
	r->peers(&why, why.err == ERR_OK ? list : NULL, why.err == ERR_OK ? d.n_peers : 0, r->ctx);
	free(list);
}

static void
answer_set(struct request *r, struct bytes text)
{
	struct why why = {0};
	why.err = wg_uapi_status_parse(text, &why);
	r->done(&why, r->ctx);
}

static bool
answer_first(struct uapi *w, struct bytes text)
{
	struct request *r = w->requests;
	if (!r)
		return false;
	DL_DELETE(w->requests, r);
	if (r->peers)
		answer_get(r, text);
	else
		answer_set(r, text);
	request_free(r);
	return true;
}

static void
take_answers(struct connection *c)
{
	// A callback may end the client: look at c->w each time.
	while (c->w) {
		struct uapi *w = c->w;
		size_t n = wg_uapi_message_size(buf_bytes(&c->in));
		if (n == 0)
			break;
		bool expected = answer_first(w, BYTES(c->in.data, n));
		// The answer to get=1 holds the server's private key.
		OPENSSL_cleanse(c->in.data, n);
		buf_consume(&c->in, n);
		if (c->w && !expected)
			lose_link(w, ERR_UPSTREAM_FAULT, "it answered what was not asked");
	}
	if (c->w)
		arm_timeout(c->w);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct connection *c = handle->data;
	(void)suggested;
	size_t room = c->in.max - c->in.len < 65536 ? c->in.max - c->in.len : 65536;
	enum err err = buf_reserve(&c->in, room);
	*out = err == ERR_OK ? uv_buf_init((char *)buf_tail(&c->in), (unsigned)room)
			     : uv_buf_init(NULL, 0);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct connection *c = stream->data;
	(void)buf;
	if (n == 0 || !c->w)
		return;
	if (n < 0) {
		lose_link(c->w, n == UV_ENOBUFS ? ERR_TOO_LARGE : ERR_CLOSED,
			  n == UV_EOF ? "it closed the connection" : uv_strerror((int)n));
		return;
	}
	c->in.len += (size_t)n;
	take_answers(c);
}

static void
on_written(uv_write_t *write, int status)
{
	struct writing *wr = CONTAINER_OF(write, struct writing, write);
	struct connection *c = write->handle->data;
	free(wr->bytes.base);
	free(wr);
	if (status < 0 && status != UV_ECANCELED && c->w)
		lose_link(c->w, ERR_CLOSED, uv_strerror(status));
}

static enum err
write_request(struct uapi *w, struct request *r)
{
	struct writing *wr = calloc(1, sizeof(*wr));
	if (!wr)
		return ERR_NOMEM;
	size_t n = r->text.len;
	wr->bytes = uv_buf_init(buf_steal_str(&r->text), (unsigned)n);
	uv_stream_t *stream = (uv_stream_t *)&w->connection->pipe;
	if (uv_write(&wr->write, stream, &wr->bytes, 1, on_written) == 0)
		return ERR_OK;
	free(wr->bytes.base);
	free(wr);
	return ERR_CLOSED;
}

static void
on_connect(uv_connect_t *connect, int status)
{
	struct connection *c = CONTAINER_OF(connect, struct connection, connect);
	struct uapi *w = c->w;
	if (!w)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
	if (status < 0) {
		lose_link(w, ERR_UPSTREAM_DOWN, uv_strerror(status));
		return;
	}
	w->link = LINK_UP;
	w->reconnect_ms = RECONNECT_MIN_MS;
	struct request *r;
	DL_FOREACH (w->requests, r) {
		if (write_request(w, r) != ERR_OK) {
			lose_link(w, ERR_CLOSED, "cannot write");
			return;
		}
	}
	wireguard_note_connected(&w->base, w->path, true);
}

static void
connect_now(struct uapi *w)
{
	struct connection *c = calloc(1, sizeof(*c));
	if (!c || uv_pipe_init(w->base.loop, &c->pipe, 0) != 0) {
		free(c);
		lose_link(w, ERR_NOMEM, "out of memory");
		return;
	}
	c->pipe.data = c;
	c->w = w;
	buf_init(&c->in, WG_UAPI_BYTES_MAX);
	w->connection = c;
	w->link = LINK_CONNECTING;
	uv_pipe_connect(&c->connect, &c->pipe, w->path, on_connect);
}

// --- the client ---

static enum err
uapi_check(const char *where, struct why *why)
{
	if (where[0] != '/' || where[1] == '\0')
		return why_set(why, ERR_INPUT,
			       "must be uapi:/path of the WireGuard server's socket, such as "
			       "uapi:/var/run/wireguard/wg0.sock");
	if (strlen(where) >= UNIX_PATH_BYTES)
		return why_set(why, ERR_INPUT,
			       "is too long: the path of a unix socket has at most %d characters",
			       UNIX_PATH_BYTES - 1);
	return ERR_OK;
}

static enum err
uapi_open(struct wireguard **out, const struct wireguard_options *o, const char *where)
{
	struct uapi *w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	wireguard_init(&w->base, o, TIMEOUT_MS);
	snprintf(w->path, sizeof(w->path), "%s", where);
	w->reconnect_ms = RECONNECT_MIN_MS;
	uv_timer_init(w->base.loop, &w->timeout);
	uv_timer_init(w->base.loop, &w->reconnect);
	w->timeout.data = w->reconnect.data = w;
	w->open_handles = 2;
	// The first connect comes from the loop, when everything else is built.
	uv_timer_start(&w->reconnect, on_reconnect, 0, 0);
	*out = &w->base;
	return ERR_OK;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct uapi *w = handle->data;
	if (--w->open_handles == 0)
		free(w);
}

static void
uapi_close(struct wireguard *base)
{
	struct uapi *w = CONTAINER_OF(base, struct uapi, base);
	struct request *r, *next;
	abandon_connection(w);
	DL_FOREACH_SAFE (w->requests, r, next)
		request_free(r);
	uv_close((uv_handle_t *)&w->timeout, on_timer_closed);
	uv_close((uv_handle_t *)&w->reconnect, on_timer_closed);
}

static struct request *
request_new(struct uapi *w, void *ctx)
{
	struct request *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	buf_init(&r->text, 256 * 1024);
	r->deadline_ms = uv_now(w->base.loop) + w->base.timeout_ms;
	r->ctx = ctx;
	return r;
}
AUTO_DEFINE(struct request *, request_free)

static enum err
submit(struct uapi *w, struct request *take_r)
{
	AUTO(request_free) struct request *r = take_r;
	if (w->link == LINK_UP)
		TRY(write_request(w, r));
	DL_APPEND(w->requests, r);
	r = NULL;
	arm_timeout(w);
	if (w->link == LINK_DOWN)
		uv_timer_start(&w->reconnect, on_reconnect, 0, 0);
	return ERR_OK;
}

static enum err
add_removal(const struct wg_key *key, void *ctx)
{
	struct wg_uapi_peer *p = wg_uapi_peer_add(ctx, key);
	if (!p)
		return ERR_NOMEM;
	p->remove = true;
	return ERR_OK;
}

static enum err
add_peer(struct wg_uapi_device *d, const char *public_key, uint32_t ip)
{
	struct wg_key key;
	struct ip_prefix address = ip4_prefix(ip, 32);
	TRY(wg_key_parse(&key, BYTES_STR(public_key)));
	struct wg_uapi_peer *p = wg_uapi_peer_add(d, &key);
	if (!p)
		return ERR_NOMEM;
	p->replace_allowed_ips = true;
	return wg_uapi_allowed_ip_add(p, &address);
}

static enum err
uapi_apply(struct wireguard *base, const struct wireguard_change *change, wireguard_done_fn *done,
	   void *ctx)
{
	struct uapi *w = CONTAINER_OF(base, struct uapi, base);
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	wg_uapi_device_init(&d);
	TRY(wireguard_each_key(change->remove, add_removal, &d));
	if (change->public_key)
		TRY(add_peer(&d, change->public_key, change->ip));
	AUTO(request_free) struct request *r = request_new(w, ctx);
	if (!r)
		return ERR_NOMEM;
	r->done = done;
	TRY(wg_uapi_set_render(&r->text, &d));
	return submit(w, STEAL(r));
}

static enum err
uapi_get(struct wireguard *base, wireguard_peers_fn *done, void *ctx)
{
	struct uapi *w = CONTAINER_OF(base, struct uapi, base);
	AUTO(request_free) struct request *r = request_new(w, ctx);
	if (!r)
		return ERR_NOMEM;
	r->peers = done;
	TRY(wg_uapi_get_render(&r->text));
	return submit(w, STEAL(r));
}

const struct wireguard_backend wireguard_uapi = {"uapi:",    uapi_check, uapi_open,
						 uapi_close, uapi_apply, uapi_get};

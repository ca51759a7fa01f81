// SPDX-License-Identifier: Apache-2.0
#include "fakes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

// --- HTTP ---

static struct fake_rule *
find_rule(struct fake_http *f, const char *call)
{
	for (size_t i = 0; i < f->n_rules; i++) {
		struct fake_rule *r = &f->rules[i];
		if (strcmp(r->call, call) != 0 || r->times < 0)
			continue;
		if (r->times > 0 && --r->times == 0)
			r->times = -1;
		return r;
	}
	return NULL;
}

static void
note(struct fake_http *f, struct http_req *req, const char *call)
{
	cr_assert(f->n_calls < FAKE_ROWS);
	size_t i = f->n_calls++;
	struct bytes body = http_req_body(req);
	const char *x = http_req_header(req, "X-Authorization");
	const char *basic = http_req_header(req, "Authorization");
	snprintf(f->calls[i], FAKE_TEXT, "%s", call);
	snprintf(f->bodies[i], FAKE_TEXT, "%.*s", (int)body.n, body.n ? (const char *)body.p : "");
	snprintf(f->authorizations[i], FAKE_TEXT, "%s", x ? x : basic ? basic : "");
}

static void
on_request(struct http_req *req, void *ctx)
{
	struct fake_http *f = ctx;
	char call[FAKE_TEXT];
	const char *name = http_req_query(req, "deviceName");
	snprintf(call, sizeof(call), "%s %s%s%s", http_req_method(req), http_req_path(req),
		 name ? "?deviceName=" : "", name ? name : "");
	note(f, req, call);
	struct fake_rule *r = find_rule(f, call);
	if (r && r->hang) {
		f->hanging[f->n_hanging++] = req;
		return;
	}
	const char *body = r ? r->body : "{\"message\":\"nothing here\"}";
	http_reply(req, r ? r->status : 404, body ? "application/json" : NULL,
		   body ? BYTES_STR(body) : BYTES_NONE);
}

static const struct http_route routes[] = {
	{"GET",	"/rest/v1/targets/{id}",				 on_request, 0,	"target"	},
	{"DELETE", "/rest/v1/targets/{id}",			    on_request, 0,	   "delete"  },
	{"POST",	 "/rest/v1/targets",				     on_request, 4096, "create"  },
	{"POST",	 "/rest/v1/targets/{id}/metadata",		   on_request, 4096, "metadata"},
	{"POST",	 "/api/auth/login",				    on_request, 4096, "login"   },
	{"GET",	"/api/tenant/devices",			       on_request, 0,    "find"    },
	{"DELETE", "/api/device/{id}",				       on_request, 0,    "remove"  },
	{"POST",	 "/api/plugins/telemetry/DEVICE/{id}/SERVER_SCOPE", on_request, 4096, "attrs"   },
};

void
fake_http_start(struct fake_http *f, uv_loop_t *loop, const struct log *log)
{
	struct why why = {0};
	char text[ADDR_TEXT_BYTES];
	struct http_server_options o = {
		.server_name = "fake",
		.routes = routes,
		.n_routes = N_ELEMENTS(routes),
		.ctx = f,
		.log = log,
	};
	*f = (struct fake_http){0};
	cr_assert(addr_parse(&o.addr, "127.0.0.1:0", &why) == ERR_OK);
	cr_assert(http_server_new(&f->server, loop, &o, &why) == ERR_OK, "%s", why.text);
	struct addr real = http_server_addr(f->server);
	addr_format(text, &real);
	snprintf(f->url, sizeof(f->url), "http://%.50s", text);
}

void
fake_http_stop(struct fake_http *f)
{
	for (size_t i = 0; i < f->n_hanging; i++)
		http_req_abort(f->hanging[i], true);
	http_server_free(f->server);
}

void
fake_http_rule(struct fake_http *f, const char *call, int status, const char *body, int times)
{
	cr_assert(f->n_rules < FAKE_ROWS);
	f->rules[f->n_rules++] = (struct fake_rule){call, status, body, times, status == 0};
}

void
fake_http_clear(struct fake_http *f)
{
	f->n_rules = f->n_calls = 0;
}

size_t
fake_http_count(const struct fake_http *f, const char *call)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n_calls; i++)
		n += strcmp(f->calls[i], call) == 0;
	return n;
}

const char *
fake_http_body(const struct fake_http *f, const char *call)
{
	for (size_t i = f->n_calls; i > 0; i--) {
		if (strcmp(f->calls[i - 1], call) == 0)
			return f->bodies[i - 1];
	}
	return "";
}

// --- WireGuard ---

struct client {
	uv_pipe_t pipe;
	struct fake_uapi *f; // NULL: ended
	struct buf in;
};

static void
on_client_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;
	buf_fini(&c->in);
	free(c);
}

static void
end_client(struct fake_uapi *f)
{
	struct client *c = f->connection;
	f->connection = NULL;
	if (!c)
		return;
	c->f = NULL;
	uv_close((uv_handle_t *)&c->pipe, on_client_closed);
}

static struct fake_uapi_peer *
find_peer(struct fake_uapi *f, const char *key)
{
	for (size_t i = 0; i < f->n_peers; i++) {
		if (strcmp(f->peers[i].key, key) == 0)
			return &f->peers[i];
	}
	return NULL;
}

static void
apply(struct fake_uapi *f, const struct wg_uapi_peer *p)
{
	char key[WG_KEY_CHARS + 1];
	wg_key_print(key, &p->public_key);
	struct fake_uapi_peer *peer = find_peer(f, key);
	if (p->remove && peer)
		*peer = f->peers[--f->n_peers];
	if (p->remove)
		return;
	if (!peer) {
		cr_assert(f->n_peers < FAKE_ROWS);
		peer = &f->peers[f->n_peers++];
		memcpy(peer->key, key, sizeof(key));
	}
	if (p->n_allowed_ips > 0)
		ip_prefix_print(peer->ip, &p->allowed_ips[0]);
}

static void
describe(const struct fake_uapi *f, struct wg_uapi_device *d)
{
	memset(d->private_key.b, 9, sizeof(d->private_key.b));
	d->has_private_key = true;
	for (size_t i = 0; i < f->n_peers; i++) {
		struct wg_key key;
		struct ip_prefix ip;
		cr_assert(wg_key_parse(&key, BYTES_STR(f->peers[i].key)) == ERR_OK);
		struct wg_uapi_peer *p = wg_uapi_peer_add(d, &key);
		cr_assert(p != NULL);
		if (f->peers[i].ip[0] && ip_prefix_parse(&ip, BYTES_STR(f->peers[i].ip)) == ERR_OK)
			cr_assert(wg_uapi_allowed_ip_add(p, &ip) == ERR_OK);
	}
}

static void
answer(struct client *c, struct bytes text)
{
	struct fake_uapi *f = c->f;
	struct why why = {0};
	enum wg_uapi_operation op;
	BUF_AUTO struct buf out;
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	buf_init(&out, WG_UAPI_BYTES_MAX);
	wg_uapi_device_init(&d);
	f->n_requests++;
	snprintf(f->last, sizeof(f->last), "%.*s", (int)text.n, (const char *)text.p);
	cr_assert(wg_uapi_request_parse(&op, &d, text, &why) == ERR_OK, "%s", why.text);
	if (f->silent)
		return;
	enum err err;
	if (op == WG_UAPI_GET) {
		WG_UAPI_DEVICE_AUTO struct wg_uapi_device all;
		wg_uapi_device_init(&all);
		describe(f, &all);
		err = wg_uapi_get_answer_render(&out, &all);
	} else {
		for (size_t i = 0; i < d.n_peers && !f->refuse; i++)
			apply(f, &d.peers[i]);
		err = wg_uapi_status_render(&out, f->refuse);
	}
	cr_assert(err == ERR_OK);
	uv_buf_t bytes = uv_buf_init((char *)out.data, (unsigned)out.len);
	cr_assert(uv_try_write((uv_stream_t *)&c->pipe, &bytes, 1) == (int)out.len);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct client *c = handle->data;
	(void)suggested;
	cr_assert(buf_reserve(&c->in, 4096) == ERR_OK);
	*out = uv_buf_init((char *)buf_tail(&c->in), 4096);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	(void)buf;
	if (!c->f)
		return;
	if (n < 0) {
		end_client(c->f);
		return;
	}
	c->in.len += (size_t)n;
	size_t size;
	while (c->f && (size = wg_uapi_message_size(buf_bytes(&c->in))) > 0) {
		answer(c, BYTES(c->in.data, size));
		buf_consume(&c->in, size);
	}
}

static void
on_client(uv_stream_t *listener, int status)
{
	struct fake_uapi *f = listener->data;
	struct client *c = calloc(1, sizeof(*c));
	cr_assert(status == 0 && c != NULL);
	uv_pipe_init(f->loop, &c->pipe, 0);
	c->pipe.data = c;
	c->f = f;
	buf_init(&c->in, 1024 * 1024);
	cr_assert(uv_accept(listener, (uv_stream_t *)&c->pipe) == 0);
	f->connection = c;
	uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

void
fake_uapi_start(struct fake_uapi *f, uv_loop_t *loop, const char *path)
{
	f->loop = loop;
	snprintf(f->path, sizeof(f->path), "%s", path);
	f->listener = calloc(1, sizeof(*f->listener));
	cr_assert(f->listener != NULL);
	uv_pipe_init(loop, f->listener, 0);
	f->listener->data = f;
	cr_assert(uv_pipe_bind(f->listener, path) == 0);
	cr_assert(uv_listen((uv_stream_t *)f->listener, 8, on_client) == 0);
}

static void
on_listener_closed(uv_handle_t *handle)
{
	free(handle);
}

void
fake_uapi_stop(struct fake_uapi *f, bool keep)
{
	if (!f->listener)
		return;
	end_client(f);
	uv_close((uv_handle_t *)f->listener, on_listener_closed);
	f->listener = NULL;
	unlink(f->path);
	if (!keep)
		f->n_peers = 0;
}

const char *
fake_uapi_ip(const struct fake_uapi *f, const char *key)
{
	for (size_t i = 0; i < f->n_peers; i++) {
		if (strcmp(f->peers[i].key, key) == 0)
			return f->peers[i].ip;
	}
	return NULL;
}

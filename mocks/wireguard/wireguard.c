// SPDX-License-Identifier: Apache-2.0
#include "wireguard/wireguard.h"

#include "base/clock.h"
#include "wireguard/configure.h"
#include "wireguard/state.h"
#include "wireguard/uapi_socket.h"
#include "wireguard/udp.h"

struct wireguard {
	uv_loop_t *loop;
	struct server server;
	bool has_server;
	struct addr listen;
	struct udp *udp;
	struct uapi_socket *uapi;
	uv_timer_t timer;
	uint64_t armed_at; // monotonic ns; UINT64_MAX: not armed
	struct wg_now now; // of the batch
};

static struct wg_now
read_clocks(void)
{
	return (struct wg_now){clock_mono_ns(), clock_wall_ns()};
}

static void on_timer(uv_timer_t *timer);

// The timer may be early, never late: most packets move a deadline further away, and moving the
// timer with each of them would cost more than waking up once in vain.
static void
arm(struct wireguard *w)
{
	uint64_t at = server_deadline(&w->server);
	if (at >= w->armed_at)
		return;
	uint64_t now = clock_mono_ns();
	uint64_t wait_ms = at > now ? (at - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	uv_update_time(w->loop);
	uv_timer_start(&w->timer, on_timer, wait_ms, 0);
	w->armed_at = at;
}

// After anything was done with the server.
static void
settle(struct wireguard *w)
{
	udp_flush(w->udp);
	arm(w);
}

static void
on_timer(uv_timer_t *timer)
{
	struct wireguard *w = CONTAINER_OF(timer, struct wireguard, timer);
	struct wg_now now = read_clocks();
	w->armed_at = UINT64_MAX;
	server_tick(&w->server, &now);
	settle(w);
}

static void
on_batch(void *ctx, bool begins)
{
	struct wireguard *w = ctx;
	if (begins)
		w->now = read_clocks();
	else
		arm(w);
}

static void
on_datagram(void *ctx, const struct addr *from, uint8_t *bytes, size_t n)
{
	struct wireguard *w = ctx;
	server_receive(&w->server, from, bytes, n, &w->now);
}

static const struct udp_handler udp_handler = {on_datagram, on_batch};

static void
on_send(void *ctx, const struct addr *to, struct bytes datagram)
{
	udp_send(((struct wireguard *)ctx)->udp, to, datagram);
}

static void
set_port(struct addr *a, uint16_t port)
{
	if (a->ss.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a->ss)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)&a->ss)->sin_port = htons(port);
}

static enum err
on_rebind(void *ctx, uint16_t *port, struct why *why)
{
	struct wireguard *w = ctx;
	struct addr wanted = w->listen;
	struct udp *fresh = NULL;
	set_port(&wanted, *port);
	TRY(udp_open(&fresh, w->loop, &wanted, &udp_handler, w, why));
	udp_close(w->udp);
	w->udp = fresh;
	struct addr got = udp_addr(fresh);
	*port = addr_port(&got);
	return ERR_OK;
}

static const struct server_ops server_ops = {on_send, on_rebind};

static enum err
on_request(void *ctx, struct bytes request, struct buf *answer)
{
	struct wireguard *w = ctx;
	struct wg_now now = read_clocks();
	enum err err = configure_answer(&w->server, request, answer, &now);
	settle(w);
	return err;
}

struct wireguard *
wireguard_new(uv_loop_t *loop)
{
	struct wireguard *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->loop = loop;
	w->armed_at = UINT64_MAX;
	uv_timer_init(loop, &w->timer);
	return w;
}

static enum err
init_server(struct wireguard *w, const struct wireguard_options *o)
{
	WG_KEY_AUTO struct wg_key private_key;
	struct wg_key public_key;
	if (o->private_key)
		private_key = *o->private_key;
	else
		TRY(wg_key_generate(&private_key, &public_key));
	const struct server_options so = {
		.private_key = &private_key,
		.address = o->address,
		.seed = o->seed,
		.log = o->log,
		.faults = o->faults,
		.journal = o->journal,
		.ops = &server_ops,
		.ctx = w,
	};
	TRY(server_init(&w->server, &so));
	w->has_server = true;
	return ERR_OK;
}

enum err
wireguard_start(struct wireguard *w, const struct wireguard_options *o, struct why *why)
{
	enum err err = init_server(w, o);
	if (err)
		return why_set(why, err, "the server's key cannot be used: %s", err_text(err));
	w->listen = o->listen;
	TRY(udp_open(&w->udp, w->loop, &o->listen, &udp_handler, w, why));
	struct addr addr = udp_addr(w->udp);
	w->server.listen_port = addr_port(&addr);
	if (!o->uapi_path)
		return ERR_OK;
	return uapi_socket_open(&w->uapi, w->loop, o->uapi_path, on_request, w, o->log, why);
}

struct addr
wireguard_addr(const struct wireguard *w)
{
	return udp_addr(w->udp);
}

void
wireguard_public_key(char out[static WG_KEY_CHARS + 1], const struct wireguard *w)
{
	wg_key_print(out, &w->server.identity.public_key);
}

json_t *
wireguard_state(void *ctx, const char *key)
{
	return state_json(&((struct wireguard *)ctx)->server, key);
}

void
wireguard_reset(void *ctx)
{
	server_reset(&((struct wireguard *)ctx)->server);
}

void
wireguard_stop(struct wireguard *w)
{
	if (w->uapi)
		uapi_socket_close(w->uapi);
	if (w->udp)
		udp_close(w->udp);
	w->uapi = NULL;
	w->udp = NULL;
	uv_close((uv_handle_t *)&w->timer, NULL);
}

void
wireguard_free(struct wireguard *w)
{
	if (w && w->has_server)
		server_fini(&w->server);
	free(w);
}

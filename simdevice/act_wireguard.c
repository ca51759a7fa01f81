// SPDX-License-Identifier: Apache-2.0
#include "act_wireguard.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "wg_pool.h"

enum {
	ECHO_PAYLOAD_BYTES = 56, // what ping(8) sends
	ECHO_PACKET_BYTES = IP4_HEADER_BYTES + ICMP_HEADER_BYTES + ECHO_PAYLOAD_BYTES,
	ECHO_TRIES = 3, // a plain device asks again when a datagram was lost
	ECHO_TIMEOUT_MS = 1500,
};

static struct wg_now
now_both(void)
{
	return (struct wg_now){.mono_ns = clock_mono_ns(), .wall_ns = clock_wall_ns()};
}

static void send_next_echo(struct wg_link *link);

// --- what the engine asks for ---

static void
on_send(void *ctx, struct bytes datagram)
{
	const struct wg_link *link = ctx;
	// A full socket buffer loses the datagram, as a network would; the engine's timers mend it.
	(void)sendto(link->fd, datagram.p, datagram.n, MSG_DONTWAIT | MSG_NOSIGNAL,
		     (const struct sockaddr *)&link->endpoint.ss, link->endpoint.len);
}

static uint32_t
on_index_new(void *ctx)
{
	struct wg_link *link = ctx;
	return link->slot | link->salt++ << WG_SLOT_BITS;
}

static void
on_engine_event(void *ctx, enum wg_event event, const struct wg_now *now)
{
	struct wg_link *link = ctx;
	(void)now;
	link->saw_session |= event == WG_EVENT_SESSION;
	link->saw_end |= event == WG_EVENT_GAVE_UP;
	link->saw_bad_response |= event == WG_EVENT_BAD_RESPONSE;
	link->saw_cookie |= event == WG_EVENT_COOKIE;
}

static const struct wg_peer_ops engine_ops = {
	.send = on_send,
	.index_new = on_index_new,
	.event = on_engine_event,
};

// --- the link ---

struct lookup {
	uv_getaddrinfo_t request;
	struct wg_link *link; // NULL: the link is gone
};

static void
on_handle_closed(uv_handle_t *handle)
{
	struct wg_link *link = handle->data;
	if (--link->open_handles == 0)
		free(link);
}

static void
link_free(struct wg_link *link)
{
	link->s->wg = NULL;
	if (link->lookup)
		link->lookup->link = NULL;
	if (link->has_peer)
		wg_peer_fini(&link->peer);
	wg_identity_wipe(&link->identity);
	tunnel_config_unref(link->config);
	wg_pool_remove(link->pool, link);
	uv_close((uv_handle_t *)&link->timer, on_handle_closed);
	uv_close((uv_handle_t *)&link->echo_timer, on_handle_closed);
}

static void on_deadline(uv_timer_t *timer);

static void
arm_deadline(struct wg_link *link)
{
	uint64_t deadline = wg_peer_deadline(&link->peer);
	if (deadline == UINT64_MAX) {
		uv_timer_stop(&link->timer);
		return;
	}
	uint64_t now = clock_mono_ns();
	uint64_t wait = deadline > now ? (deadline - now) / NS_PER_MS + 1 : 1;
	uv_timer_start(&link->timer, on_deadline, wait, 0);
}

// Acts on what the engine said. May free the link: the last thing that a caller does with it.
static void
settle(struct wg_link *link)
{
	struct sim_device *s = link->s;
	bool session = link->saw_session, ended = link->saw_end;
	link->saw_session = link->saw_end = false;
	arm_deadline(link);
	if (session && link->handshaking) {
		link->handshaking = false;
		s->tunnel_report.time_ms = ms_since(link->started_ns);
		sim_device_done(s, EV_OK, link->attempt);
	} else if (ended && link->handshaking) {
		wg_explain_timeout(s);
		sim_device_done(s, EV_REFUSED, link->attempt);
	} else if (ended) {
		link_free(link);
		device_fail(
			&s->dev, LAYER_WIREGUARD, "lost", 0,
			"the server has not answered %d handshake initiations: the tunnel is gone",
			WG_INITIATIONS_PER_ROUND);
		(void)device_step(&s->dev, EV_TUNNEL_LOST, 0);
	}
}

static void
on_deadline(uv_timer_t *timer)
{
	struct wg_link *link = timer->data;
	struct wg_now now = now_both();
	wg_peer_tick(&link->peer, &now);
	settle(link);
}

// NULL with why.
static struct wg_link *
link_new(struct sim_device *s, struct why *why)
{
	struct worker *w = s->worker;
	struct wg_link *link = calloc(1, sizeof(*link));
	enum err err = link ? ERR_OK : ERR_NOMEM;
	if (!err && !w->wg)
		err = wg_pool_new(&w->wg, w, why);
	if (!err)
		err = wg_identity_init(&link->identity, &s->identity.tunnel->private_key);
	if (!err)
		err = wg_pool_add(w->wg, link);
	if (err) {
		(void)why_set(why, err, "the tunnel cannot be made: %s", err_text(err));
		free(link);
		return NULL;
	}
	link->pool = w->wg;
	link->config = tunnel_config_ref(s->identity.tunnel);
	link->s = s;
	link->salt = (uint32_t)rng_u64(&w->rng);
	link->started_ns = clock_mono_ns();
	link->attempt = s->dev.attempt;
	uv_timer_init(w->loop, &link->timer);
	uv_timer_init(w->loop, &link->echo_timer);
	link->timer.data = link->echo_timer.data = link;
	link->open_handles = 2;
	s->wg = link;
	return link;
}

// The server drops a second initiation of the same key within 20 ms (FLOOD) and one with the same
// timestamp (REPLAY; they come in steps of 16.8 ms), and the next try would be 5 s later. A real
// device cannot reboot that fast.
enum { INITIATION_GAP_MS = 40 };

static void
initiate(struct wg_link *link)
{
	struct wg_now now = now_both();
	link->s->last_initiation_ns = now.mono_ns;
	wg_peer_set_keepalive(&link->peer, link->config->keepalive_s, &now);
	wg_peer_connect(&link->peer, &now);
	arm_deadline(link);
}

static void
on_gap_over(uv_timer_t *timer)
{
	initiate(timer->data);
}

static enum err
begin(struct wg_link *link, struct why *why)
{
	const struct tunnel_config *t = link->config;
	const struct worker *w = link->s->worker;
	TRY(wg_pool_socket(link->pool, link->endpoint.ss.ss_family, &link->fd, why));
	enum err err = wg_peer_init(&link->peer, &link->identity, &t->server_key,
				    t->has_preshared_key ? &t->preshared_key : NULL, &engine_ops,
				    link, w->seed, (w->stream << 32) + link->slot);
	if (err)
		return why_set(why, err, "the server's public key is not usable");
	link->has_peer = true;
	link->handshaking = true;
	uint64_t last = link->s->last_initiation_ns;
	uint64_t gap_ms = last ? (clock_mono_ns() - last) / NS_PER_MS : INITIATION_GAP_MS;
	if (gap_ms < INITIATION_GAP_MS)
		uv_timer_start(&link->timer, on_gap_over, INITIATION_GAP_MS - gap_ms, 0);
	else
		initiate(link);
	return ERR_OK;
}

// --- the endpoint's name ---

static void
refuse_late(struct wg_link *link, const char *kind, const char *text)
{
	struct sim_device *s = link->s;
	device_fail(&s->dev, LAYER_WIREGUARD, kind, 0, "%s: %s", link->config->endpoint, text);
	sim_device_done(s, EV_REFUSED, link->attempt);
}

static void
on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct lookup *l = CONTAINER_OF(request, struct lookup, request);
	struct wg_link *link = l->link;
	struct why why = {0};
	free(l);
	if (link)
		link->lookup = NULL;
	if (link && status == 0) {
		memcpy(&link->endpoint.ss, list->ai_addr, list->ai_addrlen);
		link->endpoint.len = (socklen_t)list->ai_addrlen;
		if (begin(link, &why))
			refuse_late(link, "not-possible", why.text);
	} else if (link) {
		refuse_late(link, "dns", uv_strerror(status));
	}
	uv_freeaddrinfo(list);
}

static enum err
resolve(struct wg_link *link, struct why *why)
{
	const char *endpoint = link->config->endpoint;
	if (addr_parse(&link->endpoint, endpoint, NULL) == ERR_OK)
		return begin(link, why);
	char host[WG_CONF_ENDPOINT_BYTES], service[8];
	uint16_t port = 0;
	TRY(wg_endpoint_split(host, &port, BYTES_STR(endpoint)));
	struct lookup *l = calloc(1, sizeof(*l));
	if (!l)
		return why_set(why, ERR_NOMEM, "out of memory");
	snprintf(service, sizeof(service), "%u", port);
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	int rc = uv_getaddrinfo(link->s->worker->loop, &l->request, on_resolved, host, service,
				&hints);
	if (rc != 0) {
		free(l);
		return why_set(why, ERR_IO, "'%s' cannot be looked up: %s", host, uv_strerror(rc));
	}
	l->link = link;
	link->lookup = l;
	return ERR_OK;
}

// --- packets ---

static bool
source_is_allowed(const struct tunnel_config *t, const struct ip_packet *packet)
{
	for (size_t i = 0; i < t->n_allowed_ips; i++)
		if (ip_prefix_contains(&t->allowed_ips[i], packet->family, packet->source))
			return true;
	return false;
}

static void
answer_echo(struct wg_link *link, const struct ip_echo *request, const struct wg_now *now)
{
	uint8_t packet[WG_MTU];
	if (ip_echo_size(request->payload.n) > sizeof(packet))
		return;
	struct ip_echo reply = *request;
	reply.source = request->destination;
	reply.destination = request->source;
	reply.is_reply = true;
	ip_echo_build(packet, &reply);
	(void)!wg_peer_send(&link->peer, BYTES(packet, ip_echo_size(reply.payload.n)), now);
}

static void
take_reply(struct wg_link *link, const struct ip_echo *echo)
{
	if (!link->pinging || echo->id != link->echo_id || echo->sequence != link->echo_sequence ||
	    echo->payload.n != ECHO_PAYLOAD_BYTES ||
	    echo->source != tunnel_server_address(link->config))
		return;
	struct tunnel_report *r = &link->s->tunnel_report;
	r->received++;
	r->rtt_ms = ms_since(link->echo_sent_ns);
	uv_timer_stop(&link->echo_timer);
	if (sim_device_orders_peek(link->s)->ping_count == 0)
		link->echoes_left = 0; // one is enough for a plain device
	send_next_echo(link);
}

static void
take_packet(struct wg_link *link, struct bytes inner, const struct wg_now *now)
{
	struct ip_packet packet;
	struct ip_echo echo;
	const struct tunnel_config *t = link->config;
	if (inner.n == 0 || ip_packet_parse(&packet, inner) || !source_is_allowed(t, &packet) ||
	    ip_echo_parse(&echo, inner) || echo.destination != ip4_of_prefix(&t->address))
		return;
	if (echo.is_reply)
		take_reply(link, &echo);
	else
		answer_echo(link, &echo, now);
}

void
wg_link_receive(struct wg_link *link, uint8_t *datagram, size_t n)
{
	if (!link->has_peer || link->peer.stats.initiations_sent == 0)
		return; // the tunnel begins with our own handshake
	struct bytes inner = BYTES_NONE;
	struct wg_now now = now_both();
	uint32_t slot = link->slot;
	struct wg_pool *pool = link->pool;
	enum wg_drop drop = wg_peer_receive(&link->peer, datagram, n, &inner, &now);
	if (drop == WG_DROP_NONE)
		take_packet(link, inner, &now);
	if (wg_pool_at(pool, slot) == link) // the reply may have ended the device's life
		settle(link);
}

// --- echo ---

static void
on_echo_timeout(uv_timer_t *timer)
{
	send_next_echo(timer->data);
}

static void
finish_ping(struct wg_link *link)
{
	struct sim_device *s = link->s;
	const struct tunnel_report *r = &s->tunnel_report;
	link->pinging = false;
	uv_timer_stop(&link->echo_timer);
	if (r->received == 0) {
		char server[IP4_TEXT_BYTES];
		ip4_print(server, tunnel_server_address(link->config));
		device_fail(&s->dev, LAYER_WIREGUARD, "no-echo", 0,
			    "%u ICMP echo requests to %s through the tunnel were not answered",
			    r->sent, server);
	}
	sim_device_done(s, r->received ? EV_OK : EV_REFUSED, link->attempt);
}

static void
send_next_echo(struct wg_link *link)
{
	if (link->echoes_left == 0) {
		finish_ping(link);
		return;
	}
	link->echoes_left--;
	link->echo_sequence++;
	uint8_t payload[ECHO_PAYLOAD_BYTES];
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)i;
	const struct tunnel_config *t = link->config;
	struct ip_echo echo = {.source = ip4_of_prefix(&t->address),
			       .destination = tunnel_server_address(t),
			       .id = link->echo_id,
			       .sequence = link->echo_sequence,
			       .payload = BYTES(payload, sizeof(payload))};
	uint8_t packet[ECHO_PACKET_BYTES];
	ip_echo_build(packet, &echo);
	struct wg_now now = now_both();
	link->echo_sent_ns = now.mono_ns;
	link->s->tunnel_report.sent++;
	uv_timer_start(&link->echo_timer, on_echo_timeout, link->echo_timeout_ms, 0);
	// A packet that cannot leave is a lost one: the timer notices.
	(void)!wg_peer_send(&link->peer, BYTES(packet, sizeof(packet)), &now);
	arm_deadline(link);
}

// --- the acts ---

bool
wg_has_config(const struct device *d)
{
	return sim_device_of_const(d)->identity.tunnel != NULL;
}

void
act_handshake(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct why why = {0};
	act_tunnel_down(d);
	s->tunnel_report = (struct tunnel_report){0};
	struct wg_link *link = link_new(s, &why);
	if (!link || resolve(link, &why)) {
		device_fail(d, LAYER_WIREGUARD, "not-possible", 0, "%s", why.text);
		device_post(d, EV_REFUSED);
	}
}

void
act_ping(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	const struct sim_orders *orders = sim_device_orders_peek(s);
	struct wg_link *link = s->wg;
	s->tunnel_report.sent = s->tunnel_report.received = 0;
	s->tunnel_report.rtt_ms = 0;
	link->attempt = d->attempt;
	link->pinging = true;
	link->echo_id = (uint16_t)rng_u64(&s->worker->rng);
	link->echo_sequence = 0;
	link->echoes_left = orders->ping_count ? orders->ping_count : ECHO_TRIES;
	link->echo_timeout_ms = orders->ping_timeout_ms ? orders->ping_timeout_ms : ECHO_TIMEOUT_MS;
	d->wait_ms = link->echoes_left * link->echo_timeout_ms + 1000;
	send_next_echo(link);
}

void
act_tunnel_down(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	if (s->wg)
		link_free(s->wg);
}

void
wg_cancel(struct sim_device *s)
{
	if (!s->wg)
		return;
	s->wg->pinging = false;
	uv_timer_stop(&s->wg->echo_timer);
	if (s->dev.state == ST_HANDSHAKING)
		link_free(s->wg);
}

void
wg_explain_timeout(struct sim_device *s)
{
	const struct wg_link *link = s->wg;
	if (s->dev.state != ST_HANDSHAKING || !link)
		return;
	const char *endpoint = link->config->endpoint;
	unsigned long long sent = link->peer.stats.initiations_sent;
	if (link->saw_bad_response)
		device_fail(
			&s->dev, LAYER_WIREGUARD, "bad-response", 0,
			"%s answered, but its response does not open: the preshared keys differ",
			endpoint);
	else if (link->saw_cookie)
		device_fail(
			&s->dev, LAYER_WIREGUARD, "cookie", 0,
			"%s is under load: it sent a cookie, but no response to %llu initiations",
			endpoint, sent);
	else
		device_fail(&s->dev, LAYER_WIREGUARD, "no-answer", 0,
			    "no answer from %s to %llu handshake initiations in %.0f ms", endpoint,
			    sent, ms_since(link->started_ns));
}

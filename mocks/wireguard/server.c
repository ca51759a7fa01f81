// SPDX-License-Identifier: Apache-2.0
#include "wireguard/server.h"

#include "base/clock.h"
#include "wireguard/held.h"

// A datagram on its way through the server.
struct arrival {
	const struct addr *from;
	uint8_t *bytes;
	size_t n;
	enum wg_message type;
	struct peer *peer;		// NULL: not known (yet)
	char claimed[WG_KEY_CHARS + 1]; // who an initiation says it is from; "" unknown
	struct wg_handshake handshake;	// initiation: after its first half
	enum wg_drop drop;
	const char *fault; // name of the one that fired
};

static const struct fault_term on_terms[] = {
	{"initiation", "a handshake initiation that arrives (effect: accepted, not answered)"},
	{"response",   "a handshake response that the server sends"				 },
	{"cookie",	   "a cookie reply that arrives"						},
	{"transport",  "a transport packet that arrives (effect: opened, not answered)"      },
};

static const struct fault_term semantic_terms[] = {
	{"wrong-key", "initiation: as if the server had another static key (silence, bad-mac1); "
		      "response: sealed so that the device cannot open it"},
	{"silent",	   "act on it, never answer"						},
};

const struct fault_vocabulary server_vocabulary = {
	.on = on_terms,
	.n_on = N_ELEMENTS(on_terms),
	.semantic = semantic_terms,
	.n_semantic = N_ELEMENTS(semantic_terms),
	.kinds = FAULT_DROP | FAULT_DELAY | FAULT_SEMANTIC,
};

static void
note(struct server *s, const char *event, const char *device, const struct addr *from,
     const char *fault, const char *text)
{
	char peer[ADDR_TEXT_BYTES] = "";
	if (from)
		addr_format(peer, from);
	const struct journal_record r = {
		.wall_ns = s->now.wall_ns,
		.event = event,
		.device = device && *device ? device : NULL,
		.peer = peer,
		.fault = fault,
		.note = text,
	};
	journal_append(s->journal, &r);
}

// --- sending ---

static void
transmit(struct server *s, const struct addr *to, struct bytes datagram, uint64_t delay_ns)
{
	if (delay_ns == 0) {
		s->ops->send(s->ctx, to, datagram);
		return;
	}
	if (held_add(&s->held, s->now.mono_ns + delay_ns, true, to, datagram) != ERR_OK)
		log_warn(s->log, "wireguard.lost", KV_ERR(ERR_NOMEM));
}

// Faults on what we send; only responses have a name of their own on the way out.
static bool
response_passes(struct server *s, struct peer *p, uint64_t *delay_ns)
{
	const struct fault *f = fault_plan_match(s->faults, "response", p->name, FAULT_REQUEST);
	if (!f)
		f = fault_plan_match(s->faults, "response", p->name, FAULT_EFFECT);
	if (!f)
		return true;
	note(s, "response", p->name, &p->endpoint, f->name, f->kind == FAULT_DROP ? "fault" : NULL);
	if (f->kind == FAULT_DELAY)
		*delay_ns += f->delay_ms * NS_PER_MS;
	return f->kind != FAULT_DROP;
}

static void
on_send(void *ctx, struct bytes datagram)
{
	struct peer *p = ctx;
	struct server *s = p->server;
	uint64_t delay_ns = s->deviation.delay_ns;
	if (!p->has_endpoint || s->deviation.mute)
		return;
	if (!fault_plan_is_empty(s->faults) && wg_message_type(datagram) == WG_MESSAGE_RESPONSE &&
	    !response_passes(s, p, &delay_ns))
		return;
	transmit(s, &p->endpoint, datagram, delay_ns);
}

static void
on_event(void *ctx, enum wg_event event, const struct wg_now *now)
{
	static const char *const names[] = {
		[WG_EVENT_SESSION] = "session",
		[WG_EVENT_GAVE_UP] = "gave-up",
		[WG_EVENT_BAD_RESPONSE] = "bad-response",
		[WG_EVENT_COOKIE] = "cookie",
	};
	struct peer *p = ctx;
	(void)now;
	note(p->server, names[event], p->name, p->has_endpoint ? &p->endpoint : NULL, NULL, NULL);
	log_debug(p->server->log, "wireguard.peer", KV_STR("event", names[event]),
		  KV_STR("peer", p->name));
}

const struct wg_peer_ops server_peer_ops = {
	.send = on_send,
	.index_new = peers_index_new,
	.index_free = peers_index_free,
	.event = on_event,
};

// --- receiving ---

// Who sent it, as far as can be told before it is acted on.
static void
identify(struct server *s, struct arrival *a)
{
	struct bytes msg = BYTES(a->bytes, a->n);
	bool has_mac = a->type == WG_MESSAGE_INITIATION || a->type == WG_MESSAGE_RESPONSE;
	if (a->type == WG_MESSAGE_NONE) {
		a->drop = WG_DROP_MALFORMED;
		return;
	}
	if (has_mac && (!s->has_identity || !wg_mac1_is_valid(&s->identity, msg))) {
		a->drop = WG_DROP_BAD_MAC1;
		return;
	}
	if (a->type != WG_MESSAGE_INITIATION) {
		a->peer = peers_find_index(&s->peers, wg_message_receiver(msg));
		a->drop = a->peer ? WG_DROP_NONE : WG_DROP_UNKNOWN_INDEX;
		return;
	}
	struct wg_key claimed;
	a->drop = wg_initiation_open(&a->handshake, &claimed, &s->identity, a->bytes);
	if (a->drop)
		return;
	wg_key_print(a->claimed, &claimed);
	a->peer = peers_find(&s->peers, &claimed);
	if (!a->peer)
		a->drop = WG_DROP_UNKNOWN_PEER;
}

static const char *
device_of(const struct arrival *a)
{
	if (a->peer)
		return a->peer->name;
	return *a->claimed ? a->claimed : NULL;
}

// Faults before the datagram is acted on. False: it was delayed and comes again.
static bool
ask_request_faults(struct server *s, struct arrival *a)
{
	const char *on = wg_message_name(a->type);
	const struct fault *f = fault_plan_match(s->faults, on, device_of(a), FAULT_REQUEST);
	if (!f)
		return true;
	a->fault = f->name;
	if (f->kind == FAULT_DROP)
		a->drop = WG_DROP_FAULT;
	if (f->kind != FAULT_DELAY)
		return true;
	uint64_t at = s->now.mono_ns + f->delay_ms * NS_PER_MS;
	if (held_add(&s->held, at, false, a->from, BYTES(a->bytes, a->n)) != ERR_OK)
		log_warn(s->log, "wireguard.lost", KV_ERR(ERR_NOMEM));
	return false;
}

static const struct fault *
semantic(struct server *s, struct arrival *a, const char *on, const char *name)
{
	const struct fault *f = fault_plan_match_semantic(s->faults, on, device_of(a), name);
	if (f)
		a->fault = f->name;
	return f;
}

// Faults that change what is done or answered.
static void
ask_effect_faults(struct server *s, struct arrival *a)
{
	const char *on = wg_message_name(a->type);
	if (a->type == WG_MESSAGE_INITIATION && semantic(s, a, on, "wrong-key")) {
		a->drop = WG_DROP_BAD_MAC1;
		return;
	}
	if (semantic(s, a, on, "silent"))
		s->deviation.mute = true;
	const struct fault *f = fault_plan_match(s->faults, on, device_of(a), FAULT_EFFECT);
	if (!f)
		return;
	a->fault = f->name;
	if (f->kind == FAULT_DELAY)
		s->deviation.delay_ns = f->delay_ms * NS_PER_MS;
	else
		s->deviation.mute = true;
}

// A response that the device cannot open: the preshared key goes into its last seal only.
static enum wg_drop
accept_initiation(struct server *s, struct arrival *a)
{
	struct wg_peer *engine = &a->peer->engine;
	struct wg_key psk = engine->remote.preshared_key;
	if (!fault_plan_is_empty(s->faults) && semantic(s, a, "response", "wrong-key")) {
		struct wg_key other = psk;
		other.b[0] ^= 1;
		wg_peer_set_preshared_key(engine, &other);
	}
	enum wg_drop drop =
		wg_peer_accept_initiation(engine, &a->handshake, BYTES(a->bytes, a->n), &s->now);
	wg_peer_set_preshared_key(engine, &psk);
	wg_key_wipe(&psk);
	return drop;
}

static void
answer_echo(struct server *s, struct peer *p, struct bytes inner)
{
	struct ip_echo echo;
	uint8_t reply[WG_MTU];
	enum err err = ip_echo_parse(&echo, inner);
	if (err || echo.is_reply || echo.destination != s->address4 || inner.n > sizeof(reply)) {
		s->other_packets++;
		return;
	}
	const struct ip_echo answer = {
		.source = echo.destination,
		.destination = echo.source,
		.is_reply = true,
		.id = echo.id,
		.sequence = echo.sequence,
		.payload = echo.payload,
	};
	size_t n = ip_echo_size(answer.payload.n);
	ip_echo_build(reply, &answer);
	if (wg_peer_send(&p->engine, BYTES(reply, n), &s->now) == ERR_OK)
		p->echoes++;
}

static enum wg_drop
deliver_inner(struct server *s, struct peer *p, struct bytes inner)
{
	struct ip_packet packet;
	if (ip_packet_parse(&packet, inner))
		return WG_DROP_MALFORMED;
	if (allowed_ips_find(&s->peers.allowed, packet.family, packet.source) != p)
		return WG_DROP_BAD_SOURCE;
	answer_echo(s, p, inner);
	return WG_DROP_NONE;
}

// True when the sender of a datagram that was dropped for this reason is still known for sure.
static bool
is_authentic(enum wg_drop drop)
{
	return drop == WG_DROP_NONE || drop == WG_DROP_MALFORMED || drop == WG_DROP_BAD_SOURCE;
}

static void
handle(struct server *s, struct arrival *a)
{
	struct peer *p = a->peer;
	// The answer must already go to the new place; a datagram that proves nothing moves nobody.
	const struct addr before = p->endpoint;
	bool had_endpoint = p->has_endpoint;
	p->endpoint = *a->from;
	p->has_endpoint = true;
	struct bytes inner = BYTES_NONE;
	if (a->type == WG_MESSAGE_INITIATION)
		a->drop = accept_initiation(s, a);
	else
		a->drop = wg_peer_receive(&p->engine, a->bytes, a->n, &inner, &s->now);
	if (!is_authentic(a->drop)) {
		p->endpoint = before;
		p->has_endpoint = had_endpoint;
	}
	if (inner.n)
		a->drop = deliver_inner(s, p, inner);
	peers_update_deadline(&s->peers, p);
}

static void
account(struct server *s, struct arrival *a)
{
	const char *type = a->type == WG_MESSAGE_NONE ? NULL : wg_message_name(a->type);
	wg_handshake_wipe(&a->handshake);
	if (a->drop) {
		s->drops[a->drop]++;
		if (a->peer)
			a->peer->drops[a->drop]++;
		log_debug(s->log, "wireguard.drop", KV_STR("cause", wg_drop_name(a->drop)),
			  KV_STR("peer", device_of(a) ?: ""));
	}
	// Transport packets that went well would push everything else out of the journal.
	if (a->drop || a->fault || a->type == WG_MESSAGE_INITIATION)
		note(s, type, device_of(a), a->from, a->fault,
		     a->drop ? wg_drop_name(a->drop) : NULL);
}

static void
receive(struct server *s, const struct addr *from, uint8_t *datagram, size_t n, bool was_held)
{
	struct arrival a = {.from = from, .bytes = datagram, .n = n};
	a.type = wg_message_type(BYTES(datagram, n));
	s->deviation = (struct server_deviation){0};
	identify(s, &a);
	if (!fault_plan_is_empty(s->faults) && a.type != WG_MESSAGE_NONE) {
		if (!was_held && !ask_request_faults(s, &a)) {
			wg_handshake_wipe(&a.handshake);
			return;
		}
		if (!a.drop)
			ask_effect_faults(s, &a);
	}
	if (!a.drop)
		handle(s, &a);
	s->deviation = (struct server_deviation){0};
	account(s, &a);
}

void
server_receive(struct server *s, const struct addr *from, uint8_t *datagram, size_t n,
	       const struct wg_now *now)
{
	s->now = *now;
	receive(s, from, datagram, n, false);
}

// --- time ---

uint64_t
server_deadline(const struct server *s)
{
	const struct deadline *first = deadlines_first(&s->peers.deadlines);
	uint64_t at = first ? first->at : UINT64_MAX;
	return s->held && s->held->at < at ? s->held->at : at;
}

void
server_tick(struct server *s, const struct wg_now *now)
{
	struct deadline *due;
	struct held *h;
	s->now = *now;
	while ((h = held_take(&s->held, now->mono_ns))) {
		if (h->is_outgoing)
			s->ops->send(s->ctx, &h->addr, BYTES(h->bytes, h->n));
		else
			receive(s, &h->addr, h->bytes, h->n, true);
		free(h);
	}
	while ((due = deadlines_first(&s->peers.deadlines)) && due->at <= now->mono_ns) {
		struct peer *p = CONTAINER_OF(due, struct peer, deadline);
		wg_peer_tick(&p->engine, now);
		peers_update_deadline(&s->peers, p);
	}
}

// --- life ---

enum err
server_init(struct server *s, const struct server_options *o)
{
	*s = (struct server){
		.has_identity = true,
		.address = o->address,
		.address4 = ip4_of_prefix(&o->address),
		.seed = o->seed,
		.log = o->log,
		.faults = o->faults,
		.journal = o->journal,
		.ops = o->ops,
		.ctx = o->ctx,
	};
	rng_init(&s->peers.rng, o->seed, 0);
	return wg_identity_init(&s->identity, o->private_key);
}

void
server_fini(struct server *s)
{
	held_clear(&s->held);
	peers_fini(&s->peers);
	wg_identity_wipe(&s->identity);
}

void
server_reset(struct server *s)
{
	held_clear(&s->held);
	peers_remove_all(&s->peers);
	memset(s->drops, 0, sizeof(s->drops));
	s->other_packets = 0;
}

enum err
server_set_private_key(struct server *s, const struct wg_key *private_key)
{
	struct peer *p;
	struct peer *tmp;
	s->has_identity = !wg_key_is_zero(private_key);
	TRY(wg_identity_init(&s->identity, private_key));
	HASH_ITER (hh, s->peers.by_key, p, tmp) {
		enum err err = wg_peer_identity_changed(&p->engine);
		if (err && err != ERR_INPUT)
			return err;
		peers_update_deadline(&s->peers, p);
	}
	// As the real ones: a server is not its own peer.
	p = peers_find(&s->peers, &s->identity.public_key);
	if (p)
		peers_remove(&s->peers, p);
	return ERR_OK;
}

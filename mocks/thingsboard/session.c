// SPDX-License-Identifier: Apache-2.0
// The life of a connection: accept, frames in, packets out, end.
#include "thingsboard/broker.h"

#include <utlist.h>

#include "base/clock.h"

enum {
	PACKET_MAX = 65536, // NETTY_MAX_PAYLOAD_SIZE
	SWEEP_MS = 5000,
	GREETING_LIMIT_S = 10,
	IDLE_LIMIT_S = 600, // TB_TRANSPORT_SESSIONS_INACTIVITY_TIMEOUT; keep alive is not enforced
};

struct session_pause {
	uv_timer_t timer;
	struct session *session; // NULL: it ended
	void (*then)(struct session *s);
};

void
session_note(const struct session *s, const char *event, int status, const char *note,
	     struct bytes body)
{
	char peer[ADDR_TEXT_BYTES] = "";
	if (s->stream)
		addr_format(peer, stream_peer(s->stream));
	journal_append(s->broker->journal, &(struct journal_record){
						   .wall_ns = clock_wall_ns(),
						   .event = event,
						   .device = s->device ? s->device->name : NULL,
						   .peer = peer,
						   .call = event,
						   .note = note,
						   .status = status,
						   .body = body,
					   });
}

// --- the end ---

void
session_hold(struct session *s)
{
	s->holds++;
}

void
session_release(struct session *s)
{
	if (--s->holds == 0 && s->state == SESSION_ENDED)
		free(s);
}

static void
on_pause_closed(uv_handle_t *handle)
{
	free(CONTAINER_OF((uv_timer_t *)handle, struct session_pause, timer));
}

// The stream is closing or gone already.
static void
session_retire(struct session *s)
{
	session_hold(s);
	connect_forget(s);
	if (s->pause)
		s->pause->session = NULL;
	DL_DELETE(s->broker->sessions, s);
	buf_fini(&s->in);
	free(s->client_id);
	free(s->username);
	s->client_id = NULL;
	s->username = NULL;
	s->stream = NULL;
	s->state = SESSION_ENDED;
	session_release(s);
}

static void
log_end(const struct session *s, const char *why)
{
	struct log log = log_for(s->broker->log, s->device ? s->device->name : NULL, NULL);
	log_debug(&log, "mqtt.closed", KV_STR("why", why));
}

void
session_end(struct session *s, enum mqtt_reason reason, const char *why)
{
	if (s->state == SESSION_ENDED)
		return;
	log_end(s, why);
	session_hold(s);
	if (s->state == SESSION_OPEN) {
		session_note(s, "DISCONNECT", reason, why, BYTES_NONE);
		if (s->version == MQTT_V5 && reason != MQTT_REASON_SUCCESS)
			session_send(s, &(struct mqtt_packet){.type = MQTT_DISCONNECT,
							      .reasoned = {.reason = reason}});
	}
	// session_send may have ended it: a peer that does not read.
	if (s->state != SESSION_ENDED) {
		stream_close(s->stream);
		session_retire(s);
	}
	session_release(s);
}

void
session_reset(struct session *s)
{
	if (s->state == SESSION_ENDED)
		return;
	stream_reset(s->stream);
	session_retire(s);
}

void
session_hang(struct session *s)
{
	s->state = SESSION_HUNG;
	buf_fini(&s->in);
	stream_resume(s->stream);
}

// --- packets out ---

void
session_send(struct session *s, const struct mqtt_packet *packet)
{
	if (!s->stream)
		return;
	BUF_AUTO struct buf out;
	buf_init(&out, PACKET_MAX + 64);
	enum err err = mqtt_encode(&out, packet, s->version);
	if (err == ERR_OK)
		err = stream_write(s->stream, buf_bytes(&out));
	if (err != ERR_OK)
		session_reset(s);
}

static void
send_empty(struct session *s, enum mqtt_type type)
{
	session_send(s, &(struct mqtt_packet){.type = type});
}

// --- packets in ---

static void
receive_open(struct session *s, const struct mqtt_packet *p)
{
	switch (p->type) {
	case MQTT_PUBLISH:
		publish_receive(s, &p->publish);
		return;
	case MQTT_SUBSCRIBE:
		subscribe_receive(s, &p->subscribe);
		return;
	case MQTT_UNSUBSCRIBE:
		unsubscribe_receive(s, &p->subscribe);
		return;
	case MQTT_PINGREQ:
		send_empty(s, MQTT_PINGRESP);
		return;
	case MQTT_DISCONNECT:
		session_end(s, MQTT_REASON_SUCCESS, "the device disconnected");
		return;
	case MQTT_CONNECT:
		session_end(s, MQTT_REASON_PROTOCOL_ERROR, "second CONNECT");
		return;
	default:
		// PUBACK of what we sent needs nothing; the rest the real server ignores too.
		return;
	}
}

// False: the packet stays in the input.
static bool
receive(struct session *s, const struct mqtt_packet *p)
{
	if (s->state == SESSION_OPEN) {
		enum packet_fate fate = packet_fault(s, p);
		if (fate == PACKET_SERVE)
			receive_open(s, p);
		return fate != PACKET_HELD;
	}
	if (p->type == MQTT_CONNECT)
		connect_receive(s, &p->connect);
	else
		session_end(s, MQTT_REASON_PROTOCOL_ERROR, "the first packet was not CONNECT");
	return true;
}

static void
refuse(struct session *s, const struct mqtt_fault *fault)
{
	log_debug(s->broker->log, "mqtt.malformed", KV_STR("why", fault->text));
	// The real server has this one code for everything that its decoder refuses.
	session_end(s, MQTT_REASON_MALFORMED_PACKET, fault->text);
}

static bool
takes_packets(const struct session *s)
{
	return s->state == SESSION_GREETING || s->state == SESSION_OPEN;
}

// The first packet of data. ERR_MORE: there is none yet; other errors have ended the session.
static enum err
serve_one(struct session *s, struct bytes data, size_t *used)
{
	struct mqtt_frame frame;
	struct mqtt_packet packet;
	struct mqtt_fault fault;
	enum err err = mqtt_frame_next(&frame, data, PACKET_MAX, &fault);
	if (err == ERR_MORE)
		return err;
	if (err == ERR_OK)
		err = mqtt_decode(&packet, &frame, s->version, &fault);
	if (err != ERR_OK) {
		refuse(s, &fault);
		return err;
	}
	if (!receive(s, &packet))
		return ERR_MORE;
	*used += frame.total;
	return ERR_OK;
}

// Serves the complete packets in data; returns how many bytes are done with. When the session ends
// in here, data may be gone with it: nobody looks at it again.
static size_t
serve(struct session *s, struct bytes data)
{
	size_t used = 0;
	s->serving = true;
	while (takes_packets(s) &&
	       serve_one(s, BYTES(data.p + used, data.n - used), &used) == ERR_OK)
		;
	s->serving = false;
	return used;
}

static bool
is_listening(const struct session *s)
{
	return s->state != SESSION_ENDED && s->state != SESSION_HUNG;
}

static enum err
keep(struct session *s, struct bytes rest)
{
	return is_listening(s) && rest.n ? buf_append(&s->in, rest.p, rest.n) : ERR_OK;
}

static void
serve_kept(struct session *s)
{
	size_t used = serve(s, buf_bytes(&s->in));
	if (!is_listening(s))
		return;
	buf_consume(&s->in, used);
	if (!s->in.len)
		buf_fini(&s->in);
}

static void
on_data(struct stream *stream, struct bytes data, void *ctx)
{
	(void)stream;
	struct session *s = ctx;
	if (!is_listening(s))
		return;
	s->heard_ns = clock_mono_ns();
	session_hold(s);
	enum err err;
	if (s->in.len || s->state == SESSION_DECIDING) {
		err = keep(s, data);
		if (err == ERR_OK)
			serve_kept(s);
	} else {
		size_t used = serve(s, data);
		err = keep(s, BYTES(data.p + used, data.n - used));
	}
	if (err != ERR_OK)
		session_end(s, MQTT_REASON_QUOTA_EXCEEDED, "too much input before CONNACK");
	session_release(s);
}

void
session_resume(struct session *s)
{
	stream_resume(s->stream);
	// Inside serve() its loop goes on by itself.
	if (s->serving || !s->in.len)
		return;
	session_hold(s);
	serve_kept(s);
	session_release(s);
}

// --- delays ---

static void
on_pause_over(uv_timer_t *timer)
{
	struct session_pause *pause = timer->data;
	struct session *s = pause->session;
	uv_close((uv_handle_t *)timer, on_pause_closed);
	if (!s)
		return;
	s->pause = NULL;
	session_hold(s);
	pause->then(s);
	session_release(s);
}

void
session_pause(struct session *s, uint64_t ms, void (*then)(struct session *s))
{
	struct session_pause *pause = calloc(1, sizeof(*pause));
	if (!pause) {
		session_reset(s);
		return;
	}
	*pause = (struct session_pause){.session = s, .then = then};
	uv_timer_init(s->broker->loop, &pause->timer);
	pause->timer.data = pause;
	uv_timer_start(&pause->timer, on_pause_over, ms, 0);
	s->pause = pause;
}

// --- the connection ---

static void
on_open(struct stream *stream, void *ctx)
{
	(void)stream;
	struct session *s = ctx;
	s->state = SESSION_GREETING;
	s->heard_ns = clock_mono_ns();
}

static void
on_close(struct stream *stream, const struct why *why, void *ctx)
{
	(void)stream;
	struct session *s = ctx;
	if (s->state == SESSION_HANDSHAKE) {
		s->broker->tls_failed++;
		session_note(s, "TLS", 0, why->text, BYTES_NONE);
		log_debug(s->broker->log, "mqtt.tls_failed", KV_STR("why", why->text));
	} else {
		if (s->state == SESSION_OPEN)
			session_note(s, "DISCONNECT", 0, why->text, BYTES_NONE);
		log_end(s, why->text);
	}
	session_retire(s);
}

static void *
on_accept(struct stream *stream, void *owner)
{
	struct broker *b = owner;
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->broker = b;
	s->stream = stream;
	s->version = MQTT_V311;
	s->since_ns = s->heard_ns = clock_mono_ns();
	buf_init(&s->in, 2 * PACKET_MAX);
	DL_APPEND(b->sessions, s);
	return s;
}

static void
on_sweep(uv_timer_t *timer)
{
	struct broker *b = timer->data;
	uint64_t now = clock_mono_ns();
	struct session *s;
	struct session *next;
	DL_FOREACH_SAFE (b->sessions, s, next) {
		uint64_t quiet_s = (now - s->heard_ns) / NS_PER_S;
		if (s->state == SESSION_GREETING && quiet_s >= GREETING_LIMIT_S)
			session_end(s, MQTT_REASON_SUCCESS, "no CONNECT in time");
		else if (s->state == SESSION_OPEN && quiet_s >= IDLE_LIMIT_S)
			session_end(s, MQTT_REASON_MAXIMUM_CONNECT_TIME, "idle for 600 s");
	}
}

enum err
broker_start(struct broker *b, const struct addr *addr, struct tls_server *tls, struct why *why)
{
	struct listener_options o = {
		.addr = *addr,
		.tls = tls,
		.events = {.on_open = on_open, .on_data = on_data, .on_close = on_close},
		.on_accept = on_accept,
		.owner = b,
	};
	TRY(listener_new(&b->listener, b->loop, &o, why));
	uv_timer_init(b->loop, &b->sweep);
	b->sweep.data = b;
	uv_timer_start(&b->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	return ERR_OK;
}

static void
end_all(struct broker *b)
{
	struct session *s;
	struct session *next;
	DL_FOREACH_SAFE (b->sessions, s, next)
		session_end(s, MQTT_REASON_SERVER_SHUTTING_DOWN, "the server stops");
}

void
broker_stop(struct broker *b)
{
	if (!b->listener)
		return;
	listener_free(b->listener);
	b->listener = NULL;
	uv_close((uv_handle_t *)&b->sweep, NULL);
	end_all(b);
}

void
broker_reset(struct broker *b)
{
	end_all(b);
	memset(b->connack, 0, sizeof(b->connack));
	b->tls_failed = 0;
}

void
broker_kick_device(struct device *device, enum mqtt_reason reason)
{
	struct session *s;
	struct session *next;
	DL_FOREACH_SAFE2(device->sessions, s, next, device_next)
	session_end(s, reason, "the device was deleted or its credentials changed");
}

json_t *
broker_session_json(const struct device *device)
{
	const struct session *s;
	DL_FOREACH2(device->sessions, s, device_next)
	{
		if (s->state != SESSION_OPEN)
			continue;
		char at[CLOCK_RFC3339_BYTES];
		clock_format_rfc3339(at, (uint64_t)s->connected_ms * NS_PER_MS, 3);
		return json_pack("{s:s, s:i, s:s}", "client_id", s->client_id, "protocol",
				 (int)s->version, "connected_at", at);
	}
	return json_null();
}

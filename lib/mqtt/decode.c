// SPDX-License-Identifier: Apache-2.0
// One function a packet type, each a list of reads in the order of the wire. Section numbers are
// those of OASIS mqtt-v5.0; 3.1.1 has the same ones where it has the field.
#include "mqtt/packet.h"

#include "mqtt/topic.h"
#include "mqtt/types.h"
#include "mqtt/wire.h"

struct decoder {
	struct bytes rest;
	enum mqtt_version version;
	uint8_t flags;
	enum mqtt_type type;
	struct mqtt_fault *fault;
};

static enum err
refuse(struct decoder *d, enum mqtt_reason reason, const char *text)
{
	*d->fault = (struct mqtt_fault){reason, text};
	return ERR_SYNTAX;
}

static enum err
malformed(struct decoder *d, const char *text)
{
	return refuse(d, MQTT_REASON_MALFORMED_PACKET, text);
}

static enum err
get_properties(struct decoder *d, struct mqtt_properties *out, uint32_t packet)
{
	if (d->version != MQTT_V5)
		return ERR_OK;
	uint32_t n;
	if (!wire_get_varint(&n, &d->rest) || !wire_get_slice(&out->raw, &d->rest, n))
		return malformed(d, "property length wrong");
	const char *text = NULL;
	enum mqtt_reason reason = mqtt_properties_check(out->raw, packet, &text);
	return reason == MQTT_REASON_SUCCESS ? ERR_OK : refuse(d, reason, text);
}

static enum err
get_packet_id(struct decoder *d, uint16_t *out)
{
	if (!wire_get_u16(out, &d->rest))
		return malformed(d, "packet identifier missing");
	if (*out == 0)
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "packet identifier 0");
	return ERR_OK;
}

static enum err
get_reason(struct decoder *d, uint8_t *out)
{
	if (!wire_get_u8(out, &d->rest))
		return malformed(d, "reason code missing");
	if (!mqtt_reason_is_valid(*out, d->type))
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "reason code not for this packet");
	return ERR_OK;
}

static enum err
get_end(struct decoder *d)
{
	return d->rest.n ? malformed(d, "bytes after the end of the packet") : ERR_OK;
}

// --- CONNECT (3.1) ---

enum {
	CONNECT_RESERVED = 0x01,
	CONNECT_CLEAN = 0x02,
	CONNECT_WILL = 0x04,
	CONNECT_WILL_QOS_SHIFT = 3,
	CONNECT_WILL_RETAIN = 0x20,
	CONNECT_PASSWORD = 0x40,
	CONNECT_USERNAME = 0x80,
	// 3.1, section 3.1: longer client identifiers are refused.
	CLIENT_ID_MAX_31 = 23,
};

static const struct protocol {
	const char *name;
	uint8_t level;
} protocols[] = {
	{"MQIsdp", MQTT_V31 },
	{"MQTT",	 MQTT_V311},
	{"MQTT",	 MQTT_V5	},
};

static enum err
connect_protocol(struct decoder *d)
{
	struct bytes name;
	uint8_t level;
	if (!wire_get_string(&name, &d->rest) || !wire_get_u8(&level, &d->rest))
		return malformed(d, "protocol name or level missing");
	for (size_t i = 0; i < N_ELEMENTS(protocols); i++) {
		if (protocols[i].level == level && bytes_is(name, protocols[i].name)) {
			d->version = (enum mqtt_version)level;
			return ERR_OK;
		}
	}
	refuse(d, MQTT_REASON_UNSUPPORTED_VERSION, "protocol name or level unknown");
	return ERR_UNSUPPORTED;
}

static enum err
connect_flags(struct decoder *d, struct mqtt_connect *c)
{
	uint8_t flags;
	if (!wire_get_u8(&flags, &d->rest))
		return malformed(d, "connect flags missing");
	// 3.1 does not use the bit and says nothing about its value.
	if (flags & CONNECT_RESERVED && c->version != MQTT_V31)
		return malformed(d, "reserved connect flag set");
	c->clean_start = flags & CONNECT_CLEAN;
	c->will.present = flags & CONNECT_WILL;
	c->will.qos = flags >> CONNECT_WILL_QOS_SHIFT & 3;
	c->will.retain = flags & CONNECT_WILL_RETAIN;
	c->has_username = flags & CONNECT_USERNAME;
	c->has_password = flags & CONNECT_PASSWORD;
	if (c->will.qos == 3)
		return malformed(d, "will QoS 3");
	if (!c->will.present && (c->will.qos || c->will.retain))
		return malformed(d, "will QoS or retain without a will");
	if (c->has_password && !c->has_username && c->version != MQTT_V5)
		return malformed(d, "password without user name");
	return ERR_OK;
}

static enum err
connect_client_id(struct decoder *d, struct mqtt_connect *c)
{
	if (!wire_get_string(&c->client_id, &d->rest))
		return malformed(d, "client identifier missing or not UTF-8");
	if (c->version == MQTT_V31 && (!c->client_id.n || c->client_id.n > CLIENT_ID_MAX_31))
		return refuse(d, MQTT_REASON_CLIENT_ID_NOT_VALID,
			      "client identifier not of 1 to 23 bytes (MQTT 3.1)");
	return ERR_OK;
}

static enum err
connect_will(struct decoder *d, struct mqtt_will *will)
{
	if (!will->present)
		return ERR_OK;
	TRY(get_properties(d, &will->properties, MQTT_IN_WILL));
	if (!wire_get_string(&will->topic, &d->rest) || !wire_get_binary(&will->payload, &d->rest))
		return malformed(d, "will topic or payload missing");
	if (!mqtt_topic_name_is_valid(will->topic))
		return refuse(d, MQTT_REASON_TOPIC_NAME_INVALID, "will topic not a topic name");
	return ERR_OK;
}

static enum err
decode_connect(struct decoder *d, struct mqtt_packet *p)
{
	struct mqtt_connect *c = &p->connect;
	TRY(connect_protocol(d));
	c->version = d->version;
	TRY(connect_flags(d, c));
	if (!wire_get_u16(&c->keep_alive_s, &d->rest))
		return malformed(d, "keep alive missing");
	TRY(get_properties(d, &c->properties, MQTT_IN(CONNECT)));
	TRY(connect_client_id(d, c));
	TRY(connect_will(d, &c->will));
	if (c->has_username && !wire_get_string(&c->username, &d->rest))
		return malformed(d, "user name missing or not UTF-8");
	if (c->has_password && !wire_get_binary(&c->password, &d->rest))
		return malformed(d, "password missing");
	return ERR_OK;
}

// --- the others ---

static enum err
decode_connack(struct decoder *d, struct mqtt_packet *p)
{
	uint8_t flags;
	if (!wire_get_u8(&flags, &d->rest))
		return malformed(d, "acknowledge flags missing");
	if (flags & ~1)
		return malformed(d, "reserved acknowledge flag set");
	p->connack.session_present = flags & 1;
	if (d->version == MQTT_V5) {
		TRY(get_reason(d, &p->connack.code));
	} else {
		if (!wire_get_u8(&p->connack.code, &d->rest))
			return malformed(d, "return code missing");
		if (p->connack.code > 5)
			return malformed(d, "return code reserved");
	}
	return get_properties(d, &p->connack.properties, MQTT_IN(CONNACK));
}

static enum err
decode_publish(struct decoder *d, struct mqtt_packet *p)
{
	struct mqtt_publish *m = &p->publish;
	m->dup = d->flags & MQTT_FLAG_DUP;
	m->qos = d->flags >> 1 & 3;
	m->retain = d->flags & 1;
	if (m->qos == 3)
		return malformed(d, "QoS 3");
	if (m->qos == 0 && m->dup)
		return malformed(d, "DUP with QoS 0");
	if (!wire_get_string(&m->topic, &d->rest))
		return malformed(d, "topic name missing or not UTF-8");
	if (m->topic.n ? !mqtt_topic_name_is_valid(m->topic) : d->version != MQTT_V5)
		return refuse(d, MQTT_REASON_TOPIC_NAME_INVALID,
			      "topic name empty or with wildcard");
	if (m->qos)
		TRY(get_packet_id(d, &m->packet_id));
	TRY(get_properties(d, &m->properties, MQTT_IN(PUBLISH)));
	if (!m->topic.n && !mqtt_property_number(&m->properties, MQTT_PROPERTY_TOPIC_ALIAS, 0))
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "no topic name and no alias");
	m->payload = d->rest;
	d->rest = BYTES_NONE;
	return ERR_OK;
}

// Reason code and properties may be left out from the end (3.4.2.1, 3.14.2.1).
static enum err
get_optional_reason(struct decoder *d, uint8_t *reason, struct mqtt_properties *properties)
{
	if (d->version != MQTT_V5 || !d->rest.n)
		return ERR_OK;
	TRY(get_reason(d, reason));
	return d->rest.n ? get_properties(d, properties, 1U << d->type) : ERR_OK;
}

static enum err
decode_ack(struct decoder *d, struct mqtt_packet *p)
{
	TRY(get_packet_id(d, &p->ack.packet_id));
	return get_optional_reason(d, &p->ack.reason, &p->ack.properties);
}

static enum err
check_filter(struct decoder *d, const struct mqtt_filter *f, uint8_t options)
{
	if (!mqtt_topic_filter_is_valid(f->filter))
		return refuse(d, MQTT_REASON_TOPIC_FILTER_INVALID, "topic filter not well formed");
	if (d->type == MQTT_UNSUBSCRIBE)
		return ERR_OK;
	uint8_t reserved = d->version == MQTT_V5 ? 0xc0 : 0xfc;
	if (options & reserved || f->qos == 3 || f->retain_handling == 3)
		return malformed(d, "subscription options reserved");
	if (f->no_local && mqtt_topic_filter_is_shared(f->filter))
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "no-local on a shared subscription");
	return ERR_OK;
}

static enum err
decode_subscribe(struct decoder *d, struct mqtt_packet *p)
{
	struct mqtt_subscribe *s = &p->subscribe;
	TRY(get_packet_id(d, &s->packet_id));
	TRY(get_properties(d, &s->properties, 1U << d->type));
	s->filters = d->rest;
	while (d->rest.n) {
		struct mqtt_filter f;
		if (!mqtt_filter_next(&f, &d->rest, d->type))
			return malformed(d, "topic filter cut short or not UTF-8");
		TRY(check_filter(d, &f, d->rest.p[-1]));
		s->n_filters++;
	}
	if (!s->n_filters)
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "no topic filter");
	return ERR_OK;
}

static enum err
decode_suback(struct decoder *d, struct mqtt_packet *p)
{
	struct mqtt_suback *s = &p->suback;
	TRY(get_packet_id(d, &s->packet_id));
	if (d->type == MQTT_UNSUBACK && d->version != MQTT_V5)
		return ERR_OK;
	TRY(get_properties(d, &s->properties, 1U << d->type));
	s->codes = d->rest;
	if (!s->codes.n)
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "no return code");
	for (size_t i = 0; i < s->codes.n; i++) {
		uint8_t code;
		TRY(get_reason(d, &code));
		if (d->version != MQTT_V5 && code > 2 && code != 0x80)
			return malformed(d, "return code reserved");
	}
	return ERR_OK;
}

static enum err
decode_empty(struct decoder *d, struct mqtt_packet *p)
{
	(void)d;
	(void)p;
	return ERR_OK;
}

static enum err
decode_reasoned(struct decoder *d, struct mqtt_packet *p)
{
	TRY(get_optional_reason(d, &p->reasoned.reason, &p->reasoned.properties));
	// 3.15.2.2.2: only the short form of AUTH, reason 0, may go without a method.
	if (d->type == MQTT_AUTH && p->reasoned.reason &&
	    !mqtt_property_text(&p->reasoned.properties, MQTT_PROPERTY_AUTH_METHOD).p)
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "AUTH without method");
	return ERR_OK;
}

typedef enum err decode_fn(struct decoder *d, struct mqtt_packet *p);

static decode_fn *const decoders[MQTT_TYPES] = {
	[MQTT_CONNECT] = decode_connect, [MQTT_CONNACK] = decode_connack,
	[MQTT_PUBLISH] = decode_publish, [MQTT_PUBACK] = decode_ack,
	[MQTT_PUBREC] = decode_ack,	 [MQTT_PUBREL] = decode_ack,
	[MQTT_PUBCOMP] = decode_ack,	 [MQTT_SUBSCRIBE] = decode_subscribe,
	[MQTT_SUBACK] = decode_suback,	 [MQTT_UNSUBSCRIBE] = decode_subscribe,
	[MQTT_UNSUBACK] = decode_suback, [MQTT_PINGREQ] = decode_empty,
	[MQTT_PINGRESP] = decode_empty,	 [MQTT_DISCONNECT] = decode_reasoned,
	[MQTT_AUTH] = decode_reasoned,
};

static enum err
check_header(struct decoder *d, const struct mqtt_frame *frame)
{
	const struct type_row *row = type_row(frame->type);
	if (!row || d->version < row->since)
		return refuse(d, MQTT_REASON_PROTOCOL_ERROR, "no such packet in this version");
	if (d->version == MQTT_V5 && frame->length_padded)
		return malformed(d, "remaining length not in its shortest form");
	uint8_t ignored = d->version == MQTT_V31 ? row->flags_in_31 : 0;
	if (frame->type != MQTT_PUBLISH && (frame->flags & ~ignored) != row->flags)
		return malformed(d, "fixed header flags are reserved");
	return ERR_OK;
}

enum err
mqtt_decode(struct mqtt_packet *out, const struct mqtt_frame *frame, enum mqtt_version version,
	    struct mqtt_fault *fault)
{
	struct decoder d = {
		.rest = frame->body,
		// Only its body says what version a CONNECT is.
		.version = frame->type == MQTT_CONNECT ? MQTT_V311 : version,
		.flags = frame->flags,
		.type = frame->type,
		.fault = fault,
	};
	*out = (struct mqtt_packet){.type = frame->type};
	TRY(check_header(&d, frame));
	TRY(decoders[frame->type](&d, out));
	if (d.version == MQTT_V5 && frame->length_padded)
		return malformed(&d, "remaining length not in its shortest form");
	return get_end(&d);
}

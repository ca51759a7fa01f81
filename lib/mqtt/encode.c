// SPDX-License-Identifier: Apache-2.0
#include "mqtt/packet.h"

#include "mqtt/types.h"
#include "mqtt/wire.h"

// First byte and the longest remaining length; the body is written behind it and moved up.
#define HEADER_MAX 5

static enum err
put_properties(struct buf *out, const struct mqtt_properties *p, enum mqtt_version version)
{
	if (version != MQTT_V5)
		return ERR_OK;
	if (p->raw.n > MQTT_REMAINING_MAX)
		return ERR_TOO_LARGE;
	TRY(wire_put_varint(out, (uint32_t)p->raw.n));
	return buf_append(out, p->raw.p, p->raw.n);
}

static enum err
put_connect(struct buf *out, const struct mqtt_connect *c)
{
	uint8_t flags = (uint8_t)((c->clean_start ? 0x02 : 0) | (c->will.present ? 0x04 : 0) |
				  (c->will.qos & 3) << 3 | (c->will.retain ? 0x20 : 0) |
				  (c->has_password ? 0x40 : 0) | (c->has_username ? 0x80 : 0));
	TRY(wire_put_binary(out, BYTES_STR(c->version == MQTT_V31 ? "MQIsdp" : "MQTT")));
	TRY(buf_put_u8(out, (uint8_t)c->version));
	TRY(buf_put_u8(out, flags));
	TRY(buf_put_be16(out, c->keep_alive_s));
	TRY(put_properties(out, &c->properties, c->version));
	TRY(wire_put_binary(out, c->client_id));
	if (c->will.present) {
		TRY(put_properties(out, &c->will.properties, c->version));
		TRY(wire_put_binary(out, c->will.topic));
		TRY(wire_put_binary(out, c->will.payload));
	}
	if (c->has_username)
		TRY(wire_put_binary(out, c->username));
	if (c->has_password)
		TRY(wire_put_binary(out, c->password));
	return ERR_OK;
}

static enum err
put_connack(struct buf *out, const struct mqtt_connack *c, enum mqtt_version version)
{
	TRY(buf_put_u8(out, c->session_present));
	TRY(buf_put_u8(out, c->code));
	return put_properties(out, &c->properties, version);
}

static enum err
put_publish(struct buf *out, const struct mqtt_publish *p, enum mqtt_version version)
{
	TRY(wire_put_binary(out, p->topic));
	if (p->qos)
		TRY(buf_put_be16(out, p->packet_id));
	TRY(put_properties(out, &p->properties, version));
	return buf_append(out, p->payload.p, p->payload.n);
}

// The short form where it says the same (3.4.2.1, 3.14.2.1).
static enum err
put_reason(struct buf *out, uint8_t reason, const struct mqtt_properties *properties,
	   enum mqtt_version version)
{
	if (version != MQTT_V5 || (!reason && !properties->raw.n))
		return ERR_OK;
	TRY(buf_put_u8(out, reason));
	return properties->raw.n ? put_properties(out, properties, version) : ERR_OK;
}

static enum err
put_ack(struct buf *out, const struct mqtt_ack *a, enum mqtt_version version)
{
	TRY(buf_put_be16(out, a->packet_id));
	return put_reason(out, a->reason, &a->properties, version);
}

static enum err
put_subscribe(struct buf *out, const struct mqtt_subscribe *s, enum mqtt_version version)
{
	TRY(buf_put_be16(out, s->packet_id));
	TRY(put_properties(out, &s->properties, version));
	return buf_append(out, s->filters.p, s->filters.n);
}

static enum err
put_suback(struct buf *out, const struct mqtt_packet *p, enum mqtt_version version)
{
	TRY(buf_put_be16(out, p->suback.packet_id));
	if (p->type == MQTT_UNSUBACK && version != MQTT_V5)
		return ERR_OK;
	TRY(put_properties(out, &p->suback.properties, version));
	return buf_append(out, p->suback.codes.p, p->suback.codes.n);
}

static enum err
put_body(struct buf *out, const struct mqtt_packet *p, enum mqtt_version version)
{
	switch (p->type) {
	case MQTT_CONNECT:
		return put_connect(out, &p->connect);
	case MQTT_CONNACK:
		return put_connack(out, &p->connack, version);
	case MQTT_PUBLISH:
		return put_publish(out, &p->publish, version);
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
		return put_ack(out, &p->ack, version);
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		return put_subscribe(out, &p->subscribe, version);
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
		return put_suback(out, p, version);
	case MQTT_PINGREQ:
	case MQTT_PINGRESP:
		return ERR_OK;
	case MQTT_DISCONNECT:
		return put_reason(out, p->reasoned.reason, &p->reasoned.properties, version);
	case MQTT_AUTH:
		if (version != MQTT_V5)
			return ERR_UNSUPPORTED;
		return put_reason(out, p->reasoned.reason, &p->reasoned.properties, version);
	case MQTT_TYPES:
		break;
	}
	return ERR_INTERNAL;
}

static uint8_t
first_byte(const struct mqtt_packet *p)
{
	unsigned flags = 0;
	if (p->type == MQTT_PUBLISH)
		flags = (p->publish.dup ? MQTT_FLAG_DUP : 0U) | (p->publish.qos & 3U) << 1 |
			(p->publish.retain ? 1U : 0U);
	else
		flags = type_row(p->type)->flags;
	return (uint8_t)((unsigned)p->type << 4 | flags);
}

// Puts the fixed header in front of the body that begins at start + HEADER_MAX.
static enum err
close_packet(struct buf *out, size_t start, uint8_t first)
{
	size_t n = out->len - start - HEADER_MAX;
	if (n > MQTT_REMAINING_MAX)
		return ERR_TOO_LARGE;
	uint8_t *at = out->data + start;
	size_t header_n = 1 + wire_varint_bytes((uint32_t)n);
	memmove(at + header_n, at + HEADER_MAX, n);
	out->len = start + header_n + n;
	out->data[out->len] = 0;
	*at++ = first;
	for (size_t left = n; --header_n; left >>= 7)
		*at++ = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
	return ERR_OK;
}

enum err
mqtt_encode(struct buf *out, const struct mqtt_packet *packet, enum mqtt_version version)
{
	if (!type_row(packet->type))
		return ERR_INTERNAL;
	size_t start = out->len;
	enum err err = buf_append(out, (const uint8_t[HEADER_MAX]){0}, HEADER_MAX);
	if (err == ERR_OK)
		err = put_body(out, packet, version);
	if (err == ERR_OK)
		err = close_packet(out, start, first_byte(packet));
	if (err != ERR_OK)
		out->len = start;
	return err;
}

// SPDX-License-Identifier: Apache-2.0
#include "mqtt/packet.h"

#include "mqtt/types.h"
#include "mqtt/wire.h"

static const struct type_row types[MQTT_TYPES] = {
	[MQTT_CONNECT] = {"CONNECT",     0, 0,		   MQTT_V31},
	[MQTT_CONNACK] = {"CONNACK",     0, 0,		   MQTT_V31},
	[MQTT_PUBLISH] = {"PUBLISH",     0, 0,		   MQTT_V31},
	[MQTT_PUBACK] = {"PUBACK",	   0, 0,		 MQTT_V31},
	[MQTT_PUBREC] = {"PUBREC",	   0, 0,		 MQTT_V31},
	[MQTT_PUBREL] = {"PUBREL",	   2, MQTT_FLAG_DUP, MQTT_V31},
	[MQTT_PUBCOMP] = {"PUBCOMP",     0, 0,		   MQTT_V31},
	[MQTT_SUBSCRIBE] = {"SUBSCRIBE",	 2, MQTT_FLAG_DUP, MQTT_V31},
	[MQTT_SUBACK] = {"SUBACK",	   0, 0,		 MQTT_V31},
	[MQTT_UNSUBSCRIBE] = {"UNSUBSCRIBE", 2, MQTT_FLAG_DUP, MQTT_V31},
	[MQTT_UNSUBACK] = {"UNSUBACK",    0, 0,	     MQTT_V31},
	[MQTT_PINGREQ] = {"PINGREQ",     0, 0,		   MQTT_V31},
	[MQTT_PINGRESP] = {"PINGRESP",    0, 0,	     MQTT_V31},
	[MQTT_DISCONNECT] = {"DISCONNECT",  0, 0,		 MQTT_V31},
	[MQTT_AUTH] = {"AUTH",	       0, 0,	     MQTT_V5 },
};

const struct type_row *
type_row(enum mqtt_type type)
{
	return type < MQTT_TYPES && types[type].name ? &types[type] : NULL;
}

const char *
mqtt_type_name(enum mqtt_type type)
{
	const struct type_row *row = type_row(type);
	return row ? row->name : "?";
}

static enum err
refuse(struct mqtt_fault *fault, enum err err, enum mqtt_reason reason, const char *text)
{
	*fault = (struct mqtt_fault){reason, text};
	return err;
}

// The first byte already shows most of what is not MQTT at all (HTTP, TLS on a plain port).
static enum err
first_byte(struct mqtt_frame *out, uint8_t byte, struct mqtt_fault *fault)
{
	out->type = byte >> 4;
	out->flags = byte & 15;
	const struct type_row *row = type_row(out->type);
	if (!row)
		return refuse(fault, ERR_SYNTAX, MQTT_REASON_MALFORMED_PACKET,
			      "packet type 0 is reserved");
	if (out->type != MQTT_PUBLISH && (out->flags & ~row->flags_in_31) != row->flags)
		return refuse(fault, ERR_SYNTAX, MQTT_REASON_MALFORMED_PACKET,
			      "fixed header flags are reserved");
	return ERR_OK;
}

enum err
mqtt_frame_next(struct mqtt_frame *out, struct bytes in, size_t body_max, struct mqtt_fault *fault)
{
	if (!in.n)
		return ERR_MORE;
	*out = (struct mqtt_frame){0};
	TRY(first_byte(out, in.p[0], fault));
	uint32_t remaining = 0;
	size_t i = 0;
	uint8_t byte;
	do {
		if (i == 4)
			return refuse(fault, ERR_SYNTAX, MQTT_REASON_MALFORMED_PACKET,
				      "remaining length over four bytes");
		if (1 + i == in.n)
			return ERR_MORE;
		byte = in.p[1 + i];
		remaining |= (uint32_t)(byte & 0x7f) << (7 * i++);
	} while (byte & 0x80);
	if (remaining > body_max)
		return refuse(fault, ERR_TOO_LARGE, MQTT_REASON_PACKET_TOO_LARGE,
			      "packet over the size limit");
	out->length_padded = wire_varint_bytes(remaining) != i;
	out->total = 1 + i + remaining;
	if (in.n < out->total)
		return ERR_MORE;
	out->body = BYTES(in.p + 1 + i, remaining);
	return ERR_OK;
}

bool
mqtt_filter_next(struct mqtt_filter *out, struct bytes *rest, enum mqtt_type type)
{
	*out = (struct mqtt_filter){0};
	if (!wire_get_string(&out->filter, rest))
		return false;
	if (type == MQTT_UNSUBSCRIBE)
		return true;
	uint8_t options;
	if (!wire_get_u8(&options, rest))
		return false;
	out->qos = options & 3;
	out->no_local = options >> 2 & 1;
	out->retain_as_published = options >> 3 & 1;
	out->retain_handling = options >> 4 & 3;
	return true;
}

enum err
mqtt_filter_put(struct buf *out, const struct mqtt_filter *filter, enum mqtt_type type)
{
	TRY(wire_put_binary(out, filter->filter));
	if (type == MQTT_UNSUBSCRIBE)
		return ERR_OK;
	return buf_put_u8(out, (uint8_t)((filter->qos & 3) | (filter->no_local ? 4 : 0) |
					 (filter->retain_as_published ? 8 : 0) |
					 (filter->retain_handling & 3) << 4));
}

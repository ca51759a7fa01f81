// SPDX-License-Identifier: Apache-2.0
#include "mqtt/property.h"

#include "mqtt/wire.h"

struct property_row {
	enum mqtt_property_id id;
	enum mqtt_property_type type;
	uint32_t least;
	uint32_t greatest;
	uint32_t packets;
};

static const struct property_row properties[] = {
#define X(number, id, type, least, greatest, packets)                                              \
	{MQTT_PROPERTY_##id, MQTT_PROPERTY_##type, (least), (greatest), (packets)},
	MQTT_PROPERTY_TABLE(X)
#undef X
};

static const struct property_row *
row_find(uint32_t number)
{
	for (size_t i = 0; i < N_ELEMENTS(properties); i++)
		if ((uint32_t)properties[i].id == number)
			return &properties[i];
	return NULL;
}

static bool
value_get(struct mqtt_property *out, struct bytes *rest)
{
	uint8_t u8;
	uint16_t u16;
	switch (out->type) {
	case MQTT_PROPERTY_BYTE:
		if (!wire_get_u8(&u8, rest))
			return false;
		out->number = u8;
		return true;
	case MQTT_PROPERTY_U16:
		if (!wire_get_u16(&u16, rest))
			return false;
		out->number = u16;
		return true;
	case MQTT_PROPERTY_U32:
		return wire_get_u32(&out->number, rest);
	case MQTT_PROPERTY_VARINT:
		return wire_get_varint(&out->number, rest);
	case MQTT_PROPERTY_STRING:
		return wire_get_string(&out->text, rest);
	case MQTT_PROPERTY_BINARY:
		return wire_get_binary(&out->text, rest);
	case MQTT_PROPERTY_PAIR:
		return wire_get_string(&out->name, rest) && wire_get_string(&out->text, rest);
	}
	return false;
}

static const struct property_row *
property_get(struct mqtt_property *out, struct bytes *rest)
{
	uint32_t number;
	if (!wire_get_varint(&number, rest))
		return NULL;
	const struct property_row *row = row_find(number);
	if (!row)
		return NULL;
	*out = (struct mqtt_property){.id = row->id, .type = row->type};
	return value_get(out, rest) ? row : NULL;
}

bool
mqtt_property_next(struct mqtt_property *out, struct bytes *rest)
{
	return rest->n && property_get(out, rest);
}

static bool
property_find(struct mqtt_property *out, const struct mqtt_properties *p, enum mqtt_property_id id)
{
	struct bytes rest = p->raw;
	while (mqtt_property_next(out, &rest))
		if (out->id == id)
			return true;
	return false;
}

uint32_t
mqtt_property_number(const struct mqtt_properties *p, enum mqtt_property_id id, uint32_t fallback)
{
	struct mqtt_property found;
	return property_find(&found, p, id) ? found.number : fallback;
}

struct bytes
mqtt_property_text(const struct mqtt_properties *p, enum mqtt_property_id id)
{
	struct mqtt_property found;
	return property_find(&found, p, id) ? found.text : BYTES_NONE;
}

static enum mqtt_reason
refuse(enum mqtt_reason reason, const char **text, const char *phrase)
{
	*text = phrase;
	return reason;
}

static bool
may_repeat(enum mqtt_property_id id, uint32_t packet)
{
	return id == MQTT_PROPERTY_USER_PROPERTY ||
	       (id == MQTT_PROPERTY_SUBSCRIPTION_ID && packet == MQTT_IN(PUBLISH));
}

static bool
is_number(enum mqtt_property_type type)
{
	return type <= MQTT_PROPERTY_VARINT;
}

enum mqtt_reason
mqtt_properties_check(struct bytes raw, uint32_t packet, const char **text)
{
	uint64_t seen = 0;
	while (raw.n) {
		struct mqtt_property p;
		const struct property_row *row = property_get(&p, &raw);
		if (!row)
			return refuse(MQTT_REASON_MALFORMED_PACKET, text,
				      "property unknown or cut short");
		if (!(row->packets & packet))
			return refuse(MQTT_REASON_PROTOCOL_ERROR, text,
				      "property not allowed in this packet");
		if ((seen >> p.id & 1) && !may_repeat(p.id, packet))
			return refuse(MQTT_REASON_PROTOCOL_ERROR, text,
				      "property given more than once");
		seen |= UINT64_C(1) << p.id;
		if (p.id == MQTT_PROPERTY_TOPIC_ALIAS && p.number == 0)
			return refuse(MQTT_REASON_TOPIC_ALIAS_INVALID, text, "topic alias 0");
		if (is_number(row->type) && (p.number < row->least || p.number > row->greatest))
			return refuse(MQTT_REASON_PROTOCOL_ERROR, text,
				      "property value out of range");
	}
	if ((seen >> MQTT_PROPERTY_AUTH_DATA & 1) && !(seen >> MQTT_PROPERTY_AUTH_METHOD & 1))
		return refuse(MQTT_REASON_PROTOCOL_ERROR, text,
			      "authentication data without method");
	return MQTT_REASON_SUCCESS;
}

enum err
mqtt_property_put_number(struct buf *out, enum mqtt_property_id id, uint32_t number)
{
	const struct property_row *row = row_find(id);
	if (!row || !is_number(row->type))
		return ERR_INTERNAL;
	if (number < row->least || number > row->greatest)
		return ERR_INPUT;
	TRY(wire_put_varint(out, id));
	switch (row->type) {
	case MQTT_PROPERTY_BYTE:
		return buf_put_u8(out, (uint8_t)number);
	case MQTT_PROPERTY_U16:
		return buf_put_be16(out, (uint16_t)number);
	case MQTT_PROPERTY_U32:
		return buf_put_be32(out, number);
	default:
		return wire_put_varint(out, number);
	}
}

enum err
mqtt_property_put_text(struct buf *out, enum mqtt_property_id id, struct bytes text)
{
	const struct property_row *row = row_find(id);
	if (!row || (row->type != MQTT_PROPERTY_STRING && row->type != MQTT_PROPERTY_BINARY))
		return ERR_INTERNAL;
	TRY(wire_put_varint(out, id));
	return wire_put_binary(out, text);
}

enum err
mqtt_property_put_pair(struct buf *out, struct bytes name, struct bytes value)
{
	TRY(wire_put_varint(out, MQTT_PROPERTY_USER_PROPERTY));
	TRY(wire_put_binary(out, name));
	return wire_put_binary(out, value);
}

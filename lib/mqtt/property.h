// SPDX-License-Identifier: Apache-2.0
// Properties of MQTT 5 (OASIS mqtt-v5.0, 2.2.2): kept as the bytes they arrived in, looked up on
// demand. Most packets of a device carry none, so nothing is stored for them.
#pragma once

#include "base/buf.h"
#include "mqtt/reason.h"

struct mqtt_properties {
	struct bytes raw; // without the length in front
};

enum mqtt_property_type {
	MQTT_PROPERTY_BYTE,
	MQTT_PROPERTY_U16,
	MQTT_PROPERTY_U32,
	MQTT_PROPERTY_VARINT,
	MQTT_PROPERTY_STRING,
	MQTT_PROPERTY_BINARY,
	MQTT_PROPERTY_PAIR
};

// Will properties stand in CONNECT but have a set of their own; type 0 is otherwise reserved.
#define MQTT_IN_WILL 1U

// number, id, type, least and greatest value (numbers only), packets (2.2.2.2, table 2-4)
#define MQTT_PROPERTY_TABLE(X)                                                                     \
	X(0x01, PAYLOAD_FORMAT, BYTE, 0, 1, MQTT_IN(PUBLISH) | MQTT_IN_WILL)                       \
	X(0x02, MESSAGE_EXPIRY, U32, 0, UINT32_MAX, MQTT_IN(PUBLISH) | MQTT_IN_WILL)               \
	X(0x03, CONTENT_TYPE, STRING, 0, 0, MQTT_IN(PUBLISH) | MQTT_IN_WILL)                       \
	X(0x08, RESPONSE_TOPIC, STRING, 0, 0, MQTT_IN(PUBLISH) | MQTT_IN_WILL)                     \
	X(0x09, CORRELATION_DATA, BINARY, 0, 0, MQTT_IN(PUBLISH) | MQTT_IN_WILL)                   \
	X(0x0B, SUBSCRIPTION_ID, VARINT, 1, 268435455, MQTT_IN(PUBLISH) | MQTT_IN(SUBSCRIBE))      \
	X(0x11, SESSION_EXPIRY, U32, 0, UINT32_MAX, MQTT_IN(CONNECT) | MQTT_IN_END)                \
	X(0x12, ASSIGNED_CLIENT_ID, STRING, 0, 0, MQTT_IN(CONNACK))                                \
	X(0x13, SERVER_KEEP_ALIVE, U16, 0, UINT16_MAX, MQTT_IN(CONNACK))                           \
	X(0x15, AUTH_METHOD, STRING, 0, 0, MQTT_IN(CONNECT) | MQTT_IN(CONNACK) | MQTT_IN(AUTH))    \
	X(0x16, AUTH_DATA, BINARY, 0, 0, MQTT_IN(CONNECT) | MQTT_IN(CONNACK) | MQTT_IN(AUTH))      \
	X(0x17, REQUEST_PROBLEM_INFO, BYTE, 0, 1, MQTT_IN(CONNECT))                                \
	X(0x18, WILL_DELAY, U32, 0, UINT32_MAX, MQTT_IN_WILL)                                      \
	X(0x19, REQUEST_RESPONSE_INFO, BYTE, 0, 1, MQTT_IN(CONNECT))                               \
	X(0x1A, RESPONSE_INFO, STRING, 0, 0, MQTT_IN(CONNACK))                                     \
	X(0x1C, SERVER_REFERENCE, STRING, 0, 0, MQTT_IN_END)                                       \
	X(0x1F, REASON_STRING, STRING, 0, 0,                                                       \
	  MQTT_IN_END | MQTT_IN_ACK | MQTT_IN(PUBREL) | MQTT_IN(PUBCOMP) | MQTT_IN_SUB |           \
		  MQTT_IN(AUTH))                                                                   \
	X(0x21, RECEIVE_MAXIMUM, U16, 1, UINT16_MAX, MQTT_IN(CONNECT) | MQTT_IN(CONNACK))          \
	X(0x22, TOPIC_ALIAS_MAXIMUM, U16, 0, UINT16_MAX, MQTT_IN(CONNECT) | MQTT_IN(CONNACK))      \
	X(0x23, TOPIC_ALIAS, U16, 1, UINT16_MAX, MQTT_IN(PUBLISH))                                 \
	X(0x24, MAXIMUM_QOS, BYTE, 0, 1, MQTT_IN(CONNACK))                                         \
	X(0x25, RETAIN_AVAILABLE, BYTE, 0, 1, MQTT_IN(CONNACK))                                    \
	X(0x26, USER_PROPERTY, PAIR, 0, 0, ~0U)                                                    \
	X(0x27, MAXIMUM_PACKET_SIZE, U32, 1, UINT32_MAX, MQTT_IN(CONNECT) | MQTT_IN(CONNACK))      \
	X(0x28, WILDCARD_AVAILABLE, BYTE, 0, 1, MQTT_IN(CONNACK))                                  \
	X(0x29, SUBSCRIPTION_IDS_AVAILABLE, BYTE, 0, 1, MQTT_IN(CONNACK))                          \
	X(0x2A, SHARED_AVAILABLE, BYTE, 0, 1, MQTT_IN(CONNACK))

enum mqtt_property_id {
#define X(number, id, type, least, greatest, packets) MQTT_PROPERTY_##id = (number),
	MQTT_PROPERTY_TABLE(X)
#undef X
};

struct mqtt_property {
	enum mqtt_property_id id;
	enum mqtt_property_type type;
	uint32_t number;   // BYTE, U16, U32, VARINT
	struct bytes text; // STRING, BINARY; the value of a PAIR
	struct bytes name; // PAIR
};

// Walks the properties: start with *rest = raw; false at the end (and at what is malformed, which
// a decoded packet never holds).
bool mqtt_property_next(struct mqtt_property *out, struct bytes *rest);
// The number of the first property `id`, or fallback.
uint32_t mqtt_property_number(const struct mqtt_properties *p, enum mqtt_property_id id,
			      uint32_t fallback);
// The text of the first property `id`, or BYTES_NONE.
struct bytes mqtt_property_text(const struct mqtt_properties *p, enum mqtt_property_id id);

// Checks the properties that came in a packet; packets is one MQTT_IN bit or MQTT_IN_WILL. Returns
// MQTT_REASON_SUCCESS or what is wrong with them, *text a phrase for it (2.2.2, 3.x.2.3).
enum mqtt_reason mqtt_properties_check(struct bytes raw, uint32_t packet, const char **text);

// Append one property in wire form, for mqtt_properties.raw. Number types are taken from the table.
enum err ERR_MUST_CHECK mqtt_property_put_number(struct buf *out, enum mqtt_property_id id,
						 uint32_t number);
enum err ERR_MUST_CHECK mqtt_property_put_text(struct buf *out, enum mqtt_property_id id,
					       struct bytes text);
enum err ERR_MUST_CHECK mqtt_property_put_pair(struct buf *out, struct bytes name,
					       struct bytes value);

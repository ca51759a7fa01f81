// SPDX-License-Identifier: Apache-2.0
// Reason codes of MQTT 5 (OASIS mqtt-v5.0, 2.4). The codec words every refusal in them; for 3.1 and
// 3.1.1, which have none, they serve as the log's and the tests' names.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Packet types (2.1.2); the value is the upper half of the first byte.
enum mqtt_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK,
	MQTT_PUBLISH,
	MQTT_PUBACK,
	MQTT_PUBREC,
	MQTT_PUBREL,
	MQTT_PUBCOMP,
	MQTT_SUBSCRIBE,
	MQTT_SUBACK,
	MQTT_UNSUBSCRIBE,
	MQTT_UNSUBACK,
	MQTT_PINGREQ,
	MQTT_PINGRESP,
	MQTT_DISCONNECT,
	MQTT_AUTH,
	MQTT_TYPES
};

#define MQTT_IN(type) (1U << MQTT_##type)
#define MQTT_IN_ACK   (MQTT_IN(PUBACK) | MQTT_IN(PUBREC))
#define MQTT_IN_SUB   (MQTT_IN(SUBACK) | MQTT_IN(UNSUBACK))
#define MQTT_IN_END   (MQTT_IN(CONNACK) | MQTT_IN(DISCONNECT))

// code, id, packets that may carry it (2.4, table 2-6), text
#define MQTT_REASON_TABLE(X)                                                                       \
	X(0x00, SUCCESS,                                                                           \
	  MQTT_IN_END | MQTT_IN_ACK | MQTT_IN(PUBREL) | MQTT_IN(PUBCOMP) | MQTT_IN_SUB |           \
		  MQTT_IN(AUTH),                                                                   \
	  "success")                                                                               \
	X(0x01, GRANTED_QOS_1, MQTT_IN(SUBACK), "granted QoS 1")                                   \
	X(0x02, GRANTED_QOS_2, MQTT_IN(SUBACK), "granted QoS 2")                                   \
	X(0x04, DISCONNECT_WITH_WILL, MQTT_IN(DISCONNECT), "disconnect with Will Message")         \
	X(0x10, NO_MATCHING_SUBSCRIBERS, MQTT_IN_ACK, "no matching subscribers")                   \
	X(0x11, NO_SUBSCRIPTION_EXISTED, MQTT_IN(UNSUBACK), "no subscription existed")             \
	X(0x18, CONTINUE_AUTHENTICATION, MQTT_IN(AUTH), "continue authentication")                 \
	X(0x19, RE_AUTHENTICATE, MQTT_IN(AUTH), "re-authenticate")                                 \
	X(0x80, UNSPECIFIED, MQTT_IN_END | MQTT_IN_ACK | MQTT_IN_SUB, "unspecified error")         \
	X(0x81, MALFORMED_PACKET, MQTT_IN_END, "malformed packet")                                 \
	X(0x82, PROTOCOL_ERROR, MQTT_IN_END, "protocol error")                                     \
	X(0x83, IMPLEMENTATION_SPECIFIC, MQTT_IN_END | MQTT_IN_ACK | MQTT_IN_SUB,                  \
	  "implementation specific error")                                                         \
	X(0x84, UNSUPPORTED_VERSION, MQTT_IN(CONNACK), "unsupported protocol version")             \
	X(0x85, CLIENT_ID_NOT_VALID, MQTT_IN(CONNACK), "client identifier not valid")              \
	X(0x86, BAD_USER_OR_PASSWORD, MQTT_IN(CONNACK), "bad user name or password")               \
	X(0x87, NOT_AUTHORIZED, MQTT_IN_END | MQTT_IN_ACK | MQTT_IN_SUB, "not authorized")         \
	X(0x88, SERVER_UNAVAILABLE, MQTT_IN(CONNACK), "server unavailable")                        \
	X(0x89, SERVER_BUSY, MQTT_IN_END, "server busy")                                           \
	X(0x8A, BANNED, MQTT_IN(CONNACK), "banned")                                                \
	X(0x8B, SERVER_SHUTTING_DOWN, MQTT_IN(DISCONNECT), "server shutting down")                 \
	X(0x8C, BAD_AUTH_METHOD, MQTT_IN_END, "bad authentication method")                         \
	X(0x8D, KEEP_ALIVE_TIMEOUT, MQTT_IN(DISCONNECT), "keep alive timeout")                     \
	X(0x8E, SESSION_TAKEN_OVER, MQTT_IN(DISCONNECT), "session taken over")                     \
	X(0x8F, TOPIC_FILTER_INVALID, MQTT_IN_SUB | MQTT_IN(DISCONNECT), "topic filter invalid")   \
	X(0x90, TOPIC_NAME_INVALID, MQTT_IN_END | MQTT_IN_ACK, "topic name invalid")               \
	X(0x91, PACKET_ID_IN_USE, MQTT_IN_ACK | MQTT_IN_SUB, "packet identifier in use")           \
	X(0x92, PACKET_ID_NOT_FOUND, MQTT_IN(PUBREL) | MQTT_IN(PUBCOMP),                           \
	  "packet identifier not found")                                                           \
	X(0x93, RECEIVE_MAXIMUM_EXCEEDED, MQTT_IN(DISCONNECT), "receive maximum exceeded")         \
	X(0x94, TOPIC_ALIAS_INVALID, MQTT_IN(DISCONNECT), "topic alias invalid")                   \
	X(0x95, PACKET_TOO_LARGE, MQTT_IN_END, "packet too large")                                 \
	X(0x96, MESSAGE_RATE_TOO_HIGH, MQTT_IN(DISCONNECT), "message rate too high")               \
	X(0x97, QUOTA_EXCEEDED, MQTT_IN_END | MQTT_IN_ACK | MQTT_IN(SUBACK), "quota exceeded")     \
	X(0x98, ADMINISTRATIVE_ACTION, MQTT_IN(DISCONNECT), "administrative action")               \
	X(0x99, PAYLOAD_FORMAT_INVALID, MQTT_IN_END | MQTT_IN_ACK, "payload format invalid")       \
	X(0x9A, RETAIN_NOT_SUPPORTED, MQTT_IN_END, "retain not supported")                         \
	X(0x9B, QOS_NOT_SUPPORTED, MQTT_IN_END, "QoS not supported")                               \
	X(0x9C, USE_ANOTHER_SERVER, MQTT_IN_END, "use another server")                             \
	X(0x9D, SERVER_MOVED, MQTT_IN_END, "server moved")                                         \
	X(0x9E, SHARED_NOT_SUPPORTED, MQTT_IN(SUBACK) | MQTT_IN(DISCONNECT),                       \
	  "shared subscriptions not supported")                                                    \
	X(0x9F, CONNECTION_RATE_EXCEEDED, MQTT_IN_END, "connection rate exceeded")                 \
	X(0xA0, MAXIMUM_CONNECT_TIME, MQTT_IN(DISCONNECT), "maximum connect time")                 \
	X(0xA1, SUBSCRIPTION_IDS_NOT_SUPPORTED, MQTT_IN(SUBACK) | MQTT_IN(DISCONNECT),             \
	  "subscription identifiers not supported")                                                \
	X(0xA2, WILDCARDS_NOT_SUPPORTED, MQTT_IN(SUBACK) | MQTT_IN(DISCONNECT),                    \
	  "wildcard subscriptions not supported")

enum mqtt_reason {
#define X(code, id, packets, text) MQTT_REASON_##id = (code),
	MQTT_REASON_TABLE(X)
#undef X
};

// One phrase for a person; "unknown reason" for a number that the standard does not define.
const char *mqtt_reason_text(uint8_t code);
// True when a packet of this type may carry this code (2.4).
bool mqtt_reason_is_valid(uint8_t code, enum mqtt_type type);

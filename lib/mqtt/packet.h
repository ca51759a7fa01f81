// SPDX-License-Identifier: Apache-2.0
// MQTT control packets: bytes to values and back, for 3.1 (protocol level 3), 3.1.1 (4) and 5.
// Pure: no sockets, no clock, no memory of its own. A decoded packet borrows from the bytes it came
// from. Strict: what the standard forbids is refused with the reason code that MQTT 5 has for it.
#pragma once

#include "base/buf.h"
#include "mqtt/property.h"
#include "mqtt/reason.h"

enum mqtt_version { MQTT_V31 = 3, MQTT_V311 = 4, MQTT_V5 = 5 };

// The largest remaining length that four bytes can say (2.1.4).
#define MQTT_REMAINING_MAX 268435455U

// Why bytes were refused. `text` is a constant phrase.
struct mqtt_fault {
	enum mqtt_reason reason;
	const char *text;
};

// --- framing ---

struct mqtt_frame {
	enum mqtt_type type;
	uint8_t flags;	    // lower half of the first byte
	bool length_padded; // remaining length in more bytes than needed: forbidden in 5 (1.5.5)
	struct bytes body;  // after the fixed header
	size_t total;	    // bytes to consume, fixed header included
};

// Finds the first packet in `in`. body_max: largest remaining length that is taken.
// ERR_MORE: incomplete so far. ERR_SYNTAX or ERR_TOO_LARGE: not MQTT or over the limit, told as
// soon as the header shows it; *fault says which.
enum err ERR_MUST_CHECK mqtt_frame_next(struct mqtt_frame *out, struct bytes in, size_t body_max,
					struct mqtt_fault *fault);

// --- packets ---

struct mqtt_will {
	bool present;
	uint8_t qos;
	bool retain;
	struct mqtt_properties properties;
	struct bytes topic;
	struct bytes payload;
};

struct mqtt_connect {
	enum mqtt_version version;
	bool clean_start; // "clean session" before 5
	uint16_t keep_alive_s;
	struct mqtt_properties properties;
	struct bytes client_id;
	struct mqtt_will will;
	bool has_username;
	struct bytes username;
	bool has_password;
	struct bytes password;
};

struct mqtt_connack {
	bool session_present;
	uint8_t code; // return code before 5 (3.1.1, 3.2.2.3), reason code in 5
	struct mqtt_properties properties;
};

struct mqtt_publish {
	bool dup;
	uint8_t qos;
	bool retain;
	struct bytes topic; // empty only in 5 with a topic alias
	uint16_t packet_id; // 0 with QoS 0
	struct mqtt_properties properties;
	struct bytes payload;
};

// PUBACK, PUBREC, PUBREL and PUBCOMP.
struct mqtt_ack {
	uint16_t packet_id;
	uint8_t reason; // 5 only
	struct mqtt_properties properties;
};

// SUBSCRIBE and UNSUBSCRIBE: one or more filters, walked with mqtt_filter_next().
struct mqtt_subscribe {
	uint16_t packet_id;
	struct mqtt_properties properties;
	struct bytes filters; // as on the wire
	size_t n_filters;
};

struct mqtt_filter {
	struct bytes filter;
	uint8_t qos;
	bool no_local; // the last three: 5 only
	bool retain_as_published;
	uint8_t retain_handling;
};

// SUBACK and, in 5, UNSUBACK.
struct mqtt_suback {
	uint16_t packet_id;
	struct mqtt_properties properties;
	struct bytes codes; // one byte a filter
};

// DISCONNECT and AUTH; before 5 DISCONNECT is empty and AUTH does not exist.
struct mqtt_reasoned {
	uint8_t reason;
	struct mqtt_properties properties;
};

struct mqtt_packet {
	enum mqtt_type type;
	union {
		struct mqtt_connect connect;
		struct mqtt_connack connack;
		struct mqtt_publish publish;
		struct mqtt_ack ack;
		struct mqtt_subscribe subscribe;
		struct mqtt_suback suback;
		struct mqtt_reasoned reasoned;
	};
};

// Decodes one packet of either direction. A CONNECT says its version itself; for all others
// `version` is the session's. Errors: ERR_SYNTAX (malformed packet, protocol error),
// ERR_UNSUPPORTED (CONNECT with a protocol that is none of the three), with *fault.
enum err ERR_MUST_CHECK mqtt_decode(struct mqtt_packet *out, const struct mqtt_frame *frame,
				    enum mqtt_version version, struct mqtt_fault *fault);

// Appends the packet. The caller vouches for the content (valid topics, UTF-8, QoS); lengths are
// checked: ERR_TOO_LARGE for a string over 65535 bytes, a body over MQTT_REMAINING_MAX or a full
// buffer, ERR_UNSUPPORTED for AUTH before 5. After an error `out` is as it was.
enum err ERR_MUST_CHECK mqtt_encode(struct buf *out, const struct mqtt_packet *packet,
				    enum mqtt_version version);

// Walks the filters of a decoded packet of `type` (SUBSCRIBE or UNSUBSCRIBE): start with *rest =
// filters; false at the end.
bool mqtt_filter_next(struct mqtt_filter *out, struct bytes *rest, enum mqtt_type type);
// Appends one filter in wire form, for mqtt_subscribe.filters.
enum err ERR_MUST_CHECK mqtt_filter_put(struct buf *out, const struct mqtt_filter *filter,
					enum mqtt_type type);
// "CONNECT", "PUBLISH", ...; "?" for a number that is no type.
const char *mqtt_type_name(enum mqtt_type type);

// SPDX-License-Identifier: Apache-2.0
// A stream of MQTT packets, as server and client read it. First byte: the session's version.
#include "fuzz.h"
#include "mqtt/packet.h"

enum { BODY_MAX = 64 * 1024 };

static bool
is_inside(struct bytes part, struct bytes whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void
walk_properties(const struct mqtt_properties *properties, struct bytes body)
{
	struct bytes rest = properties->raw;
	struct mqtt_property property;
	FUZZ_CHECK(is_inside(rest, body));
	while (mqtt_property_next(&property, &rest)) {
		FUZZ_CHECK(is_inside(property.text, body) && is_inside(property.name, body));
		(void)mqtt_property_number(properties, property.id, 0);
		(void)mqtt_property_text(properties, property.id);
	}
	FUZZ_CHECK(rest.n == 0);
}

static void
walk_filters(const struct mqtt_packet *p, struct bytes body)
{
	struct bytes rest = p->subscribe.filters;
	struct mqtt_filter filter;
	size_t n = 0;
	for (; mqtt_filter_next(&filter, &rest, p->type); n++)
		FUZZ_CHECK(is_inside(filter.filter, body) && filter.qos <= 2);
	FUZZ_CHECK(n == p->subscribe.n_filters && n > 0 && rest.n == 0);
}

static void
walk(const struct mqtt_packet *p, struct bytes body)
{
	switch (p->type) {
	case MQTT_CONNECT:
		walk_properties(&p->connect.properties, body);
		walk_properties(&p->connect.will.properties, body);
		FUZZ_CHECK(is_inside(p->connect.client_id, body));
		FUZZ_CHECK(is_inside(p->connect.username, body));
		FUZZ_CHECK(is_inside(p->connect.password, body));
		break;
	case MQTT_PUBLISH:
		walk_properties(&p->publish.properties, body);
		FUZZ_CHECK(is_inside(p->publish.topic, body));
		FUZZ_CHECK(is_inside(p->publish.payload, body));
		FUZZ_CHECK((p->publish.packet_id != 0) == (p->publish.qos != 0));
		break;
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		walk_properties(&p->subscribe.properties, body);
		walk_filters(p, body);
		break;
	case MQTT_CONNACK:
		walk_properties(&p->connack.properties, body);
		break;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
		walk_properties(&p->suback.properties, body);
		FUZZ_CHECK(is_inside(p->suback.codes, body));
		break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
		walk_properties(&p->ack.properties, body);
		break;
	case MQTT_DISCONNECT:
	case MQTT_AUTH:
		walk_properties(&p->reasoned.properties, body);
		break;
	case MQTT_PINGREQ:
	case MQTT_PINGRESP:
		break;
	case MQTT_TYPES:
		FUZZ_CHECK(p->type < MQTT_TYPES);
	}
}

// What was decoded can be sent on, and says the same to the next who reads it.
static void
check_round_trip(const struct mqtt_packet *p, enum mqtt_version version)
{
	BUF_AUTO struct buf first;
	BUF_AUTO struct buf second;
	struct mqtt_frame frame;
	struct mqtt_packet again;
	struct mqtt_fault fault;
	buf_init(&first, 2 * BODY_MAX);
	buf_init(&second, 2 * BODY_MAX);
	FUZZ_CHECK(mqtt_encode(&first, p, version) == ERR_OK);
	FUZZ_CHECK(mqtt_frame_next(&frame, buf_bytes(&first), 2 * BODY_MAX, &fault) == ERR_OK);
	FUZZ_CHECK(frame.total == first.len && !frame.length_padded);
	FUZZ_CHECK(mqtt_decode(&again, &frame, version, &fault) == ERR_OK);
	FUZZ_CHECK(again.type == p->type);
	FUZZ_CHECK(mqtt_encode(&second, &again, version) == ERR_OK);
	FUZZ_CHECK(fuzz_buf_is(&second, buf_bytes(&first)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum mqtt_version versions[] = {MQTT_V31, MQTT_V311, MQTT_V5};
	struct bytes in = BYTES(data, size);
	enum mqtt_version version = versions[fuzz_take_u8(&in) % N_ELEMENTS(versions)];
	struct mqtt_frame frame;
	struct mqtt_packet packet;
	struct mqtt_fault fault = {0};
	enum err err;
	while ((err = mqtt_frame_next(&frame, in, BODY_MAX, &fault)) == ERR_OK) {
		FUZZ_CHECK(frame.total <= in.n && frame.total >= frame.body.n + 2);
		FUZZ_CHECK(is_inside(frame.body, in));
		err = mqtt_decode(&packet, &frame, version, &fault);
		if (err)
			break;
		walk(&packet, frame.body);
		if (packet.type == MQTT_CONNECT)
			version = packet.connect.version;
		check_round_trip(&packet, version);
		(void)fuzz_take(&in, frame.total);
	}
	FUZZ_CHECK(err == ERR_MORE || (fault.text && fault.reason >= MQTT_REASON_UNSPECIFIED));
	return 0;
}

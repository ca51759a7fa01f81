// SPDX-License-Identifier: Apache-2.0
// SUBSCRIBE and UNSUBSCRIBE: a fixed list of filters, at most QoS 1; everything else is refused
// filter by filter while the session stays up (contracts/thingsboard.md 4).
#include "thingsboard/broker.h"

#include <utlist.h>

#include "mqtt/topic.h"

static const char *const filters[] = {
	"v1/devices/me/attributes",
	"v1/devices/me/attributes/response/+",
	"v1/devices/me/rpc/request/+",
	"v1/devices/me/rpc/response/+",
	"v2/a",
	"v2/a/res/+",
	"v2/r/req/+",
	"v2/r/res/+",
	"v2/fw/response/+/chunk/+",
	"v2/fw/error",
	"v2/sw/response/+/chunk/+",
	"v2/sw/error",
	"/provision/response",
};

_Static_assert(N_ELEMENTS(filters) <= 32, "struct session has 32 bits for them");

// Answers of a session with more filters than this in one packet are cut: the packet is refused.
#define FILTERS_MAX 256

static int
filter_index(struct bytes filter)
{
	for (size_t i = 0; i < N_ELEMENTS(filters); i++)
		if (bytes_is(filter, filters[i]))
			return (int)i;
	return -1;
}

static uint8_t
subscribe_one(struct session *s, const struct mqtt_filter *f)
{
	int i = filter_index(f->filter);
	if (i < 0)
		return s->version == MQTT_V5 ? MQTT_REASON_TOPIC_FILTER_INVALID
					     : MQTT_REASON_UNSPECIFIED;
	uint32_t bit = UINT32_C(1) << i;
	s->subscribed |= bit;
	if (f->qos)
		s->granted_qos1 |= bit;
	else
		s->granted_qos1 &= ~bit;
	return f->qos ? 1 : 0;
}

static uint8_t
unsubscribe_one(struct session *s, const struct mqtt_filter *f)
{
	int i = filter_index(f->filter);
	if (i < 0 || !(s->subscribed & UINT32_C(1) << i))
		return MQTT_REASON_NO_SUBSCRIPTION_EXISTED;
	s->subscribed &= ~(UINT32_C(1) << i);
	return MQTT_REASON_SUCCESS;
}

static void
answer(struct session *s, const struct mqtt_subscribe *packet, enum mqtt_type type,
       uint8_t (*each)(struct session *s, const struct mqtt_filter *f))
{
	uint8_t codes[FILTERS_MAX];
	if (packet->n_filters > FILTERS_MAX) {
		session_end(s, MQTT_REASON_QUOTA_EXCEEDED, "too many filters in one packet");
		return;
	}
	struct bytes rest = packet->filters;
	struct mqtt_filter f;
	size_t n = 0;
	while (mqtt_filter_next(&f, &rest, type))
		codes[n++] = each(s, &f);
	session_note(s, type == MQTT_SUBSCRIBE ? "SUBSCRIBE" : "UNSUBSCRIBE", codes[0], NULL,
		     BYTES_NONE);
	struct mqtt_packet reply = {.type = type == MQTT_SUBSCRIBE ? MQTT_SUBACK : MQTT_UNSUBACK};
	reply.suback.packet_id = packet->packet_id;
	reply.suback.codes = BYTES(codes, n);
	session_send(s, &reply);
}

void
subscribe_receive(struct session *s, const struct mqtt_subscribe *packet)
{
	answer(s, packet, MQTT_SUBSCRIBE, subscribe_one);
}

void
unsubscribe_receive(struct session *s, const struct mqtt_subscribe *packet)
{
	answer(s, packet, MQTT_UNSUBSCRIBE, unsubscribe_one);
}

int
subscribe_granted(const struct session *s, const char *topic)
{
	for (size_t i = 0; i < N_ELEMENTS(filters); i++) {
		uint32_t bit = UINT32_C(1) << i;
		if (s->subscribed & bit &&
		    mqtt_topic_matches(BYTES_STR(filters[i]), BYTES_STR(topic)))
			return s->granted_qos1 & bit ? 1 : 0;
	}
	return -1;
}

void
broker_push_attributes(struct device *device, struct bytes payload)
{
	static const char *const topics[] = {"v1/devices/me/attributes", "v2/a"};
	struct session *s;
	struct session *next;
	DL_FOREACH_SAFE2(device->sessions, s, next, device_next)
	{
		session_hold(s);
		for (size_t i = 0; i < N_ELEMENTS(topics); i++)
			if (s->state == SESSION_OPEN && subscribe_granted(s, topics[i]) >= 0)
				publish_send(s, topics[i], payload);
		session_release(s);
	}
}

// SPDX-License-Identifier: Apache-2.0
// What devices publish (contracts/thingsboard.md 4, Topics), and what is published to them.
#include "thingsboard/broker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mqtt/topic.h"
#include "thingsboard/gson.h"
#include "thingsboard/payload.h"

enum published {
	PUBLISHED,
	PUBLISHED_SILENTLY, // taken, never acknowledged
	PUBLISHED_NOWHERE,  // unknown topic: acknowledged and dropped
	PUBLISHED_INVALID,
};

typedef enum published publish_fn(struct session *s, const struct mqtt_publish *p);

static int64_t
now_ms(void)
{
	return (int64_t)(clock_wall_ns() / NS_PER_MS);
}

static enum published
verdict(enum err err)
{
	// A device that used up its keys is not told: the real server stores behind the PUBACK.
	return err == ERR_OK || err == ERR_EXHAUSTED ? PUBLISHED : PUBLISHED_INVALID;
}

static enum published
on_telemetry(struct session *s, const struct mqtt_publish *p)
{
	size_t entries = 0;
	enum err err = payload_telemetry(&s->device->telemetry, p->payload, now_ms(), &entries);
	return err == ERR_OK && entries == 0 ? PUBLISHED_SILENTLY : verdict(err);
}

static enum published
on_attributes(struct session *s, const struct mqtt_publish *p)
{
	return verdict(
		payload_attributes(&s->device->attributes[SCOPE_CLIENT], p->payload, now_ms()));
}

// The number at the end of the topic goes into the topic of the answer.
static bool
request_id(long *out, struct bytes topic)
{
	char text[12] = "";
	size_t n = 0;
	while (n < topic.n && topic.p[topic.n - 1 - n] != '/')
		n++;
	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, topic.p + topic.n - n, n);
	char *end;
	*out = strtol(text, &end, 10);
	return *end == '\0';
}

static enum published
answer_attributes(struct session *s, const struct mqtt_publish *p, const char *answer_topic)
{
	long id;
	json_auto_t *answer = NULL;
	if (!request_id(&id, p->topic) ||
	    payload_attributes_request(&answer, p->payload, &s->device->attributes[SCOPE_CLIENT],
				       &s->device->attributes[SCOPE_SHARED]) != ERR_OK)
		return PUBLISHED_INVALID;
	char topic[64];
	snprintf(topic, sizeof(topic), "%s%ld", answer_topic, id);
	AUTO(free) char *text = json_dumps(answer, JSON_COMPACT);
	if (text)
		publish_send(s, topic, BYTES_STR(text));
	return PUBLISHED;
}

static enum published
on_attributes_request(struct session *s, const struct mqtt_publish *p)
{
	return answer_attributes(s, p, "v1/devices/me/attributes/response/");
}

static enum published
on_attributes_request_short(struct session *s, const struct mqtt_publish *p)
{
	return answer_attributes(s, p, "v2/a/res/");
}

// Answers to RPC that nobody asked here; the real server looks only whether it is JSON.
static enum published
on_json(struct session *s, const struct mqtt_publish *p)
{
	(void)s;
	json_auto_t *json = NULL;
	return verdict(gson_parse(&json, p->payload));
}

static const struct {
	const char *filter;
	publish_fn *take;
} topics[] = {
	{"v1/devices/me/telemetry",	    on_telemetry		},
	{"v2/t",			       on_telemetry		     },
	{"v1/devices/me/attributes",	     on_attributes		  },
	{"v2/a",			       on_attributes	      },
	{"v1/devices/me/attributes/request/+", on_attributes_request	    },
	{"v2/a/req/+",			 on_attributes_request_short},
	{"v1/devices/me/rpc/response/+",	 on_json			},
	{"v2/r/res/+",			 on_json		      },
};

void
publish_acknowledge(struct session *s, const struct mqtt_publish *p, enum mqtt_reason reason)
{
	// QoS 2 is answered like QoS 1 (no PUBREC).
	if (p->qos)
		session_send(s, &(struct mqtt_packet){
					.type = MQTT_PUBACK,
					.ack = {.packet_id = p->packet_id, .reason = reason}
		    });
}

static enum published
take(struct session *s, const struct mqtt_publish *p)
{
	for (size_t i = 0; i < N_ELEMENTS(topics); i++)
		if (mqtt_topic_matches(BYTES_STR(topics[i].filter), p->topic))
			return topics[i].take(s, p);
	return PUBLISHED_NOWHERE;
}

static void
refuse_payload(struct session *s, const struct mqtt_publish *p)
{
	if (s->version == MQTT_V5 && p->qos)
		publish_acknowledge(s, p, MQTT_REASON_PAYLOAD_FORMAT_INVALID);
	else
		session_end(s, MQTT_REASON_PAYLOAD_FORMAT_INVALID, "invalid payload");
}

void
publish_receive(struct session *s, const struct mqtt_publish *p)
{
	if (mqtt_property_number(&p->properties, MQTT_PROPERTY_TOPIC_ALIAS, 0)) {
		session_end(s, MQTT_REASON_TOPIC_ALIAS_INVALID, "topic aliases were not offered");
		return;
	}
	enum published result = take(s, p);
	char topic[128];
	snprintf(topic, sizeof(topic), "%.*s%s", (int)(p->topic.n < 100 ? p->topic.n : 100),
		 (const char *)p->topic.p, result == PUBLISHED_INVALID ? " (invalid payload)" : "");
	session_note(s, "PUBLISH", 0, topic, p->payload);
	if (s->state != SESSION_OPEN || packet_fault_unanswered(s))
		return;
	switch (result) {
	case PUBLISHED:
		publish_acknowledge(s, p, MQTT_REASON_SUCCESS);
		return;
	case PUBLISHED_NOWHERE:
		publish_acknowledge(s, p, MQTT_REASON_TOPIC_NAME_INVALID);
		return;
	case PUBLISHED_INVALID:
		refuse_payload(s, p);
		return;
	case PUBLISHED_SILENTLY:
		return;
	}
}

void
publish_send(struct session *s, const char *topic, struct bytes payload)
{
	int granted = subscribe_granted(s, topic);
	struct mqtt_packet packet = {.type = MQTT_PUBLISH};
	packet.publish.topic = BYTES_STR(topic);
	packet.publish.payload = payload;
	packet.publish.qos = granted == 0 ? 0 : 1;
	if (packet.publish.qos) {
		if (++s->next_packet_id == 0)
			s->next_packet_id = 1;
		packet.publish.packet_id = s->next_packet_id;
	}
	session_send(s, &packet);
}

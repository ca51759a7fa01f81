// SPDX-License-Identifier: Apache-2.0
// Faults on the packets of an open session; those on CONNECT are in connect.c.
#include "thingsboard/broker.h"

static const char *
fault_word(enum mqtt_type type)
{
	switch (type) {
	case MQTT_PUBLISH:
		return "PUBLISH";
	case MQTT_SUBSCRIBE:
		return "SUBSCRIBE";
	case MQTT_PINGREQ:
		return "PINGREQ";
	default:
		return NULL;
	}
}

static void
delay_over(struct session *s)
{
	s->state = SESSION_OPEN;
	session_resume(s);
}

static enum packet_fate
delay(struct session *s, uint64_t ms)
{
	s->fault_served = true;
	s->state = SESSION_DECIDING;
	stream_pause(s->stream);
	session_pause(s, ms, delay_over);
	return PACKET_HELD;
}

// "status": the acknowledgement carries this code; before 5 only SUBACK can say no.
static void
answer_status(struct session *s, const struct mqtt_packet *p, int status)
{
	uint8_t code = (uint8_t)status;
	if (p->type == MQTT_PUBLISH)
		publish_acknowledge(s, &p->publish, (enum mqtt_reason)code);
	if (p->type != MQTT_SUBSCRIBE)
		return;
	uint8_t codes[64];
	size_t n = p->subscribe.n_filters < sizeof(codes) ? p->subscribe.n_filters : sizeof(codes);
	memset(codes, s->version == MQTT_V5 ? code : MQTT_REASON_UNSPECIFIED, n);
	session_send(s, &(struct mqtt_packet){
				.type = MQTT_SUBACK,
				.suback = {.packet_id = p->subscribe.packet_id,
					   .codes = BYTES(codes, n)}
	    });
}

enum packet_fate
packet_fault(struct session *s, const struct mqtt_packet *p)
{
	const char *word = fault_word(p->type);
	bool served = s->fault_served;
	s->fault_served = false;
	if (!word || served)
		return PACKET_SERVE;
	const struct fault *fault =
		fault_plan_match(s->broker->faults, word, s->device->name, FAULT_REQUEST);
	if (!fault)
		return PACKET_SERVE;
	switch (fault->kind) {
	case FAULT_DELAY:
		return delay(s, fault->delay_ms);
	case FAULT_STATUS:
		answer_status(s, p, fault->status);
		return PACKET_DONE;
	case FAULT_RESET:
		session_reset(s);
		return PACKET_DONE;
	case FAULT_CLOSE:
		session_end(s, MQTT_REASON_SUCCESS, "fault");
		return PACKET_DONE;
	default:
		return PACKET_DONE; // hang: this packet is never answered
	}
}

bool
packet_fault_unanswered(struct session *s)
{
	const struct fault *fault =
		fault_plan_match(s->broker->faults, "PUBLISH", s->device->name, FAULT_EFFECT);
	if (!fault)
		return false;
	if (fault->kind == FAULT_RESET)
		session_reset(s);
	else if (fault->kind == FAULT_CLOSE)
		session_end(s, MQTT_REASON_SUCCESS, "fault");
	return true;
}

// SPDX-License-Identifier: Apache-2.0
// What the MQTT clients of a worker share, and the seam between OpenSSL's callbacks and the link
// that is being driven. Private to mqtt_pool.c and act_mqtt.c.
#pragma once

#include <mosquitto.h>
#include <openssl/ssl.h>

#include "act_mqtt.h"
#include "mqtt_identity.h"

struct mqtt_pool {
	unsigned refs; // the worker's and one for each link
	struct worker *worker;
	SSL_CTX *ctx;
	char *host;
	uint16_t port;
	uv_timer_t misc; // keep-alives of all links, once a second
	struct mqtt_link *links;
};

#define LINK_TEXT_BYTES 160

struct mqtt_link {
	struct mqtt_pool *pool;
	struct sim_device *s;
	struct mosquitto *mosq;
	uv_poll_t poll;
	int polled; // events that poll waits for
	bool has_poll;
	bool connecting;
	bool mqtt5;
	uint32_t attempt; // of CONNECTING
	uint64_t started_ns;
	struct mqtt_identity identity; // let go once the handshake is done
	// What callbacks saw; acted on after the library's call has returned.
	int connack;	   // -1 = none
	int alert;	   // TLS alert received; -1 = none
	long verify_error; // of the broker's certificate; 0 = none
	int acked;	   // reason code of the PUBACK; -1 = none
	int publish_mid;   // -1 = none
	uint32_t publish_attempt;
	char text[LINK_TEXT_BYTES]; // the library's last error line
	struct mqtt_link *prev, *next;
};

// Every call into libmosquitto happens between these: its TLS callbacks find their link here.
void mqtt_link_enter(struct mqtt_link *link);
void mqtt_link_leave(void);
void mqtt_pool_unref(struct mqtt_pool *p);
// Asks a link for its keep-alive; act_mqtt.c.
void mqtt_link_misc(struct mqtt_link *link);

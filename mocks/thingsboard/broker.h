// SPDX-License-Identifier: Apache-2.0
// The MQTT side of the mock: one listener with mutual TLS, one struct session a connection, no
// threads (contracts/thingsboard.md 4, runbook mode of design.md 3). Inside mocks/thingsboard.
//
// A session is in one state; session.c moves it (accept, bytes, close, sweep), connect.c decides
// about CONNECT, publish.c and subscribe.c serve what comes afterwards.
#pragma once

#include "common/faults.h"
#include "common/journal.h"
#include "mqtt/packet.h"
#include "net/stream.h"
#include "thingsboard/chains.h"
#include "thingsboard/devices.h"
#include "thingsboard/rules.h"

enum session_state {
	SESSION_HANDSHAKE, // TLS
	SESSION_GREETING,  // TLS stands, CONNECT is due
	SESSION_DECIDING,  // CONNECT came, CONNACK has not gone; input waits
	SESSION_OPEN,
	SESSION_HUNG,  // by a fault: the peer is ignored for ever
	SESSION_ENDED, // stream is gone; freed when nobody is inside
};

struct session_pause;

struct session {
	struct broker *broker;
	struct stream *stream;
	struct device *device;			   // from the accepted CONNECT on
	struct rules_event *event;		   // the webhook call that CONNACK waits for
	struct session_pause *pause;		   // a fault's delay
	struct session *prev, *next;		   // of the broker
	struct session *device_prev, *device_next; // of the device
	struct buf in; // an incomplete packet, or what came while deciding; empty else
	char *client_id;
	char *username;	      // NULL: none
	uint64_t since_ns;    // when it was accepted
	uint64_t heard_ns;    // when something was last heard
	int64_t connected_ms; // wall clock of CONNACK 0
	uint32_t subscribed;  // bits of subscribe.c's table
	uint32_t granted_qos1;
	uint16_t next_packet_id;
	enum mqtt_version version;
	enum session_state state;
	bool clean_start;
	bool has_password;
	bool fault_served; // the next packet has had its fault: a delay that is over
	bool serving;	   // packets are being taken out of the input
	unsigned holds;	   // not to be freed yet
};

struct broker {
	uv_loop_t *loop;
	const struct log *log;
	struct fault_plan *faults;
	struct journal *journal;
	struct devices *devices;
	struct chains *chains; // NULL: no CA loaded, so no certificate is accepted
	struct rules *rules;
	struct listener *listener;
	struct session *sessions;
	uv_timer_t sweep;
	uint64_t connack[256]; // how often each code went out
	uint64_t tls_failed;
};

// Everything but listener, sessions, sweep and counters has been set by the caller.
enum err ERR_MUST_CHECK broker_start(struct broker *b, const struct addr *addr,
				     struct tls_server *tls, struct why *why);
// Closes all connections and stops listening. Handles close on the next loop turns.
void broker_stop(struct broker *b);
// Closes all connections and zeroes the counters.
void broker_reset(struct broker *b);
// Closes the device's sessions (v5: DISCONNECT with this reason first).
void broker_kick_device(struct device *device, enum mqtt_reason reason);
// Tells the device's open session, when it subscribed, that shared attributes changed: the push of
// contracts/thingsboard.md 4. payload: JSON.
void broker_push_attributes(struct device *device, struct bytes payload);
// null or {"client_id","protocol","connected_at"}; new reference.
json_t *broker_session_json(const struct device *device);

// --- session.c, for its siblings ---
// Sends one packet; a peer that does not read for 8 MiB is disconnected.
void session_send(struct session *s, const struct mqtt_packet *packet);
// Ends it: v5 sessions that are open are told the reason (MQTT_REASON_SUCCESS: a bare close).
void session_end(struct session *s, enum mqtt_reason reason, const char *why);
// RST.
void session_reset(struct session *s);
// Ignores the peer from now on.
void session_hang(struct session *s);
// CONNACK 0 has gone: goes on with what the peer sent meanwhile.
void session_resume(struct session *s);
// Between the two a session that ends keeps its memory (state SESSION_ENDED).
void session_hold(struct session *s);
void session_release(struct session *s);
// Calls then(s) after ms. One at a time; forgotten when the session ends.
void session_pause(struct session *s, uint64_t ms, void (*then)(struct session *s));
// An entry in the journal about this session's device.
void session_note(const struct session *s, const char *event, int status, const char *note,
		  struct bytes body);

// --- connect.c ---
// Decides about a CONNECT, at once or after its webhook; the session is DECIDING meanwhile.
void connect_receive(struct session *s, const struct mqtt_connect *connect);
// Detaches the session from its device and its webhook call.
void connect_forget(struct session *s);

// --- publish.c, subscribe.c ---
void publish_receive(struct session *s, const struct mqtt_publish *publish);
// Sends a message to the device with the QoS that topic was subscribed with (1 if it never was).
void publish_send(struct session *s, const char *topic, struct bytes payload);
void publish_acknowledge(struct session *s, const struct mqtt_publish *p, enum mqtt_reason reason);
void subscribe_receive(struct session *s, const struct mqtt_subscribe *subscribe);
void unsubscribe_receive(struct session *s, const struct mqtt_subscribe *unsubscribe);
// The granted QoS for messages on `topic`, or -1 when nothing was subscribed that it matches.
int subscribe_granted(const struct session *s, const char *topic);

// --- packet_faults.c ---
enum packet_fate {
	PACKET_SERVE,
	PACKET_DONE, // the fault took care of it
	PACKET_HELD, // to be taken out of the input again when the session resumes
};
// Asks the fault plan about a packet of an open session.
enum packet_fate packet_fault(struct session *s, const struct mqtt_packet *p);
// A PUBLISH was stored: true when a fault ended the session or swallows the PUBACK.
bool packet_fault_unanswered(struct session *s);

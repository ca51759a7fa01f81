// SPDX-License-Identifier: Apache-2.0
// A device with its links to the world: the row of device.h, its timer, its flash, what it holds
// and what is in flight. The acts (act_*.c) fill in struct device_ops. One loop thread.
#pragma once

#include "enroll_request.h"
#include "worker.h"

struct sim_device;
struct mqtt_link;
struct wg_link;

// What the next commands shall do differently from a plain device; the control protocol's "with".
enum mqtt_chain { MQTT_CHAIN_FULL, MQTT_CHAIN_LEAF_ONLY, MQTT_CHAIN_REVERSED, MQTT_CHAIN_NONE };

// id, name in the control protocol
#define MQTT_CERTS(X)                                                                              \
	X(OWN, "own")                                                                              \
	X(OTHER_ROOT, "other-root")                                                                \
	X(EXPIRED, "expired")                                                                      \
	X(NOT_YET_VALID, "not-yet-valid")                                                          \
	X(SELF_SIGNED, "self-signed")

enum mqtt_cert {
#define X(id, name) MQTT_CERT_##id,
	MQTT_CERTS(X)
#undef X
		MQTT_CERT_COUNT
};

struct sim_orders {
	enum csr_variant csr;
	char cn[DEVICE_ID_MAX * 2]; // of the CSR; "" = the device id
	enum dialect dialect;
	bool bridge_makes_wg_key;
	enum flash_file cut_after; // FLASH_FILES = the power stays
	enum mqtt_chain chain;
	enum mqtt_cert cert;
	bool mqtt5;
	char *topic;   // owned; NULL = v1/devices/me/telemetry
	char *payload; // owned
	int qos;
	unsigned ping_count;
	uint32_t ping_timeout_ms; // for each echo; 0 = 1000
};

struct enroll_report {
	int status; // 0 = no answer
	char type[96];
	char detail[512];
	bool has_retry_after;
	uint32_t retry_after_s;
	double time_ms;
	uint32_t attempts;
	bool skipped;
	bool has_csr;
	uint8_t csr_public_sha256[SHA256_BYTES];
	X509 *leaf; // of the last answer, whether or not it was accepted
	struct identity_facts facts;
	char wg_ip[64];
	char wg_public_key[WG_KEY_CHARS + 1];
};

struct mqtt_report {
	int connack; // -1 = none came
	int alert;   // TLS alert from the peer; -1 = none
	double time_ms;
};

struct tunnel_report {
	double time_ms;
	unsigned sent;
	unsigned received;
	double rtt_ms; // of the last echo that came back
};

// Who runs the device; callbacks come from the loop.
struct sim_owner {
	// A command ended; the device rests (or is retired). May call sim_device_next().
	void (*on_phase_end)(struct sim_device *s, enum dev_phase phase, bool failed);
	// A transition; may be NULL.
	void (*on_state)(struct sim_device *s, enum dev_state from);
};

struct enroll_job; // act.h
struct write;	   // act_store.c

struct sim_device {
	struct device dev;
	struct worker *worker;
	const struct sim_owner *owner;
	void *owner_ctx;
	uv_timer_t timer;
	uint32_t timer_attempt;
	uint64_t last_initiation_ns; // of its WireGuard key, monotonic
	bool next_given;	     // a command was given by sim_device_next()
	struct identity identity;
	struct flash_image memory; // flash without a folder
	char *flash_dir;	   // NULL = in memory
	bool trusted;		   // it has seen the root itself
	bool closing;
	struct http_call *call; // in flight for this attempt
	uint32_t call_attempt;
	struct enroll_job *job;
	struct write *write; // in flight on a helper thread
	struct mqtt_link *mqtt;
	struct wg_link *wg;
	struct sim_orders *orders;	     // NULL = plain
	struct enroll_report *enroll_report; // NULL unless reports are kept
	struct mqtt_report mqtt_report;
	struct tunnel_report tunnel_report;
	struct sim_device *prev; // in the worker's list of those who wait for the root
	struct sim_device *next;
};

// Powers the device on: what flash holds is loaded. owner is borrowed.
enum err ERR_MUST_CHECK sim_device_new(struct sim_device **out, struct worker *w, const char *id,
				       const struct sim_owner *owner, void *owner_ctx,
				       struct why *why);
// Ends links without callbacks; the memory goes with the loop's next turns. Not from inside
// on_phase_end.
void sim_device_free(struct sim_device *s);

// Gives a command (EV_ENROLL ...). False: not possible in this state, or busy; nothing happened.
bool sim_device_command(struct sim_device *s, enum dev_event command, uint32_t retries);
// The same from inside on_phase_end.
void sim_device_next(struct sim_device *s, enum dev_event command, uint32_t retries);
// A completion from an act; attempt is the one that it began with.
void sim_device_done(struct sim_device *s, enum dev_event event, uint32_t attempt);
// Orders for the coming commands, made on first use with everything plain.
struct sim_orders *sim_device_orders(struct sim_device *s);
// The orders in force (a static plain set without own ones).
const struct sim_orders *sim_device_orders_peek(const struct sim_device *s);
struct sim_device *sim_device_of(struct device *d);
const struct sim_device *sim_device_of_const(const struct device *d);
double ms_since(uint64_t start_mono_ns);

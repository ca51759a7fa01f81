// SPDX-License-Identifier: Apache-2.0
// One simulated device: a row of data plus one table of transitions (lifecycle.c). device_step() is
// the only writer of its state. Actions start work through struct device_ops and return;
// completions come back as events with the attempt number that was current when the work began, and
// a stale one is dropped. Knows no sockets, no threads, no clock: tests/sim runs the same table on
// a virtual one.
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/rng.h"

// id, resting (waits for a command), final, what a person reads
#define DEVICE_STATES(X)                                                                           \
	X(NEW, 1, 0, "no identity: never enrolled, or its flash holds no `enrolled` flag")         \
	X(TRUSTING, 0, 0, "fetches the root certificate by its fingerprint")                       \
	X(ENROLLING, 0, 0, "key pair and CSR are made, POST enroll is in flight")                  \
	X(BACKOFF_ENROLL, 0, 0, "waits before it asks again with the same CSR")                    \
	X(STORING, 0, 0, "writes key, certificate, chain and wg0.conf, the `enrolled` flag last")  \
	X(ENROLLED, 1, 0, "holds a certificate, no link is up")                                    \
	X(CONNECTING, 0, 0, "TLS handshake and MQTT CONNECT")                                      \
	X(BACKOFF_CONNECT, 0, 0, "waits before it connects again")                                 \
	X(ONLINE, 1, 0, "MQTT session is up")                                                      \
	X(PUBLISHING, 0, 0, "PUBLISH sent, waits for its acknowledgement")                         \
	X(HANDSHAKING, 0, 0, "WireGuard initiation sent, waits for the response")                  \
	X(PINGING, 0, 0, "ICMP echo through the tunnel is in flight")                              \
	X(REACHABLE, 1, 0, "the tunnel is up (with or without an MQTT session)")                   \
	X(RENEWING, 0, 0, "POST /1.0/renew with the old certificate is in flight")                 \
	X(LEAVING, 0, 0, "DELETE /devices/{id} is in flight")                                      \
	X(BACKOFF_LEAVE, 0, 0, "waits before it asks again to be decommissioned")                  \
	X(RETIRED, 0, 1, "decommissioned or stopped")

enum dev_state {
#define X(id, resting, final, text) ST_##id,
	DEVICE_STATES(X)
#undef X
		ST_COUNT,
	// Groups, for the state column of a rule only.
	ST_ANY = ST_COUNT, // every state that is not final
	ST_RESTING,	   // NEW, ENROLLED, ONLINE, REACHABLE
	ST_IDENTIFIED,	   // ENROLLED, ONLINE, REACHABLE
	// For the next column of a rule only.
	ST_REST, // the resting state that the facts give: device_rest_state()
	ST_SAME, // no transition: timer and attempt number stay
};

// id, what it is
#define DEVICE_EVENTS(X)                                                                           \
	X(NONE, "")                                                                                \
	X(BOOT, "power on")                                                                        \
	X(ENROLL, "command: get an identity")                                                      \
	X(CONNECT, "command: open the MQTT session")                                               \
	X(PUBLISH, "command: publish a message")                                                   \
	X(DISCONNECT, "command: close the MQTT session")                                           \
	X(TUNNEL, "command: bring the tunnel up")                                                  \
	X(PING, "command: echo through the tunnel")                                                \
	X(TUNNEL_DOWN, "command: take the tunnel down")                                            \
	X(RENEW, "command: renew the certificate")                                                 \
	X(FORGET, "command: delete the `enrolled` flag")                                           \
	X(RETIRE, "command: be decommissioned")                                                    \
	X(STOP, "command: end")                                                                    \
	X(POWER_CUT, "power lost and back: memory is gone, flash stays")                           \
	X(OK, "the work of this state succeeded")                                                  \
	X(RETRY, "it failed in a way that may pass")                                               \
	X(REFUSED, "it failed for good")                                                           \
	X(TIMEOUT, "the state's time is up")                                                       \
	X(LOST, "the MQTT session ended")                                                          \
	X(TUNNEL_LOST, "the server has not answered for a whole round of handshakes")

enum dev_event {
#define X(id, text) EV_##id,
	DEVICE_EVENTS(X)
#undef X
		EV_COUNT
};

// What a command began and a return to rest ends. id, command event, name in reports
#define DEVICE_PHASES(X)                                                                           \
	X(NONE, EV_NONE, "none")                                                                   \
	X(ENROLL, EV_ENROLL, "enroll")                                                             \
	X(CONNECT, EV_CONNECT, "mqtt")                                                             \
	X(PUBLISH, EV_PUBLISH, "publish")                                                          \
	X(DISCONNECT, EV_DISCONNECT, "disconnect")                                                 \
	X(TUNNEL, EV_TUNNEL, "wireguard")                                                          \
	X(PING, EV_PING, "ping")                                                                   \
	X(TUNNEL_DOWN, EV_TUNNEL_DOWN, "wireguard-down")                                           \
	X(RENEW, EV_RENEW, "renew")                                                                \
	X(FORGET, EV_FORGET, "forget")                                                             \
	X(RETIRE, EV_RETIRE, "decommission")

enum dev_phase {
#define X(id, event, name) PHASE_##id,
	DEVICE_PHASES(X)
#undef X
		PHASE_COUNT
};

// Where a failure happened; the names are the control protocol's.
enum layer {
	LAYER_NONE,
	LAYER_HTTP,
	LAYER_TLS,
	LAYER_MQTT,
	LAYER_WIREGUARD,
	LAYER_FLASH,
	LAYER_USAGE,
	LAYER_COUNT
};

#define FAILURE_KIND_MAX 40

// The last thing that went wrong, in words for a person and in stable ones for a report.
struct failure {
	enum layer layer;
	char kind[FAILURE_KIND_MAX]; // e.g. "ca-unreachable", "connack", "alert", "no-answer"
	int code;		     // HTTP status, CONNACK code, TLS alert; 0 = none
	uint32_t retry_after_ms;     // what the peer asked for; 0 = nothing
	struct why why;
};

// Milliseconds.
struct device_limits {
	uint32_t trust_ms;
	uint32_t enroll_ms;
	uint32_t store_ms;
	uint32_t connect_ms;
	uint32_t publish_ms;
	uint32_t handshake_ms;
	uint32_t ping_ms;
	uint32_t renew_ms;
	uint32_t leave_ms;
	uint32_t backoff_base_ms;
	uint32_t backoff_cap_ms;
	uint32_t retry_after_cap_ms; // a peer's Retry-After above it is cut
};

extern const struct device_limits device_limits_default;

struct device;

// What a device needs from the world. Starting functions never call device_step(): work that ends
// at once posts its event with device_post(). Work in flight remembers d->attempt and hands it
// back.
struct device_ops {
	void (*fetch_root)(struct device *d);
	void (*enroll)(struct device *d, bool same_csr);
	void (*store)(struct device *d);
	void (*connect)(struct device *d);
	void (*disconnect)(struct device *d);
	void (*publish)(struct device *d);
	void (*handshake)(struct device *d);
	void (*ping)(struct device *d);
	void (*tunnel_down)(struct device *d);
	void (*renew)(struct device *d);
	void (*retire)(struct device *d);
	void (*forget)(struct device *d);
	// Gives up what is in flight for the current attempt; its completion must not come any
	// more.
	void (*cancel)(struct device *d);
	// The state's time ran out and a plain failure is set: may say more about it. Before
	// cancel().
	void (*explain_timeout)(struct device *d);
	// Memory lost: links, keys, answers. What flash holds is loaded again; sets d->enrolled and
	// d->has_identity.
	void (*reboot)(struct device *d);
	bool (*has_trust)(const struct device *d);	   // the root is known
	bool (*has_tunnel_config)(const struct device *d); // wg0.conf was given
	bool (*can_connect)(
		const struct device *d); // a certificate to show, or the order to show none
	// Timer of the state; ms 0 = none. Its TIMEOUT carries d->attempt.
	void (*arm)(struct device *d, uint32_t ms);
	// After each transition, for log and report.
	void (*on_step)(struct device *d, enum dev_state from, enum dev_event event);
	// A command came to its end. failed: d->failure says why. May post the next command.
	void (*on_phase_end)(struct device *d, enum dev_phase phase, bool failed);
	// An event without a row.
	void (*on_unexpected)(struct device *d, enum dev_event event);
};

struct device {
	char id[DEVICE_ID_MAX + 1];
	enum dev_state state; // written by device_step() alone
	enum dev_phase phase;
	uint32_t attempt;
	uint32_t tries_left;
	uint32_t tries; // of the current phase, the first included
	uint32_t backoff_ms;
	uint32_t armed_ms; // what the timer of this state was set to
	uint32_t wait_ms;  // overrides the next state's limit; 0 = none
	enum dev_event posted;
	// Facts. device_step() and reboot() set them.
	bool enrolled;	   // the flag is in flash
	bool has_identity; // key and certificate are in memory
	bool session_up;
	bool tunnel_up;
	bool keep_session; // connect again by itself when the session is lost
	bool phase_failed;
	bool stepping;
	struct failure *failure; // heap; NULL while nothing failed
	const struct device_limits *limits;
	const struct device_ops *ops;
	struct rng *rng; // borrowed: the worker's stream
};

enum step {
	STEP_MOVED,
	STEP_STALE,	 // a completion of an attempt that is over
	STEP_UNEXPECTED, // no row for it
};

// ops, limits and rng are borrowed as long as the device lives. ERR_INPUT for a bad id.
enum err ERR_MUST_CHECK device_init(struct device *d, const char *id, const struct device_ops *ops,
				    const struct device_limits *limits, struct rng *rng,
				    struct why *why);
void device_fini(struct device *d);

// Feeds one event and whatever it posts. attempt: for OK, RETRY, REFUSED and TIMEOUT the one that
// the work began with; ignored for others.
enum step device_step(struct device *d, enum dev_event event, uint32_t attempt);
// From inside an op: the event that follows at once. At most one may wait.
void device_post(struct device *d, enum dev_event event);
// Sets d->failure (allocated on first use) and returns it.
struct failure *device_fail(struct device *d, enum layer layer, const char *kind, int code,
			    const char *fmt, ...) PRINTF_LIKE(5, 6);
// Retries that a command may use after its first try.
void device_set_retries(struct device *d, uint32_t retries);

enum dev_state device_rest_state(const struct device *d);
bool dev_state_is_resting(enum dev_state s);
bool dev_state_is_final(enum dev_state s);
const char *dev_state_name(enum dev_state s);
const char *dev_state_text(enum dev_state s);
const char *dev_event_name(enum dev_event e);
const char *dev_event_text(enum dev_event e);
const char *dev_phase_name(enum dev_phase p);
enum dev_phase dev_phase_of_event(enum dev_event e);
const char *layer_name(enum layer l);

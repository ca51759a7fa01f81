// SPDX-License-Identifier: Apache-2.0
// The rule engine, as far as the flow needs it: when a device opens a session, its first-connect
// event goes to the webhook (runbook phase 2). In runbook mode the body is
//   {"msgType": "POST_CONNECT", "metadata": {"deviceName", "deviceType", "deviceId", "deviceLabel",
//    "scope", "ts"} (all strings), "data": {"lastConnectTime", ...}}
// and the CONNACK waits for the answer; a real ThingsBoard does neither (contracts/thingsboard.md
// 5). Calls share a keep-alive pool; what comes faster than the webhook answers waits in line.
#pragma once

#include <jansson.h>
#include <uv.h>

#include "base/log.h"
#include "common/faults.h"
#include "common/journal.h"
#include "thingsboard/devices.h"

struct rules;
struct rules_event;

struct rules_options {
	const struct log *log;	   // the rest is borrowed as well
	struct fault_plan *faults; // semantic faults on "webhook": never, twice, late
	struct journal *journal;
};

enum err ERR_MUST_CHECK rules_new(struct rules **out, uv_loop_t *loop,
				  const struct rules_options *o, struct why *why);
// Drops what waits; sessions that wait for it must be gone. Handles close on the next loop turns,
// after which rules_free may be called. Every rules_new needs its rules_stop.
void rules_stop(struct rules *r);
void rules_free(struct rules *r);
AUTO_DEFINE(struct rules *, rules_free)

// Where events go from now on. url NULL: nowhere. ca_pem: anchors for an https URL. token: bearer
// token, may be NULL. ERR_INPUT with why; the old target then stays.
enum err ERR_MUST_CHECK rules_set_webhook(struct rules *r, const char *url, struct bytes ca_pem,
					  struct bytes token, struct why *why);

// ok: the webhook answered 2xx. why: otherwise what happened, in words.
typedef void rules_done_fn(void *ctx, bool ok, const char *why);

// Posts the event for a session that opens. True: done will be called, later. False: nobody has to
// wait (no webhook set, or a fault keeps the event away from the device's session).
// *event (with true) can be given to rules_event_forget until done was called.
bool rules_post_connect(struct rules_event **event, struct rules *r, const struct device *device,
			rules_done_fn *done, void *ctx);
// done will not be called; the webhook call goes on, as it does in the real server.
void rules_event_forget(struct rules_event *event);

// {"sent","ok","failed","last_status","last_error"}; new reference.
json_t *rules_state(const struct rules *r);
// Counters as after the start and nothing in line; the target stays. Sessions must be gone.
void rules_reset(struct rules *r);

// SPDX-License-Identifier: Apache-2.0
// The mock ThingsBoard as a whole: REST API, MQTT broker with mutual TLS, rule engine with webhook
// (contracts/thingsboard.md; runbook mode of design.md 3). One loop thread.
#pragma once

#include <jansson.h>
#include <uv.h>

#include "base/log.h"
#include "base/secret.h"
#include "common/faults.h"
#include "common/journal.h"
#include "net/addr.h"
#include "net/http_server.h"

struct thingsboard;

struct thingsboard_options {
	struct addr http;
	struct addr mqtt;
	struct bytes chain_pem; // the broker's certificate, leaf first; with its key
	struct bytes key_pem;
	struct bytes ca_pem; // what device certificates must chain to; none: all are refused
	const char *user;    // tenant administrator; borrowed like all that follows
	const struct secret *password;
	const char *webhook_url; // NULL: none (yet)
	struct bytes webhook_ca_pem;
	const struct secret *webhook_token; // unset: none
	uint64_t seed;
	const struct log *log;
	struct fault_plan *faults; // over thingsboard_vocabulary()
	struct journal *journal;
};

// What faults can sit on, and which semantic ones there are. Static.
const struct fault_vocabulary *thingsboard_vocabulary(void);

// Listens on both addresses. *out is set also when an error comes back (unless memory is out): what
// had started by then needs thingsboard_stop, the loop's turns and thingsboard_free like everything
// else.
enum err ERR_MUST_CHECK thingsboard_new(struct thingsboard **out, uv_loop_t *loop,
					const struct thingsboard_options *o, struct why *why);
// Ends all connections. Handles close on the next loop turns; then thingsboard_free.
void thingsboard_stop(struct thingsboard *tb);
void thingsboard_free(struct thingsboard *tb);
AUTO_DEFINE(struct thingsboard *, thingsboard_free)

struct addr thingsboard_http_addr(const struct thingsboard *tb);
struct addr thingsboard_mqtt_addr(const struct thingsboard *tb);

// {"devices":{name:{"id","credentials_id","attributes","telemetry","connects","session"}},"connack":
// {code:n},"tls_failed":n,"webhook":{..}}; device not NULL: only that device. New reference.
json_t *thingsboard_state(const struct thingsboard *tb, const char *device);
// No devices, no connections, counters at zero. The webhook's target stays.
void thingsboard_reset(struct thingsboard *tb);

// PUT /webhook {"url": text or null, "ca_file"?, "token"?} -> 204, for the admin server; its ctx is
// the struct thingsboard.
void thingsboard_put_webhook(struct http_req *req, void *ctx);

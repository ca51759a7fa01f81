// SPDX-License-Identifier: Apache-2.0
// The bridge's tasks, webhook and decommission over a real store, with fake systems around them.
#pragma once

#include "bridge/decommission.h"
#include "bridge/hawkbit.h"
#include "bridge/peers_file.h"
#include "bridge/reconcile.h"
#include "bridge/thingsboard.h"
#include "bridge/webhook.h"
#include "bridge/wireguard.h"
#include "fakes.h"
#include "store_fixture.h"

struct stack {
	struct fixture fx;
	struct http_client *http;
	struct fake_http web; // hawkBit and ThingsBoard
	struct fake_uapi wg;
	char socket[108]; // of the WireGuard server
	struct hawkbit *hawkbit;
	struct thingsboard *thingsboard;
	struct wireguard *wireguard;
	struct peers_file *peers_file;
	struct task_runner *tasks;
	struct reconcile *reconcile;
	struct webhook *webhook;
	struct decommission *decommission;
	struct http_server *front;
	char front_url[64];
	struct secret password;
	struct secret webhook_token;
	bool ignore_unknown; // set before stack_open
	unsigned budget_ms;  // set before stack_open; 0 = 2000
};

struct reply {
	int status;
	json_t *body;
	char retry_after[32];
	bool done;
};

void stack_init(struct stack *s); // with an empty folder
void stack_open(struct stack *s); // store and everything above; again after stack_close
void stack_close(struct stack *s);
void stack_fini(struct stack *s);

// The rules that let hawkBit and ThingsBoard succeed for one device that neither has met, its name
// in static text. uuid: ThingsBoard's id of the device.
void stack_rules_for(struct stack *s, const char *id);

// Starts a call to the front; reply is filled when it is answered.
void stack_start(struct stack *s, struct reply *reply, const char *method, const char *path,
		 const char *authorization, const char *body);
void stack_wait(struct stack *s, const bool *flag);
// Start and wait. The body is freed by the next stack_call or stack_fini.
struct reply *stack_call(struct stack *s, const char *method, const char *path, const char *body);
struct reply *stack_webhook(struct stack *s, const char *id);
const char *reply_text(const struct reply *r, const char *key);
// Runs the loop until the device's state is so.
void stack_wait_state(struct stack *s, const char *id, enum device_state state);

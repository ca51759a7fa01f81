// SPDX-License-Identifier: Apache-2.0
// POST /webhooks/thingsboard: the first connect of a device (contracts/bridge.md). Loop thread.
#pragma once

#include "base/secret.h"
#include "bridge/store.h"
#include "bridge/task.h"
#include "net/http_server.h"

struct webhook;

struct webhook_options {
	const struct log *log; // borrowed
	struct store *store;
	struct task_runner *tasks;
	const struct secret *token; // BRIDGE_WEBHOOK_TOKEN; unset or NULL = nobody has to show one
	bool provision_unknown;	    // WEBHOOK_UNKNOWN_DEVICES=provision
	unsigned budget_ms;	    // for the first attempt; 0 = 8000
};

enum err ERR_MUST_CHECK webhook_new(struct webhook **out, const struct webhook_options *o);
void webhook_free(struct webhook *w);
// The route's handler calls this; it answers now or later.
void webhook_post(struct webhook *w, struct http_req *req);

// --- pure parts ---
#define WEBHOOK_ID_BYTES (DEVICE_ID_MAX + 1)
struct webhook_event {
	bool is_connect;   // msgType is one of ours or absent
	char msg_type[64]; // for the reason
	// Usable ids of the metadata: deviceId, clientId, deviceName, without repetition. "" ends.
	char candidates[3][WEBHOOK_ID_BYTES];
	char fallback[WEBHOOK_ID_BYTES]; // whom to provision when none of them is known; "" =
					 // nobody
	char device_type[DEVICE_TYPE_CHARS + 1]; // "" = not told
};
// ERR_SYNTAX: not JSON; ERR_INPUT: a field has a wrong type (why names it).
enum err ERR_MUST_CHECK webhook_event_parse(struct webhook_event *out, struct bytes body,
					    struct why *why);
// True when `header` (NULL = absent) is "Bearer <token>". Constant time in the token.
bool bearer_matches(const char *header, const struct secret *token);

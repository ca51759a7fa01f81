// SPDX-License-Identifier: Apache-2.0
// A hawkBit update server (Management API: targets; contracts/hawkbit.md) on one libuv loop thread,
// state in memory.
#pragma once

#include "base/secret.h"
#include "common/http_faults.h"
#include "hawkbit/release.h"

struct hawkbit;

struct hawkbit_options {
	struct addr addr;
	const char *user;	       // borrowed
	const struct secret *password; // borrowed
	const char *context_path;      // "/hawkbit", or "" for none; borrowed
	const struct release *release;
	const struct log *log;	   // borrowed
	struct fault_plan *faults; // borrowed
	struct journal *journal;   // borrowed
};

extern const struct fault_vocabulary hawkbit_vocabulary;

enum err ERR_MUST_CHECK hawkbit_new(struct hawkbit **out, uv_loop_t *loop,
				    const struct hawkbit_options *o, struct why *why);
struct addr hawkbit_addr(const struct hawkbit *h);
// Ends the server; its handles close on the next loop turns.
void hawkbit_stop(struct hawkbit *h);
// After the loop has ended or hawkbit_stop() has had its turns. NULL is accepted.
void hawkbit_free(struct hawkbit *h);

// {"targets":{controllerId:{"name","updateStatus","createdBy","metadata":{},"attributes":{}}},
//  "requests":{route:n}}; with a device only its target. New reference. ctx: struct hawkbit.
json_t *hawkbit_state(void *ctx, const char *device);
void hawkbit_reset(void *ctx);

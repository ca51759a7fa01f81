// SPDX-License-Identifier: Apache-2.0
// What the bridge counts while it works, for GET /metrics. Plain numbers of the loop thread: a
// thread counts into its own and nobody locks. Every function takes NULL for "nobody counts".
// Labels come from tables of ours only: no device id, path or text of a peer becomes one.
#pragma once

#include "base/hist.h"
#include "bridge/reply.h"
#include "bridge/store.h"

enum {
	METER_ROUTES_MAX = 24,
	METER_STATUS_MAX = 600,
	METER_STEPS_MAX = 16,
	METER_OPERATIONS = 1 + TASK_KIND_COUNT, // sign, then the kinds of task
};

// Latencies are microseconds.
struct meters {
	double started_s; // since the epoch
	// By index in bridge_routes; the last row is for paths that match none. Status 0: the
	// connection ended before the answer was out.
	uint64_t requests[METER_ROUTES_MAX + 1][METER_STATUS_MAX];
	struct hist request_us[METER_ROUTES_MAX + 1];
	uint64_t enrollments[PROBLEM_COUNT + 1]; // by problem; the last is success
	struct hist step_us[METER_STEPS_MAX];
	uint64_t calls[METER_OPERATIONS][ERR_COUNT];
	struct hist call_us[METER_OPERATIONS];
};

// NULL when memory is out.
struct meters *meters_new(void);
void meters_free(struct meters *m);

// For http_server_options.on_finish.
void meters_request(struct meters *m, const struct http_req *req, int status);
void meters_enrolled(struct meters *m);
void meters_not_enrolled(struct meters *m, enum problem problem);
void meters_enroll_step(struct meters *m, size_t step, uint64_t ns);
// step-ca signed, or why not.
void meters_sign(struct meters *m, enum err err, uint64_t ns);
// One attempt at a task, with all the calls that it takes.
void meters_attempt(struct meters *m, enum task_kind kind, enum err err, uint64_t ns);

// The system that an operation works on, and its name.
const char *meter_system(size_t operation);
const char *meter_operation(size_t operation);

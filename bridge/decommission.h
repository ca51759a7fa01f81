// SPDX-License-Identifier: Apache-2.0
// DELETE /devices/{device_id}: the runbook's five steps as tasks that survive a crash
// (contracts/bridge.md, design.md 2.4). The caller has checked the admin token. Loop thread.
#pragma once

#include "bridge/store.h"
#include "bridge/task.h"
#include "net/http_server.h"

struct decommission;

struct decommission_options {
	const struct log *log; // borrowed
	struct store *store;
	struct task_runner *tasks;
	unsigned budget_ms; // how long the caller waits for the steps; 0 = 10000
};

enum err ERR_MUST_CHECK decommission_new(struct decommission **out,
					 const struct decommission_options *o);
void decommission_free(struct decommission *d);
// The route's handler calls this; it answers later.
void decommission_delete(struct decommission *d, struct http_req *req);

// Pure: the answer's body from the device and its task rows; *complete tells 200 from 202. NULL: no
// memory.
json_t *decommission_body(const struct device_row *device, const struct task_row *tasks, size_t n,
			  bool *complete);

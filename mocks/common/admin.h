// SPDX-License-Identifier: Apache-2.0
// The admin HTTP API that every mock has, on a port of its own:
//   GET /state[?device=ID]                          the mock's state
//   GET /journal[?device=ID][&event=E][&since=SEQ][&last=N]   journal_list()
//   POST /faults (201, the fault as listed) GET /faults GET /faults/vocabulary DELETE /faults (204)
//   DELETE /faults/{name} (204) POST /reset (204)                               state, faults and
//   journal as after the start
// Errors are problem JSON (RFC 9457).
#pragma once

#include "common/faults.h"
#include "common/journal.h"
#include "net/http_server.h"

struct admin;

struct admin_options {
	struct addr addr;
	const char *mock; // the program's name, for log lines
	const struct log *log;
	struct fault_plan *faults; // borrowed
	struct journal *journal;   // borrowed
	// New reference: the state, or (device not NULL) the part that concerns that device.
	json_t *(*state)(void *ctx, const char *device);
	// Back to the state after the start. Faults and journal are cleared by the admin server.
	void (*reset)(void *ctx);
	const struct http_route
		*extra; // more routes; their handlers get ctx. May be NULL. Borrowed.
	size_t n_extra;
	void *ctx;
};

enum err ERR_MUST_CHECK admin_new(struct admin **out, uv_loop_t *loop,
				  const struct admin_options *o, struct why *why);
struct addr admin_addr(const struct admin *a);
void admin_free(struct admin *a);

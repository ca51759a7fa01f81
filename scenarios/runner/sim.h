// SPDX-License-Identifier: Apache-2.0
// The other end of `simdevice --control`: commands and answers as JSON lines over a socketpair.
#pragma once

#include <jansson.h>

#include "runner/bench.h"

struct sim;

// Takes the descriptor, also on failure.
enum err ERR_MUST_CHECK sim_new(struct sim **out, struct bench *bench, int take_fd,
				struct why *why);
void sim_free(struct sim *sim);

// Sends {"id","cmd","device","with"}; device and with may be NULL, with is consumed. Returns the id
// for sim_wait.
int sim_send(struct sim *sim, const char *cmd, const char *device, json_t *take_with);
// Waits for the answer to a command; new reference. NULL with why: it did not come (CLOSED: the
// process is gone; TIMEOUT; CANCELLED).
json_t *sim_wait(struct sim *sim, int id, uint64_t timeout_ms, struct why *why);

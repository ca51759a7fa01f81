// SPDX-License-Identifier: Apache-2.0
// Runs the tasks of the store (design.md 2.4): at most one of a device at a time, so many per
// system, retried with backoff and jitter until done, taken up again after a restart. Loop thread.
#pragma once

#include <uv.h>

#include "base/log.h"
#include "base/rng.h"
#include "bridge/store.h"

struct task_runner;
struct hawkbit;
struct meters;
struct peers_file;
struct stepca;
struct thingsboard;
struct wireguard;

// The systems that tasks work on; NULL = not configured: its tasks are done at once.
struct task_systems {
	struct stepca *stepca;
	struct thingsboard *thingsboard;
	struct hawkbit *hawkbit;
	struct wireguard *wireguard;
	struct peers_file *peers_file;
};

struct task_runner_options {
	uv_loop_t *loop;
	const struct log *log; // borrowed
	struct store *store;   // borrowed
	struct task_systems systems;
	struct meters *meters; // borrowed; NULL = nobody counts
	unsigned concurrency;  // attempts at a time per system; 0 = 32
	uint64_t seed;	       // of the jitter
};

enum err ERR_MUST_CHECK task_runner_new(struct task_runner **out,
					const struct task_runner_options *o, struct why *why);
// Takes up what the store holds.
void task_runner_start(struct task_runner *r);
// Waiters are called with ERR_CANCELLED. Free the systems before it: their callbacks must not come
// later.
void task_runner_free(struct task_runner *r);

struct task_outcome {
	bool all_done;
	enum err err; // of the failure that matters most; ERR_TIMEOUT when the budget ran out first
	struct why why;
	const struct task_row *failed; // the task it belongs to; NULL = none
};
typedef void task_outcome_fn(const struct task_outcome *outcome, void *ctx);

// Attempts tasks that a store operation claimed for the caller, now, whatever their backoff says.
// done (may be NULL) is called once, from the loop, when each had one attempt (and what it made
// due), or after budget_ms; the tasks go on being retried.
enum err ERR_MUST_CHECK task_run(struct task_runner *r, const struct task_row *tasks, size_t n,
				 unsigned budget_ms, task_outcome_fn *done, void *ctx);

struct task_counts {
	size_t waiting; // claimed, not running
	size_t running;
	uint64_t done;	  // since the start
	uint64_t retried; // attempts that failed
	uint64_t given_up;
};
struct task_counts task_runner_counts(const struct task_runner *r, enum task_system system);

// Pure: how long to wait after the n-th failed attempt (n from 1): at random between half and all
// of base * 2^(n-1), at most the ceiling.
enum { TASK_BACKOFF_BASE_MS = 500, TASK_BACKOFF_MAX_MS = 300000 };
uint64_t task_backoff_ms(unsigned n, struct rng *r);

// SPDX-License-Identifier: Apache-2.0
// What task.c (who runs when) and task_group.c (who waits for what) share.
#pragma once

#include <uthash.h>

#include "bridge/task_work.h"

struct task_entry;

// Somebody who waits for the first attempt of some tasks.
struct task_group {
	struct task_group *next, *prev; // of the runner
	struct task_runner *runner;
	size_t pending; // entries that are still to report
	struct task_outcome outcome;
	struct task_row failed;
	task_outcome_fn *done; // NULL: was called
	void *ctx;
	uv_timer_t timer;
};

struct task_link {
	struct task_link *next;
	struct task_group *group;
	uint32_t revision; // of the work that the group waits for
};

// The tasks of one device, in the order in which they came; only the first may run.
struct task_lane {
	char device[DEVICE_ID_MAX + 1];
	struct task_entry *entries;
	UT_hash_handle hh;
};

enum entry_state {
	ENTRY_WAITING,
	ENTRY_RUNNING,
	ENTRY_REPORTING, // the store is told how it ended
};

// A task that is in our hands.
struct task_entry {
	struct task_row row; // as attempted, while it runs
	enum entry_state state;
	struct task_runner *runner;
	struct task_lane *lane;
	struct task_entry *lane_next, *lane_prev;
	struct task_entry *next, *prev; // waiting for the system
	struct task_work *work;		// while it runs
	uint64_t began_ns;
	struct why why; // how it ended
	struct task_link *links;
	UT_hash_handle hh; // by row.id
};

struct task_runner {
	uv_loop_t *loop;
	const struct log *log;
	struct store *store;
	struct task_systems systems;
	struct meters *meters;
	unsigned concurrency;
	struct rng rng;
	struct task_entry *entries; // hash by id
	struct task_lane *lanes;    // hash by device
	struct task_entry *waiting[SYSTEM_COUNT];
	struct task_counts counts[SYSTEM_COUNT];
	struct task_group *groups;
	uv_timer_t timer; // the next time to claim
	uv_timer_t pump_now;
	int64_t next_ms; // what the timer stands for; INT64_MAX = not armed
	bool started;
	bool claiming;
	size_t claim_limit; // of the claim that runs
	bool claim_again;
	bool closing;
	unsigned owed; // store callbacks and timers that must be over before the memory goes
};

// The entry for a claimed row, made if it is new: at the end of its device's lane, waiting for its
// system. While an attempt runs its row stays: the revision tells the store what was done. NULL
// when memory is out.
struct task_entry *task_entry_hold(struct task_runner *r, const struct task_row *row);
// Out of lane and memory; nobody is told.
void task_entry_free(struct task_entry *e);
void task_entry_wait(struct task_entry *e);  // (again) for its system
void task_entry_start(struct task_entry *e); // its turn has come
struct task_counts *task_entry_counts(struct task_entry *e);

// Adds group to those whom entry tells how it ended, once this revision of the work was attempted.
enum err ERR_MUST_CHECK task_link_add(struct task_entry *entry, struct task_group *group,
				      uint32_t revision);
// Tells those who wait for the work up to this revision; why->err ERR_OK = it is done.
void task_links_report(struct task_entry *entry, uint32_t revision, const struct why *why);
void task_links_free(struct task_entry *entry);

enum err ERR_MUST_CHECK task_group_new(struct task_group **out, struct task_runner *r,
				       unsigned budget_ms, task_outcome_fn *done, void *ctx);
// Answers soon when there is nothing to wait for.
void task_group_seal(struct task_group *g);
// Answers ERR_CANCELLED unless it was answered, and closes.
void task_group_cancel(struct task_group *g);

// Gives the memory back when nothing can come any more.
void task_runner_release(struct task_runner *r);

// SPDX-License-Identifier: Apache-2.0
// One instance being played: what its steps share.
#pragma once

#include "runner/plan.h"
#include "runner/sim.h"
#include "runner/stack.h"
#include "runner/world.h"

// In rising order of what wins when several happen.
enum verdict {
	VERDICT_PASSED,
	VERDICT_SKIPPED,
	VERDICT_INCONCLUSIVE, // a fault never fired, the generator was overloaded
	VERDICT_FAILED,
	VERDICT_BAD_FILE, // what the file asks for does not exist
	VERDICT_BROKEN,	  // the bench itself
	VERDICT_INTERRUPTED,
	VERDICTS
};

const char *verdict_text(enum verdict verdict);

// One line of the report.
struct step_record {
	char *text;
	double ms;
	enum verdict verdict;
	char *note; // more lines, or NULL
};

struct armed_fault {
	char *name;
	enum service_id service;
	struct place at;
};

struct run_listener {
	void (*on_step)(void *ctx, const struct step_record *record);
	void *ctx;
};

struct run {
	struct bench *bench;
	const struct instance *instance;
	struct stack *stack;
	struct sim *sim; // NULL: no simulated devices
	struct world *world;
	uint64_t seed;
	struct node *saved;	 // map: name -> value
	json_t *devices;	 // device id -> what it last said, merged over its steps
	json_t *last;		 // result of the last acting step; {"reply":..., "error":...}
	bool last_failed;	 // it failed, and an expect that follows will judge it
	json_t *decommissioned;	 // set of ids
	int64_t replayed_before; // one-time tokens that step-ca saw again before this run
	struct armed_fault *faults;
	size_t n_faults;
	struct step_record *records;
	size_t n_records;
	char *note; // notes of the step in progress
	enum verdict verdict;
	char *reason;	 // of the first finding that set the verdict
	struct place at; // where it stands
	const struct run_listener *listener;
	double cpu_ms; // the runner's own
	double wall_ms;
};

struct run_options {
	struct bench *bench;
	const struct instance *instance;
	const char *bin_dir;
	const char *dir; // folder for this instance
	uint64_t seed;
	const char *child_log_level;
	const struct words *given;
	const struct run_listener *listener;
};

// Plays the instance from start to clean-up. Always leaves a verdict in run; run_fini frees what it
// holds.
void run_play(struct run *run, const struct run_options *o);
void run_fini(struct run *run);

// A finding: raises the verdict; the first reason of the highest verdict stays.
void run_find(struct run *run, enum verdict verdict, struct place at, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
// A remark below the line of the step in progress.
void run_note(struct run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
// The scenario's timeout has passed.
bool run_time_is_up(const struct run *run);
// True when later steps make no sense any more.
static inline bool
run_is_over(const struct run *run)
{
	return run->verdict > VERDICT_INCONCLUSIVE;
}

// steps.c: the verbs. step is complete with its variables filled in.
typedef void step_fn(struct run *run, const struct node *step, const struct node *args);
struct step_kind {
	const char *verb;
	step_fn *play;
};
const struct step_kind *step_kind_find(const char *verb);
const struct step_kind *step_kinds(size_t *n);
// "enroll dev-1 csr=not-pem" for the report. Heap.
char *step_describe(const struct node *step);
// Why this instance cannot be played with these external systems (heap), or NULL.
char *run_obstacle(struct run *run);

// invariants.c
void invariants_check(struct run *run, uint64_t grace_ms);
// leaks.c: no secret in any log or report of the run folder. *out (heap) says where one is, or
// NULL.
void leaks_find(char **out, struct run *run);
// load.c
void load_play(struct run *run);

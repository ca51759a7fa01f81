// SPDX-License-Identifier: Apache-2.0
// What a worker counted; one writer, merged exactly at the end.
#pragma once

#include "base/hist.h"
#include "device.h"

// A kind of failure in a phase, with the words of its first time.
struct cause {
	enum dev_phase phase;
	enum layer layer;
	char kind[FAILURE_KIND_MAX];
	int code;
	uint64_t count;
	char example[256];
};

enum { CAUSES_MAX = 64 };

struct fleet_stats {
	struct hist phases[PHASE_COUNT]; // us, of those that succeeded
	struct hist lifecycle;		 // us, from the planned start to the end of the last phase
	struct hist lag; // us, from the planned start to the real one, own fault only
	uint64_t phase_failed[PHASE_COUNT];
	uint64_t started;
	uint64_t done;
	uint64_t failed;
	uint64_t retries;
	uint64_t late;	       // started later than LATE_START_US without the window being full
	uint64_t held_back;    // the window of --in-flight was full
	uint64_t watched_us;   // time that was looked at, over all workers, while devices were on
			       // their way
	uint64_t saturated_us; // of it: slices in which the worker's loop was never idle for long
	uint64_t sessions_lost;
	uint64_t sessions_down; // at the end of their hold
	uint64_t unexpected;
	uint64_t last_end_ns; // monotonic
	struct cause causes[CAUSES_MAX];
	size_t n_causes;
	uint64_t other_causes; // beyond CAUSES_MAX kinds
};

enum {
	// A start that is this late is the generator's fault, not the target's.
	LATE_START_US = 100000,
	// A slice of the run in which the loop waited for less than this part of its time is
	// saturated: what arrived in it waited for us.
	SATURATED_IDLE_PERCENT = 5,
	// Saturation counts from this much time on, and from this part of the run on.
	SATURATED_US_MIN = 1000000,
	SATURATED_PERCENT_MAX = 20,
};

struct fleet_stats *fleet_stats_new(void);
void fleet_stats_add_failure(struct fleet_stats *s, enum dev_phase phase,
			     const struct failure *failure);
void fleet_stats_merge(struct fleet_stats *into, const struct fleet_stats *from);

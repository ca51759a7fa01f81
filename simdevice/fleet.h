// SPDX-License-Identifier: Apache-2.0
// Thousands of devices on worker threads that share nothing: arrivals planned in advance, latency
// measured from the planned start, and a judgement of the generator itself.
#pragma once

#include <stdatomic.h>
#include <stdio.h>

#include "arrivals.h"
#include "config.h"
#include "fleet_stats.h"
#include "shard.h"

enum {
	FLEET_PHASES_MAX = 8,
	FLEET_WORKERS_MAX = 256,
};

struct fleet_options {
	uint64_t devices;
	double rate;
	enum arrival_shape shape;
	double ramp_s;
	unsigned workers;
	const char *prefix; // of the device ids; the number follows
	enum dev_phase phases[FLEET_PHASES_MAX];
	size_t n_phases;
	uint64_t seed;
	unsigned in_flight; // lifecycles at once, over all workers; 0 = no limit
	double hold_s;	    // links stay up this long before decommissioning or the end
	uint32_t retries;
	struct shard shard; // this process runs the devices i with i % count == index
	const char *json;   // file for the report, or NULL
};

// "enroll,mqtt,wireguard,decommission" in order. ERR_INPUT names the bad word.
enum err ERR_MUST_CHECK fleet_phases_parse(struct fleet_options *o, const char *list,
					   struct why *why);

// What the workers read and the one place where they meet: counters for the progress line.
struct fleet {
	const struct fleet_options *options;
	const struct sim_config *config;
	uint64_t *arrivals; // of all devices
	uint64_t start_ns;  // monotonic
	atomic_uint_fast64_t started;
	atomic_uint_fast64_t done;
	atomic_uint_fast64_t failed;
	atomic_uint finished; // workers
	atomic_bool stop;     // no new arrivals, those in flight are stopped
};

struct fleet_result {
	const struct fleet_options *options;
	struct fleet_stats *stats;
	double seconds; // from the first planned start to the last end
	double cpu_ms;	// of this process
	bool interrupted;
};

// Exit codes: 0 all lifecycles succeeded, 1 some failed, 4 the generator was overloaded, so
// latencies say more about this machine than about the target: more than 1 % of the starts were
// late by LATE_START_US or more although the window was open, or the workers' loops were saturated
// for more than a second and SATURATED_PERCENT_MAX of the time.
// why->text says what kept it from running or reporting.
int fleet_run(const struct sim_config *config, const struct fleet_options *options,
	      struct why *why);
int fleet_verdict(const struct fleet_result *r);

// fleet_report.c
void fleet_report_print(FILE *out, const struct fleet_result *r);
enum err ERR_MUST_CHECK fleet_report_write(const struct fleet_result *r, const char *path,
					   struct why *why);

// fleet_worker.c: a thread. Begins at once; the last thing it does is to call `done`.
struct fleet_worker;
enum err ERR_MUST_CHECK fleet_worker_start(struct fleet_worker **out, struct fleet *fleet,
					   unsigned number, void (*done)(void *ctx), void *ctx,
					   struct why *why);
// Joins; the statistics are the caller's.
struct fleet_stats *fleet_worker_join(struct fleet_worker *w, struct why *why);

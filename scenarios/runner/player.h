// SPDX-License-Identifier: Apache-2.0
// Plays the instances of a plan: one after the other in this process, or several at a time, each in
// a process of its own (jobs.c).
#pragma once

#include "runner/report.h"

enum keep {
	KEEP_ALL,
	KEEP_FAILED,
	KEEP_NONE,
};

// What all instances of a run have in common. All borrowed.
struct player {
	struct report_text text;
	FILE *err;
	const char *bin_dir;
	const char *dir; // run folder
	const char *child_log_level;
	const struct words *given;	 // facts from outside
	const struct words *given_files; // where they came from, for workers
	enum keep keep;
	bool fail_fast;
};

struct turn {
	const struct instance *instance;
	const char *slug; // its folder in the run folder
	uint64_t seed;
	size_t number; // of total, from 1
	size_t total;
};

// Plays one and adds its result.
void player_play(const struct player *p, struct bench *bench, const struct turn *turn,
		 struct results *results);
// All of them; the results stand in the order of the turns. jobs: how many at a time. Load runs
// alone, at the end.
void player_play_all(const struct player *p, struct bench *bench, const struct turn *turns,
		     size_t n, unsigned jobs, struct results *results);

// A result as it travels from a worker to its parent.
json_t *result_to_json(const struct result *result); // new reference
enum err ERR_MUST_CHECK result_from_json(struct result *out, const json_t *json);

// jobs.c
void jobs_play_all(const struct player *p, struct bench *bench, const struct turn *turns, size_t n,
		   unsigned jobs, struct results *results);

// SPDX-License-Identifier: Apache-2.0
// What a run says: lines for a person while it goes on, JUnit XML for CI at its end.
#pragma once

#include <stdio.h>

#include "runner/run.h"

// What stays of one instance after its run was taken down.
struct result {
	char *name; // "CA down [do=reset]"
	char *slug;
	char *path; // of the scenario file
	int line;   // of the reason
	enum verdict verdict;
	char *reason;	  // NULL when passed
	char *transcript; // the lines of its steps
	double wall_ms;
	double cpu_ms;
	uint64_t seed;
};

struct results {
	struct result *items;
	size_t n;
	size_t count[VERDICTS];
};

void results_fini(struct results *r);
void results_add(struct results *r, const struct run *run);
// For instances that never began.
void results_add_unplayed(struct results *r, const struct instance *instance, enum verdict verdict,
			  const char *reason);
// The same, with what a worker said; its texts change hands.
void results_add_taken(struct results *r, const struct result *take_result);
// The exit code of the whole run: see provsim --help.
int results_exit_code(const struct results *r);

struct report_text {
	FILE *out;
	bool colour;
	bool quiet; // only the line of each scenario, and the steps of those that did not pass
};

void report_text_begin(const struct report_text *t, const struct instance *instance, size_t number,
		       size_t total, uint64_t seed);
void report_text_step(const struct report_text *t, const struct step_record *record);
void report_text_end(const struct report_text *t, const struct result *result);
// "12 passed, 1 failed, 2 skipped"
void report_text_summary(const struct report_text *t, const struct results *results);

// JUnit as GitLab, Jenkins and GitHub's readers take it; appended.
enum err ERR_MUST_CHECK report_junit(struct buf *out, const struct results *results,
				     const char *run_dir);

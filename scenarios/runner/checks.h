// SPDX-License-Identifier: Apache-2.0
// Expectations against the world: one by one, with a diff for each that does not hold.
#pragma once

#include "runner/run.h"

struct checks {
	size_t held;
	size_t broken;
	size_t hidden;	     // not observable
	bool unknown;	     // a path that nothing answers to: the file is wrong
	char *report;	     // heap: what did not hold, several lines; "" = everything did
	char *hidden_report; // heap: what could not be seen
	struct place at;     // of the first that did not hold
};

void checks_fini(struct checks *c);
#define CHECKS_AUTO __attribute__((cleanup(checks_fini)))
// matchers: path -> matcher. Looks at the world as it is now.
void checks_eval(struct checks *out, struct run *run, const struct node *matchers);
// The step kinds (steps.c has the table).
void step_expect(struct run *run, const struct node *step, const struct node *args);
void step_eventually(struct run *run, const struct node *step, const struct node *args);
void step_never(struct run *run, const struct node *step, const struct node *args);

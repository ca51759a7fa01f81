// SPDX-License-Identifier: Apache-2.0
// From paths to what will run: files are read and checked, each scenario becomes one instance a
// combination of its matrix.
#pragma once

#include "runner/diag.h"

struct scenario {
	char *path;
	struct source *source;
	struct node *root;
	struct source **stack_sources; // of the files that `stack: use:` names
	size_t n_stack_sources;
};

// One run of a scenario with its matrix values filled in.
struct instance {
	const struct scenario *scenario;
	char *name;	   // "bad CSR [csr=not-pem]"
	char *slug;	   // the same as a file name, unique within the plan
	struct node *root; // resolved; only saved variables are left open
};

struct plan_slug;

struct plan {
	struct scenario **scenarios;
	size_t n_scenarios;
	struct instance **instances;
	size_t n_instances;
	size_t n_filtered;	 // instances that --tag left out
	struct plan_slug *slugs; // folder names that are taken
};

// Reads files, and folders with all that is in them (*.yaml, *.yml, sorted; folders named must_fail
// and stacks and hidden ones only when they are given themselves). Every problem goes to diags.
// tag_expression may be NULL. ERR_NOT_FOUND: a path does not exist or nothing is in it. ERR_SYNTAX:
// the tag expression is wrong.
enum err ERR_MUST_CHECK plan_load(struct plan *plan, const char *const *paths, size_t n,
				  const char *tag_expression, struct diags *diags, struct why *why);
void plan_fini(struct plan *plan);

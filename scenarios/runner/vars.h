// SPDX-License-Identifier: Apache-2.0
// {name} in the scalars of a scenario: from the matrix (replaced when the plan is made) or saved by
// a step (replaced when the step runs). A name starts with a letter; "{3}" in a regular expression
// is no reference.
#pragma once

#include "runner/diag.h"

bool vars_has_reference(const char *text);
// Calls seen for every reference in the tree.
void vars_visit(const struct node *node,
		void (*seen)(void *ctx, const struct node *scalar, const char *name), void *ctx);

// The value of a name: a borrowed node, or NULL when the name is not known here.
typedef const struct node *vars_lookup_fn(void *ctx, const char *name);
// Replaces in place what lookup knows. A scalar that is one reference becomes the value, whatever
// its type; inside a longer text only scalars fit (diagnosed).
void vars_replace(struct node *node, vars_lookup_fn *lookup, void *ctx, struct diags *diags);

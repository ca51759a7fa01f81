// SPDX-License-Identifier: Apache-2.0
// What an expectation says about one value:
//   200 | "text" | true | [a, b]     equals (the actual value's type decides how the scalar is
//   read) exists | absent | none           none: absent, null, empty text, empty list or empty map
//   { eq ne lt lte gt gte: scalar }  durations ("2s") compare with paths that end in _ms
//   { matches: regex } { contains: text or item } { in: CIDR or list } { same-as: path } { length:
//   matcher }
// All entries of a map must hold.
#pragma once

#include "runner/diag.h"

// Is this well-formed? Values with {variables} in them are left for later.
void matcher_check(const struct node *matcher, struct diags *diags);

struct mismatch {
	char *expected; // heap texts for a person
	char *actual;
};

void mismatch_fini(struct mismatch *m);

// For same-as: borrowed value at a path, NULL when absent.
typedef const json_t *matcher_lookup_fn(void *ctx, const char *path);

// True when actual (NULL = absent) is what matcher says; else *out (cleared by the caller) is
// filled.
bool matcher_eval(const struct node *matcher, const char *path, const json_t *actual,
		  matcher_lookup_fn *lookup, void *ctx, struct mismatch *out);
// One line for a person: JSON, or "(absent)"; long values are cut.
char *matcher_show(const json_t *value);

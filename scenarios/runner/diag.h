// SPDX-License-Identifier: Apache-2.0
// What is wrong with a file, all of it, each with file:line:col, the line and a caret.
#pragma once

#include "runner/node.h"

struct diag {
	struct place at;
	char *text;
	size_t order;
};

struct diags {
	struct diag *items;
	size_t n;
};

void diags_fini(struct diags *d);
#define DIAGS_AUTO __attribute__((cleanup(diags_fini)))
// The text names the thing, what is wrong and the way out; no line break.
void diag_add(struct diags *d, struct place at, const char *fmt, ...) PRINTF_LIKE(3, 4);
// "; did you mean 'enroll'?" or, when nothing is near, "; known: a, b, c" into a heap text.
char *diag_hint(const char *word, const char *const *names, size_t n);
// Appends all of them, sorted by place:
//   a.yaml:4:5: error: unknown step 'enrol'; did you mean 'enroll'?
//     - enrol: dev-1
//       ^~~~~
enum err ERR_MUST_CHECK diags_print(struct buf *out, struct diags *d, bool colour);
// "file:line" of a place, for reports; "-" when it is nowhere.
void place_text(char *out, size_t size, struct place at);

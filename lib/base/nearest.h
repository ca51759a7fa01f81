// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?" for names that a person mistyped.
#pragma once

#include <stddef.h>

// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours,
// ASCII letters compared without case. Texts longer than 63 characters are cut.
size_t nearest_distance(const char *a, const char *b);
// The name that is closest to `word`, or NULL when none is close enough to be meant (more than a
// third of its characters differ).
const char *nearest_name(const char *word, const char *const *names, size_t n);

// SPDX-License-Identifier: Apache-2.0
// A NULL-terminated list of texts that grows: argument and environment vectors.
#pragma once

#include "base/err.h"

struct words {
	char **items; // always NULL-terminated once anything was added
	size_t n;
};

void words_fini(struct words *w);
#define WORDS_AUTO __attribute__((cleanup(words_fini)))
void words_add(struct words *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
// "NAME=value": replaces an entry with the same name. value NULL: removes it.
void words_set_env(struct words *w, const char *name, const char *value);
// The value of a name in such a list, or NULL.
const char *words_get_env(const struct words *w, const char *name);
// For functions that take const char *const *.
const char *const *words_vector(const struct words *w);

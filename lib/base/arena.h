// SPDX-License-Identifier: Apache-2.0
// Memory that lives and dies with one request. Never for OpenSSL objects. One thread.
#pragma once

#include "base/buf.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used;
	size_t max;
};

// max: how many bytes one request may take in all.
void arena_init(struct arena *a, size_t max);
void arena_fini(struct arena *a);
// Aligned for any type, zeroed; NULL when memory or the maximum is exhausted.
void *arena_alloc(struct arena *a, size_t n);
// A terminated copy.
char *arena_strndup(struct arena *a, const void *p, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

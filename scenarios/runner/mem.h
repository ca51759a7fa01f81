// SPDX-License-Identifier: Apache-2.0
// Memory for the runner: a short-lived tool that cannot go on without it, so these never return
// NULL.
#pragma once

#include <stddef.h>

#include "base/err.h"

void *mem_new(size_t size); // zeroed
char *mem_dup(const char *text);
char *mem_ndup(const char *text, size_t n);
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
// Makes room for one more element behind the n that are there; returns the (moved) array.
void *mem_grow(void *array, size_t n, size_t element_size);

// SPDX-License-Identifier: Apache-2.0
#include "runner/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *
must(void *p)
{
	if (!p)
		abort();
	return p;
}

void *
mem_new(size_t size)
{
	return must(calloc(1, size));
}

char *
mem_dup(const char *text)
{
	return must(strdup(text));
}

char *
mem_ndup(const char *text, size_t n)
{
	return must(strndup(text, n));
}

char *
mem_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		abort();
	return text;
}

void *
mem_grow(void *array, size_t n, size_t element_size)
{
	// Capacity is the next power of two, so that the array moves only when n reaches one.
	if (n & (n - 1))
		return array;
	return must(reallocarray(array, n ? 2 * n : 1, element_size));
}

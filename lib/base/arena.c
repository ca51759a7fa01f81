// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

struct arena_block {
	struct arena_block *next;
	size_t cap;
	size_t len;
	_Alignas(max_align_t) uint8_t data[];
};

enum { BLOCK_BYTES = 4096 };

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

void
arena_fini(struct arena *a)
{
	struct arena_block *block = a->head;
	while (block) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
	arena_init(a, a->max);
}

void *
arena_alloc(struct arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	if (n > a->max - a->used)
		return NULL;
	n = (n + align - 1) / align * align;
	if (!a->head || a->head->cap - a->head->len < n) {
		size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
		struct arena_block *block = malloc(sizeof(*block) + cap);
		if (!block)
			return NULL;
		*block = (struct arena_block){.next = a->head, .cap = cap};
		a->head = block;
	}
	void *p = a->head->data + a->head->len;
	a->head->len += n;
	a->used += n < a->max - a->used ? n : a->max - a->used;
	memset(p, 0, n);
	return p;
}

char *
arena_strndup(struct arena *a, const void *p, size_t n)
{
	char *s = arena_alloc(a, n + 1);
	if (s && n)
		memcpy(s, p, n);
	return s;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return NULL;
	char *s = arena_alloc(a, (size_t)n + 1);
	if (!s)
		return NULL;
	va_start(args, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, args);
	va_end(args);
	return s;
}

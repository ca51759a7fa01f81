// SPDX-License-Identifier: Apache-2.0
#include "runner/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runner/mem.h"

void
words_fini(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->items[i]);
	free(w->items);
	*w = (struct words){0};
}

static void
append(struct words *w, char *take_text)
{
	char **items = reallocarray(w->items, w->n + 2, sizeof(*items));
	if (!items)
		abort();
	w->items = items;
	w->items[w->n++] = take_text;
	w->items[w->n] = NULL;
}

void
words_add(struct words *w, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	append(w, text);
}

static size_t
find_env(const struct words *w, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < w->n; i++)
		if (strncmp(w->items[i], name, n) == 0 && w->items[i][n] == '=')
			return i;
	return w->n;
}

void
words_set_env(struct words *w, const char *name, const char *value)
{
	size_t at = find_env(w, name);
	if (at < w->n) {
		free(w->items[at]);
		memmove(&w->items[at], &w->items[at + 1], (w->n - at) * sizeof(*w->items));
		w->n--;
	}
	if (value)
		append(w, mem_printf("%s=%s", name, value));
}

const char *
words_get_env(const struct words *w, const char *name)
{
	size_t at = find_env(w, name);
	return at < w->n ? w->items[at] + strlen(name) + 1 : NULL;
}

const char *const *
words_vector(const struct words *w)
{
	static const char *const none[] = {NULL};
	return w->items ? (const char *const *)w->items : none;
}

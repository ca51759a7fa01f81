// SPDX-License-Identifier: Apache-2.0
#include "runner/diag.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/nearest.h"
#include "runner/mem.h"

enum {
	LINE_SHOWN_MAX = 160, // longer lines are shown around the caret
	KNOWN_SHOWN_MAX = 40,
};

void
diags_fini(struct diags *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->items[i].text);
	free(d->items);
	*d = (struct diags){0};
}

void
diag_add(struct diags *d, struct place at, const char *fmt, ...)
{
	struct diag item = {.at = at, .order = d->n};
	va_list args;
	va_start(args, fmt);
	if (vasprintf(&item.text, fmt, args) < 0)
		abort();
	va_end(args);
	d->items = mem_grow(d->items, d->n, sizeof(item));
	d->items[d->n++] = item;
}

char *
diag_hint(const char *word, const char *const *names, size_t n)
{
	const char *near = nearest_name(word, names, n);
	if (near)
		return mem_printf("; did you mean '%s'?", near);
	char *hint = mem_dup(n ? "; known: " : "");
	for (size_t i = 0; i < n; i++) {
		char *longer = i < KNOWN_SHOWN_MAX
				       ? mem_printf("%s%s%s", hint, i ? ", " : "", names[i])
				       : mem_printf("%s, ...", hint);
		free(hint);
		hint = longer;
		if (i == KNOWN_SHOWN_MAX)
			break;
	}
	return hint;
}

static int
by_place(const void *pa, const void *pb)
{
	const struct diag *a = pa, *b = pb;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.col != b->at.col)
		return a->at.col < b->at.col ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static struct bytes
line_of(const struct source *source, int line)
{
	const char *p = source->text;
	for (int i = 1; i < line && p; i++) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return p ? BYTES(p, strcspn(p, "\r\n")) : BYTES_NONE;
}

// Columns count characters; UTF-8 continuation bytes are none.
static bool
starts_character(uint8_t byte)
{
	return (byte & 0xC0) != 0x80;
}

static enum err
print_line(struct buf *out, struct place at, bool colour)
{
	struct bytes line = line_of(at.source, at.line);
	int skip = at.col > LINE_SHOWN_MAX / 2 && line.n > LINE_SHOWN_MAX
			   ? at.col - LINE_SHOWN_MAX / 2
			   : 0;
	int col = 0;
	TRY(buf_append_str(out, "  "));
	for (size_t i = 0; i < line.n; i++) {
		col += starts_character(line.p[i]);
		if (col <= skip || col > skip + LINE_SHOWN_MAX)
			continue;
		uint8_t byte = line.p[i];
		TRY(buf_put_u8(out, byte == '\t' || byte >= 0x20 ? byte : ' '));
	}
	TRY(buf_append_str(out, "\n  "));
	col = 0;
	for (size_t i = 0; i < line.n && col < at.col; i++) {
		col += starts_character(line.p[i]);
		if (col > skip && col < at.col && starts_character(line.p[i]))
			TRY(buf_put_u8(out, line.p[i] == '\t' ? '\t' : ' '));
	}
	TRY(buf_append_str(out, colour ? "\033[1;32m^" : "^"));
	for (int i = 1; i < at.width && i < LINE_SHOWN_MAX / 2; i++)
		TRY(buf_append_str(out, "~"));
	return buf_append_str(out, colour ? "\033[0m\n" : "\n");
}

enum err
diags_print(struct buf *out, struct diags *d, bool colour)
{
	if (d->n)
		qsort(d->items, d->n, sizeof(*d->items), by_place);
	for (size_t i = 0; i < d->n; i++) {
		const struct diag *item = &d->items[i];
		if (item->at.source)
			TRY(buf_printf(out, "%s:%d:%d: ", item->at.source->path, item->at.line,
				       item->at.col));
		TRY(buf_printf(out, "%serror:%s %s\n", colour ? "\033[1;31m" : "",
			       colour ? "\033[0m" : "", item->text));
		if (item->at.source)
			TRY(print_line(out, item->at, colour));
	}
	return ERR_OK;
}

void
place_text(char *out, size_t size, struct place at)
{
	if (at.source)
		snprintf(out, size, "%s:%d", at.source->path, at.line);
	else
		snprintf(out, size, "-");
}

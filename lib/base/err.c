// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
	const char *name;
	int http;
	int retry;
	const char *text;
};

static const struct err_row rows[] = {
#define X(id, name, http, retry, text) {name, http, retry, text},
	ERR_TABLE(X)
#undef X
};

static const struct err_row *
row_of(enum err err)
{
	return (unsigned)err < ERR_COUNT ? &rows[err] : &rows[ERR_INTERNAL];
}

const char *
err_name(enum err err)
{
	return row_of(err)->name;
}

const char *
err_text(enum err err)
{
	return row_of(err)->text;
}

int
err_http_status(enum err err)
{
	return row_of(err)->http;
}

bool
err_is_retryable(enum err err)
{
	return row_of(err)->retry != 0;
}

static void
mark_cut(struct why *why, int wanted)
{
	if (wanted >= (int)sizeof(why->text))
		memcpy(why->text + sizeof(why->text) - 4, "...", 4);
}

enum err
why_set(struct why *why, enum err err, const char *fmt, ...)
{
	if (!why)
		return err;
	va_list args;
	va_start(args, fmt);
	why->err = err;
	mark_cut(why, vsnprintf(why->text, sizeof(why->text), fmt, args));
	va_end(args);
	return err;
}

void
why_prefix(struct why *why, const char *fmt, ...)
{
	if (!why)
		return;
	char old[sizeof(why->text)];
	char prefix[128];
	va_list args;
	va_start(args, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, args);
	va_end(args);
	memcpy(old, why->text, sizeof(old));
	mark_cut(why, snprintf(why->text, sizeof(why->text), "%s: %s", prefix, old));
}

// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 64 * 1024 };

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

struct log
log_new(const char *prog, enum log_level level)
{
	return (struct log){.prog = prog, .level = level, .fd = STDERR_FILENO};
}

struct log
log_for(const struct log *log, const char *device, const char *request)
{
	struct log out = *log;
	if (device)
		out.device = device;
	if (request)
		out.request = request;
	return out;
}

enum err
log_level_parse(enum log_level *out, const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return ERR_OK;
		}
	}
	return ERR_INPUT;
}

// Length of the valid UTF-8 sequence at p, 0 when there is none (RFC 3629 section 4).
static size_t
utf8_length(const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t lead_min, lead_max, second_min, second_max;
		size_t len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		     {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		     {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		     {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		     {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	for (size_t i = 0; i < N_ELEMENTS(forms); i++) {
		if (p[0] < forms[i].lead_min || p[0] > forms[i].lead_max)
			continue;
		if (n < forms[i].len || p[1] < forms[i].second_min || p[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

static enum err
escape_one(struct buf *out, uint8_t c)
{
	switch (c) {
	case '"':
		return buf_append_str(out, "\\\"");
	case '\\':
		return buf_append_str(out, "\\\\");
	case '\n':
		return buf_append_str(out, "\\n");
	case '\r':
		return buf_append_str(out, "\\r");
	case '\t':
		return buf_append_str(out, "\\t");
	default:
		return buf_printf(out, "\\u%04x", c);
	}
}

enum err
json_escape(struct buf *out, struct bytes text)
{
	size_t i = 0;
	while (i < text.n) {
		uint8_t c = text.p[i];
		size_t run = i;
		while (run < text.n && text.p[run] >= 0x20 && text.p[run] < 0x7f &&
		       text.p[run] != '"' && text.p[run] != '\\')
			run++;
		if (run > i) {
			TRY(buf_append(out, text.p + i, run - i));
			i = run;
		} else if (c < 0x80) {
			TRY(escape_one(out, c));
			i++;
		} else {
			size_t n = utf8_length(text.p + i, text.n - i);
			TRY(n ? buf_append(out, text.p + i, n) : buf_append_str(out, "\\ufffd"));
			i += n ? n : 1;
		}
	}
	return ERR_OK;
}

static enum err
put_string(struct buf *b, const char *key, struct bytes value)
{
	TRY(buf_append_str(b, ",\""));
	TRY(buf_append_str(b, key));
	TRY(buf_append_str(b, "\":\""));
	TRY(json_escape(b, value));
	return buf_append_str(b, "\"");
}

static enum err
put_field(struct buf *b, const struct kv *f)
{
	switch (f->type) {
	case KV_TYPE_NONE:
		return ERR_OK;
	case KV_TYPE_STR:
		return put_string(b, f->key, BYTES_STR(f->v.str ? f->v.str : ""));
	case KV_TYPE_BYTES:
		return put_string(b, f->key, f->v.bytes);
	case KV_TYPE_U64:
		return buf_printf(b, ",\"%s\":%llu", f->key, (unsigned long long)f->v.u64);
	case KV_TYPE_I64:
		return buf_printf(b, ",\"%s\":%lld", f->key, (long long)f->v.i64);
	case KV_TYPE_DOUBLE:
		return isfinite(f->v.number) ? buf_printf(b, ",\"%s\":%.6g", f->key, f->v.number)
					     : buf_printf(b, ",\"%s\":null", f->key);
	case KV_TYPE_BOOL:
		return buf_printf(b, ",\"%s\":%s", f->key, f->v.flag ? "true" : "false");
	}
	return ERR_OK;
}

static enum err
format_line(struct buf *b, const struct log *log, enum log_level level, const char *event,
	    const char *file, int line, const struct kv *fields)
{
	char stamp[CLOCK_RFC3339_BYTES];
	clock_format_rfc3339(stamp, clock_wall_ns(), 6);
	TRY(buf_printf(b, "{\"t\":\"%s\",\"lvl\":\"%s\",\"prog\":\"%s\",\"ev\":\"%s\"", stamp,
		       level_names[level], log->prog, event));
	if (log->device)
		TRY(put_string(b, "dev", BYTES_STR(log->device)));
	if (log->request)
		TRY(put_string(b, "req", BYTES_STR(log->request)));
	for (; fields->type != KV_TYPE_NONE; fields++)
		TRY(put_field(b, fields));
	if (level >= LOG_WARN) {
		const char *slash = strrchr(file, '/');
		TRY(buf_printf(b, ",\"at\":\"%s:%d\"", slash ? slash + 1 : file, line));
	}
	return buf_append_str(b, "}\n");
}

void
log_write(const struct log *log, enum log_level level, const char *event, const char *file,
	  int line, const struct kv *fields)
{
	BUF_AUTO struct buf b;
	buf_init(&b, LINE_MAX_BYTES);
	if (format_line(&b, log, level, event, file, line, fields) != ERR_OK) {
		// Too much for a line: that it happened is still told.
		buf_clear(&b);
		if (format_line(&b, log, level, event, file, line,
				LOG_FIELDS(KV_BOOL("cut", true))) != ERR_OK)
			return;
	}
	// A full pipe must not stop the loop: what does not fit is lost, never waited for.
	ssize_t n = write(log->fd, b.data, b.len);
	(void)n;
}

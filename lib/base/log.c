// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"

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

// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

static struct log log_;
static char path[64];

static void
setup(void)
{
	snprintf(path, sizeof(path), "/tmp/provsim-log.XXXXXX");
	log_ = log_new("test", LOG_DEBUG);
	log_.fd = mkstemp(path);
	cr_assert(log_.fd >= 0);
}

static void
teardown(void)
{
	close(log_.fd);
	unlink(path);
}

TestSuite(log, .init = setup, .fini = teardown);

// The whole file as text.
static char *
written(void)
{
	BUF_AUTO struct buf b;
	buf_init(&b, 1 << 20);
	cr_assert(eq(int, file_read(&b, path, NULL), ERR_OK));
	return buf_steal_str(&b);
}

// Exactly one line, and it is a JSON object.
static json_t *
one_line(void)
{
	AUTO(free) char *text = written();
	char *end = strchr(text, '\n');
	cr_assert(end != NULL && end[1] == 0, "one line: %.200s", text);
	for (const char *p = text; p < end; p++) {
		int c = (unsigned char)*p;
		cr_assert(c >= 0x20, "a bare control character");
	}
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	cr_assert(json != NULL, "%.200s", text);
	return json;
}

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));
	return text ? text : "(none)";
}

Test(log, a_line_carries_who_and_what)
{
	struct log log = log_for(&log_, "dev-1", "req-7");
	log_info(&log, "enroll.signed", KV_STR("s", "text"), KV_U64("u", UINT64_MAX / 4),
		 KV_I64("i", -5), KV_DOUBLE("d", 0.25), KV_BOOL("b", true),
		 KV_BYTES("y", BYTES("ab", 2)), KV_ERR(ERR_TIMEOUT), KV_STR("n", NULL));
	json_auto_t *json = one_line();
	cr_expect(strcmp(text_of(json, "lvl"), "info") == 0);
	cr_expect(strcmp(text_of(json, "prog"), "test") == 0);
	cr_expect(strcmp(text_of(json, "ev"), "enroll.signed") == 0);
	cr_expect(strcmp(text_of(json, "dev"), "dev-1") == 0);
	cr_expect(strcmp(text_of(json, "req"), "req-7") == 0);
	cr_expect(strcmp(text_of(json, "s"), "text") == 0);
	cr_expect(strcmp(text_of(json, "y"), "ab") == 0);
	cr_expect(strcmp(text_of(json, "err"), "timeout") == 0);
	cr_expect(strcmp(text_of(json, "n"), "") == 0);
	cr_expect(eq(i64, (int64_t)json_integer_value(json_object_get(json, "i")), -5));
	cr_expect(eq(i64, (int64_t)json_integer_value(json_object_get(json, "u")),
		     (int64_t)(UINT64_MAX / 4)));
	cr_expect(eq(dbl, json_real_value(json_object_get(json, "d")), 0.25));
	cr_expect(json_object_get(json, "b") == json_true());
	cr_expect(json_object_get(json, "at") == NULL, "only from warn up");
}

Test(log, hostile_bytes_do_not_break_the_line)
{
	char all[256];
	for (int c = 0; c < 256; c++)
		all[c] = (char)c;
	struct log log = log_for(&log_, "a\"}\n{\"ev\":\"forged\"", NULL);
	log_warn(&log, "x", KV_BYTES("all", BYTES(all, sizeof(all))),
		 KV_STR("overlong", "\xc0\xaf"), KV_STR("surrogate", "\xed\xa0\x80"),
		 KV_STR("cut", "\xe2\x82"), KV_STR("fine", "\xe2\x82\xac"),
		 KV_STR("beyond", "\xf4\x90\x80\x80"));
	json_auto_t *json = one_line();
	cr_expect(strcmp(text_of(json, "ev"), "x") == 0);
	cr_expect(strcmp(text_of(json, "dev"), "a\"}\n{\"ev\":\"forged\"") == 0);
	cr_expect(strcmp(text_of(json, "fine"), "\xe2\x82\xac") == 0);
	cr_expect(strstr(text_of(json, "overlong"), "\xef\xbf\xbd") != NULL);
	cr_expect(strstr(text_of(json, "surrogate"), "\xef\xbf\xbd") != NULL);
	cr_expect(strstr(text_of(json, "cut"), "\xef\xbf\xbd") != NULL);
	cr_expect(strncmp(text_of(json, "at"), "test_log.c:", 11) == 0);
}

Test(log, numbers_that_json_cannot_say_are_null)
{
	log_info(&log_, "x", KV_DOUBLE("nan", NAN), KV_DOUBLE("inf", INFINITY));
	json_auto_t *json = one_line();
	cr_expect(json_object_get(json, "nan") == json_null());
	cr_expect(json_object_get(json, "inf") == json_null());
}

Test(log, too_long_a_line_still_tells_what_happened)
{
	static char big[200 * 1024];
	memset(big, 'x', sizeof(big));
	log_error(&log_, "body.huge", KV_BYTES("body", BYTES(big, sizeof(big))));
	json_auto_t *json = one_line();
	cr_expect(strcmp(text_of(json, "ev"), "body.huge") == 0);
	cr_expect(json_object_get(json, "cut") == json_true());
}

Test(log, quieter_lines_are_dropped)
{
	log_.level = LOG_WARN;
	log_debug(&log_, "a");
	log_info(&log_, "b");
	log_warn(&log_, "c");
	json_auto_t *json = one_line();
	cr_expect(strcmp(text_of(json, "ev"), "c") == 0);
	struct log silent = log_;
	silent.fd = -1;
	log_error(&silent, "nowhere");
}

Test(log, levels_by_name)
{
	static const char *const names[] = {"debug", "info", "warn", "error", "off"};
	enum log_level level;
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		cr_expect(eq(int, log_level_parse(&level, names[i]), ERR_OK));
		cr_expect(eq(int, (int)level, (int)i));
	}
	cr_expect(eq(int, log_level_parse(&level, "INFO"), ERR_INPUT));
	cr_expect(eq(int, log_level_parse(&level, ""), ERR_INPUT));
}

Test(clock, rfc3339)
{
	char out[CLOCK_RFC3339_BYTES];
	clock_format_rfc3339(out, 0, 0);
	cr_expect(strcmp(out, "1970-01-01T00:00:00Z") == 0, "%s", out);
	clock_format_rfc3339(out, 1795460002192123456ULL, 6);
	cr_expect(strcmp(out, "2026-11-23T18:53:22.192123Z") == 0, "%s", out);
	clock_format_rfc3339(out, 951782400000000000ULL, 3);
	cr_expect(strcmp(out, "2000-02-29T00:00:00.000Z") == 0, "%s", out);
	clock_format_rfc3339(out, UINT64_MAX, 6);
	cr_expect(strlen(out) == 27, "%s", out);
}

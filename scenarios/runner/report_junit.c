// SPDX-License-Identifier: Apache-2.0
#include "runner/report.h"

#include <stdio.h>

// XML 1.0 has no place for control characters, not even escaped; bytes that are not UTF-8 become
// '?'.
static size_t
utf8_length(const unsigned char *p)
{
	size_t n = p[0] < 0x80				   ? 1
		   : (p[0] & 0xE0) == 0xC0		   ? 2
		   : (p[0] & 0xF0) == 0xE0		   ? 3
		   : (p[0] & 0xF8) == 0xF0 && p[0] <= 0xF4 ? 4
							   : 0;
	if (p[0] == 0xC0 || p[0] == 0xC1)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

static enum err
escape(struct buf *out, const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {
		{'&', "&amp;" },
		{'<', "&lt;"  },
		       {'>', "&gt;"  },
		      {'"', "&quot;"}
	     };
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		const char *entity = NULL;
		for (size_t i = 0; i < N_ELEMENTS(entities); i++)
			if (*p == (unsigned char)entities[i].c)
				entity = entities[i].entity;
		size_t n = utf8_length(p);
		bool control = *p < 0x20 && *p != '\n' && *p != '\t';
		if (entity)
			TRY(buf_append_str(out, entity));
		else if (n == 0 || control)
			TRY(buf_append_str(out, "?"));
		else
			TRY(buf_append(out, p, n));
		p += n ? n : 1;
	}
	return ERR_OK;
}

static enum err
attribute(struct buf *out, const char *name, const char *value)
{
	TRY(buf_printf(out, " %s=\"", name));
	TRY(escape(out, value));
	return buf_append_str(out, "\"");
}

// JUnit knows failure (the target), error (the bench) and skipped; an inconclusive run says nothing
// about the target, but must not look green.
static const char *
element_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_PASSED:
		return NULL;
	case VERDICT_SKIPPED:
		return "skipped";
	case VERDICT_FAILED:
		return "failure";
	default:
		return "error";
	}
}

static enum err
print_case(struct buf *out, const struct result *r, const char *run_dir)
{
	const char *element = element_of(r->verdict);
	TRY(buf_append_str(out, "    <testcase"));
	TRY(attribute(out, "name", r->name));
	TRY(attribute(out, "classname", r->path));
	TRY(attribute(out, "file", r->path));
	TRY(buf_printf(out, " time=\"%.3f\">\n", r->wall_ms / 1000));
	if (element) {
		char first[256];
		const char *reason = r->reason ? r->reason : "";
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(reason, "\n"), reason);
		TRY(buf_printf(out, "      <%s", element));
		TRY(attribute(out, "message", first));
		TRY(attribute(out, "type", verdict_text(r->verdict)));
		TRY(buf_append_str(out, ">"));
		TRY(buf_printf(out, "line %d\n", r->line));
		TRY(escape(out, reason));
		TRY(buf_printf(out, "</%s>\n", element));
	}
	TRY(buf_append_str(out, "      <system-out>"));
	TRY(escape(out, r->transcript));
	TRY(buf_printf(out, "seed %llu, files in ", (unsigned long long)r->seed));
	TRY(escape(out, run_dir));
	TRY(buf_append_str(out, "/"));
	TRY(escape(out, r->slug));
	return buf_append_str(out, "</system-out>\n    </testcase>\n");
}

enum err
report_junit(struct buf *out, const struct results *results, const char *run_dir)
{
	double seconds = 0;
	size_t errors = 0;
	for (size_t i = 0; i < results->n; i++) {
		const char *element = element_of(results->items[i].verdict);
		seconds += results->items[i].wall_ms / 1000;
		errors += element && strcmp(element, "error") == 0;
	}
	TRY(buf_append_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
	TRY(buf_printf(out,
		       "<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\">\n",
		       results->n, results->count[VERDICT_FAILED], errors, seconds));
	// `skipped` stands on the suite only: strict readers refuse it on <testsuites>.
	TRY(buf_printf(
		out,
		"  <testsuite name=\"provsim\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" "
		"time=\"%.3f\">\n",
		results->n, results->count[VERDICT_FAILED], errors, results->count[VERDICT_SKIPPED],
		seconds));
	for (size_t i = 0; i < results->n; i++)
		TRY(print_case(out, &results->items[i], run_dir));
	return buf_append_str(out, "  </testsuite>\n</testsuites>\n");
}

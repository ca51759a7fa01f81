// SPDX-License-Identifier: Apache-2.0
#include "runner/report.h"

#include "runner/mem.h"

enum {
	TRANSCRIPT_MAX_BYTES = 4 << 20,
};

struct look {
	const char *colour;
	const char *word;
};

static const struct look looks[VERDICTS] = {
	[VERDICT_PASSED] = {"\033[32m", "ok"    },
	      [VERDICT_SKIPPED] = {"\033[36m", "skip"  },
	[VERDICT_INCONCLUSIVE] = {"\033[33m", "?"	 },
	      [VERDICT_FAILED] = {"\033[31m", "FAIL"  },
	[VERDICT_BAD_FILE] = {"\033[31m", "BAD"   },
	      [VERDICT_BROKEN] = {"\033[35m", "BROKEN"},
	[VERDICT_INTERRUPTED] = {"\033[33m", "stop"  },
};

void
results_fini(struct results *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->items[i].name);
		free(r->items[i].slug);
		free(r->items[i].path);
		free(r->items[i].reason);
		free(r->items[i].transcript);
	}
	free(r->items);
	*r = (struct results){0};
}

static enum err
print_step(struct buf *out, const struct step_record *record)
{
	TRY(buf_printf(out, "  %-6s %8.1f ms  %s\n", looks[record->verdict].word, record->ms,
		       record->text));
	for (const char *line = record->note; line && *line;) {
		size_t n = strcspn(line, "\n");
		TRY(buf_printf(out, "           %.*s\n", (int)n, line));
		line += n + (line[n] == '\n');
	}
	return ERR_OK;
}

static void
add(struct results *r, const struct result *item)
{
	r->items = mem_grow(r->items, r->n, sizeof(*item));
	r->items[r->n++] = *item;
	r->count[item->verdict]++;
}

void
results_add_taken(struct results *r, const struct result *take_result)
{
	add(r, take_result);
}

void
results_add(struct results *r, const struct run *run)
{
	BUF_AUTO struct buf text;
	buf_init(&text, TRANSCRIPT_MAX_BYTES);
	enum err err = buf_append_str(&text, "");
	for (size_t i = 0; i < run->n_records && err == ERR_OK; i++)
		err = print_step(&text, &run->records[i]);
	const struct result item = {
		.name = mem_dup(run->instance->name),
		.slug = mem_dup(run->instance->slug),
		.path = mem_dup(run->instance->scenario->path),
		.line = run->at.line,
		.verdict = run->verdict,
		.reason = run->reason ? mem_dup(run->reason) : NULL,
		.transcript = buf_steal_str(&text),
		.wall_ms = run->wall_ms,
		.cpu_ms = run->cpu_ms,
		.seed = run->seed,
	};
	add(r, &item);
}

void
results_add_unplayed(struct results *r, const struct instance *instance, enum verdict verdict,
		     const char *reason)
{
	const struct result item = {
		.name = mem_dup(instance->name),
		.slug = mem_dup(instance->slug),
		.path = mem_dup(instance->scenario->path),
		.line = instance->root->at.line,
		.verdict = verdict,
		.reason = mem_dup(reason),
		.transcript = mem_dup(""),
	};
	add(r, &item);
}

int
results_exit_code(const struct results *r)
{
	static const struct {
		enum verdict verdict;
		int code;
	} order[] = {
		{VERDICT_INTERRUPTED,  130},
		{VERDICT_BROKEN,	 5  },
		{VERDICT_BAD_FILE,	   3  },
		{VERDICT_FAILED,	 1  },
		{VERDICT_INCONCLUSIVE, 4	}
	 };
	for (size_t i = 0; i < N_ELEMENTS(order); i++)
		if (r->count[order[i].verdict])
			return order[i].code;
	return r->n && r->count[VERDICT_SKIPPED] == r->n ? 77 : 0;
}

void
report_text_begin(const struct report_text *t, const struct instance *instance, size_t number,
		  size_t total, uint64_t seed)
{
	fprintf(t->out, "%s[%zu/%zu] %s%s  (%s, seed %llu)\n", t->colour ? "\033[1m" : "", number,
		total, instance->name, t->colour ? "\033[0m" : "", instance->scenario->path,
		(unsigned long long)seed);
	fflush(t->out);
}

void
report_text_step(const struct report_text *t, const struct step_record *record)
{
	BUF_AUTO struct buf text;
	buf_init(&text, TRANSCRIPT_MAX_BYTES);
	if (t->quiet && record->verdict == VERDICT_PASSED)
		return;
	if (print_step(&text, record) != ERR_OK)
		return;
	if (t->colour && record->verdict != VERDICT_PASSED)
		fprintf(t->out, "%s%.*s\033[0m", looks[record->verdict].colour, (int)text.len,
			(const char *)text.data);
	else
		fwrite(text.data, 1, text.len, t->out);
	fflush(t->out);
}

void
report_text_end(const struct report_text *t, const struct result *result)
{
	const struct look *look = &looks[result->verdict];
	fprintf(t->out, "%s%s%s  %s  %.2f s, own CPU %.0f ms\n", t->colour ? look->colour : "",
		verdict_text(result->verdict), t->colour ? "\033[0m" : "", result->name,
		result->wall_ms / 1000, result->cpu_ms);
	if (result->verdict == VERDICT_SKIPPED && result->reason)
		fprintf(t->out, "  %s\n", result->reason);
	fflush(t->out);
}

void
report_text_summary(const struct report_text *t, const struct results *results)
{
	fprintf(t->out, "%zu passed, %zu failed, %zu skipped", results->count[VERDICT_PASSED],
		results->count[VERDICT_FAILED], results->count[VERDICT_SKIPPED]);
	static const struct {
		enum verdict verdict;
		const char *word;
	} rare[] = {
		{VERDICT_INCONCLUSIVE, "inconclusive"},
		{VERDICT_BAD_FILE,	   "bad"		},
		{VERDICT_BROKEN,	 "broken"	 },
		{VERDICT_INTERRUPTED,  "interrupted" }
	    };
	for (size_t i = 0; i < N_ELEMENTS(rare); i++)
		if (results->count[rare[i].verdict])
			fprintf(t->out, ", %zu %s", results->count[rare[i].verdict], rare[i].word);
	fprintf(t->out, "\n");
	fflush(t->out);
}

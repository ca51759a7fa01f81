// SPDX-License-Identifier: Apache-2.0
#include "runner/thresholds.h"

#include <stdio.h>

#include "base/hist.h"
#include "runner/mem.h"
#include "runner/value.h"
#include "runner/vars.h"

enum {
	STAT_BYTES = 32,
};

enum unit {
	UNIT_NUMBER,
	UNIT_MS,
	UNIT_PERCENT,
	UNIT_MIB,
};

struct condition {
	char stat[STAT_BYTES];
	char op[3];
	enum unit unit;
	double limit;
};

static const char *const unit_text[] = {
	[UNIT_NUMBER] = "", [UNIT_MS] = " ms", [UNIT_PERCENT] = " %", [UNIT_MIB] = " MiB"};

static const char *const stats[] = {"p50", "p90",  "p95",  "p99",   "p99.9",	    "max",
				    "min", "mean", "rate", "count", "per-lifecycle"};

static enum err
parse_limit(struct condition *out, const char *text)
{
	uint64_t ms;
	double bytes;
	size_t n = strlen(text);
	if (value_duration_ms(&ms, text) == ERR_OK) {
		out->unit = UNIT_MS;
		out->limit = (double)ms;
		return ERR_OK;
	}
	if (value_bytes(&bytes, text) == ERR_OK) {
		out->unit = UNIT_MIB;
		out->limit = bytes / 1048576;
		return ERR_OK;
	}
	out->unit = n && text[n - 1] == '%' ? UNIT_PERCENT : UNIT_NUMBER;
	AUTO(free) char *number = mem_ndup(text, out->unit == UNIT_PERCENT ? n - 1 : n);
	return value_number(&out->limit, number);
}

static bool
is_percentile(const char *stat, double *percent)
{
	return stat[0] == 'p' && value_number(percent, stat + 1) == ERR_OK && *percent > 0 &&
	       *percent <= 100;
}

static enum err
parse_condition(struct condition *out, const char *text, struct why *why)
{
	char limit[64];
	double percent;
	if (sscanf(text, "%31s %2[<>=] %63s", out->stat, out->op, limit) != 3 ||
	    (out->op[1] != '\0' && out->op[1] != '=') || out->op[0] == '=' ||
	    parse_limit(out, limit) != ERR_OK)
		return why_set(
			why, ERR_SYNTAX,
			"'%s' is not a condition such as 'p99 < 800ms', 'rate < 0.1%%' or 'max < 120MiB'",
			text);
	for (size_t i = 0; i < N_ELEMENTS(stats); i++)
		if (strcmp(stats[i], out->stat) == 0)
			return ERR_OK;
	if (is_percentile(out->stat, &percent))
		return ERR_OK;
	AUTO(free) char *hint = diag_hint(out->stat, stats, N_ELEMENTS(stats));
	return why_set(why, ERR_SYNTAX, "unknown statistic '%s'%s", out->stat, hint);
}

void
thresholds_check(const struct node *list, struct diags *diags)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct node *item = list->items[i];
		struct condition condition;
		struct why why = {0};
		if (item->type != NODE_MAP || item->n != 1 ||
		    item->pairs[0].value->type != NODE_TEXT) {
			diag_add(diags, item->at,
				 "expected one `metric: condition`, e.g. `errors: rate < 0.1%%`");
			continue;
		}
		const struct node *value = item->pairs[0].value;
		if (!vars_has_reference(value->text) &&
		    parse_condition(&condition, value->text, &why) != ERR_OK)
			diag_add(diags, value->at, "%s", why.text);
	}
}

void
threshold_result_fini(struct threshold_result *r)
{
	free(r->actual);
	*r = (struct threshold_result){0};
}

static double
percentile_ms(const json_t *metric, double percent)
{
	struct hist *h = mem_new(sizeof(*h));
	size_t i;
	json_t *bucket;
	hist_init(h);
	json_array_foreach (json_object_get(metric, "buckets_us"), i, bucket) {
		json_int_t index = json_integer_value(json_array_get(bucket, 0));
		if (index < 0 || index >= HIST_BUCKETS)
			continue;
		json_int_t count = json_integer_value(json_array_get(bucket, 1));
		h->buckets[index] += (uint64_t)count;
		h->count += (uint64_t)count;
	}
	h->max = (uint64_t)json_integer_value(json_object_get(metric, "max_us"));
	double ms = (double)hist_percentile(h, percent) / 1000;
	free(h);
	return ms;
}

static bool
holds(double actual, const char *op, double limit)
{
	if (op[0] == '<')
		return op[1] ? actual <= limit : actual < limit;
	return op[1] ? actual >= limit : actual > limit;
}

void
threshold_eval(struct threshold_result *out, const char *metric, const char *condition,
	       const json_t *figures)
{
	struct condition c;
	double percent, actual;
	const json_t *figure = json_object_get(figures, metric);
	*out = (struct threshold_result){0};
	if (parse_condition(&c, condition, NULL) != ERR_OK || !figure) {
		out->actual =
			mem_dup(figure ? "not a condition" : "there is no such metric in this run");
		return;
	}
	const json_t *value = json_object_get(figure, c.stat);
	if (json_is_number(value)) {
		actual = json_number_value(value);
	} else if (is_percentile(c.stat, &percent) && json_object_get(figure, "buckets_us")) {
		actual = percentile_ms(figure, percent);
	} else {
		out->actual = mem_dup("the metric has no such statistic");
		return;
	}
	out->known = true;
	out->met = holds(actual, c.op, c.limit);
	out->actual = mem_printf("%.4g%s", actual, unit_text[c.unit]);
}

// SPDX-License-Identifier: Apache-2.0
// The report: a table for people, JSON for the runner, with the histograms themselves so that
// shards merge exactly.
#include <jansson.h>
#include <unistd.h>

#include "base/file.h"
#include "fleet.h"

static const double percents[] = {50, 90, 99};

static double
ms(uint64_t us)
{
	return (double)us / 1000.0;
}

static double
reached(const struct fleet_result *r)
{
	return r->seconds > 0 ? (double)r->stats->done / r->seconds : 0;
}

static double
cpu_per_lifecycle(const struct fleet_result *r)
{
	uint64_t n = r->stats->done + r->stats->failed;
	return n ? r->cpu_ms / (double)n : 0;
}

static double
saturated_percent(const struct fleet_stats *s)
{
	return s->watched_us ? 100.0 * (double)s->saturated_us / (double)s->watched_us : 0;
}

static void
print_row(FILE *out, const char *name, const struct hist *h, uint64_t failed)
{
	fprintf(out, "%-14s %8llu %8llu", name, (unsigned long long)h->count,
		(unsigned long long)failed);
	for (size_t i = 0; i < N_ELEMENTS(percents); i++)
		fprintf(out, " %9.1f", ms(hist_percentile(h, percents[i])));
	fprintf(out, " %9.1f\n", ms(h->max));
}

static void
print_phases(FILE *out, const struct fleet_result *r)
{
	fprintf(out, "%-14s %8s %8s %9s %9s %9s %9s\n", "phase", "ok", "failed", "p50 ms", "p90 ms",
		"p99 ms", "max ms");
	for (size_t i = 0; i < r->options->n_phases; i++) {
		enum dev_phase p = r->options->phases[i];
		print_row(out, dev_phase_name(p), &r->stats->phases[p], r->stats->phase_failed[p]);
	}
	print_row(out, "lifecycle", &r->stats->lifecycle, r->stats->failed);
}

static void
print_causes(FILE *out, const struct fleet_stats *s)
{
	if (s->n_causes)
		fprintf(out, "errors by cause:\n");
	for (size_t i = 0; i < s->n_causes; i++) {
		const struct cause *c = &s->causes[i];
		fprintf(out, "  %llu x %s: %s/%s", (unsigned long long)c->count,
			dev_phase_name(c->phase), layer_name(c->layer), c->kind);
		if (c->code)
			fprintf(out, " %d", c->code);
		fprintf(out, ": %s\n", c->example);
	}
	if (s->other_causes)
		fprintf(out, "  %llu of other kinds\n", (unsigned long long)s->other_causes);
}

void
fleet_report_print(FILE *out, const struct fleet_result *r)
{
	const struct fleet_options *o = r->options;
	const struct fleet_stats *s = r->stats;
	fprintf(out,
		"%s%llu of %llu lifecycles in %.1f s: %.1f/s reached, %.1f/s planned, %u worker%s, seed %llu\n",
		isatty(fileno(out)) ? "\r\033[K" : "", (unsigned long long)s->done,
		(unsigned long long)s->started, r->seconds, reached(r), o->rate, o->workers,
		o->workers == 1 ? "" : "s", (unsigned long long)o->seed);
	print_phases(out, r);
	fprintf(out,
		"own CPU per lifecycle: %.2f ms; retries: %llu; sessions lost: %llu (down at the end of the hold: %llu)\n",
		cpu_per_lifecycle(r), (unsigned long long)s->retries,
		(unsigned long long)s->sessions_lost, (unsigned long long)s->sessions_down);
	fprintf(out,
		"late starts: %llu (worst %.1f ms); held back by --in-flight: %llu; own loops "
		"saturated %.0f %% of the time\n",
		(unsigned long long)s->late, ms(s->lag.max), (unsigned long long)s->held_back,
		saturated_percent(s));
	print_causes(out, s);
	if (r->interrupted)
		fprintf(out, "interrupted: the figures cover what ran until then\n");
	if (fleet_verdict(r) == 4)
		fprintf(out,
			"OVERLOADED: this generator could not keep up (late starts, or its own "
			"loops were saturated): do not read the latencies as the target's; more "
			"--workers or a lower --rate may help\n");
}

// --- JSON ---

// [[bucket index, count], ...] of base/hist.h
static json_t *
buckets(const struct hist *h)
{
	json_t *list = json_array();
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		if (h->buckets[i])
			json_array_append_new(
				list, json_pack("[I,I]", (json_int_t)i, (json_int_t)h->buckets[i]));
	return list;
}

static json_t *
latency(const struct hist *h)
{
	return json_pack("{s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I,s:I,s:o}", "count",
			 (json_int_t)h->count, "mean_ms", hist_mean(h) / 1000, "min_ms",
			 ms(h->count ? h->min : 0), "p50_ms", ms(hist_percentile(h, 50)), "p90_ms",
			 ms(hist_percentile(h, 90)), "p99_ms", ms(hist_percentile(h, 99)), "max_ms",
			 ms(h->max), "sum_us", (json_int_t)h->sum, "min_us",
			 (json_int_t)(h->count ? h->min : 0), "max_us", (json_int_t)h->max,
			 "buckets_us", buckets(h));
}

static json_t *
phases(const struct fleet_result *r)
{
	json_t *o = json_object();
	for (size_t i = 0; i < r->options->n_phases; i++) {
		enum dev_phase p = r->options->phases[i];
		json_object_set_new(o, dev_phase_name(p),
				    json_pack("{s:I,s:I,s:o}", "ok",
					      (json_int_t)r->stats->phases[p].count, "failed",
					      (json_int_t)r->stats->phase_failed[p], "latency",
					      latency(&r->stats->phases[p])));
	}
	return o;
}

static json_t *
causes(const struct fleet_stats *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_causes; i++) {
		const struct cause *c = &s->causes[i];
		json_t *example = json_string(c->example);
		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:i,s:I,s:o}", "phase",
						      dev_phase_name(c->phase), "layer",
						      layer_name(c->layer), "kind", c->kind, "code",
						      c->code, "count", (json_int_t)c->count,
						      "example", example ? example : json_null()));
	}
	return list;
}

static json_t *
generator(const struct fleet_result *r)
{
	const struct fleet_stats *s = r->stats;
	return json_pack("{s:I,s:I,s:f,s:o,s:f,s:b,s:f,s:f}", "late_starts", (json_int_t)s->late,
			 "held_back", (json_int_t)s->held_back, "late_limit_ms", ms(LATE_START_US),
			 "lag", latency(&s->lag), "saturated_percent", saturated_percent(s),
			 "overloaded", fleet_verdict(r) == 4, "cpu_ms", r->cpu_ms,
			 "cpu_ms_per_lifecycle", cpu_per_lifecycle(r));
}

static json_t *
report(const struct fleet_result *r)
{
	const struct fleet_options *o = r->options;
	const struct fleet_stats *s = r->stats;
	json_t *top = json_pack(
		"{s:I,s:f,s:I,s:I,s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:b}", "devices",
		(json_int_t)o->devices, "rate_planned", o->rate, "workers", (json_int_t)o->workers,
		"started", (json_int_t)s->started, "done", (json_int_t)s->done, "failed",
		(json_int_t)s->failed, "seconds", r->seconds, "rate_reached", reached(r), "retries",
		(json_int_t)s->retries, "sessions_lost", (json_int_t)s->sessions_lost,
		"sessions_down", (json_int_t)s->sessions_down, "unexpected_events",
		(json_int_t)s->unexpected, "interrupted", r->interrupted);
	// A seed has 64 bits, JSON's numbers do not: text.
	char seed[24];
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)o->seed);
	json_object_set_new(top, "seed", json_string(seed));
	json_object_set_new(
		top, "shard",
		json_pack("[I,I]", (json_int_t)o->shard.index, (json_int_t)o->shard.count));
	json_object_set_new(top, "phases", phases(r));
	json_object_set_new(top, "lifecycle", latency(&s->lifecycle));
	json_object_set_new(top, "errors", causes(s));
	json_object_set_new(top, "generator", generator(r));
	return top;
}

enum err
fleet_report_write(const struct fleet_result *r, const char *path, struct why *why)
{
	json_auto_t *json = report(r);
	AUTO(free) char *text = json_dumps(json, JSON_INDENT(2));
	if (!text)
		return why_set(why, ERR_NOMEM, "out of memory");
	return file_replace_nosync(path, BYTES_STR(text), 0644, why);
}

// SPDX-License-Identifier: Apache-2.0
// Arrival plans, statistics and the verdict on the generator itself.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "arrivals.h"
#include "base/clock.h"
#include "fleet.h"

static uint64_t *
plan(enum arrival_shape shape, uint64_t n, double rate, double ramp_s, uint64_t seed)
{
	uint64_t *at = NULL;
	struct why why = {0};
	cr_assert(eq(int,
		     arrivals_plan(&at,
				   &(struct arrival_plan){.shape = shape,
							  .n = n,
							  .rate = rate,
							  .ramp_s = ramp_s,
							  .seed = seed},
				   &why),
		     ERR_OK),
		  "%s", why.text);
	return at;
}

Test(arrivals, a_constant_rate_is_even)
{
	AUTO(free) char *at_bytes = (char *)plan(ARRIVAL_CONSTANT, 1001, 100, 0, 1);
	const uint64_t *at = (const uint64_t *)(const void *)at_bytes;
	cr_expect(eq(u64, at[0], 0));
	cr_expect(eq(u64, at[1], 10 * NS_PER_MS));
	cr_expect(eq(u64, at[1000], 10 * NS_PER_S));
}

Test(arrivals, poisson_has_the_rate_and_the_spread)
{
	enum { N = 20000 };
	AUTO(free) char *at_bytes = (char *)plan(ARRIVAL_POISSON, N, 1000, 0, 7);
	const uint64_t *at = (const uint64_t *)(const void *)at_bytes;
	double mean = (double)at[N - 1] / (N - 1);
	cr_expect(gt(dbl, mean, 0.97e6));
	cr_expect(lt(dbl, mean, 1.03e6));
	double square = 0;
	for (size_t i = 1; i < N; i++) {
		cr_assert(ge(u64, at[i], at[i - 1]));
		double gap = (double)(at[i] - at[i - 1]) - mean;
		square += gap * gap;
	}
	// An exponential gap deviates by its mean.
	double ratio = square / (N - 1) / (mean * mean);
	cr_expect(gt(dbl, ratio, 0.9));
	cr_expect(lt(dbl, ratio, 1.1));
}

Test(arrivals, a_seed_replays)
{
	AUTO(free) char *a = (char *)plan(ARRIVAL_POISSON, 100, 50, 0, 9);
	AUTO(free) char *b = (char *)plan(ARRIVAL_POISSON, 100, 50, 0, 9);
	AUTO(free) char *c = (char *)plan(ARRIVAL_POISSON, 100, 50, 0, 10);
	cr_expect(eq(int, memcmp(a, b, 100 * sizeof(uint64_t)), 0));
	cr_expect(ne(int, memcmp(a, c, 100 * sizeof(uint64_t)), 0));
}

Test(arrivals, a_ramp_ends_at_its_rate)
{
	AUTO(free) char *bytes = (char *)plan(ARRIVAL_RAMP, 2000, 100, 10, 1);
	const uint64_t *at = (const uint64_t *)(const void *)bytes;
	// Half of rate * ramp arrive during the ramp.
	cr_expect(ge(u64, at[499], 9 * NS_PER_S));
	cr_expect(le(u64, at[499], 10 * NS_PER_S));
	cr_expect(eq(u64, (at[1500] - at[1400] + 500) / 1000000, 1000));
	for (size_t i = 1; i < 2000; i++)
		cr_assert(ge(u64, at[i], at[i - 1]));
}

Test(arrivals, nonsense_is_refused)
{
	uint64_t *at = NULL;
	struct why why = {0};
	cr_expect(eq(int, arrivals_plan(&at, &(struct arrival_plan){.n = 1, .rate = 0}, &why),
		     ERR_INPUT));
	cr_expect(eq(int,
		     arrivals_plan(&at,
				   &(struct arrival_plan){.n = 1, .rate = 1, .shape = ARRIVAL_RAMP},
				   &why),
		     ERR_INPUT));
	cr_expect(at == NULL);
}

static void
fail_as(struct fleet_stats *s, enum dev_phase phase, const char *kind, int code, const char *text)
{
	struct failure f = {.layer = LAYER_HTTP, .code = code};
	snprintf(f.kind, sizeof(f.kind), "%s", kind);
	snprintf(f.why.text, sizeof(f.why.text), "%s", text);
	fleet_stats_add_failure(s, phase, &f);
}

Test(stats, causes_are_counted_by_kind)
{
	struct fleet_stats *s = fleet_stats_new();
	fail_as(s, PHASE_ENROLL, "ca-unreachable", 503, "first words");
	fail_as(s, PHASE_ENROLL, "ca-unreachable", 503, "second words");
	fail_as(s, PHASE_CONNECT, "ca-unreachable", 503, "another phase");
	fail_as(s, PHASE_ENROLL, "ca-unreachable", 504, "another code");
	cr_assert(eq(sz, s->n_causes, 3));
	cr_expect(eq(u64, s->causes[0].count, 2));
	cr_expect(eq(str, s->causes[0].example, (char *)(uintptr_t) "first words"));
	cr_expect(eq(u64, s->phase_failed[PHASE_ENROLL], 3));
	free(s);
}

Test(stats, many_kinds_do_not_overflow)
{
	struct fleet_stats *s = fleet_stats_new();
	for (int i = 0; i < 2 * CAUSES_MAX; i++)
		fail_as(s, PHASE_ENROLL, "x", i, "words");
	cr_expect(eq(sz, s->n_causes, CAUSES_MAX));
	cr_expect(eq(u64, s->other_causes, CAUSES_MAX));
	free(s);
}

Test(stats, merging_is_the_union)
{
	struct fleet_stats *a = fleet_stats_new(), *b = fleet_stats_new(), *all = fleet_stats_new();
	for (uint64_t v = 1; v <= 1000; v++) {
		hist_record(&(v % 2 ? a : b)->phases[PHASE_ENROLL], v * 100);
		hist_record(&all->phases[PHASE_ENROLL], v * 100);
	}
	fail_as(a, PHASE_ENROLL, "x", 1, "words of a");
	fail_as(b, PHASE_ENROLL, "x", 1, "words of b");
	fail_as(b, PHASE_ENROLL, "y", 1, "words of y");
	a->started = 5;
	b->started = 7;
	fleet_stats_merge(a, b);
	cr_expect(eq(u64, a->started, 12));
	cr_expect(eq(u64, a->causes[0].count, 2));
	cr_expect(eq(sz, a->n_causes, 2));
	for (double p = 1; p <= 100; p += 0.5)
		cr_expect(eq(u64, hist_percentile(&a->phases[PHASE_ENROLL], p),
			     hist_percentile(&all->phases[PHASE_ENROLL], p)));
	free(a);
	free(b);
	free(all);
}

Test(verdict, late_starts_beat_failures_and_failures_beat_success)
{
	struct fleet_options options = {0};
	struct fleet_stats *s = fleet_stats_new();
	struct fleet_result r = {.options = &options, .stats = s};
	s->started = 1000;
	s->done = 1000;
	cr_expect(eq(int, fleet_verdict(&r), 0));
	s->late = 10;
	cr_expect(eq(int, fleet_verdict(&r), 0), "1 %% may be late");
	s->failed = 1;
	cr_expect(eq(int, fleet_verdict(&r), 1));
	s->late = 11;
	cr_expect(eq(int, fleet_verdict(&r), 4));
	free(s);
}

Test(verdict, a_saturated_loop_is_the_generators_fault)
{
	struct fleet_options options = {0};
	struct fleet_stats *s = fleet_stats_new();
	struct fleet_result r = {.options = &options, .stats = s};
	s->started = s->done = 1000;
	s->watched_us = 10000000;
	s->saturated_us = 2000000;
	cr_expect(eq(int, fleet_verdict(&r), 0), "20 %% may be");
	s->saturated_us = 2000001;
	cr_expect(eq(int, fleet_verdict(&r), 4));
	s->watched_us = s->saturated_us = 900000;
	cr_expect(eq(int, fleet_verdict(&r), 0), "a burst of less than a second is none");
	free(s);
}

Test(phases, a_list_is_read_in_order)
{
	struct fleet_options o = {0};
	struct why why = {0};
	cr_assert(eq(int, fleet_phases_parse(&o, "enroll,wireguard,decommission", &why), ERR_OK));
	cr_assert(eq(sz, o.n_phases, 4));
	cr_expect(eq(int, o.phases[0], PHASE_ENROLL));
	cr_expect(eq(int, o.phases[1], PHASE_TUNNEL));
	cr_expect(eq(int, o.phases[2], PHASE_PING), "a tunnel is up when an echo came back");
	cr_expect(eq(int, o.phases[3], PHASE_RETIRE));
	cr_expect(eq(int, fleet_phases_parse(&o, "enroll,mqt", &why), ERR_INPUT));
	cr_expect(strstr(why.text, "'mqt'") != NULL, "%s", why.text);
	cr_expect(eq(int, fleet_phases_parse(&o, "", &why), ERR_INPUT));
}

Test(shard, forms)
{
	static const struct {
		const char *text;
		const char *rank, *size, *job;
		uint64_t index, count; // count 0 = refused
	} rows[] = {
		{"0/4",	NULL, NULL, NULL, 0, 4 },
		  {"3/4",	  NULL, NULL, NULL, 3, 4 },
		{"4/4",	NULL, NULL, NULL, 0, 0 },
		  {"1",	NULL, NULL, NULL, 0, 0 },
		{"1/",      NULL, NULL, NULL, 0, 0 },
		  {"/4",	 NULL, NULL, NULL, 0, 0 },
		{"-1/4",	 NULL, NULL, NULL, 0, 0 },
		  {"1/4x",	   NULL, NULL, NULL, 0, 0 },
		{"",	     NULL, NULL, NULL, 0, 0 },
		  {"auto",	   NULL, NULL, NULL, 0, 0 },
		{"auto",	 "2",  "8",  NULL, 2, 8 },
		  {"auto/16", "2",  "8",	NULL, 2, 16},
		{"auto",	 NULL, NULL, "5",  0, 0 },
		  {"auto/6",  NULL, NULL, "5",  5, 6 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		unsetenv("OMPI_COMM_WORLD_RANK");
		unsetenv("OMPI_COMM_WORLD_SIZE");
		unsetenv("SLURM_PROCID");
		unsetenv("JOB_COMPLETION_INDEX");
		if (rows[i].rank)
			setenv("OMPI_COMM_WORLD_RANK", rows[i].rank, 1);
		if (rows[i].size)
			setenv("OMPI_COMM_WORLD_SIZE", rows[i].size, 1);
		if (rows[i].job)
			setenv("JOB_COMPLETION_INDEX", rows[i].job, 1);
		struct shard s = {0};
		struct why why = {0};
		enum err err = shard_parse(&s, rows[i].text, &why);
		cr_expect(eq(int, err == ERR_OK, rows[i].count != 0), "%s: %s", rows[i].text,
			  why.text);
		cr_expect(eq(u64, s.index, rows[i].index), "%s", rows[i].text);
		cr_expect(eq(u64, s.count, rows[i].count), "%s", rows[i].text);
	}
}

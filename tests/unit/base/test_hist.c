// SPDX-License-Identifier: Apache-2.0
#include "base/hist.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX ((1ULL << HIST_MAX_BITS) - 1)

// The buckets cover 0..VALUE_MAX without gap or overlap, and both directions agree.
Test(hist, buckets_tile_the_range)
{
	cr_expect(eq(u64, hist_lower(0), 0));
	cr_expect(eq(u64, hist_upper(HIST_BUCKETS - 1), VALUE_MAX));
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		cr_assert(eq(sz, hist_index(hist_lower(i)), i));
		cr_assert(eq(sz, hist_index(hist_upper(i)), i));
		cr_assert(i == 0 || hist_lower(i) == hist_upper(i - 1) + 1, "bucket %zu", i);
	}
}

Test(hist, a_bucket_is_narrow)
{
	struct rng rng;
	rng_init(&rng, 1, 0);
	for (int i = 0; i < 100000; i++) {
		uint64_t v = rng_u64(&rng) >> (24 + rng_below(&rng, 40));
		size_t at = hist_index(v);
		cr_assert(hist_lower(at) <= v && v <= hist_upper(at));
		double width = (double)(hist_upper(at) - hist_lower(at));
		cr_assert(width <= 0.0079 * (double)v || width == 0, "%lu", (unsigned long)v);
	}
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;
	return *x < *y ? -1 : *x > *y;
}

// Against sorting: the percentile is never below the exact value and at most a bucket above.
Test(hist, percentiles_agree_with_sorting)
{
	enum { N = 5000 };
	static const double percents[] = {0, 1, 50, 90, 95, 99, 99.9, 100};
	static uint64_t values[N];
	struct hist *h = malloc(sizeof(*h));
	struct rng rng;
	rng_init(&rng, 2, 0);
	hist_init(h);
	uint64_t sum = 0;
	for (size_t i = 0; i < N; i++) {
		values[i] = (uint64_t)rng_exponential(&rng, 40000);
		sum += values[i];
		hist_record(h, values[i]);
	}
	qsort(values, N, sizeof(values[0]), compare);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		size_t rank = ((size_t)(percents[i] * 10 + 0.5) * N + 999) / 1000;
		uint64_t exact = values[rank ? rank - 1 : 0];
		uint64_t got = hist_percentile(h, percents[i]);
		cr_expect(got >= exact && got <= hist_upper(hist_index(exact)), "p%g: %lu for %lu",
			  percents[i], (unsigned long)got, (unsigned long)exact);
	}
	cr_expect(eq(u64, hist_percentile(h, 100), values[N - 1]));
	cr_expect(eq(u64, h->min, values[0]));
	cr_expect(eq(dbl, hist_mean(h), (double)sum / N));
	free(h);
}

Test(hist, merging_shards_is_recording_it_all)
{
	enum { SHARDS = 4 };
	struct hist *all = malloc(sizeof(*all));
	struct hist *merged = malloc(sizeof(*merged));
	struct hist *shards = malloc(SHARDS * sizeof(*shards));
	struct rng rng;
	rng_init(&rng, 5, 0);
	hist_init(all);
	hist_init(merged);
	for (int i = 0; i < SHARDS; i++)
		hist_init(&shards[i]);
	for (int i = 0; i < 20000; i++) {
		uint64_t v = rng_u64(&rng) >> rng_below(&rng, 64);
		hist_record(all, v);
		hist_record(&shards[rng_below(&rng, SHARDS - 1)], v); // the last stays empty
	}
	for (int i = SHARDS; i-- > 0;)
		hist_merge(merged, &shards[i]);
	cr_expect(eq(int, memcmp(all, merged, sizeof(*all)), 0));
	cr_expect(all->clamped > 0);
	free(all);
	free(merged);
	free(shards);
}

Test(hist, empty_and_extreme)
{
	struct hist *h = malloc(sizeof(*h));
	hist_init(h);
	cr_expect(eq(u64, hist_percentile(h, 99), 0));
	cr_expect(eq(dbl, hist_mean(h), 0.0));
	hist_record(h, UINT64_MAX);
	cr_expect(eq(u64, h->clamped, 1));
	cr_expect(eq(u64, hist_percentile(h, 50), VALUE_MAX));
	hist_init(h);
	hist_record(h, 0);
	cr_expect(eq(u64, hist_percentile(h, 100), 0));
	free(h);
}

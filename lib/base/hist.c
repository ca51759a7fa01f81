// SPDX-License-Identifier: Apache-2.0
#include "base/hist.h"

#include <math.h>

#define SUB_COUNT (1ULL << HIST_SUB_BITS)
#define VALUE_MAX ((1ULL << HIST_MAX_BITS) - 1)

void
hist_init(struct hist *h)
{
	*h = (struct hist){.min = UINT64_MAX};
}

// Values below SUB_COUNT have a bucket each; above, each power of two is cut into SUB_COUNT parts.
size_t
hist_index(uint64_t value)
{
	if (value > VALUE_MAX)
		value = VALUE_MAX;
	if (value < SUB_COUNT)
		return (size_t)value;
	unsigned top = 63u - (unsigned)__builtin_clzll(value);
	unsigned shift = top - HIST_SUB_BITS;
	return (size_t)(((shift + 1ULL) << HIST_SUB_BITS) + ((value >> shift) - SUB_COUNT));
}

uint64_t
hist_lower(size_t index)
{
	if (index < SUB_COUNT)
		return index;
	unsigned shift = (unsigned)(index >> HIST_SUB_BITS) - 1;
	return ((index & (SUB_COUNT - 1)) + SUB_COUNT) << shift;
}

uint64_t
hist_upper(size_t index)
{
	if (index < SUB_COUNT)
		return index;
	unsigned shift = (unsigned)(index >> HIST_SUB_BITS) - 1;
	return hist_lower(index) + (1ULL << shift) - 1;
}

void
hist_record(struct hist *h, uint64_t value)
{
	h->buckets[hist_index(value)]++;
	h->count++;
	h->sum += value;
	h->clamped += value > VALUE_MAX;
	h->min = value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->count += from->count;
	into->sum += from->sum;
	into->clamped += from->clamped;
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
}

uint64_t
hist_percentile(const struct hist *h, double percent)
{
	if (h->count == 0)
		return 0;
	// 99.9 % of 5000 is 4995, though doubles make it a hair more.
	uint64_t rank = (uint64_t)ceil(percent / 100.0 * (double)h->count * (1 - 1e-12));
	if (rank == 0)
		rank = 1;
	uint64_t seen = 0;
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= rank) {
			uint64_t edge = hist_upper(i);
			return edge < h->max ? edge : h->max;
		}
	}
	return h->max;
}

double
hist_mean(const struct hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0.0;
}

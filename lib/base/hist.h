// SPDX-License-Identifier: Apache-2.0
// Log-linear histogram (HdrHistogram's bucket layout, 128 sub-buckets: worst relative width 0.78
// %). One writer; merging adds counters, so shards merge exactly.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	HIST_SUB_BITS = 7,
	HIST_MAX_BITS = 40,
	HIST_BUCKETS = ((HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS),
};

// Values are what the caller says they are; ours are microseconds. Larger ones than 2^40-1 clamp.
struct hist {
	uint64_t count;
	uint64_t sum;
	uint64_t min;
	uint64_t max;
	uint64_t clamped;
	uint64_t buckets[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_record(struct hist *h, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);
// The value below or at which `percent` of the records lie (upper edge of its bucket, never above
// max); 0 when empty.
uint64_t hist_percentile(const struct hist *h, double percent);
double hist_mean(const struct hist *h);
// Bucket arithmetic, public for its property test: lower <= value <= upper of hist_index(value).
size_t hist_index(uint64_t value);
uint64_t hist_lower(size_t index);
uint64_t hist_upper(size_t index);

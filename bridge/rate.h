// SPDX-License-Identifier: Apache-2.0
// A token bucket: so many per second on average, a burst of one second's worth. Pure: time comes
// in.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rate {
	unsigned per_s; // 0 = no limit
	double tokens;
	uint64_t last_ns;
};

void rate_init(struct rate *r, unsigned per_s, uint64_t now_ns);
// Takes one; false when there is none left.
bool rate_take(struct rate *r, uint64_t now_ns);

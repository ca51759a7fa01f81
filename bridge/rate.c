// SPDX-License-Identifier: Apache-2.0
#include "bridge/rate.h"

#include "base/clock.h"

void
rate_init(struct rate *r, unsigned per_s, uint64_t now_ns)
{
	*r = (struct rate){.per_s = per_s, .tokens = per_s, .last_ns = now_ns};
}

bool
rate_take(struct rate *r, uint64_t now_ns)
{
	if (r->per_s == 0)
		return true;
	double gained = (double)(now_ns - r->last_ns) / (double)NS_PER_S * r->per_s;
	r->last_ns = now_ns;
	r->tokens = r->tokens + gained < r->per_s ? r->tokens + gained : r->per_s;
	if (r->tokens < 1)
		return false;
	r->tokens -= 1;
	return true;
}

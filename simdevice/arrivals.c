// SPDX-License-Identifier: Apache-2.0
#include "arrivals.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"

enum err
arrival_shape_parse(enum arrival_shape *out, const char *name)
{
	static const char *const names[] = {[ARRIVAL_CONSTANT] = "constant",
					    [ARRIVAL_POISSON] = "poisson",
					    [ARRIVAL_RAMP] = "ramp"};
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum arrival_shape)i;
			return ERR_OK;
		}
	return ERR_INPUT;
}

// With the rate growing linearly, t seconds bring rate * t^2 / (2 * ramp) devices; the ramp as a
// whole rate * ramp / 2.
static double
ramp_time(const struct arrival_plan *plan, double i)
{
	double in_ramp = plan->rate * plan->ramp_s / 2;
	if (i <= in_ramp)
		return sqrt(2 * plan->ramp_s * i / plan->rate);
	return plan->ramp_s + (i - in_ramp) / plan->rate;
}

enum err
arrivals_plan(uint64_t **out, const struct arrival_plan *plan, struct why *why)
{
	if (!(plan->rate > 0) || plan->rate > 1e6)
		return why_set(why, ERR_INPUT,
			       "the rate must be above 0 and at most 1000000 per second");
	if (plan->shape == ARRIVAL_RAMP && !(plan->ramp_s > 0))
		return why_set(why, ERR_INPUT, "a ramp needs its length in seconds");
	uint64_t *at = calloc(plan->n ? plan->n : 1, sizeof(*at));
	if (!at)
		return why_set(why, ERR_NOMEM, "out of memory");
	struct rng rng;
	rng_init(&rng, plan->seed, 0x617272); // a stream of its own: workers use theirs
	double t = 0;
	for (uint64_t i = 0; i < plan->n; i++) {
		if (plan->shape == ARRIVAL_CONSTANT)
			t = (double)i / plan->rate;
		else if (plan->shape == ARRIVAL_RAMP)
			t = ramp_time(plan, (double)i);
		at[i] = (uint64_t)(t * (double)NS_PER_S);
		if (plan->shape == ARRIVAL_POISSON)
			t += rng_exponential(&rng, 1 / plan->rate);
	}
	*out = at;
	return ERR_OK;
}

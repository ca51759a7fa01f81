// SPDX-License-Identifier: Apache-2.0
// When devices arrive: planned in advance, so that a slow target cannot slow the plan down (open
// model).
#pragma once

#include <stdint.h>

#include "base/err.h"

enum arrival_shape {
	ARRIVAL_CONSTANT, // every 1/rate s
	ARRIVAL_POISSON,  // exponential gaps with that mean
	ARRIVAL_RAMP,	  // the rate grows from 0 to `rate` during ramp_s, then stays
};

struct arrival_plan {
	enum arrival_shape shape;
	uint64_t n;
	double rate;   // devices per second, > 0
	double ramp_s; // ARRIVAL_RAMP
	uint64_t seed;
};

// "constant" "poisson" "ramp"
enum err ERR_MUST_CHECK arrival_shape_parse(enum arrival_shape *out, const char *name);
// Offsets from the start in ns, ascending; an array of n that the caller frees. ERR_INPUT,
// ERR_NOMEM.
enum err ERR_MUST_CHECK arrivals_plan(uint64_t **out, const struct arrival_plan *plan,
				      struct why *why);

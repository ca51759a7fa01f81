// SPDX-License-Identifier: Apache-2.0
// A seeded generator for everything that must replay: arrivals, jitter, fault dice, ids.
// Never for keys, nonces or serials: those come from OpenSSL.
#pragma once

#include <stdint.h>
#include <stddef.h>

struct rng {
	uint64_t s[4];
};

// The same (seed, stream) gives the same sequence; streams are for workers and devices.
void rng_init(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *r);
// Uniform in [0, bound), without bias; 0 when bound is 0.
uint64_t rng_below(struct rng *r, uint64_t bound);
// Uniform in [0, 1).
double rng_double(struct rng *r);
// Exponentially distributed with the given mean (Poisson arrivals).
double rng_exponential(struct rng *r, double mean);
void rng_fill(struct rng *r, void *out, size_t n);
// A seed from the system, for runs that were given none.
uint64_t rng_system_seed(void);

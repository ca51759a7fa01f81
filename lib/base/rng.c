// SPDX-License-Identifier: Apache-2.0
// xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64 as its authors advise.
#include "base/rng.h"

#include <math.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

static uint64_t
splitmix64(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15ULL);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint64_t
rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

void
rng_init(struct rng *r, uint64_t seed, uint64_t stream)
{
	uint64_t x = seed;
	x = splitmix64(&x) ^ (stream * 0xd1342543de82ef95ULL);
	for (size_t i = 0; i < 4; i++)
		r->s[i] = splitmix64(&x);
}

uint64_t
rng_u64(struct rng *r)
{
	uint64_t *s = r->s;
	const uint64_t result = rotl(s[1] * 5, 7) * 9;
	const uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t
rng_below(struct rng *r, uint64_t bound)
{
	if (bound == 0)
		return 0;
	// Values under the threshold would make the low results likelier: draw again.
	const uint64_t threshold = -bound % bound;
	for (;;) {
		uint64_t x = rng_u64(r);
		if (x >= threshold)
			return x % bound;
	}
}

double
rng_double(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1.0p-53;
}

double
rng_exponential(struct rng *r, double mean)
{
	return -log1p(-rng_double(r)) * mean;
}

void
rng_fill(struct rng *r, void *out, size_t n)
{
	uint8_t *p = out;
	while (n) {
		uint64_t x = rng_u64(r);
		size_t k = n < sizeof(x) ? n : sizeof(x);
		memcpy(p, &x, k);
		p += k;
		n -= k;
	}
}

uint64_t
rng_system_seed(void)
{
	uint64_t seed;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = clock_wall_ns();
	return seed;
}

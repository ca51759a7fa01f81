// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/id.h"

Test(rng, a_seed_and_a_stream_replay)
{
	struct rng a;
	struct rng b;
	rng_init(&a, 7, 3);
	rng_init(&b, 7, 3);
	for (int i = 0; i < 1000; i++)
		cr_assert(eq(u64, rng_u64(&a), rng_u64(&b)));
}

// xoshiro256** with the state 1,2,3,4: the first outputs of the authors' reference code.
Test(rng, it_is_xoshiro256starstar)
{
	static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240ULL};
	struct rng r = {
		.s = {1, 2, 3, 4}
	 };
	for (size_t i = 0; i < N_ELEMENTS(want); i++)
		cr_expect(eq(u64, rng_u64(&r), want[i]), "output %zu", i);
}

Test(rng, streams_and_seeds_differ)
{
	uint64_t first[200];
	for (size_t i = 0; i < 200; i++) {
		struct rng r;
		rng_init(&r, i / 10, i % 10);
		first[i] = rng_u64(&r);
		for (size_t k = 0; k < i; k++)
			cr_assert(first[i] != first[k], "%zu and %zu", i, k);
	}
}

Test(rng, below_stays_below_and_is_even)
{
	struct rng r;
	unsigned counts[7] = {0};
	rng_init(&r, 1, 0);
	for (int i = 0; i < 70000; i++) {
		uint64_t v = rng_below(&r, 7);
		cr_assert(v < 7);
		counts[v]++;
	}
	for (size_t i = 0; i < 7; i++)
		cr_expect(counts[i] > 9500 && counts[i] < 10500, "%zu: %u", i, counts[i]);
	cr_expect(eq(u64, rng_below(&r, 0), 0));
	cr_expect(eq(u64, rng_below(&r, 1), 0));
	// A bound where a plain modulo would be lopsided: two of three values would be the low
	// ones.
	uint64_t bound = (UINT64_MAX / 3) * 2;
	unsigned low = 0;
	for (int i = 0; i < 10000; i++) {
		uint64_t v = rng_below(&r, bound);
		cr_assert(v < bound);
		low += v < bound / 2;
	}
	cr_expect(low > 4700 && low < 5300, "%u", low);
}

Test(rng, doubles_are_in_range)
{
	struct rng r;
	double sum = 0;
	rng_init(&r, 1, 0);
	for (int i = 0; i < 100000; i++) {
		double d = rng_double(&r);
		cr_assert(d >= 0 && d < 1);
		double e = rng_exponential(&r, 10);
		cr_assert(e >= 0 && e < 1e6);
		sum += e;
	}
	cr_expect(sum / 100000 > 9.8 && sum / 100000 < 10.2, "mean %g", sum / 100000);
}

Test(rng, fill_fills_exactly)
{
	struct rng r;
	uint8_t out[40];
	rng_init(&r, 1, 0);
	for (size_t n = 0; n <= 32; n++) {
		memset(out, 0x55, sizeof(out));
		rng_fill(&r, out + 4, n);
		for (size_t i = 0; i < 4; i++)
			cr_assert(out[i] == 0x55 && out[4 + n + i % (36 - n)] == 0x55);
	}
}

Test(id, device_ids)
{
	static const struct {
		const char *id;
		bool valid;
	} rows[] = {
		{"dev-1",		  true },
		{"a",		      true },
		{"A.b_c-9",	    true },
		{"0",		      true },
		{"",		     false},
		{"-a",		       false},
		{"a-",		       false},
		{".",		      false},
		{"..",		       false},
		{"a/b",		false},
		{"../etc",		   false},
		{"a b",		false},
		{"a\n",		false},
		{"a\x01"
		 "b", false},
		{"d\xc3\xa9v",	       false},
		{"a%2fb",		  false},
		{"a;b",		false},
		{"a\"b",		 false},
		{"$(x)",		 false},
		{"a@b.c",		  false},
		{"https://x",	      false},
	};
	struct why why;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		cr_expect(device_id_is_valid(rows[i].id) == rows[i].valid, "%s", rows[i].id);
		why.text[0] = 0;
		enum err err = device_id_check(rows[i].id, &why);
		cr_expect(eq(int, err, rows[i].valid ? ERR_OK : ERR_INPUT));
		cr_expect(rows[i].valid || strstr(why.text, "nvalid device id") != NULL, "%s",
			  why.text);
		cr_expect(strpbrk(why.text, "\n\x01\xc3") == NULL,
			  "hostile bytes are not repeated");
	}
}

Test(id, device_ids_have_a_longest)
{
	char id[200];
	memset(id, 'a', sizeof(id));
	id[DEVICE_ID_MAX] = 0;
	cr_expect(device_id_is_valid(id));
	id[DEVICE_ID_MAX] = 'a';
	id[DEVICE_ID_MAX + 1] = 0;
	cr_expect(not(device_id_is_valid(id)));
}

Test(id, uuids_have_version_and_variant)
{
	struct rng r;
	char a[UUID_CHARS + 1];
	char b[UUID_CHARS + 1];
	rng_init(&r, 1, 0);
	for (int i = 0; i < 200; i++) {
		uuid_v4(a, &r);
		cr_assert(uuid_is_valid(a) && a[14] == '4' && strchr("89ab", a[19]), "%s", a);
		uuid_v1(b, &r, 1795460002192000000ULL + (uint64_t)i * 100);
		cr_assert(uuid_is_valid(b) && b[14] == '1' && strchr("89ab", b[19]), "%s", b);
		cr_assert(strcmp(a, b) != 0);
	}
}

// RFC 9562 appendix A.1: 2022-02-22T19:22:22Z is time_low C232AB00, time_mid 9414, time_high 1EC.
Test(id, uuid_v1_keeps_the_time)
{
	struct rng r;
	char text[UUID_CHARS + 1];
	rng_init(&r, 1, 0);
	uuid_v1(text, &r, 1645557742000000000ULL);
	cr_expect(strncmp(text, "c232ab00-9414-11ec-", 19) == 0, "%s", text);
}

Test(id, what_is_no_uuid)
{
	static const char *const bad[] = {"",
					  "c232ab00-9414-11ec-b3c8-9f6bdeced84",
					  "c232ab00-9414-11ec-b3c8-9f6bdeced8466",
					  "c232ab00-9414-11ec-b3c8+9f6bdeced846",
					  "g232ab00-9414-11ec-b3c8-9f6bdeced846",
					  "c232ab009414-11ec-b3c8-9f6bdeced8466-"};
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		cr_expect(not(uuid_is_valid(bad[i])), "%s", bad[i]);
	cr_expect(uuid_is_valid("C232AB00-9414-11ec-b3c8-9f6bdeced846"));
}

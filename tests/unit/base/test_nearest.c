// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/err.h"
#include "base/nearest.h"

Test(nearest, counts_edits_and_swaps_once)
{
	static const struct {
		const char *a;
		const char *b;
		size_t distance;
	} rows[] = {
		{"",	     "",		 0},
		{"abc",	"",	    3},
		{"abc",	"ABC",       0},
		{"wg_sbunet", "wg_subnet", 1},
		{"kitten",	   "sitting",   3},
		{"listen",	   "silent",    4},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		cr_expect(eq(sz, nearest_distance(rows[i].a, rows[i].b), rows[i].distance),
			  "%s / %s", rows[i].a, rows[i].b);
}

Test(nearest, names_what_was_meant_and_stays_silent_when_nothing_is_close)
{
	static const char *const names[] = {"WG_SUBNET", "WG_SERVER", "HAWKBIT_URL"};
	cr_expect(eq(str, (char *)(uintptr_t)nearest_name("WG_SUBNETS", names, 3), "WG_SUBNET"));
	cr_expect(eq(str, (char *)(uintptr_t)nearest_name("HAWKBIT_URI", names, 3), "HAWKBIT_URL"));
	cr_expect(nearest_name("COLOUR", names, 3) == NULL);
	cr_expect(nearest_name("WG_SUBNET", names, 0) == NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "lifecycle.h"

#define ROW(state, event, next)                                                                    \
	{                                                                                          \
		ST_##state, EV_##event, NULL, NULL, ST_##next, "", ""                              \
	}

static bool
never(const struct device *d)
{
	(void)d;
	return false;
}

static void
expect_defect(const struct rule *rules, size_t n, const char *words)
{
	struct why why = {0};
	cr_expect(ne(int, lifecycle_check_rules(rules, n, &why), ERR_OK), "'%s' was not found",
		  words);
	cr_expect(strstr(why.text, words) != NULL, "said: %s", why.text);
}

Test(lifecycle, the_table_is_sound)
{
	struct why why = {0};
	cr_expect(eq(int, lifecycle_check(&why), ERR_OK), "%s", why.text);
}

Test(lifecycle, a_row_behind_one_that_always_fits_is_found)
{
	static const struct rule rules[] = {ROW(NEW, ENROLL, ENROLLING),
					    ROW(NEW, ENROLL, TRUSTING)};
	expect_defect(rules, N_ELEMENTS(rules), "can never be taken");
}

Test(lifecycle, the_same_guard_twice_is_found)
{
	static const struct rule rules[] = {
		{ST_NEW, EV_ENROLL, never, NULL, ST_ENROLLING, "never", ""},
		{ST_NEW, EV_ENROLL, never, NULL, ST_TRUSTING,  "never", ""},
	};
	expect_defect(rules, N_ELEMENTS(rules), "can never be taken");
}

Test(lifecycle, a_state_that_nothing_leads_to_is_found)
{
	static const struct rule rules[] = {ROW(NEW, ENROLL, ENROLLING)};
	expect_defect(rules, N_ELEMENTS(rules), "no row leads to");
}

// Every state is reached by a row of its own from NEW, none of them leaves.
Test(lifecycle, a_state_that_cannot_time_out_is_found)
{
	static struct rule rules[ST_COUNT];
	for (unsigned s = 0; s < ST_COUNT; s++)
		rules[s] = (struct rule){.state = s == ST_TRUSTING ? ST_ENROLLED : ST_NEW,
					 .event = (enum dev_event)(s % (EV_COUNT - 1) + 1),
					 .next = (enum dev_state)s};
	expect_defect(rules, N_ELEMENTS(rules), "does not end on TIMEOUT");
}

Test(lifecycle, a_group_in_the_next_column_is_found)
{
	static const struct rule rules[] = {ROW(NEW, ENROLL, RESTING)};
	expect_defect(rules, N_ELEMENTS(rules), "wrong column");
}

Test(lifecycle, every_state_and_event_has_words)
{
	for (unsigned s = 0; s < ST_COUNT; s++)
		cr_expect(gt(sz, strlen(dev_state_text((enum dev_state)s)), 3));
	for (unsigned e = EV_NONE + 1; e < EV_COUNT; e++)
		cr_expect(gt(sz, strlen(dev_event_text((enum dev_event)e)), 3));
}

Test(lifecycle, the_dump_names_every_state)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 65536);
	cr_assert(eq(int, lifecycle_dump(&text), ERR_OK));
	for (unsigned s = 0; s < ST_COUNT; s++) {
		char cell[64];
		snprintf(cell, sizeof(cell), "| %s |", dev_state_name((enum dev_state)s));
		cr_expect(strstr((char *)text.data, cell) != NULL, "%s", cell);
	}
}

// A device's row must stay small: a process holds thousands of them.
Test(lifecycle, a_device_is_small)
{
	cr_expect(le(sz, sizeof(struct device), 256));
}

// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <string.h>

Test(err, every_error_has_its_own_name_and_a_status)
{
	for (int i = 0; i < ERR_COUNT; i++) {
		const char *name = err_name((enum err)i);
		cr_expect(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name), "%s", name);
		cr_expect(err_text((enum err)i)[0] != 0);
		int status = err_http_status((enum err)i);
		cr_expect(status >= 200 && status < 600, "%s: %d", name, status);
		for (int k = 0; k < i; k++)
			cr_expect(strcmp(name, err_name((enum err)k)) != 0, "%s twice", name);
	}
	cr_expect(eq(int, err_http_status(ERR_UPSTREAM_DOWN), 503));
	cr_expect(eq(int, err_http_status(ERR_INPUT), 422));
	cr_expect(err_is_retryable(ERR_TIMEOUT));
	cr_expect(not(err_is_retryable(ERR_INPUT)));
}

Test(err, a_number_from_nowhere_is_an_internal_error)
{
	cr_expect(strcmp(err_name((enum err)9999), "internal") == 0);
}

Test(err, why_takes_words_and_returns_the_error)
{
	struct why why = {0};
	cr_expect(eq(int, why_set(&why, ERR_INPUT, "port %d", 7), ERR_INPUT));
	cr_expect(eq(int, why.err, ERR_INPUT));
	why_prefix(&why, "file %s", "a");
	cr_expect(strcmp(why.text, "file a: port 7") == 0, "%s", why.text);
	cr_expect(eq(int, why_set(NULL, ERR_IO, "nobody listens"), ERR_IO));
	why_prefix(NULL, "nobody");
}

Test(err, long_words_are_cut_with_dots)
{
	struct why why = {0};
	char text[2000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	why_set(&why, ERR_INPUT, "%s", text);
	cr_expect(eq(sz, strlen(why.text), sizeof(why.text) - 1));
	cr_expect(strcmp(why.text + sizeof(why.text) - 4, "...") == 0);
	why_prefix(&why, "before");
	cr_expect(strncmp(why.text, "before: xxx", 11) == 0);
	cr_expect(strcmp(why.text + sizeof(why.text) - 4, "...") == 0);
}

static int n_freed;

static void
thing_free(int *thing)
{
	n_freed++;
	free(thing);
}
AUTO_DEFINE(int *, thing_free)

static int *
make(bool steal)
{
	AUTO(thing_free) int *thing = malloc(sizeof(int));
	return steal ? STEAL(thing) : NULL;
}

Test(err, what_is_stolen_is_not_freed)
{
	cr_expect(make(false) == NULL);
	cr_expect(eq(int, n_freed, 1));
	int *thing = make(true);
	cr_expect(eq(int, n_freed, 1));
	free(thing);
}

// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "read.h"
#include "runner/jpath.h"
#include "runner/matcher.h"

static const json_t *
look_up(void *ctx, const char *path)
{
	return jpath_get(ctx, path);
}

struct row {
	const char *matcher;
	const char *path;
	const char *actual; // JSON with '; NULL = absent
	bool want;
};

static void
check_rows(const struct row *rows, size_t n)
{
	json_t *world = read_json("{'csr':{'key':'abc'},'n':7}");
	for (size_t i = 0; i < n; i++) {
		AUTO(source_free) struct source *source = NULL;
		DIAGS_AUTO struct diags diags = {0};
		AUTO(node_free) struct node *matcher = read_yaml(&source, rows[i].matcher, &diags);
		json_t *actual = rows[i].actual ? read_json(rows[i].actual) : NULL;
		struct mismatch m = {0};
		cr_assert(matcher != NULL);
		matcher_check(matcher, &diags);
		cr_expect(eq(sz, diags.n, 0), "%s", rows[i].matcher);
		bool got = matcher_eval(matcher, rows[i].path, actual, look_up, world, &m);
		cr_expect(got == rows[i].want, "'%s' on %s", rows[i].matcher,
			  rows[i].actual ? rows[i].actual : "absent");
		cr_expect(got == (m.expected == NULL), "a mismatch is told, a match is not");
		mismatch_fini(&m);
		json_decref(actual);
	}
	json_decref(world);
}

Test(matcher, literals_are_read_by_the_type_of_the_actual_value)
{
	static const struct row rows[] = {
		{"200",	"s",	     "200",	    true },
		  {"200",	  "s",       "'200'",	true },
		{"'200'",  "s",       "200",     false},
		  {"200",	  "s",       "201",     false},
		{"200",	"s",	     NULL,	   false},
		  {"1e2",	  "s",       "100",     true },
		{"true",	 "s",	      "true",    true },
		  {"'true'", "s",	  "true",	  false},
		{"no",     "s",	    "'no'",    true },
		  {"no",	 "s",	      "false",   false},
		{"null",	 "s",	      "null",    true },
		  {"null",   "s",	NULL,      false},
		{"[a, 2]", "s",	"['a',2]", true },
		  {"[a, 2]", "s",	  "[2,'a']", false},
		{"2s",     "time_ms", "2000",	  true },
		  {"2s",	 "time",	 "2000",	 false},
	};
	check_rows(rows, N_ELEMENTS(rows));
}

Test(matcher, presence_words)
{
	static const struct row rows[] = {
		{"exists",   "s", "0",	     true },
		    {"exists",   "s", "null",	    false},
		{"exists",   "s", NULL,	      false},
		    {"'exists'", "s", "'exists'",	  true },
		{"absent",   "s", NULL,	      true },
		    {"absent",   "s", "null",	    false},
		{"none",	 "s", NULL,	    true },
		    {"none",     "s", "null",	  true },
		{"none",	 "s", "[]",	    true },
		    {"none",     "s", "{}",		true },
		{"none",	 "s", "''",	    true },
		    {"none",     "s", "0",	       false},
		{"none",	 "s", "{'a':null}", false},
	};
	check_rows(rows, N_ELEMENTS(rows));
}

Test(matcher, operators)
{
	static const struct row rows[] = {
		{"{ gte: 1 }",		       "s",    "1",		 true },
		{"{ gt: 1 }",		      "s",	   "1",		false},
		{"{ lte: 1 }",		       "s",    "1.5",	   false},
		{"{ lt: 12s }",		"t_ms", "11999.5",	   true },
		{"{ lt: 12s }",		"t_ms", "12000",	 false},
		{"{ lt: 5 }",		      "s",	   "'4'",		  false},
		{"{ lte: 5 }",		       "s",    NULL,		  false},
		{"{ gte: 1, lt: 3 }",	      "s",	   "3",		false},
		{"{ ne: 5 }",		      "s",	   "6",		true },
		{"{ ne: 5 }",		      "s",	   NULL,		 false},
		{"{ eq: a }",		      "s",	   "'a'",		  true },
		{"{ matches: '^Inv[a-z]+' }", "s",	   "'Invalid CSR'", true },
		{"{ matches: '^CSR' }",	"s",    "'Invalid CSR'", false},
		{"{ matches: '5' }",	     "s",	  "5",	       false},
		{"{ contains: CSR }",	      "s",	   "'Invalid CSR'", true },
		{"{ contains: b }",	    "s",	 "['a','b']",     true },
		{"{ contains: b }",	    "s",	 "{'b':1}",	    true },
		{"{ contains: b }",	    "s",	 "['ab']",	   false},
		{"{ in: 10.8.0.0/24 }",	"s",    "'10.8.0.255'",  true },
		{"{ in: 10.8.0.0/24 }",	"s",    "'10.8.1.0'",	   false},
		{"{ in: 0.0.0.0/0 }",	      "s",	   "'1.2.3.4'",	true },
		{"{ in: 10.8.0.0/24 }",	"s",    "'nonsense'",	   false},
		{"{ in: [200, 503] }",	       "s",    "503",	   true },
		{"{ in: [200, 503] }",	       "s",    "500",	   false},
		{"{ same-as: csr.key }",	 "s",    "'abc'",	       true },
		{"{ same-as: csr.key }",	 "s",    "'abd'",	       false},
		{"{ same-as: csr.none }",	  "s",    NULL,	     false},
		{"{ length: 2 }",		  "s",    "['a','b']",	    true },
		{"{ length: { gte: 3 } }",	   "s",	"'ab'",		false},
	};
	check_rows(rows, N_ELEMENTS(rows));
}

Test(matcher, mismatch_names_both_sides)
{
	static const struct {
		const char *matcher, *actual, *expected_text, *actual_text;
	} rows[] = {
		{"503",		"422", "503",	      "422"		   },
		{"exists",		   NULL,	 "exists",	   "(absent)"	     },
		{"{ gte: 1, lt: 3 }", "9",   "lt 3",	   "9"	      },
		{"{ same-as: n }",	   "8",	"same-as n", "8, where n is 7"},
		{"{ length: 2 }",	  "[]",	"length 2",  "length 0: []"	  },
	};
	json_t *world = read_json("{'n':7}");
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(source_free) struct source *source = NULL;
		DIAGS_AUTO struct diags diags = {0};
		AUTO(node_free) struct node *matcher = read_yaml(&source, rows[i].matcher, &diags);
		json_t *actual = rows[i].actual ? read_json(rows[i].actual) : NULL;
		struct mismatch m = {0};
		bool same = matcher_eval(matcher, "p", actual, look_up, world, &m);
		cr_assert(not(same));
		cr_expect(eq(str, m.expected, (char *)rows[i].expected_text));
		cr_expect(eq(str, m.actual, (char *)rows[i].actual_text));
		mismatch_fini(&m);
		json_decref(actual);
	}
	json_decref(world);
}

Test(matcher, what_is_not_well_formed_is_found_before_anything_runs)
{
	static const struct {
		const char *matcher, *says;
	} rows[] = {
		{"{ gtee: 1 }",		"unknown matcher 'gtee'; did you mean 'gte'?"},
		{"{ gte: many }",	  "'many' is neither a number nor a duration"  },
		{"{ matches: '(' }",	     "not a POSIX extended regular expression"    },
		{"{ in: 10.8.0.0 }",	     "expected an IPv4 network"		       },
		{"{ in: 10.8.0.0/33 }",	"expected an IPv4 network"			  },
		{"{ length: { gtt: 1 } }", "unknown matcher 'gtt'"			  },
		{"{}",		       "an empty matcher"				 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(source_free) struct source *source = NULL;
		DIAGS_AUTO struct diags diags = {0};
		AUTO(node_free) struct node *matcher = read_yaml(&source, rows[i].matcher, &diags);
		matcher_check(matcher, &diags);
		cr_assert(eq(sz, diags.n, 1), "%s", rows[i].matcher);
		cr_expect(strstr(diags.items[0].text, rows[i].says) != NULL, "%s",
			  diags.items[0].text);
	}
}

Test(jpath, finds_values_under_keys_that_hold_dots)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
		{"a.b",	"1"  },
		{"a.b.c",	  "2"  },
		   {"dev.1.x.ip", "'y'"},
		  {"dev.ip",     "'z'"},
		{"l.1.k",	  "5"  },
		{"",	     NULL },
		   {"a.x",	   NULL },
		  {"l.2",	  NULL },
		{"l.-1",	 NULL },
		{"a.b.c.d",    NULL },
	};
	json_t *world = read_json("{'a':{'b':1,'b.c':2},'dev':{'ip':'z'},'dev.1.x':{'ip':'y'},"
				  "'l':[0,{'k':5}]}");
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		if (!*rows[i].path) {
			cr_expect(jpath_get(world, "") == world);
			continue;
		}
		json_t *want = rows[i].want ? read_json(rows[i].want) : NULL;
		const json_t *got = jpath_get(world, rows[i].path);
		cr_expect(want ? json_equal(got, want) : got == NULL, "%s", rows[i].path);
		json_decref(want);
	}
	json_decref(world);
}

Test(jpath, says_what_is_there_instead)
{
	BUF_AUTO struct buf known;
	buf_init(&known, 1000);
	json_t *world = read_json("{'a':{'b':1,'c':2}}");
	const char *missing = jpath_missing(world, "a.x.y", &known);
	cr_expect(eq(str, (char *)missing, "x.y"));
	cr_expect(eq(str, (char *)known.data, "b, c"));
	cr_expect(jpath_missing(world, "a.b", &known) == NULL);
	json_decref(world);
}

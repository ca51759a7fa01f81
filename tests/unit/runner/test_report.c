// SPDX-License-Identifier: Apache-2.0
// Reports, thresholds and the file of facts: what others read from a run.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hist.h"
#include "read.h"
#include "runner/facts.h"
#include "runner/report.h"
#include "runner/thresholds.h"

static void
add_result(struct results *r, const char *name, enum verdict verdict, const char *reason)
{
	struct scenario scenario = {.path = "s.yaml"};
	struct instance instance = {.scenario = &scenario,
				    .name = (char *)name,
				    .slug = "slug",
				    .root = node_new(NODE_MAP, (struct place){0})};
	results_add_unplayed(r, &instance, verdict, reason);
	node_free(instance.root);
}

Test(junit, is_well_formed_whatever_stands_in_names_and_reasons)
{
	struct results r = {0};
	BUF_AUTO struct buf out;
	buf_init(&out, 100000);
	add_result(&r, "a <b> & \"c\" \x01\xff\xc3\xa4", VERDICT_FAILED, "x < y\n]]> \xc0\x80");
	add_result(&r, "ok", VERDICT_PASSED, "");
	add_result(&r, "skip", VERDICT_SKIPPED, "no");
	add_result(&r, "unsure", VERDICT_INCONCLUSIVE, "never fired");
	cr_assert(eq(int, (int)report_junit(&out, &r, "runs/1"), ERR_OK));
	const char *xml = (const char *)out.data;
	cr_expect(strstr(xml, "name=\"a &lt;b&gt; &amp; &quot;c&quot; ??\xc3\xa4\"") != NULL, "%s",
		  xml);
	cr_expect(strstr(xml, "<failure message=\"x &lt; y\" type=\"failed\">") != NULL, "%s", xml);
	cr_expect(strstr(xml, "]]&gt; ??") != NULL, "%s", xml);
	cr_expect(
		strstr(xml,
		       "<testsuite name=\"provsim\" tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\"") !=
			NULL,
		"%s", xml);
	cr_expect(strstr(xml, "<testsuites tests=\"4\" failures=\"1\" errors=\"1\" time=") != NULL,
		  "%s", xml);
	results_fini(&r);
}

Test(results, exit_code_is_that_of_the_worst)
{
	static const struct {
		enum verdict verdicts[3];
		size_t n;
		int code;
	} rows[] = {
		{{VERDICT_PASSED, VERDICT_SKIPPED},		    2, 0	},
		{{VERDICT_SKIPPED, VERDICT_SKIPPED},		     2, 77 },
		{{VERDICT_PASSED, VERDICT_INCONCLUSIVE},		 2, 4  },
		{{VERDICT_INCONCLUSIVE, VERDICT_FAILED},		 2, 1  },
		{{VERDICT_FAILED, VERDICT_BAD_FILE},		     2, 3	 },
		{{VERDICT_FAILED, VERDICT_BAD_FILE, VERDICT_BROKEN}, 3, 5	 },
		{{VERDICT_BROKEN, VERDICT_INTERRUPTED},		2, 130},
		{{VERDICT_PASSED},				   0, 0  },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct results r = {0};
		for (size_t k = 0; k < rows[i].n; k++)
			add_result(&r, "x", rows[i].verdicts[k], "");
		cr_expect(eq(int, results_exit_code(&r), rows[i].code), "row %zu", i);
		results_fini(&r);
	}
}

static json_t *
some_figures(void)
{
	json_t *buckets = json_array();
	// 98 values of 1 ms and 2 of 50 ms.
	json_array_append_new(buckets,
			      json_pack("[I,I]", (json_int_t)hist_index(1000), (json_int_t)98));
	json_array_append_new(buckets,
			      json_pack("[I,I]", (json_int_t)hist_index(50000), (json_int_t)2));
	return json_pack("{s:{s:f,s:f,s:o,s:I},s:{s:f}}", "enroll.latency", "max", 50.0, "mean",
			 2.0, "buckets_us", buckets, "max_us", (json_int_t)50000, "errors", "rate",
			 0.5);
}

Test(thresholds, conditions)
{
	static const struct {
		const char *metric, *condition;
		bool known, met;
	} rows[] = {
		{"enroll.latency", "p50 < 2ms",	true,  true },
		{"enroll.latency", "p97.5 < 2ms",  true,	true },
		{"enroll.latency", "p99 < 49ms",	 true,  false},
		{"enroll.latency", "p99 < 1s",     true,  true },
		{"enroll.latency", "max <= 50ms",  true,	true },
		{"enroll.latency", "max < 50ms",	 true,  false},
		{"enroll.latency", "mean > 1ms",	 true,  true },
		{"errors",	   "rate < 0.1%",  true,	false},
		{"errors",	   "rate <= 0.5%", true,	 true },
		{"errors",	   "p99 < 1ms",	false, false},
		{"nothing",	    "p99 < 1ms",	 false, false},
	};
	json_t *figures = some_figures();
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct threshold_result r;
		threshold_eval(&r, rows[i].metric, rows[i].condition, figures);
		cr_expect(r.known == rows[i].known, "%s %s: %s", rows[i].metric, rows[i].condition,
			  r.actual);
		cr_expect(r.met == rows[i].met, "%s %s: %s", rows[i].metric, rows[i].condition,
			  r.actual);
		threshold_result_fini(&r);
	}
	json_decref(figures);
}

Test(thresholds, nonsense_is_found_at_load)
{
	static const struct {
		const char *yaml, *says;
	} rows[] = {
		{"- errors: rate < many",	  "is not a condition such as"		      },
		{"- errors: rate 5%",	      "is not a condition such as"			  },
		{"- errors: rat < 5%",	       "unknown statistic 'rat'; did you mean 'rate'?"},
		{"- errors: p101 < 5ms",		 "unknown statistic 'p101'"			   },
		{"- errors",			     "expected one `metric: condition`"	       },
		{"- { a: p99 < 1s, b: p99 < 1s }", "expected one `metric: condition`"	     },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(source_free) struct source *source = NULL;
		DIAGS_AUTO struct diags diags = {0};
		AUTO(node_free) struct node *list = read_yaml(&source, rows[i].yaml, &diags);
		thresholds_check(list, &diags);
		cr_assert(eq(sz, diags.n, 1), "%s", rows[i].yaml);
		cr_expect(strstr(diags.items[0].text, rows[i].says) != NULL, "%s",
			  diags.items[0].text);
	}
}

static enum err
read_facts(struct words *facts, const char *text, struct why *why)
{
	char path[] = "/tmp/provsim-facts-XXXXXX";
	int fd = mkstemp(path);
	cr_assert(eq(int, (int)write(fd, text, strlen(text)), (int)strlen(text)));
	close(fd);
	enum err err = facts_read(facts, path, why);
	unlink(path);
	return err;
}

Test(facts, shell_lines_are_read_as_a_shell_would)
{
	struct words facts = {0};
	cr_assert(eq(
		int,
		(int)read_facts(
			&facts,
			"# a comment\n\nexport STEP_CA_URL='https://a:1'\nHAWKBIT_USER=\"x y\"\r\n"
			"  BRIDGE_URL=https://b:2\nWG_UAPI=\n",
			NULL),
		ERR_OK));
	cr_expect(eq(str, (char *)words_get_env(&facts, "STEP_CA_URL"), "https://a:1"));
	cr_expect(eq(str, (char *)words_get_env(&facts, "HAWKBIT_USER"), "x y"));
	cr_expect(eq(str, (char *)words_get_env(&facts, "BRIDGE_URL"), "https://b:2"));
	cr_expect(words_get_env(&facts, "WG_UAPI") == NULL, "empty is not given");
	words_fini(&facts);
}

Test(facts, unknown_names_are_told_with_line_and_suggestion)
{
	struct words facts = {0};
	struct why why = {0};
	cr_expect(
		eq(int, (int)read_facts(&facts, "BRIDGE_URL=x\nSTEPCA_URL=y\n", &why), ERR_INPUT));
	cr_expect(strstr(why.text, ":2: unknown name 'STEPCA_URL'; did you mean 'STEP_CA_URL'?") !=
			  NULL,
		  "%s", why.text);
	cr_expect(eq(int, (int)read_facts(&facts, "BRIDGE_URL\n", &why), ERR_INPUT));
	words_fini(&facts);
}

Test(facts, what_is_printed_reads_back)
{
	struct words facts = {0}, again = {0};
	BUF_AUTO struct buf text;
	buf_init(&text, 10000);
	words_set_env(&facts, "WG_SUBNET", "10.8.0.0/24");
	words_set_env(&facts, "WG_SERVER_PUBLIC_KEY", "abc=");
	words_set_env(&facts, "WG_SUBNET", "10.9.0.0/24");
	cr_assert(eq(int, (int)facts_print(&text, &facts), ERR_OK));
	cr_assert(eq(int, (int)read_facts(&again, (char *)text.data, NULL), ERR_OK));
	cr_expect(eq(str, (char *)words_get_env(&again, "WG_SUBNET"), "10.9.0.0/24"));
	cr_expect(eq(str, (char *)words_get_env(&again, "WG_SERVER_PUBLIC_KEY"), "abc="));
	cr_expect(eq(sz, again.n, 2));
	words_fini(&facts);
	words_fini(&again);
}

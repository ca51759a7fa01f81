// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "read.h"
#include "runner/plan.h"
#include "runner/schema.h"
#include "runner/tags.h"
#include "runner/tree.h"
#include "runner/value.h"

struct folder {
	char path[64];
};

static void
folder_make(struct folder *f)
{
	snprintf(f->path, sizeof(f->path), "/tmp/provsim-plan-XXXXXX");
	cr_assert(mkdtemp(f->path) != NULL);
}

static void
put(const struct folder *f, const char *name, const char *text)
{
	AUTO(free) char *path = mem_printf("%s/%s", f->path, name);
	AUTO(free) char *inner = mem_ndup(path, (size_t)(strrchr(path, '/') - path));
	cr_assert(eq(int, (int)file_make_dirs(inner, 0755, NULL), ERR_OK));
	cr_assert(eq(int, (int)file_replace_nosync(path, BYTES_STR(text), 0644, NULL), ERR_OK));
}

static enum err
load(struct plan *plan, const struct folder *f, const char *tags, struct diags *diags,
     struct why *why)
{
	const char *const paths[] = {f->path};
	*plan = (struct plan){0};
	return plan_load(plan, paths, 1, tags, diags, why);
}

static void
folder_remove(const struct folder *f)
{
	tree_remove(f->path);
}

#define STEPS "steps: [ {heal: x} ]\n"

Test(plan, folder_is_walked_in_order_without_what_must_fail)
{
	struct folder f;
	struct plan plan;
	DIAGS_AUTO struct diags diags = {0};
	folder_make(&f);
	put(&f, "b.yaml", "scenario: b\n" STEPS);
	put(&f, "a/z.yml", "scenario: z\n" STEPS);
	put(&f, "must_fail/no.yaml", "nonsense: 1\n");
	put(&f, "stacks/no.yaml", "nonsense: 1\n");
	put(&f, ".hidden.yaml", "nonsense: 1\n");
	put(&f, "note.txt", "nonsense");
	cr_assert(eq(int, (int)load(&plan, &f, NULL, &diags, NULL), ERR_OK));
	cr_expect(eq(sz, diags.n, 0));
	cr_assert(eq(sz, plan.n_instances, 2));
	cr_expect(eq(str, plan.instances[0]->name, "z"));
	cr_expect(eq(str, plan.instances[1]->name, "b"));
	folder_remove(&f);
	plan_fini(&plan);
}

Test(plan, matrix_gives_one_instance_a_combination_with_values_of_any_type)
{
	struct folder f;
	struct plan plan;
	DIAGS_AUTO struct diags diags = {0};
	folder_make(&f);
	put(&f, "a.yaml",
	    "scenario: CA down\n"
	    "matrix: { do: [{ status: 503 }, reset], n: [1, 2] }\n"
	    "steps:\n"
	    "  - fault: { name: \"f-{n}\", on: step-ca, when: { first: \"{n}\" }, do: \"{do}\" }\n");
	cr_assert(eq(int, (int)load(&plan, &f, NULL, &diags, NULL), ERR_OK));
	cr_expect(eq(sz, diags.n, 0));
	cr_assert(eq(sz, plan.n_instances, 4));
	cr_expect(eq(str, plan.instances[0]->name, "CA down [do={\"status\":503} n=1]"));
	cr_expect(eq(str, plan.instances[3]->name, "CA down [do=reset n=2]"));
	cr_expect(eq(str, plan.instances[3]->slug, "ca-down-do-reset-n-2"));
	const struct node *step = node_get(plan.instances[0]->root, "steps")->items[0];
	const struct node *fault = schema_verb(step)->value;
	cr_expect(eq(str, (char *)node_text(fault, "name", ""), "f-1"));
	cr_expect(eq(i64, schema_get_int(node_get(fault, "do"), "fault-do", "status"), 503));
	fault = schema_verb(node_get(plan.instances[2]->root, "steps")->items[0])->value;
	cr_expect(eq(str, (char *)node_text(node_get(fault, "do"), "semantic", ""), "reset"));
	folder_remove(&f);
	plan_fini(&plan);
}

Test(plan, value_of_the_matrix_that_does_not_fit_is_found_at_load)
{
	struct folder f;
	struct plan plan;
	DIAGS_AUTO struct diags diags = {0};
	folder_make(&f);
	put(&f, "a.yaml",
	    "scenario: a\nmatrix: { c: [normal, bad] }\n"
	    "steps: [ {enroll: {device: d, csr: \"{c}\"}} ]\n");
	cr_assert(eq(int, (int)load(&plan, &f, NULL, &diags, NULL), ERR_OK));
	cr_assert(eq(sz, diags.n, 1));
	cr_expect(strstr(diags.items[0].text, "'csr' cannot be 'bad'") != NULL);
	folder_remove(&f);
	plan_fini(&plan);
}

Test(plan, stack_file_is_joined_under_the_scenarios_own_keys)
{
	struct folder f;
	struct plan plan;
	DIAGS_AUTO struct diags diags = {0};
	folder_make(&f);
	put(&f, "stacks/s.yaml",
	    "bridge.env: { A: from-file, B: from-file }\nwithout: wireguard\n");
	put(&f, "a.yaml",
	    "scenario: a\nstack: { use: stacks/s.yaml, bridge.env: { A: mine } }\n" STEPS);
	cr_assert(eq(int, (int)load(&plan, &f, NULL, &diags, NULL), ERR_OK));
	cr_assert(eq(sz, diags.n, 0));
	const struct node *stack = node_get(plan.instances[0]->root, "stack");
	const struct node *env = node_get(stack, "bridge.env");
	cr_expect(eq(str, (char *)node_text(env, "A", ""), "mine"));
	cr_expect(eq(str, (char *)node_text(env, "B", ""), "from-file"));
	cr_expect(eq(str, (char *)node_text(stack, "without", ""), "wireguard"));
	folder_remove(&f);
	plan_fini(&plan);
}

Test(plan, missing_stack_file_is_told_where_it_was_asked_for)
{
	struct folder f;
	struct plan plan;
	DIAGS_AUTO struct diags diags = {0};
	folder_make(&f);
	put(&f, "a.yaml", "scenario: a\nstack: none.yaml\n" STEPS);
	cr_assert(eq(int, (int)load(&plan, &f, NULL, &diags, NULL), ERR_OK));
	cr_assert(eq(sz, diags.n, 1));
	cr_expect(eq(int, diags.items[0].at.line, 2));
	cr_expect(strstr(diags.items[0].text, "none.yaml") != NULL);
	folder_remove(&f);
	plan_fini(&plan);
}

Test(plan, tags_select)
{
	struct folder f;
	struct plan plan;
	DIAGS_AUTO struct diags diags = {0};
	folder_make(&f);
	put(&f, "a.yaml", "scenario: a\ntags: [smoke, slow]\n" STEPS);
	put(&f, "b.yaml", "scenario: b\ntags: smoke\n" STEPS);
	put(&f, "c.yaml", "scenario: c\n" STEPS);
	cr_assert(eq(int, (int)load(&plan, &f, "smoke and not slow", &diags, NULL), ERR_OK));
	cr_assert(eq(sz, plan.n_instances, 1));
	cr_expect(eq(str, plan.instances[0]->name, "b"));
	cr_expect(eq(sz, plan.n_filtered, 2));
	folder_remove(&f);
	plan_fini(&plan);
}

Test(plan, what_is_not_there_is_an_error)
{
	struct folder f;
	struct plan plan;
	struct why why = {0};
	DIAGS_AUTO struct diags diags = {0};
	folder_make(&f);
	cr_expect(eq(int, (int)load(&plan, &f, NULL, &diags, &why), ERR_NOT_FOUND));
	cr_expect(strstr(why.text, "no scenario files") != NULL);
	plan_fini(&plan);
	folder_remove(&f);
	snprintf(f.path, sizeof(f.path), "/tmp/provsim-plan-nothing");
	cr_expect(eq(int, (int)load(&plan, &f, NULL, &diags, &why), ERR_NOT_FOUND));
	cr_expect(strstr(why.text, "no such file") != NULL);
	plan_fini(&plan);
}

Test(tags, expressions)
{
	static const struct {
		const char *expression;
		enum err err;
		bool want;
	} rows[] = {
		{"a",					 ERR_OK,     true },
		{"c",					 ERR_OK,     false},
		{"not c",				     ERR_OK,	  true },
		{"a and c or b",				 ERR_OK,	 true },
		{"a and (c or b)",				   ERR_OK,	   true },
		{"not (a and b)",				  ERR_OK,	  false},
		{"not not row:422",			    ERR_OK,	    true },
		{"",					  ERR_SYNTAX, false},
		{"a b",				       ERR_SYNTAX, false},
		{"(a",					ERR_SYNTAX, false},
		{"a and",				     ERR_SYNTAX, false},
		{"and a",				     ERR_SYNTAX, false},
		{"a)",					ERR_SYNTAX, false},
		{"((((((((((((((((((((((((((((((((((((((((a", ERR_SYNTAX, false},
	};
	static const char *const tags[] = {"a", "b", "row:422"};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		bool got = false;
		struct why why = {0};
		cr_expect(eq(int, (int)tags_match(&got, rows[i].expression, tags, 3, &why),
			     (int)rows[i].err),
			  "%s", rows[i].expression);
		if (rows[i].err == ERR_OK)
			cr_expect(got == rows[i].want, "%s", rows[i].expression);
		else
			cr_expect(strstr(why.text, "tag expression") != NULL);
	}
}

Test(value, durations_and_sizes)
{
	static const struct {
		const char *text;
		enum err err;
		uint64_t ms;
	} rows[] = {
		{"200ms",		  ERR_OK,	  200    },
		{"1.5s",			 ERR_OK,	 1500   },
		{"2m",		       ERR_OK,     120000 },
		{"1h",		       ERR_OK,     3600000},
		{"0s",		       ERR_OK,     0	},
		{"5",		      ERR_SYNTAX, 0	   },
		{"5 s",			ERR_SYNTAX, 0	     },
		{"-1s",			ERR_SYNTAX, 0	     },
		{".5s",			ERR_SYNTAX, 0	     },
		{"5.s",			ERR_SYNTAX, 0	     },
		{"1e3s",			 ERR_SYNTAX, 0      },
		{"",		      ERR_SYNTAX, 0	  },
		{"99999999999999999999h", ERR_SYNTAX, 0      },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		uint64_t ms = 0;
		cr_expect(eq(int, (int)value_duration_ms(&ms, rows[i].text), (int)rows[i].err),
			  "%s", rows[i].text);
		cr_expect(eq(u64, ms, rows[i].ms), "%s", rows[i].text);
	}
	double bytes;
	cr_expect(eq(int, (int)value_bytes(&bytes, "1.5MiB"), ERR_OK));
	cr_expect(eq(dbl, bytes, 1572864.0));
}

Test(node, printed_tree_reads_back_the_same)
{
	static const char text[] =
		"scenario: \"a: b\"\nsteps:\n  - enroll:\n      device: [x, 'true']\n"
		"  - expect: { a.b: { matches: \"^[0-9]{3} \\\"q\\\"$\" }, c: '', d: [] }\n";
	AUTO(source_free) struct source *source = NULL;
	AUTO(source_free) struct source *again = NULL;
	DIAGS_AUTO struct diags diags = {0};
	BUF_AUTO struct buf out, twice;
	buf_init(&out, 100000);
	buf_init(&twice, 100000);
	AUTO(node_free) struct node *root = read_yaml(&source, text, &diags);
	cr_assert(eq(int, (int)node_print(&out, root), ERR_OK));
	AUTO(node_free) struct node *copy = read_yaml(&again, (char *)out.data, &diags);
	cr_assert(eq(sz, diags.n, 0), "%s", out.data);
	cr_assert(eq(int, (int)node_print(&twice, copy), ERR_OK));
	cr_expect(eq(str, (char *)out.data, (char *)twice.data));
	json_t *a = node_to_json(root), *b = node_to_json(copy);
	cr_expect(json_equal(a, b));
	json_decref(a);
	json_decref(b);
}

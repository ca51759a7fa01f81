// SPDX-License-Identifier: Apache-2.0
// GET /targets: paging, sorting, searching; and the store's order behind it.
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "hawkbit/rsql.h"
#include "hawkbit_fixture.h"

#define TARGETS "/rest/v1/targets"

// --- the store ---

static void
add(struct target_store *s, unsigned number)
{
	struct target *t = calloc(1, sizeof(*t));
	char id[32];
	snprintf(id, sizeof(id), "dev-%u", number);
	cr_assert(eq(int, target_set_text(&t->controller_id, id), ERR_OK));
	bool taken = target_store_find(s, id) != NULL;
	cr_assert(eq(int, target_store_add(s, t), taken ? ERR_CONFLICT : ERR_OK));
}

static void
check_order(struct target_store *s)
{
	struct target *const *all = target_store_ordered(s);
	size_t n = target_store_count(s);
	for (size_t i = 0; i < n; i++) {
		cr_assert(all[i] == target_store_find(s, all[i]->controller_id));
		cr_assert(i == 0 || strcmp(all[i - 1]->controller_id, all[i]->controller_id) < 0);
	}
}

// Random insertions and deletions with looks in between: always sorted, nothing lost, nothing
// twice.
Test(hawkbit_store, order_survives_any_history)
{
	struct target_store s;
	struct rng rng;
	target_store_init(&s);
	rng_init(&rng, 42, 0);
	for (int step = 0; step < 20000; step++) {
		unsigned number = (unsigned)rng_below(&rng, 500);
		char id[32];
		snprintf(id, sizeof(id), "dev-%u", number);
		struct target *t = target_store_find(&s, id);
		if (t && rng_below(&rng, 2))
			target_store_delete(&s, t);
		else
			add(&s, number);
		if (rng_below(&rng, 50) == 0)
			check_order(&s);
	}
	check_order(&s);
	target_store_fini(&s);
}

Test(hawkbit_store, a_deleted_target_is_gone_from_the_order)
{
	struct target_store s;
	target_store_init(&s);
	add(&s, 1);
	add(&s, 2);
	check_order(&s);
	target_store_delete(&s, target_store_find(&s, "dev-1"));
	add(&s, 1);
	target_store_delete(&s, target_store_find(&s, "dev-1"));
	cr_expect(eq(sz, target_store_count(&s), 1));
	check_order(&s);
	target_store_delete(&s, target_store_find(&s, "dev-2"));
	target_store_ordered(&s);
	cr_expect(eq(sz, target_store_count(&s), 0));
	target_store_fini(&s);
}

// --- over HTTP ---

static struct hawkbit_fixture f;

static void
setup(void)
{
	BUF_AUTO struct buf body;
	hawkbit_fixture_init(&f, NULL, NULL);
	buf_init(&body, 1 << 20);
	enum err err = buf_append_str(&body, "[");
	for (int i = 0; i < 120 && err == ERR_OK; i++)
		err = buf_printf(&body, "%s{\"controllerId\":\"dev-%03d\",\"name\":\"%s %d\"}",
				 i ? "," : "", 119 - i, i % 2 ? "Odd" : "Even", i);
	cr_assert(eq(int, err, ERR_OK));
	cr_assert(eq(int, buf_append_str(&body, "]"), ERR_OK));
	hawkbit_expect(&f, "POST", TARGETS, (char *)body.data, 201);
}

static void
teardown(void)
{
	hawkbit_fixture_fini(&f);
}

TestSuite(hawkbit_list, .init = setup, .fini = teardown);

Test(hawkbit_list, pages)
{
	static const struct {
		const char *query;
		int total;
		size_t size;
		const char *first; // controllerId
	} rows[] = {
		{"",				     120, 50,  "dev-000"},
		{"?limit=3",			     120, 3,   "dev-000"},
		{"?limit=3&offset=118",			120, 2,	"dev-118"},
		{"?offset=120",				120, 0,	""	  },
		{"?offset=-5&limit=1",		       120, 1,   "dev-000"},
		{"?limit=0",			     120, 50,  "dev-000"},
		{"?limit=-1",			      120, 50,  "dev-000"},
		{"?limit=9999",				120, 120, "dev-000"},
		{"?sort=controllerId:DESC&limit=1",	    120, 1,   "dev-119"},
		{"?sort=id:ASC&limit=1",		 120, 1,	 "dev-119"},
		{"?sort=NAME:asc,id:desc&limit=1",	   120, 1,   "dev-119"},
		{"?q=controllerId==dev-00*",	     10,	 10,  "dev-000"},
		{"?q=name==odd*&limit=5",		  60,  5,	 "dev-000"},
		{"?q=name==odd*;id=le=10&sort=id:ASC",   5,	  5,   "dev-118"},
		{"?q=name==%22Odd%201%22",		   1,   1,	 "dev-118"},
		{"?q=controllerId=in=(dev-001,dev-002)", 2,   2,   "dev-001"},
		{"?q=name==nobody",			    0,   0,	  ""	    },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char path[256];
		snprintf(path, sizeof(path), TARGETS "%s", rows[i].query);
		ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "GET", path, NULL);
		cr_assert(eq(int, a.status, 200), "%s: %s", path, a.body);
		json_auto_t *json = mock_answer_json(&a);
		const json_t *content = json_object_get(json, "content");
		cr_expect(eq(int, (int)json_integer_value(json_object_get(json, "total")),
			     rows[i].total),
			  "%s", path);
		cr_expect(eq(sz, (size_t)json_integer_value(json_object_get(json, "size")),
			     rows[i].size),
			  "%s", path);
		cr_expect(eq(sz, json_array_size(content), rows[i].size), "%s", path);
		const char *first = json_text_at(json_array_get(content, 0), "controllerId");
		cr_expect(eq(int, strcmp(first, rows[i].first), 0), "%s: %s", path, first);
	}
}

Test(hawkbit_list, bad_parameters)
{
	static const struct {
		const char *query;
		const char *code; // "": Spring's body
	} rows[] = {
		{"?limit=ten",		       ""				 },
		{"?offset=99999999999999999999", ""			   },
		{"?sort=name",		       "rest.param.sortParamSyntax" },
		{"?sort=nme:ASC",		  "rest.param.invalidField"	   },
		{"?sort=metadata.x:ASC",	 "rest.param.invalidField"	  },
		{"?sort=name:UP",		  "rest.param.invalidDirection"},
		{"?q=nme==x",		      "rest.param.rsqlInvalidField"},
		{"?q=updateStatus==great",	   "rest.param.rsqlInvalidField"},
		{"?q=name",			    "rest.param.rsqlParamSyntax" },
		{"?q=name==",		      "rest.param.rsqlParamSyntax" },
		{"?q=",			  "rest.param.rsqlParamSyntax" },
		{"?q=id==x",		     "rest.param.rsqlParamSyntax" },
		{"?q=(name==x",			"rest.param.rsqlParamSyntax" },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char path[256];
		char want[128];
		snprintf(path, sizeof(path), TARGETS "%s", rows[i].query);
		ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "GET", path, NULL);
		cr_assert(eq(int, a.status, 400), "%s: %s", path, a.head);
		json_auto_t *json = mock_answer_json(&a);
		snprintf(want, sizeof(want), "%s%s", rows[i].code[0] ? "hawkbit.server.error." : "",
			 rows[i].code);
		const char *code = json_text_at(json, "errorCode");
		cr_expect(eq(int, strcmp(code, want), 0), "%s: %s", path, code);
	}
}

// --- the query language ---

Test(hawkbit_rsql, comparisons)
{
	static const struct {
		const char *query;
		bool want;
	} rows[] = {
		{"controllerId==dev-1",			true },
		{"CONTROLLERID==DEV-1",			true },
		{"controllerId!=dev-1",			false},
		{"controllerId==dev*",			       true },
		{"controllerId==*v-*",			       true },
		{"controllerId==*2",			     false},
		{"name==\"star \\* here\"",		    true },
		{"name=='star \\* there'",			   false},
		{"description==*",				   false},
		{"description!=x",				   true },
		{"metadata.type==sensor",			  true },
		{"metadata.none==x",			     false},
		{"attribute.hw==2",			    false},
		{"updateStatus==UNKNOWN",			  true },
		{"id==7",				      true },
		{"id>6;id<8",				  true },
		{"id=gt=7",				    false},
		{"id=ge=7 and id=le=7",			true },
		{"id=in=(1, 7)",				 true },
		{"id=out=(1,7)",				 false},
		{"name==x,id==7",				  true },
		{"name==x;id==7",				  false},
		{"name==x or (id==7 and controllerId==dev-1)", true },
		{"id==7,name==x;name==y",			  true },
		{"(id==7,name==x);name==y",		    false},
		{"tag==a",				     false},
		{"assignedDS.name==a",			       false},
	};
	struct target t = {.id = 7,
			   .controller_id = (char *)(uintptr_t) "dev-1",
			   .name = (char *)(uintptr_t) "star * here",
			   .created_by = "admin",
			   .last_modified_by = "admin"};
	json_auto_t *metadata = json_pack("{s:s}", "type", "sensor");
	t.metadata = metadata;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(rsql_free) struct rsql *q = NULL;
		struct refusal r = {0};
		cr_assert(eq(int, rsql_parse(&q, rows[i].query, &r), ERR_OK), "%s: %s",
			  rows[i].query, r.message);
		cr_expect(rsql_matches(q, &t) == rows[i].want, "%s", rows[i].query);
	}
}

Test(hawkbit_rsql, hostile_queries_are_refused_cheaply)
{
	static const char *const fixed[] = {
		"",	     "(",	   ")",		"==",	       "name=x=y",
		"name==\"",  "name=='a\\", "id=in=(",	"id=in=()",    "id=in=1",
		"name==a;",  ",",	   "name==a b", "metadata==x", "metadata.==x",
		"name.x==y", "id==1x",	   "name==(a)"};
	struct refusal r;
	for (size_t i = 0; i < N_ELEMENTS(fixed); i++) {
		AUTO(rsql_free) struct rsql *q = NULL;
		cr_expect(eq(int, rsql_parse(&q, fixed[i], &r), ERR_INPUT), "%s", fixed[i]);
		cr_expect(r.message[0] != 0);
	}
	char deep[200000];
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	AUTO(rsql_free) struct rsql *q = NULL;
	cr_expect(eq(int, rsql_parse(&q, deep, &r), ERR_INPUT));
	for (size_t i = 0; i + 6 < sizeof(deep); i += 6)
		memcpy(deep + i, "id==1,", 6);
	cr_expect(eq(int, rsql_parse(&q, deep, &r), ERR_INPUT));
}

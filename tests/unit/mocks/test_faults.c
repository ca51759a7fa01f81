// SPDX-License-Identifier: Apache-2.0
#include "common/faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static const struct fault_term on_terms[] = {
	{"sign",	 "POST /1.0/sign"	 },
	    {"revoke", "POST /1.0/revoke"}
};
static const struct fault_term semantic_terms[] = {
	{"wrong-cn", "the certificate names another device"},
	{"expired",  "the certificate is expired"		},
};
static const struct fault_vocabulary vocabulary = {
	.on = on_terms,
	.n_on = N_ELEMENTS(on_terms),
	.semantic = semantic_terms,
	.n_semantic = N_ELEMENTS(semantic_terms),
	.kinds = FAULT_KINDS_HTTP | FAULT_SEMANTIC,
	.status_min = 100,
	.status_max = 599,
};

static struct fault_plan *plan;

static void
setup(void)
{
	cr_assert(eq(int, fault_plan_new(&plan, &vocabulary, 7), ERR_OK));
}

static void
teardown(void)
{
	fault_plan_free(plan);
}

TestSuite(faults, .init = setup, .fini = teardown);

static enum err
add(const char *text, struct why *why)
{
	json_auto_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	cr_assert(ne(ptr, json, NULL), "bad test JSON: %s", text);
	return fault_plan_add(plan, json, NULL, why);
}

static void
arm(const char *text)
{
	struct why why = {0};
	cr_assert(eq(int, add(text, &why), ERR_OK), "%s: %s", text, why.text);
}

// Bit i of the result: the i-th of n occasions fired.
static unsigned
occasions(int n, const char *on, const char *device, enum fault_phase phase)
{
	unsigned fired = 0;
	for (int i = 0; i < n; i++)
		fired |= fault_plan_match(plan, on, device, phase) ? 1u << i : 0;
	return fired;
}

Test(faults, nothing_armed_nothing_fires)
{
	cr_expect(fault_plan_is_empty(plan));
	cr_expect(fault_plan_match(plan, "sign", NULL, FAULT_REQUEST) == NULL);
}

Test(faults, when_decides_which_occasions_fire)
{
	static const struct {
		const char *when;
		unsigned want;
	} rows[] = {
		{"{}",		       0xff}, // not set: always
		{"{\"nth\":3}",		0x04},
		{"{\"first\":2}",	  0x03},
		{"{\"every\":3}",	  0x24},
		{"{\"probability\":0}", 0x00},
		{"{\"probability\":1}", 0xff},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		json_auto_t *fault = json_pack("{s:{s:i}}", "do", "status", 503);
		if (i > 0)
			json_object_set_new(fault, "when", json_loads(rows[i].when, 0, NULL));
		fault_plan_clear(plan);
		struct why why = {0};
		cr_assert(eq(int, fault_plan_add(plan, fault, NULL, &why), ERR_OK), "%s", why.text);
		unsigned got = occasions(8, "sign", "dev-1", FAULT_REQUEST);
		cr_expect(eq(uint, got, rows[i].want), "when %s", rows[i].when);
	}
}

Test(faults, on_device_and_phase_narrow_it)
{
	arm("{\"on\":\"sign\",\"device\":\"dev-1\",\"phase\":\"effect\",\"do\":{\"reset\":true}}");
	cr_expect(eq(uint, occasions(1, "revoke", "dev-1", FAULT_EFFECT), 0));
	cr_expect(eq(uint, occasions(1, "sign", "dev-2", FAULT_EFFECT), 0));
	cr_expect(eq(uint, occasions(1, "sign", NULL, FAULT_EFFECT), 0));
	cr_expect(eq(uint, occasions(1, NULL, "dev-1", FAULT_EFFECT), 0));
	cr_expect(eq(uint, occasions(1, "sign", "dev-1", FAULT_REQUEST), 0));
	cr_expect(eq(uint, occasions(1, "sign", "dev-1", FAULT_EFFECT), 1));
	json_auto_t *list = fault_plan_list(plan);
	const json_t *row = json_array_get(list, 0);
	cr_expect(eq(int, (int)json_integer_value(json_object_get(row, "seen")), 1),
		  "what does not fit is no occasion");
}

Test(faults, the_first_that_fires_wins_and_all_count_the_occasion)
{
	arm("{\"name\":\"a\",\"when\":{\"nth\":1},\"do\":{\"status\":500}}");
	arm("{\"name\":\"b\",\"when\":{\"first\":2},\"do\":{\"status\":502}}");
	cr_expect(eq(int, fault_plan_match(plan, "sign", NULL, FAULT_REQUEST)->status, 500));
	cr_expect(eq(int, fault_plan_match(plan, "sign", NULL, FAULT_REQUEST)->status, 502));
	json_auto_t *list = fault_plan_list(plan);
	const json_t *b = json_array_get(list, 1);
	cr_expect(eq(int, (int)json_integer_value(json_object_get(b, "seen")), 2));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(b, "fired")), 1));
	cr_expect(json_object_get(b, "armed") == json_false());
}

Test(faults, semantic_faults_answer_only_to_their_name)
{
	arm("{\"on\":\"sign\",\"when\":{\"nth\":1},\"do\":{\"semantic\":\"expired\",\"by_s\":60}}");
	cr_expect(eq(uint, occasions(1, "sign", "dev-1", FAULT_REQUEST), 0), "no transport fault");
	const struct fault *f = fault_plan_match_semantic(plan, "sign", "dev-1", "wrong-cn");
	cr_expect(f == NULL);
	f = fault_plan_match_semantic(plan, "sign", "dev-1", "expired");
	cr_assert(f != NULL);
	cr_expect(eq(int, (int)json_integer_value(json_object_get(f->params, "by_s")), 60));
	cr_expect(fault_plan_match_semantic(plan, "sign", "dev-1", "expired") == NULL);
}

Test(faults, a_seed_replays)
{
	static const char fault[] =
		"{\"when\":{\"probability\":0.5},\"do\":{\"delay_ms\":{\"min\":10,\"max\":1000}}}";
	uint64_t sums[2] = {0, 0};
	unsigned fired[2] = {0, 0};
	for (int run = 0; run < 2; run++) {
		fault_plan_free(plan);
		setup();
		arm(fault);
		for (int i = 0; i < 32; i++) {
			const struct fault *f = fault_plan_match(plan, NULL, NULL, FAULT_REQUEST);
			if (!f)
				continue;
			fired[run] |= 1u << i;
			sums[run] += f->delay_ms;
			cr_expect(f->delay_ms >= 10 && f->delay_ms <= 1000);
		}
	}
	cr_expect(eq(uint, fired[0], fired[1]));
	cr_expect(eq(u64, sums[0], sums[1]));
	cr_expect(fired[0] != 0 && fired[0] != UINT32_MAX);
}

Test(faults, status_carries_a_body)
{
	arm("{\"do\":{\"status\":503,\"body\":{\"message\":\"down\"}}}");
	const struct fault *f = fault_plan_match(plan, "sign", NULL, FAULT_REQUEST);
	cr_assert(f != NULL);
	cr_expect(eq(int, strcmp(f->body, "{\"message\":\"down\"}"), 0), "%s", f->body);
	cr_expect(eq(int, strcmp(f->content_type, "application/json"), 0));
}

Test(faults, what_is_unknown_is_refused_with_what_is_known)
{
	static const struct {
		const char *json;
		const char *says;
	} rows[] = {
		{"[]",							 "must be a JSON object"   },
		{"{}",							 "exactly one of: semantic"},
		{"{\"do\":7}",						 "exactly one of"	       },
		{"{\"do\":{}}",						"exactly one of"		},
		{"{\"do\":{\"reset\":false}}",				       "must be true"	     },
		{"{\"do\":{\"drop\":true}}",				     "status, delay_ms, reset" },
		{"{\"do\":{\"status\":503,\"reset\":true}}",		     "unknown field \"reset\"" },
		{"{\"do\":{\"status\":600}}",				      "from 100 to 599"	       },
		{"{\"do\":{\"status\":\"503\"}}",				  "integer"		   },
		{"{\"do\":{\"delay_ms\":-1}}",				       "delay_ms"		 },
		{"{\"do\":{\"delay_ms\":{\"min\":9,\"max\":1}}}",		  "a <= b"		  },
		{"{\"do\":{\"delay_ms\":{\"min\":9,\"mox\":10}}}",		   "known are: min, max"	},
		{"{\"do\":{\"semantic\":\"wrong\"}}",			      "wrong-cn, expired"	 },
		{"{\"do\":{\"semantic\":3}}",				      "wrong-cn, expired"	 },
		{"{\"on\":\"sing\",\"do\":{\"reset\":true}}",		      "sign, revoke"	    },
		{"{\"on\":\"\",\"do\":{\"reset\":true}}",			  "not empty"		     },
		{"{\"when\":{},\"do\":{\"reset\":true}}",			  "exactly one of nth"      },
		{"{\"when\":{\"nth\":0},\"do\":{\"reset\":true}}",		   "integer from 1"	   },
		{"{\"when\":{\"nth\":1,\"every\":2},\"do\":{\"reset\":true}}",
		 "exactly one of nth"								    },
		{"{\"when\":{\"often\":1},\"do\":{\"reset\":true}}",	     "nth, first, every"	},
		{"{\"when\":{\"probability\":1.5},\"do\":{\"reset\":true}}",   "from 0 to 1"		  },
		{"{\"phase\":\"reply\",\"do\":{\"reset\":true}}",		  "\"request\""	       },
		{"{\"name\":\"../x\",\"do\":{\"reset\":true}}",		"\"name\""		  },
		{"{\"nam\":\"x\",\"do\":{\"reset\":true}}",
		 "unknown field \"nam\" in the fault; known are: name, on, device, phase, when, do"	   },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why = {0};
		cr_expect(eq(int, add(rows[i].json, &why), ERR_INPUT), "%s", rows[i].json);
		cr_expect(strstr(why.text, rows[i].says) != NULL, "%s: %s", rows[i].json, why.text);
	}
	cr_expect(fault_plan_is_empty(plan));
}

Test(faults, names_are_given_kept_unique_and_deleted)
{
	struct why why = {0};
	arm("{\"name\":\"fault-1\",\"do\":{\"reset\":true}}");
	arm("{\"do\":{\"reset\":true}}");
	cr_expect(
		eq(int, add("{\"name\":\"fault-2\",\"do\":{\"hang\":true}}", &why), ERR_CONFLICT));
	cr_expect(eq(int, fault_plan_delete(plan, "fault-9", &why), ERR_NOT_FOUND));
	cr_expect(eq(int, fault_plan_delete(plan, "fault-1", &why), ERR_OK));
	json_auto_t *list = fault_plan_list(plan);
	cr_expect(eq(sz, json_array_size(list), 1));
	const char *name = json_string_value(json_object_get(json_array_get(list, 0), "name"));
	cr_expect(eq(int, strcmp(name, "fault-2"), 0));
}

Test(faults, listing_repeats_what_was_asked)
{
	arm("{\"name\":\"ca\",\"on\":\"sign\",\"when\":{\"nth\":2},\"do\":{\"status\":503}}");
	json_auto_t *list = fault_plan_list(plan);
	json_auto_t *want = json_loads("[{\"name\":\"ca\",\"on\":\"sign\",\"phase\":\"request\","
				       "\"when\":{\"nth\":2},\"do\":{\"status\":503},\"seen\":0,"
				       "\"fired\":0,\"armed\":true}]",
				       0, NULL);
	cr_expect(json_equal(list, want));
}

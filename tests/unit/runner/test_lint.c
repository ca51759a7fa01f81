// SPDX-License-Identifier: Apache-2.0
// What a person sees when a scenario file is wrong.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "read.h"
#include "runner/references.h"
#include "runner/schema.h"

#define GOOD "scenario: s\n"

static char *
lint(const char *text)
{
	AUTO(source_free) struct source *source = NULL;
	DIAGS_AUTO struct diags diags = {0};
	BUF_AUTO struct buf out;
	buf_init(&out, 1 << 20);
	AUTO(node_free) struct node *root = read_yaml(&source, text, &diags);
	if (root) {
		schema_check(root, "scenario", &diags);
		references_check(root, &diags);
	}
	cr_assert(eq(int, (int)diags_print(&out, &diags, false), ERR_OK));
	return out.data ? buf_steal_str(&out) : mem_dup("");
}

struct golden {
	const char *text;
	const char *want;
};

static void
check_golden(const struct golden *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *got = lint(rows[i].text);
		cr_expect(eq(str, got, (char *)rows[i].want));
	}
}

Test(lint, unknown_names_get_a_place_a_caret_and_a_suggestion)
{
	static const struct golden rows[] = {
		{"scenario: b\nsteps:\n  - enrol: d1\n",
		 "t.yaml:3:5: error: unknown step 'enrol'; did you mean 'enroll'?\n"
		 "    - enrol: d1\n"
		 "      ^~~~~\n"	},
		{"scenario: b\ntimeuot: 5s\nsteps: [ {heal: x} ]\n",
		 "t.yaml:2:1: error: unknown key 'timeuot'; did you mean 'timeout'?\n"
		 "  timeuot: 5s\n"
		 "  ^~~~~~~\n"	      },
		{"scenario: b\nsteps:\n  - kill: stepca\n",
		 "t.yaml:3:11: error: 'kill' cannot be 'stepca'; did you mean 'step-ca'?\n"
		 "    - kill: stepca\n"
		 "            ^~~~~~\n"},
	};
	check_golden(rows, N_ELEMENTS(rows));
}

Test(lint, all_errors_of_a_file_are_told_in_their_order)
{
	AUTO(free)
	char *got = lint("scenario: b\n"
			 "seed: many\n"
			 "steps:\n"
			 "  - enroll: { device: 'a b', csr: nonsense }\n"
			 "  - fault: { name: f, on: step-ca, do: { delay: 5 } }\n"
			 "  - expect: { x: { gtee: 1 } }\n"
			 "timeout: 5\n");
	static const char *const want[] = {
		"t.yaml:2:7: error: 'seed' takes a whole number, not 'many'",
		"t.yaml:4:24: error: Invalid device id",
		"t.yaml:4:35: error: 'csr' cannot be 'nonsense'; known: normal, not-pem, ",
		"t.yaml:5:49: error: 'delay' takes a duration such as 200ms, 5s or 2m, not '5'",
		"t.yaml:6:20: error: unknown matcher 'gtee'; did you mean 'gte'?",
		"t.yaml:7:10: error: 'timeout' takes a duration",
	};
	const char *p = got;
	for (size_t i = 0; i < N_ELEMENTS(want); i++) {
		const char *found = strstr(p, want[i]);
		cr_assert(found != NULL, "'%s' in order in:\n%s", want[i], got);
		p = found;
	}
}

Test(lint, yaml_that_is_more_than_data_is_refused)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{GOOD "a: &x 1\n",		   "t.yaml:2:7: error: anchors are not part"		    },
		{GOOD "steps: *x\n",	     "aliases are not part"				   },
		{GOOD "seed: !!int 5\n",	 "tags are not part"					    },
		{GOOD "<<: { a: 1 }\n",	"merge keys are not part"				 },
		{GOOD "scenario: t\n",
		 "t.yaml:2:1: error: duplicate key 'scenario'; it stands first in line 1"		 },
		{GOOD "--- \nscenario: t\n",   "one document"					   },
		{"[a, b]\n",		     "expected a map with the keys of 'scenario', not a list"},
		{"",			   "the file is empty"					},
		{GOOD "? [a]\n: b\n",	      "a key must be a scalar"				      },
		{GOOD "steps: [ {heal: x} \n", "t.yaml:"						},
		{GOOD "\tsteps: 1\n",	      "t.yaml:"					       },
		{GOOD "about: \"a\\0b\"\n",    "NUL"						   },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(free) char *got = lint(rows[i].text);
		cr_expect(strstr(got, rows[i].says) != NULL, "case %zu: '%s' in:\n%s", i,
			  rows[i].says, got);
	}
}

Test(lint, values_are_judged_by_type_and_range)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"steps: [ {ping: {device: d, count: 0}} ]",	     "'count' is 0; allowed is 1 to 10000"	  },
		{"steps: [ {ping: {device: d, count: 1.5}} ]",
		 "'count' takes a whole number, not '1.5'"							  },
		{"steps: [ {decommission: {device: d, force: yes}} ]",
		 "'force' takes true or false, not 'yes'"							  },
		{"steps: [ {enroll: {csr: empty}} ]",		      "'device' is missing here"			},
		{"steps: [ {enroll: {device: '-x'}} ]",		"error"				       },
		{"steps: [ {enroll: []} ]",			    "'device' is an empty list"		       },
		{"steps: [ {never: {that: {a: 1}}} ]",		       "'for' is missing here"		      },
		{"steps: [ {expect: {}} ]",			    "'expect' says nothing"			   },
		{"steps: [ {expect: reply} ]",			       "'expect' takes a map of paths and matchers"},
		{"steps: [ {enroll: a, ping: a} ]",
		 "one step does one thing; 'enroll' is already there"						     },
		{"steps: [ {say: hello} ]",			    "the step does nothing"			   },
		{"steps: [ {request: {path: }} ]",			   "'path' has no value"			},
		{"matrix: { a: [] }\nsteps: [ {heal: \"{a}\"} ]",
		 "'matrix': 'a' takes a list with at least one value"						     },
		{"steps: {heal: x}",				     "'steps' takes a list, not a map"	      },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(free) char *text = mem_printf(GOOD "%s\n", rows[i].text);
		AUTO(free) char *got = lint(text);
		cr_expect(strstr(got, rows[i].says) != NULL, "%s\n%s", rows[i].text, got);
	}
}

Test(lint, variables_need_a_source_a_use_and_quotes)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"steps: [ {heal: \"{namee}\"} ]\nmatrix: { name: [a] }",
		 "nothing gives {namee} a value; did you mean 'name'?"			      },
		{"steps: [ {heal: x} ]\nmatrix: { name: [a] }",		"nothing uses {name}"},
		{"steps: [ {heal: {name}} ]\nmatrix: { name: [a] }",
		 "put the variable in quotes: \"{name}\""					 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(free) char *text = mem_printf(GOOD "%s\n", rows[i].text);
		AUTO(free) char *got = lint(text);
		cr_expect(strstr(got, rows[i].says) != NULL, "%s\n%s", rows[i].text, got);
	}
}

Test(lint, good_files_are_left_alone)
{
	static const char *const texts[] = {
		GOOD
		"steps:\n  - enroll: [a, b]\n    save: { ip: wg.ip }\n"
		"  - expect: { reply.status: 200, ip: \"{ip}\", x: { matches: '^[0-9]{3}$' } }\n",
		GOOD "matrix: { d: [1s, 2s], f: [{ status: 503 }, reset] }\nsteps:\n"
		     "  - fault: { name: f, on: step-ca, do: \"{f}\" }\n"
		     "  - eventually: { within: \"{d}\", that: { a: none } }\n",
		GOOD "load: 300\nthresholds:\n  - errors: rate < 0.1%\n",
	};
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		AUTO(free) char *got = lint(texts[i]);
		cr_expect(eq(str, got, ""));
	}
}

Test(lint, caret_stands_under_the_character_also_behind_umlauts)
{
	AUTO(free)
	char *got = lint(
		"scenario: \xc3\xbc\nabout: \"\xc3\xa4\xc3\xb6\"\nsteps: [ {heal: \"\xc3\xa4\"}, {hael: 1} ]\n");
	cr_expect(strstr(got, "  steps: [ {heal: \"\xc3\xa4\"}, {hael: 1} ]\n"
			      "                         ^~~~\n") != NULL,
		  "%s", got);
}

Test(lint, hostile_nesting_ends_in_words)
{
	char text[400] = GOOD "about: ";
	size_t n = strlen(text);
	memset(text + n, '[', 100);
	memset(text + n + 100, ']', 100);
	text[n + 200] = '\n';
	AUTO(free) char *got = lint(text);
	cr_expect(strstr(got, "nested too deeply") != NULL, "%s", got);
}

Test(schema, table_is_consistent)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++) {
		const struct schema_key *key = &keys[i];
		cr_expect(schema_find(key->object, key->name) == key, "%s.%s twice", key->object,
			  key->name);
		cr_expect(key->doc && *key->doc && key->since, "%s.%s", key->object, key->name);
		if (key->type != SCHEMA_OBJECT && key->type != SCHEMA_LIST)
			continue;
		bool found = false;
		for (size_t k = 0; k < n; k++)
			found |= strcmp(keys[k].object, key->of) == 0;
		cr_expect(found, "%s.%s: no object '%s'", key->object, key->name, key->of);
	}
}

Test(schema, defaults_pass_their_own_check)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++) {
		if (!keys[i].fallback)
			continue;
		DIAGS_AUTO struct diags diags = {0};
		AUTO(node_free) struct node *map = node_new(NODE_MAP, (struct place){0});
		node_map_add(map, keys[i].name, map->at, node_new_text(keys[i].fallback, map->at));
		schema_check(map, keys[i].object, &diags);
		for (size_t k = 0; k < diags.n; k++)
			cr_expect(strstr(diags.items[k].text, "is missing here") != NULL ||
					  strstr(diags.items[k].text, "does nothing") != NULL,
				  "%s.%s: %s", keys[i].object, keys[i].name, diags.items[k].text);
	}
}

Test(schema, json_schema_covers_every_key)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	json_t *schema = schema_to_json();
	AUTO(free) char *text = json_dumps(schema, 0);
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *quoted = mem_printf("\"%s\"", keys[i].name);
		cr_expect(strstr(text, quoted) != NULL, "%s", keys[i].name);
	}
	json_decref(schema);
}

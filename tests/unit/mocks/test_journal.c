// SPDX-License-Identifier: Apache-2.0
#include "common/journal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

static struct journal *journal;

static void
setup(void)
{
	const struct journal_options options = {.bytes = 64 * 1024, .body_max = 200};
	cr_assert(eq(int, journal_new(&journal, &options), ERR_OK));
}

static void
teardown(void)
{
	journal_free(journal);
}

TestSuite(journal, .init = setup, .fini = teardown);

static json_t *
entries(const struct journal_filter *filter, json_t **all)
{
	*all = journal_list(journal, filter);
	cr_assert(ne(ptr, *all, NULL));
	return json_object_get(*all, "entries");
}

static const char *
text_of(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));
	return text ? text : "(none)";
}

static void
append(const char *device, const char *event, const char *body)
{
	journal_append(journal, &(struct journal_record){.wall_ns = 1000,
							 .device = device,
							 .event = event,
							 .body = BYTES_STR(body)});
}

Test(journal, an_entry_comes_back)
{
	uint64_t seq =
		journal_append(journal, &(struct journal_record){.wall_ns = 1795460002192123000,
								 .event = "targets.create",
								 .device = "dev-1",
								 .peer = "127.0.0.1:40112",
								 .call = "POST /rest/v1/targets",
								 .auth = "Basic YWRtaW46YWRtaW4=",
								 .fault = "f",
								 .note = "n",
								 .body = BYTES_STR("{\"a\":1}")});
	journal_set_status(journal, seq, 201);
	json_auto_t *all = NULL;
	const json_t *list = entries(&(struct journal_filter){0}, &all);
	json_auto_t *want = json_loads(
		"[{\"seq\":1,\"t\":\"2026-11-23T18:53:22.192123Z\",\"event\":\"targets.create\","
		"\"device\":\"dev-1\",\"peer\":\"127.0.0.1:40112\",\"call\":\"POST "
		"/rest/v1/targets\","
		"\"auth\":\"Basic\",\"fault\":\"f\",\"note\":\"n\",\"status\":201,\"body\":{\"a\":1}"
		"}]",
		0, NULL);
	char *got = json_dumps(list, JSON_SORT_KEYS);
	cr_expect(json_equal(list, want), "%s", got);
	free(got);
}

Test(journal, a_credential_without_a_scheme_is_not_kept)
{
	journal_append(journal, &(struct journal_record){.auth = "s3cret"});
	json_auto_t *all = NULL;
	const json_t *list = entries(&(struct journal_filter){0}, &all);
	cr_expect(json_object_get(json_array_get(list, 0), "auth") == NULL);
}

Test(journal, filters_narrow_the_list)
{
	append("a", "login", "");
	append("b", "login", "");
	append("a", "sign", "");
	append("ab", "sign", "");
	static const struct {
		struct journal_filter filter;
		size_t want;
		json_int_t first_seq;
	} rows[] = {
		{{0},			      4, 1},
		{{.device = "a"},		  2, 1},
		{{.event = "sign"},		    2, 3},
		{{.device = "a", .event = "sign"}, 1, 3},
		{{.since = 2},		       2, 3},
		{{.last = 1},		      1, 4},
		{{.last = 1, .device = "a"},	     1, 3},
		{{.last = 9},		      4, 1},
		{{.device = "c"},		  0, 0},
		{{.since = 99},			0, 0},
		{{.since = UINT64_MAX},		0, 0},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		json_auto_t *all = NULL;
		const json_t *list = entries(&rows[i].filter, &all);
		cr_expect(eq(sz, json_array_size(list), rows[i].want), "row %zu", i);
		json_int_t seq =
			json_integer_value(json_object_get(json_array_get(list, 0), "seq"));
		cr_expect(eq(i64, (int64_t)seq, (int64_t)rows[i].first_seq), "row %zu", i);
	}
}

// Many entries of very different sizes through a small ring: what is kept is always the newest,
// whole and in order.
Test(journal, the_ring_forgets_the_oldest)
{
	enum { N = 20000 };
	char device[32];
	char body[300];
	for (int i = 1; i <= N; i++) {
		snprintf(device, sizeof(device), "dev-%d", i);
		size_t n = (size_t)(i * 7919 % 199);
		memset(body, 'x', n);
		body[n] = 0;
		append(device, "e", body);
	}
	json_auto_t *all = NULL;
	const json_t *list = entries(&(struct journal_filter){0}, &all);
	size_t kept = json_array_size(list);
	cr_expect(kept > 150, "%zu kept", kept);
	cr_expect(eq(i64, (int64_t)json_integer_value(json_object_get(all, "dropped")),
		     (int64_t)(N - kept)));
	for (size_t k = 0; k < kept; k++) {
		const json_t *entry = json_array_get(list, k);
		int i = N - (int)kept + 1 + (int)k;
		snprintf(device, sizeof(device), "dev-%d", i);
		cr_assert(eq(int, strcmp(text_of(entry, "device"), device), 0), "%s", device);
		cr_assert(eq(sz, json_string_length(json_object_get(entry, "body")),
			     (size_t)(i * 7919 % 199)));
	}
	journal_set_status(journal, 1, 200);	 // long gone
	journal_set_status(journal, N + 1, 200); // never was
}

Test(journal, a_long_body_is_cut_and_says_so)
{
	char body[1000];
	memset(body, 'y', sizeof(body) - 1);
	body[sizeof(body) - 1] = 0;
	append("d", "e", body);
	json_auto_t *all = NULL;
	const json_t *entry = json_array_get(entries(&(struct journal_filter){0}, &all), 0);
	cr_expect(eq(sz, json_string_length(json_object_get(entry, "body")), 200));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(entry, "body_bytes")), 999));
}

Test(journal, hostile_bytes_are_text)
{
	journal_append(journal, &(struct journal_record){.device = "\xff\"\n\xc3",
							 .body = BYTES("\0\xfe{\"", 4)});
	json_auto_t *all = NULL;
	const json_t *entry = json_array_get(entries(&(struct journal_filter){0}, &all), 0);
	cr_expect(eq(int, strcmp(text_of(entry, "device"), "\xef\xbf\xbd\"\n\xef\xbf\xbd"), 0));
	cr_expect(eq(int, json_typeof(json_object_get(entry, "body")), JSON_STRING));
}

Test(journal, clear_forgets_but_goes_on_counting)
{
	append("a", "e", "");
	append("a", "e", "");
	journal_clear(journal);
	append("a", "e", "");
	json_auto_t *all = NULL;
	const json_t *list = entries(&(struct journal_filter){0}, &all);
	cr_expect(eq(sz, json_array_size(list), 1));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(all, "last")), 3));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(all, "dropped")), 0));
}

Test(journal, mask_hides_what_sounds_secret)
{
	static const struct {
		const char *in;
		const char *want;
	} rows[] = {
		{"",									""				  },
		{"{\"username\":\"u\",\"password\":\"p\"}",
		 "{\"username\":\"u\",\"password\":\"***\"}"								    },
		{"{\"ott\" : \"ey.ey.s\", \"csr\":\"x\"}",				   "{\"ott\" : \"***\", \"csr\":\"x\"}"},
		{"{\"refreshToken\":\"a\\\"b\"}",						  "{\"refreshToken\":\"***\"}"	      },
		{"{\"SecurityToken\":\"cut he",						"{\"SecurityToken\":\"***"	  },
		{"{\"password\":\"ends with \\",						 "{\"password\":\"***"		      },
		{"{\"password\":",							  "{\"password\":"			   },
		{"{\"password\":7,\"n\":\"v\"}",						 "{\"password\":7,\"n\":\"v\"}"      },
		{"{\"a\":\"password\",\"b\":\"c\"}",					     "{\"a\":\"password\",\"b\":\"c\"}"  },
		{"[{\"key\":\"device_type\",\"value\":\"x\"}]",
		 "[{\"key\":\"device_type\",\"value\":\"x\"}]"								  },
		{"\"",								      "\""				},
		{"-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nrest",
		 "-----BEGIN EC PRIVATE KEY-----***\nrest"								      },
		{"{\"csr\":\"-----BEGIN PRIVATE KEY-----\\nMIG",
		 "{\"csr\":\"-----BEGIN PRIVATE KEY-----***"								    },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		BUF_AUTO struct buf out;
		buf_init(&out, 4096);
		cr_assert(eq(int, journal_mask(&out, BYTES_STR(rows[i].in)), ERR_OK));
		cr_expect(bytes_is(buf_bytes(&out), rows[i].want), "%s -> %.*s", rows[i].in,
			  (int)out.len, (char *)out.data);
	}
}

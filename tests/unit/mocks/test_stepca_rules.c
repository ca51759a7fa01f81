// SPDX-License-Identifier: Apache-2.0
// The pure parts of mock-step-ca: Go's JSON, times and durations, name types.
#include "stepca_fixture.h"

#include "base/clock.h"
#include "step-ca/go_json.h"
#include "step-ca/names.h"
#include "step-ca/validity.h"

struct body {
	const char *csr;
	bool passive;
	int64_t code;
};

static const struct go_field fields[] = {
	{"csr",		 GO_STRING, offsetof(struct body, csr)},
	{"passive",		     GO_BOOL,			     offsetof(struct body,		   passive)},
	{"reasonCode",	       GO_INT,		       offsetof(struct body,		     code)},
	{"templateData", GO_ANY,0},
};

Test(stepca_go_json, reads_as_go_does)
{
	static const struct {
		const char *text, *csr;
		int64_t code;
		bool passive;
	} rows[] = {
		{"{\"csr\":\"x\",\"passive\":true,\"reasonCode\":4}",   "x",  4, true },
		{"{\"CSR\":\"x\",\"PASSIVE\":true,\"reasoncode\":4}",   "x",  4, true },
		{"{\"csr\":\"x\"} and more",			     "x",  0, false},
		{"{\"csr\":\"x\"}{\"csr\":1}",			       "x",  0, false},
		{"{\"foo\":{\"csr\":1},\"templateData\":[1,2]}",	 NULL, 0, false},
		{"{\"csr\":null,\"passive\":null,\"reasonCode\":null}", NULL, 0, false},
		{"null",						NULL, 0, false},
		{" \n{}",					       NULL, 0, false},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct body b = {0};
		json_auto_t *keep = NULL;
		cr_assert(go_json_read(&b, &keep, BYTES_STR(rows[i].text), fields,
				       N_ELEMENTS(fields)) == ERR_OK,
			  "%s", rows[i].text);
		bool same = rows[i].csr ? b.csr && strcmp(b.csr, rows[i].csr) == 0 : !b.csr;
		cr_expect(same && b.code == rows[i].code && b.passive == rows[i].passive, "%s",
			  rows[i].text);
	}
}

Test(stepca_go_json, refuses_wrong_types_and_broken_text)
{
	static const char *const texts[] = {
		"",
		"[]",
		"\"x\"",
		"1",
		"{\"csr\":",
		"{\"csr\":1}",
		"{\"passive\":1}",
		"{\"passive\":\"true\"}",
		"{\"CSR\":[]}",
		"{\"reasonCode\":\"1\"}",
		"{\"reasonCode\":1.5}",
	};
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		struct body b = {0};
		json_auto_t *keep = NULL;
		cr_expect(go_json_read(&b, &keep, BYTES_STR(texts[i]), fields,
				       N_ELEMENTS(fields)) == ERR_SYNTAX,
			  "%s", texts[i]);
	}
}

Test(stepca_go_json, what_was_read_before_a_wrong_member_stays_readable)
{
	struct body b = {0};
	json_auto_t *keep = NULL;
	cr_assert(go_json_read(&b, &keep, BYTES_STR("{\"csr\":\"text\",\"passive\":1}"), fields,
			       N_ELEMENTS(fields)) == ERR_SYNTAX);
	cr_expect(eq(str, (char *)(uintptr_t)b.csr, "text"));
}

Test(stepca_validity, parses_times_and_durations)
{
	static const struct {
		const char *text;
		int kind;
		int64_t s, ns;
	} rows[] = {
		{NULL,			GO_TIME_UNSET,    0,		 0	  },
		{"",			  GO_TIME_UNSET,    0,	       0	},
		{"0",			 GO_TIME_UNSET,    0,		0	 },
		{"0s",			GO_TIME_UNSET,    0,		 0	  },
		{"1h",			GO_TIME_RELATIVE, 3600,	       0	},
		{"+1h",			GO_TIME_RELATIVE, 3600,		0	 },
		{"-1h",			GO_TIME_RELATIVE, -3600,	 0	  },
		{"1h30m0.5s",		      GO_TIME_RELATIVE, 5400,	      500000000},
		{"1.5h",			 GO_TIME_RELATIVE, 5400,	 0	  },
		{".5h",			GO_TIME_RELATIVE, 1800,		0	 },
		{"1.s",			GO_TIME_RELATIVE, 1,	     0	      },
		{"-0.5s",			  GO_TIME_RELATIVE, -1,		500000000},
		{"3600000000us",		 GO_TIME_RELATIVE, 3600,	 0	  },
		{"1500ms",			   GO_TIME_RELATIVE, 1,		500000000},
		{"1970-01-01T00:00:00Z",	 GO_TIME_ABSOLUTE, 0,	      0	       },
		{"2026-11-23T18:59:10Z",	 GO_TIME_ABSOLUTE, 1795460350,   0	},
		{"2026-11-23T19:59:10+01:00", GO_TIME_ABSOLUTE, 1795460350,   0	     },
		{"2026-11-23T18:59:10.25Z",   GO_TIME_ABSOLUTE, 1795460350,	  250000000},
		{"2000-02-29T00:00:00Z",	 GO_TIME_ABSOLUTE, 951782400,    0	       },
		{"0001-01-01T00:00:00Z",	 GO_TIME_ABSOLUTE, -62135596800, 0	  },
		{"0000-01-01T00:00:00Z",	 GO_TIME_ABSOLUTE, -62167219200, 0	  },
		{"9999-12-31T23:59:59Z",	 GO_TIME_ABSOLUTE, 253402300799, 0	  },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct go_time t;
		cr_assert(go_time_parse(&t, rows[i].text) == ERR_OK, "%s", rows[i].text);
		cr_expect(eq(int, (int)t.kind, rows[i].kind), "%s", rows[i].text);
		cr_expect(eq(i64, t.s, rows[i].s), "%s", rows[i].text);
		cr_expect(eq(i64, t.ns, rows[i].ns), "%s", rows[i].text);
	}
}

Test(stepca_validity, refuses_other_texts)
{
	static const char *const texts[] = {
		"1d",
		"1",
		"h",
		"1h ",
		" 1h",
		"1 h",
		".h",
		"-",
		"+",
		"1hm",
		"1x",
		"99999999999h",
		"2026-11-23",
		"2026-02-29T00:00:00Z",
		"2026-11-23T24:00:00Z",
		"2026-11-23T18:59:10",
		"2026-11-23t18:59:10Z",
		"2026-11-23T18:59:10z",
		"2026-11-23T18:59:10.Z",
		"2026-13-01T00:00:00Z",
		"2026-11-23T18:59:10Zx",
	};
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		struct go_time t;
		cr_expect(go_time_parse(&t, texts[i]) == ERR_SYNTAX, "%s", texts[i]);
	}
}

#define NOW_S ((int64_t)1795460351)

// Expectations are recordings of the real server (contracts/step-ca.md 7).
Test(stepca_validity, decides_as_the_real_one)
{
	static const struct {
		const char *not_before, *not_after;
		int64_t from, until; // seconds from now
		const char *error;
	} rows[] = {
		{NULL,		       NULL,		     -60,	  86400, NULL},
		{NULL,		       "1h",		     -60,	  3600,	NULL},
		{NULL,		       "24h",		      -60,   86400, NULL},
		{NULL,		       "4m",		     -60,	  240,   NULL},
		{"2026-11-23T18:59:11Z", "24h1m",		  0,     86460, NULL},
		{"2026-11-23T17:59:11Z", "2026-11-23T19:59:11Z", -3600, 3600,  NULL},
		{"10m",			"1h",		      600,   4200,	 NULL},
		{NULL,		       "24h1m",		0,	   0,
		 "requested duration of 24h2m0s is more than the authorized maximum certificate "
		 "duration of 24h1m0s"					     },
		{NULL,		       "1m",		     0,	0,
		 "requested duration of 2m0s is less than the authorized minimum certificate "
		 "duration of 5m0s"						},
		{NULL,		       "2026-11-23T16:59:11Z", 0,	  0,
		 "notAfter cannot be in the past; na=2026-11-23 16:59:11 +0000 UTC"},
		{"2026-11-23T20:59:11Z", "2026-11-23T19:59:11Z", 0,	    0,
		 "notAfter cannot be before notBefore; na=2026-11-23 19:59:11 +0000 UTC, "
		 "nb=2026-11-23 20:59:11 +0000 UTC"				   },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct go_time from;
		struct go_time until;
		struct validity v;
		struct why why = {0};
		cr_assert(go_time_parse(&from, rows[i].not_before) == ERR_OK);
		cr_assert(go_time_parse(&until, rows[i].not_after) == ERR_OK);
		enum err err =
			validity_decide(&v, &from, &until, (uint64_t)NOW_S * NS_PER_S + 123456789,
					&validity_defaults, &why);
		if (rows[i].error) {
			bool past = strncmp(rows[i].error, "notAfter", 8) == 0;
			cr_expect(err == (past ? ERR_SYNTAX : ERR_FORBIDDEN), "row %zu", i);
			cr_expect(eq(str, why.text, (char *)(uintptr_t)rows[i].error));
			continue;
		}
		cr_assert(err == ERR_OK, "row %zu: %s", i, why.text);
		cr_expect(eq(i64, v.not_before - NOW_S, rows[i].from), "row %zu", i);
		cr_expect(eq(i64, v.not_after - NOW_S, rows[i].until), "row %zu", i);
	}
}

Test(stepca_names, texts_become_the_types_that_go_makes_of_them)
{
	static const struct {
		const char *text;
		enum san_type type;
		const char *name;
	} rows[] = {
		{"dev-1",		  SAN_DNS,   "dev-1"		  },
		{"my device",	      SAN_DNS,   "my device"	  },
		{"dev/1",		  SAN_DNS,   "dev/1"		  },
		{"dev%1",		  SAN_DNS,   "dev%1"		  },
		{"00:11:22:33:44:55", SAN_DNS,   "00:11:22:33:44:55"},
		{"AA:BB:CC:DD:EE:FF", SAN_URI,   "aa:BB:CC:DD:EE:FF"},
		{"tenant1:dev-1",	  SAN_URI,   "tenant1:dev-1"	  },
		{"urn:x:y",	    SAN_URI,   "urn:x:y"	      },
		{"http://h:80/x",	  SAN_URI,   "http://h:80/x"	  },
		{"http://h:xx/x",	  SAN_DNS,   "http://h:xx/x"	  },
		{"mailto:a@b",	       SAN_URI,	"mailto:a@b"	    },
		{"a@b.example",	SAN_EMAIL, "a@b.example"	},
		{"10.9.8.7",	     SAN_IP,    "10.9.8.7"	       },
		{"fd00:0:0::1",	SAN_IP,	"fd00::1"		 },
		{"10.9.8.256",	       SAN_DNS,	"10.9.8.256"	    },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		SAN_LIST_AUTO struct san_list l;
		san_list_init(&l);
		cr_assert(names_add(&l, rows[i].text) == ERR_OK, "%s", rows[i].text);
		cr_expect(l.items[0].type == rows[i].type, "%s", rows[i].text);
		cr_expect(eq(str, l.items[0].text, (char *)(uintptr_t)rows[i].name));
	}
	SAN_LIST_AUTO struct san_list l;
	san_list_init(&l);
	cr_expect(names_add(&l, "ger\xc3\xa4t-1") == ERR_INPUT);
}

static struct csr *
make_csr(const char *cn, const char *const *names, size_t n)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	SAN_LIST_AUTO struct san_list sans;
	BUF_AUTO struct buf der;
	struct csr *csr = NULL;
	san_list_init(&sans);
	buf_init(&der, CSR_MAX_BYTES);
	for (size_t i = 0; i < n; i++)
		cr_assert(names_add(&sans, names[i]) == ERR_OK);
	const struct csr_options o = {.cn = cn, .sans = &sans};
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(csr_create_der(&der, key, &o) == ERR_OK);
	cr_assert(csr_parse(&csr, buf_bytes(&der), NULL) == ERR_OK);
	return csr;
}

Test(stepca_names, csr_is_held_against_the_token)
{
	static const struct {
		const char *cn;
		const char *names[3];
		const char *sans[3]; // of the token; its subject is dev-1
		const char *error;   // behind "certificate request does not contain the valid "
	} rows[] = {
		{"dev-1", {"dev-1"},	     {"dev-1"},		NULL					    },
		{"",	     {0},		  {"dev-1"},	     NULL					 },
		{"dev-1", {"b", "a"},	      {"a", "b", "b"},      NULL					   },
		{"dev-1", {"dev-1"},	     {"dev-1", "1.2.3.4"}, NULL				       },
		{"dev-1", {"urn:X:y"},	       {"URN:X:y"},	    NULL					},
		{"dev-2", {0},		       {"dev-1"},		  "common name - got dev-2, want dev-1"    },
		{"Dev-1", {0},		       {"dev-1"},		  "common name - got Dev-1, want dev-1"    },
		{"dev-1",
		 {"dev-1", "evil"},
		 {"dev-1"},
		 "DNS names - got [dev-1 evil], want [dev-1]"						     },
		{"dev-1", {"dev-1"},	     {"dev-1", "b"},	     "DNS names - got [dev-1], want [dev-1 b]"},
		{"dev-1", {"dev-1", "1.2.3.4"}, {"dev-1"},		   "IP addresses - got [1.2.3.4], want []"  },
		{"dev-1",
		 {"a@b.example"},
		 {"dev-1"},
		 "email addresses - got [a@b.example], want []"						       },
		{"dev-1", {"urn:x:y"},	       {"dev-1"},		  "URIs - got [urn:x:y], want []"		 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		size_t n = 0;
		SAN_LIST_AUTO struct san_list sans;
		san_list_init(&sans);
		for (size_t k = 0; k < 3 && rows[i].sans[k]; k++)
			cr_assert(names_add(&sans, rows[i].sans[k]) == ERR_OK);
		while (n < 3 && rows[i].names[n])
			n++;
		AUTO(csr_free) struct csr *csr = make_csr(rows[i].cn, rows[i].names, n);
		struct why why = {0};
		enum err err = names_check_csr(csr, "dev-1", &sans, &why);
		cr_expect(err == (rows[i].error ? ERR_FORBIDDEN : ERR_OK), "row %zu: %s", i,
			  why.text);
		cr_expect(rows[i].error == NULL || strstr(why.text, rows[i].error), "row %zu: %s",
			  i, why.text);
	}
}

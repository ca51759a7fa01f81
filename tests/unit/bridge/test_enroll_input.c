// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

#include "bridge/allowlist.h"
#include "bridge/enroll_input.h"
#include "base/clock.h"
#include "bridge/pki_root.h"
#include "bridge/rate.h"
#include "bridge/tls.h"

static struct enroll_input in;

static enum err
parse(const char *path_id, const char *body, enum problem *problem, struct why *why)
{
	enroll_input_fini(&in);
	return enroll_input_parse(&in, path_id, BYTES_STR(body), problem, why);
}

Test(enroll_input, reads_the_three_dialects)
{
	static const struct {
		const char *path_id;
		const char *body;
		const struct enroll_dialect *dialect;
		const char *wg;
		const char *type;
	} rows[] = {
		{"dev-1", "{\"csr_pem\":\"C\"}",							&enroll_dialect_runbook, NULL, NULL},
		{"dev-1", "{\"csr_pem\":\"C\",\"wg_public_key\":\"K\",\"colour\":1}",
		 &enroll_dialect_runbook,											"K",  NULL},
		{"dev-1", "{\"csr_pem\":\"C\",\"csr\":\"D\"}",					       &enroll_dialect_runbook, NULL, NULL},
		{"dev-1", "{\"csr\":\"C\",\"device_name\":\"n\"}",					   &enroll_dialect_cdm,	NULL, NULL},
		{"dev-1",
		 "{\"csr\":\"C\",\"device_name\":\"n\",\"device_type\":\"t\",\"wg_public_key\":\"K\"}",
		 &enroll_dialect_cdm,											    "K",  "t" },
		{"dev-1", "{\"csr\":\"C\",\"device_name\":\"n\",\"wg_public_key\":null}",
		 &enroll_dialect_cdm,											    NULL, NULL},
		{NULL,    "{\"device_id\":\"dev-1\",\"device_type\":\"t\",\"csr\":\"C\"}",
		 &enroll_dialect_native,											 NULL, "t" },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		enum problem problem;
		struct why why = {0};
		cr_assert(eq(int, parse(rows[i].path_id, rows[i].body, &problem, &why), ERR_OK),
			  "row %zu: %s", i, why.text);
		cr_expect(in.dialect == rows[i].dialect, "row %zu", i);
		cr_expect(strcmp(in.device_id, "dev-1") == 0, "row %zu", i);
		cr_expect(strcmp(in.csr, "C") == 0, "row %zu", i);
		cr_expect(rows[i].wg ? in.wg_public_key && strcmp(in.wg_public_key, rows[i].wg) == 0
				     : in.wg_public_key == NULL,
			  "row %zu", i);
		cr_expect(rows[i].type ? in.device_type && strcmp(in.device_type, rows[i].type) == 0
				       : in.device_type == NULL,
			  "row %zu", i);
	}
	enroll_input_fini(&in);
}

Test(enroll_input, refuses_and_names_the_field)
{
	static const struct {
		const char *path_id;
		const char *body;
		enum problem problem;
		const char *words;
	} rows[] = {
		{"d",  "",					 PROBLEM_BAD_JSON,	    "empty"	   },
		{"d",  "{\"csr_pem\":",			       PROBLEM_BAD_JSON,	 "line 1"	 },
		{"d",  "csr_pem=abc",				     PROBLEM_BAD_JSON,	       "not JSON"	 },
		{"d",  "{\"csr_pem\":\"\xff\"}",			PROBLEM_BAD_JSON,	  "not JSON"   },
		{"d",  "{\"csr_pem\":\"a\"} trailing",	      PROBLEM_BAD_JSON,	"not JSON"	  },
		{"d",  "[]",				       PROBLEM_INVALID_REQUEST, "object"     },
		{"d",  "{}",				       PROBLEM_INVALID_REQUEST, "csr_pem"    },
		{"d",  "{\"csr_pem\":null}",			    PROBLEM_INVALID_REQUEST, "csr_pem"    },
		{"d",  "{\"csr_pem\":7}",				 PROBLEM_INVALID_REQUEST, "csr_pem"	   },
		{"d",  "{\"csr_pem\":\"a\",\"csr_pem\":\"b\"}",    PROBLEM_INVALID_REQUEST, "twice"      },
		{"d",  "{\"csr_pem\":\"a\",\"wg_public_key\":[]}", PROBLEM_INVALID_REQUEST,
		 "wg_public_key"									 },
		{"d",  "{\"csr\":\"a\"}",				 PROBLEM_INVALID_REQUEST, "device_name"},
		{"d",  "{\"csr\":\"a\",\"device_name\":{}}",	    PROBLEM_INVALID_REQUEST, "device_name"},
		{NULL, "{\"csr\":\"a\"}",			  PROBLEM_INVALID_REQUEST, "device_id"  },
		{NULL, "{\"csr_pem\":\"a\",\"device_id\":\"d\"}",  PROBLEM_INVALID_REQUEST,
		 "\"csr\""									       },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		enum problem problem = PROBLEM_COUNT;
		struct why why = {0};
		cr_expect(parse(rows[i].path_id, rows[i].body, &problem, &why) != ERR_OK, "row %zu",
			  i);
		cr_expect(eq(int, problem, rows[i].problem), "row %zu: %s", i, why.text);
		cr_expect(strstr(why.text, rows[i].words) != NULL, "row %zu: %s", i, why.text);
	}
	enroll_input_fini(&in);
}

Test(enroll_input, overlong_device_type_is_refused)
{
	char body[512];
	enum problem problem = PROBLEM_COUNT;
	snprintf(body, sizeof(body),
		 "{\"csr\":\"a\",\"device_name\":\"n\",\"device_type\":\"%0129d\"}", 0);
	cr_expect(parse("d", body, &problem, NULL) != ERR_OK);
	cr_expect(eq(int, problem, PROBLEM_INVALID_REQUEST));
	enroll_input_fini(&in);
}

Test(enroll_reply, answers_in_the_words_of_the_dialect)
{
	static const struct enroll_result r = {
		.device_id = "dev-1",
		.certificate = "CERT",
		.ca_chain = "CHAIN",
		.wg_conf = "CONF",
		.wg_ip = "10.8.0.2",
	};
	json_auto_t *runbook = enroll_reply_body(&enroll_dialect_runbook, &r);
	json_auto_t *cdm = enroll_reply_body(&enroll_dialect_cdm, &r);
	json_auto_t *native = enroll_reply_body(&enroll_dialect_native, &r);
	json_auto_t *want_runbook =
		json_pack("{s:s,s:s,s:s,s:s,s:s}", "device_id", "dev-1", "cert", "CERT", "ca_chain",
			  "CHAIN", "wg", "CONF", "wg_ip", "10.8.0.2");
	json_auto_t *want_cdm =
		json_pack("{s:s,s:s,s:s,s:s}", "certificate", "CERT", "ca_chain", "CHAIN",
			  "wireguard_config", "CONF", "wireguard_ip", "10.8.0.2");
	json_auto_t *want_native =
		json_pack("{s:s,s:s}", "certificate", "CERT", "ca_chain", "CHAIN");
	cr_expect(json_equal(runbook, want_runbook));
	cr_expect(json_equal(cdm, want_cdm));
	cr_expect(json_equal(native, want_native));
}

Test(rate, gives_a_burst_and_then_its_share)
{
	struct rate r;
	uint64_t now = 1000 * NS_PER_S;
	rate_init(&r, 2, now);
	cr_expect(rate_take(&r, now));
	cr_expect(rate_take(&r, now));
	cr_expect(rate_take(&r, now) == false);
	cr_expect(rate_take(&r, now + NS_PER_S / 4) == false);
	cr_expect(rate_take(&r, now + NS_PER_S / 2));
	cr_expect(rate_take(&r, now + NS_PER_S / 2) == false);
	// A quiet hour gives no more than one second's worth.
	now += 3600 * NS_PER_S;
	cr_expect(rate_take(&r, now));
	cr_expect(rate_take(&r, now));
	cr_expect(rate_take(&r, now) == false);
	rate_init(&r, 0, now);
	for (int i = 0; i < 100; i++)
		cr_expect(rate_take(&r, now));
}

// contracts/bridge.md, the table of statuses.
Test(reply, statuses_and_kinds_are_the_contracts)
{
	static const struct {
		enum problem problem;
		const char *kind;
		int status;
		bool retry;
	} rows[] = {
		{PROBLEM_BAD_JSON,		   "bad-json",	       400, false},
		{PROBLEM_MEDIA_TYPE,	     "media-type",	   415, false},
		{PROBLEM_INVALID_DEVICE_ID,   "invalid-device-id",	 422, false},
		{PROBLEM_INVALID_CSR,	      "invalid-csr",	     422, false},
		{PROBLEM_INVALID_REQUEST,	  "invalid-request",     422, false},
		{PROBLEM_INVALID_WG_KEY,	 "invalid-wg-key",	   422, false},
		{PROBLEM_NOT_ALLOWED,	      "not-allowed",	     403, false},
		{PROBLEM_RATE_LIMITED,	       "rate-limited",	       429, true },
		{PROBLEM_CA_REFUSED,	     "ca-refused",	   502, false},
		{PROBLEM_CA_UNREACHABLE,	 "ca-unreachable",	   503, true },
		{PROBLEM_CA_ERROR,		   "ca-error",	       503, true },
		{PROBLEM_WG_SUBNET_EXHAUSTED, "wg-subnet-exhausted", 503, true },
		{PROBLEM_OVERLOADED,	     "overloaded",	   503, true },
		{PROBLEM_CA_TIMEOUT,	     "ca-timeout",	   504, false},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		cr_expect(eq(int, problem_status(rows[i].problem), rows[i].status));
		cr_expect(strcmp(problem_kind(rows[i].problem), rows[i].kind) == 0);
		cr_expect(eq(int, problem_retry_after_s(rows[i].problem) > 0, rows[i].retry), "%s",
			  rows[i].kind);
	}
}

Test(reply, failures_of_the_ca_become_the_runbooks_statuses)
{
	static const struct {
		enum err err;
		int status;
	} rows[] = {
		{ERR_UPSTREAM_DOWN,    503},
		     {ERR_TLS,	       503},
		 {ERR_UPSTREAM_FAULT,   503},
		{ERR_UPSTREAM_REFUSED, 502},
		     {ERR_TIMEOUT,	   504},
		 {ERR_UNAUTHORIZED,	    503},
		{ERR_NOT_FOUND,	503},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct stepca_outcome o = {.err = rows[i].err};
		cr_expect(eq(int, problem_status(problem_of_ca(&o)), rows[i].status), "%s",
			  err_name(rows[i].err));
	}
}

Test(reply, content_type_may_be_absent_or_json)
{
	cr_expect(content_type_is_json(NULL));
	cr_expect(content_type_is_json("application/json"));
	cr_expect(content_type_is_json("Application/JSON; charset=utf-8"));
	cr_expect(content_type_is_json("") == false);
	cr_expect(content_type_is_json("text/plain") == false);
	cr_expect(content_type_is_json("application/jsonx") == false);
	cr_expect(content_type_is_json("application/x-www-form-urlencoded") == false);
}

Test(allowlist, knows_its_lines_and_names_the_bad_one)
{
	AUTO(allowlist_free) struct allowlist *l = NULL;
	struct why why = {0};
	cr_assert(allowlist_parse(&l, BYTES_STR("# factory 7\n dev-2 \r\ndev-1 # spare\n\ndev-3"),
				  &why) == ERR_OK);
	cr_expect(eq(sz, allowlist_count(l), 3));
	cr_expect(allowlist_has(l, "dev-1"));
	cr_expect(allowlist_has(l, "dev-3"));
	cr_expect(allowlist_has(l, "dev-4") == false);
	cr_expect(allowlist_has(l, "factory") == false);
	AUTO(allowlist_free) struct allowlist *bad = NULL;
	cr_expect(eq(int, allowlist_parse(&bad, BYTES_STR("dev-1\nno spaces\n"), &why), ERR_INPUT));
	cr_expect(strstr(why.text, "line 2") != NULL, "%s", why.text);
	AUTO(allowlist_free) struct allowlist *empty = NULL;
	cr_assert(allowlist_parse(&empty, BYTES_NONE, NULL) == ERR_OK);
	cr_expect(allowlist_has(empty, "dev-1") == false);
}

Test(pki_root, fingerprint_is_read_as_step_ca_reads_it)
{
	cr_expect(pki_fingerprint_matches("ABcd", "abcd"));
	cr_expect(pki_fingerprint_matches("ab-cd", "abcd"));
	cr_expect(pki_fingerprint_matches("ab:cd", "abcd") == false);
	cr_expect(pki_fingerprint_matches("abc", "abcd") == false);
	cr_expect(pki_fingerprint_matches("abcde", "abcd") == false);
	cr_expect(pki_fingerprint_matches("", "abcd") == false);
}

Test(own_tls, certificate_is_renewed_after_two_thirds_of_its_life)
{
	cr_expect(eq(i64, own_tls_renew_in_s(1000, 1000, 1900), 600));
	cr_expect(eq(i64, own_tls_renew_in_s(1600, 1000, 1900), 0));
	cr_expect(eq(i64, own_tls_renew_in_s(5000, 1000, 1900), 0));
}

Test(own_tls, names_are_the_list_and_the_listen_host_once_each)
{
	static const struct {
		const char *list;
		const char *listen;
		const char *want; // joined by blanks
	} rows[] = {
		{"localhost,127.0.0.1", "127.0.0.1:8443", "localhost 127.0.0.1"},
		{"localhost",	      "10.1.2.3:443",   "localhost 10.1.2.3" },
		{"a, b,,a",		    "0.0.0.0:1",	 "a b"		      },
		{"a",		      ":8443",	       "a"		  },
		{"a",		      "[::]:8443",	   "a"		      },
		{"a",		      "[fd00::1]:8443", "a fd00::1"	   },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct own_tls_names names;
		char joined[256] = "";
		size_t used = 0;
		cr_assert(own_tls_names_parse(&names, rows[i].list, rows[i].listen) == ERR_OK);
		for (const char *const *p = names.names; *p; p++)
			used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%s%s",
						 used ? " " : "", *p);
		cr_expect(strcmp(joined, rows[i].want) == 0, "row %zu: %s", i, joined);
	}
	struct own_tls_names none;
	cr_expect(own_tls_names_parse(&none, "", "0.0.0.0:1") != ERR_OK);
}

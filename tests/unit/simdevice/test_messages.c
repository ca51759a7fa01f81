// SPDX-License-Identifier: Apache-2.0
// What a device sends to the bridge and how it reads the answer.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "enroll_answer.h"
#include "enroll_request.h"

static EVP_PKEY *key;

static void
setup(void)
{
	cr_assert(eq(int, key_generate(&key), ERR_OK));
}

static void
teardown(void)
{
	EVP_PKEY_free(key);
}

TestSuite(messages, .init = setup, .fini = teardown);

// Each broken CSR must fail at the bridge for its own reason, not for another one.
Test(messages, csr_variants_are_wrong_in_their_own_way)
{
	static const struct {
		enum csr_variant variant;
		const char *words; // of the bridge's rules; NULL = accepted
	} rows[] = {
		{CSR_NORMAL,	     NULL	 },
		    {CSR_NOT_PEM,	  "PEM"      },
		{CSR_TRUNCATED,	"PEM"	     },
		    {CSR_BAD_SIGNATURE, "signature"},
		{CSR_WRONG_CN,      "CN=dev-1" },
		    {CSR_EMPTY,		"PEM"	     },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		BUF_AUTO struct buf text;
		buf_init(&text, CSR_MAX_BYTES);
		cr_assert(eq(int, csr_variant_make(&text, rows[i].variant, key, "dev-1"), ERR_OK));
		AUTO(csr_free) struct csr *csr = NULL;
		struct why why = {0};
		struct bytes pem = text.data ? buf_bytes(&text) : BYTES_STR("");
		enum err err = csr_open_for_device(&csr, pem, "dev-1", &why);
		cr_expect(eq(int, err == ERR_OK, rows[i].words == NULL), "variant %zu: %s", i,
			  why.text);
		if (rows[i].words)
			cr_expect(strstr(why.text, rows[i].words) != NULL, "variant %zu: %s", i,
				  why.text);
		else
			cr_expect(key_public_equal(csr->key, key));
	}
}

static json_t *
body_of(const struct enroll_request *r)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 65536);
	cr_assert(eq(int, enroll_request_body(&text, r), ERR_OK));
	json_t *json = json_loadb((char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(json != NULL, "%s", (char *)text.data);
	return json;
}

static const char *
member(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

Test(messages, bodies_of_the_dialects)
{
	static const char csr[] = "-----BEGIN\n\"quoted\"\n";
	struct wg_key wg = {{1}};
	struct enroll_request r = {
		.dialect = DIALECT_RUNBOOK, .device_id = "dev-1", .csr = csr, .wg_public_key = &wg};
	json_auto_t *runbook = body_of(&r);
	cr_expect(eq(sz, json_object_size(runbook), 2));
	cr_expect(eq(str, (char *)(uintptr_t)member(runbook, "csr_pem"), (char *)(uintptr_t)csr));
	cr_expect(eq(sz, strlen(member(runbook, "wg_public_key")), WG_KEY_CHARS));
	r.dialect = DIALECT_CDM;
	r.wg_public_key = NULL;
	json_auto_t *cdm = body_of(&r);
	cr_expect(eq(str, (char *)(uintptr_t)member(cdm, "device_name"),
		     (char *)(uintptr_t) "dev-1"));
	cr_expect(eq(str, (char *)(uintptr_t)member(cdm, "csr"), (char *)(uintptr_t)csr));
	cr_expect(json_object_get(cdm, "wg_public_key") == NULL);
	r.dialect = DIALECT_NATIVE;
	r.wg_public_key = &wg;
	json_auto_t *native = body_of(&r);
	cr_expect(eq(str, (char *)(uintptr_t)member(native, "device_id"),
		     (char *)(uintptr_t) "dev-1"));
	cr_expect(json_object_get(native, "wg_public_key") == NULL);
}

Test(messages, answers_of_the_dialects)
{
	static const struct {
		enum dialect dialect;
		const char *body;
		const char *words; // of the refusal; NULL = read
	} rows[] = {
		{DIALECT_RUNBOOK,
		 "{\"cert\":\"C\",\"ca_chain\":\"A\",\"wg\":\"W\",\"wg_ip\":\"10.8.0.2\"}",				    NULL		},
		{DIALECT_CDM,
		 "{\"certificate\":\"C\",\"ca_chain\":\"A\",\"wireguard_config\":\"W\",\"wireguard_ip\":\"10.8.0.2\"}",
		 NULL														      },
		{DIALECT_NATIVE,	 "{\"certificate\":\"C\",\"ca_chain\":\"A\"}",					       NULL		   },
		{DIALECT_RUNBOOK, "{\"certificate\":\"C\",\"ca_chain\":\"A\"}",						"'cert'"		},
		{DIALECT_RUNBOOK, "{\"cert\":\"C\",\"ca_chain\":\"\",\"wg\":\"W\",\"wg_ip\":\"x\"}",
		 "'ca_chain'"													      },
		{DIALECT_RUNBOOK, "{\"cert\":7,\"ca_chain\":\"A\",\"wg\":\"W\",\"wg_ip\":\"x\"}",
		 "'cert'"														  },
		{DIALECT_RUNBOOK, "{\"cert\":\"C\",\"cert\":\"D\"}",						     "not a JSON object"},
		{DIALECT_RUNBOOK, "[]",										 "not a JSON object"},
		{DIALECT_RUNBOOK, "<html>",									     "not a JSON object"},
		{DIALECT_RUNBOOK, "",										   "not a JSON object"},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		ENROLL_ANSWER_AUTO struct enroll_answer a = {0};
		struct why why = {0};
		enum err err =
			enroll_answer_parse(&a, BYTES_STR(rows[i].body), rows[i].dialect, &why);
		cr_expect(eq(int, err == ERR_OK, rows[i].words == NULL), "%s: %s", rows[i].body,
			  why.text);
		if (rows[i].words)
			cr_expect(strstr(why.text, rows[i].words) != NULL, "%s: %s", rows[i].body,
				  why.text);
		else
			cr_expect(eq(str, (char *)(uintptr_t)a.cert, (char *)(uintptr_t) "C"));
	}
}

Test(messages, problems)
{
	struct problem p;
	char kind[FAILURE_KIND_MAX];
	problem_parse(&p,
		      BYTES_STR("{\"type\":\"urn:provsim:ca-unreachable\",\"detail\":\"why\"}"));
	problem_kind(kind, sizeof(kind), &p, 503);
	cr_expect(eq(str, kind, (char *)(uintptr_t) "ca-unreachable"));
	cr_expect(eq(str, p.detail, (char *)(uintptr_t) "why"));
	problem_parse(&p, BYTES_STR("<html>Bad Gateway</html>"));
	problem_kind(kind, sizeof(kind), &p, 502);
	cr_expect(eq(str, kind, (char *)(uintptr_t) "http-502"));
	cr_expect(strstr(p.detail, "Bad Gateway") != NULL);
	problem_parse(&p, BYTES_STR("{\"type\":7,\"detail\":[]}"));
	problem_kind(kind, sizeof(kind), &p, 500);
	cr_expect(eq(str, kind, (char *)(uintptr_t) "http-500"));
	problem_parse(&p, BYTES_NONE);
	problem_kind(kind, sizeof(kind), &p, 404);
	cr_expect(eq(str, kind, (char *)(uintptr_t) "http-404"));
}

Test(messages, retry_after)
{
	cr_expect(eq(u32, retry_after_ms("5"), 5000));
	cr_expect(eq(u32, retry_after_ms("0"), 0));
	cr_expect(eq(u32, retry_after_ms(NULL), 0));
	cr_expect(eq(u32, retry_after_ms("-1"), 0));
	cr_expect(eq(u32, retry_after_ms("5x"), 0));
	cr_expect(eq(u32, retry_after_ms("99999999999999999999"), 0));
	cr_expect(eq(u32, retry_after_ms("Fri, 31 Dec 1999 23:59:59 GMT"), 0));
}

Test(messages, what_may_pass)
{
	static const int passes[] = {408, 429, 503, 504},
			 stays[] = {200, 400, 403, 409, 422, 500, 502};
	for (size_t i = 0; i < N_ELEMENTS(passes); i++)
		cr_expect(http_status_is_retryable(passes[i]));
	for (size_t i = 0; i < N_ELEMENTS(stays); i++)
		cr_expect(not(http_status_is_retryable(stays[i])));
}

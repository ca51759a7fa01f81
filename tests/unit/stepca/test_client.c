// SPDX-License-Identifier: Apache-2.0
// The client against a CA that misbehaves on demand.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "fake_ca.h"
#include "pki/csr.h"

enum { CALLS_MAX = 32 };

struct bench {
	uv_loop_t loop;
	struct http_client *http;
	struct fake_ca ca;
	struct stepca *client;
	struct secret password;
	EVP_PKEY *key;
	struct buf csr;
	// How calls ended, in order of their end.
	struct stepca_outcome outcomes[CALLS_MAX];
	char serials[CALLS_MAX][64];
	unsigned n_done;
	unsigned n_expected;
};

static struct bench bench;

static void
setup(void)
{
	struct bench *b = &bench;
	struct csr_options o = {.cn = "dev-1"};
	cr_assert(uv_loop_init(&b->loop) == 0);
	cr_assert(http_client_new(&b->http, &b->loop, NULL) == ERR_OK);
	cr_assert(secret_set(&b->password, BYTES_STR(FAKE_PASSWORD)) == ERR_OK);
	cr_assert(key_generate(&b->key) == ERR_OK);
	buf_init(&b->csr, 16 * 1024);
	cr_assert(csr_create_pem(&b->csr, b->key, &o) == ERR_OK);
	fake_ca_start(&b->ca, &b->loop, "sSI");
}

static void
teardown(void)
{
	struct bench *b = &bench;
	stepca_free(b->client);
	http_client_free(b->http);
	fake_ca_stop(&b->ca);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	cr_expect(uv_loop_close(&b->loop) == 0, "a handle is left open");
	secret_fini(&b->password);
	EVP_PKEY_free(b->key);
	buf_fini(&b->csr);
}

TestSuite(stepca_client, .init = setup, .fini = teardown);

static void
use_other_chain(const char *chain)
{
	struct bench *b = &bench;
	fake_ca_stop(&b->ca);
	fake_ca_start(&b->ca, &b->loop, chain);
}

static void
connect_with(const char *fingerprint, unsigned budget_ms)
{
	struct bench *b = &bench;
	struct stepca_options o = {
		.url = b->ca.url,
		.fingerprint = fingerprint,
		.provisioner = "iot-bridge",
		.password = &b->password,
		.budget_ms = budget_ms,
		.jitter_seed = 7,
	};
	cr_assert(stepca_new(&b->client, &b->loop, b->http, &o, NULL) == ERR_OK);
}

static void
note(const struct stepca_outcome *outcome)
{
	bench.outcomes[bench.n_done++] = *outcome;
	if (bench.n_done == bench.n_expected)
		uv_stop(&bench.loop);
}

static void
on_signed(const struct stepca_outcome *outcome, const struct stepca_certificate *cert, void *ctx)
{
	(void)ctx;
	cr_expect(outcome->err == ERR_OK ? cert != NULL : cert == NULL);
	if (cert)
		snprintf(bench.serials[bench.n_done], 64, "%s", cert->serial);
	note(outcome);
}

static void
on_done(const struct stepca_outcome *outcome, void *ctx)
{
	(void)ctx;
	note(outcome);
}

static struct stepca_call *
begin_sign(void)
{
	struct stepca_call *call = NULL;
	struct stepca_sign_request r = {.csr_pem = buf_bytes(&bench.csr), .subject = "dev-1"};
	bench.n_expected++;
	cr_assert(stepca_sign(&call, bench.client, &r, on_signed, NULL) == ERR_OK);
	return call;
}

static const struct stepca_outcome *
finish(void)
{
	while (bench.n_done < bench.n_expected)
		uv_run(&bench.loop, UV_RUN_DEFAULT);
	return &bench.outcomes[bench.n_done - 1];
}

static const struct stepca_outcome *
sign_once(void)
{
	begin_sign();
	return finish();
}

Test(stepca_client, many_signs_share_one_load_and_no_token)
{
	connect_with(bench.ca.root.fingerprint, 10000);
	for (int i = 0; i < 10; i++)
		begin_sign();
	finish();
	for (unsigned i = 0; i < 10; i++)
		cr_expect(eq(int, bench.outcomes[i].err, ERR_OK), "%s", bench.outcomes[i].why.text);
	cr_expect(eq(uint, bench.ca.n_root, 1));
	cr_expect(eq(uint, bench.ca.n_provisioners, 1));
	cr_expect(eq(uint, bench.ca.n_jtis, 10));
	cr_expect(eq(uint, bench.ca.n_repeated_jtis, 0));
	cr_expect(eq(uint, bench.ca.n_bad_tokens, 0));
	cr_expect(strcmp(bench.serials[0], bench.serials[1]) != 0);
	char audience[128];
	snprintf(audience, sizeof(audience), "%s/1.0/sign", bench.ca.url);
	cr_expect(eq(str, bench.ca.last_audience, audience));
}

Test(stepca_client, fingerprint_of_the_sub_ca_pins_and_finds_the_root)
{
	connect_with(bench.ca.sub.fingerprint, 10000);
	const struct stepca_outcome *o = sign_once();
	cr_expect(eq(int, o->err, ERR_OK), "%s", o->why.text);
	cr_expect(strcmp(stepca_root_fingerprint(bench.client), bench.ca.root.fingerprint) == 0);
}

Test(stepca_client, root_that_is_not_above_the_pinned_sub_ca_is_refused)
{
	bench.ca.list_rogue_only = true;
	connect_with(bench.ca.sub.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_TLS));
	cr_expect(stepca_root_pem(bench.client) == NULL);
	cr_expect(eq(uint, bench.ca.n_sign, 0));
}

Test(stepca_client, chain_that_shows_the_sub_ca_without_its_leaf_is_refused)
{
	// Somebody in between can copy the Sub-CA's certificate into their own chain.
	use_other_chain("rSI");
	connect_with(bench.ca.sub.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_TLS));
	cr_expect(stepca_root_pem(bench.client) == NULL);
	cr_expect(eq(uint, bench.ca.n_provisioners, 0));
}

Test(stepca_client, server_that_the_root_does_not_verify_gets_no_token)
{
	use_other_chain("rSI");
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_TLS));
	cr_expect(eq(uint, bench.ca.n_sign, 0));
}

Test(stepca_client, fingerprint_that_nobody_has_is_refused)
{
	connect_with(bench.ca.rogue.fingerprint, 10000);
	const struct stepca_outcome *o = sign_once();
	cr_expect(eq(int, o->err, ERR_TLS));
	cr_expect(strstr(o->why.text, "fingerprint") != NULL, "%s", o->why.text);
}

Test(stepca_client, incomplete_chain_says_what_to_mend)
{
	use_other_chain("sS");
	connect_with(bench.ca.root.fingerprint, 10000);
	const struct stepca_outcome *o = sign_once();
	cr_expect(eq(int, o->err, ERR_TLS));
	cr_expect(strstr(o->why.text, "intermediate") != NULL, "%s", o->why.text);
}

Test(stepca_client, refused_token_is_tried_once_more)
{
	bench.ca.sign_script[0] = 401;
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_OK));
	cr_expect(eq(uint, bench.ca.n_sign, 2));
	cr_expect(eq(uint, bench.ca.n_provisioners, 2));
	cr_expect(eq(uint, bench.ca.n_repeated_jtis, 0));
}

Test(stepca_client, rotated_provisioner_key_is_fetched)
{
	bench.ca.sign_script[0] = 401;
	bench.ca.rotate_on_401 = true;
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_OK));
	cr_expect(eq(uint, bench.ca.n_bad_tokens, 0));
}

Test(stepca_client, token_refused_twice_is_the_end)
{
	bench.ca.sign_script[0] = 401;
	bench.ca.sign_script[1] = 401;
	connect_with(bench.ca.root.fingerprint, 10000);
	const struct stepca_outcome *o = sign_once();
	cr_expect(eq(int, o->err, ERR_UPSTREAM_REFUSED));
	cr_expect(eq(int, o->status, 401));
	cr_expect(eq(uint, bench.ca.n_sign, 2));
}

Test(stepca_client, failing_ca_is_tried_three_times_with_three_tokens)
{
	for (int i = 0; i < FAKE_SCRIPT_MAX; i++)
		bench.ca.sign_script[i] = 500;
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_UPSTREAM_FAULT));
	cr_expect(eq(uint, bench.ca.n_sign, 3));
	cr_expect(eq(uint, bench.ca.n_jtis, 3));
	cr_expect(eq(uint, bench.ca.n_repeated_jtis, 0));
}

Test(stepca_client, passing_failure_is_not_seen_by_the_caller)
{
	bench.ca.sign_script[0] = 503;
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_OK));
	cr_expect(eq(uint, bench.ca.n_sign, 2));
}

Test(stepca_client, refusal_is_final_and_carries_the_cas_words)
{
	bench.ca.sign_script[0] = 403;
	bench.ca.message = "more than the authorized maximum";
	connect_with(bench.ca.root.fingerprint, 10000);
	const struct stepca_outcome *o = sign_once();
	cr_expect(eq(int, o->err, ERR_UPSTREAM_REFUSED));
	cr_expect(eq(uint, bench.ca.n_sign, 1));
	cr_expect(strstr(o->why.text, bench.ca.message) != NULL, "%s", o->why.text);
}

Test(stepca_client, message_with_a_token_in_it_is_withheld)
{
	bench.ca.sign_script[0] = 403;
	bench.ca.message = "bad token eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(strstr(sign_once()->why.text, "eyJ") == NULL);
}

Test(stepca_client, silent_ca_ends_with_the_budget)
{
	bench.ca.sign_script[0] = FAKE_HANG;
	connect_with(bench.ca.root.fingerprint, 300);
	cr_expect(eq(int, sign_once()->err, ERR_TIMEOUT));
}

Test(stepca_client, answer_that_does_not_fit_the_request_is_not_believed)
{
	static const int cases[] = {FAKE_OTHER_KEY, FAKE_OTHER_NAME, FAKE_OTHER_ROOT};
	connect_with(bench.ca.root.fingerprint, 10000);
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		bench.ca.sign_script[bench.ca.n_sign] = cases[i];
		cr_expect(eq(int, sign_once()->err, ERR_UPSTREAM_REFUSED), "case %zu", i);
	}
	// The same with the issuers known from a good answer.
	cr_expect(eq(int, sign_once()->err, ERR_OK));
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		bench.ca.sign_script[bench.ca.n_sign] = cases[i];
		cr_expect(eq(int, sign_once()->err, ERR_UPSTREAM_REFUSED), "known, case %zu", i);
	}
}

Test(stepca_client, nonsense_counts_as_a_fault)
{
	for (int i = 0; i < FAKE_SCRIPT_MAX; i++)
		bench.ca.sign_script[i] = FAKE_NOT_JSON;
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_UPSTREAM_FAULT));
}

Test(stepca_client, nobody_listening_is_told_as_down)
{
	connect_with(bench.ca.root.fingerprint, 10000);
	stepca_free(bench.client);
	struct stepca_options o = {
		.url = "https://127.0.0.1:1",
		.fingerprint = bench.ca.root.fingerprint,
		.provisioner = "iot-bridge",
		.password = &bench.password,
	};
	cr_assert(stepca_new(&bench.client, &bench.loop, bench.http, &o, NULL) == ERR_OK);
	cr_expect(eq(int, sign_once()->err, ERR_UPSTREAM_DOWN));
}

Test(stepca_client, wrong_password_is_told_as_such)
{
	cr_assert(secret_set(&bench.password, BYTES_STR("wrong")) == ERR_OK);
	connect_with(bench.ca.root.fingerprint, 10000);
	const struct stepca_outcome *o = sign_once();
	cr_expect(eq(int, o->err, ERR_UNAUTHORIZED));
	cr_expect(strstr(o->why.text, "password") != NULL, "%s", o->why.text);
}

Test(stepca_client, provisioner_is_found_on_a_later_page)
{
	bench.ca.second_page = true;
	connect_with(bench.ca.root.fingerprint, 10000);
	cr_expect(eq(int, sign_once()->err, ERR_OK));
	cr_expect(eq(uint, bench.ca.n_provisioners, 2));
}

Test(stepca_client, revoke_knows_what_success_is)
{
	static const struct {
		int status;
		const char *message;
		enum err err;
	} rows[] = {
		{200, NULL,						     ERR_OK		  },
		{400, "certificate with serial number '17' is already revoked", ERR_OK	      },
		{400, "missing serial",					 ERR_UPSTREAM_REFUSED},
		{501, NULL,						     ERR_UNSUPPORTED	   },
	};
	connect_with(bench.ca.root.fingerprint, 10000);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		bench.ca.revoke_status = rows[i].status;
		bench.ca.message = rows[i].message;
		bench.n_expected++;
		cr_assert(stepca_revoke(NULL, bench.client, "17", "retired", on_done, NULL) ==
			  ERR_OK);
		cr_expect(eq(int, finish()->err, rows[i].err), "row %zu", i);
	}
	char audience[128];
	snprintf(audience, sizeof(audience), "%s/1.0/revoke", bench.ca.url);
	cr_expect(eq(str, bench.ca.last_audience, audience));
	cr_expect(eq(str, bench.ca.last_subject, "17"));
}

Test(stepca_client, cancelled_call_stays_silent_and_others_go_on)
{
	connect_with(bench.ca.root.fingerprint, 10000);
	struct stepca_call *doomed = begin_sign();
	begin_sign();
	stepca_call_cancel(doomed);
	bench.n_expected--;
	cr_expect(eq(int, finish()->err, ERR_OK));
	uv_run(&bench.loop, UV_RUN_NOWAIT);
	cr_expect(eq(uint, bench.n_done, 1));
}

Test(stepca_client, client_may_go_in_the_middle_of_a_load)
{
	connect_with(bench.ca.root.fingerprint, 10000);
	begin_sign();
	while (bench.ca.n_provisioners == 0)
		uv_run(&bench.loop, UV_RUN_ONCE);
	stepca_free(bench.client);
	bench.client = NULL;
	for (int i = 0; i < 20; i++)
		uv_run(&bench.loop, UV_RUN_NOWAIT);
	cr_expect(eq(uint, bench.n_done, 0));
}

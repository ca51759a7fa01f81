// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "stack.h"

static struct stack s;

static void
setup(void)
{
	stack_init(&s);
}

static void
teardown(void)
{
	stack_fini(&s);
}

TestSuite(webhook, .init = setup, .fini = teardown, .timeout = 60);

#define UUID "784f394c-42b6-11ee-be56-0242ac120002"

Test(webhook_event, whom_it_is_about)
{
	static const struct {
		const char *metadata, *candidates[3], *fallback;
	} rows[] = {
		{"{\"deviceId\":\"a\",\"clientId\":\"b\",\"deviceName\":\"c\"}",
		 {"a", "b", "c"},
		 "a"											 },
		{"{\"clientId\":\"b\",\"deviceName\":\"c\"}",			      {"b", "c", ""},  "b" },
		{"{\"deviceName\":\"c\"}",					      {"c", "", ""},	  "c" },
		{"{\"deviceId\":\"\",\"deviceName\":\"c\"}",			     {"c", "", ""},   "c" },
		{"{\"deviceId\":\"a\",\"deviceName\":\"a\"}",			      {"a", "", ""},   "a" },
		{"{\"deviceId\":\"" UUID "\",\"clientId\":\"b\",\"deviceName\":\"c\"}",
		 {UUID, "b", "c"},
		 "c"											 },
		{"{\"deviceId\":\"" UUID "\",\"clientId\":\"b\"}",			   {UUID, "b", ""}, "b" },
		{"{\"deviceId\":\"" UUID "\"}",						{UUID, "", ""},	UUID},
		{"{\"deviceId\":\"../etc\",\"deviceName\":\"c\"}",			   {"c", "", ""},	  "c" },
		{"{\"deviceId\":7,\"clientId\":null}",				       {"", "", ""},    ""  },
		{"{}",								  {"", "", ""},    ""  },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct webhook_event e;
		struct why why = {0};
		char body[512];
		snprintf(body, sizeof(body),
			 "{\"msgType\":\"POST_CONNECT\",\"metadata\":%s,\"data\":{}}",
			 rows[i].metadata);
		cr_assert(webhook_event_parse(&e, BYTES_STR(body), &why) == ERR_OK, "%s: %s", body,
			  why.text);
		for (size_t k = 0; k < 3; k++)
			cr_expect_str_eq(e.candidates[k], rows[i].candidates[k], "%s", body);
		cr_expect_str_eq(e.fallback, rows[i].fallback, "%s", body);
	}
}

Test(webhook_event, which_types_are_a_connect)
{
	static const struct {
		const char *type;
		bool is_connect;
	} rows[] = {
		{"\"msgType\":\"POST_CONNECT\",",	  true },
		{"\"msgType\":\"POST_CONNECT_REQUEST\",", true },
		{"\"msgType\":\"CONNECT_EVENT\",",	   true },
		{"\"msgType\":\"POST_CONNECT_EVENT\",",	true },
		{"",				      true },
		{"\"msgType\":null,",		      true },
		{"\"msgType\":\"DISCONNECT_EVENT\",",     false},
		{"\"msgType\":\"\",",		      false},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct webhook_event e;
		char body[256];
		snprintf(body, sizeof(body),
			 "{%s\"metadata\":{\"deviceName\":\"d\"},\"data\":\"x\"}", rows[i].type);
		cr_assert(webhook_event_parse(&e, BYTES_STR(body), NULL) == ERR_OK, "%s", body);
		cr_expect(e.is_connect == rows[i].is_connect, "%s", body);
	}
}

Test(webhook_event, bodies_that_are_refused)
{
	static const struct {
		const char *body;
		enum err err;
		const char *says;
	} rows[] = {
		{"",			  ERR_SYNTAX, "no JSON"				  },
		{"{\"msgType\":",		  ERR_SYNTAX, "no JSON"			       },
		{"{\"data\":{},\"data\":{}}", ERR_SYNTAX, "no JSON"			   },
		{"[]",			ERR_INPUT,  "the body must be an object"	      },
		{"\"x\"",			  ERR_INPUT,  "the body must be an object"	 },
		{"{\"msgType\":5}",	    ERR_INPUT,  "msgType must be a string"		 },
		{"{\"metadata\":[]}",	      ERR_INPUT,	 "metadata must be an object"	     },
		{"{\"data\":5}",		 ERR_INPUT,  "data must be an object or a string"},
		{"{\"data\":null}",	    ERR_INPUT,  "data must be an object or a string"},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct webhook_event e;
		struct why why = {0};
		cr_expect(webhook_event_parse(&e, BYTES_STR(rows[i].body), &why) == rows[i].err,
			  "%s", rows[i].body);
		cr_expect(strstr(why.text, rows[i].says) != NULL, "%s: %s", rows[i].body, why.text);
	}
}

Test(webhook_event, bearer_tokens)
{
	SECRET_AUTO struct secret token = SECRET_NONE;
	cr_assert(secret_set(&token, BYTES_STR("s3cret")) == ERR_OK);
	cr_expect(bearer_matches("Bearer s3cret", &token));
	cr_expect(bearer_matches("bearer s3cret", &token));
	cr_expect(!bearer_matches("Bearer s3cret ", &token));
	cr_expect(!bearer_matches("Bearer s3cre", &token));
	cr_expect(!bearer_matches("Bearer ", &token));
	cr_expect(!bearer_matches("Basic s3cret", &token));
	cr_expect(!bearer_matches("s3cret", &token));
	cr_expect(!bearer_matches("", &token));
	cr_expect(!bearer_matches(NULL, &token));
}

Test(webhook, first_connect_provisions_and_the_second_asks_nobody)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_webhook(&s, "dev-1");
	cr_assert(r->status == 200);
	cr_expect_str_eq(reply_text(r, "status"), "provisioned");
	cr_expect_str_eq(reply_text(r, "device_id"), "dev-1");
	cr_expect_str_eq(reply_text(r, "wireguard_ip"), "10.8.0.2");
	json_auto_t *target = json_loads(fake_http_body(&s.web, "POST /rest/v1/targets"), 0, NULL);
	json_auto_t *want =
		json_loads("[{\"controllerId\":\"dev-1\",\"name\":\"dev-1\"}]", 0, NULL);
	cr_expect(json_equal(target, want));
	json_auto_t *metadata =
		json_loads(fake_http_body(&s.web, "POST /rest/v1/targets/dev-1/metadata"), 0, NULL);
	json_auto_t *want_metadata = json_loads("[{\"key\":\"source\",\"value\":\"iot-bridge\"},"
						"{\"key\":\"device_type\",\"value\":\"gateway\"}]",
						0, NULL);
	cr_expect(json_equal(metadata, want_metadata));
	json_auto_t *attributes = json_loads(
		fake_http_body(&s.web, "POST /api/plugins/telemetry/DEVICE/" UUID "/SERVER_SCOPE"),
		0, NULL);
	json_auto_t *want_attributes =
		json_pack("{s:s,s:s}", "wg_ip", "10.8.0.2", "wg_public_key", fx_key(1));
	cr_expect(json_equal(attributes, want_attributes));
	size_t calls = s.web.n_calls;
	r = stack_webhook(&s, "dev-1");
	cr_expect(r->status == 200);
	cr_expect_str_eq(reply_text(r, "status"), "already_provisioned");
	cr_expect_str_eq(reply_text(r, "wireguard_ip"), "10.8.0.2");
	cr_expect(s.web.n_calls == calls);
}

Test(webhook, events_that_come_at_once_share_the_work)
{
	struct reply replies[5];
	const char *body = "{\"metadata\":{\"deviceName\":\"dev-1\"},\"data\":{}}";
	size_t provisioned = 0, already = 0;
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	stack_rules_for(&s, "dev-1");
	for (size_t i = 0; i < N_ELEMENTS(replies); i++)
		stack_start(&s, &replies[i], "POST", "/webhooks/thingsboard", NULL, body);
	for (size_t i = 0; i < N_ELEMENTS(replies); i++) {
		stack_wait(&s, &replies[i].done);
		cr_expect(replies[i].status == 200);
		provisioned += strcmp(reply_text(&replies[i], "status"), "provisioned") == 0;
		already += strcmp(reply_text(&replies[i], "status"), "already_provisioned") == 0;
		json_decref(replies[i].body);
	}
	cr_expect(provisioned == 1);
	cr_expect(already == 4);
	cr_expect(fake_http_count(&s.web, "POST /rest/v1/targets") == 1);
	cr_expect(fake_http_count(&s.web, "POST /api/auth/login") == 1);
}

Test(webhook, a_target_that_exists_is_left_as_it_is)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fake_http_rule(&s.web, "GET /rest/v1/targets/dev-1", 200, "{}", 0);
	stack_rules_for(&s, "dev-1");
	cr_expect(stack_webhook(&s, "dev-1")->status == 200);
	cr_expect(fake_http_count(&s.web, "POST /rest/v1/targets") == 0);
	cr_expect(fake_http_count(&s.web, "POST /rest/v1/targets/dev-1/metadata") == 0);
}

Test(webhook, a_conflict_and_failed_metadata_are_fine)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fx_enroll(&s.fx, "dev-2", "2", fx_key(2));
	fake_http_rule(&s.web, "POST /rest/v1/targets", 409, "{}", 1);
	stack_rules_for(&s, "dev-1");
	cr_expect_str_eq(reply_text(stack_webhook(&s, "dev-1"), "status"), "provisioned");
	fake_http_clear(&s.web);
	fake_http_rule(&s.web, "POST /rest/v1/targets/dev-2/metadata", 500, "{}", 1);
	stack_rules_for(&s, "dev-2");
	cr_expect_str_eq(reply_text(stack_webhook(&s, "dev-2"), "status"), "provisioned");
}

Test(webhook, a_refusal_is_passed_on_with_its_words_and_the_work_stays)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fake_http_rule(&s.web, "GET /rest/v1/targets/dev-1", 403,
		       "{\"message\":\"Insufficient Permission\"}", 1);
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_webhook(&s, "dev-1");
	cr_expect(r->status == 502);
	cr_expect_str_eq(reply_text(r, "type"), "urn:provsim:upstream-refused");
	cr_expect(strstr(reply_text(r, "detail"),
			 "look up target: HTTP 403: Insufficient Permission; check its user") !=
			  NULL,
		  "%s", reply_text(r, "detail"));
	stack_wait_state(&s, "dev-1", DEVICE_PROVISIONED);
}

Test(webhook, an_unknown_device_in_thingsboard_is_said)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fake_http_rule(&s.web, "GET /api/tenant/devices?deviceName=dev-1", 404, "{}", 1);
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_webhook(&s, "dev-1");
	cr_expect(r->status == 502);
	cr_expect(strstr(reply_text(r, "detail"), "has no device \"dev-1\"") != NULL, "%s",
		  reply_text(r, "detail"));
}

Test(webhook, a_server_that_hangs_is_503_within_the_budget)
{
	s.budget_ms = 50;
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fake_http_rule(&s.web, "GET /rest/v1/targets/dev-1", 0, NULL, 1);
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_webhook(&s, "dev-1");
	cr_expect(r->status == 503);
	cr_expect_str_eq(reply_text(r, "type"), "urn:provsim:upstream-unreachable");
	cr_expect_str_eq(r->retry_after, "5");
}

Test(webhook, an_expired_token_is_renewed_once)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fake_http_rule(&s.web, "GET /api/tenant/devices?deviceName=dev-1", 401,
		       "{\"message\":\"Token has expired\"}", 1);
	fake_http_rule(&s.web, "POST /api/auth/login", 200, "{\"token\":\"t0\"}", 1);
	stack_rules_for(&s, "dev-1");
	cr_expect_str_eq(reply_text(stack_webhook(&s, "dev-1"), "status"), "provisioned");
	cr_expect(fake_http_count(&s.web, "POST /api/auth/login") == 2);
	const char *used = "";
	for (size_t i = 0; i < s.web.n_calls; i++) {
		if (strcmp(s.web.calls[i], "GET /api/tenant/devices?deviceName=dev-1") == 0)
			used = s.web.authorizations[i];
	}
	cr_expect_str_eq(used, "Bearer t1");
}

Test(webhook, a_wrong_password_at_thingsboard_is_said)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fake_http_rule(&s.web, "POST /api/auth/login", 401,
		       "{\"message\":\"Invalid username or password\"}", 0);
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_webhook(&s, "dev-1");
	cr_expect(r->status == 502);
	cr_expect(strstr(reply_text(r, "detail"),
			 "log in: HTTP 401: Invalid username or password") != NULL,
		  "%s", reply_text(r, "detail"));
}

Test(webhook, what_is_ignored)
{
	static const char *const bodies[] = {
		"{\"msgType\":\"DISCONNECT_EVENT\",\"metadata\":{\"deviceName\":\"dev-1\"},\"data\":{}}",
		"{\"msgType\":\"POST_CONNECT\",\"metadata\":{},\"data\":{}}",
		"{\"cpu_percent\":42}",
		"{\"metadata\":{\"deviceName\":\"unknown\"},\"data\":{}}",
	};
	s.ignore_unknown = true;
	stack_open(&s);
	for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
		struct reply *r = stack_call(&s, "POST", "/webhooks/thingsboard", bodies[i]);
		cr_expect(r->status == 200, "%s", bodies[i]);
		cr_expect_str_eq(reply_text(r, "status"), "ignored", "%s", bodies[i]);
		cr_expect(reply_text(r, "reason")[0], "%s", bodies[i]);
	}
	cr_expect(s.web.n_calls == 0);
}

Test(webhook, an_unknown_device_is_provisioned_by_default)
{
	stack_open(&s);
	stack_rules_for(&s, "new");
	struct reply *r = stack_webhook(&s, "new");
	cr_expect_str_eq(reply_text(r, "status"), "provisioned");
	cr_expect_str_eq(reply_text(r, "device_id"), "new");
	cr_expect(json_object_get(r->body, "wireguard_ip") == NULL);
	cr_expect(fake_http_count(&s.web, "POST /rest/v1/targets") == 1);
}

Test(webhook, statuses_of_bad_requests)
{
	struct reply r;
	stack_open(&s);
	cr_expect(stack_call(&s, "POST", "/webhooks/thingsboard", "{")->status == 400);
	cr_expect(stack_call(&s, "POST", "/webhooks/thingsboard", "{\"data\":7}")->status == 422);
	cr_assert(secret_set(&s.webhook_token, BYTES_STR("hook")) == ERR_OK);
	stack_start(&s, &r, "POST", "/webhooks/thingsboard", NULL, "{");
	stack_wait(&s, &r.done);
	cr_expect(r.status == 401, "before the body is looked at");
	json_decref(r.body);
	stack_start(&s, &r, "POST", "/webhooks/thingsboard", "Bearer hook", "{");
	stack_wait(&s, &r.done);
	cr_expect(r.status == 400);
	json_decref(r.body);
}

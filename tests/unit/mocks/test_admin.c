// SPDX-License-Identifier: Apache-2.0
// The admin API and the HTTP fault glue, on a mock that has both.
#include <stdio.h>
#include <string.h>

#include "common/nearest_route.h"
#include "hawkbit_fixture.h"

#define TARGETS "/rest/v1/targets"

static struct hawkbit_fixture f;

static void
setup(void)
{
	hawkbit_fixture_init(&f, NULL, NULL);
	hawkbit_expect(&f, "POST", TARGETS,
		       "[{\"controllerId\":\"dev-1\",\"securityToken\":\"s3cret\"}]", 201);
	hawkbit_expect(&f, "POST", TARGETS, "[{\"controllerId\":\"dev-2\"}]", 201);
}

static void
teardown(void)
{
	hawkbit_fixture_fini(&f);
}

TestSuite(admin, .init = setup, .fini = teardown);

static void
arm(const char *fault)
{
	ANSWER_AUTO struct mock_answer a = hawkbit_admin_call(&f, "POST", "/faults", fault);
	cr_assert(eq(int, a.status, 201), "%s", a.body);
}

static json_t *
admin_get(const char *path)
{
	ANSWER_AUTO struct mock_answer a = hawkbit_admin_call(&f, "GET", path, NULL);
	cr_assert(eq(int, a.status, 200), "%s: %s", path, a.body);
	return mock_answer_json(&a);
}

static json_t *
last_entry(json_t **journal)
{
	*journal = admin_get("/journal?last=1");
	return json_array_get(json_object_get(*journal, "entries"), 0);
}

static int
status_of(const json_t *entry)
{
	return (int)json_integer_value(json_object_get(entry, "status"));
}

Test(admin, state_narrows_to_a_device)
{
	json_auto_t *all = admin_get("/state");
	cr_expect(eq(sz, json_object_size(json_object_get(all, "targets")), 2));
	json_auto_t *one = admin_get("/state?device=dev-1");
	json_auto_t *want = json_pack("{s:{s:s, s:s, s:s, s:{}, s:{}}}", "dev-1", "name", "dev-1",
				      "updateStatus", "unknown", "createdBy", "admin", "metadata",
				      "attributes");
	cr_expect(json_equal(json_object_get(one, "targets"), want));
	json_auto_t *none = admin_get("/state?device=dev-9");
	cr_expect(eq(sz, json_object_size(json_object_get(none, "targets")), 0));
	const json_t *requests = json_object_get(all, "requests");
	cr_expect(eq(int, (int)json_integer_value(json_object_get(requests, "targets.create")), 2));
}

Test(admin, the_journal_tells_who_asked_what_and_hides_secrets)
{
	json_auto_t *journal = admin_get("/journal?device=dev-1");
	const json_t *entries = json_object_get(journal, "entries");
	cr_assert(eq(sz, json_array_size(entries), 1));
	const json_t *e = json_array_get(entries, 0);
	cr_expect(eq(int, strcmp(json_text_at(e, "event"), "targets.create"), 0));
	cr_expect(eq(int, strcmp(json_text_at(e, "call"), "POST " TARGETS), 0));
	cr_expect(eq(int, strcmp(json_text_at(e, "auth"), "Basic"), 0));
	cr_expect(eq(int, status_of(e), 201));
	char *text = json_dumps(journal, 0);
	cr_expect(strstr(text, "s3cret") == NULL, "%s", text);
	cr_expect(strstr(text, "YWRtaW46") == NULL, "%s", text);
	free(text);
	ANSWER_AUTO struct mock_answer bad = hawkbit_admin_call(&f, "GET", "/journal?last=x", NULL);
	cr_expect(eq(int, bad.status, 400));
}

Test(admin, what_matched_nothing_names_the_nearest_route)
{
	json_auto_t *journal = NULL;
	hawkbit_expect(&f, "GET", "/rest/v1/target/dev-1", NULL, 404);
	const json_t *e = last_entry(&journal);
	cr_expect(json_object_get(e, "event") == NULL);
	const char *nearest = json_text_at(e, "nearest");
	cr_expect(eq(int, strcmp(nearest, "GET " TARGETS "/{controllerId}"), 0), "%s", nearest);
}

Test(admin, a_status_fault_before_the_act_prevents_it)
{
	json_auto_t *journal = NULL;
	arm("{\"name\":\"x\",\"on\":\"targets.delete\",\"when\":{\"nth\":1},\"do\":{\"status\":503}}");
	hawkbit_expect(&f, "DELETE", TARGETS "/dev-1", NULL, 503);
	const json_t *e = last_entry(&journal);
	cr_expect(eq(int, strcmp(json_text_at(e, "fault"), "x"), 0));
	cr_expect(eq(int, status_of(e), 503));
	hawkbit_expect(&f, "GET", TARGETS "/dev-1", NULL, 200);
	hawkbit_expect(&f, "DELETE", TARGETS "/dev-1", NULL, 204);
}

Test(admin, a_status_fault_after_the_act_hides_it)
{
	arm("{\"on\":\"targets.create\",\"device\":\"dev-3\",\"phase\":\"effect\","
	    "\"do\":{\"status\":502,\"body\":{\"message\":\"gateway\"}}}");
	ANSWER_AUTO struct mock_answer a =
		hawkbit_call(&f, "POST", TARGETS, "[{\"controllerId\":\"dev-3\"}]");
	cr_expect(eq(int, a.status, 502));
	cr_expect(eq(int, strcmp(a.body, "{\"message\":\"gateway\"}"), 0), "%s", a.body);
	hawkbit_expect(&f, "GET", TARGETS "/dev-3", NULL, 200);
	hawkbit_expect(&f, "POST", TARGETS, "[{\"controllerId\":\"dev-4\"}]", 201);
}

Test(admin, connections_are_reset_and_closed)
{
	static const struct {
		const char *fault;
		bool reset;
		bool created;
	} rows[] = {
		{"{\"phase\":\"request\",\"do\":{\"reset\":true}}", true,  false},
		{"{\"phase\":\"effect\",\"do\":{\"reset\":true}}",  true,	 true },
		{"{\"phase\":\"request\",\"do\":{\"close\":true}}", false, false},
		{"{\"phase\":\"effect\",\"do\":{\"close\":true}}",  false, true },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char body[64];
		char path[64];
		snprintf(body, sizeof(body), "[{\"controllerId\":\"c%zu\"}]", i);
		snprintf(path, sizeof(path), TARGETS "/c%zu", i);
		arm(rows[i].fault);
		ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "POST", TARGETS, body);
		cr_expect(eq(int, a.status, 0), "%s: %s", rows[i].fault, a.head);
		cr_expect(a.reset == rows[i].reset, "%s", rows[i].fault);
		fault_plan_clear(f.faults);
		json_auto_t *journal = NULL;
		cr_expect(json_object_get(last_entry(&journal), "status") == NULL,
			  "nobody saw an answer");
		hawkbit_expect(&f, "GET", path, NULL, rows[i].created ? 200 : 404);
	}
}

Test(admin, a_delay_holds_back_what_happens_or_what_is_told)
{
	arm("{\"name\":\"a\",\"phase\":\"request\",\"when\":{\"nth\":1},\"do\":{\"delay_ms\":20}}");
	arm("{\"name\":\"b\",\"phase\":\"effect\",\"when\":{\"nth\":1},\"do\":{\"delay_ms\":20}}");
	uint64_t before = uv_hrtime();
	hawkbit_expect(&f, "GET", TARGETS "/dev-1", NULL, 200);
	cr_expect(uv_hrtime() - before >= 40 * 1000 * 1000, "both delays were waited for");
	json_auto_t *list = admin_get("/faults");
	for (size_t i = 0; i < json_array_size(list); i++)
		cr_expect(eq(
			int,
			(int)json_integer_value(json_object_get(json_array_get(list, i), "fired")),
			1));
}

Test(admin, semantic_faults_are_hawkbits_own)
{
	static const struct {
		const char *semantic;
		const char *method;
		const char *path;
		const char *body;
		int status;
		const char *code;
	} rows[] = {
		{"target-conflict",	    "POST",   TARGETS,	     "[{\"controllerId\":\"n\"}]", 409,
		 "hawkbit.server.error.repo.entityAlreadyExists"	},
		{"concurrent-modification", "DELETE", TARGETS "/dev-1", NULL,			      409,
		 "hawkbit.server.error.repo.concurrentModification"},
		{"no-permission",		  "GET",	 TARGETS "/dev-1", NULL,			 403,
		 "hawkbit.server.error.insufficientPermission"     },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char fault[128];
		snprintf(fault, sizeof(fault), "{\"do\":{\"semantic\":\"%s\"}}", rows[i].semantic);
		arm(fault);
		ANSWER_AUTO struct mock_answer a =
			hawkbit_call(&f, rows[i].method, rows[i].path, rows[i].body);
		cr_expect(eq(int, a.status, rows[i].status), "%s", rows[i].semantic);
		json_auto_t *json = mock_answer_json(&a);
		cr_expect(eq(int, strcmp(json_text_at(json, "errorCode"), rows[i].code), 0));
		fault_plan_clear(f.faults);
		hawkbit_expect(&f, "GET", TARGETS "/dev-1", NULL, 200);
		hawkbit_expect(&f, "GET", TARGETS "/n", NULL, 404);
	}
	arm("{\"do\":{\"semantic\":\"rate-limit\"}}");
	ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "GET", TARGETS, NULL);
	cr_expect(eq(int, a.status, 429));
	cr_expect(eq(sz, strlen(a.body), 0));
}

Test(admin, a_hanging_request_does_not_stop_the_server)
{
	// Teardown closes the server with a request that was never answered.
	arm("{\"on\":\"targets.get\",\"do\":{\"hang\":true}}");
	struct addr addr = hawkbit_addr(f.hawkbit);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char request[] =
		"GET " TARGETS "/dev-1 HTTP/1.1\r\nHost: h\r\n" AUTHORIZED "\r\n";
	cr_assert(eq(int, connect(fd, (struct sockaddr *)&addr.ss, addr.len), 0));
	cr_assert(write(fd, request, sizeof(request) - 1) == (ssize_t)sizeof(request) - 1);
	hawkbit_expect(&f, "GET", TARGETS, NULL, 200);
	json_auto_t *faults = admin_get("/faults");
	cr_expect(eq(int,
		     (int)json_integer_value(json_object_get(json_array_get(faults, 0), "fired")),
		     1));
	close(fd);
}

Test(admin, faults_are_listed_and_deleted)
{
	ANSWER_AUTO struct mock_answer bad = hawkbit_admin_call(
		&f, "POST", "/faults", "{\"on\":\"sign\",\"do\":{\"reset\":true}}");
	cr_expect(eq(int, bad.status, 400));
	json_auto_t *problem = mock_answer_json(&bad);
	cr_expect(strstr(json_text_at(problem, "detail"), "targets.create") != NULL, "%s",
		  bad.body);
	ANSWER_AUTO struct mock_answer junk = hawkbit_admin_call(&f, "POST", "/faults", "{\"a\"");
	cr_expect(eq(int, junk.status, 400));
	arm("{\"name\":\"a\",\"do\":{\"reset\":true}}");
	ANSWER_AUTO struct mock_answer twice = hawkbit_admin_call(
		&f, "POST", "/faults", "{\"name\":\"a\",\"do\":{\"hang\":true}}");
	cr_expect(eq(int, twice.status, 409));
	ANSWER_AUTO struct mock_answer none = hawkbit_admin_call(&f, "DELETE", "/faults/b", NULL);
	cr_expect(eq(int, none.status, 404));
	ANSWER_AUTO struct mock_answer gone = hawkbit_admin_call(&f, "DELETE", "/faults/a", NULL);
	cr_expect(eq(int, gone.status, 204));
	arm("{\"do\":{\"reset\":true}}");
	ANSWER_AUTO struct mock_answer all = hawkbit_admin_call(&f, "DELETE", "/faults", NULL);
	cr_expect(eq(int, all.status, 204));
	json_auto_t *list = admin_get("/faults");
	cr_expect(eq(sz, json_array_size(list), 0));
	json_auto_t *words = admin_get("/faults/vocabulary");
	cr_expect(json_array_size(json_object_get(words, "on")) > 10);
}

Test(admin, reset_is_as_after_the_start)
{
	arm("{\"on\":\"targets.get\",\"do\":{\"reset\":true}}");
	ANSWER_AUTO struct mock_answer a = hawkbit_admin_call(&f, "POST", "/reset", NULL);
	cr_expect(eq(int, a.status, 204));
	json_auto_t *state = admin_get("/state");
	cr_expect(eq(sz, json_object_size(json_object_get(state, "targets")), 0));
	json_auto_t *journal = admin_get("/journal");
	cr_expect(eq(sz, json_array_size(json_object_get(journal, "entries")), 0));
	json_auto_t *faults = admin_get("/faults");
	cr_expect(eq(sz, json_array_size(faults), 0));
	hawkbit_expect(&f, "POST", TARGETS, "[{\"controllerId\":\"dev-1\"}]", 201);
}

Test(nearest_route, finds_what_was_meant)
{
	static const struct http_route routes[] = {
		{"POST", "/1.0/sign",	      NULL, 0, "sign"  },
		{"POST", "/1.0/revoke",	NULL, 0, "revoke"},
		{"GET",	"/things/{id}/parts", NULL, 0, "parts" },
	};
	static const struct {
		const char *method;
		const char *path;
		const char *want; // "": none is near
	} rows[] = {
		{"GET",	"/1.0/sign",			     "POST /1.0/sign"	     },
		{"POST", "/sign",			  "POST /1.0/sign"	  },
		{"POST", "/1.0/revok",		       "POST /1.0/revoke"	 },
		{"GET",	"/things/a-long-identifier/part", "GET /things/{id}/parts"},
		{"GET",	"/favicon.ico",			""			  },
		{"GET",	"/",			      ""		       },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char out[128] = "";
		bool found = nearest_route(out, sizeof(out), routes, N_ELEMENTS(routes),
					   rows[i].method, rows[i].path);
		cr_expect(found == (rows[i].want[0] != 0), "%s: %s", rows[i].path, out);
		cr_expect(eq(int, strcmp(out, rows[i].want), 0), "%s: %s", rows[i].path, out);
	}
	char hostile[5000];
	char out[128];
	memset(hostile, '/', sizeof(hostile) - 1);
	hostile[sizeof(hostile) - 1] = 0;
	nearest_route(out, sizeof(out), routes, N_ELEMENTS(routes), "GET", hostile);
	memset(hostile, 'a', sizeof(hostile) - 1);
	nearest_route(out, sizeof(out), routes, N_ELEMENTS(routes), "GET", hostile);
}

// SPDX-License-Identifier: Apache-2.0
// Targets over HTTP: what contracts/hawkbit.md sections 1, 2.1 and 2.2 say.
#include <stdio.h>
#include <string.h>

#include "hawkbit_fixture.h"

#define TARGETS "/rest/v1/targets"
#define PREFIX	"hawkbit.server.error."

static struct hawkbit_fixture f;

static void
setup(void)
{
	hawkbit_fixture_init(&f, NULL, NULL);
}

static void
teardown(void)
{
	hawkbit_fixture_fini(&f);
}

TestSuite(hawkbit_targets, .init = setup, .fini = teardown);

static void
create(const char *body)
{
	hawkbit_expect(&f, "POST", TARGETS, body, 201);
}

static void
expect_error(const char *method, const char *path, const char *body, int status, const char *code)
{
	ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, method, path, body);
	cr_assert(eq(int, a.status, status), "%s %s %s: %s%s", method, path, body, a.head, a.body);
	json_auto_t *json = mock_answer_json(&a);
	cr_expect(eq(int, strcmp(json_text_at(json, "errorCode"), code), 0), "%s", a.body);
	cr_expect(json_text_at(json, "exceptionClass")[0] != 0);
	cr_expect(json_text_at(json, "message")[0] != 0);
}

// Spring's own body: timestamp, status, error; nothing else.
static void
expect_spring(const struct mock_answer *a, int status, const char *error)
{
	char type[512];
	cr_assert(eq(int, a->status, status), "%s%s", a->head, a->body);
	mock_answer_header(a, "Content-Type", type);
	cr_expect(eq(int, strcmp(type, "application/json;charset=UTF-8"), 0), "%s", type);
	json_auto_t *json = mock_answer_json(a);
	cr_expect(eq(sz, json_object_size(json), 3));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(json, "status")), status));
	cr_expect(eq(int, strcmp(json_text_at(json, "error"), error), 0));
	const char *stamp = json_text_at(json, "timestamp");
	cr_expect(eq(sz, strlen(stamp), strlen("2026-11-23T19:07:44.104+00:00")), "%s", stamp);
	cr_expect(eq(int, strcmp(stamp + 23, "+00:00"), 0), "%s", stamp);
}

Test(hawkbit_targets, a_new_target_looks_like_hawkbits)
{
	ANSWER_AUTO struct mock_answer a = hawkbit_call(
		&f, "POST", TARGETS,
		"[{\"controllerId\":\"dev-1\",\"name\":\"Device 1\",\"requestAttributes\":false,"
		"\"attributes\":{\"x\":\"y\"},\"description\":null}]");
	char type[512];
	char want[256];
	char host[ADDR_TEXT_BYTES];
	struct addr addr = hawkbit_addr(f.hawkbit);
	cr_assert(eq(int, a.status, 201), "%s", a.body);
	mock_answer_header(&a, "Content-Type", type);
	cr_expect(eq(int, strcmp(type, "application/hal+json;charset=UTF-8"), 0), "%s", type);
	cr_expect(eq(int, mock_answer_header(&a, "Location", type)[0], 0), "hawkBit sends none");
	json_auto_t *list = mock_answer_json(&a);
	cr_assert(eq(sz, json_array_size(list), 1));
	const json_t *t = json_array_get(list, 0);
	cr_expect(eq(sz, json_object_size(t), 10), "%s", a.body);
	cr_expect(eq(int, strcmp(json_text_at(t, "createdBy"), "admin"), 0));
	cr_expect(eq(int, strcmp(json_text_at(t, "lastModifiedBy"), "admin"), 0));
	cr_expect(eq(int, strcmp(json_text_at(t, "name"), "Device 1"), 0));
	cr_expect(eq(int, strcmp(json_text_at(t, "updateStatus"), "unknown"), 0));
	cr_expect(json_object_get(t, "requestAttributes") == json_true(),
		  "requestAttributes is ignored at creation");
	cr_expect(json_integer_value(json_object_get(t, "createdAt")) > 1700000000000);
	const char *token = json_text_at(t, "securityToken");
	cr_expect(eq(sz, strspn(token, "0123456789abcdef"), 32));
	cr_expect(eq(sz, strlen(token), 32));
	addr_format(host, &addr);
	snprintf(want, sizeof(want), "http://%s/rest/v1/targets/dev-1", host);
	cr_expect(eq(int, strcmp(json_text_at(t, "_links.self.href"), want), 0));
	cr_expect(eq(sz, json_object_size(json_object_get(t, "_links")), 1));
}

Test(hawkbit_targets, alone_it_shows_all_links)
{
	static const char *const links[] = {"",
					    "/assignedDS",
					    "/installedDS",
					    "/attributes",
					    "/metadata",
					    "/actions?offset=0&limit=50&sort=id%3ADESC"};
	static const char *const names[] = {"self",	  "assignedDS", "installedDS",
					    "attributes", "metadata",	"actions"};
	char path[64];
	char want[256];
	create("[{\"controllerId\":\"d@1\",\"address\":\"amqp://h/x\",\"group\":\"g\"}]");
	ANSWER_AUTO struct mock_answer a =
		mock_call(&f.loop, hawkbit_addr(f.hawkbit), "GET", TARGETS "/d%401",
			  AUTHORIZED "Host: bench:8070\r\n", NULL);
	cr_assert(eq(int, a.status, 200), "%s", a.body);
	json_auto_t *t = mock_answer_json(&a);
	cr_expect(eq(int, strcmp(json_text_at(t, "address"), "amqp://h/x"), 0));
	cr_expect(eq(int, strcmp(json_text_at(t, "group"), "g"), 0));
	cr_expect(json_object_get(t, "description") == NULL, "null fields are left out");
	cr_expect(eq(sz, json_object_size(json_object_get(t, "_links")), N_ELEMENTS(names)));
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		snprintf(path, sizeof(path), "_links.%s.href", names[i]);
		snprintf(want, sizeof(want), "/rest/v1/targets/d%%401%s", links[i]);
		const char *href = json_text_at(t, path);
		cr_expect(strncmp(href, "http://", 7) == 0 && strstr(href, want), "%s: %s", path,
			  href);
	}
}

Test(hawkbit_targets, what_is_absent_gets_a_default)
{
	char body[512];
	char id[201];
	memset(id, 'a', 200);
	id[200] = 0;
	snprintf(body, sizeof(body),
		 "[{\"controllerId\":\"%s\",\"name\":\"\",\"securityToken\":\"\"}]", id);
	ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "POST", TARGETS, body);
	json_auto_t *list = mock_answer_json(&a);
	const json_t *t = json_array_get(list, 0);
	cr_expect(eq(sz, strlen(json_text_at(t, "name")), 128), "the id, cut");
	cr_expect(eq(sz, strlen(json_text_at(t, "securityToken")), 32));
}

Test(hawkbit_targets, creation_is_all_or_nothing)
{
	create("[{\"controllerId\":\"old\"}]");
	static const char *const refused[] = {
		"[{\"controllerId\":\"new-1\"},{\"controllerId\":\"old\"}]",
		"[{\"controllerId\":\"new-1\"},{\"controllerId\":\"new-1\"}]",
		"[{\"controllerId\":\"new-1\"},{\"name\":\"no id\"}]",
		"[{\"controllerId\":\"new-1\"},{\"controllerId\":\"b\",\"targetType\":7}]",
		"[{\"controllerId\":\"new-1\"},null]",
	};
	for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
		ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "POST", TARGETS, refused[i]);
		cr_expect(a.status >= 400 && a.status < 500, "%s: %d", refused[i], a.status);
		hawkbit_expect(&f, "GET", TARGETS "/new-1", NULL, 404);
		hawkbit_expect(&f, "GET", TARGETS "/old", NULL, 200);
	}
}

Test(hawkbit_targets, errors_carry_hawkbits_codes)
{
	char long_name[700];
	snprintf(long_name, sizeof(long_name), "[{\"controllerId\":\"n\",\"name\":\"%0129d\"}]", 0);
	create("[{\"controllerId\":\"dev-1\"}]");
	expect_error("POST", TARGETS, "[{\"controllerId\":\"dev-1\"}]", 409,
		     PREFIX "repo.entityAlreadyExists");
	expect_error("POST", TARGETS, "", 400, PREFIX "rest.body.notReadable");
	expect_error("POST", TARGETS, "[{", 400, PREFIX "rest.body.notReadable");
	expect_error("POST", TARGETS, "7", 400, PREFIX "rest.body.notReadable");
	expect_error("POST", TARGETS, "[[]]", 400, PREFIX "rest.body.notReadable");
	expect_error("POST", TARGETS, "[{\"controllerId\":[\"a\"]}]", 400,
		     PREFIX "rest.body.notReadable");
	expect_error("POST", TARGETS, "[{\"controllerId\":\"a\",\"requestAttributes\":{}}]", 400,
		     PREFIX "rest.body.notReadable");
	expect_error("POST", TARGETS, "[{}]", 400, PREFIX "repo.constraintViolation");
	expect_error("POST", TARGETS, long_name, 400, PREFIX "repo.constraintViolation");
	expect_error("POST", TARGETS, "[{\"controllerId\":\"\"}]", 400,
		     PREFIX "repo.constraintViolation");
	expect_error("POST", TARGETS, "[{\"controllerId\":\"a b\"}]", 400,
		     PREFIX "repo.constraintViolation");
	expect_error("POST", TARGETS, "[{\"controllerId\":\"<b>x\"}]", 400,
		     PREFIX "repo.constraintViolation");
	expect_error("POST", TARGETS, "[{\"controllerId\":\"a\",\"address\":\"no uri\"}]", 400,
		     PREFIX "repo.invalidTargetAddress");
	expect_error("GET", TARGETS "/none", NULL, 404, PREFIX "repo.entityNotFound");
	expect_error("PUT", TARGETS "/none", "{}", 404, PREFIX "repo.entityNotFound");
	expect_error("DELETE", TARGETS "/none", NULL, 404, PREFIX "repo.entityNotFound");
	expect_error("GET", TARGETS "/none/attributes", NULL, 404, PREFIX "repo.entityNotFound");
}

Test(hawkbit_targets, every_broken_rule_is_named)
{
	ANSWER_AUTO struct mock_answer a =
		hawkbit_call(&f, "POST", TARGETS, "[{\"name\":\"<i>\",\"description\":\"a < b\"}]");
	json_auto_t *json = mock_answer_json(&a);
	const char *message = json_text_at(json, "message");
	cr_expect(strstr(message, "controllerId must not be null.") != NULL, "%s", message);
	cr_expect(strstr(message, "name Invalid characters in string.") != NULL, "%s", message);
	cr_expect(strstr(message, "description") == NULL, "a lone < is no tag: %s", message);
}

Test(hawkbit_targets, not_found_names_type_and_id)
{
	ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "GET", TARGETS "/no%20one%22", NULL);
	json_auto_t *json = mock_answer_json(&a);
	json_auto_t *want =
		json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "exceptionClass",
			  "org.eclipse.hawkbit.repository.exception.EntityNotFoundException",
			  "errorCode", PREFIX "repo.entityNotFound", "message",
			  "Target with given identifier {no one\"} does not exist.", "info", "type",
			  "Target", "entityId", "no one\"");
	cr_expect(json_equal(json, want), "%s", a.body);
}

Test(hawkbit_targets, put_changes_what_it_names)
{
	create("[{\"controllerId\":\"d\",\"name\":\"one\",\"description\":\"x\"}]");
	hawkbit_expect(&f, "PUT", TARGETS "/d",
		       "{\"name\":\"two\",\"controllerId\":\"other\",\"requestAttributes\":true,"
		       "\"targetType\":-1,\"securityToken\":\"t\"}",
		       200);
	ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "GET", TARGETS "/d", NULL);
	json_auto_t *t = mock_answer_json(&a);
	cr_expect(eq(int, strcmp(json_text_at(t, "name"), "two"), 0));
	cr_expect(eq(int, strcmp(json_text_at(t, "description"), "x"), 0));
	cr_expect(eq(int, strcmp(json_text_at(t, "securityToken"), "t"), 0));
	cr_expect(eq(int, strcmp(json_text_at(t, "controllerId"), "d"), 0));
	hawkbit_expect(&f, "GET", TARGETS "/other", NULL, 404);
	hawkbit_expect(&f, "PUT", TARGETS "/d", "{\"targetType\":3}", 404);
	hawkbit_expect(&f, "PUT", TARGETS "/d", "{\"name\":\"\"}", 400);
	ANSWER_AUTO struct mock_answer bare =
		hawkbit_call(&f, "PUT", TARGETS "/d", "{\"requestAttributes\":false}");
	cr_expect(eq(int, bare.status, 400));
	cr_expect(eq(sz, strlen(bare.body), 0), "this 400 has no body");
}

Test(hawkbit_targets, delete_frees_the_id)
{
	create("[{\"controllerId\":\"d\"}]");
	ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "DELETE", TARGETS "/d", NULL);
	cr_expect(eq(int, a.status, 204));
	cr_expect(eq(sz, strlen(a.body), 0));
	hawkbit_expect(&f, "DELETE", TARGETS "/d", NULL, 404);
	create("[{\"controllerId\":\"d\"}]");
}

Test(hawkbit_targets, attributes_belong_to_the_device)
{
	char allow[512];
	create("[{\"controllerId\":\"d\"}]");
	ANSWER_AUTO struct mock_answer none =
		hawkbit_call(&f, "GET", TARGETS "/d/attributes", NULL);
	cr_expect(eq(int, none.status, 204), "no attributes: no content, not {}");
	ANSWER_AUTO struct mock_answer put =
		hawkbit_call(&f, "PUT", TARGETS "/d/attributes", "{\"a\":\"b\"}");
	expect_spring(&put, 405, "Method Not Allowed");
	mock_answer_header(&put, "Allow", allow);
	cr_expect(eq(int, strcmp(allow, "GET"), 0), "%s", allow);
	hawkbit_expect(&f, "POST", TARGETS "/d/attributes", "{}", 405);
}

Test(hawkbit_targets, nothing_without_credentials)
{
	static const char *const headers[] = {
		NULL,
		"Authorization: Basic\r\n",
		"Authorization: Basic !!!\r\n",
		"Authorization: Basic YWRtaW4=\r\n",			 // no colon
		"Authorization: Basic YWRtaW46d3Jvbmc=\r\n",		 // admin:wrong
		"Authorization: Basic REVGQVVMVFxhZG1pbjphZG1pbg==\r\n", // DEFAULT\admin:admin
		"Authorization: Bearer YWRtaW46YWRtaW4=\r\n",
	};
	static const char *const paths[] = {TARGETS, TARGETS "/d/attributes", "/nowhere"};
	char value[512];
	for (size_t i = 0; i < N_ELEMENTS(headers); i++) {
		for (size_t k = 0; k < N_ELEMENTS(paths); k++) {
			ANSWER_AUTO struct mock_answer a =
				mock_call(&f.loop, hawkbit_addr(f.hawkbit), "PUT", paths[k],
					  headers[i], NULL);
			expect_spring(&a, 401, "Unauthorized");
			mock_answer_header(&a, "WWW-Authenticate", value);
			cr_expect(eq(int, strcmp(value, "Basic realm=\"hawkBit\""), 0));
		}
	}
	hawkbit_expect(&f, "GET", "/rest/v1/userinfo", NULL, 200);
}

Test(hawkbit_targets, types_are_negotiated)
{
	static const struct {
		const char *accept;
		int status;
		const char *type;
	} rows[] = {
		{NULL,					   200, "application/hal+json;charset=UTF-8"},
		{"*/*",					  200, "application/hal+json;charset=UTF-8"},
		{"application/*",				  200, "application/hal+json;charset=UTF-8"},
		{"application/json",			     200, "application/json;charset=UTF-8"	  },
		{"Application/JSON;charset=utf-8",		   200, "application/json;charset=UTF-8"	},
		{"application/hal+json;q=0.1, application/json", 200,
		 "application/json;charset=UTF-8"							 },
		{"text/html, */*;q=0.8",			 200, "application/hal+json;charset=UTF-8"},
		{"text/plain",				   406, "application/json;charset=UTF-8"    },
		{"application/json;q=0",			 406, "application/json;charset=UTF-8"    },
		{"",					     406, "application/json;charset=UTF-8"	  },
	};
	char headers[256];
	char type[512];
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		snprintf(headers, sizeof(headers), AUTHORIZED "%s%s%s",
			 rows[i].accept ? "Accept: " : "", rows[i].accept ? rows[i].accept : "",
			 rows[i].accept ? "\r\n" : "");
		ANSWER_AUTO struct mock_answer a =
			mock_call(&f.loop, hawkbit_addr(f.hawkbit), "GET", TARGETS, headers, NULL);
		cr_expect(eq(int, a.status, rows[i].status), "Accept: %s", rows[i].accept);
		mock_answer_header(&a, "Content-Type", type);
		cr_expect(eq(int, strcmp(type, rows[i].type), 0), "Accept: %s: %s", rows[i].accept,
			  type);
	}
}

Test(hawkbit_targets, only_json_is_taken)
{
	static const struct {
		const char *headers;
		int status;
	} rows[] = {
		{AUTHORIZED,						    415},
		{AUTHORIZED "Content-Type: text/plain\r\n",			    415},
		{AUTHORIZED "Content-Type: application/jsonx\r\n",		   415},
		{AUTHORIZED "Content-Type: application/json;charset=UTF-8\r\n", 201},
		{AUTHORIZED "Content-Type: application/hal+json\r\n",	      201},
	};
	char body[64];
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		snprintf(body, sizeof(body), "[{\"controllerId\":\"d%zu\"}]", i);
		ANSWER_AUTO struct mock_answer a = mock_call(
			&f.loop, hawkbit_addr(f.hawkbit), "POST", TARGETS, rows[i].headers, body);
		cr_expect(eq(int, a.status, rows[i].status), "%s: %s", rows[i].headers, a.head);
	}
}

Test(hawkbit_targets, an_unchanged_answer_is_304)
{
	char etag[512];
	char headers[640];
	create("[{\"controllerId\":\"d\"}]");
	ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "GET", TARGETS "/d", NULL);
	mock_answer_header(&a, "ETag", etag);
	cr_assert(eq(sz, strlen(etag), 35), "%s", etag);
	cr_expect(eq(int, strncmp(etag, "\"0", 2), 0));
	snprintf(headers, sizeof(headers), AUTHORIZED "If-None-Match: %s\r\n", etag);
	ANSWER_AUTO struct mock_answer same =
		mock_call(&f.loop, hawkbit_addr(f.hawkbit), "GET", TARGETS "/d", headers, NULL);
	cr_expect(eq(int, same.status, 304));
	cr_expect(eq(sz, strlen(same.body), 0));
	hawkbit_expect(&f, "PUT", TARGETS "/d", "{\"name\":\"other\"}", 200);
	ANSWER_AUTO struct mock_answer changed =
		mock_call(&f.loop, hawkbit_addr(f.hawkbit), "GET", TARGETS "/d", headers, NULL);
	cr_expect(eq(int, changed.status, 200));
}

Test(hawkbit_targets, spring_answers_what_hawkbit_never_sees)
{
	static const struct {
		const char *path;
		int status;
	} rows[] = {
		{"/rest/v1/target",   404},
		  {"/rest/v1/targets/", 404},
		      {"/",		    404},
		{TARGETS "//d",	400},
		  {TARGETS "/a%2Fb",    400},
		      {TARGETS "/a;b=c",	 400},
		{TARGETS "/a%00",	  400},
		  {TARGETS "/a%25",	    400},
		      {TARGETS "/..%5cx",	  400},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		ANSWER_AUTO struct mock_answer a = hawkbit_call(&f, "GET", rows[i].path, NULL);
		expect_spring(&a, rows[i].status,
			      rows[i].status == 404 ? "Not Found" : "Bad Request");
	}
	hawkbit_expect(&f, "PATCH", TARGETS, "{}", 405);
}

Test(hawkbit_targets, metadata_is_kept_by_key)
{
	create("[{\"controllerId\":\"d\"}]");
	ANSWER_AUTO struct mock_answer made = hawkbit_call(
		&f, "POST", TARGETS "/d/metadata",
		"[{\"key\":\"device_type\",\"value\":\"x\"},{\"key\":\"b\",\"value\":\"\"}]");
	cr_expect(eq(int, made.status, 201));
	cr_expect(eq(sz, strlen(made.body), 0), "no body since 0.10");
	expect_error("POST", TARGETS "/d/metadata",
		     "[{\"key\":\"c\",\"value\":\"1\"},{\"key\":\"b\",\"value\":\"2\"}]", 409,
		     PREFIX "repo.entityAlreadyExists");
	expect_error("GET", TARGETS "/d/metadata/c", NULL, 404, PREFIX "repo.entityNotFound");
	expect_error("POST", TARGETS "/d/metadata", "[{\"value\":\"1\"}]", 400,
		     PREFIX "repo.constraintViolation");
	expect_error("POST", TARGETS "/d/metadata", "[{\"key\":\"k\",\"value\":1}]", 400,
		     PREFIX "rest.body.notReadable");
	expect_error("POST", TARGETS "/none/metadata", "[]", 404, PREFIX "repo.entityNotFound");
	hawkbit_expect(&f, "PUT", TARGETS "/d/metadata/b", "{\"value\":\"3\"}", 204);
	hawkbit_expect(&f, "DELETE", TARGETS "/d/metadata/device_type", NULL, 204);
	expect_error("DELETE", TARGETS "/d/metadata/device_type", NULL, 404,
		     PREFIX "repo.entityNotFound");
	ANSWER_AUTO struct mock_answer list = hawkbit_call(&f, "GET", TARGETS "/d/metadata", NULL);
	cr_expect(
		eq(int,
		   strcmp(list.body,
			  "{\"content\":[{\"key\":\"b\",\"value\":\"3\"}],\"total\":1,\"size\":1}"),
		   0),
		"%s", list.body);
}

Test(hawkbit_targets, metadata_has_a_quota)
{
	char body[64];
	create("[{\"controllerId\":\"d\"}]");
	for (int i = 0; i < 100; i++) {
		snprintf(body, sizeof(body), "[{\"key\":\"k%d\",\"value\":\"v\"}]", i);
		hawkbit_expect(&f, "POST", TARGETS "/d/metadata", body, 201);
	}
	expect_error("POST", TARGETS "/d/metadata", "[{\"key\":\"one-more\",\"value\":\"v\"}]", 429,
		     PREFIX "quota.tooManyEntries");
	expect_error("PUT", TARGETS "/d/metadata/one-more", "{\"value\":\"v\"}", 429,
		     PREFIX "quota.tooManyEntries");
	hawkbit_expect(&f, "PUT", TARGETS "/d/metadata/k7", "{\"value\":\"w\"}", 204);
}

Test(hawkbit_releases, older_ones_answer_in_their_way)
{
	static const struct {
		const char *release;
		const char *exists;
		int delete_status;
		int single_status;
	} rows[] = {
		{"0.6", PREFIX "repo.entitiyAlreayExists", 200, 400},
		{"0.9", PREFIX "repo.entityAlreadyExists", 200, 400},
		{"1.0", PREFIX "repo.entityAlreadyExists", 204, 400},
		{"1.1", PREFIX "repo.entityAlreadyExists", 204, 201},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		hawkbit_fixture_init(&f, rows[i].release, NULL);
		create("[{\"controllerId\":\"d\"}]");
		expect_error("POST", TARGETS, "[{\"controllerId\":\"d\"}]", 409, rows[i].exists);
		hawkbit_expect(&f, "DELETE", TARGETS "/d", NULL, rows[i].delete_status);
		hawkbit_expect(&f, "POST", TARGETS, "{\"controllerId\":\"s\"}",
			       rows[i].single_status);
		hawkbit_fixture_fini(&f);
	}
}

Test(hawkbit_releases, the_context_path_is_in_every_path_and_href)
{
	hawkbit_fixture_init(&f, NULL, "/hawkbit");
	hawkbit_expect(&f, "POST", TARGETS, "[{\"controllerId\":\"d\"}]", 404);
	ANSWER_AUTO struct mock_answer a =
		hawkbit_call(&f, "POST", "/hawkbit" TARGETS, "[{\"controllerId\":\"d\"}]");
	cr_expect(eq(int, a.status, 201));
	cr_expect(strstr(a.body, "/hawkbit/rest/v1/targets/d\"") != NULL, "%s", a.body);
	hawkbit_fixture_fini(&f);
}

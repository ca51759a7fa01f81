// SPDX-License-Identifier: Apache-2.0
// The API's description against the routes, the problems and what the bridge really answers.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <stdio.h>

#include "bridge/openapi.h"
#include "bridge/reply.h"
#include "bridge/routes.h"
#include "bridge_fixture.h"

static json_t *doc;

static void
setup(void)
{
	json_error_t where;
	doc = json_loadb(openapi_json, openapi_json_bytes, JSON_REJECT_DUPLICATES, &where);
	cr_assert(doc != NULL, "line %d: %s", where.line, where.text);
}

static void
teardown(void)
{
	json_decref(doc);
}

TestSuite(openapi, .init = setup, .fini = teardown, .timeout = 60);

static bool
is_method(const char *key)
{
	static const char *const methods[] = {"get",	 "put",	 "post",  "delete",
					      "options", "head", "patch", "trace"};
	for (size_t i = 0; i < N_ELEMENTS(methods); i++)
		if (strcmp(key, methods[i]) == 0)
			return true;
	return false;
}

static json_t *
find_operation(const char *method, const char *path)
{
	char lower[16] = "";
	for (size_t i = 0; method[i] && i + 1 < sizeof(lower); i++)
		lower[i] = (char)tolower((unsigned char)method[i]);
	return json_object_get(json_object_get(json_object_get(doc, "paths"), path), lower);
}

Test(openapi, every_route_is_described_and_nothing_else)
{
	size_t described = 0;
	const char *path, *key;
	json_t *item, *operation;
	for (size_t i = 0; i < n_bridge_routes; i++)
		cr_expect(find_operation(bridge_routes[i].method, bridge_routes[i].path) != NULL,
			  "%s %s", bridge_routes[i].method, bridge_routes[i].path);
	json_object_foreach (json_object_get(doc, "paths"), path, item)
		json_object_foreach (item, key, operation)
			described += is_method(key);
	cr_expect(eq(sz, described, n_bridge_routes));
}

Test(openapi, operations_have_their_own_names_and_answers)
{
	json_auto_t *seen = json_object();
	for (size_t i = 0; i < n_bridge_routes; i++) {
		json_t *o = find_operation(bridge_routes[i].method, bridge_routes[i].path);
		const char *id = json_string_value(json_object_get(o, "operationId"));
		cr_assert(id != NULL, "%s", bridge_routes[i].path);
		cr_expect(json_object_get(seen, id) == NULL, "%s twice", id);
		json_object_set_new(seen, id, json_true());
		cr_expect(json_object_get(json_object_get(o, "responses"), "200") != NULL, "%s",
			  id);
		bool takes_body = json_object_get(o, "requestBody") != NULL;
		cr_expect(takes_body == (strcmp(bridge_routes[i].method, "POST") == 0), "%s", id);
	}
}

// "#/components/schemas/Device"
static const json_t *
resolve(const char *ref)
{
	const json_t *at = doc;
	cr_assert(strncmp(ref, "#/", 2) == 0, "%s", ref);
	for (ref += 2; *ref; ref += *ref == '/') {
		char part[128];
		size_t n = strcspn(ref, "/");
		snprintf(part, sizeof(part), "%.*s", (int)n, ref);
		at = json_object_get(at, part);
		ref += n;
	}
	return at;
}

static void
check_refs(json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;
	json_object_foreach (value, key, member) {
		if (strcmp(key, "$ref") == 0)
			cr_expect(resolve(json_string_value(member)) != NULL, "%s",
				  json_string_value(member));
		check_refs(member);
	}
	json_array_foreach (value, i, member)
		check_refs(member);
}

Test(openapi, references_lead_somewhere)
{
	check_refs(doc);
}

static bool
has_parameter(json_t *holder, const char *name, size_t n)
{
	size_t i;
	json_t *p;
	json_array_foreach (json_object_get(holder, "parameters"), i, p) {
		const char *ref = json_string_value(json_object_get(p, "$ref"));
		const json_t *real = ref ? resolve(ref) : p;
		const char *text = json_string_value(json_object_get(real, "name"));
		const char *in = json_string_value(json_object_get(real, "in"));
		if (strcmp(in, "path") == 0 && strlen(text) == n && strncmp(text, name, n) == 0)
			return true;
	}
	return false;
}

Test(openapi, path_parameters_are_described)
{
	for (size_t i = 0; i < n_bridge_routes; i++) {
		const struct http_route *r = &bridge_routes[i];
		json_t *item = json_object_get(json_object_get(doc, "paths"), r->path);
		for (const char *p = strchr(r->path, '{'); p; p = strchr(p + 1, '{'))
			cr_expect(has_parameter(find_operation(r->method, r->path), p + 1,
						strcspn(p + 1, "}")) ||
					  has_parameter(item, p + 1, strcspn(p + 1, "}")),
				  "%s", r->path);
	}
}

static bool
type_is_listed(const char *type)
{
	size_t i;
	json_t *value;
	const json_t *list = json_object_get(
		json_object_get(resolve("#/components/schemas/Problem/properties"), "type"),
		"enum");
	json_array_foreach (list, i, value)
		if (strcmp(json_string_value(value), type) == 0)
			return true;
	return false;
}

// Some answer with this status names the problem.
static bool
is_explained(const char *kind, int status)
{
	char code[16];
	snprintf(code, sizeof(code), "%d", status);
	for (size_t i = 0; i < n_bridge_routes; i++) {
		json_t *o = find_operation(bridge_routes[i].method, bridge_routes[i].path);
		const char *text = json_string_value(json_object_get(
			json_object_get(json_object_get(o, "responses"), code), "description"));
		if (text && strstr(text, kind))
			return true;
	}
	return false;
}

Test(openapi, every_problem_is_listed_and_explained)
{
	for (int p = 0; p < PROBLEM_COUNT; p++) {
		char type[128];
		snprintf(type, sizeof(type), "urn:provsim:%s", problem_kind((enum problem)p));
		cr_expect(type_is_listed(type), "%s", type);
		// Which methods a path takes is what the document says anyway.
		if (p != PROBLEM_METHOD_NOT_ALLOWED)
			cr_expect(is_explained(problem_kind((enum problem)p),
					       problem_status((enum problem)p)),
				  "%s", type);
	}
	const json_t *list =
		json_object_get(resolve("#/components/schemas/Problem/properties/type"), "enum");
	cr_expect(eq(sz, json_array_size(list), PROBLEM_COUNT));
}

Test(openapi, it_is_served_with_the_programs_version)
{
	static struct bridge_fixture f;
	json_t *info = json_object_get(doc, "info");
	cr_expect(eq(str, (char *)json_string_value(json_object_get(info, "version")),
		     PROVSIM_VERSION));
	cr_expect(eq(str, (char *)json_string_value(json_object_get(doc, "openapi")), "3.1.0"));
	bridge_fixture_open(&f);
	cr_assert(eq(int, bridge_fixture_call(&f, "GET", "/openapi.json", NULL, NULL), 200));
	cr_expect(strstr(f.answer, "Content-Type: application/json\r\n") != NULL);
	cr_expect(strcmp(f.body, openapi_json) == 0);
	bridge_fixture_close(&f);
}

// What the bridge answers to wrong requests is what the document says.
static const struct probe {
	const char *method;
	const char *path;
	const char *route; // as in the document
	bool admin;
	const char *body;
	int status;
} probes[] = {
	{"POST",	 "/devices/dev-1/enroll",	  "/devices/{device_id}/enroll", false, "{",		     400},
	{"POST",	 "/devices/dev-1/enroll",	  "/devices/{device_id}/enroll", false, "{}",		      422},
	{"POST",	 "/devices/-/enroll",	      "/devices/{device_id}/enroll", false, "{\"csr_pem\":\"x\"}",
	 422												  },
	{"POST",	 "/devices/%zz/enroll",	"/devices/{device_id}/enroll", false, "{}",		    400},
	{"POST",	 "/devices/dev-1/enroll",	  "/devices/{device_id}/enroll", false, NULL,		      400},
	{"POST",	 "/v1/enroll",	       "/v1/enroll",		     false, "[]",		  422},
	{"POST",	 "/webhooks/thingsboard",	  "/webhooks/thingsboard",	   false, "[",		       400},
	{"POST",	 "/webhooks/thingsboard",	  "/webhooks/thingsboard",	   false, "{\"metadata\":1}",    422},
	{"GET",	"/devices",		    "/devices",			false, NULL,		     401},
	{"GET",	"/devices?limit=0",	    "/devices",			true,  NULL,		    422},
	{"GET",	"/devices/nobody",	   "/devices/{device_id}",	   true,	 NULL,		       404},
	{"DELETE", "/devices/nobody",	      "/devices/{device_id}",	      true,  NULL,		  404},
	{"DELETE", "/devices/nobody?force=1", "/devices/{device_id}",	      true,  NULL,		  422},
	{"DELETE", "/devices/nobody",	      "/devices/{device_id}",	      false, NULL,		   401},
	{"GET",	"/pki/root/abc",		 "/pki/root/{fingerprint}",	    false, NULL,			 503},
	{"GET",	"/ready",		  "/ready",			    false, NULL,			 503},
};

Test(openapi, refusals_are_documented_answers)
{
	static struct bridge_fixture f;
	bridge_fixture_open(&f);
	for (size_t i = 0; i < N_ELEMENTS(probes); i++) {
		const struct probe *p = &probes[i];
		char code[16];
		int status = bridge_fixture_call(&f, p->method, p->path,
						 p->admin ? FIXTURE_ADMIN_TOKEN : NULL, p->body);
		cr_expect(eq(int, status, p->status), "%s %s: %s", p->method, p->path, f.answer);
		snprintf(code, sizeof(code), "%d", status);
		json_t *o = find_operation(p->method, p->route);
		json_t *response = json_object_get(json_object_get(o, "responses"), code);
		cr_expect(response != NULL, "%s %s: %d is not documented", p->method, p->route,
			  status);
		json_auto_t *body = json_loads(f.body, 0, NULL);
		const char *type = json_string_value(json_object_get(body, "type"));
		if (type) {
			const char *kind = type + strlen("urn:provsim:");
			const char *text =
				json_string_value(json_object_get(response, "description"));
			cr_expect(type_is_listed(type), "%s", type);
			cr_expect(text && strstr(text, kind), "%s: %s", type, text ? text : "");
		}
	}
	bridge_fixture_close(&f);
}

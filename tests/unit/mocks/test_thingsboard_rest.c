// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/encode.h"
#include "thingsboard/devices.h"
#include "thingsboard_fixture.h"

static struct tb_fixture f;
static char *device_id;

static void
setup(void)
{
	tb_fixture_init(&f, false);
	ANSWER_AUTO struct mock_answer a =
		tb_call(&f, "POST", "/api/device", "{\"name\":\"dev-1\",\"label\":\"Pump\"}");
	cr_assert(eq(int, a.status, 200));
	json_auto_t *device = mock_answer_json(&a);
	device_id = strdup(json_text_at(device, "id.id"));
}

static void
teardown(void)
{
	free(device_id);
	tb_fixture_fini(&f);
}

TestSuite(thingsboard_rest, .init = setup, .fini = teardown);

struct row {
	const char *method;
	const char *path; // %s: the device's id
	const char *body;
	int status;
	const char *message; // of the error object; NULL: not looked at
	int code;
};

static void
check_error(const struct row *row, const char *headers)
{
	char path[256];
	snprintf(path, sizeof(path), "%s", row->path);
	const char *mark = strstr(row->path, "%s");
	if (mark)
		snprintf(path, sizeof(path), "%.*s%s%s", (int)(mark - row->path), row->path,
			 device_id, mark + 2);
	ANSWER_AUTO struct mock_answer a = mock_call(&f.loop, thingsboard_http_addr(f.tb),
						     row->method, path, headers, row->body);
	cr_expect(eq(int, a.status, row->status), "%s %s: %s", row->method, path, a.body);
	if (!row->message)
		return;
	if (!row->code) { // plain text
		cr_expect(eq(str, a.body, (char *)(uintptr_t)row->message), "%s %s", row->method,
			  path);
		return;
	}
	json_auto_t *json = mock_answer_json(&a);
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(json, "message"),
		     (char *)(uintptr_t)row->message));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(json, "errorCode")), row->code));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(json, "status")), row->status));
	cr_expect(eq(int, json_is_integer(json_object_get(json, "timestamp")), 1));
}

#define NOBODY "13814000-1dd2-11b2-8080-808080808080"
#define PLUGIN "/api/plugins/telemetry"

Test(thingsboard_rest, errors_with_a_good_token)
{
	static const struct row rows[] = {
		{"GET",	"/api/tenant/devices?deviceName=none",	       NULL,						     404,
		 "Requested item wasn't found!",																32},
		{"GET",	"/api/tenant/devices?deviceName=DEV-1",		NULL,					      404, NULL,					 0 },
		{"GET",	"/api/tenant/devices",			       NULL,						     400, NULL,					0 },
		{"GET",	"/api/tenant/devices?pageSize=0&page=0",		 NULL,					       400, NULL,					  0 },
		{"GET",	"/api/device/abc",				   NULL,						 400, "Invalid UUID string: abc",		  31},
		{"GET",	"/api/device/" NOBODY,			       NULL,						     404,
		 "Device with id [" NOBODY "] is not found",														    32},
		{"DELETE", "/api/device/" NOBODY,				  NULL,						404, NULL,					   0 },
		{"POST",	 "/api/device",					"{\"name\":\"dev-1\"}",				400,
		 "Device with such name already exists!",														       31},
		{"POST",	 "/api/device",					"{\"name\":\" \"}",				    400, "Device name should be specified!",
		 31																			       },
		{"POST",	 "/api/device",					"{}",					      400, "Device name should be specified!",      31},
		{"POST",	 "/api/device",					"{\"name\":",				      500, NULL,					 0 },
		{"POST",	 "/api/device",					"{\"name\":7}",					500, NULL,					   0 },
		{"POST",	 "/api/device",					"[]",					      500, NULL,					 0 },
		{"POST",	 "/api/device",					"{\"id\":{\"id\":\"" NOBODY "\"},\"name\":\"x\"}", 404,
		 NULL,																			  0 },
		{"PUT",	"/api/device",				       "{}",					      405, "Request method 'PUT' is not supported", 31},
		{"GET",	"/api/unknown",					NULL,					      404, NULL,					 0 },
		{"POST",	 PLUGIN "/DEVICE/%s/CLIENT_SCOPE",		   "{\"a\":1}",					400,
		 "Invalid scope: CLIENT_SCOPE",																 0 },
		{"POST",	 PLUGIN "/DEVICE/%s/SERVER_SCOPE",		   "x",						400, "Invalid JSON",			     0 },
		{"POST",	 PLUGIN "/DEVICE/%s/SERVER_SCOPE",		   "[1]",						  400,
		 "Request is not a JSON object",																0 },
		{"POST",	 PLUGIN "/DEVICE/%s/SERVER_SCOPE",		   "{\"a\":null}",					   400,
		 "No attributes data found in request body!",														   0 },
		{"POST",	 PLUGIN "/DEVICE/%s/SERVER_SCOPE",		   "{\" \":1}",					400, "Key cannot be blank",
		 0																				},
		{"POST",	 PLUGIN "/DEVICE/" NOBODY "/SERVER_SCOPE",	   "{\"a\":1}",					404,
		 "Device with requested id wasn't found!",														      0 },
		{"POST",	 PLUGIN "/DEVICE/abc/SERVER_SCOPE",		    "{\"a\":1}",					 400,
		 "Invalid UUID string: abc",																    31},
		{"POST",	 PLUGIN "/TENANT/%s/SERVER_SCOPE",		   "{\"a\":1}",					400, NULL,					   0 },
		{"POST",	 PLUGIN "/DEVICE/%s/NO_SCOPE",		       "{\"a\":1}",					    400, NULL,				       0 },
		{"DELETE", PLUGIN "/DEVICE/%s/SERVER_SCOPE",		     NULL,						   400, NULL,				      0 },
		{"DELETE", PLUGIN "/DEVICE/%s/attributes/SERVER_SCOPE?keys=a", NULL,						     405, NULL,					0 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		check_error(&rows[i], f.token);
}

static char *
bearer(const char *header, const char *token)
{
	char *line;
	cr_assert(ge(int, asprintf(&line, "%s: Bearer %s\r\n", header, token), 0));
	return line;
}

// What login gives: kind "token" or "refreshToken".
static char *
login(const char *user, const char *password, const char *kind)
{
	char body[256];
	snprintf(body, sizeof(body), "{\"username\":\"%s\",\"password\":\"%s\"}", user, password);
	ANSWER_AUTO struct mock_answer a = mock_call(&f.loop, thingsboard_http_addr(f.tb), "POST",
						     "/api/auth/login", NULL, body);
	cr_assert(eq(int, a.status, 200), "%s", a.body);
	json_auto_t *json = mock_answer_json(&a);
	return strdup(json_text_at(json, kind));
}

Test(thingsboard_rest, unauthorized)
{
	static const struct row nothing = {"GET", "/api/device/%s",	   NULL,
					   401,	  "Authentication failed", 10};
	static const struct row garbage = {
		"GET", "/api/device/%s", NULL, 401, "Invalid username or password", 10};
	static const struct row forged = {"GET", "/api/device/%s",    NULL,
					  401,	 "Token has expired", 11};
	static const struct row nowhere = {"GET", "/api/nowhere",	   NULL,
					   401,	  "Authentication failed", 10};
	AUTO(free) char *token = login("tenant@thingsboard.org", "s3cret", "token");
	check_error(&nothing, NULL);
	check_error(&nothing, "Authorization: x\r\n");
	check_error(&nowhere, NULL);
	check_error(&garbage, "Authorization: Bearer not-a-token\r\n");
	// {"alg":"none"}
	check_error(&garbage, "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.\r\n");
	AUTO(free) char *good = bearer("Authorization", token);
	// The last character but one of the signature: the last has bits that do not count.
	size_t at = strlen(token) - 2;
	token[at] = token[at] == 'A' ? 'B' : 'A';
	AUTO(free) char *bad = bearer("Authorization", token);
	check_error(&forged, bad);
	ANSWER_AUTO struct mock_answer a =
		mock_call(&f.loop, thingsboard_http_addr(f.tb), "GET",
			  "/api/tenant/devices?deviceName=dev-1", good, NULL);
	cr_expect(eq(int, a.status, 200), "Authorization works like X-Authorization");
}

Test(thingsboard_rest, login_refusals)
{
	static const struct row rows[] = {
		{"POST", "/api/auth/login",
		 "{\"username\":\"tenant@thingsboard.org\",\"password\":\"x\"}",		 401,
		 "Invalid username or password",											10},
		{"POST", "/api/auth/login", "{\"username\":\"nobody\",\"password\":\"x\"}", 401,
		 "Invalid username or password",											10},
		{"POST", "/api/auth/login", "{\"username\":\"\",\"password\":\"x\"}",	      401,
		 "Authentication failed",											       10},
		{"POST", "/api/auth/login", "not json",					401, "Authentication failed",		      10},
		{"GET",	"/api/auth/login", NULL,						 401, "Authentication method not supported", 10},
		{"POST", "/api/auth/token", "{\"refreshToken\":\"x\"}",			401,
		 "Invalid username or password",											10},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		check_error(&rows[i], NULL);
}

Test(thingsboard_rest, tokens_are_refreshed)
{
	AUTO(free) char *access = login("tenant@thingsboard.org", "s3cret", "token");
	AUTO(free) char *refresh = login("tenant@thingsboard.org", "s3cret", "refreshToken");
	char body[2048];
	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", refresh);
	ANSWER_AUTO struct mock_answer good = mock_call(&f.loop, thingsboard_http_addr(f.tb),
							"POST", "/api/auth/token", NULL, body);
	cr_expect(eq(int, good.status, 200));
	json_auto_t *pair = mock_answer_json(&good);
	AUTO(free) char *header = bearer("X-Authorization", json_text_at(pair, "token"));
	ANSWER_AUTO struct mock_answer used =
		mock_call(&f.loop, thingsboard_http_addr(f.tb), "GET",
			  "/api/tenant/devices?deviceName=dev-1", header, NULL);
	cr_expect(eq(int, used.status, 200));
	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", access);
	struct row wrong = {"POST", "/api/auth/token", body, 500, "Invalid Refresh Token scope", 2};
	check_error(&wrong, NULL);
}

Test(thingsboard_rest, token_says_what_java_clients_read)
{
	AUTO(free) char *token = login("tenant@thingsboard.org", "s3cret", "token");
	char *body = strchr(token, '.') + 1;
	BUF_AUTO struct buf text;
	buf_init(&text, 4096);
	cr_assert(eq(int, base64url_decode(&text, BYTES(body, strcspn(body, "."))), ERR_OK));
	json_auto_t *claims = json_loadb((char *)text.data, text.len, 0, NULL);
	json_int_t exp = json_integer_value(json_object_get(claims, "exp"));
	json_int_t iat = json_integer_value(json_object_get(claims, "iat"));
	cr_expect(eq(i64, exp - iat, 9000));
	cr_expect(
		eq(str, (char *)(uintptr_t)json_text_at(claims, "sub"), "tenant@thingsboard.org"));
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(claims, "iss"), "thingsboard.io"));
}

Test(thingsboard_rest, system_administrator_is_kept_out)
{
	static const struct row device = {"GET",
					  "/api/device/%s",
					  NULL,
					  403,
					  "You don't have permission to perform this operation!",
					  20};
	static const struct row telemetry = {
		"POST",
		PLUGIN "/DEVICE/%s/SERVER_SCOPE",
		"{\"a\":1}",
		403,
		"System administrator is not allowed to perform this operation!",
		0};
	AUTO(free) char *token = login("sysadmin@thingsboard.org", "sysadmin", "token");
	AUTO(free) char *header = bearer("X-Authorization", token);
	check_error(&device, header);
	check_error(&telemetry, header);
}

static json_t *
get(const char *fmt)
{
	char path[256];
	const char *mark = strstr(fmt, "%s");
	snprintf(path, sizeof(path), "%.*s%s%s", (int)(mark ? mark - fmt : (int)strlen(fmt)), fmt,
		 mark ? device_id : "", mark ? mark + 2 : "");
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "GET", path, NULL);
	cr_assert(eq(int, a.status, 200), "%s: %s", path, a.body);
	return mock_answer_json(&a);
}

static int
post(const char *fmt, const char *body)
{
	char path[256];
	const char *mark = strstr(fmt, "%s");
	snprintf(path, sizeof(path), "%.*s%s%s", (int)(mark - fmt), fmt, device_id, mark + 2);
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "POST", path, body);
	cr_expect(eq(str, a.body, ""), "%s", a.body);
	return a.status;
}

Test(thingsboard_rest, device_is_found_and_listed)
{
	json_auto_t *device = get("/api/tenant/devices?deviceName=dev-1");
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(device, "id.id"), device_id));
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(device, "id.entityType"), "DEVICE"));
	json_auto_t *same = get("/api/device/%s");
	cr_expect(json_equal(device, same));
	for (int i = 2; i <= 5; i++) {
		char body[64];
		snprintf(body, sizeof(body), "{\"name\":\"dev-%d\"}", i);
		ANSWER_AUTO struct mock_answer a = tb_call(&f, "POST", "/api/device", body);
		cr_assert(eq(int, a.status, 200));
	}
	json_auto_t *page = get("/api/tenant/devices?pageSize=2&page=1");
	cr_expect(eq(sz, json_array_size(json_object_get(page, "data")), 2));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(page, "totalPages")), 3));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(page, "totalElements")), 5));
	cr_expect(eq(int, json_is_true(json_object_get(page, "hasNext")), 1));
	json_auto_t *last = get("/api/tenant/devices?pageSize=2&page=2");
	cr_expect(eq(int, json_is_false(json_object_get(last, "hasNext")), 1));
	json_auto_t *beyond = get("/api/tenant/devices?pageSize=2&page=9");
	cr_expect(eq(sz, json_array_size(json_object_get(beyond, "data")), 0));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(beyond, "totalElements")), 5));
	json_auto_t *found = get("/api/tenant/devices?pageSize=9&page=0&textSearch=PUMP");
	cr_expect(eq(int, (int)json_integer_value(json_object_get(found, "totalElements")), 1));
}

Test(thingsboard_rest, device_is_updated)
{
	char body[256];
	snprintf(
		body, sizeof(body),
		"{\"id\":{\"entityType\":\"DEVICE\",\"id\":\"%s\"},\"name\":\"dev-9\",\"version\":1}",
		device_id);
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "POST", "/api/device", body);
	cr_expect(eq(int, a.status, 200));
	json_auto_t *device = get("/api/tenant/devices?deviceName=dev-9");
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(device, "id.id"), device_id));
	struct row stale = {"POST", "/api/device", body, 409, NULL, 0};
	check_error(&stale, f.token);
	struct row old_name = {"GET", "/api/tenant/devices?deviceName=dev-1", NULL, 404, NULL, 0};
	check_error(&old_name, f.token);
}

Test(thingsboard_rest, attributes_by_all_three_paths)
{
	cr_expect(eq(int,
		     post(PLUGIN "/DEVICE/%s/SERVER_SCOPE",
			  "{\"wg_ip\":\"10.8.0.2\",\"n\":1,\"gone\":null}"),
		     200));
	cr_expect(eq(int, post(PLUGIN "/DEVICE/%s/attributes/SERVER_SCOPE", "{\"o\":{\"a\":[1]}}"),
		     200));
	cr_expect(eq(int, post(PLUGIN "/%s/SERVER_SCOPE", "{\"digits\":\"42\"}"), 200));
	json_auto_t *state = tb_device(&f, "dev-1");
	json_auto_t *want = json_pack("{s:s, s:i, s:{s:[i]}, s:s}", "wg_ip", "10.8.0.2", "n", 1,
				      "o", "a", 1, "digits", "42");
	cr_expect(json_equal(json_object_get(state, "attributes"), want));
	json_auto_t *list = get(PLUGIN "/DEVICE/%s/values/attributes/SERVER_SCOPE?keys=wg_ip,none");
	cr_assert(eq(sz, json_array_size(list), 1));
	const json_t *entry = json_array_get(list, 0);
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(entry, "value"), "10.8.0.2"));
	cr_expect(eq(int, json_is_integer(json_object_get(entry, "lastUpdateTs")), 1));
	json_auto_t *all = get(PLUGIN "/DEVICE/%s/values/attributes");
	cr_expect(eq(sz, json_array_size(all), 4));
	json_auto_t *keys = get(PLUGIN "/DEVICE/%s/keys/attributes/SHARED_SCOPE");
	cr_expect(eq(sz, json_array_size(keys), 0));
	char path[200];
	snprintf(path, sizeof(path), PLUGIN "/DEVICE/%s/SERVER_SCOPE?keys=wg_ip,n", device_id);
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "DELETE", path, NULL);
	cr_expect(eq(int, a.status, 200));
	json_auto_t *left = get(PLUGIN "/DEVICE/%s/keys/attributes/SERVER_SCOPE");
	cr_expect(eq(sz, json_array_size(left), 2));
}

Test(thingsboard_rest, latest_telemetry)
{
	cr_expect(eq(int,
		     post(PLUGIN "/DEVICE/%s/timeseries/ANY",
			  "{\"ts\":1700000000000,\"values\":{\"cpu\":42,\"ok\":true}}"),
		     200));
	json_auto_t *latest = get(PLUGIN "/DEVICE/%s/values/timeseries?keys=cpu,none");
	const json_t *point = json_array_get(json_object_get(latest, "cpu"), 0);
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(point, "value"), "42"));
	point = json_array_get(json_object_get(latest, "none"), 0);
	cr_expect(eq(int, json_is_null(json_object_get(point, "value")), 1));
	json_auto_t *strict = get(PLUGIN "/DEVICE/%s/values/timeseries?useStrictDataTypes=true");
	point = json_array_get(json_object_get(strict, "cpu"), 0);
	cr_expect(eq(int, (int)json_integer_value(json_object_get(point, "value")), 42));
}

// Hash: contracts/thingsboard.md 2; the expected value is from openssl dgst -sha3-256.
Test(thingsboard_rest, certificate_credentials)
{
	json_auto_t *before = get("/api/device/%s/credentials");
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(before, "credentialsType"),
		     "ACCESS_TOKEN"));
	cr_expect(eq(sz, strlen(json_text_at(before, "credentialsId")), 20));
	char hash[X509_HASH_CHARS + 1];
	cr_assert(eq(int, devices_hash_x509(hash, "QUJD"), ERR_OK));
	json_auto_t *body =
		json_pack("{s:o, s:o, s:s, s:s}", "id", json_incref(json_object_get(before, "id")),
			  "deviceId", json_incref(json_object_get(before, "deviceId")),
			  "credentialsType", "X509_CERTIFICATE", "credentialsValue",
			  "-----BEGIN CERTIFICATE-----\r\nQU\nJD\n-----END CERTIFICATE-----\n");
	AUTO(free) char *text = json_dumps(body, 0);
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "POST", "/api/device/credentials", text);
	cr_expect(eq(int, a.status, 200), "%s", a.body);
	json_auto_t *after = get("/api/device/%s/credentials");
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(after, "credentialsId"), hash));
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(after, "credentialsValue"), "QUJD"));
}

Test(thingsboard_rest, faults)
{
	static const struct row broken = {"GET", "/api/device/%s", NULL, 503, NULL, 0};
	static const struct row good = {"GET", "/api/device/%s", NULL, 200, NULL, 0};
	static const struct row expired = {"GET", "/api/device/%s",    NULL,
					   401,	  "Token has expired", 11};
	tb_fault(&f, "{\"on\":\"device.get\",\"device\":\"dev-1\",\"when\":{\"nth\":1},"
		     "\"do\":{\"status\":503}}");
	check_error(&broken, f.token);
	check_error(&good, f.token);
	tb_fault(&f, "{\"on\":\"device.get\",\"when\":{\"nth\":1},"
		     "\"do\":{\"semantic\":\"token-expired\"}}");
	check_error(&expired, f.token);
	check_error(&good, f.token);
}

// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/rest.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

enum access {
	ACCESS_ANYBODY,
	ACCESS_TENANT,	   // 403 JSON for a system administrator
	ACCESS_TENANT_TEXT // 403 plain text
};

struct rest_row {
	const char *method;
	const char *path;
	rest_fn *handler;
	enum access access;
	const char *name;
};

#define BODY_MAX  (256 * 1024)
#define TELEMETRY "/api/plugins/telemetry"

// clang-format off
static const struct rest_row rows[] = {
	{"POST",   "/api/auth/login",                                rest_login,             ACCESS_ANYBODY,     "login"},
	{"POST",   "/api/auth/token",                                rest_token,             ACCESS_ANYBODY,     "token"},
	{"GET",    "/api/tenant/devices",                            rest_device_find,       ACCESS_TENANT,      "devices.find"},
	{"POST",   "/api/device",                                    rest_device_save,       ACCESS_TENANT,      "device.save"},
	{"POST",   "/api/device/credentials",                        rest_credentials_save,  ACCESS_TENANT,      "credentials.save"},
	{"GET",    "/api/device/{deviceId}",                         rest_device_get,        ACCESS_TENANT,      "device.get"},
	{"DELETE", "/api/device/{deviceId}",                         rest_device_delete,     ACCESS_TENANT,      "device.delete"},
	{"GET",    "/api/device/{deviceId}/credentials",             rest_credentials_get,   ACCESS_TENANT,      "credentials.get"},
	{"POST",   TELEMETRY "/{entityId}/{scope}",                  rest_attributes_save,   ACCESS_TENANT_TEXT, "attributes.save"},
	{"POST",   TELEMETRY "/{entityType}/{entityId}/{scope}",     rest_attributes_save,   ACCESS_TENANT_TEXT, "attributes.save"},
	{"POST",   TELEMETRY "/{entityType}/{entityId}/attributes/{scope}",        rest_attributes_save,   ACCESS_TENANT_TEXT, "attributes.save"},
	{"GET",    TELEMETRY "/{entityType}/{entityId}/values/attributes",         rest_attributes_get,    ACCESS_TENANT_TEXT, "attributes.get"},
	{"GET",    TELEMETRY "/{entityType}/{entityId}/values/attributes/{scope}", rest_attributes_get,    ACCESS_TENANT_TEXT, "attributes.get"},
	{"GET",    TELEMETRY "/{entityType}/{entityId}/keys/attributes",           rest_attributes_keys,   ACCESS_TENANT_TEXT, "attributes.keys"},
	{"GET",    TELEMETRY "/{entityType}/{entityId}/keys/attributes/{scope}",   rest_attributes_keys,   ACCESS_TENANT_TEXT, "attributes.keys"},
	{"DELETE", TELEMETRY "/{entityId}/{scope}",                  rest_attributes_delete, ACCESS_TENANT_TEXT, "attributes.delete"},
	{"DELETE", TELEMETRY "/{entityType}/{entityId}/{scope}",     rest_attributes_delete, ACCESS_TENANT_TEXT, "attributes.delete"},
	{"POST",   TELEMETRY "/{entityType}/{entityId}/timeseries/{scope}",        rest_timeseries_save,   ACCESS_TENANT_TEXT, "timeseries.save"},
	{"GET",    TELEMETRY "/{entityType}/{entityId}/values/timeseries",         rest_timeseries_get,    ACCESS_TENANT_TEXT, "timeseries.get"},
	{"GET",    TELEMETRY "/{entityType}/{entityId}/keys/timeseries",           rest_timeseries_keys,   ACCESS_TENANT_TEXT, "timeseries.keys"},
};
// clang-format on

size_t
rest_route_count(void)
{
	return N_ELEMENTS(rows);
}

const char *
rest_route_name(size_t i)
{
	return rows[i].name;
}

// --- replies ---

int64_t
rest_now_ms(void)
{
	return (int64_t)(clock_wall_ns() / NS_PER_MS);
}

void
rest_error(struct http_req *req, int status, enum rest_code code, const char *fmt, ...)
{
	char message[REST_ERROR_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	json_t *body = json_pack("{s:i, s:s, s:i, s:I}", "status", status, "message", message,
				 "errorCode", (int)code, "timestamp", (json_int_t)rest_now_ms());
	// A message that quotes bytes which are not UTF-8 does not pack.
	if (!body)
		body = json_pack("{s:i, s:s, s:i, s:I}", "status", status, "message",
				 http_status_text(status), "errorCode", (int)code, "timestamp",
				 (json_int_t)rest_now_ms());
	http_reply_json(req, status, body);
}

void
rest_text(struct http_req *req, int status, const char *text)
{
	http_reply(req, status, "text/plain;charset=UTF-8", BYTES_STR(text));
}

void
rest_done(struct http_req *req)
{
	http_reply(req, 200, NULL, BYTES_NONE);
}

json_t *
rest_body(struct http_req *req)
{
	struct bytes body = http_req_body(req);
	json_error_t error;
	json_t *json = json_loadb((const char *)body.p, body.n, JSON_DECODE_ANY, &error);
	if (!json)
		rest_error(req, 500, CODE_GENERAL, "JSON parse error: %.200s", error.text);
	return json;
}

// --- dispatch ---

static bool
may_enter(struct http_req *req, struct rest *r, enum access access)
{
	if (access == ACCESS_ANYBODY)
		return true;
	const struct user *user = rest_authenticate(req, r);
	if (!user)
		return false;
	if (user->role == ROLE_TENANT_ADMIN)
		return true;
	if (access == ACCESS_TENANT_TEXT)
		rest_text(req, 403,
			  "System administrator is not allowed to perform this operation!");
	else
		rest_error(req, 403, CODE_PERMISSION_DENIED,
			   "You don't have permission to perform this operation!");
	return false;
}

static void
dispatch(struct http_req *req, void *ctx)
{
	struct rest *r = ctx;
	const struct rest_row *row = &rows[http_req_route(req) - r->routes];
	if (may_enter(req, r, row->access))
		row->handler(req, r);
}

// The token is looked at before the path, as in every Spring Security chain.
static void
not_found(struct http_req *req, void *ctx)
{
	if (rest_authenticate(req, ctx))
		rest_error(req, 404, CODE_NOT_FOUND, "Requested item wasn't found!");
}

static void
method_not_allowed(struct http_req *req, const char *allow, void *ctx)
{
	if (strncmp(http_req_path(req), "/api/auth/", 10) == 0) {
		rest_error(req, 401, CODE_AUTHENTICATION, "Authentication method not supported");
		return;
	}
	if (!rest_authenticate(req, ctx))
		return;
	http_reply_header(req, "Allow", allow);
	rest_error(req, 405, CODE_BAD_REQUEST, "Request method '%.20s' is not supported",
		   http_req_method(req));
}

static void
too_large(struct http_req *req, void *ctx)
{
	(void)ctx;
	rest_error(req, 413, CODE_BAD_REQUEST, "Payload exceeds %d bytes", BODY_MAX);
}

static bool
before(struct http_req *req, void *ctx)
{
	struct rest *r = ctx;
	return http_faults_before(&r->faults, req);
}

static bool
after(struct http_req *req, int status, void *ctx)
{
	struct rest *r = ctx;
	return http_faults_after(&r->faults, req, status);
}

static void
on_finish(struct http_req *req, int status, void *ctx)
{
	struct rest *r = ctx;
	http_faults_on_finish(&r->faults, req, status);
}

// For journal and faults: the device that the path or the query names. Its id is turned into its
// name here, since a request may be about to delete it.
static const char *
device_of(struct http_req *req, void *ctx)
{
	const struct rest *r = ctx;
	const char *id = http_req_param(req, "deviceId");
	if (!id)
		id = http_req_param(req, "entityId");
	const struct device *device = id ? devices_by_id(r->devices, id) : NULL;
	if (device)
		return arena_printf(http_req_arena(req), "%s", device->name);
	return http_req_query(req, "deviceName");
}

// --- life ---

static enum err
make_routes(struct rest *r)
{
	r->routes = calloc(N_ELEMENTS(rows), sizeof(*r->routes));
	if (!r->routes)
		return ERR_NOMEM;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		r->routes[i] = (struct http_route){rows[i].method, rows[i].path, dispatch, BODY_MAX,
						   rows[i].name};
	return ERR_OK;
}

static enum err
make_users(struct rest *r, const struct rest_options *o)
{
	// The seed user of every ThingsBoard: people try it on tenant calls, and get 403.
	TRY(secret_set(&r->sysadmin_password, BYTES_STR("sysadmin")));
	r->users[0] = (struct user){o->user, o->password, ROLE_TENANT_ADMIN, "Tenant", ""};
	r->users[1] = (struct user){"sysadmin@thingsboard.org", &r->sysadmin_password,
				    ROLE_SYS_ADMIN, "System", ""};
	for (size_t i = 0; i < ROLES; i++)
		uuid_v1(r->users[i].id, &r->rng, clock_wall_ns());
	return jwt_key_init(&r->key);
}

enum err
rest_start(struct rest *r, uv_loop_t *loop, const struct rest_options *o, struct why *why)
{
	static const struct http_error_style errors = {
		.not_found = not_found,
		.method_not_allowed = method_not_allowed,
		.too_large = too_large,
	};
	*r = (struct rest){.log = o->log, .devices = o->devices, .plan = o->plan};
	rng_init(&r->rng, o->seed, 1);
	TRY(make_routes(r));
	TRY(make_users(r, o));
	r->faults = (struct http_faults){
		.plan = o->plan,
		.journal = o->journal,
		.routes = r->routes,
		.n_routes = N_ELEMENTS(rows),
		.device = device_of,
		.ctx = r,
	};
	struct http_server_options server = {
		.server_name = "rest",
		.addr = o->addr,
		.routes = r->routes,
		.n_routes = N_ELEMENTS(rows),
		.ctx = r,
		.errors = &errors,
		.log = o->log,
		.before = before,
		.after = after,
		.on_finish = on_finish,
	};
	return http_server_new(&r->server, loop, &server, why);
}

void
rest_stop(struct rest *r)
{
	if (r->server)
		http_server_free(r->server);
	r->server = NULL;
}

void
rest_fini(struct rest *r)
{
	free(r->routes);
	r->routes = NULL;
	secret_fini(&r->sysadmin_password);
	jwt_key_fini(&r->key);
}

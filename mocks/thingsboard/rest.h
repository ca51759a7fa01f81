// SPDX-License-Identifier: Apache-2.0
// The REST API of the mock (contracts/thingsboard.md 0 to 3). Inside mocks/thingsboard: rest.c
// holds the table of routes and what all handlers share, rest_*.c the handlers.
#pragma once

#include "base/secret.h"
#include "common/http_faults.h"
#include "thingsboard/broker.h"
#include "thingsboard/jwt.h"

enum role { ROLE_TENANT_ADMIN, ROLE_SYS_ADMIN, ROLES };

struct user {
	const char *email;	       // borrowed
	const struct secret *password; // borrowed
	enum role role;
	const char *first_name;
	char id[UUID_CHARS + 1];
};

struct rest {
	const struct log *log;
	struct devices *devices;
	struct fault_plan *plan;
	struct jwt_key key;
	struct user users[ROLES];
	struct rng rng; // session and token ids
	struct http_server *server;
	struct http_route *routes;
	struct http_faults faults;
	struct secret sysadmin_password;
};

struct rest_options {
	struct addr addr;
	const struct log *log; // all borrowed
	struct devices *devices;
	struct fault_plan *plan;
	struct journal *journal;
	const char *user; // the tenant administrator
	const struct secret *password;
	uint64_t seed;
};

enum err ERR_MUST_CHECK rest_start(struct rest *r, uv_loop_t *loop, const struct rest_options *o,
				   struct why *why);
// Handles close on the next loop turns; memory goes with rest_fini afterwards.
void rest_stop(struct rest *r);
void rest_fini(struct rest *r);
// How many routes there are, and the name (a fault's "on") of one of them.
size_t rest_route_count(void);
const char *rest_route_name(size_t i);

// --- for the handlers ---
typedef void rest_fn(struct http_req *req, struct rest *r);

// ThingsBoard's errorCode (contracts/thingsboard.md 0).
enum rest_code {
	CODE_GENERAL = 2,
	CODE_AUTHENTICATION = 10,
	CODE_TOKEN_EXPIRED = 11,
	CODE_PERMISSION_DENIED = 20,
	CODE_INVALID_ARGUMENTS = 30,
	CODE_BAD_REQUEST = 31,
	CODE_NOT_FOUND = 32,
	CODE_VERSION_CONFLICT = 35,
};

#define REST_ERROR_MAX 600

// {"status","message","errorCode","timestamp"}
void rest_error(struct http_req *req, int status, enum rest_code code, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
// The plain text errors of the telemetry API.
void rest_text(struct http_req *req, int status, const char *text);
// 200 without a body.
void rest_done(struct http_req *req);
// The body as JSON; NULL: it is none and the request was answered. New reference.
json_t *rest_body(struct http_req *req);
int64_t rest_now_ms(void);

// Login and tokens (rest_auth.c).
rest_fn rest_login;
rest_fn rest_token;
// NULL: nobody, and the request was answered 401 (or 500 for a token of the wrong kind).
const struct user *rest_authenticate(struct http_req *req, struct rest *r);

// Devices (rest_devices.c).
rest_fn rest_device_get;
rest_fn rest_device_save;
rest_fn rest_device_delete;
rest_fn rest_device_find;
rest_fn rest_credentials_get;
rest_fn rest_credentials_save;

// Attributes and telemetry (rest_telemetry.c).
rest_fn rest_attributes_save;
rest_fn rest_attributes_get;
rest_fn rest_attributes_keys;
rest_fn rest_attributes_delete;
rest_fn rest_timeseries_get;
rest_fn rest_timeseries_keys;
rest_fn rest_timeseries_save;

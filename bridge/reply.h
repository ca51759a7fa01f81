// SPDX-License-Identifier: Apache-2.0
// How the bridge says no: every problem that contracts/bridge.md knows, in one table. Some of them
// are said by the HTTP server (net/http_server.h) before a handler sees the request.
#pragma once

#include "net/http_server.h"
#include "stepca/stepca.h"

// id, kind in "urn:provsim:<kind>", status, Retry-After in seconds (0 = none)
#define PROBLEM_TABLE(X)                                                                           \
	X(BAD_JSON, "bad-json", 400, 0)                                                            \
	X(BAD_PATH, "bad-path", 400, 0)                                                            \
	X(BAD_FRAMING, "bad-framing", 400, 0)                                                      \
	X(UNAUTHORIZED, "unauthorized", 401, 0)                                                    \
	X(NOT_ALLOWED, "not-allowed", 403, 0)                                                      \
	X(NOT_FOUND, "not-found", 404, 0)                                                          \
	X(METHOD_NOT_ALLOWED, "method-not-allowed", 405, 0)                                        \
	X(ENROLL_IN_PROGRESS, "enroll-in-progress", 409, 5)                                        \
	X(TOO_LARGE, "too-large", 413, 0)                                                          \
	X(MEDIA_TYPE, "media-type", 415, 0)                                                        \
	X(INVALID_DEVICE_ID, "invalid-device-id", 422, 0)                                          \
	X(INVALID_CSR, "invalid-csr", 422, 0)                                                      \
	X(INVALID_REQUEST, "invalid-request", 422, 0)                                              \
	X(INVALID_WG_KEY, "invalid-wg-key", 422, 0)                                                \
	X(RATE_LIMITED, "rate-limited", 429, 1)                                                    \
	X(INTERNAL, "internal", 500, 0)                                                            \
	X(UPSTREAM_REFUSED, "upstream-refused", 502, 0)                                            \
	X(CA_REFUSED, "ca-refused", 502, 0)                                                        \
	X(UPSTREAM_UNREACHABLE, "upstream-unreachable", 503, 5)                                    \
	X(STORE_FAILED, "store-failed", 503, 5)                                                    \
	X(CA_UNREACHABLE, "ca-unreachable", 503, 5)                                                \
	X(CA_ERROR, "ca-error", 503, 5)                                                            \
	X(WG_SUBNET_EXHAUSTED, "wg-subnet-exhausted", 503, 60)                                     \
	X(OVERLOADED, "overloaded", 503, 1)                                                        \
	X(CA_TIMEOUT, "ca-timeout", 504, 0)

enum problem {
#define X(id, kind, status, retry_after) PROBLEM_##id,
	PROBLEM_TABLE(X)
#undef X
		PROBLEM_COUNT
};

int problem_status(enum problem p);
const char *problem_kind(enum problem p);
unsigned problem_retry_after_s(enum problem p);

// Answers with the problem document and its Retry-After. detail: for a person; device_id may be
// NULL.
void reply_problem(struct http_req *req, enum problem p, const char *detail, const char *device_id);
// What a failed call of step-ca is to our caller.
enum problem problem_of_ca(const struct stepca_outcome *outcome);
// True when the body may be read as JSON: no Content-Type, or application/json with any parameters.
bool content_type_is_json(const char *content_type);
// The admin gate: true when the request carries BRIDGE_ADMIN_TOKEN; else it is answered (404 when
// the admin API is off, 401 otherwise).
bool admin_is_allowed(struct http_req *req, const struct secret *token);

// SPDX-License-Identifier: Apache-2.0
// How hawkBit words its answers: content types, ETag, its own error bodies and those of Spring
// (contracts/hawkbit.md section 1).
#pragma once

#include "hawkbit/release.h"
#include "net/http_server.h"

// hawkBit's own errors; what each becomes on the wire is a row of the table in reply.c.
enum refusal_kind {
	REFUSE_NOT_FOUND,
	REFUSE_EXISTS,
	REFUSE_CONCURRENT,
	REFUSE_NOT_READABLE,
	REFUSE_CONSTRAINT,
	REFUSE_ADDRESS,
	REFUSE_RSQL_SYNTAX,
	REFUSE_RSQL_FIELD,
	REFUSE_SORT_SYNTAX,
	REFUSE_SORT_FIELD,
	REFUSE_SORT_DIRECTION,
	REFUSE_PERMISSION,
	REFUSE_QUOTA,
	REFUSE_KINDS
};

struct refusal {
	enum refusal_kind kind;
	char message[768]; // empty: the standard one of its kind
	// "info":{"type","entityId"} of a 404; entity_id NULL: none. Borrowed.
	const char *entity_type;
	const char *entity_id;
};

// Fills the message and returns ERR_INPUT, so that `return refuse(...)` reads well.
enum err refuse(struct refusal *r, enum refusal_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
// "<type> with given identifier {<id>} does not exist."; id is borrowed.
enum err refuse_not_found(struct refusal *r, const char *type, const char *id);

// {"exceptionClass","errorCode","message"[,"info"]}
void reply_refusal(struct http_req *req, const struct release *release, const struct refusal *r);
// {"timestamp","status","error"}: what Spring answers before hawkBit sees the request.
void reply_spring(struct http_req *req, int status);
// No body at all.
void reply_bare(struct http_req *req, int status);
// HAL JSON in the type that Accept asks for; with ETag, or 304, when it is a GET. Consumes the
// reference.
void reply_hal(struct http_req *req, int status, json_t *take_body);
// The type of an answer by Accept: NULL when neither application/hal+json nor application/json will
// do.
const char *reply_negotiate(const char *accept);

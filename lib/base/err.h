// SPDX-License-Identifier: Apache-2.0
// The one error type of the house. A function that can fail returns enum err; ERR_OK is 0.
// The number says what class of thing went wrong, so that callers can switch on it; the words for
// a person travel beside it in a struct why, filled where the error began.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define ERR_MUST_CHECK	       __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

// id, stable name, HTTP status when it reaches a caller of ours, worth a retry, text
#define ERR_TABLE(X)                                                                               \
	X(OK, "ok", 200, 0, "no error")                                                            \
	X(MORE, "more", 500, 0, "input incomplete")                                                \
	X(SYNTAX, "syntax", 400, 0, "input malformed")                                             \
	X(INPUT, "input", 422, 0, "request not acceptable")                                        \
	X(UNAUTHORIZED, "unauthorized", 401, 0, "not authorized")                                  \
	X(FORBIDDEN, "forbidden", 403, 0, "forbidden")                                             \
	X(NOT_FOUND, "not_found", 404, 0, "not found")                                             \
	X(CONFLICT, "conflict", 409, 0, "conflict")                                                \
	X(TOO_LARGE, "too_large", 413, 0, "too large")                                             \
	X(RATE_LIMITED, "rate_limited", 429, 1, "rate limited")                                    \
	X(EXHAUSTED, "exhausted", 503, 1, "resource exhausted")                                    \
	X(UPSTREAM_DOWN, "upstream_down", 503, 1, "upstream unreachable")                          \
	X(UPSTREAM_FAULT, "upstream_fault", 503, 1, "upstream failed")                             \
	X(UPSTREAM_REFUSED, "upstream_refused", 502, 0, "upstream refused")                        \
	X(TIMEOUT, "timeout", 504, 1, "timed out")                                                 \
	X(TLS, "tls", 503, 1, "TLS failed")                                                        \
	X(CLOSED, "closed", 503, 1, "connection closed")                                           \
	X(CRYPTO, "crypto", 500, 0, "cryptographic failure")                                       \
	X(IO, "io", 500, 0, "input/output error")                                                  \
	X(NOMEM, "nomem", 500, 0, "out of memory")                                                 \
	X(WRONG_STATE, "wrong_state", 500, 0, "not possible in this state")                        \
	X(UNSUPPORTED, "unsupported", 501, 0, "not supported")                                     \
	X(CANCELLED, "cancelled", 503, 1, "cancelled")                                             \
	X(INTERNAL, "internal", 500, 0, "internal error")

enum err {
#define X(id, name, http, retry, text) ERR_##id,
	ERR_TABLE(X)
#undef X
		ERR_COUNT
};

// Stable lower-case name of err ("upstream_down"), for logs and reports.
const char *err_name(enum err err);
// One phrase for a person.
const char *err_text(enum err err);
// The HTTP status that a server of ours answers when this error reaches its caller.
int err_http_status(enum err err);
// True when the same call may succeed later without a change by the caller.
bool err_is_retryable(enum err err);

// Why something failed, in words for a person: names the thing, the place and the way out.
// Lives on the caller's stack; functions that take one accept NULL.
struct why {
	enum err err;
	char text[512]; // always terminated; cut with "..." when longer
};

// Writes the message (unless why is NULL) and returns err, so that `return why_set(...)` reads
// well.
enum err why_set(struct why *why, enum err err, const char *fmt, ...) PRINTF_LIKE(3, 4);
// Puts "prefix: " in front of the text that is already there. NULL is accepted.
void why_prefix(struct why *why, const char *fmt, ...) PRINTF_LIKE(2, 3);

// Passes an error on unchanged. Only in functions whose locals all clean up after themselves.
#define TRY(call)                                                                                  \
	do {                                                                                       \
		enum err try_err_ = (call);                                                        \
		if (try_err_ != ERR_OK)                                                            \
			return try_err_;                                                           \
	} while (0)

// AUTO(thing_free) struct thing *t: thing_free(t) runs when t leaves its scope. STEAL hands t over.
#define AUTO(fn) __attribute__((cleanup(fn##_autop_)))
#define STEAL(ptr)                                                                                 \
	__extension__({                                                                            \
		__typeof__(ptr) stolen_ = (ptr);                                                   \
		(ptr) = NULL;                                                                      \
		stolen_;                                                                           \
	})
// Declares what AUTO(fn) needs; beside the declaration of fn.
#define AUTO_DEFINE(type, fn)                                                                      \
	static inline void fn##_autop_(type *p)                                                    \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}

AUTO_DEFINE(char *, free)

#define N_ELEMENTS(array)		(sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

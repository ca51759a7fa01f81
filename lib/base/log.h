// SPDX-License-Identifier: Apache-2.0
// One JSON object a line. The event name is API: scenarios assert on it. Fields are typed, there is
// no free format and no value type for a secret. A struct log is passed, not global; it carries who
// speaks (program, device, request). Safe to use from several threads: a line is one write(2).
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log {
	const char *prog;     // borrowed, e.g. "iot-bridge"
	const char *device;   // borrowed or NULL
	const char *request;  // borrowed or NULL
	enum log_level level; // quieter lines are dropped
	int fd;		      // where lines go; -1 drops them all
};

enum kv_type {
	KV_TYPE_NONE,
	KV_TYPE_STR,
	KV_TYPE_BYTES,
	KV_TYPE_U64,
	KV_TYPE_I64,
	KV_TYPE_DOUBLE,
	KV_TYPE_BOOL,
};

struct kv {
	enum kv_type type;
	const char *key;
	union {
		const char *str;
		struct bytes bytes;
		uint64_t u64;
		int64_t i64;
		double number;
		bool flag;
	} v;
};

#define KV_STR(k, x)	((struct kv){.type = KV_TYPE_STR, .key = (k), .v.str = (x)})
#define KV_BYTES(k, x)	((struct kv){.type = KV_TYPE_BYTES, .key = (k), .v.bytes = (x)})
#define KV_U64(k, x)	((struct kv){.type = KV_TYPE_U64, .key = (k), .v.u64 = (uint64_t)(x)})
#define KV_I64(k, x)	((struct kv){.type = KV_TYPE_I64, .key = (k), .v.i64 = (int64_t)(x)})
#define KV_DOUBLE(k, x) ((struct kv){.type = KV_TYPE_DOUBLE, .key = (k), .v.number = (x)})
#define KV_BOOL(k, x)	((struct kv){.type = KV_TYPE_BOOL, .key = (k), .v.flag = (x)})
#define KV_ERR(e)	KV_STR("err", err_name(e))

// A log to stderr at `level`; prog is borrowed.
struct log log_new(const char *prog, enum log_level level);
// The same log speaking for one device or request; both borrowed, either may be NULL (unchanged).
struct log log_for(const struct log *log, const char *device, const char *request);

// Writes {"t":..,"lvl":..,"prog":..,"ev":..,"dev":..,"req":..,<fields>,"at":"file.c:12"} ("at" from
// LOG_WARN up). fields ends with a KV_TYPE_NONE entry; the first entry is skipped when it is NONE.
// Fields that make the line longer than 64 KiB are replaced by "cut":true.
void log_write(const struct log *log, enum log_level level, const char *event, const char *file,
	       int line, const struct kv *fields);

#define LOG_FIELDS(...) ((const struct kv[]){{0}, ##__VA_ARGS__, {0}} + 1)
#define log_at(log, level_, event, ...)                                                            \
	do {                                                                                       \
		if ((level_) >= (log)->level && (log)->fd >= 0)                                    \
			log_write(log, level_, event, __FILE__, __LINE__,                          \
				  LOG_FIELDS(__VA_ARGS__));                                        \
	} while (0)
#define log_debug(log, event, ...) log_at(log, LOG_DEBUG, event, ##__VA_ARGS__)
#define log_info(log, event, ...)  log_at(log, LOG_INFO, event, ##__VA_ARGS__)
#define log_warn(log, event, ...)  log_at(log, LOG_WARN, event, ##__VA_ARGS__)
#define log_error(log, event, ...) log_at(log, LOG_ERROR, event, ##__VA_ARGS__)

// "debug" "info" "warn" "error" "off" -> level; ERR_INPUT otherwise.
enum err ERR_MUST_CHECK log_level_parse(enum log_level *out, const char *name);

// Appends text as the inside of a JSON string: quotes, controls and bytes that are not UTF-8
// escaped (the latter as U+FFFD), so that hostile bytes cannot break a line.
enum err ERR_MUST_CHECK json_escape(struct buf *out, struct bytes text);

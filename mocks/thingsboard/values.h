// SPDX-License-Identifier: Apache-2.0
// A small map of key to JSON value with the time of its last change: a device's attributes of one
// scope, or the latest values of its telemetry. Sorted array: a device has a handful of keys, and
// thousands of devices have such a map.
#pragma once

#include <jansson.h>

#include "base/err.h"

// How many keys one map takes: a hostile device may send new ones for ever.
#define VALUES_MAX 1024

struct value {
	char *key;
	json_t *json;
	int64_t ts_ms;
};

struct values {
	struct value *items; // sorted by key
	size_t n;
	size_t room;
};

void values_fini(struct values *v);
// Adds or replaces. Consumes the reference, also on failure. ERR_EXHAUSTED beyond VALUES_MAX keys.
enum err ERR_MUST_CHECK values_set(struct values *v, const char *key, json_t *take, int64_t ts_ms);
// NULL when there is none.
const struct value *values_find(const struct values *v, const char *key);
// False when there was none.
bool values_delete(struct values *v, const char *key);
// {key: value}; new reference.
json_t *values_to_json(const struct values *v);

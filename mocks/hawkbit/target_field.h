// SPDX-License-Identifier: Apache-2.0
// The fields of a target by which lists can be searched and sorted.
#pragma once

#include "hawkbit/target.h"

struct target_value {
	bool is_number;
	const char *text; // NULL: the target has no value
	int64_t number;
};

typedef struct target_value target_read_fn(const struct target *t, const char *key);

struct target_field {
	const char *name;
	target_read_fn *read;
	bool is_number;
	bool has_key; // "metadata.<key>"
	bool sortable;
};

// By name, without regard to case; *key gets what follows the dot of a field that has one, else
// NULL. NULL: no such field.
const struct target_field *target_field_find(const char *name, const char **key);

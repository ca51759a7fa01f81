// SPDX-License-Identifier: Apache-2.0
// Targets and the store that holds them: found by controllerId in O(1), also with 100,000 of them.
// No I/O.
#pragma once

#include <jansson.h>
#include <uthash.h>

#include "base/buf.h"

enum update_status {
	UPDATE_UNKNOWN,
	UPDATE_REGISTERED,
	UPDATE_PENDING,
	UPDATE_IN_SYNC,
	UPDATE_ERROR,
};

const char *update_status_name(enum update_status status);

struct target {
	uint64_t id;
	char *controller_id;
	char *name;
	char *description; // this and what follows: NULL when there is none
	char *address;
	char *group;
	char *security_token;
	const char *created_by; // static
	const char *last_modified_by;
	int64_t created_at; // ms since the epoch
	int64_t last_modified_at;
	int64_t last_request_at; // of the device; 0: never
	enum update_status update_status;
	bool request_attributes;
	json_t *metadata;   // {key: value} or NULL
	json_t *attributes; // {key: value}, sent by the device, or NULL
	size_t position;    // in the store's order
	UT_hash_handle hh;
};

void target_free(struct target *t);
AUTO_DEFINE(struct target *, target_free)
// Replaces an owned text by a copy (NULL: none).
enum err ERR_MUST_CHECK target_set_text(char **field, const char *text);

struct target_store {
	struct target *by_controller_id;
	// All targets by controllerId, ascending, as far as n_sorted; behind it those that came
	// since somebody asked for the order. A deleted target leaves NULL.
	struct target **order;
	size_t n_order;
	size_t n_sorted;
	size_t n_holes;
	size_t cap_order;
	uint64_t next_id;
};

void target_store_init(struct target_store *s);
void target_store_fini(struct target_store *s);
size_t target_store_count(const struct target_store *s);
// NULL: none.
struct target *target_store_find(const struct target_store *s, const char *controller_id);
// Takes the target (also on failure) and gives it an id. ERR_CONFLICT: the controllerId is taken.
enum err ERR_MUST_CHECK target_store_add(struct target_store *s, struct target *take_target);
void target_store_delete(struct target_store *s, struct target *t);
// All targets by controllerId: target_store_count() of them, valid until the store changes. Sorting
// is paid for here, by whoever lists.
struct target *const *target_store_ordered(struct target_store *s);

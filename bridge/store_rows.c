// SPDX-License-Identifier: Apache-2.0
// The names of states and tasks, and arrays of rows.
#include "bridge/store_backend.h"

static const char *const state_names[] = {
#define X(id, name) name,
	DEVICE_STATE_TABLE(X)
#undef X
};

static const struct {
	const char *name;
	enum task_system system;
	bool decommission;
} kinds[] = {
#define X(id, name, system, saga) {name, system, saga},
	TASK_KIND_TABLE(X)
#undef X
};

static const char *const system_names[SYSTEM_COUNT] = {
	[SYSTEM_STEP_CA] = "step-ca", [SYSTEM_THINGSBOARD] = "thingsboard",
	[SYSTEM_HAWKBIT] = "hawkbit", [SYSTEM_WIREGUARD] = "wireguard",
	[SYSTEM_STORE] = "store",
};

const char *
device_state_name(enum device_state state)
{
	return state_names[state];
}

enum err
device_state_parse(enum device_state *out, const char *name)
{
	for (size_t i = 0; i < DEVICE_STATE_COUNT; i++) {
		if (strcmp(name, state_names[i]) == 0) {
			*out = (enum device_state)i;
			return ERR_OK;
		}
	}
	return ERR_INPUT;
}

const char *
task_kind_name(enum task_kind kind)
{
	return kinds[kind].name;
}

enum err
task_kind_parse(enum task_kind *out, const char *name)
{
	for (size_t i = 0; i < TASK_KIND_COUNT; i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*out = (enum task_kind)i;
			return ERR_OK;
		}
	}
	return ERR_INPUT;
}

enum task_system
task_kind_system(enum task_kind kind)
{
	return kinds[kind].system;
}

bool
task_kind_is_decommission(enum task_kind kind)
{
	return kinds[kind].decommission;
}

const char *
task_system_name(enum task_system system)
{
	return system_names[system];
}

// Room for one more zeroed element: the capacity is the power of two at or above n.
static void *
grow(void **rows, size_t *n, size_t size)
{
	if ((*n & (*n - 1)) == 0) {
		void *bigger = realloc(*rows, (*n ? *n * 2 : 1) * size);
		if (!bigger)
			return NULL;
		*rows = bigger;
	}
	return memset((char *)*rows + (*n)++ * size, 0, size);
}

struct task_row *
store_rows_add_task(struct store_rows_tasks *list)
{
	return grow((void **)&list->rows, &list->n, sizeof(*list->rows));
}

struct certificate_row *
store_rows_add_certificate(struct store_rows_certificates *list)
{
	return grow((void **)&list->rows, &list->n, sizeof(*list->rows));
}

struct device_row *
store_rows_add_device(struct store_rows_devices *list)
{
	return grow((void **)&list->rows, &list->n, sizeof(*list->rows));
}

void
store_rows_tasks_fini(struct store_rows_tasks *list)
{
	free(list->rows);
	*list = (struct store_rows_tasks){0};
}

void
store_rows_certificates_fini(struct store_rows_certificates *list)
{
	free(list->rows);
	*list = (struct store_rows_certificates){0};
}

void
store_rows_devices_fini(struct store_rows_devices *list)
{
	free(list->rows);
	*list = (struct store_rows_devices){0};
}

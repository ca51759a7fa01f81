// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/values.h"

#include <string.h>

static void
value_fini(struct value *item)
{
	free(item->key);
	json_decref(item->json);
}

void
values_fini(struct values *v)
{
	for (size_t i = 0; i < v->n; i++)
		value_fini(&v->items[i]);
	free(v->items);
	*v = (struct values){0};
}

// Where key is, or would have to go.
static size_t
position(const struct values *v, const char *key, bool *found)
{
	size_t low = 0;
	size_t high = v->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(v->items[middle].key, key);
		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = false;
	return low;
}

static enum err
insert(struct values *v, size_t at, const char *key)
{
	if (v->n == VALUES_MAX)
		return ERR_EXHAUSTED;
	if (v->n == v->room) {
		size_t room = v->room ? v->room * 2 : 4;
		struct value *items = reallocarray(v->items, room, sizeof(*items));
		if (!items)
			return ERR_NOMEM;
		v->items = items;
		v->room = room;
	}
	char *copy = strdup(key);
	if (!copy)
		return ERR_NOMEM;
	memmove(&v->items[at + 1], &v->items[at], (v->n - at) * sizeof(*v->items));
	v->items[at] = (struct value){.key = copy};
	v->n++;
	return ERR_OK;
}

enum err
values_set(struct values *v, const char *key, json_t *take, int64_t ts_ms)
{
	json_auto_t *json = take;
	if (!json)
		return ERR_NOMEM;
	bool found;
	size_t at = position(v, key, &found);
	if (!found)
		TRY(insert(v, at, key));
	json_decref(v->items[at].json);
	v->items[at].json = STEAL(json);
	v->items[at].ts_ms = ts_ms;
	return ERR_OK;
}

const struct value *
values_find(const struct values *v, const char *key)
{
	bool found;
	size_t at = position(v, key, &found);
	return found ? &v->items[at] : NULL;
}

bool
values_delete(struct values *v, const char *key)
{
	bool found;
	size_t at = position(v, key, &found);
	if (!found)
		return false;
	value_fini(&v->items[at]);
	v->n--;
	memmove(&v->items[at], &v->items[at + 1], (v->n - at) * sizeof(*v->items));
	return true;
}

json_t *
values_to_json(const struct values *v)
{
	json_t *object = json_object();
	for (size_t i = 0; i < v->n; i++)
		json_object_set(object, v->items[i].key, v->items[i].json);
	return object;
}

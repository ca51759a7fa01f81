// SPDX-License-Identifier: Apache-2.0
#include "hawkbit/target.h"

#include <string.h>

static const char *const status_names[] = {
	[UPDATE_UNKNOWN] = "unknown", [UPDATE_REGISTERED] = "registered",
	[UPDATE_PENDING] = "pending", [UPDATE_IN_SYNC] = "in_sync",
	[UPDATE_ERROR] = "error",
};

const char *
update_status_name(enum update_status status)
{
	return status_names[status];
}

void
target_free(struct target *t)
{
	if (!t)
		return;
	free(t->controller_id);
	free(t->name);
	free(t->description);
	free(t->address);
	free(t->group);
	free(t->security_token);
	json_decref(t->metadata);
	json_decref(t->attributes);
	free(t);
}

enum err
target_set_text(char **field, const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	if (text && !copy)
		return ERR_NOMEM;
	free(*field);
	*field = copy;
	return ERR_OK;
}

void
target_store_init(struct target_store *s)
{
	*s = (struct target_store){.next_id = 1};
}

void
target_store_fini(struct target_store *s)
{
	struct target *t;
	struct target *next;
	HASH_ITER (hh, s->by_controller_id, t, next) {
		HASH_DEL(s->by_controller_id, t);
		target_free(t);
	}
	free(s->order);
	target_store_init(s);
}

size_t
target_store_count(const struct target_store *s)
{
	return HASH_COUNT(s->by_controller_id);
}

struct target *
target_store_find(const struct target_store *s, const char *controller_id)
{
	struct target *t;
	HASH_FIND_STR(s->by_controller_id, controller_id, t);
	return t;
}

static enum err
grow_order(struct target_store *s)
{
	if (s->n_order < s->cap_order)
		return ERR_OK;
	size_t cap = s->cap_order ? 2 * s->cap_order : 64;
	struct target **order = realloc(s->order, cap * sizeof(*order));
	if (!order)
		return ERR_NOMEM;
	s->order = order;
	s->cap_order = cap;
	return ERR_OK;
}

enum err
target_store_add(struct target_store *s, struct target *take_target)
{
	AUTO(target_free) struct target *t = take_target;
	if (target_store_find(s, t->controller_id))
		return ERR_CONFLICT;
	TRY(grow_order(s));
	t->id = s->next_id++;
	t->position = s->n_order;
	s->order[s->n_order++] = t;
	HASH_ADD_KEYPTR(hh, s->by_controller_id, t->controller_id, strlen(t->controller_id), t);
	t = NULL;
	return ERR_OK;
}

void
target_store_delete(struct target_store *s, struct target *t)
{
	s->order[t->position] = NULL;
	s->n_holes++;
	HASH_DEL(s->by_controller_id, t);
	target_free(t);
}

static int
compare_ids(const void *a, const void *b)
{
	const struct target *const *x = a;
	const struct target *const *y = b;
	return strcmp((*x)->controller_id, (*y)->controller_id);
}

// Closes the gaps in order[from, to); returns the new end.
static size_t
close_gaps(struct target_store *s, size_t from, size_t to, size_t at)
{
	for (size_t i = from; i < to; i++) {
		if (s->order[i])
			s->order[at++] = s->order[i];
	}
	return at;
}

// Merges the sorted part [0, n_sorted) with the sorted tail, from the end, so that no second array
// of the whole size is needed: only the tail is copied.
static bool
merge_tail(struct target_store *s)
{
	size_t n_tail = s->n_order - s->n_sorted;
	struct target **tail = malloc(n_tail * sizeof(struct target *));
	if (!tail)
		return false;
	memcpy(tail, s->order + s->n_sorted, n_tail * sizeof(struct target *));
	size_t i = s->n_sorted;
	size_t k = n_tail;
	for (size_t at = s->n_order; k > 0; at--) {
		if (i > 0 && compare_ids(&s->order[i - 1], &tail[k - 1]) > 0)
			s->order[at - 1] = s->order[--i];
		else
			s->order[at - 1] = tail[--k];
	}
	free(tail);
	return true;
}

struct target *const *
target_store_ordered(struct target_store *s)
{
	if (s->n_sorted == s->n_order && s->n_holes == 0)
		return s->order;
	size_t n_sorted = close_gaps(s, 0, s->n_sorted, 0);
	s->n_order = close_gaps(s, s->n_sorted, s->n_order, n_sorted);
	s->n_sorted = n_sorted;
	s->n_holes = 0;
	if (s->n_sorted < s->n_order) {
		qsort(s->order + s->n_sorted, s->n_order - s->n_sorted, sizeof(struct target *),
		      compare_ids);
		if (!merge_tail(s))
			qsort(s->order, s->n_order, sizeof(struct target *), compare_ids);
	}
	s->n_sorted = s->n_order;
	for (size_t i = 0; i < s->n_order; i++)
		s->order[i]->position = i;
	return s->order;
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/references.h"

#include "runner/mem.h"
#include "runner/vars.h"

// Made by the runner for every scenario.
static const char *const builtin[] = {"seed", "keys.other.public"};

struct names {
	const char **items; // borrowed from the tree
	bool *used;
	size_t n;
	struct diags *diags;
};

static void
add_name(struct names *names, const char *name)
{
	names->items = mem_grow(names->items, names->n, sizeof(*names->items));
	names->used = mem_grow(names->used, names->n, sizeof(*names->used));
	names->items[names->n] = name;
	names->used[names->n++] = false;
}

static void
add_keys(struct names *names, const struct node *map)
{
	for (size_t i = 0; map && map->type == NODE_MAP && i < map->n; i++)
		add_name(names, map->pairs[i].key);
}

static void
on_reference(void *ctx, const struct node *scalar, const char *name)
{
	struct names *names = ctx;
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->items[i], name) != 0)
			continue;
		names->used[i] = true;
		return;
	}
	AUTO(free) char *hint = diag_hint(name, names->items, names->n);
	diag_add(names->diags, scalar->at, "nothing gives {%s} a value%s", name, hint);
}

void
references_check(const struct node *scenario, struct diags *diags)
{
	struct names names = {.diags = diags};
	const struct node *matrix = node_get(scenario, "matrix");
	const struct node *steps = node_get(scenario, "steps");
	for (size_t i = 0; i < N_ELEMENTS(builtin); i++)
		add_name(&names, builtin[i]);
	add_keys(&names, matrix);
	for (size_t i = 0; steps && steps->type == NODE_LIST && i < steps->n; i++)
		add_keys(&names, node_get(steps->items[i], "save"));
	vars_visit(scenario, on_reference, &names);
	for (size_t i = 0; matrix && matrix->type == NODE_MAP && i < matrix->n; i++)
		if (!names.used[N_ELEMENTS(builtin) + i])
			diag_add(
				diags, matrix->pairs[i].at,
				"the matrix varies '%s', but nothing uses {%s}: all its runs would be the same",
				matrix->pairs[i].key, matrix->pairs[i].key);
	free(names.items);
	free(names.used);
}

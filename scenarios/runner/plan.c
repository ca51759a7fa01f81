// SPDX-License-Identifier: Apache-2.0
#include "runner/plan.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <uthash.h>

#include "runner/mem.h"
#include "runner/references.h"
#include "runner/schema.h"
#include "runner/tags.h"
#include "runner/vars.h"
#include "runner/yaml.h"

enum {
	INSTANCES_MAX = 10000,
	SLUG_MAX = 80,
};

static void
scenario_free(struct scenario *s)
{
	if (!s)
		return;
	node_free(s->root);
	source_free(s->source);
	for (size_t i = 0; i < s->n_stack_sources; i++)
		source_free(s->stack_sources[i]);
	free(s->stack_sources);
	free(s->path);
	free(s);
}

static void
instance_free(struct instance *instance)
{
	free(instance->name);
	free(instance->slug);
	node_free(instance->root);
	free(instance);
}

// A name that is taken; `count` names were made from it.
struct plan_slug {
	unsigned count;
	UT_hash_handle hh;
	char text[]; // the key
};

void
plan_fini(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_instances; i++)
		instance_free(plan->instances[i]);
	for (size_t i = 0; i < plan->n_scenarios; i++)
		scenario_free(plan->scenarios[i]);
	free(plan->instances);
	free(plan->scenarios);
	struct plan_slug *slug, *next;
	HASH_ITER (hh, plan->slugs, slug, next) {
		HASH_DEL(plan->slugs, slug);
		free(slug);
	}
	*plan = (struct plan){0};
}

// --- stack files ---

static char *
beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	if (*name == '/' || !slash)
		return mem_dup(name);
	return mem_printf("%.*s/%s", (int)(slash - path), path, name);
}

// Keys of the file stand behind those of the scenario; maps of one key are joined.
static void
merge_stack(struct node *stack, const struct node *file)
{
	for (size_t i = 0; i < file->n; i++) {
		const struct pair *from = &file->pairs[i];
		struct pair *into = node_pair(stack, from->key);
		if (!into) {
			node_map_add(stack, from->key, from->at, node_clone(from->value));
			continue;
		}
		if (into->value->type != NODE_MAP || from->value->type != NODE_MAP)
			continue;
		for (size_t k = 0; k < from->value->n; k++) {
			const struct pair *entry = &from->value->pairs[k];
			if (!node_get(into->value, entry->key))
				node_map_add(into->value, entry->key, entry->at,
					     node_clone(entry->value));
		}
	}
}

static void
load_stack_file(struct scenario *s, struct diags *diags)
{
	struct pair *stack = node_pair(s->root, "stack");
	const struct node *use = stack ? node_get(stack->value, "use") : NULL;
	if (!use || use->type != NODE_TEXT)
		return;
	AUTO(free) char *path = beside(s->path, use->text);
	struct source *source;
	size_t before = diags->n;
	AUTO(node_free) struct node *file = yaml_read_file(&source, path, diags);
	if (!source && diags->n > before) // not even opened: say who wanted it
		diags->items[diags->n - 1].at = use->at;
	if (source) {
		s->stack_sources = mem_grow(s->stack_sources, s->n_stack_sources, sizeof(source));
		s->stack_sources[s->n_stack_sources++] = source;
	}
	if (!file)
		return;
	schema_check(file, "stack", diags);
	if (node_get(file, "use"))
		diag_add(diags, node_pair(file, "use")->at, "a stack file cannot use another one");
	else if (file->type == NODE_MAP)
		merge_stack(stack->value, file);
}

// --- matrix ---

struct choice {
	const struct node *matrix;
	const size_t *index; // per entry of the matrix
};

static const struct node *
chosen_value(void *ctx, const char *name)
{
	const struct choice *choice = ctx;
	for (size_t i = 0; choice->matrix && i < choice->matrix->n; i++)
		if (strcmp(choice->matrix->pairs[i].key, name) == 0)
			return choice->matrix->pairs[i].value->items[choice->index[i]];
	return NULL;
}

static char *
instance_name(const struct node *root, const struct choice *choice)
{
	char *name = mem_dup(node_text(root, "scenario", "?"));
	for (size_t i = 0; choice->matrix && i < choice->matrix->n; i++) {
		const struct node *value =
			chosen_value((void *)(uintptr_t)choice, choice->matrix->pairs[i].key);
		json_t *json = node_to_json(value);
		AUTO(free)
		char *shown = value->type == NODE_TEXT ? mem_dup(value->text)
						       : json_dumps(json, JSON_COMPACT);
		json_decref(json);
		char *longer = mem_printf("%s%s%s=%s", name, i ? " " : " [",
					  choice->matrix->pairs[i].key, shown);
		free(name);
		name = longer;
	}
	if (!choice->matrix || !choice->matrix->n)
		return name;
	char *closed = mem_printf("%s]", name);
	free(name);
	return closed;
}

static struct plan_slug *
find_slug(const struct plan *plan, const char *text)
{
	struct plan_slug *found = NULL;
	HASH_FIND_STR(plan->slugs, text, found);
	return found;
}

// The name itself, or the first of name-2, name-3, ... that is free.
static const char *
take_slug(struct plan *plan, const char *text)
{
	struct plan_slug *base = find_slug(plan, text);
	char numbered[SLUG_MAX + 16];
	const char *choice = text;
	while (base && find_slug(plan, choice)) {
		snprintf(numbered, sizeof(numbered), "%s-%u", text, ++base->count);
		choice = numbered;
	}
	struct plan_slug *slug = mem_new(sizeof(*slug) + strlen(choice) + 1);
	slug->count = 1;
	memcpy(slug->text, choice, strlen(choice));
	HASH_ADD_KEYPTR(hh, plan->slugs, slug->text, strlen(choice), slug);
	return slug->text;
}

static char *
slug_of(struct plan *plan, const char *name)
{
	char slug[SLUG_MAX + 1];
	size_t n = 0;
	for (const char *p = name; *p && n < SLUG_MAX - 8; p++) {
		if (isalnum((unsigned char)*p))
			slug[n++] = (char)tolower((unsigned char)*p);
		else if (n && slug[n - 1] != '-')
			slug[n++] = '-';
	}
	while (n && slug[n - 1] == '-')
		n--;
	slug[n] = '\0';
	return mem_dup(take_slug(plan, n ? slug : "scenario"));
}

static void
add_instance(struct plan *plan, const struct scenario *s, const struct choice *choice,
	     struct diags *diags)
{
	struct instance *instance = mem_new(sizeof(*instance));
	instance->scenario = s;
	instance->root = node_clone(s->root);
	node_map_remove(instance->root, "matrix");
	instance->name = instance_name(s->root, choice);
	instance->slug = slug_of(plan, instance->name);
	vars_replace(instance->root, chosen_value, (void *)(uintptr_t)choice, diags);
	// The values of the matrix now stand where the schema can judge them.
	schema_check(instance->root, "scenario", diags);
	plan->instances = mem_grow(plan->instances, plan->n_instances, sizeof(instance));
	plan->instances[plan->n_instances++] = instance;
}

// The next combination, last name fastest; false after the last one.
static bool
next_choice(const struct node *matrix, size_t *index)
{
	for (size_t i = matrix ? matrix->n : 0; i-- > 0;) {
		if (++index[i] < matrix->pairs[i].value->n)
			return true;
		index[i] = 0;
	}
	return false;
}

static void
expand(struct plan *plan, const struct scenario *s, struct diags *diags)
{
	const struct node *matrix = node_get(s->root, "matrix");
	size_t n = 1;
	for (size_t i = 0; matrix && i < matrix->n; i++)
		n = n > INSTANCES_MAX ? n : n * matrix->pairs[i].value->n;
	if (n > INSTANCES_MAX) {
		diag_add(diags, matrix->at, "the matrix has more than %d combinations",
			 INSTANCES_MAX);
		return;
	}
	AUTO(free) char *memory = mem_new(((matrix ? matrix->n : 0) + 1) * sizeof(size_t));
	size_t *index = (size_t *)(void *)memory;
	size_t before = diags->n;
	const struct choice choice = {matrix, index};
	do
		add_instance(plan, s, &choice, diags);
	while (diags->n == before && next_choice(matrix, index));
}

// --- files ---

static bool
is_scenario_file(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && dot != name && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static void
load_file(struct plan *plan, const char *path, struct diags *diags)
{
	struct scenario *s = mem_new(sizeof(*s));
	size_t before = diags->n;
	s->path = mem_dup(path);
	plan->scenarios = mem_grow(plan->scenarios, plan->n_scenarios, sizeof(s));
	plan->scenarios[plan->n_scenarios++] = s;
	s->root = yaml_read_file(&s->source, path, diags);
	if (!s->root)
		return;
	schema_check(s->root, "scenario", diags);
	load_stack_file(s, diags);
	if (s->root->type == NODE_MAP && !node_get(s->root, "steps") && !node_get(s->root, "load"))
		diag_add(diags, s->root->at,
			 "the scenario has neither 'steps' nor 'load': it would do nothing");
	references_check(s->root, diags);
	if (diags->n == before)
		expand(plan, s, diags);
}

static int
visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool
is_left_out(const char *name)
{
	return strcmp(name, "must_fail") == 0 || strcmp(name, "stacks") == 0 ||
	       strcmp(name, "runner") == 0;
}

static enum err load_path(struct plan *plan, const char *path, int depth, struct diags *diags,
			  struct why *why);

static enum err
load_folder(struct plan *plan, const char *path, int depth, struct diags *diags, struct why *why)
{
	struct dirent **entries;
	int n = scandir(path, &entries, visible, alphasort);
	if (n < 0)
		return why_set(why, ERR_IO, "%s: cannot read the folder", path);
	enum err err = ERR_OK;
	for (int i = 0; i < n; i++) {
		AUTO(free)
		char *inner = mem_printf("%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
					 entries[i]->d_name);
		struct stat st;
		bool wanted = stat(inner, &st) == 0 &&
			      (S_ISDIR(st.st_mode) ? !is_left_out(entries[i]->d_name)
						   : is_scenario_file(inner));
		if (wanted && err == ERR_OK && depth < 8)
			err = load_path(plan, inner, depth + 1, diags, why);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static enum err
load_path(struct plan *plan, const char *path, int depth, struct diags *diags, struct why *why)
{
	struct stat st;
	if (!*path || stat(path, &st) < 0)
		return why_set(why, ERR_NOT_FOUND, "%s: no such file or folder", path);
	if (S_ISDIR(st.st_mode))
		return load_folder(plan, path, depth, diags, why);
	load_file(plan, path, diags);
	return ERR_OK;
}

static enum err
has_wanted_tags(bool *out, const struct instance *instance, const char *expression, struct why *why)
{
	const struct node *tags = node_get(instance->root, "tags");
	const char *names[64];
	size_t n = 0;
	if (tags && tags->type == NODE_TEXT)
		names[n++] = tags->text;
	for (size_t i = 0; tags && tags->type == NODE_LIST && i < tags->n && n < N_ELEMENTS(names);
	     i++)
		names[n++] = tags->items[i]->text;
	return tags_match(out, expression, names, n, why);
}

static enum err
filter(struct plan *plan, const char *expression, struct why *why)
{
	size_t kept = 0;
	for (size_t i = 0; i < plan->n_instances; i++) {
		struct instance *instance = plan->instances[i];
		bool wanted = false;
		TRY(has_wanted_tags(&wanted, instance, expression, why));
		if (!wanted)
			continue;
		plan->instances[i] = plan->instances[kept];
		plan->instances[kept++] = instance;
	}
	plan->n_filtered = plan->n_instances - kept;
	while (plan->n_instances > kept)
		instance_free(plan->instances[--plan->n_instances]);
	return ERR_OK;
}

enum err
plan_load(struct plan *plan, const char *const *paths, size_t n, const char *tag_expression,
	  struct diags *diags, struct why *why)
{
	bool ignored;
	if (tag_expression)
		TRY(tags_match(&ignored, tag_expression, NULL, 0, why));
	for (size_t i = 0; i < n; i++) {
		size_t before = plan->n_scenarios;
		TRY(load_path(plan, paths[i], 0, diags, why));
		if (plan->n_scenarios == before)
			return why_set(why, ERR_NOT_FOUND, "%s: no scenario files (*.yaml) in it",
				       paths[i]);
	}
	return tag_expression ? filter(plan, tag_expression, why) : ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/schema.h"

#include <stdio.h>

#include "base/id.h"
#include "runner/matcher.h"
#include "runner/mem.h"
#include "runner/thresholds.h"
#include "runner/value.h"
#include "runner/vars.h"

enum {
	NAMES_MAX = 64,
};

struct check {
	const struct schema_key *key;
	struct diags *diags;
};

const struct schema_key *
schema_find(const char *object, const char *name)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i].object, object) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static const struct schema_key *
shorthand_of(const char *object)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i].object, object) == 0 && keys[i].flags & SCHEMA_SHORTHAND)
			return &keys[i];
	return NULL;
}

size_t
schema_words(char words[][SCHEMA_WORD_BYTES], size_t max, const char *list)
{
	size_t n = 0;
	while (*list && n < max) {
		size_t len = strcspn(list, "|");
		snprintf(words[n++], SCHEMA_WORD_BYTES, "%.*s", (int)len, list);
		list += len + (list[len] == '|');
	}
	return n;
}

static size_t
names_of(const char *names[NAMES_MAX], const char *object)
{
	size_t n, found = 0;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n && found < NAMES_MAX; i++)
		if (strcmp(keys[i].object, object) == 0)
			names[found++] = keys[i].name;
	return found;
}

const char *
schema_type_text(enum schema_type type)
{
	static const char *const text[SCHEMA_TYPES] = {
		[SCHEMA_TEXT] = "text",
		[SCHEMA_INT] = "whole number",
		[SCHEMA_NUMBER] = "number",
		[SCHEMA_BOOL] = "true or false",
		[SCHEMA_DURATION] = "duration (200ms, 5s, 2m)",
		[SCHEMA_ENUM] = "word",
		[SCHEMA_DEVICE] = "device id or list of ids",
		[SCHEMA_TEXTS] = "text or list of texts",
		[SCHEMA_OBJECT] = "map",
		[SCHEMA_LIST] = "list",
		[SCHEMA_VALUES] = "map of names and values",
		[SCHEMA_MATCHERS] = "map of paths and matchers",
		[SCHEMA_MATRIX] = "map of names and lists",
		[SCHEMA_THRESHOLDS] = "list of `metric: condition`",
		[SCHEMA_ANY] = "any value",
	};
	return text[type];
}

// A map whose only entry has no value is what "{name}" without quotes reads as.
static bool
is_unquoted_reference(const struct node *node)
{
	return node->type == NODE_MAP && node->n == 1 && node->pairs[0].value->type == NODE_TEXT &&
	       !*node->pairs[0].value->text && !node->pairs[0].value->quoted;
}

static bool
want_scalar(const struct check *c, const struct node *value)
{
	if (value->type == NODE_TEXT)
		return true;
	if (is_unquoted_reference(value))
		diag_add(c->diags, value->at, "'%s': put the variable in quotes: \"{%s}\"",
			 c->key->name, value->pairs[0].key);
	else
		diag_add(c->diags, value->at, "'%s' takes a %s, not %s", c->key->name,
			 schema_type_text(c->key->type), node_type_text(value->type));
	return false;
}

static bool
want_type(const struct check *c, const struct node *value, enum node_type type)
{
	if (value->type == type)
		return true;
	diag_add(c->diags, value->at, "'%s' takes a %s, not %s", c->key->name,
		 schema_type_text(c->key->type), node_type_text(value->type));
	return false;
}

static bool
in_range(const struct check *c, double value)
{
	return c->key->min == c->key->max || (value >= c->key->min && value <= c->key->max);
}

static void
check_number(const struct check *c, const struct node *value)
{
	const struct schema_key *key = c->key;
	double number = 0;
	int64_t whole;
	enum err err = key->type == SCHEMA_INT ? value_int(&whole, value->text)
					       : value_number(&number, value->text);
	if (err == ERR_OK && key->type == SCHEMA_INT)
		number = (double)whole;
	if (err != ERR_OK)
		diag_add(c->diags, value->at, "'%s' takes a %s, not '%s'", key->name,
			 schema_type_text(key->type), value->text);
	else if (!in_range(c, number))
		diag_add(c->diags, value->at, "'%s' is %s; allowed is %.15g to %.15g", key->name,
			 value->text, key->min, key->max);
}

static void
check_duration(const struct check *c, const struct node *value)
{
	uint64_t ms;
	if (value_duration_ms(&ms, value->text) != ERR_OK)
		diag_add(c->diags, value->at,
			 "'%s' takes a duration such as 200ms, 5s or 2m, not '%s'", c->key->name,
			 value->text);
	else if (!in_range(c, (double)ms))
		diag_add(c->diags, value->at, "'%s' is %s; allowed is %.15gms to %.15gs",
			 c->key->name, value->text, c->key->min, c->key->max / 1000);
}

static void
check_bool(const struct check *c, const struct node *value)
{
	bool flag;
	if (value_bool(&flag, value->text) != ERR_OK)
		diag_add(c->diags, value->at, "'%s' takes true or false, not '%s'", c->key->name,
			 value->text);
}

static void
check_enum(const struct check *c, const struct node *value)
{
	const char *names[NAMES_MAX];
	char words[NAMES_MAX][SCHEMA_WORD_BYTES];
	size_t n = schema_words(words, NAMES_MAX, c->key->of);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], value->text) == 0)
			return;
		names[i] = words[i];
	}
	AUTO(free) char *hint = diag_hint(value->text, names, n);
	diag_add(c->diags, value->at, "'%s' cannot be '%s'%s", c->key->name, value->text, hint);
}

static void
check_device(const struct check *c, const struct node *value)
{
	struct why why = {0};
	if (device_id_check(value->text, &why) != ERR_OK)
		diag_add(c->diags, value->at, "%s", why.text);
}

static void
check_scalar(const struct check *c, const struct node *value)
{
	if (!want_scalar(c, value) || vars_has_reference(value->text))
		return;
	switch (c->key->type) {
	case SCHEMA_INT:
	case SCHEMA_NUMBER:
		check_number(c, value);
		break;
	case SCHEMA_DURATION:
		check_duration(c, value);
		break;
	case SCHEMA_BOOL:
		check_bool(c, value);
		break;
	case SCHEMA_ENUM:
		check_enum(c, value);
		break;
	case SCHEMA_DEVICE:
		check_device(c, value);
		break;
	default:
		if (!*value->text && !value->quoted)
			diag_add(c->diags, value->at, "'%s' has no value", c->key->name);
	}
}

// A scalar, or a non-empty list of scalars.
static void
check_scalars(const struct check *c, const struct node *value)
{
	if (value->type != NODE_LIST) {
		check_scalar(c, value);
		return;
	}
	if (value->n == 0)
		diag_add(c->diags, value->at, "'%s' is an empty list", c->key->name);
	for (size_t i = 0; i < value->n; i++)
		check_scalar(c, value->items[i]);
}

static void
check_values(const struct check *c, const struct node *value)
{
	if (!want_type(c, value, NODE_MAP))
		return;
	for (size_t i = 0; i < value->n; i++) {
		const struct node *item = value->pairs[i].value;
		if (item->type == NODE_MAP)
			diag_add(c->diags, item->at, "'%s': '%s' takes a scalar or a list",
				 c->key->name, value->pairs[i].key);
	}
}

static void
check_matchers(const struct check *c, const struct node *value)
{
	if (!want_type(c, value, NODE_MAP))
		return;
	if (value->n == 0)
		diag_add(c->diags, value->at, "'%s' says nothing; it needs at least one path",
			 c->key->name);
	for (size_t i = 0; i < value->n; i++)
		matcher_check(value->pairs[i].value, c->diags);
}

static void
check_matrix(const struct check *c, const struct node *value)
{
	if (!want_type(c, value, NODE_MAP))
		return;
	for (size_t i = 0; i < value->n; i++) {
		const struct node *list = value->pairs[i].value;
		if (list->type != NODE_LIST || list->n == 0)
			diag_add(c->diags, list->at,
				 "'matrix': '%s' takes a list with at least one value",
				 value->pairs[i].key);
	}
}

static void
check_list(const struct check *c, struct node *value)
{
	if (!want_type(c, value, NODE_LIST))
		return;
	for (size_t i = 0; i < value->n; i++)
		schema_check(value->items[i], c->key->of, c->diags);
}

static void
check_value(const struct schema_key *key, struct node *value, struct diags *diags)
{
	const struct check c = {key, diags};
	switch (key->type) {
	case SCHEMA_OBJECT:
		schema_check(value, key->of, diags);
		break;
	case SCHEMA_LIST:
		check_list(&c, value);
		break;
	case SCHEMA_VALUES:
		check_values(&c, value);
		break;
	case SCHEMA_MATCHERS:
		check_matchers(&c, value);
		break;
	case SCHEMA_MATRIX:
		check_matrix(&c, value);
		break;
	case SCHEMA_THRESHOLDS:
		if (want_type(&c, value, NODE_LIST))
			thresholds_check(value, diags);
		break;
	case SCHEMA_DEVICE:
	case SCHEMA_TEXTS:
		check_scalars(&c, value);
		break;
	case SCHEMA_ANY:
		break;
	default:
		check_scalar(&c, value);
	}
}

// node becomes { key: what it was }.
static void
wrap(struct node *node, const char *key)
{
	struct node *inner = node_new(node->type, node->at);
	struct place at = node->at;
	*inner = *node;
	*node = (struct node){.type = NODE_MAP, .at = at};
	node_map_add(node, key, at, inner);
}

static void
report_unknown(const char *object, const struct pair *pair, struct diags *diags)
{
	const char *names[NAMES_MAX];
	size_t n = names_of(names, object);
	AUTO(free) char *hint = diag_hint(pair->key, names, n);
	diag_add(diags, pair->at, "unknown %s '%s'%s", strcmp(object, "step") == 0 ? "step" : "key",
		 pair->key, hint);
}

static void
check_verbs(const struct node *node, const char *object, bool unknown, struct diags *diags)
{
	const struct pair *first = NULL;
	for (size_t i = 0; i < node->n; i++) {
		const struct schema_key *key = schema_find(object, node->pairs[i].key);
		if (!key || !(key->flags & SCHEMA_VERB))
			continue;
		if (first)
			diag_add(
				diags, node->pairs[i].at,
				"one step does one thing; '%s' is already there: begin a new '- ' for '%s'",
				first->key, key->name);
		first = first ? first : &node->pairs[i];
	}
	if (!first && !unknown)
		diag_add(diags, node->at, "the step does nothing; see `provsim explain step`");
}

static void
check_presence(const struct node *node, const char *object, bool unknown, struct diags *diags)
{
	size_t n;
	bool verbs = false;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].object, object) != 0)
			continue;
		verbs |= (keys[i].flags & SCHEMA_VERB) != 0;
		if (keys[i].flags & SCHEMA_REQUIRED && !node_get(node, keys[i].name))
			diag_add(diags, node->at, "'%s' is missing here: %s", keys[i].name,
				 keys[i].doc);
	}
	if (verbs)
		check_verbs(node, object, unknown, diags);
}

void
schema_check(struct node *node, const char *object, struct diags *diags)
{
	const struct schema_key *shorthand = shorthand_of(object);
	// What a variable stands for is only known when it is filled in; then the check comes
	// again.
	if (node->type == NODE_TEXT && vars_has_reference(node->text))
		return;
	if (node->type != NODE_MAP && shorthand)
		wrap(node, shorthand->name);
	if (node->type != NODE_MAP) {
		diag_add(diags, node->at, "expected a map with the keys of '%s', not %s", object,
			 node_type_text(node->type));
		return;
	}
	bool unknown = false;
	for (size_t i = 0; i < node->n; i++) {
		const struct schema_key *key = schema_find(object, node->pairs[i].key);
		if (key) {
			check_value(key, node->pairs[i].value, diags);
			continue;
		}
		report_unknown(object, &node->pairs[i], diags);
		unknown = true;
	}
	check_presence(node, object, unknown, diags);
}

const struct pair *
schema_verb(const struct node *step)
{
	for (size_t i = 0; i < step->n; i++) {
		const struct schema_key *key = schema_find("step", step->pairs[i].key);
		if (key && key->flags & SCHEMA_VERB)
			return &step->pairs[i];
	}
	return NULL;
}

const char *
schema_get_text(const struct node *map, const char *object, const char *name)
{
	const struct schema_key *key = schema_find(object, name);
	return node_text(map, name, key ? key->fallback : NULL);
}

uint64_t
schema_get_ms(const struct node *map, const char *object, const char *name)
{
	uint64_t ms = 0;
	const char *text = schema_get_text(map, object, name);
	return text && value_duration_ms(&ms, text) == ERR_OK ? ms : 0;
}

int64_t
schema_get_int(const struct node *map, const char *object, const char *name)
{
	int64_t value = 0;
	const char *text = schema_get_text(map, object, name);
	return text && value_int(&value, text) == ERR_OK ? value : 0;
}

double
schema_get_number(const struct node *map, const char *object, const char *name)
{
	double value = 0;
	const char *text = schema_get_text(map, object, name);
	return text && value_number(&value, text) == ERR_OK ? value : 0;
}

bool
schema_get_bool(const struct node *map, const char *object, const char *name)
{
	bool value = false;
	const char *text = schema_get_text(map, object, name);
	return text && value_bool(&value, text) == ERR_OK && value;
}

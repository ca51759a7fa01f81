// SPDX-License-Identifier: Apache-2.0
// The table as text for a person and as JSON Schema for an editor.
#include "runner/mem.h"
#include "runner/schema.h"

enum {
	WORDS_MAX = 64,
};

static enum err
explain_key(struct buf *out, const struct schema_key *key)
{
	TRY(buf_printf(out, "%s.%s: %s", key->object, key->name, schema_type_text(key->type)));
	if (key->type == SCHEMA_ENUM)
		TRY(buf_printf(out, " (%s)", key->of));
	if (key->min != key->max)
		TRY(buf_printf(out, ", %.15g to %.15g%s", key->min, key->max,
			       key->type == SCHEMA_DURATION ? " ms" : ""));
	if (key->flags & SCHEMA_REQUIRED)
		TRY(buf_append_str(out, ", required"));
	if (key->flags & SCHEMA_SHORTHAND)
		TRY(buf_append_str(out, ", may stand alone in place of the map"));
	if (key->fallback)
		TRY(buf_printf(out, ", default %s", key->fallback));
	return buf_printf(out, " (since %s)\n    %s\n", key->since, key->doc);
}

static enum err
explain_object(struct buf *out, const char *object)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i].object, object) == 0)
			TRY(explain_key(out, &keys[i]));
	return ERR_OK;
}

static bool
key_is_meant(const struct schema_key *key, const char *name)
{
	size_t n = strlen(key->object);
	return strcmp(key->name, name) == 0 || strcmp(key->object, name) == 0 ||
	       (strncmp(key->object, name, n) == 0 && name[n] == '.' &&
		strcmp(name + n + 1, key->name) == 0);
}

enum err
schema_explain(struct buf *out, const char *name)
{
	size_t n, before = out->len;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++) {
		if (!key_is_meant(&keys[i], name))
			continue;
		TRY(explain_key(out, &keys[i]));
		if (keys[i].type == SCHEMA_OBJECT && strcmp(keys[i].name, name) == 0)
			TRY(explain_object(out, keys[i].of));
	}
	return out->len == before ? ERR_NOT_FOUND : ERR_OK;
}

enum err
schema_explain_all(struct buf *out)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(keys[i].object, keys[i - 1].object) != 0)
			TRY(buf_printf(out, "%s%s\n", i ? "\n" : "", keys[i].object));
		TRY(buf_printf(out, "  %-20s %s\n", keys[i].name, keys[i].doc));
	}
	return ERR_OK;
}

static json_t *
any_of(json_t *take_a, json_t *take_b)
{
	return json_pack("{s:[o,o]}", "anyOf", take_a, take_b);
}

static json_t *
typed(const char *type)
{
	return json_pack("{s:s}", "type", type);
}

static json_t *
scalar_schema(void)
{
	return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

// A {variable} may stand wherever a value may.
static json_t *
or_variable(json_t *take_schema)
{
	return any_of(take_schema, json_pack("{s:s,s:s}", "type", "string", "pattern",
					     "\\{[A-Za-z][A-Za-z0-9._-]*\\}"));
}

static json_t *
enum_schema(const char *words)
{
	json_t *list = json_array();
	char word[WORDS_MAX][SCHEMA_WORD_BYTES];
	size_t n = schema_words(word, WORDS_MAX, words);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(word[i]));
	return json_pack("{s:o}", "enum", list);
}

static json_t *
number_schema(const struct schema_key *key)
{
	json_t *schema = typed(key->type == SCHEMA_INT ? "integer" : "number");
	if (key->min != key->max) {
		json_object_set_new(schema, "minimum", json_real(key->min));
		json_object_set_new(schema, "maximum", json_real(key->max));
	}
	return schema;
}

static json_t *
reference(const char *object)
{
	AUTO(free) char *target = mem_printf("#/definitions/%s", object);
	return json_pack("{s:s}", "$ref", target);
}

static json_t *
value_schema(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_INT:
	case SCHEMA_NUMBER:
		return or_variable(number_schema(key));
	case SCHEMA_BOOL:
		return or_variable(typed("boolean"));
	case SCHEMA_DURATION:
		return or_variable(json_pack("{s:s,s:s}", "type", "string", "pattern",
					     "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$"));
	case SCHEMA_ENUM:
		return or_variable(enum_schema(key->of));
	case SCHEMA_DEVICE:
	case SCHEMA_TEXTS:
		return any_of(scalar_schema(),
			      json_pack("{s:s,s:o}", "type", "array", "items", scalar_schema()));
	case SCHEMA_OBJECT:
		return reference(key->of);
	case SCHEMA_LIST:
		return json_pack("{s:s,s:o}", "type", "array", "items", reference(key->of));
	case SCHEMA_VALUES:
	case SCHEMA_MATCHERS:
	case SCHEMA_MATRIX:
		return typed("object");
	case SCHEMA_THRESHOLDS:
		return json_pack("{s:s,s:{s:s}}", "type", "array", "items", "type", "object");
	case SCHEMA_TEXT:
		return scalar_schema();
	default:
		return json_object();
	}
}

static json_t *
described_schema(const struct schema_key *key)
{
	json_t *schema = value_schema(key);
	// In draft-07 whatever stands beside $ref is ignored; editors show it nevertheless.
	json_object_set_new(schema, "description", json_string(key->doc));
	if (key->fallback)
		json_object_set_new(schema, "default", json_string(key->fallback));
	return schema;
}

static json_t *
object_schema(const char *object)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	json_t *properties = json_object();
	json_t *required = json_array();
	const struct schema_key *shorthand = NULL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].object, object) != 0)
			continue;
		json_object_set_new(properties, keys[i].name, described_schema(&keys[i]));
		if (keys[i].flags & SCHEMA_REQUIRED)
			json_array_append_new(required, json_string(keys[i].name));
		if (keys[i].flags & SCHEMA_SHORTHAND)
			shorthand = &keys[i];
	}
	json_t *schema = json_pack("{s:s,s:b,s:o,s:o}", "type", "object", "additionalProperties", 0,
				   "properties", properties, "required", required);
	return shorthand ? any_of(schema, value_schema(shorthand)) : schema;
}

json_t *
schema_to_json(void)
{
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	json_t *definitions = json_object();
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(keys[i].object, keys[i - 1].object) != 0)
			json_object_set_new(definitions, keys[i].object,
					    object_schema(keys[i].object));
	return json_pack("{s:s,s:s,s:s,s:o}", "$schema", "http://json-schema.org/draft-07/schema#",
			 "title", "provsim scenario", "$ref", "#/definitions/scenario",
			 "definitions", definitions);
}

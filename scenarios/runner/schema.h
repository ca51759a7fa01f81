// SPDX-License-Identifier: Apache-2.0
// The scenario language as one table: every key with its type, range, default and meaning. The
// loader, `lint`, `explain` and the JSON Schema come from it, so that none of them can drift.
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "runner/diag.h"

enum schema_type {
	SCHEMA_TEXT,   // any scalar
	SCHEMA_INT,    // min..max
	SCHEMA_NUMBER, // min..max
	SCHEMA_BOOL,
	SCHEMA_DURATION,   // "5s"; min..max in ms
	SCHEMA_ENUM,	   // one of the words in `of`, separated by |
	SCHEMA_DEVICE,	   // a device id, or a list of them
	SCHEMA_TEXTS,	   // a scalar or a list of scalars
	SCHEMA_OBJECT,	   // a map with the keys of object `of`
	SCHEMA_LIST,	   // a list of such maps
	SCHEMA_VALUES,	   // a map with free keys and scalars (or lists of them)
	SCHEMA_MATCHERS,   // a map from paths to matchers
	SCHEMA_MATRIX,	   // a map from names to non-empty lists of anything
	SCHEMA_THRESHOLDS, // a list of `metric: condition`
	SCHEMA_ANY,	   // whatever; another program judges it
	SCHEMA_TYPES
};

enum schema_flag {
	SCHEMA_REQUIRED = 1 << 0,
	SCHEMA_SHORTHAND = 1 << 1, // a scalar or list in place of the map means this key
	SCHEMA_VERB = 1 << 2,	   // of these keys a map holds exactly one
};

struct schema_key {
	const char *object;
	const char *name;
	enum schema_type type;
	const char *of;
	unsigned flags;
	double min, max;
	const char *fallback; // default as text; NULL = none
	const char *since;
	const char *doc;
};

// The table; *n its rows. Rows of one object stand together.
const struct schema_key *schema_keys(size_t *n);
const struct schema_key *schema_find(const char *object, const char *name); // NULL: no such key

// Checks the tree against an object's keys and turns shorthands into maps, in place. All problems
// go to diags. Values that hold a {variable} are not judged.
void schema_check(struct node *node, const char *object, struct diags *diags);

// Values of checked maps, the table's default when the key is absent (map NULL: always the
// default).
uint64_t schema_get_ms(const struct node *map, const char *object, const char *name);
int64_t schema_get_int(const struct node *map, const char *object, const char *name);
double schema_get_number(const struct node *map, const char *object, const char *name);
bool schema_get_bool(const struct node *map, const char *object, const char *name);
const char *schema_get_text(const struct node *map, const char *object, const char *name);

// The key of a step map that says what it does. NULL when there is none.
const struct pair *schema_verb(const struct node *step);

// Text for a person about every key with this name ("timeout", "expect", "load.devices");
// ERR_NOT_FOUND.
enum err ERR_MUST_CHECK schema_explain(struct buf *out, const char *name);
// All objects and keys, short.
enum err ERR_MUST_CHECK schema_explain_all(struct buf *out);
// The JSON Schema (draft-07) for editors. New reference.
json_t *schema_to_json(void);
#define SCHEMA_WORD_BYTES 32
// Splits "a|b|c"; returns how many words.
size_t schema_words(char words[][SCHEMA_WORD_BYTES], size_t max, const char *list);
const char *schema_type_text(enum schema_type type);

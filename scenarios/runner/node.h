// SPDX-License-Identifier: Apache-2.0
// A scenario file as a tree of texts, lists and maps that know where they stand. Scalars stay text:
// the schema says what they mean, nothing is guessed.
#pragma once

#include <jansson.h>

#include "base/buf.h"

// A file that was read; lives as long as the trees made from it.
struct source {
	char *path;
	char *text; // terminated
	size_t len;
};

// Where something stands; line and column count from 1. source NULL: nowhere (made by the runner).
struct place {
	const struct source *source;
	int line;
	int col;
	int width; // characters to underline, at least 1
};

enum node_type { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node;

struct pair {
	char *key;
	struct place at; // of the key
	struct node *value;
};

struct node {
	enum node_type type;
	struct place at;
	char *text;  // NODE_TEXT
	bool quoted; // NODE_TEXT: was written in quotes or as a block
	size_t n;
	struct node **items; // NODE_LIST
	struct pair *pairs;  // NODE_MAP, in the order of the file
};

void source_free(struct source *source);
AUTO_DEFINE(struct source *, source_free)

struct node *node_new(enum node_type type, struct place at);
struct node *node_new_text(const char *text, struct place at);
void node_free(struct node *node);
AUTO_DEFINE(struct node *, node_free)
struct node *node_clone(const struct node *node);
void node_list_add(struct node *list, struct node *take_item);
void node_map_add(struct node *map, const char *key, struct place at, struct node *take_value);
// Removes the entry; nothing when there is none.
void node_map_remove(struct node *map, const char *key);
struct pair *node_pair(const struct node *map, const char *key); // NULL: no such key, or not a map
// The value of a key, NULL when absent. map may be NULL.
const struct node *node_get(const struct node *map, const char *key);
// The text of a key; fallback when absent or not a scalar.
const char *node_text(const struct node *map, const char *key, const char *fallback);
// "a scalar", "a list", "a map"
const char *node_type_text(enum node_type type);

// A plain scalar becomes number, boolean or null when it reads exactly like one in JSON; a quoted
// one stays text. For values whose reader is another program (faults, requests).
json_t *node_to_json(const struct node *node);
// Canonical YAML (block style, two blanks), for the resolved scenario of a run folder.
enum err ERR_MUST_CHECK node_print(struct buf *out, const struct node *node);

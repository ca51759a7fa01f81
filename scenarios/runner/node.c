// SPDX-License-Identifier: Apache-2.0
#include "runner/node.h"

#include "runner/mem.h"

void
source_free(struct source *source)
{
	if (!source)
		return;
	free(source->path);
	free(source->text);
	free(source);
}

struct node *
node_new(enum node_type type, struct place at)
{
	struct node *node = mem_new(sizeof(*node));
	node->type = type;
	node->at = at;
	return node;
}

struct node *
node_new_text(const char *text, struct place at)
{
	struct node *node = node_new(NODE_TEXT, at);
	node->text = mem_dup(text);
	return node;
}

void
node_free(struct node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->n; i++) {
		if (node->type == NODE_LIST) {
			node_free(node->items[i]);
			continue;
		}
		free(node->pairs[i].key);
		node_free(node->pairs[i].value);
	}
	free(node->items);
	free(node->pairs);
	free(node->text);
	free(node);
}

struct node *
node_clone(const struct node *node)
{
	struct node *copy = node_new(node->type, node->at);
	if (node->text)
		copy->text = mem_dup(node->text);
	copy->quoted = node->quoted;
	for (size_t i = 0; i < node->n; i++) {
		if (node->type == NODE_LIST)
			node_list_add(copy, node_clone(node->items[i]));
		else
			node_map_add(copy, node->pairs[i].key, node->pairs[i].at,
				     node_clone(node->pairs[i].value));
	}
	return copy;
}

void
node_list_add(struct node *list, struct node *take_item)
{
	list->items = mem_grow(list->items, list->n, sizeof(struct node *));
	list->items[list->n++] = take_item;
}

void
node_map_add(struct node *map, const char *key, struct place at, struct node *take_value)
{
	map->pairs = mem_grow(map->pairs, map->n, sizeof(struct pair));
	map->pairs[map->n++] = (struct pair){mem_dup(key), at, take_value};
}

struct pair *
node_pair(const struct node *map, const char *key)
{
	if (!map || map->type != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->pairs[i].key, key) == 0)
			return &map->pairs[i];
	return NULL;
}

void
node_map_remove(struct node *map, const char *key)
{
	struct pair *pair = node_pair(map, key);
	if (!pair)
		return;
	free(pair->key);
	node_free(pair->value);
	size_t behind = map->n - (size_t)(pair - map->pairs) - 1;
	memmove(pair, pair + 1, behind * sizeof(*pair));
	map->n--;
}

const struct node *
node_get(const struct node *map, const char *key)
{
	const struct pair *pair = node_pair(map, key);
	return pair ? pair->value : NULL;
}

const char *
node_text(const struct node *map, const char *key, const char *fallback)
{
	const struct node *value = node_get(map, key);
	return value && value->type == NODE_TEXT ? value->text : fallback;
}

const char *
node_type_text(enum node_type type)
{
	static const char *const text[] = {
		[NODE_TEXT] = "a scalar", [NODE_LIST] = "a list", [NODE_MAP] = "a map"};
	return text[type];
}

static json_t *
scalar_to_json(const struct node *node)
{
	if (node->quoted)
		return json_string(node->text);
	json_t *value = json_loads(node->text, JSON_DECODE_ANY, NULL);
	return value && !json_is_string(value) ? value
					       : (json_decref(value), json_string(node->text));
}

json_t *
node_to_json(const struct node *node)
{
	if (node->type == NODE_TEXT)
		return scalar_to_json(node);
	json_t *out = node->type == NODE_LIST ? json_array() : json_object();
	for (size_t i = 0; i < node->n; i++) {
		if (node->type == NODE_LIST)
			json_array_append_new(out, node_to_json(node->items[i]));
		else
			json_object_set_new(out, node->pairs[i].key,
					    node_to_json(node->pairs[i].value));
	}
	return out;
}

// Plain style is kept for what cannot be mistaken for anything else.
static bool
reads_plain(const char *text)
{
	bool negative = text[0] == '-' && text[1] >= '0' && text[1] <= '9';
	if (!*text || (strchr("-?:,[]{}#&*!|>'\"%@` ", *text) && !negative))
		return false;
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0) // would be a byte order mark
		return false;
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || (*p == ':' && (p[1] == ' ' || !p[1])) ||
		    (*p == '#' && p[-1] == ' ') || (*p == ' ' && !p[1]))
			return false;
	}
	return true;
}

static enum err
print_text(struct buf *out, const char *text, bool quoted)
{
	if (!quoted && reads_plain(text))
		return buf_append_str(out, text);
	TRY(buf_append_str(out, "\""));
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			TRY(buf_printf(out, "\\%c", *p));
		else if ((unsigned char)*p < 0x20)
			TRY(buf_printf(out, "\\x%02x", (unsigned char)*p));
		else
			TRY(buf_append(out, p, 1));
	}
	return buf_append_str(out, "\"");
}

static enum err print_at(struct buf *out, const struct node *node, int indent);

// What stands behind "key:" or "-".
static enum err
print_value(struct buf *out, const struct node *value, int indent, bool in_list)
{
	if (value->type == NODE_TEXT || value->n == 0) {
		TRY(buf_append_str(out, " "));
		TRY(print_at(out, value, indent));
		return buf_append_str(out, "\n");
	}
	if (in_list && value->type == NODE_MAP) {
		TRY(buf_append_str(out, " "));
		return print_at(out, value, indent);
	}
	TRY(buf_printf(out, "\n%*s", indent, ""));
	return print_at(out, value, indent);
}

// The cursor already stands at column `indent` of a line.
static enum err
print_at(struct buf *out, const struct node *node, int indent)
{
	if (node->type == NODE_TEXT)
		return print_text(out, node->text, node->quoted);
	if (node->n == 0)
		return buf_append_str(out, node->type == NODE_LIST ? "[]" : "{}");
	for (size_t i = 0; i < node->n; i++) {
		if (i)
			TRY(buf_printf(out, "%*s", indent, ""));
		if (node->type == NODE_LIST) {
			TRY(buf_append_str(out, "-"));
			TRY(print_value(out, node->items[i], indent + 2, true));
			continue;
		}
		TRY(print_text(out, node->pairs[i].key, false));
		TRY(buf_append_str(out, ":"));
		TRY(print_value(out, node->pairs[i].value, indent + 2, false));
	}
	return ERR_OK;
}

enum err
node_print(struct buf *out, const struct node *node)
{
	return print_at(out, node, 0);
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/yaml.h"

#include <libfyaml.h>
#include <stdio.h>

#include "base/file.h"
#include "runner/mem.h"

enum {
	FILE_MAX_BYTES = 4 << 20,
	DEPTH_MAX = 32,
	NODES_MAX = 200000,
};

struct reader {
	struct fy_parser *parser;
	const struct source *source;
	struct diags *diags;
	size_t n_nodes;
	bool broken; // the parser gave up; it has its own words
};

static struct place
place_of(const struct reader *r, struct fy_event *event)
{
	struct place at = {.source = r->source, .line = 1, .col = 1, .width = 1};
	const struct fy_mark *start = fy_event_start_mark(event);
	const struct fy_mark *end = fy_event_end_mark(event);
	if (!start)
		return at;
	at.line = start->line + 1;
	at.col = start->column + 1;
	if (end && end->line == start->line && end->column > start->column)
		at.width = end->column - start->column;
	return at;
}

static void
refuse_decoration(struct reader *r, struct fy_event *event, struct fy_token *anchor,
		  struct fy_token *tag)
{
	if (anchor)
		diag_add(
			r->diags, place_of(r, event),
			"anchors are not part of the scenario language; write the value out, or use "
			"'matrix' to repeat a scenario");
	if (tag)
		diag_add(
			r->diags, place_of(r, event),
			"tags are not part of the scenario language; quote the value to make it text");
}

static struct node *read_value(struct reader *r, struct fy_event *event, int depth);

static struct fy_event *
next_event(struct reader *r)
{
	struct fy_event *event = fy_parser_parse(r->parser);
	r->broken |= !event;
	return event;
}

static struct node *
read_scalar(struct reader *r, struct fy_event *event)
{
	struct node *node = node_new(NODE_TEXT, place_of(r, event));
	size_t len = 0;
	const char *text = fy_token_get_text(event->scalar.value, &len);
	node->text = mem_ndup(text ? text : "", len);
	node->quoted =
		event->scalar.value && fy_scalar_token_get_style(event->scalar.value) != FYSS_PLAIN;
	if (strlen(node->text) != len)
		diag_add(r->diags, node->at, "the text holds a NUL character");
	refuse_decoration(r, event, event->scalar.anchor, event->scalar.tag);
	return node;
}

static struct node *
read_list(struct reader *r, struct fy_event *event, int depth)
{
	AUTO(node_free) struct node *list = node_new(NODE_LIST, place_of(r, event));
	refuse_decoration(r, event, event->sequence_start.anchor, event->sequence_start.tag);
	for (;;) {
		struct fy_event *inner = next_event(r);
		if (!inner)
			return NULL;
		bool end = inner->type == FYET_SEQUENCE_END;
		struct node *item = end ? NULL : read_value(r, inner, depth);
		fy_parser_event_free(r->parser, inner);
		if (end)
			return STEAL(list);
		if (!item)
			return NULL;
		node_list_add(list, item);
	}
}

static void
add_pair(struct reader *r, struct node *map, const struct node *key, struct node *take_value)
{
	const struct pair *old = node_pair(map, key->text);
	if (strcmp(key->text, "<<") == 0)
		diag_add(r->diags, key->at, "merge keys are not part of the scenario language");
	else if (old)
		diag_add(r->diags, key->at, "duplicate key '%s'; it stands first in line %d",
			 key->text, old->at.line);
	else {
		node_map_add(map, key->text, key->at, take_value);
		return;
	}
	node_free(take_value);
}

static struct node *
read_map(struct reader *r, struct fy_event *event, int depth)
{
	AUTO(node_free) struct node *map = node_new(NODE_MAP, place_of(r, event));
	refuse_decoration(r, event, event->mapping_start.anchor, event->mapping_start.tag);
	for (;;) {
		struct fy_event *inner = next_event(r);
		if (!inner)
			return NULL;
		bool end = inner->type == FYET_MAPPING_END;
		AUTO(node_free) struct node *key = end ? NULL : read_value(r, inner, depth);
		fy_parser_event_free(r->parser, inner);
		if (end)
			return STEAL(map);
		inner = key ? next_event(r) : NULL;
		struct node *value = inner ? read_value(r, inner, depth) : NULL;
		fy_parser_event_free(r->parser, inner);
		if (!value)
			return NULL;
		if (key->type != NODE_TEXT) {
			diag_add(r->diags, key->at,
				 "a key must be a scalar; put {...} and [...] in quotes");
			node_free(value);
			continue;
		}
		add_pair(r, map, key, value);
	}
}

static struct node *
read_value(struct reader *r, struct fy_event *event, int depth)
{
	if (depth >= DEPTH_MAX || ++r->n_nodes > NODES_MAX) {
		diag_add(r->diags, place_of(r, event),
			 "nested too deeply or too large (limits: %d levels, %d values)", DEPTH_MAX,
			 NODES_MAX);
		return NULL;
	}
	switch (event->type) {
	case FYET_SCALAR:
		return read_scalar(r, event);
	case FYET_SEQUENCE_START:
		return read_list(r, event, depth + 1);
	case FYET_MAPPING_START:
		return read_map(r, event, depth + 1);
	case FYET_ALIAS:
		diag_add(
			r->diags, place_of(r, event),
			"aliases are not part of the scenario language; put '*...' in quotes if it is text");
		return node_new_text("", place_of(r, event));
	default:
		return NULL;
	}
}

// libfyaml's own findings, for input that is not YAML.
static void
add_parser_errors(struct reader *r, struct fy_diag *fyd)
{
	void *iter = NULL;
	const struct fy_diag_error *e;
	size_t before = r->diags->n;
	while ((e = fy_diag_errors_iterate(fyd, &iter))) {
		struct place at = {r->source, e->line, e->column, 1};
		if (e->line >= 1 && e->msg)
			diag_add(r->diags, at, "%s", e->msg);
	}
	if (r->diags->n == before)
		diag_add(r->diags, (struct place){r->source, 1, 1, 1}, "not a YAML file");
}

static struct node *
read_stream(struct reader *r)
{
	AUTO(node_free) struct node *root = NULL;
	int documents = 0;
	for (;;) {
		struct fy_event *event = next_event(r);
		if (!event)
			return NULL;
		enum fy_event_type type = event->type;
		if (type == FYET_DOCUMENT_START && documents++ == 1)
			diag_add(r->diags, place_of(r, event),
				 "a file holds one document; split it at '---'");
		bool value = type == FYET_SCALAR || type == FYET_SEQUENCE_START ||
			     type == FYET_MAPPING_START || type == FYET_ALIAS;
		struct node *node = value ? read_value(r, event, 0) : NULL;
		fy_parser_event_free(r->parser, event);
		if (value && !node)
			return NULL;
		if (node && !root)
			root = node;
		else
			node_free(node);
		if (type == FYET_STREAM_END)
			break;
	}
	if (!root)
		diag_add(r->diags, (struct place){r->source, 1, 1, 1}, "the file is empty");
	return STEAL(root);
}

// Number of the first line that is not UTF-8; 0 when there is none. libfyaml 0.7 does not end on
// bad bytes in a directive.
static int
bad_utf8_line(const char *text, size_t len)
{
	const char *end = text + len;
	for (int line = 1; text < end; line++) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		json_auto_t *valid =
			json_stringn(text, next ? (size_t)(next - text) : (size_t)(end - text));
		if (!valid)
			return line;
		text = next ? next + 1 : end;
	}
	return 0;
}

struct node *
yaml_read_text(struct source **source, const char *path, char *take_text, size_t len,
	       struct diags *diags)
{
	struct source *src = mem_new(sizeof(*src));
	src->path = mem_dup(path);
	src->text = take_text;
	src->len = len;
	*source = src;
	int bad_line = bad_utf8_line(take_text, len);
	if (bad_line) {
		diag_add(diags, (struct place){src, bad_line, 1, 1},
			 "not UTF-8; save the file in that encoding");
		return NULL;
	}
	struct fy_diag *fyd = fy_diag_create(NULL);
	fy_diag_set_collect_errors(fyd, true);
	const struct fy_parse_cfg cfg = {.search_path = "",
					 .flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
					 .diag = fyd};
	struct reader r = {.parser = fy_parser_create(&cfg), .source = src, .diags = diags};
	struct node *root = NULL;
	if (!r.parser || fy_parser_set_string(r.parser, src->text, len) != 0)
		r.broken = true;
	else
		root = read_stream(&r);
	if (r.broken)
		add_parser_errors(&r, fyd);
	fy_parser_destroy(r.parser);
	fy_diag_destroy(fyd);
	return root;
}

struct node *
yaml_read_file(struct source **source, const char *path, struct diags *diags)
{
	BUF_AUTO struct buf text;
	struct why why = {0};
	buf_init(&text, FILE_MAX_BYTES);
	*source = NULL;
	if (file_read(&text, path, &why) != ERR_OK) {
		diag_add(diags, (struct place){0}, "%s", why.text);
		return NULL;
	}
	size_t len = text.len;
	return yaml_read_text(source, path, buf_steal_str(&text), len, diags);
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/vars.h"

#include <ctype.h>

#include "runner/mem.h"

enum {
	NAME_MAX_CHARS = 64,
	TEXT_MAX_BYTES = 1 << 20,
};

// The next reference at or after text: *name is filled, *start and *end frame it with its braces.
static bool
next_reference(const char *text, const char **start, const char **end,
	       char name[NAME_MAX_CHARS + 1])
{
	for (const char *p = strchr(text, '{'); p; p = strchr(p + 1, '{')) {
		if (!isalpha((unsigned char)p[1]))
			continue;
		size_t n = 1;
		while (isalnum((unsigned char)p[1 + n]) || (p[1 + n] && strchr("._-", p[1 + n])))
			n++;
		if (p[1 + n] != '}' || n > NAME_MAX_CHARS)
			continue;
		memcpy(name, p + 1, n);
		name[n] = '\0';
		*start = p;
		*end = p + n + 2;
		return true;
	}
	return false;
}

bool
vars_has_reference(const char *text)
{
	const char *start, *end;
	char name[NAME_MAX_CHARS + 1];
	return next_reference(text, &start, &end, name);
}

void
vars_visit(const struct node *node,
	   void (*seen)(void *ctx, const struct node *scalar, const char *name), void *ctx)
{
	const char *start, *end;
	char name[NAME_MAX_CHARS + 1];
	if (node->type == NODE_TEXT)
		for (const char *p = node->text; next_reference(p, &start, &end, name); p = end)
			seen(ctx, node, name);
	for (size_t i = 0; i < node->n; i++)
		vars_visit(node->type == NODE_LIST ? node->items[i] : node->pairs[i].value, seen,
			   ctx);
}

// *node becomes a copy of value that stands where *node stood.
static void
become(struct node *node, const struct node *value)
{
	struct node *copy = node_clone(value);
	struct node old = *node;
	*node = *copy;
	node->at = old.at;
	*copy = old;
	node_free(copy);
}

static void
replace_inside(struct node *scalar, vars_lookup_fn *lookup, void *ctx, struct diags *diags)
{
	BUF_AUTO struct buf out;
	const char *start, *end;
	char name[NAME_MAX_CHARS + 1];
	buf_init(&out, TEXT_MAX_BYTES);
	const char *p = scalar->text;
	enum err err = buf_append_str(&out, "");
	while (err == ERR_OK && next_reference(p, &start, &end, name)) {
		const struct node *value = lookup(ctx, name);
		err = buf_append(&out, p, (size_t)(start - p));
		if (err == ERR_OK && value && value->type == NODE_TEXT)
			err = buf_append_str(&out, value->text);
		else if (err == ERR_OK)
			err = buf_append(&out, start, (size_t)(end - start));
		if (value && value->type != NODE_TEXT)
			diag_add(diags, scalar->at,
				 "{%s} is %s and does not fit inside a text; let it stand alone",
				 name, node_type_text(value->type));
		p = end;
	}
	if (err == ERR_OK)
		err = buf_append_str(&out, p);
	if (err != ERR_OK) {
		diag_add(diags, scalar->at, "the text is too long with its variables filled in");
		return;
	}
	free(scalar->text);
	scalar->text = buf_steal_str(&out);
}

void
vars_replace(struct node *node, vars_lookup_fn *lookup, void *ctx, struct diags *diags)
{
	const char *start, *end;
	char name[NAME_MAX_CHARS + 1];
	if (node->type != NODE_TEXT) {
		for (size_t i = 0; i < node->n; i++)
			vars_replace(node->type == NODE_LIST ? node->items[i]
							     : node->pairs[i].value,
				     lookup, ctx, diags);
		return;
	}
	if (!next_reference(node->text, &start, &end, name))
		return;
	const struct node *value = start == node->text && !*end ? lookup(ctx, name) : NULL;
	if (value)
		become(node, value);
	else
		replace_inside(node, lookup, ctx, diags);
}

// SPDX-License-Identifier: Apache-2.0
// Grammar (RSQL): or = and {"," and}; and = term {";" term}; term = "(" or ")" | field operator
// value; " and " and " or " do for ";" and ",". Sizes are bounded, so that a hostile query costs
// little.
#include "hawkbit/rsql.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "base/arena.h"
#include "hawkbit/target_field.h"

enum {
	NODES_MAX = 128,
	VALUES_MAX = 256,
	DEPTH_MAX = 32,
	ARENA_MAX = 64 * 1024,
};

#define RESERVED "\"'();,=!~<> \t"

enum node_type {
	NODE_AND,
	NODE_OR,
	NODE_COMPARE,
};

enum operator_type {
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_IN,
	OP_OUT,
};

// Longer spellings before their prefixes.
static const struct {
	const char *text;
	enum operator_type op;
} operators[] = {
	{"=lt=",	 OP_LT },
	   {"=le=",  OP_LE },
	    {"=gt=",  OP_GT },
	     {"=ge=",  OP_GE },
	      {"=in=",  OP_IN },
	{"=out=", OP_OUT},
	   {"=li=",  OP_EQ },
	    {"==",	   OP_EQ },
	     {"!=",    OP_NE },
	      {"<=",    OP_LE },
	{">=",    OP_GE },
	   {"<",	 OP_LT },
	    {">",	  OP_GT },
};

struct node {
	enum node_type type;
	size_t left; // indexes of nodes
	size_t right;
	const struct target_field *field;
	const char *key;
	enum operator_type op;
	size_t first_value;
	size_t n_values;
};

struct value {
	const char *text;
	int64_t number;
};

struct rsql {
	struct node nodes[NODES_MAX];
	size_t n_nodes;
	struct value values[VALUES_MAX];
	size_t n_values;
	size_t root;
	struct arena arena;
};

struct parser {
	struct rsql *q;
	const char *start;
	const char *p;
	int depth;
	struct refusal *r;
};

static enum err parse_or(struct parser *p, size_t *out);

static enum err
syntax_error(struct parser *p, const char *expected)
{
	return refuse(p->r, REFUSE_RSQL_SYNTAX, "column %zu: expected %s", p->p - p->start + 1,
		      expected);
}

static void
skip_blanks(struct parser *p)
{
	p->p += strspn(p->p, " \t");
}

static enum err
new_node(struct parser *p, struct node node, size_t *out)
{
	if (p->q->n_nodes == NODES_MAX)
		return syntax_error(p, "the end, the query is too long");
	*out = p->q->n_nodes;
	p->q->nodes[p->q->n_nodes++] = node;
	return ERR_OK;
}

// A quoted text with \ before a quote, or everything up to a reserved character.
static enum err
parse_text(struct parser *p, const char **out)
{
	char quote = *p->p;
	size_t n = 0;
	if (quote != '"' && quote != '\'') {
		n = strcspn(p->p, RESERVED);
		if (n == 0)
			return syntax_error(p, "a value");
		*out = arena_strndup(&p->q->arena, p->p, n);
		p->p += n;
		return *out ? ERR_OK : syntax_error(p, "the end, the query is too long");
	}
	char *text = arena_alloc(&p->q->arena, strlen(p->p) + 1);
	if (!text)
		return syntax_error(p, "the end, the query is too long");
	for (p->p++; *p->p && *p->p != quote; p->p++) {
		// A backslash before * stays: it is for the wildcard match.
		if (*p->p == '\\' && p->p[1] && p->p[1] != '*')
			p->p++;
		text[n++] = *p->p;
	}
	if (*p->p != quote)
		return syntax_error(p, "the closing quote");
	p->p++;
	*out = text;
	return ERR_OK;
}

static enum err
check_value(struct parser *p, const struct target_field *field, struct value *v)
{
	char *end = NULL;
	if (strcasecmp(field->name, "updateStatus") == 0 && !strchr(v->text, '*')) {
		for (enum update_status s = UPDATE_UNKNOWN; s <= UPDATE_ERROR; s++) {
			if (strcasecmp(update_status_name(s), v->text) == 0)
				return ERR_OK;
		}
		return refuse(p->r, REFUSE_RSQL_FIELD, "field {updateStatus} has no value {%.64s}",
			      v->text);
	}
	if (!field->is_number)
		return ERR_OK;
	errno = 0;
	v->number = strtoll(v->text, &end, 10);
	return end != v->text && *end == 0 && !errno ? ERR_OK
						     : syntax_error(p, "a number before this");
}

static enum err
parse_value(struct parser *p, struct node *node)
{
	if (p->q->n_values == VALUES_MAX)
		return syntax_error(p, "the end, the query is too long");
	struct value *v = &p->q->values[p->q->n_values];
	skip_blanks(p);
	TRY(parse_text(p, &v->text));
	TRY(check_value(p, node->field, v));
	p->q->n_values++;
	node->n_values++;
	return ERR_OK;
}

static enum err
parse_values(struct parser *p, struct node *node)
{
	node->first_value = p->q->n_values;
	skip_blanks(p);
	bool list = node->op == OP_IN || node->op == OP_OUT;
	if (!list)
		return parse_value(p, node);
	if (*p->p != '(')
		return syntax_error(p, "( and a list of values");
	do {
		p->p++;
		TRY(parse_value(p, node));
		skip_blanks(p);
	} while (*p->p == ',');
	if (*p->p != ')')
		return syntax_error(p, ", or ) in the list of values");
	p->p++;
	return ERR_OK;
}

static enum err
parse_comparison(struct parser *p, size_t *out)
{
	struct node node = {.type = NODE_COMPARE};
	size_t n = strcspn(p->p, RESERVED);
	if (n == 0)
		return syntax_error(p, "a field");
	const char *name = arena_strndup(&p->q->arena, p->p, n);
	if (!name)
		return syntax_error(p, "the end, the query is too long");
	node.field = target_field_find(name, &node.key);
	if (!node.field)
		return refuse(p->r, REFUSE_RSQL_FIELD,
			      "The given search parameter field {%.64s} does not exist", name);
	p->p += n;
	skip_blanks(p);
	for (size_t i = 0; i < N_ELEMENTS(operators); i++) {
		size_t length = strlen(operators[i].text);
		if (strncmp(p->p, operators[i].text, length) != 0)
			continue;
		node.op = operators[i].op;
		p->p += length;
		TRY(parse_values(p, &node));
		return new_node(p, node, out);
	}
	return syntax_error(p, "a comparison such as == or =in=");
}

static enum err
parse_term(struct parser *p, size_t *out)
{
	skip_blanks(p);
	if (*p->p != '(')
		return parse_comparison(p, out);
	if (++p->depth > DEPTH_MAX)
		return syntax_error(p, "fewer parentheses");
	p->p++;
	TRY(parse_or(p, out));
	p->depth--;
	skip_blanks(p);
	if (*p->p != ')')
		return syntax_error(p, ")");
	p->p++;
	return ERR_OK;
}

// The joint, either as a sign or as a word between blanks, is taken if it is there.
static bool
take_joint(struct parser *p, char sign, const char *word)
{
	size_t blanks = strspn(p->p, " \t");
	size_t n = strlen(word);
	const char *at = p->p + blanks;
	if (*at == sign) {
		p->p = at + 1;
		return true;
	}
	if (blanks == 0 || strncasecmp(at, word, n) != 0 || !isspace((unsigned char)at[n]))
		return false;
	p->p = at + n;
	return true;
}

static enum err
parse_and(struct parser *p, size_t *out)
{
	TRY(parse_term(p, out));
	while (take_joint(p, ';', "and")) {
		struct node node = {.type = NODE_AND, .left = *out};
		TRY(parse_term(p, &node.right));
		TRY(new_node(p, node, out));
	}
	return ERR_OK;
}

static enum err
parse_or(struct parser *p, size_t *out)
{
	TRY(parse_and(p, out));
	while (take_joint(p, ',', "or")) {
		struct node node = {.type = NODE_OR, .left = *out};
		TRY(parse_and(p, &node.right));
		TRY(new_node(p, node, out));
	}
	return ERR_OK;
}

enum err
rsql_parse(struct rsql **out, const char *query, struct refusal *r)
{
	AUTO(rsql_free) struct rsql *q = calloc(1, sizeof(*q));
	if (!q)
		return ERR_NOMEM;
	arena_init(&q->arena, ARENA_MAX);
	struct parser p = {.q = q, .start = query, .p = query, .r = r};
	TRY(parse_or(&p, &q->root));
	skip_blanks(&p);
	if (*p.p)
		return syntax_error(&p, "; or , or the end");
	*out = STEAL(q);
	return ERR_OK;
}

void
rsql_free(struct rsql *q)
{
	if (!q)
		return;
	arena_fini(&q->arena);
	free(q);
}

// Without regard to case; * stands for any text, \* for itself.
static bool
wildcard_match(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *resume = NULL;
	while (*text) {
		bool escaped = pattern[0] == '\\' && pattern[1] == '*';
		char want = escaped ? '*' : pattern[0];
		if (*pattern == '*' && !escaped) {
			star = ++pattern;
			resume = text;
		} else if (want && tolower((unsigned char)want) == tolower((unsigned char)*text)) {
			pattern += escaped ? 2 : 1;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == 0;
}

static bool
equals(const struct target_value *have, const struct value *want)
{
	if (have->is_number)
		return have->number == want->number;
	return have->text && wildcard_match(want->text, have->text);
}

static int
order(const struct target_value *have, const struct value *want)
{
	if (have->is_number)
		return have->number < want->number ? -1 : have->number > want->number;
	return strcasecmp(have->text, want->text);
}

static bool
in_values(const struct rsql *q, const struct node *node, const struct target_value *have)
{
	for (size_t i = 0; i < node->n_values; i++) {
		if (equals(have, &q->values[node->first_value + i]))
			return true;
	}
	return false;
}

static bool
compare(const struct rsql *q, const struct node *node, const struct target *t)
{
	struct target_value have = node->field->read(t, node->key);
	const struct value *want = &q->values[node->first_value];
	switch (node->op) {
	case OP_EQ:
	case OP_IN:
		return in_values(q, node, &have);
	case OP_NE:
	case OP_OUT:
		return !in_values(q, node, &have);
	default:
		break;
	}
	if (!have.is_number && !have.text)
		return false;
	int cmp = order(&have, want);
	return node->op == OP_LT   ? cmp < 0
	       : node->op == OP_LE ? cmp <= 0
	       : node->op == OP_GT ? cmp > 0
				   : cmp >= 0;
}

static bool
matches(const struct rsql *q, size_t at, const struct target *t)
{
	const struct node *node = &q->nodes[at];
	switch (node->type) {
	case NODE_AND:
		return matches(q, node->left, t) && matches(q, node->right, t);
	case NODE_OR:
		return matches(q, node->left, t) || matches(q, node->right, t);
	case NODE_COMPARE:
		break;
	}
	return compare(q, node, t);
}

bool
rsql_matches(const struct rsql *q, const struct target *t)
{
	return matches(q, q->root, t);
}

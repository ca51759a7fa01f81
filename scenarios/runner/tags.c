// SPDX-License-Identifier: Apache-2.0
#include "runner/tags.h"

#include <string.h>

enum {
	DEPTH_MAX = 32,
};

struct parser {
	const char *p;
	const char *const *tags;
	size_t n;
	struct why *why;
	int depth;
};

static size_t
word_length(struct parser *in)
{
	in->p += strspn(in->p, " \t");
	if (*in->p == '(' || *in->p == ')')
		return 1;
	return strcspn(in->p, " \t()");
}

static bool
take_word(struct parser *in, const char *word)
{
	size_t n = word_length(in);
	if (n != strlen(word) || strncmp(in->p, word, n) != 0)
		return false;
	in->p += n;
	return true;
}

static bool
has_tag(const struct parser *in, const char *word, size_t len)
{
	for (size_t i = 0; i < in->n; i++)
		if (strlen(in->tags[i]) == len && strncmp(in->tags[i], word, len) == 0)
			return true;
	return false;
}

static enum err parse_or(struct parser *in, bool *out);

static enum err
parse_one(struct parser *in, bool *out)
{
	if (++in->depth > DEPTH_MAX)
		return why_set(in->why, ERR_SYNTAX, "the tag expression is nested too deeply");
	if (take_word(in, "not")) {
		TRY(parse_one(in, out));
		*out = !*out;
		in->depth--;
		return ERR_OK;
	}
	if (take_word(in, "(")) {
		TRY(parse_or(in, out));
		if (!take_word(in, ")"))
			return why_set(in->why, ERR_SYNTAX, "the tag expression lacks a ')'");
		in->depth--;
		return ERR_OK;
	}
	size_t n = word_length(in);
	const char *word = in->p;
	if (n == 0 || *word == ')' || take_word(in, "and") || take_word(in, "or"))
		return why_set(in->why, ERR_SYNTAX, "the tag expression lacks a tag before '%s'",
			       *word ? word : "its end");
	in->p += n;
	in->depth--;
	*out = has_tag(in, word, n);
	return ERR_OK;
}

static enum err
parse_and(struct parser *in, bool *out)
{
	TRY(parse_one(in, out));
	while (take_word(in, "and")) {
		bool right = false;
		TRY(parse_one(in, &right));
		*out = *out && right;
	}
	return ERR_OK;
}

static enum err
parse_or(struct parser *in, bool *out)
{
	TRY(parse_and(in, out));
	while (take_word(in, "or")) {
		bool right = false;
		TRY(parse_and(in, &right));
		*out = *out || right;
	}
	return ERR_OK;
}

enum err
tags_match(bool *out, const char *expression, const char *const *tags, size_t n, struct why *why)
{
	struct parser in = {.p = expression, .tags = tags, .n = n, .why = why};
	*out = false;
	TRY(parse_or(&in, out));
	if (word_length(&in) != 0)
		return why_set(
			why, ERR_SYNTAX,
			"the tag expression goes on with '%s' where 'and' or 'or' was expected",
			in.p);
	return ERR_OK;
}

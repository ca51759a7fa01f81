// SPDX-License-Identifier: Apache-2.0
#include "runner/matcher.h"

#include <arpa/inet.h>
#include <regex.h>
#include <stdio.h>

#include "runner/mem.h"
#include "runner/value.h"
#include "runner/vars.h"

enum {
	SHOWN_MAX = 400,
};

struct question {
	const char *path;
	const json_t *actual;
	matcher_lookup_fn *lookup;
	void *ctx;
	char *detail; // heap; what to show as the actual value when it is not the value itself
};

void
mismatch_fini(struct mismatch *m)
{
	free(m->expected);
	free(m->actual);
	*m = (struct mismatch){0};
}

char *
matcher_show(const json_t *value)
{
	if (!value)
		return mem_dup("(absent)");
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return mem_dup("(not printable)");
	if (strlen(text) > SHOWN_MAX)
		memcpy(text + SHOWN_MAX - 3, "...", 4);
	return text;
}

static bool
is_none(const json_t *v)
{
	return !v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0) ||
	       (json_is_object(v) && json_object_size(v) == 0);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

// A number as the scenario writes it: plain, or a duration when the path is in milliseconds.
static enum err
number_for(double *out, const char *text, const char *path)
{
	uint64_t ms;
	if (ends_with(path, "_ms") && value_duration_ms(&ms, text) == ERR_OK) {
		*out = (double)ms;
		return ERR_OK;
	}
	return value_number(out, text);
}

static bool
scalar_equals(const struct node *want, const char *path, const json_t *actual)
{
	double number;
	if (!actual)
		return false;
	if (json_is_string(actual))
		return strcmp(json_string_value(actual), want->text) == 0;
	if (want->quoted)
		return false;
	if (json_is_number(actual))
		return number_for(&number, want->text, path) == ERR_OK &&
		       json_number_value(actual) == number;
	if (json_is_boolean(actual))
		return strcmp(want->text, json_is_true(actual) ? "true" : "false") == 0;
	return json_is_null(actual) && strcmp(want->text, "null") == 0;
}

static bool
value_equals(const struct node *want, const char *path, const json_t *actual)
{
	if (want->type == NODE_TEXT)
		return scalar_equals(want, path, actual);
	if (want->type == NODE_MAP || !json_is_array(actual) || json_array_size(actual) != want->n)
		return false;
	for (size_t i = 0; i < want->n; i++)
		if (!value_equals(want->items[i], path, json_array_get(actual, i)))
			return false;
	return true;
}

static bool
op_eq(struct question *q, const struct node *want)
{
	return value_equals(want, q->path, q->actual);
}

static bool
op_ne(struct question *q, const struct node *want)
{
	return q->actual && !value_equals(want, q->path, q->actual);
}

// Less than, equal, greater: -1, 0, 1; 2 when they do not compare.
static int
compare(const struct question *q, const struct node *want)
{
	double number;
	if (!json_is_number(q->actual) || number_for(&number, want->text, q->path) != ERR_OK)
		return 2;
	double actual = json_number_value(q->actual);
	return (actual > number) - (actual < number);
}

static bool
op_lt(struct question *q, const struct node *want)
{
	return compare(q, want) == -1;
}

static bool
op_lte(struct question *q, const struct node *want)
{
	return compare(q, want) <= 0;
}

static bool
op_gt(struct question *q, const struct node *want)
{
	return compare(q, want) == 1;
}

static bool
op_gte(struct question *q, const struct node *want)
{
	int order = compare(q, want);
	return order == 0 || order == 1;
}

static bool
op_matches(struct question *q, const struct node *want)
{
	regex_t regex;
	if (!json_is_string(q->actual) ||
	    regcomp(&regex, want->text, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	bool yes = regexec(&regex, json_string_value(q->actual), 0, NULL, 0) == 0;
	regfree(&regex);
	return yes;
}

static bool
op_contains(struct question *q, const struct node *want)
{
	size_t i;
	json_t *item;
	if (want->type == NODE_TEXT && json_is_string(q->actual))
		return strstr(json_string_value(q->actual), want->text) != NULL;
	if (want->type == NODE_TEXT && json_is_object(q->actual))
		return json_object_get(q->actual, want->text) != NULL;
	json_array_foreach ((json_t *)(uintptr_t)q->actual, i, item) {
		if (value_equals(want, q->path, item))
			return true;
	}
	return false;
}

struct cidr {
	uint32_t network;
	uint32_t mask;
};

static enum err
cidr_parse(struct cidr *out, const char *text)
{
	char ip[INET_ADDRSTRLEN];
	int64_t prefix;
	struct in_addr addr;
	const char *slash = strchr(text, '/');
	if (!slash || (size_t)(slash - text) >= sizeof(ip))
		return ERR_SYNTAX;
	memcpy(ip, text, (size_t)(slash - text));
	ip[slash - text] = '\0';
	TRY(value_int(&prefix, slash + 1));
	if (inet_pton(AF_INET, ip, &addr) != 1 || prefix < 0 || prefix > 32)
		return ERR_SYNTAX;
	out->mask = prefix ? UINT32_MAX << (32 - prefix) : 0;
	out->network = ntohl(addr.s_addr) & out->mask;
	return ERR_OK;
}

static bool
op_in(struct question *q, const struct node *want)
{
	struct cidr cidr;
	struct in_addr addr;
	if (want->type == NODE_LIST) {
		for (size_t i = 0; i < want->n; i++)
			if (value_equals(want->items[i], q->path, q->actual))
				return true;
		return false;
	}
	return cidr_parse(&cidr, want->text) == ERR_OK && json_is_string(q->actual) &&
	       inet_pton(AF_INET, json_string_value(q->actual), &addr) == 1 &&
	       (ntohl(addr.s_addr) & cidr.mask) == cidr.network;
}

static bool
op_same_as(struct question *q, const struct node *want)
{
	const json_t *other = q->lookup ? q->lookup(q->ctx, want->text) : NULL;
	if (q->actual && other && json_equal(q->actual, other))
		return true;
	AUTO(free) char *mine = matcher_show(q->actual);
	AUTO(free) char *theirs = matcher_show(other);
	free(q->detail);
	q->detail = mem_printf("%s, where %s is %s", mine, want->text, theirs);
	return false;
}

static bool
op_length(struct question *q, const struct node *want)
{
	const json_t *v = q->actual;
	if (!json_is_string(v) && !json_is_array(v) && !json_is_object(v))
		return false;
	size_t n = json_is_string(v)  ? json_string_length(v)
		   : json_is_array(v) ? json_array_size(v)
				      : json_object_size(v);
	json_t *length = json_integer((json_int_t)n);
	struct mismatch ignored = {0};
	bool yes = matcher_eval(want, "length", length, q->lookup, q->ctx, &ignored);
	mismatch_fini(&ignored);
	json_decref(length);
	if (!yes) {
		free(q->detail);
		AUTO(free) char *shown = matcher_show(v);
		q->detail = mem_printf("length %zu: %s", n, shown);
	}
	return yes;
}

// --- well-formedness, per operand ---

static void
check_any(const struct node *want, struct diags *diags)
{
	(void)want;
	(void)diags;
}

static bool
still_open(const struct node *want)
{
	return want->type == NODE_TEXT && vars_has_reference(want->text);
}

static void
check_number(const struct node *want, struct diags *diags)
{
	double number;
	uint64_t ms;
	if (want->type != NODE_TEXT)
		diag_add(diags, want->at, "expected a number or a duration, not %s",
			 node_type_text(want->type));
	else if (!still_open(want) && value_number(&number, want->text) != ERR_OK &&
		 value_duration_ms(&ms, want->text) != ERR_OK)
		diag_add(diags, want->at,
			 "'%s' is neither a number nor a duration such as 200ms or 5s", want->text);
}

static void
check_regex(const struct node *want, struct diags *diags)
{
	regex_t regex;
	char text[128];
	if (want->type != NODE_TEXT) {
		diag_add(diags, want->at, "expected a regular expression, not %s",
			 node_type_text(want->type));
		return;
	}
	int rc = regcomp(&regex, want->text, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		regfree(&regex);
		return;
	}
	regerror(rc, &regex, text, sizeof(text));
	diag_add(diags, want->at, "not a POSIX extended regular expression: %s", text);
}

static void
check_text(const struct node *want, struct diags *diags)
{
	if (want->type != NODE_TEXT || !*want->text)
		diag_add(diags, want->at, "expected a path such as csr.pubkey_sha256");
}

static void
check_in(const struct node *want, struct diags *diags)
{
	struct cidr cidr;
	if (want->type == NODE_MAP || (want->type == NODE_TEXT && !still_open(want) &&
				       cidr_parse(&cidr, want->text) != ERR_OK))
		diag_add(diags, want->at,
			 "expected an IPv4 network such as 10.8.0.0/24, or a list of values");
}

struct op {
	const char *name;
	bool (*holds)(struct question *q, const struct node *want);
	void (*check)(const struct node *want, struct diags *diags);
};

static const struct op ops[] = {
	{"eq",       op_eq,	      check_any    },
	{"ne",       op_ne,	      check_any    },
	{"lt",       op_lt,	      check_number },
	{"lte",	op_lte,	check_number },
	{"gt",       op_gt,	      check_number },
	{"gte",	op_gte,	check_number },
	{"matches",  op_matches,	check_regex  },
	{"contains", op_contains, check_any	   },
	{"in",       op_in,	      check_in     },
	{"same-as",  op_same_as,	check_text	  },
	{"length",   op_length,   matcher_check},
};

static const struct op *
op_find(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(ops); i++)
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	return NULL;
}

void
matcher_check(const struct node *matcher, struct diags *diags)
{
	const char *names[N_ELEMENTS(ops)];
	for (size_t i = 0; i < N_ELEMENTS(ops); i++)
		names[i] = ops[i].name;
	if (matcher->type != NODE_MAP)
		return;
	if (matcher->n == 0)
		diag_add(diags, matcher->at,
			 "an empty matcher; to say that nothing is there write 'none'");
	for (size_t i = 0; i < matcher->n; i++) {
		const struct pair *pair = &matcher->pairs[i];
		const struct op *op = op_find(pair->key);
		if (op) {
			op->check(pair->value, diags);
			continue;
		}
		AUTO(free) char *hint = diag_hint(pair->key, names, N_ELEMENTS(names));
		diag_add(diags, pair->at, "unknown matcher '%s'%s", pair->key, hint);
	}
}

static bool
word_is(const struct node *matcher, const char *word)
{
	return matcher->type == NODE_TEXT && !matcher->quoted && strcmp(matcher->text, word) == 0;
}

static char *
show_wanted(const struct node *matcher)
{
	if (matcher->type == NODE_TEXT && !matcher->quoted)
		return mem_dup(matcher->text);
	json_t *json = node_to_json(matcher);
	char *text = matcher_show(json);
	json_decref(json);
	return text;
}

static bool
all_hold(const struct node *matcher, struct question *q, struct mismatch *out)
{
	for (size_t i = 0; i < matcher->n; i++) {
		const struct op *op = op_find(matcher->pairs[i].key);
		const struct node *want = matcher->pairs[i].value;
		if (op && op->holds(q, want))
			continue;
		AUTO(free) char *wanted = show_wanted(want);
		out->expected = mem_printf("%s %s", matcher->pairs[i].key, wanted);
		return false;
	}
	return true;
}

bool
matcher_eval(const struct node *matcher, const char *path, const json_t *actual,
	     matcher_lookup_fn *lookup, void *ctx, struct mismatch *out)
{
	struct question q = {path, actual, lookup, ctx, NULL};
	bool yes;
	if (word_is(matcher, "exists"))
		yes = actual != NULL && !json_is_null(actual);
	else if (word_is(matcher, "absent"))
		yes = actual == NULL;
	else if (word_is(matcher, "none"))
		yes = is_none(actual);
	else if (matcher->type == NODE_MAP)
		yes = all_hold(matcher, &q, out);
	else
		yes = value_equals(matcher, path, actual);
	if (!yes) {
		if (!out->expected)
			out->expected = show_wanted(matcher);
		out->actual = q.detail ? STEAL(q.detail) : matcher_show(actual);
	}
	free(q.detail);
	return yes;
}

// SPDX-License-Identifier: Apache-2.0
// Reads a fault's JSON form. Strict: a misspelt fault that silently never fires would make a test
// pass for the wrong reason, so whatever is unknown is refused with a list of what is known.
#include "common/fault_row.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"

#define DELAY_MAX_MS (24 * 3600 * 1000)

static const char *const kind_names[] = {"status", "delay_ms", "reset",	  "close",
					 "hang",   "drop",     "semantic"};

const char *
fault_kind_name(enum fault_kind kind)
{
	return kind_names[__builtin_ctz((unsigned)kind)];
}

// "a, b, c" into out; cut with the buffer.
static void
list_append(char *out, size_t size, const char *name)
{
	size_t n = strlen(out);
	snprintf(out + n, size - n, "%s%s", n ? ", " : "", name);
}

static enum err
refuse_key(const char *where, const char *key, const char *const *known, struct why *why)
{
	char list[384] = "";
	for (; *known; known++)
		list_append(list, sizeof(list), *known);
	return why_set(why, ERR_INPUT, "unknown field \"%.60s\" in %s; known are: %s", key, where,
		       list);
}

// known ends with NULL.
static enum err
check_keys(json_t *object, const char *where, const char *const *known, struct why *why)
{
	const char *key;
	json_t *value;
	json_object_foreach (object, key, value) {
		const char *const *k = known;
		while (*k && strcmp(*k, key) != 0)
			k++;
		if (!*k)
			return refuse_key(where, key, known, why);
	}
	return ERR_OK;
}

static const struct fault_term *
find_term(const struct fault_term *terms, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(terms[i].name, name) == 0)
			return &terms[i];
	}
	return NULL;
}

static enum err
refuse_term(const char *what, const char *got, const struct fault_term *terms, size_t n,
	    struct why *why)
{
	char list[384] = "";
	for (size_t i = 0; i < n; i++)
		list_append(list, sizeof(list), terms[i].name);
	return why_set(why, ERR_INPUT, "unknown %s \"%.60s\"; this mock knows: %s", what, got,
		       n ? list : "none");
}

// A copy of an optional string member; *out stays NULL when it is absent.
static enum err
take_string(char **out, const json_t *object, const char *key, struct why *why)
{
	const json_t *value = json_object_get(object, key);
	if (!value)
		return ERR_OK;
	if (!json_is_string(value) || json_string_length(value) == 0)
		return why_set(why, ERR_INPUT, "\"%s\" must be a string that is not empty", key);
	*out = strdup(json_string_value(value));
	return *out ? ERR_OK : why_set(why, ERR_NOMEM, "out of memory");
}

static enum err
parse_place(struct fault_row *row, const json_t *json, const struct fault_vocabulary *v,
	    struct why *why)
{
	TRY(take_string(&row->name, json, "name", why));
	if (row->name && !device_id_is_valid(row->name))
		return why_set(
			why, ERR_INPUT,
			"\"name\" must be 1 to %d letters and digits, with . _ - between them",
			DEVICE_ID_MAX);
	TRY(take_string(&row->device, json, "device", why));
	TRY(take_string(&row->on, json, "on", why));
	if (row->on && !find_term(v->on, v->n_on, row->on))
		return refuse_term("\"on\"", row->on, v->on, v->n_on, why);
	const json_t *phase = json_object_get(json, "phase");
	const char *name = phase ? json_string_value(phase) : "request";
	if (name && strcmp(name, "request") == 0)
		row->phase = FAULT_REQUEST;
	else if (name && strcmp(name, "effect") == 0)
		row->phase = FAULT_EFFECT;
	else
		return why_set(why, ERR_INPUT,
			       "\"phase\" must be \"request\" (before the mock acts) or \"effect\" "
			       "(it acted, the answer is missing)");
	return ERR_OK;
}

static enum err
parse_count(struct fault_row *row, const json_t *value, enum when_kind kind, const char *key,
	    struct why *why)
{
	if (!json_is_integer(value) || json_integer_value(value) < 1)
		return why_set(why, ERR_INPUT, "\"when\".\"%s\" must be an integer from 1", key);
	row->when = kind;
	row->when_n = (uint64_t)json_integer_value(value);
	return ERR_OK;
}

static enum err
parse_when(struct fault_row *row, json_t *when, struct why *why)
{
	static const char *const keys[] = {"nth", "first", "every", "probability", NULL};
	if (!when)
		return ERR_OK;
	if (!json_is_object(when) || json_object_size(when) != 1)
		return why_set(why, ERR_INPUT,
			       "\"when\" must be an object with exactly one of nth, first, every, "
			       "probability");
	TRY(check_keys(when, "\"when\"", keys, why));
	row->json_when = json_incref(when);
	const json_t *value;
	if ((value = json_object_get(when, "nth")))
		return parse_count(row, value, WHEN_NTH, "nth", why);
	if ((value = json_object_get(when, "first")))
		return parse_count(row, value, WHEN_FIRST, "first", why);
	if ((value = json_object_get(when, "every")))
		return parse_count(row, value, WHEN_EVERY, "every", why);
	value = json_object_get(when, "probability");
	row->when = WHEN_PROBABILITY;
	row->when_p = json_number_value(value);
	if (!json_is_number(value) || !(row->when_p >= 0 && row->when_p <= 1))
		return why_set(why, ERR_INPUT, "\"when\".\"probability\" must be from 0 to 1");
	return ERR_OK;
}

static enum err
parse_status(struct fault_row *row, json_t *json, const struct fault_vocabulary *v, struct why *why)
{
	static const char *const keys[] = {"status", "body", "content_type", NULL};
	TRY(check_keys(json, "\"do\"", keys, why));
	const json_t *status = json_object_get(json, "status");
	json_int_t n = json_integer_value(status);
	if (!json_is_integer(status) || n < v->status_min || n > v->status_max)
		return why_set(why, ERR_INPUT, "\"status\" must be an integer from %d to %d",
			       v->status_min, v->status_max);
	row->fault.status = (int)n;
	TRY(take_string(&row->content_type, json, "content_type", why));
	const json_t *body = json_object_get(json, "body");
	if (!body)
		return ERR_OK;
	const char *type = "text/plain";
	if (json_is_string(body)) {
		row->body = strdup(json_string_value(body));
	} else {
		row->body = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
		type = "application/json";
	}
	if (!row->content_type)
		row->content_type = strdup(type);
	return row->body && row->content_type ? ERR_OK : why_set(why, ERR_NOMEM, "out of memory");
}

static enum err
parse_delay(struct fault_row *row, json_t *json, const struct fault_vocabulary *v, struct why *why)
{
	static const char *const keys[] = {"delay_ms", NULL};
	static const char *const range_keys[] = {"min", "max", NULL};
	(void)v;
	TRY(check_keys(json, "\"do\"", keys, why));
	json_t *delay = json_object_get(json, "delay_ms");
	const json_t *min = delay;
	const json_t *max = delay;
	if (json_is_object(delay)) {
		TRY(check_keys(delay, "\"delay_ms\"", range_keys, why));
		min = json_object_get(delay, "min");
		max = json_object_get(delay, "max");
	}
	if (!json_is_integer(min) || !json_is_integer(max) || json_integer_value(min) < 0 ||
	    json_integer_value(max) > DELAY_MAX_MS ||
	    json_integer_value(min) > json_integer_value(max))
		return why_set(why, ERR_INPUT,
			       "\"delay_ms\" must be an integer from 0 to %d, or "
			       "{\"min\":a,\"max\":b} with a <= b",
			       DELAY_MAX_MS);
	row->delay_min_ms = (uint64_t)json_integer_value(min);
	row->delay_max_ms = (uint64_t)json_integer_value(max);
	return ERR_OK;
}

// {"reset":true} and its like.
static enum err
parse_flag(struct fault_row *row, json_t *json, const struct fault_vocabulary *v, struct why *why)
{
	const char *name = fault_kind_name(row->fault.kind);
	const char *keys[] = {name, NULL};
	(void)v;
	TRY(check_keys(json, "\"do\"", keys, why));
	if (!json_is_true(json_object_get(json, name)))
		return why_set(why, ERR_INPUT, "\"%s\" must be true", name);
	return ERR_OK;
}

static enum err
parse_semantic(struct fault_row *row, json_t *json, const struct fault_vocabulary *v,
	       struct why *why)
{
	const char *name = json_string_value(json_object_get(json, "semantic"));
	const struct fault_term *term = name ? find_term(v->semantic, v->n_semantic, name) : NULL;
	if (!term)
		return refuse_term("semantic fault", name ? name : "(not a string)", v->semantic,
				   v->n_semantic, why);
	row->fault.semantic = term->name;
	return ERR_OK;
}

typedef enum err parse_do_fn(struct fault_row *row, json_t *json, const struct fault_vocabulary *v,
			     struct why *why);

static const struct {
	enum fault_kind kind;
	parse_do_fn *parse;
} actions[] = {
	// First, because a semantic fault may carry any setting of its own.
	{FAULT_SEMANTIC, parse_semantic},
	  {FAULT_STATUS,	 parse_status  },
	{FAULT_DELAY,    parse_delay	 },
	{FAULT_RESET,    parse_flag	},
	  {FAULT_CLOSE,	parse_flag	  },
	{FAULT_HANG,     parse_flag    },
	{FAULT_DROP,     parse_flag    },
};

static enum err
parse_do(struct fault_row *row, json_t *json, const struct fault_vocabulary *v, struct why *why)
{
	char known[128] = "";
	for (size_t i = 0; i < N_ELEMENTS(actions); i++) {
		const char *name = fault_kind_name(actions[i].kind);
		if (!(v->kinds & actions[i].kind))
			continue;
		list_append(known, sizeof(known), name);
		if (json_object_get(json, name)) {
			row->fault.kind = actions[i].kind;
			row->json_do = json_incref(json);
			return actions[i].parse(row, json, v, why);
		}
	}
	return why_set(why, ERR_INPUT, "\"do\" must be an object with exactly one of: %s", known);
}

enum err
fault_row_parse(struct fault_row **out, json_t *json, const struct fault_vocabulary *v,
		struct why *why)
{
	static const char *const keys[] = {"name", "on", "device", "phase", "when", "do", NULL};
	if (!json_is_object(json))
		return why_set(why, ERR_INPUT, "a fault must be a JSON object");
	TRY(check_keys(json, "the fault", keys, why));
	AUTO(fault_row_free) struct fault_row *row = calloc(1, sizeof(*row));
	if (!row)
		return why_set(why, ERR_NOMEM, "out of memory");
	TRY(parse_place(row, json, v, why));
	TRY(parse_when(row, json_object_get(json, "when"), why));
	TRY(parse_do(row, json_object_get(json, "do"), v, why));
	row->fault.body = row->body;
	row->fault.content_type = row->content_type;
	row->fault.params = row->json_do;
	*out = STEAL(row);
	return ERR_OK;
}

void
fault_row_free(struct fault_row *row)
{
	if (!row)
		return;
	free(row->name);
	free(row->on);
	free(row->device);
	free(row->body);
	free(row->content_type);
	json_decref(row->json_when);
	json_decref(row->json_do);
	free(row);
}

// SPDX-License-Identifier: Apache-2.0
// Attributes and latest telemetry (contracts/thingsboard.md 3). Most errors here are plain text.
#include "thingsboard/rest.h"

#include <string.h>

#include "thingsboard/payload.h"

static const char *const scope_names[SCOPES] = {
	[SCOPE_CLIENT] = "CLIENT_SCOPE",
	[SCOPE_SERVER] = "SERVER_SCOPE",
	[SCOPE_SHARED] = "SHARED_SCOPE",
};

struct target {
	struct device *device;
	enum scope scope; // SCOPES: none was named
};

static bool
scope_parse(enum scope *out, const char *name)
{
	for (int i = 0; i < SCOPES; i++) {
		if (strcmp(scope_names[i], name) == 0) {
			*out = (enum scope)i;
			return true;
		}
	}
	return false;
}

// What can be told without the device: JSON errors. False: answered.
static bool
check_path(struct http_req *req, struct target *t)
{
	const char *type = http_req_param(req, "entityType");
	const char *id = http_req_param(req, "entityId");
	const char *scope = http_req_param(req, "scope");
	t->scope = SCOPES;
	if (type && strcmp(type, "DEVICE") != 0)
		rest_error(req, 400, CODE_BAD_REQUEST, "No enum constant EntityType.%.60s", type);
	else if (!uuid_is_valid(id))
		rest_error(req, 400, CODE_BAD_REQUEST, "Invalid UUID string: %.100s", id);
	else if (scope && strcmp(scope, "ANY") != 0 && !scope_parse(&t->scope, scope))
		rest_error(req, 400, CODE_BAD_REQUEST, "Failed to convert '%.60s' to a scope",
			   scope);
	else
		return true;
	return false;
}

// False: answered.
static bool
find_device(struct http_req *req, struct rest *r, struct target *t)
{
	t->device = devices_by_id(r->devices, http_req_param(req, "entityId"));
	if (!t->device)
		rest_text(req, 404, "Device with requested id wasn't found!");
	return t->device;
}

static bool
find_target(struct http_req *req, struct rest *r, struct target *t)
{
	return check_path(req, t) && find_device(req, r, t);
}

// --- attributes: save ---

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

// The text of the 400, or NULL when the body is good.
static const char *
check_attributes(const json_t *json, enum scope scope)
{
	if (scope != SCOPE_SERVER && scope != SCOPE_SHARED)
		return "Invalid scope: CLIENT_SCOPE";
	if (!json)
		return "Invalid JSON";
	if (!json_is_object(json))
		return "Request is not a JSON object";
	size_t n = 0;
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)json, key, value) {
		if (is_blank(key))
			return "Key cannot be blank";
		n += !json_is_null(value);
	}
	return n ? NULL : "No attributes data found in request body!";
}

static enum err
save_attributes(struct values *into, json_t *json)
{
	const char *key;
	json_t *value;
	json_object_foreach (json, key, value)
		if (!json_is_null(value))
			TRY(values_set(into, key, json_incref(value), rest_now_ms()));
	return ERR_OK;
}

static void
push(struct device *device, json_t *take_message)
{
	json_auto_t *message = take_message;
	AUTO(free) char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	if (text)
		broker_push_attributes(device, BYTES_STR(text));
}

void
rest_attributes_save(struct http_req *req, struct rest *r)
{
	struct target t;
	if (!check_path(req, &t))
		return;
	struct bytes body = http_req_body(req);
	json_auto_t *json = json_loadb((const char *)body.p, body.n, JSON_DECODE_ANY, NULL);
	const char *problem = check_attributes(json, t.scope);
	if (problem) {
		rest_text(req, 400, problem);
		return;
	}
	if (!find_device(req, r, &t))
		return;
	if (save_attributes(&t.device->attributes[t.scope], json) != ERR_OK) {
		rest_text(req, 500, "Too many attributes");
		return;
	}
	if (t.scope == SCOPE_SHARED)
		push(t.device, json_incref(json));
	rest_done(req);
}

// --- attributes: read, delete ---

struct listing {
	const struct values *from;
	json_t *into;
};

static void
list_value(const struct value *value, json_t *into)
{
	json_array_append_new(into,
			      json_pack("{s:I, s:s, s:O}", "lastUpdateTs", (json_int_t)value->ts_ms,
					"key", value->key, "value", value->json));
}

static void
list_key(const char *key, void *ctx)
{
	const struct listing *listing = ctx;
	const struct value *value = values_find(listing->from, key);
	if (value)
		list_value(value, listing->into);
}

static void
list_scope(struct http_req *req, const struct values *from, json_t *into)
{
	const char *keys = http_req_query(req, "keys");
	if (keys && *keys) {
		enum err err = payload_each_key(keys, list_key, &(struct listing){from, into});
		(void)err; // out of memory: the list is short
		return;
	}
	for (size_t i = 0; i < from->n; i++)
		list_value(&from->items[i], into);
}

static bool
scope_is_wanted(const struct target *t, int scope)
{
	return t->scope == SCOPES || (int)t->scope == scope;
}

void
rest_attributes_get(struct http_req *req, struct rest *r)
{
	struct target t;
	if (!find_target(req, r, &t))
		return;
	json_t *list = json_array();
	for (int i = 0; i < SCOPES; i++)
		if (scope_is_wanted(&t, i))
			list_scope(req, &t.device->attributes[i], list);
	http_reply_json(req, 200, list);
}

static void
list_keys(json_t *into, const struct values *from)
{
	for (size_t i = 0; i < from->n; i++)
		json_array_append_new(into, json_string(from->items[i].key));
}

void
rest_attributes_keys(struct http_req *req, struct rest *r)
{
	struct target t;
	if (!find_target(req, r, &t))
		return;
	json_t *list = json_array();
	for (int i = 0; i < SCOPES; i++)
		if (scope_is_wanted(&t, i))
			list_keys(list, &t.device->attributes[i]);
	http_reply_json(req, 200, list);
}

struct deletion {
	struct values *from;
	json_t *deleted;
};

static void
delete_key(const char *key, void *ctx)
{
	const struct deletion *deletion = ctx;
	if (values_delete(deletion->from, key))
		json_array_append_new(deletion->deleted, json_string(key));
}

void
rest_attributes_delete(struct http_req *req, struct rest *r)
{
	struct target t;
	if (!check_path(req, &t))
		return;
	const char *keys = http_req_query(req, "keys");
	if (!keys || !*keys) {
		rest_text(req, 400, "Empty keys: ");
		return;
	}
	if (t.scope == SCOPES) {
		rest_text(req, 400, "Invalid scope: ANY");
		return;
	}
	if (!find_device(req, r, &t))
		return;
	json_auto_t *deleted = json_array();
	struct deletion deletion = {&t.device->attributes[t.scope], deleted};
	if (payload_each_key(keys, delete_key, &deletion) != ERR_OK) {
		rest_text(req, 500, "Out of memory");
		return;
	}
	if (t.scope == SCOPE_SHARED && json_array_size(deleted))
		push(t.device, json_pack("{s:O}", "deleted", deleted));
	rest_done(req);
}

// --- telemetry ---

struct series {
	const struct values *from;
	json_t *into;
	bool strict;
	json_int_t start;
	json_int_t end;
};

// Values are texts unless the caller asks for types.
static json_t *
series_value(const json_t *json, bool strict)
{
	if (strict || json_is_string(json) || json_is_null(json))
		return json_incref((json_t *)(uintptr_t)json);
	AUTO(free)
	char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
	return text ? json_string(text) : json_null();
}

static void
series_key(const char *key, void *ctx)
{
	const struct series *s = ctx;
	const struct value *value = values_find(s->from, key);
	bool in_range = value && value->ts_ms >= s->start && value->ts_ms < s->end;
	json_t *points = json_array();
	if (in_range)
		json_array_append_new(points,
				      json_pack("{s:I, s:o}", "ts", (json_int_t)value->ts_ms,
						"value", series_value(value->json, s->strict)));
	else if (s->end == INT64_MAX)
		json_array_append_new(
			points, json_pack("{s:I, s:n}", "ts", (json_int_t)rest_now_ms(), "value"));
	// A range in which nothing lies has no member at all.
	if (json_array_size(points))
		json_object_set(s->into, key, points);
	json_decref(points);
}

static json_int_t
query_ms(struct http_req *req, const char *name, json_int_t fallback)
{
	const char *text = http_req_query(req, name);
	return text && *text ? strtoll(text, NULL, 10) : fallback;
}

// Only the latest value of each key is kept, so a range holds one point at most.
void
rest_timeseries_get(struct http_req *req, struct rest *r)
{
	struct target t;
	if (!find_target(req, r, &t))
		return;
	const char *strict = http_req_query(req, "useStrictDataTypes");
	const char *keys = http_req_query(req, "keys");
	struct series series = {
		.from = &t.device->telemetry,
		.into = json_object(),
		.strict = strict && strcmp(strict, "true") == 0,
		.start = query_ms(req, "startTs", INT64_MIN),
		.end = query_ms(req, "endTs", INT64_MAX),
	};
	if (keys && *keys) {
		enum err err = payload_each_key(keys, series_key, &series);
		(void)err; // out of memory: the answer is short
	} else {
		for (size_t i = 0; i < series.from->n; i++)
			series_key(series.from->items[i].key, &series);
	}
	http_reply_json(req, 200, series.into);
}

void
rest_timeseries_keys(struct http_req *req, struct rest *r)
{
	struct target t;
	if (!find_target(req, r, &t))
		return;
	json_t *list = json_array();
	list_keys(list, &t.device->telemetry);
	http_reply_json(req, 200, list);
}

void
rest_timeseries_save(struct http_req *req, struct rest *r)
{
	struct target t;
	if (!find_target(req, r, &t))
		return;
	size_t entries;
	enum err err = payload_telemetry(&t.device->telemetry, http_req_body(req), rest_now_ms(),
					 &entries);
	if (err == ERR_OK || err == ERR_EXHAUSTED)
		rest_done(req);
	else
		rest_text(req, 400, "Unable to parse timeseries payload: Invalid JSON body!");
}

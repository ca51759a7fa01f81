// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/payload.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "thingsboard/gson.h"

// Apache Commons' NumberUtils.isParsable: a minus, digits, one point with digits behind it.
static bool
looks_numeric(const char *text, bool *has_point)
{
	*has_point = false;
	if (*text == '-')
		text++;
	if (!*text || text[strlen(text) - 1] == '.')
		return false;
	for (; *text; text++) {
		if (*text == '.' && !*has_point)
			*has_point = true;
		else if (!isdigit((unsigned char)*text))
			return false;
	}
	return true;
}

json_t *
payload_number(const char *text)
{
	bool has_point;
	if (!looks_numeric(text, &has_point))
		return NULL;
	errno = 0;
	if (has_point)
		return json_real(strtod(text, NULL));
	long long number = strtoll(text, NULL, 10);
	return errno ? NULL : json_integer(number);
}

static enum err
store(struct values *into, const char *key, json_t *json, int64_t ts_ms)
{
	if (json_is_null(json))
		return ERR_OK;
	json_t *number = json_is_string(json) ? payload_number(json_string_value(json)) : NULL;
	return values_set(into, key, number ? number : json_incref(json), ts_ms);
}

static enum err
store_all(struct values *into, json_t *object, int64_t ts_ms)
{
	const char *key;
	json_t *json;
	json_object_foreach (object, key, json)
		TRY(store(into, key, json, ts_ms));
	return ERR_OK;
}

static enum err
store_entry(struct values *into, json_t *entry, int64_t now_ms)
{
	if (!json_is_object(entry))
		return ERR_SYNTAX;
	json_t *ts = json_object_get(entry, "ts");
	json_t *object = json_object_get(entry, "values");
	if (!ts || !object)
		return store_all(into, entry, now_ms);
	if (!json_is_integer(ts) || !json_is_object(object))
		return ERR_SYNTAX;
	return store_all(into, object, json_integer_value(ts));
}

enum err
payload_telemetry(struct values *into, struct bytes payload, int64_t now_ms, size_t *n_entries)
{
	json_auto_t *json = NULL;
	TRY(gson_parse(&json, payload));
	if (!json_is_array(json)) {
		*n_entries = 1;
		return store_entry(into, json, now_ms);
	}
	*n_entries = json_array_size(json);
	size_t i;
	json_t *entry;
	// All or nothing: an array with one bad entry is a bad payload.
	json_array_foreach (json, i, entry)
		if (!json_is_object(entry))
			return ERR_SYNTAX;
	json_array_foreach (json, i, entry)
		TRY(store_entry(into, entry, now_ms));
	return ERR_OK;
}

enum err
payload_attributes(struct values *into, struct bytes payload, int64_t now_ms)
{
	json_auto_t *json = NULL;
	TRY(gson_parse(&json, payload));
	return json_is_object(json) ? store_all(into, json, now_ms) : ERR_SYNTAX;
}

enum err
payload_each_key(const char *list, void (*each)(const char *item, void *ctx), void *ctx)
{
	AUTO(free) char *copy = strdup(list);
	if (!copy)
		return ERR_NOMEM;
	char *rest = copy;
	char *item;
	while ((item = strsep(&rest, ","))) {
		while (isspace((unsigned char)*item))
			item++;
		size_t n = strlen(item);
		while (n && isspace((unsigned char)item[n - 1]))
			item[--n] = '\0';
		if (n)
			each(item, ctx);
	}
	return ERR_OK;
}

struct pick {
	const struct values *from;
	json_t *into;
};

static void
pick_key(const char *key, void *ctx)
{
	struct pick *pick = ctx;
	const struct value *value = values_find(pick->from, key);
	if (value)
		json_object_set(pick->into, key, value->json);
}

// No key lists at all asks for everything (JsonMqttAdaptor: empty sets).
static enum err
put_group(json_t *reply, const char *group, json_t *request, const char *list_name,
	  const struct values *from)
{
	json_t *list = json_object_get(request, list_name);
	json_auto_t *picked = NULL;
	if (list) {
		if (!json_is_string(list))
			return ERR_SYNTAX;
		picked = json_object();
		TRY(payload_each_key(json_string_value(list), pick_key,
				     &(struct pick){from, picked}));
	} else if (json_object_size(request) == 0) {
		picked = values_to_json(from);
	}
	if (json_object_size(picked))
		json_object_set(reply, group, picked);
	return ERR_OK;
}

enum err
payload_attributes_request(json_t **out, struct bytes payload, const struct values *client,
			   const struct values *shared)
{
	json_auto_t *request = NULL;
	TRY(gson_parse(&request, payload));
	if (!json_is_object(request))
		return ERR_SYNTAX;
	json_auto_t *reply = json_object();
	TRY(put_group(reply, "client", request, "clientKeys", client));
	TRY(put_group(reply, "shared", request, "sharedKeys", shared));
	*out = STEAL(reply);
	return ERR_OK;
}

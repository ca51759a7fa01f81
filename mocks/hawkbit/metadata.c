// SPDX-License-Identifier: Apache-2.0
// Metadata of a target: key and value that operators keep beside it (contracts/hawkbit.md 2.2).
#include "hawkbit/mgmt.h"
#include "hawkbit/target_input.h"

enum {
	KEY_MAX_UNITS = 128,
	VALUE_MAX_UNITS = 4000,
	PER_TARGET_MAX = 100,
};

static json_t *
entry_to_json(const char *key, const json_t *value)
{
	return json_pack("{s:s, s:O}", "key", key, "value", value);
}

static json_t *
entries_to_json(json_t *metadata)
{
	json_t *list = json_array();
	const char *key;
	json_t *value;
	json_object_foreach (metadata, key, value) {
		json_array_append_new(list, entry_to_json(key, value));
	}
	return list;
}

void
metadata_list(struct hawkbit *h, struct http_req *req)
{
	const struct target *t = mgmt_target_of(h, req);
	if (!t)
		return;
	json_int_t n = (json_int_t)json_object_size(t->metadata);
	reply_hal(req, 200,
		  json_pack("{s:o, s:I, s:I}", "content", entries_to_json(t->metadata), "total", n,
			    "size", n));
}

static enum err
check_text(const char *field, const json_t *value, size_t min, size_t max, struct refusal *r)
{
	if (!value || json_is_null(value))
		return refuse(r, REFUSE_CONSTRAINT, "%s must not be null.", field);
	if (!json_is_string(value))
		return refuse(r, REFUSE_NOT_READABLE, "%s", "");
	size_t n = utf16_length(json_string_value(value));
	if (n < min || n > max)
		return refuse(r, REFUSE_CONSTRAINT, "%s size must be between %zu and %zu.", field,
			      min, max);
	return ERR_OK;
}

// The quota's words are hawkBit's own, with what would be too many.
static enum err
check_quota(const struct target *t, size_t n_new, struct refusal *r)
{
	if (json_object_size(t->metadata) + n_new <= PER_TARGET_MAX)
		return ERR_OK;
	return refuse(
		r, REFUSE_QUOTA,
		"Quota exceeded: Cannot assign %zu more Metadata entities to Target '%s'. The "
		"maximum is %d.",
		n_new, t->controller_id, PER_TARGET_MAX);
}

// Checks every entry of the array before any is kept; *out gets {key: value}.
static enum err
collect(const struct target *t, const json_t *array, json_t *out, struct refusal *r)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *entry = json_array_get(array, i);
		if (!json_is_object(entry))
			return refuse(r, REFUSE_NOT_READABLE, "%s", "");
		const json_t *key = json_object_get(entry, "key");
		json_t *value = json_object_get(entry, "value");
		TRY(check_text("key", key, 1, KEY_MAX_UNITS, r));
		TRY(check_text("value", value, 0, VALUE_MAX_UNITS, r));
		const char *name = json_string_value(key);
		if (json_object_get(t->metadata, name) || json_object_get(out, name))
			return refuse(r, REFUSE_EXISTS, "%s", "");
		if (json_object_set(out, name, value) != 0)
			return ERR_NOMEM;
	}
	return check_quota(t, json_object_size(out), r);
}

static bool
keep(struct target *t, json_t *entries)
{
	if (!t->metadata)
		t->metadata = json_object();
	return json_object_update(t->metadata, entries) == 0;
}

void
metadata_create(struct hawkbit *h, struct http_req *req)
{
	json_auto_t *body = mgmt_body(h, req);
	struct target *t = body ? mgmt_target_of(h, req) : NULL;
	struct refusal refusal = {.kind = REFUSE_NOT_READABLE};
	json_auto_t *entries = json_object();
	json_auto_t *array = NULL;
	if (!t)
		return;
	if (json_is_object(body) && h->o.release->single_as_array)
		array = json_pack("[O]", body);
	else if (json_is_array(body))
		array = json_incref(body);
	enum err err = array ? collect(t, array, entries, &refusal) : ERR_INPUT;
	if (err == ERR_INPUT)
		reply_refusal(req, h->o.release, &refusal);
	else if (err != ERR_OK || !keep(t, entries))
		reply_spring(req, 500);
	else if (h->o.release->metadata_body)
		reply_hal(req, 201, entries_to_json(entries));
	else
		reply_bare(req, 201);
}

// The value of the key in the path, or NULL: then the request was answered 404.
static json_t *
find_entry(struct hawkbit *h, struct http_req *req, const struct target *t)
{
	const char *key = http_req_param(req, "key");
	json_t *value = json_object_get(t->metadata, key);
	if (value)
		return value;
	const char *id = arena_printf(http_req_arena(req), "%s:%s", t->controller_id, key);
	struct refusal refusal;
	refuse_not_found(&refusal, "Target metadata", id ? id : key);
	reply_refusal(req, h->o.release, &refusal);
	return NULL;
}

void
metadata_get(struct hawkbit *h, struct http_req *req)
{
	const struct target *t = mgmt_target_of(h, req);
	const json_t *value = t ? find_entry(h, req, t) : NULL;
	if (value)
		reply_hal(req, 200, entry_to_json(http_req_param(req, "key"), value));
}

static enum err
check_update(const struct target *t, const char *key, const json_t *body, struct refusal *r)
{
	if (!json_is_object(body))
		return refuse(r, REFUSE_NOT_READABLE, "%s", "");
	TRY(check_text("value", json_object_get(body, "value"), 0, VALUE_MAX_UNITS, r));
	if (utf16_length(key) > KEY_MAX_UNITS)
		return refuse(r, REFUSE_CONSTRAINT, "key size must be between 1 and %d.",
			      KEY_MAX_UNITS);
	return check_quota(t, json_object_get(t->metadata, key) ? 0 : 1, r);
}

void
metadata_update(struct hawkbit *h, struct http_req *req)
{
	json_auto_t *body = mgmt_body(h, req);
	struct target *t = body ? mgmt_target_of(h, req) : NULL;
	const char *key = http_req_param(req, "key");
	struct refusal refusal = {0};
	if (!t)
		return;
	if (check_update(t, key, body, &refusal) != ERR_OK) {
		reply_refusal(req, h->o.release, &refusal);
		return;
	}
	json_auto_t *entry = json_pack("{s:O}", key, json_object_get(body, "value"));
	if (!entry || !keep(t, entry))
		reply_spring(req, 500);
	else
		reply_bare(req, 204);
}

void
metadata_delete(struct hawkbit *h, struct http_req *req)
{
	struct target *t = mgmt_target_of(h, req);
	if (!t || !find_entry(h, req, t))
		return;
	json_object_del(t->metadata, http_req_param(req, "key"));
	reply_bare(req, h->o.release->delete_status);
}

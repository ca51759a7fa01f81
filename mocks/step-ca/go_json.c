// SPDX-License-Identifier: Apache-2.0
#include "step-ca/go_json.h"

#include <strings.h>

static const struct go_field *
find_field(const char *key, const struct go_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(fields[i].name, key) == 0)
			return &fields[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(fields[i].name, key) == 0)
			return &fields[i];
	}
	return NULL;
}

static enum err
store(void *out, const struct go_field *field, const json_t *value)
{
	void *at = (char *)out + field->offset;
	if (json_is_null(value) || field->type == GO_ANY)
		return ERR_OK;
	if (field->type == GO_STRING && json_is_string(value)) {
		*(const char **)at = json_string_value(value);
		return ERR_OK;
	}
	if (field->type == GO_BOOL && json_is_boolean(value)) {
		*(bool *)at = json_is_true(value);
		return ERR_OK;
	}
	if (field->type == GO_INT && json_is_integer(value)) {
		*(int64_t *)at = json_integer_value(value);
		return ERR_OK;
	}
	return ERR_SYNTAX;
}

enum err
go_json_read(void *out, json_t **keep, struct bytes body, const struct go_field *fields,
	     size_t n_fields)
{
	const char *key;
	json_t *value;
	json_auto_t *json = json_loadb((const char *)body.p, body.n,
				       JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, NULL);
	if (json_is_null(json))
		return ERR_OK;
	if (!json_is_object(json))
		return ERR_SYNTAX;
	// Also when a later member is refused: texts of earlier ones are in the struct already.
	*keep = json_incref(json);
	json_object_foreach (json, key, value) {
		const struct go_field *field = find_field(key, fields, n_fields);
		if (field)
			TRY(store(out, field, value));
	}
	return ERR_OK;
}

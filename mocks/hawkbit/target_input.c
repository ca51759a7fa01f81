// SPDX-License-Identifier: Apache-2.0
#include "hawkbit/target_input.h"

#include <ctype.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "base/encode.h"

enum {
	CONTROLLER_ID_MAX = 256,
	NAME_MAX_UNITS = 128,
	TEXT_MAX_UNITS = 512,
	TOKEN_MAX_UNITS = 128,
	TOKEN_BYTES = 16,
};

// Jackson, which reads the body at hawkBit, takes numbers and booleans where a text is due.
static enum err
read_text(const char **out, const json_t *object, const char *key, struct arena *arena,
	  struct refusal *r)
{
	const json_t *value = json_object_get(object, key);
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		return ERR_OK;
	case JSON_STRING:
		*out = json_string_value(value);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		*out = json_is_true(value) ? "true" : "false";
		break;
	case JSON_INTEGER:
		*out = arena_printf(arena, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		*out = arena_printf(arena, "%.17g", json_real_value(value));
		break;
	default:
		return refuse(r, REFUSE_NOT_READABLE, "%s", "");
	}
	return *out ? ERR_OK : ERR_NOMEM;
}

enum err
target_input_parse(struct target_input *out, const json_t *json, struct arena *arena,
		   struct refusal *r)
{
	*out = (struct target_input){0};
	if (!json_is_object(json))
		return refuse(r, REFUSE_NOT_READABLE, "%s", "");
	TRY(read_text(&out->controller_id, json, "controllerId", arena, r));
	TRY(read_text(&out->name, json, "name", arena, r));
	TRY(read_text(&out->description, json, "description", arena, r));
	TRY(read_text(&out->address, json, "address", arena, r));
	TRY(read_text(&out->group, json, "group", arena, r));
	TRY(read_text(&out->security_token, json, "securityToken", arena, r));
	const json_t *type = json_object_get(json, "targetType");
	if (type && !json_is_null(type)) {
		if (!json_is_integer(type))
			return refuse(r, REFUSE_NOT_READABLE, "%s", "");
		out->has_target_type = true;
		out->target_type = json_integer_value(type);
	}
	const json_t *request = json_object_get(json, "requestAttributes");
	if (request && !json_is_null(request)) {
		if (!json_is_boolean(request))
			return refuse(r, REFUSE_NOT_READABLE, "%s", "");
		out->has_request_attributes = true;
		out->request_attributes = json_is_true(request);
	}
	return ERR_OK;
}

size_t
utf16_length(const char *text)
{
	size_t n = 0;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		// One unit a character, two for those beyond U+FFFF (lead byte 0xf0 and up).
		n += (c & 0xc0) != 0x80;
		n += c >= 0xf0;
	}
	return n;
}

static bool
has_blank(const char *text)
{
	for (; *text; text++) {
		if (isspace((unsigned char)*text) || (*text >= 0x1c && *text <= 0x1f))
			return true;
	}
	return false;
}

// What an HTML parser would take for a tag: "<b>", "</b", "<!--", but not "a < b".
static bool
has_tag(const char *text)
{
	while ((text = strchr(text, '<'))) {
		text++;
		if (isalpha((unsigned char)*text) || (*text && strchr("/!?", *text)))
			return true;
	}
	return false;
}

// RFC 3986 as far as it forbids characters outright.
static bool
is_uri(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text <= ' ' || strchr("\"<>\\^`{|}", *text))
			return false;
	}
	return true;
}

static void
violation(struct refusal *r, const char *field, const char *text)
{
	size_t n = strlen(r->message);
	snprintf(r->message + n, sizeof(r->message) - n, "%s%s %s.", n ? " " : "", field, text);
}

static void
check_size(struct refusal *r, const char *field, const char *text, size_t min, size_t max)
{
	char rule[64];
	size_t n = text ? utf16_length(text) : min;
	if (n >= min && n <= max)
		return;
	snprintf(rule, sizeof(rule), "size must be between %zu and %zu", min, max);
	violation(r, field, rule);
}

static void
check_tags(struct refusal *r, const char *field, const char *text)
{
	if (text && has_tag(text))
		violation(r, field, "Invalid characters in string");
}

enum err
target_input_check(const struct target_input *in, bool create, struct refusal *r)
{
	*r = (struct refusal){.kind = REFUSE_CONSTRAINT};
	if (create && !in->controller_id)
		violation(r, "controllerId", "must not be null");
	if (create && in->controller_id) {
		check_size(r, "controllerId", in->controller_id, 1, CONTROLLER_ID_MAX);
		check_tags(r, "controllerId", in->controller_id);
		if (has_blank(in->controller_id))
			violation(r, "controllerId", "has whitespaces which are not allowed");
	}
	// At creation an empty name or token stands for "choose one".
	size_t min = create ? 0 : 1;
	check_size(r, "name", in->name, min, NAME_MAX_UNITS);
	check_size(r, "description", in->description, 0, TEXT_MAX_UNITS);
	check_size(r, "address", in->address, 0, TEXT_MAX_UNITS);
	check_size(r, "group", in->group, 0, TEXT_MAX_UNITS);
	check_size(r, "securityToken", in->security_token, min, TOKEN_MAX_UNITS);
	check_tags(r, "name", in->name);
	check_tags(r, "description", in->description);
	if (r->message[0])
		return ERR_INPUT;
	if (in->address && !is_uri(in->address)) {
		r->kind = REFUSE_ADDRESS;
		return ERR_INPUT;
	}
	return ERR_OK;
}

// A copy of the first NAME_MAX_UNITS UTF-16 units.
static char *
name_from_id(const char *id)
{
	size_t units = 0;
	size_t n = 0;
	while (id[n]) {
		unsigned char c = (unsigned char)id[n];
		size_t width = c >= 0xf0 ? 2 : 1;
		if (units + width > NAME_MAX_UNITS)
			break;
		units += width;
		do
			n++;
		while (((unsigned char)id[n] & 0xc0) == 0x80);
	}
	return strndup(id, n);
}

static enum err
random_token(char **out)
{
	uint8_t bytes[TOKEN_BYTES];
	char text[HEX_CHARS(TOKEN_BYTES) + 1];
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return ERR_CRYPTO;
	hex_encode(text, BYTES(bytes, sizeof(bytes)));
	return target_set_text(out, text);
}

enum err
target_from_input(struct target **out, const struct target_input *in, const char *user,
		  int64_t now_ms)
{
	AUTO(target_free) struct target *t = calloc(1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	TRY(target_set_text(&t->controller_id, in->controller_id));
	if (in->name && in->name[0])
		TRY(target_set_text(&t->name, in->name));
	else if (!(t->name = name_from_id(in->controller_id)))
		return ERR_NOMEM;
	TRY(target_set_text(&t->description, in->description));
	TRY(target_set_text(&t->address, in->address));
	TRY(target_set_text(&t->group, in->group));
	if (in->security_token && in->security_token[0])
		TRY(target_set_text(&t->security_token, in->security_token));
	else
		TRY(random_token(&t->security_token));
	t->created_by = t->last_modified_by = user;
	t->created_at = t->last_modified_at = now_ms;
	t->request_attributes = true;
	*out = STEAL(t);
	return ERR_OK;
}

static enum err
change(char **field, const char *text, bool *changed)
{
	if (!text || (*field && strcmp(*field, text) == 0))
		return ERR_OK;
	*changed = true;
	return target_set_text(field, text);
}

enum err
target_update(struct target *t, const struct target_input *in, const char *user, int64_t now_ms)
{
	bool changed =
		in->has_request_attributes && t->request_attributes != in->request_attributes;
	TRY(change(&t->name, in->name, &changed));
	TRY(change(&t->description, in->description, &changed));
	TRY(change(&t->address, in->address, &changed));
	TRY(change(&t->group, in->group, &changed));
	TRY(change(&t->security_token, in->security_token, &changed));
	if (in->has_request_attributes)
		t->request_attributes = in->request_attributes;
	if (changed) {
		t->last_modified_by = user;
		t->last_modified_at = now_ms;
	}
	return ERR_OK;
}

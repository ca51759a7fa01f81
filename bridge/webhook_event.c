// SPDX-License-Identifier: Apache-2.0
// What a webhook's body says, and whom it is about (contracts/bridge.md).
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/webhook.h"

// POST_CONNECT is the runbook's; CONNECT_EVENT is what ThingsBoard 4.2 really sends; the others are
// in use by rule chains in the field.
static const char *const connect_types[] = {"POST_CONNECT", "POST_CONNECT_REQUEST", "CONNECT_EVENT",
					    "POST_CONNECT_EVENT"};

bool
bearer_matches(const char *header, const struct secret *token)
{
	static const char scheme[] = "Bearer ";
	if (!header || strncasecmp(header, scheme, strlen(scheme)) != 0)
		return false;
	return secret_equal(token, BYTES_STR(header + strlen(scheme)));
}

static bool
is_connect_type(const char *type)
{
	for (size_t i = 0; i < N_ELEMENTS(connect_types); i++) {
		if (strcmp(type, connect_types[i]) == 0)
			return true;
	}
	return false;
}

static enum err
read_type(struct webhook_event *out, const json_t *body, struct why *why)
{
	const json_t *value = json_object_get(body, "msgType");
	out->is_connect = !value || json_is_null(value);
	if (out->is_connect)
		return ERR_OK;
	if (!json_is_string(value))
		return why_set(why, ERR_INPUT, "msgType must be a string");
	snprintf(out->msg_type, sizeof(out->msg_type), "%s", json_string_value(value));
	out->is_connect = is_connect_type(json_string_value(value));
	return ERR_OK;
}

static const char *
usable_id(const json_t *metadata, const char *key)
{
	const char *text = json_string_value(json_object_get(metadata, key));
	return text && device_id_is_valid(text) ? text : NULL;
}

static void
add_candidate(struct webhook_event *out, const char *id)
{
	for (size_t i = 0; id && i < N_ELEMENTS(out->candidates); i++) {
		if (strcmp(out->candidates[i], id) == 0)
			return;
		if (!out->candidates[i][0]) {
			memcpy(out->candidates[i], id, strlen(id) + 1);
			return;
		}
	}
}

static void
choose_fallback(struct webhook_event *out, const char *device_id, const char *client_id,
		const char *name)
{
	// A UUID there is ThingsBoard's own number for the device: then the name decides.
	bool own_number = device_id && uuid_is_valid(device_id);
	const char *const order[] = {
		own_number ? name : device_id,
		client_id,
		own_number ? device_id : name,
	};
	for (size_t i = 0; i < N_ELEMENTS(order); i++) {
		if (order[i]) {
			memcpy(out->fallback, order[i], strlen(order[i]) + 1);
			return;
		}
	}
}

static void
read_metadata(struct webhook_event *out, const json_t *metadata)
{
	const char *device_id = usable_id(metadata, "deviceId");
	const char *client_id = usable_id(metadata, "clientId");
	const char *name = usable_id(metadata, "deviceName");
	const char *type = json_string_value(json_object_get(metadata, "deviceType"));
	add_candidate(out, device_id);
	add_candidate(out, client_id);
	add_candidate(out, name);
	choose_fallback(out, device_id, client_id, name);
	if (type && strlen(type) < sizeof(out->device_type))
		memcpy(out->device_type, type, strlen(type) + 1);
}

enum err
webhook_event_parse(struct webhook_event *out, struct bytes body, struct why *why)
{
	json_error_t where;
	*out = (struct webhook_event){0};
	json_auto_t *root = json_loadb((const char *)body.p, body.n,
				       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
	if (!root)
		return why_set(why, ERR_SYNTAX, "the body is no JSON: %s", where.text);
	if (!json_is_object(root))
		return why_set(why, ERR_INPUT, "the body must be an object");
	const json_t *metadata = json_object_get(root, "metadata");
	const json_t *data = json_object_get(root, "data");
	if (metadata && !json_is_object(metadata))
		return why_set(why, ERR_INPUT, "metadata must be an object");
	if (data && !json_is_object(data) && !json_is_string(data))
		return why_set(why, ERR_INPUT, "data must be an object or a string");
	TRY(read_type(out, root, why));
	read_metadata(out, metadata);
	return ERR_OK;
}

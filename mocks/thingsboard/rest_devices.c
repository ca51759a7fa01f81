// SPDX-License-Identifier: Apache-2.0
// Devices and their credentials (contracts/thingsboard.md 2).
#include "thingsboard/rest.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_MAX = 1000 };

// The device whose id is the path's, or NULL: answered.
static struct device *
path_device(struct http_req *req, struct rest *r)
{
	const char *id = http_req_param(req, "deviceId");
	if (!uuid_is_valid(id)) {
		rest_error(req, 400, CODE_BAD_REQUEST, "Invalid UUID string: %.100s", id);
		return NULL;
	}
	struct device *device = devices_by_id(r->devices, id);
	if (!device)
		rest_error(req, 404, CODE_NOT_FOUND, "Device with id [%s] is not found", id);
	return device;
}

void
rest_device_get(struct http_req *req, struct rest *r)
{
	const struct device *device = path_device(req, r);
	if (device)
		http_reply_json(req, 200, device_to_json(r->devices, device));
}

void
rest_device_delete(struct http_req *req, struct rest *r)
{
	struct device *device = path_device(req, r);
	if (!device)
		return;
	broker_kick_device(device, MQTT_REASON_ADMINISTRATIVE_ACTION);
	devices_delete(r->devices, device);
	rest_done(req);
}

// --- listing ---

// A query parameter that has to be a number in 0..max; -1: absent or not one.
static long
query_number(struct http_req *req, const char *name, long max)
{
	const char *text = http_req_query(req, name);
	if (!text || !*text || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text))
		return -1;
	long number = strtol(text, NULL, 10);
	return number <= max ? number : -1;
}

static bool
is_wanted(struct http_req *req, const struct device *device)
{
	const char *type = http_req_query(req, "type");
	const char *search = http_req_query(req, "textSearch");
	if (type && *type && strcmp(type, device->type) != 0)
		return false;
	return !search || !*search || strcasestr(device->name, search) ||
	       (device->label && strcasestr(device->label, search));
}

static void
reply_page(struct http_req *req, struct rest *r, size_t page, size_t size)
{
	json_t *data = json_array();
	size_t total = 0;
	struct device *device;
	struct device *next;
	HASH_ITER (by_name, r->devices->by_name, device, next) {
		if (!is_wanted(req, device))
			continue;
		if (total / size == page)
			json_array_append_new(data, device_to_json(r->devices, device));
		total++;
	}
	http_reply_json(req, 200,
			json_pack("{s:o, s:I, s:I, s:b}", "data", data, "totalPages",
				  (json_int_t)((total + size - 1) / size), "totalElements",
				  (json_int_t)total, "hasNext", (page + 1) * size < total));
}

void
rest_device_find(struct http_req *req, struct rest *r)
{
	const char *name = http_req_query(req, "deviceName");
	if (!name) {
		long size = query_number(req, "pageSize", PAGE_MAX);
		long page = query_number(req, "page", 1000000);
		if (size > 0 && page >= 0)
			reply_page(req, r, (size_t)page, (size_t)size);
		else
			rest_error(req, 400, CODE_BAD_REQUEST,
				   "Parameters pageSize (1 to %d) and page, or deviceName, are "
				   "required",
				   PAGE_MAX);
		return;
	}
	const struct device *device = devices_by_name(r->devices, name);
	if (device)
		http_reply_json(req, 200, device_to_json(r->devices, device));
	else
		rest_error(req, 404, CODE_NOT_FOUND, "Requested item wasn't found!");
}

// --- create and update ---

struct device_input {
	json_t *json;	// what the texts point into
	const char *id; // NULL: create
	const char *name;
	const char *type;
	const char *label;
	json_int_t version; // -1: not given
};

static bool
is_text_or_absent(const json_t *value)
{
	return !value || json_is_null(value) || json_is_string(value);
}

// False: answered.
static bool
read_input(struct device_input *in, struct http_req *req)
{
	in->json = rest_body(req);
	if (!in->json)
		return false;
	json_t *id = json_object_get(in->json, "id");
	json_t *name = json_object_get(in->json, "name");
	json_t *type = json_object_get(in->json, "type");
	json_t *label = json_object_get(in->json, "label");
	json_t *version = json_object_get(in->json, "version");
	if (!json_is_object(in->json) || !is_text_or_absent(name) || !is_text_or_absent(type) ||
	    !is_text_or_absent(label) || (id && !json_is_null(id) && !json_is_object(id))) {
		rest_error(req, 500, CODE_GENERAL,
			   "JSON parse error: Cannot deserialize value of type `Device`");
		return false;
	}
	in->id = json_string_value(json_object_get(id, "id"));
	in->name = json_string_value(name);
	in->type = json_string_value(type);
	in->label = json_string_value(label);
	in->version = json_is_integer(version) ? json_integer_value(version) : -1;
	if (in->name && in->name[strspn(in->name, " \t\r\n")])
		return true;
	rest_error(req, 400, CODE_BAD_REQUEST, "Device name should be specified!");
	return false;
}

static void
reply_saved(struct http_req *req, struct rest *r, const struct device *device, enum err err)
{
	if (err == ERR_OK)
		http_reply_json(req, 200, device_to_json(r->devices, device));
	else if (err == ERR_CONFLICT)
		rest_error(req, 400, CODE_BAD_REQUEST, "Device with such name already exists!");
	else
		rest_error(req, 500, CODE_GENERAL, "%s", err_text(err));
}

static void
update(struct http_req *req, struct rest *r, const struct device_input *in)
{
	struct device *device = devices_by_id(r->devices, in->id);
	if (!device)
		rest_error(req, 404, CODE_NOT_FOUND, "Device with id [%.36s] is not found", in->id);
	else if (in->version >= 0 && in->version < (json_int_t)device->version)
		rest_error(req, 409, CODE_VERSION_CONFLICT,
			   "The device was already changed by someone else");
	else
		reply_saved(req, r, device,
			    devices_update(r->devices, device, in->name, in->type, in->label));
}

static void
create(struct http_req *req, struct rest *r, const struct device_input *in)
{
	const char *token = http_req_query(req, "accessToken");
	if (token && *token && devices_by_credentials(r->devices, BYTES_STR(token))) {
		rest_error(req, 400, CODE_BAD_REQUEST,
			   "Device credentials are already assigned to another device!");
		return;
	}
	struct device *device = NULL;
	enum err err =
		devices_add(&device, r->devices, in->name, in->type, in->label, rest_now_ms());
	if (err == ERR_OK && token && *token)
		err = devices_set_credentials(r->devices, device, CREDENTIALS_ACCESS_TOKEN, token,
					      NULL);
	reply_saved(req, r, device, err);
}

void
rest_device_save(struct http_req *req, struct rest *r)
{
	struct device_input in = {0};
	if (!read_input(&in, req)) {
		json_decref(in.json);
		return;
	}
	if (in.id)
		update(req, r, &in);
	else
		create(req, r, &in);
	json_decref(in.json);
}

// --- credentials ---

void
rest_credentials_get(struct http_req *req, struct rest *r)
{
	const struct device *device = path_device(req, r);
	if (device)
		http_reply_json(req, 200, device_credentials_to_json(device));
}

// A certificate as people paste it: PEM lines go, the base64 text is what counts (spaces stay).
static char *
strip_pem(const char *text)
{
	char *out = malloc(strlen(text) + 1);
	size_t n = 0;
	for (const char *line = text; out && *line;) {
		size_t length = strcspn(line, "\r\n");
		if (strncmp(line, "-----", 5) != 0) {
			memcpy(out + n, line, length);
			n += length;
		}
		line += length + strspn(line + length, "\r\n");
	}
	if (out)
		out[n] = '\0';
	return out;
}

static enum err
set_certificate(struct rest *r, struct device *device, const char *text)
{
	AUTO(free) char *base64 = strip_pem(text);
	char hash[X509_HASH_CHARS + 1];
	if (!base64)
		return ERR_NOMEM;
	TRY(devices_hash_x509(hash, base64));
	return devices_set_credentials(r->devices, device, CREDENTIALS_X509, hash, base64);
}

static enum err
set_credentials(struct rest *r, struct device *device, const json_t *json)
{
	const char *type = json_string_value(json_object_get(json, "credentialsType"));
	const char *id = json_string_value(json_object_get(json, "credentialsId"));
	const char *value = json_string_value(json_object_get(json, "credentialsValue"));
	if (type && strcmp(type, "X509_CERTIFICATE") == 0)
		return value && *value ? set_certificate(r, device, value) : ERR_INPUT;
	if (type && strcmp(type, "ACCESS_TOKEN") == 0 && id && *id)
		return devices_set_credentials(r->devices, device, CREDENTIALS_ACCESS_TOKEN, id,
					       NULL);
	return ERR_INPUT;
}

void
rest_credentials_save(struct http_req *req, struct rest *r)
{
	json_auto_t *json = rest_body(req);
	if (!json)
		return;
	const json_t *device_id = json_object_get(json, "deviceId");
	const char *id = json_string_value(json_object_get(device_id, "id"));
	struct device *device = id ? devices_by_id(r->devices, id) : NULL;
	if (!device) {
		rest_error(req, 404, CODE_NOT_FOUND, "Device with id [%.36s] is not found",
			   id ? id : "null");
		return;
	}
	if (!json_is_object(json_object_get(json, "id"))) {
		rest_error(req, 400, CODE_BAD_REQUEST,
			   "Credentials for this device are already specified!");
		return;
	}
	enum err err = set_credentials(r, device, json);
	if (err == ERR_CONFLICT) {
		rest_error(req, 400, CODE_BAD_REQUEST,
			   "Device credentials are already assigned to another device!");
	} else if (err != ERR_OK) {
		rest_error(req, 400, CODE_BAD_REQUEST, "Device credentials are not complete");
	} else {
		// Even if nothing changed, as in the real server.
		broker_kick_device(device, MQTT_REASON_ADMINISTRATIVE_ACTION);
		http_reply_json(req, 200, device_credentials_to_json(device));
	}
}

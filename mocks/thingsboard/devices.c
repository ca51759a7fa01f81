// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/devices.h"

#include <ctype.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/encode.h"

struct profile {
	char id[UUID_CHARS + 1];
	UT_hash_handle hh;
	char name[];
};

enum {
	TOKEN_CHARS = 20,
	SHA3_256_BYTES = 32,
};

void
devices_init(struct devices *d, uint64_t seed)
{
	*d = (struct devices){0};
	rng_init(&d->rng, seed, 0);
	uuid_v1(d->tenant_id, &d->rng, clock_wall_ns());
}

static void
device_free(struct device *device)
{
	for (int i = 0; i < SCOPES; i++)
		values_fini(&device->attributes[i]);
	values_fini(&device->telemetry);
	free(device->name);
	free(device->type);
	free(device->label);
	free(device->credentials_id);
	free(device->credentials_value);
	free(device);
}
AUTO_DEFINE(struct device *, device_free)

void
devices_clear(struct devices *d)
{
	struct device *device;
	struct device *next;
	HASH_CLEAR(by_id, d->by_id);
	HASH_CLEAR(by_credentials, d->by_credentials);
	HASH_ITER (by_name, d->by_name, device, next) {
		HASH_DELETE(by_name, d->by_name, device);
		device_free(device);
	}
}

void
devices_fini(struct devices *d)
{
	devices_clear(d);
	struct profile *profile;
	struct profile *next;
	HASH_ITER (hh, d->profiles, profile, next) {
		HASH_DEL(d->profiles, profile);
		free(profile);
	}
}

struct device *
devices_by_name(const struct devices *d, const char *name)
{
	struct device *found = NULL;
	HASH_FIND(by_name, d->by_name, name, strlen(name), found);
	return found;
}

struct device *
devices_by_id(const struct devices *d, const char *uuid)
{
	char lower[UUID_CHARS];
	if (strlen(uuid) != UUID_CHARS)
		return NULL;
	for (size_t i = 0; i < UUID_CHARS; i++)
		lower[i] = (char)tolower((unsigned char)uuid[i]);
	struct device *found = NULL;
	HASH_FIND(by_id, d->by_id, lower, UUID_CHARS, found);
	return found;
}

struct device *
devices_by_credentials(const struct devices *d, struct bytes credentials_id)
{
	struct device *found = NULL;
	if (credentials_id.n)
		HASH_FIND(by_credentials, d->by_credentials, credentials_id.p, credentials_id.n,
			  found);
	return found;
}

size_t
devices_count(const struct devices *d)
{
	return HASH_CNT(by_name, d->by_name);
}

const char *
devices_profile_id(struct devices *d, const char *type)
{
	struct profile *profile = NULL;
	size_t n = strlen(type);
	HASH_FIND(hh, d->profiles, type, n, profile);
	if (profile)
		return profile->id;
	profile = calloc(1, sizeof(*profile) + n + 1);
	if (!profile)
		return NULL;
	memcpy(profile->name, type, n);
	uuid_v1(profile->id, &d->rng, clock_wall_ns());
	HASH_ADD(hh, d->profiles, name, n, profile);
	return profile->id;
}

static void
make_token(struct rng *rng, char out[static TOKEN_CHARS + 1])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < TOKEN_CHARS; i++)
		out[i] = alphabet[rng_below(rng, sizeof(alphabet) - 1)];
	out[TOKEN_CHARS] = '\0';
}

// Copies of the texts that a REST client may change. label NULL: none.
static enum err
set_texts(struct device *device, const char *name, const char *type, const char *label)
{
	AUTO(free) char *new_name = strdup(name);
	AUTO(free) char *new_type = strdup(type && *type ? type : PROFILE_DEFAULT);
	AUTO(free) char *new_label = label ? strdup(label) : NULL;
	if (!new_name || !new_type || (label && !new_label))
		return ERR_NOMEM;
	free(device->name);
	free(device->type);
	free(device->label);
	device->name = STEAL(new_name);
	device->type = STEAL(new_type);
	device->label = STEAL(new_label);
	return ERR_OK;
}

enum err
devices_add(struct device **out, struct devices *d, const char *name, const char *type,
	    const char *label, int64_t now_ms)
{
	if (devices_by_name(d, name))
		return ERR_CONFLICT;
	AUTO(device_free) struct device *device = calloc(1, sizeof(*device));
	char token[TOKEN_CHARS + 1];
	make_token(&d->rng, token);
	if (!device)
		return ERR_NOMEM;
	TRY(set_texts(device, name, type, label));
	device->credentials_id = strdup(token);
	if (!device->credentials_id)
		return ERR_NOMEM;
	device->created_ms = now_ms;
	device->version = 1;
	device->credentials_version = 1;
	uuid_v1(device->id, &d->rng, clock_wall_ns());
	uuid_v1(device->credentials_uuid, &d->rng, clock_wall_ns());
	HASH_ADD_KEYPTR(by_name, d->by_name, device->name, strlen(device->name), device);
	HASH_ADD_KEYPTR(by_id, d->by_id, device->id, UUID_CHARS, device);
	HASH_ADD_KEYPTR(by_credentials, d->by_credentials, device->credentials_id, TOKEN_CHARS,
			device);
	*out = STEAL(device);
	return ERR_OK;
}

enum err
devices_update(struct devices *d, struct device *device, const char *name, const char *type,
	       const char *label)
{
	const struct device *other = devices_by_name(d, name);
	if (other && other != device)
		return ERR_CONFLICT;
	// The key of the index is the text that is about to be replaced.
	HASH_DELETE(by_name, d->by_name, device);
	enum err err = set_texts(device, name, type, label);
	HASH_ADD_KEYPTR(by_name, d->by_name, device->name, strlen(device->name), device);
	if (err == ERR_OK)
		device->version++;
	return err;
}

enum err
devices_set_credentials(struct devices *d, struct device *device, enum credentials_type type,
			const char *id, const char *value)
{
	const struct device *other = devices_by_credentials(d, BYTES_STR(id));
	if (other && other != device)
		return ERR_CONFLICT;
	AUTO(free) char *new_id = strdup(id);
	AUTO(free) char *new_value = value ? strdup(value) : NULL;
	if (!new_id || (value && !new_value))
		return ERR_NOMEM;
	HASH_DELETE(by_credentials, d->by_credentials, device);
	free(device->credentials_id);
	free(device->credentials_value);
	device->credentials_type = type;
	device->credentials_id = STEAL(new_id);
	device->credentials_value = STEAL(new_value);
	device->credentials_version++;
	HASH_ADD_KEYPTR(by_credentials, d->by_credentials, device->credentials_id,
			strlen(device->credentials_id), device);
	return ERR_OK;
}

void
devices_delete(struct devices *d, struct device *device)
{
	HASH_DELETE(by_name, d->by_name, device);
	HASH_DELETE(by_id, d->by_id, device);
	HASH_DELETE(by_credentials, d->by_credentials, device);
	device_free(device);
}

enum err
devices_hash_x509(char out[static X509_HASH_CHARS + 1], const char *base64)
{
	uint8_t digest[SHA3_256_BYTES];
	if (EVP_Digest(base64, strlen(base64), digest, NULL, EVP_sha3_256(), NULL) != 1)
		return ERR_CRYPTO;
	hex_encode(out, BYTES(digest, sizeof(digest)));
	return ERR_OK;
}

json_t *
entity_id_json(const char *type, const char *id)
{
	return json_pack("{s:s, s:s}", "entityType", type, "id", id);
}

json_t *
device_to_json(struct devices *d, const struct device *device)
{
	const char *profile = devices_profile_id(d, device->type);
	return json_pack("{s:o, s:I, s:n, s:o, s:o, s:s, s:s, s:s?, s:o, s:n, s:n, s:n, s:i,"
			 " s:{s:{s:s}, s:{s:s}}}",
			 "id", entity_id_json("DEVICE", device->id), "createdTime",
			 (json_int_t)device->created_ms, "additionalInfo", "tenantId",
			 entity_id_json("TENANT", d->tenant_id), "customerId",
			 entity_id_json("CUSTOMER", NULL_UUID), "name", device->name, "type",
			 device->type, "label", device->label, "deviceProfileId",
			 entity_id_json("DEVICE_PROFILE", profile ? profile : NULL_UUID),
			 "firmwareId", "softwareId", "externalId", "version", (int)device->version,
			 "deviceData", "configuration", "type", "DEFAULT", "transportConfiguration",
			 "type", "MQTT");
}

json_t *
device_credentials_to_json(const struct device *device)
{
	const char *type =
		device->credentials_type == CREDENTIALS_X509 ? "X509_CERTIFICATE" : "ACCESS_TOKEN";
	return json_pack("{s:{s:s}, s:I, s:o, s:s, s:s, s:s?, s:i}", "id", "id",
			 device->credentials_uuid, "createdTime", (json_int_t)device->created_ms,
			 "deviceId", entity_id_json("DEVICE", device->id), "credentialsType", type,
			 "credentialsId", device->credentials_id, "credentialsValue",
			 device->credentials_value, "version", (int)device->credentials_version);
}

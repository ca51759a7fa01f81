// SPDX-License-Identifier: Apache-2.0
// The devices of the tenant: ids, credentials, attributes, latest telemetry. Found in O(1) by name,
// by id and by credentials id (contracts/thingsboard.md 2). One loop thread.
#pragma once

#include <uthash.h>

#include "base/buf.h"
#include "base/id.h"
#include "thingsboard/values.h"

// What certificates create: the name of the profile is the device's type.
#define PROFILE_X509	"CDM X.509 Devices"
#define PROFILE_DEFAULT "default"
// ThingsBoard's id for "nobody", e.g. a customer that is not assigned.
#define NULL_UUID "13814000-1dd2-11b2-8080-808080808080"

enum scope { SCOPE_CLIENT, SCOPE_SERVER, SCOPE_SHARED, SCOPES };

enum credentials_type { CREDENTIALS_ACCESS_TOKEN, CREDENTIALS_X509 };

struct session;

struct device {
	char id[UUID_CHARS + 1];
	char credentials_uuid[UUID_CHARS + 1];
	int64_t created_ms;
	uint32_t version; // grows with each update
	uint32_t credentials_version;
	enum credentials_type credentials_type;
	char *name;
	char *type; // name of its profile
	char *label;
	char *credentials_id;	 // token, or SHA3-256 of the certificate (devices_hash_x509)
	char *credentials_value; // X.509: base64 of the DER; else NULL
	struct values attributes[SCOPES];
	struct values telemetry;
	uint64_t connects;	  // CONNACK 0 that it got
	struct session *sessions; // connections that speak for it; their broker keeps the list
	UT_hash_handle by_name;
	UT_hash_handle by_id;
	UT_hash_handle by_credentials;
};

struct profile;

struct devices {
	struct device *by_name; // in the order of creation
	struct device *by_id;
	struct device *by_credentials;
	struct profile *profiles;
	struct rng rng;
	char tenant_id[UUID_CHARS + 1];
};

void devices_init(struct devices *d, uint64_t seed);
// Devices must have no sessions left.
void devices_fini(struct devices *d);
// Deletes all devices, keeps tenant and profiles.
void devices_clear(struct devices *d);

struct device *devices_by_name(const struct devices *d, const char *name);
// Hex digits of either case.
struct device *devices_by_id(const struct devices *d, const char *uuid);
struct device *devices_by_credentials(const struct devices *d, struct bytes credentials_id);

// A new device with an access token of 20 random characters. type NULL or "": default profile.
// ERR_CONFLICT: the name exists.
enum err ERR_MUST_CHECK devices_add(struct device **out, struct devices *d, const char *name,
				    const char *type, const char *label, int64_t now_ms);
// New name, type and label at once. ERR_CONFLICT: another device has the name.
enum err ERR_MUST_CHECK devices_update(struct devices *d, struct device *device, const char *name,
				       const char *type, const char *label);
// value NULL: access token. ERR_CONFLICT: another device has these credentials.
enum err ERR_MUST_CHECK devices_set_credentials(struct devices *d, struct device *device,
						enum credentials_type type, const char *id,
						const char *value);
// The device must have no sessions left.
void devices_delete(struct devices *d, struct device *device);
size_t devices_count(const struct devices *d);
// The id of the profile with this name; made on first use. NULL when memory is out.
const char *devices_profile_id(struct devices *d, const char *type);

#define X509_HASH_CHARS 64
// ThingsBoard's credentials id of a certificate: lower-case hex SHA3-256 of the base64 text of its
// DER (contracts/thingsboard.md 2, Credentials).
enum err ERR_MUST_CHECK devices_hash_x509(char out[static X509_HASH_CHARS + 1], const char *base64);

// {"entityType": type, "id": id}; new reference.
json_t *entity_id_json(const char *type, const char *id);
// The Device object of the REST API; new reference.
json_t *device_to_json(struct devices *d, const struct device *device);
// The DeviceCredentials object; new reference.
json_t *device_credentials_to_json(const struct device *device);

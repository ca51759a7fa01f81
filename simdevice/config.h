// SPDX-License-Identifier: Apache-2.0
// Where the stack is and how a device behaves: read once, shared read-only by all workers.
#pragma once

#include "base/secret.h"
#include "device.h"

enum dialect { DIALECT_RUNBOOK, DIALECT_CDM, DIALECT_NATIVE };

#define FINGERPRINT_CHARS 64

struct sim_config {
	char *bridge; // "https://host:port", no slash at the end; NULL = not given
	char fingerprint[FINGERPRINT_CHARS + 1]; // lower-case hex; "" = not given
	char *mqtt_host;			 // NULL = not given; IP literals without brackets
	uint16_t mqtt_port;
	char *step_ca;	   // URL like bridge's, for renewals
	char *flash_dir;   // devices' flashes are folders in it (or it is the flash itself:
			   // flash_is_dir)
	bool flash_is_dir; // one device: flash_dir is its flash
	bool flash_sync;   // fsync each file
	bool keep_flash;   // without a folder: keep the files in memory, so that a device survives
			   // power cuts
	bool keep_reports; // remember what each answer said
	bool share_trust;  // the root is fetched once per worker, not by each device
	enum dialect dialect;
	bool bridge_makes_wg_key;
	struct secret admin_token;
	struct device_limits limits;
	unsigned n_udp_sockets; // per worker
	uint16_t mqtt_keepalive_s;
};

void sim_config_init(struct sim_config *c);
void sim_config_fini(struct sim_config *c);

// "https://host:port/" or "http://..."; the slash at the end goes. ERR_INPUT with why.
enum err ERR_MUST_CHECK sim_config_set_url(char **out, const char *what, const char *url,
					   struct why *why);
// SHA-256 in hex, either case, colons allowed (openssl x509 -fingerprint writes them).
enum err ERR_MUST_CHECK sim_config_set_fingerprint(struct sim_config *c, const char *text,
						   struct why *why);
// "mqtts://host[:port]" (8883), "mqtts://[::1]:8883".
enum err ERR_MUST_CHECK sim_config_set_mqtt(struct sim_config *c, const char *url, struct why *why);
// "runbook" "cdm" "native"
enum err ERR_MUST_CHECK dialect_parse(enum dialect *out, const char *name);

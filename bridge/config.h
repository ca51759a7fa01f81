// SPDX-License-Identifier: Apache-2.0
// What the bridge is told at start (design.md 2.6). One table in config.c describes every variable:
// name, type, range, default, help; it yields the loader, --help-config and --check-config. All
// values are checked here, once: the rest of the bridge trusts them.
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "base/secret.h"
#include "bridge/pool.h"
#include "net/addr.h"

enum config_tls {
	CONFIG_TLS_AUTO,  // own certificate from step-ca, renewed
	CONFIG_TLS_FILES, // config.tls_cert_file, config.tls_key_file
	CONFIG_TLS_OFF,	  // plain HTTP
};

enum config_unknown_devices {
	CONFIG_UNKNOWN_PROVISION,
	CONFIG_UNKNOWN_IGNORE,
};

enum config_reenroll {
	CONFIG_REENROLL_ALLOW,
	CONFIG_REENROLL_DENY,
};

// Strings are terminated and owned; NULL when unset and without default.
struct config {
	struct addr listen;  // BRIDGE_LISTEN
	char *listen_text;   // the same as given
	enum config_tls tls; // BRIDGE_TLS
	char *tls_cert_file; // only with CONFIG_TLS_FILES
	char *tls_key_file;  // only with CONFIG_TLS_FILES
	char *tls_names;     // BRIDGE_TLS_NAMES, comma list
	char *db_path; // BRIDGE_DB: path of a SQLite file or postgresql://..., never NULL; may hold
		       // a password
	struct secret admin_token;   // BRIDGE_ADMIN_TOKEN; unset = admin API off
	struct secret webhook_token; // BRIDGE_WEBHOOK_TOKEN; unset = no check

	char *step_ca_url;		// STEP_CA_URL, no trailing slash
	char *step_ca_fingerprint;	// STEP_CA_FINGERPRINT, 64 lower-case hex digits
	char *step_ca_provisioner;	// STEP_CA_PROVISIONER_NAME
	struct secret step_ca_password; // STEP_CA_PROVISIONER_PASSWORD
	unsigned step_ca_timeout_ms;	// STEP_CA_TIMEOUT (seconds)

	char *hawkbit_url;  // HAWKBIT_URL, no trailing slash; NULL = no hawkBit in this stack
	char *hawkbit_user; // HAWKBIT_USER
	struct secret hawkbit_password; // HAWKBIT_PASSWORD
	char *hawkbit_ca_file;		// HAWKBIT_CA_FILE: PEM roots for https

	char *thingsboard_url;	// THINGSBOARD_URL, no trailing slash; NULL = no ThingsBoard in this
				// stack
	char *thingsboard_user; // THINGSBOARD_USER
	struct secret thingsboard_password; // THINGSBOARD_PASSWORD
	char *thingsboard_ca_file;	    // THINGSBOARD_CA_FILE: PEM roots for https

	char *wg_subnet;	    // WG_SUBNET, "10.8.0.0/24"
	struct pool wg_pool;	    // the same, taken apart
	char *wg_server_endpoint;   // WG_SERVER_ENDPOINT, host:port
	char *wg_server_public_key; // WG_SERVER_PUBLIC_KEY, base64
	char *wg_server;	    // WG_SERVER, "uapi:/path"; NULL = peers are only recorded
	char *wg_data_dir;	    // WG_DATA_DIR: cdm_peers.json lives there

	enum config_unknown_devices unknown_devices; // WEBHOOK_UNKNOWN_DEVICES
	char *enroll_allowlist; // ENROLL_ALLOWLIST: file with one device id a line; NULL = every id
	enum config_reenroll reenroll; // ENROLL_REENROLL
	unsigned enroll_rate;	       // ENROLL_RATE, per second; 0 = no limit
};

// Reads envp ("NAME=value" lines, NULL-terminated; NAME_FILE for secrets). Every problem is one
// line in `problems` (text that names the variable, the value unless it is secret, and the way
// out); their count comes back, 0 = good. Also refused: unknown variables that carry one of our
// prefixes. The caller calls config_fini in any case.
size_t config_load(struct config *c, const char *const *envp, struct buf *problems);
void config_fini(struct config *c);
// --help-config: the table for a person.
void config_print_help(FILE *out);
// --check-config: every variable with the value in force; secrets as "(set)" or "(unset)".
void config_print_values(FILE *out, const struct config *c);

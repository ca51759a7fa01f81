// SPDX-License-Identifier: Apache-2.0
// The kinds of value that a configuration variable can have: how each is read, checked and shown.
#pragma once

#include "bridge/config.h"

enum config_kind {
	CONFIG_STRING,
	CONFIG_SECRET,
	CONFIG_URL,
	CONFIG_SECONDS, // kept in milliseconds
	CONFIG_COUNT,
	CONFIG_CHOICE,
	CONFIG_FINGERPRINT,
	CONFIG_ADDR,
	CONFIG_TLS,
	CONFIG_DB,
	CONFIG_SUBNET,
	CONFIG_ENDPOINT,
	CONFIG_WG_KEY,
	CONFIG_WG_SERVER,
};

struct config_row {
	const char *name;
	enum config_kind kind;
	size_t offset;		    // of the main field in struct config
	const char *fallback;	    // value when unset; NULL = none
	bool required;		    // must be set (there is no fallback)
	const char *needed_by;	    // variable whose presence makes this one required
	const char *const *choices; // CONFIG_CHOICE, in the order of the enum; NULL-terminated
	unsigned min;		    // CONFIG_SECONDS, CONFIG_COUNT
	unsigned max;
	const char *help;
};

// What --help-config prints for the kind.
const char *config_kind_form(enum config_kind kind);
// Checks text and stores it into the row's field(s). ERR_INPUT, why without the variable's name.
enum err ERR_MUST_CHECK config_row_parse(struct config *c, const struct config_row *row,
					 const char *text, struct why *why);
// Appends the value in force as text; never a secret.
enum err ERR_MUST_CHECK config_row_show(struct buf *out, const struct config *c,
					const struct config_row *row);
void config_row_fini(struct config *c, const struct config_row *row);

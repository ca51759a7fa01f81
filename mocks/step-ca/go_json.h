// SPDX-License-Identifier: Apache-2.0
// Request bodies as Go's encoding/json reads them into a struct, which is what a real step-ca does:
// the first JSON value counts and bytes behind it are ignored, keys match in any case, unknown ones
// are skipped, null leaves a field as it was, a wrong type is an error.
#pragma once

#include <jansson.h>

#include "base/buf.h"

enum go_type {
	GO_STRING, // const char *; NULL when absent or null
	GO_BOOL,   // bool
	GO_INT,	   // int64_t
	GO_ANY,	   // accepted, not kept
};

struct go_field {
	const char *name;
	enum go_type type;
	size_t offset; // in the struct that is filled
};

// Fills the zeroed struct at out. *keep (NULL before; owned by the caller, also on failure) holds
// the strings alive. ERR_SYNTAX: members up to the wrong one are filled.
enum err ERR_MUST_CHECK go_json_read(void *out, json_t **keep, struct bytes body,
				     const struct go_field *fields, size_t n_fields);

// SPDX-License-Identifier: Apache-2.0
// What differs between hawkBit's releases (contracts/hawkbit.md section 0).
#pragma once

#include "base/err.h"

struct release {
	const char *name;	    // "1.1"
	const char *already_exists; // last part of the errorCode
	const char *not_found;
	int delete_status;
	int quota_status;
	bool metadata_body;   // POST metadata answers with what was made
	bool single_as_array; // an object is taken where an array is due
};

// The newest.
const struct release *release_latest(void);
// ERR_INPUT with why that lists the known ones.
enum err ERR_MUST_CHECK release_parse(const struct release **out, const char *name,
				      struct why *why);

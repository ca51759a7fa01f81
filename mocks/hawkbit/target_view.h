// SPDX-License-Identifier: Apache-2.0
// A target as hawkBit shows it. What has no value is left out.
#pragma once

#include <jansson.h>

#include "hawkbit/target.h"

enum target_view {
	VIEW_ROW,  // in lists and in the answer to its creation: link to itself only
	VIEW_FULL, // alone: all links
};

// base_url: mgmt_base_url(). with_token: the reader may see the security token. New reference.
json_t *target_to_json(const struct target *t, enum target_view view, const char *base_url,
		       bool with_token);

// SPDX-License-Identifier: Apache-2.0
// A target as a client describes it: JSON in, checked values out.
#pragma once

#include "base/arena.h"
#include "hawkbit/reply.h"
#include "hawkbit/target.h"

struct target_input {
	const char
		*controller_id; // texts: NULL = absent or null; they live in the JSON or the arena
	const char *name;
	const char *description;
	const char *address;
	const char *group;
	const char *security_token;
	bool has_target_type;
	int64_t target_type;
	bool has_request_attributes;
	bool request_attributes;
};

// Reads one object. ERR_INPUT with r: not an object, or a field of the wrong type.
enum err ERR_MUST_CHECK target_input_parse(struct target_input *out, const json_t *json,
					   struct arena *arena, struct refusal *r);
// The rules for values; create: controllerId is needed too. ERR_INPUT with r names every broken
// one.
enum err ERR_MUST_CHECK target_input_check(const struct target_input *in, bool create,
					   struct refusal *r);
// A target made of checked input; default name and a random token where they are absent.
enum err ERR_MUST_CHECK target_from_input(struct target **out, const struct target_input *in,
					  const char *user, int64_t now_ms);
// Changes what is present.
enum err ERR_MUST_CHECK target_update(struct target *t, const struct target_input *in,
				      const char *user, int64_t now_ms);
// Length as Java counts it, in UTF-16 units.
size_t utf16_length(const char *text);

// SPDX-License-Identifier: Apache-2.0
// The query language of ?q= (RSQL, a superset of FIQL): comparisons joined by ; and , with
// parentheses. Parsed once a request, then asked for each target.
#pragma once

#include "hawkbit/reply.h"
#include "hawkbit/target.h"

struct rsql;

// ERR_INPUT with r: the syntax, a field or a value is wrong.
enum err ERR_MUST_CHECK rsql_parse(struct rsql **out, const char *query, struct refusal *r);
void rsql_free(struct rsql *q);
AUTO_DEFINE(struct rsql *, rsql_free)
bool rsql_matches(const struct rsql *q, const struct target *t);

// SPDX-License-Identifier: Apache-2.0
// What devices send under v1/devices/me: JSON (read leniently, gson.h) of the shapes of
// contracts/thingsboard.md 4, Topics.
#pragma once

#include "base/buf.h"
#include "thingsboard/values.h"

// {"k":v}, {"ts":ms,"values":{..}}, or an array of either: stores the latest value of each key.
// now_ms stands in where no ts is given. Numbers in quotes become numbers, nulls are dropped.
// ERR_SYNTAX: not such JSON. *n_entries counts the objects: 0 for an empty array, which a real
// server takes and never acknowledges.
enum err ERR_MUST_CHECK payload_telemetry(struct values *into, struct bytes payload, int64_t now_ms,
					  size_t *n_entries);
// {"k":v}: the same for attributes.
enum err ERR_MUST_CHECK payload_attributes(struct values *into, struct bytes payload,
					   int64_t now_ms);
// {"clientKeys":"a,b","sharedKeys":"c"} -> {"client":{..},"shared":{..}}; groups that were not
// asked for, or of which nothing is there, are absent. New reference in *out.
enum err ERR_MUST_CHECK payload_attributes_request(json_t **out, struct bytes payload,
						   const struct values *client,
						   const struct values *shared);
// The numeric value that ThingsBoard reads out of a text (its type cast is on by default), or NULL.
// New reference.
json_t *payload_number(const char *text);
// Calls each for every non-empty item of a comma list, trimmed. item is terminated.
enum err ERR_MUST_CHECK payload_each_key(const char *list,
					 void (*each)(const char *item, void *ctx), void *ctx);

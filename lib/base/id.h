// SPDX-License-Identifier: Apache-2.0
// Device ids and UUIDs.
#pragma once

#include "base/rng.h"
#include "base/err.h"

#define DEVICE_ID_MAX 64
#define UUID_CHARS    36

// [A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])? (contracts/bridge.md): anything else would become
// another SAN type at step-ca, or break a path or a config line.
bool device_id_is_valid(const char *id);
// Like it, and why says which rule is broken and what an id looks like.
enum err ERR_MUST_CHECK device_id_check(const char *id, struct why *why);

// RFC 9562 version 4 from r, so that it replays; terminated.
void uuid_v4(char out[static UUID_CHARS + 1], struct rng *r);
// RFC 9562 version 1 layout (ThingsBoard's ids are of this kind): wall clock, random node and
// sequence.
void uuid_v1(char out[static UUID_CHARS + 1], struct rng *r, uint64_t wall_ns);
// 8-4-4-4-12 hex digits of either case.
bool uuid_is_valid(const char *text);

// SPDX-License-Identifier: Apache-2.0
// Everything that a scenario can look at, as one JSON document by path, fetched when asked for:
//   devices.<id>.* bridge.devices.<id>.* bridge.ready.* thingsboard.* hawkbit.* wireguard.*
//   step-ca.* traces.<id>.*
// and, from the run, saved names and members of the last result (reply, error, cert, wg, ...).
#pragma once

#include <jansson.h>

#include "base/err.h"

struct run;
struct world;

struct world *world_new(struct run *run);
void world_free(struct world *w);
// What was fetched may have changed: the next look fetches again.
void world_forget(struct world *w);

enum world_sight {
	WORLD_SEEN,    // *out is the value, NULL = absent
	WORLD_HIDDEN,  // the system is not observable (external, off, down); why says so
	WORLD_UNKNOWN, // no path begins like this; why says what there is
};
// *out is borrowed until world_forget.
enum world_sight world_look(struct world *w, const char *path, const json_t **out, struct why *why);
// A whole system ("thingsboard", "bridge.devices"); NULL when hidden.
const json_t *world_system(struct world *w, const char *name, struct why *why);

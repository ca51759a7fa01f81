// SPDX-License-Identifier: Apache-2.0
// ThingsBoard's REST API as far as the bridge needs it (contracts/thingsboard.md 1-3). The access
// token is kept and renewed when ThingsBoard says 401; callers that need one at the same time share
// one login. Loop thread.
#pragma once

#include "base/log.h"
#include "bridge/upstream.h"

struct thingsboard;

// Everything in u and log is borrowed for its life. The user must be a tenant administrator.
enum err ERR_MUST_CHECK thingsboard_new(struct thingsboard **out, const struct upstream *u,
					const struct log *log);
// Ends what is in flight without callbacks.
void thingsboard_free(struct thingsboard *t);

// Finds the device by its exact name and writes SERVER_SCOPE attributes wg_ip and wg_public_key;
// NULL leaves one out. No such device: ERR_NOT_FOUND. done is called once, from the loop.
enum err ERR_MUST_CHECK thingsboard_set_attributes(struct thingsboard *t, const char *device_name,
						   const char *wg_ip, const char *wg_public_key,
						   upstream_done_fn *done, void *ctx);
// Finds the device by name and deletes it; absent is success.
enum err ERR_MUST_CHECK thingsboard_delete_device(struct thingsboard *t, const char *device_name,
						  upstream_done_fn *done, void *ctx);

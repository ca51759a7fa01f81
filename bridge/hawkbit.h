// SPDX-License-Identifier: Apache-2.0
// hawkBit's Management API as far as the bridge needs it (contracts/hawkbit.md 2.1, 2.2). Loop
// thread.
#pragma once

#include "base/log.h"
#include "bridge/upstream.h"

struct hawkbit;

// Everything in u and log is borrowed for its life.
enum err ERR_MUST_CHECK hawkbit_new(struct hawkbit **out, const struct upstream *u,
				    const struct log *log);
// Ends what is in flight without callbacks.
void hawkbit_free(struct hawkbit *h);

// GET the target; 404: POST it (409 is fine: somebody else was faster), then the metadata
// device_type (when told) and source, whose failure is only logged. done is called once, from the
// loop.
enum err ERR_MUST_CHECK hawkbit_ensure_target(struct hawkbit *h, const char *controller_id,
					      const char *device_type, upstream_done_fn *done,
					      void *ctx);
// DELETE; 404 is success.
enum err ERR_MUST_CHECK hawkbit_delete_target(struct hawkbit *h, const char *controller_id,
					      upstream_done_fn *done, void *ctx);

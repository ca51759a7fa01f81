// SPDX-License-Identifier: Apache-2.0
// Enrollment: from a CSR to certificate, tunnel address and wg0.conf (design.md 2.2). Loop thread.
#pragma once

#include "bridge/bridge.h"

struct enroll_desk;

// Reads the allow list and prepares what all replies share. b is borrowed.
enum err ERR_MUST_CHECK enroll_desk_new(struct enroll_desk **out, struct bridge *b,
					struct why *why);
// Requests that still wait are dropped without an answer.
void enroll_desk_free(struct enroll_desk *d);
// Reads the allow list anew; the old one stays when that fails.
enum err ERR_MUST_CHECK enroll_desk_reload(struct enroll_desk *d, struct why *why);

// The name of a step, in their order; NULL behind the last.
const char *enroll_step_name(size_t step);

// Handlers; ctx is the struct bridge.
void enroll_post(struct http_req *req, void *ctx);	  // POST /devices/{device_id}/enroll
void enroll_post_native(struct http_req *req, void *ctx); // POST /v1/enroll

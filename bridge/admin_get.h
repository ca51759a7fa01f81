// SPDX-License-Identifier: Apache-2.0
// GET /devices and GET /devices/{device_id}: what the bridge remembers, for operators and checks.
#pragma once

#include "bridge/store.h"
#include "net/http_server.h"

// Handlers; ctx is the struct bridge.
void admin_list_devices(struct http_req *req, void *ctx);
void admin_get_device(struct http_req *req, void *ctx);

// Pure: the JSON of one device; certificates and tasks may be none. now_ms decides which
// certificate has expired. NULL when memory is out.
json_t *admin_device_to_json(const struct store_answer *a, int64_t now_ms);

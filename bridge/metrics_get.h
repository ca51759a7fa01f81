// SPDX-License-Identifier: Apache-2.0
// GET /metrics: the bridge for Prometheus.
#pragma once

#include "net/http_server.h"

// Handler; ctx is the struct bridge.
void metrics_get(struct http_req *req, void *ctx);

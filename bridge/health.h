// SPDX-License-Identifier: Apache-2.0
// GET /health and GET /ready.
#pragma once

#include "net/http_server.h"

// Handlers; ctx is the struct bridge.
void health_get(struct http_req *req, void *ctx);
void ready_get(struct http_req *req, void *ctx);

// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json: the API's description (OpenAPI 3.1), openapi.json embedded at build time.
#pragma once

#include "net/http_server.h"

// The document, terminated.
extern const char openapi_json[];
extern const size_t openapi_json_bytes; // without the terminator

// Handler.
void openapi_get(struct http_req *req, void *ctx);

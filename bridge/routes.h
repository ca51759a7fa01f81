// SPDX-License-Identifier: Apache-2.0
// Every call that the bridge answers, in one table.
#pragma once

#include "net/http_server.h"

// ctx of all handlers is the struct bridge.
extern const struct http_route bridge_routes[];
extern const size_t n_bridge_routes;

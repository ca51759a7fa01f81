// SPDX-License-Identifier: Apache-2.0
// For a request that matched no route: the route that its sender may have meant.
#pragma once

#include "net/http_server.h"

// Writes "METHOD /path/{of}/the/route" of the row that differs least from the request, if one is
// near enough to be worth a mention; false: none. Costs microseconds a route, for unmatched
// requests only.
bool nearest_route(char *out, size_t size, const struct http_route *routes, size_t n_routes,
		   const char *method, const char *path);

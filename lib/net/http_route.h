// SPDX-License-Identifier: Apache-2.0
// Matching a path against a route table, by segments; no regular expressions.
#pragma once

#include "base/arena.h"
#include "net/http_server.h"

enum { HTTP_PARAMS_MAX = 4 };

struct http_params {
	struct {
		struct bytes name; // inside the route's path
		const char *value; // decoded, in the arena
	} at[HTTP_PARAMS_MAX];
	size_t n;
};

struct http_match {
	const struct http_route *route; // NULL when none fits path and method
	bool path_known;		// some route has this path, whatever the method
	bool bad_escape;		// a parameter is not valid percent-encoding
	struct http_params params;
};

// path is raw (not decoded), without the query. Parameters must not be empty.
struct http_match http_route_match(const struct http_route *routes, size_t n, const char *method,
				   const char *path, struct arena *arena);
// The methods that the routes have for this path, "DELETE, GET, HEAD"; in the arena.
const char *http_route_allow(const struct http_route *routes, size_t n, const char *path,
			     struct arena *arena);

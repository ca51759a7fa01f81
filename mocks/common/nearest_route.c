// SPDX-License-Identifier: Apache-2.0
// Edit distance (Levenshtein, 1966) between paths, with a route's parameters standing for whatever
// the request has in their place.
#include "common/nearest_route.h"

#include <stdio.h>
#include <string.h>

enum {
	PATH_MAX_CHARS = 128,
	// A wrong method on the right path is nearer than any misspelling.
	METHOD_COST = 1,
};

// The route's path with each {parameter} replaced by the segment that the request has there.
static void
fill_parameters(char out[static PATH_MAX_CHARS + 1], const char *route, const char *path)
{
	size_t n = 0;
	while (*route && n < PATH_MAX_CHARS) {
		size_t path_segment = strcspn(path, "/");
		size_t route_segment = strcspn(route, "/");
		bool parameter = route_segment > 1 && route[0] == '{' && path_segment > 0;
		size_t k = parameter ? path_segment : route_segment;
		if (k > PATH_MAX_CHARS - n)
			k = PATH_MAX_CHARS - n;
		memcpy(out + n, parameter ? path : route, k);
		n += k;
		route += route_segment;
		path += path_segment;
		path += *path == '/';
		if (*route == '/' && n < PATH_MAX_CHARS) {
			out[n++] = '/';
			route++;
		}
	}
	out[n] = 0;
}

static unsigned
edit_distance(const char *a, const char *b)
{
	unsigned row[PATH_MAX_CHARS + 1];
	size_t na = strnlen(a, PATH_MAX_CHARS);
	size_t nb = strnlen(b, PATH_MAX_CHARS);
	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			best = row[j] + 1 < best ? row[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[nb];
}

bool
nearest_route(char *out, size_t size, const struct http_route *routes, size_t n_routes,
	      const char *method, const char *path)
{
	const struct http_route *best = NULL;
	unsigned best_cost = 0;
	size_t best_length = 0;
	for (size_t i = 0; i < n_routes; i++) {
		char filled[PATH_MAX_CHARS + 1];
		fill_parameters(filled, routes[i].path, path);
		unsigned cost = 2 * edit_distance(filled, path) +
				(strcmp(routes[i].method, method) != 0 ? METHOD_COST : 0);
		if (!best || cost < best_cost) {
			best = &routes[i];
			best_cost = cost;
			best_length = strlen(filled);
		}
	}
	size_t length = strnlen(path, PATH_MAX_CHARS);
	// More than half of the longer path different: not a misspelling.
	if (!best || best_cost > (length > best_length ? length : best_length))
		return false;
	snprintf(out, size, "%s %s", best->method, best->path);
	return true;
}

// SPDX-License-Identifier: Apache-2.0
#include "net/http_route.h"

#include <stdio.h>

#include "base/encode.h"

static struct bytes
next_segment(const char **path)
{
	const char *start = *path + (**path == '/');
	size_t n = strcspn(start, "/");
	*path = start + n;
	return BYTES(start, n);
}

static bool
is_param(struct bytes segment)
{
	return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

// Binds raw parameters; they are decoded only for the route that wins.
static bool
path_fits(const char *pattern, const char *path, struct http_params *params)
{
	params->n = 0;
	while (*pattern && *path) {
		struct bytes want = next_segment(&pattern);
		struct bytes got = next_segment(&path);
		if (is_param(want)) {
			if (got.n == 0 || params->n == HTTP_PARAMS_MAX)
				return false;
			params->at[params->n].name = BYTES(want.p + 1, want.n - 2);
			params->at[params->n++].value = (const char *)got.p;
		} else if (!bytes_equal(want, got)) {
			return false;
		}
	}
	return *pattern == '\0' && *path == '\0';
}

static bool
method_fits(const struct http_route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static bool
decode_params(struct http_params *params, struct arena *arena)
{
	for (size_t i = 0; i < params->n; i++) {
		const char *raw = params->at[i].value;
		char *value = arena_strndup(arena, raw, strcspn(raw, "/"));
		if (!value || percent_decode(value) != ERR_OK)
			return false;
		params->at[i].value = value;
	}
	return true;
}

struct http_match
http_route_match(const struct http_route *routes, size_t n, const char *method, const char *path,
		 struct arena *arena)
{
	struct http_match match = {0};
	for (size_t i = 0; i < n; i++) {
		struct http_params params;
		if (!path_fits(routes[i].path, path, &params))
			continue;
		match.path_known = true;
		if (!method_fits(&routes[i], method))
			continue;
		match.route = &routes[i];
		match.params = params;
		match.bad_escape = !decode_params(&match.params, arena);
		return match;
	}
	return match;
}

const char *
http_route_allow(const struct http_route *routes, size_t n, const char *path, struct arena *arena)
{
	const char *list = "";
	for (size_t i = 0; i < n; i++) {
		struct http_params params;
		if (!path_fits(routes[i].path, path, &params))
			continue;
		bool get = strcmp(routes[i].method, "GET") == 0;
		const char *longer = arena_printf(arena, "%s%s%s%s", list, *list ? ", " : "",
						  routes[i].method, get ? ", HEAD" : "");
		list = longer ? longer : list;
	}
	return list;
}

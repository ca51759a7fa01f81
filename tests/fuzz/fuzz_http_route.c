// SPDX-License-Identifier: Apache-2.0
// A method, a blank, a path: against routes of every shape that our servers have.
#include "fuzz.h"
#include "net/http_route.h"

static void
handler(struct http_req *req, void *ctx)
{
	(void)req;
	(void)ctx;
}

static const struct http_route routes[] = {
	{"GET",	"/",					      handler, 0, "root"      },
	{"GET",	"/devices",				       handler, 0, "list"      },
	{"GET",	"/devices/{device_id}",				handler, 0, "get"	 },
	{"DELETE", "/devices/{device_id}",			   handler, 0, "delete"    },
	{"POST",	 "/devices/{device_id}/enroll",			handler, 9, "enroll"    },
	{"GET",	"/a/{one}/b/{two}/c/{three}/d/{four}",	       handler, 0, "four"	 },
	{"GET",	"/{tenant}/controller/v1/{id}",			handler, 0, "controller"},
	{"PUT",	"/api/plugins/{entity_type}/{entity_id}/{scope}", handler, 0, "attributes"},
};

static void
check_match(const struct http_match *m, const char *path)
{
	FUZZ_CHECK(!m->route || m->path_known);
	if (!m->route || m->bad_escape)
		return;
	size_t braces = 0;
	for (const char *p = m->route->path; *p; p++)
		braces += *p == '{';
	FUZZ_CHECK(m->params.n == braces);
	for (size_t i = 0; i < m->params.n; i++) {
		const char *value = m->params.at[i].value;
		FUZZ_CHECK(value && value[0] && strlen(value) <= strlen(path));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	AUTO(free) char *method = fuzz_text(fuzz_take_until(&in, ' '));
	AUTO(free) char *path = fuzz_text(in);
	struct arena arena;
	arena_init(&arena, 64 * 1024);
	struct http_match m = http_route_match(routes, N_ELEMENTS(routes), method, path, &arena);
	check_match(&m, path);
	if (m.path_known) {
		const char *allow = http_route_allow(routes, N_ELEMENTS(routes), path, &arena);
		FUZZ_CHECK(allow && allow[0]);
	}
	arena_fini(&arena);
	return 0;
}

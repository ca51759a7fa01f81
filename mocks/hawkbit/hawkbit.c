// SPDX-License-Identifier: Apache-2.0
// The server: routes, life, state.
#include "hawkbit/hawkbit.h"

#include <stdio.h>

#include "hawkbit/mgmt.h"

#define KIB 1024

enum {
	PATH_MAX_BYTES = 512,
	BODY_MAX = 2 * KIB * KIB, // Tomcat's maxPostSize; a few thousand targets a request
};

#define TARGETS	 "/rest/v1/targets"
#define TARGET	 TARGETS "/{controllerId}"
#define METADATA TARGET "/metadata"

#define GETS	MGMT_PRODUCES_JSON
#define WRITES	(MGMT_CONSUMES_JSON | MGMT_PRODUCES_JSON | MGMT_CHANGES)
#define REMOVES MGMT_CHANGES

const struct mgmt_route mgmt_routes[] = {
	{"GET",	"/rest/v1/userinfo",  0,	"userinfo",	    GETS,	  userinfo_get   },
	{"POST",	 TARGETS,		  BODY_MAX, "targets.create",  WRITES,  targets_create },
	{"GET",	TARGETS,		 0,	    "targets.list",    GETS,	  targets_list   },
	{"GET",	TARGET,		0,	   "targets.get",	  GETS,	targets_get	   },
	{"PUT",	TARGET,		64 * KIB, "targets.update",  WRITES,  targets_update },
	{"DELETE", TARGET,		   0,	      "targets.delete",	REMOVES, targets_delete },
	{"GET",	TARGET "/attributes", 0,	 "attributes.get",  GETS,	 attributes_get },
	{"GET",	METADATA,		  0,	     "metadata.list",   GETS,    metadata_list	 },
	{"POST",	 METADATA,		   BODY_MAX, "metadata.create", WRITES,	metadata_create},
	{"GET",	METADATA "/{key}",	   0,	      "metadata.get",    GETS,    metadata_get	},
	{"PUT",	METADATA "/{key}",	   64 * KIB, "metadata.update", WRITES,	metadata_update},
	{"DELETE", METADATA "/{key}",    0,	 "metadata.delete", REMOVES, metadata_delete},
};
const size_t mgmt_n_routes = N_ELEMENTS(mgmt_routes);

static const struct fault_term on_terms[] = {
	{"userinfo",	     "GET /userinfo"			    },
	{"targets.create",  "POST /targets"			  },
	{"targets.list",	 "GET /targets"		       },
	{"targets.get",	"GET /targets/{id}"		   },
	{"targets.update",  "PUT /targets/{id}"		      },
	{"targets.delete",  "DELETE /targets/{id}"		 },
	{"attributes.get",  "GET /targets/{id}/attributes"	 },
	{"metadata.list",	  "GET /targets/{id}/metadata"	      },
	{"metadata.create", "POST /targets/{id}/metadata"	 },
	{"metadata.get",	 "GET /targets/{id}/metadata/{key}"   },
	{"metadata.update", "PUT /targets/{id}/metadata/{key}"   },
	{"metadata.delete", "DELETE /targets/{id}/metadata/{key}"},
};

static const struct fault_term semantic_terms[] = {
	{"target-conflict",
	 "POST /targets answers 409 entityAlreadyExists for a target that is not there"		       },
	{"concurrent-modification",
	 "a change answers 409 concurrentModification: two requests at once"			    },
	{"no-permission",		  "403 insufficientPermission: the user may log in but not do this"  },
	{"rate-limit",	       "429 without a body, as the filter for requests per second answers"},
	{"token-missing",		  "answers lack securityToken: the user may not read it"		},
};

const struct fault_vocabulary hawkbit_vocabulary = {
	.on = on_terms,
	.n_on = N_ELEMENTS(on_terms),
	.semantic = semantic_terms,
	.n_semantic = N_ELEMENTS(semantic_terms),
	.kinds = FAULT_KINDS_HTTP | FAULT_SEMANTIC,
	.status_min = 200,
	.status_max = 599,
};

static bool
before(struct http_req *req, void *ctx)
{
	struct hawkbit *h = ctx;
	const struct http_route *route = http_req_route(req);
	if (route)
		h->requests[route - h->routes]++;
	if (http_faults_before(&h->http, req))
		return true;
	// Here and not only in the handlers, because a path with a bad escape reaches none.
	if (!mgmt_firewall_refuses(http_req_path(req)))
		return false;
	reply_spring(req, 400);
	return true;
}

static bool
after(struct http_req *req, int status, void *ctx)
{
	struct hawkbit *h = ctx;
	return http_faults_after(&h->http, req, status);
}

static void
on_finish(struct http_req *req, int status, void *ctx)
{
	struct hawkbit *h = ctx;
	http_faults_on_finish(&h->http, req, status);
}

// The first controllerId in a body, without parsing all of it: only faults and the journal look at
// it.
static const char *
device_in_body(struct bytes body, struct arena *arena)
{
	static const char key[] = "\"controllerId\"";
	const uint8_t *at = body.n ? memmem(body.p, body.n, key, sizeof(key) - 1) : NULL;
	const uint8_t *end = body.p + body.n;
	if (!at)
		return NULL;
	for (at += sizeof(key) - 1; at < end && strchr(" \t\r\n:", *at) && *at; at++)
		;
	if (at >= end || *at++ != '"')
		return NULL;
	const uint8_t *quote = memchr(at, '"', (size_t)(end - at));
	return quote ? arena_strndup(arena, at, (size_t)(quote - at)) : NULL;
}

static const char *
device_of(struct http_req *req, void *ctx)
{
	(void)ctx;
	const char *id = http_req_param(req, "controllerId");
	return id ? id : device_in_body(http_req_body(req), http_req_arena(req));
}

static enum err
build_routes(struct hawkbit *h)
{
	h->routes = calloc(mgmt_n_routes, sizeof(*h->routes));
	h->paths = calloc(mgmt_n_routes, sizeof(*h->paths));
	h->requests = calloc(mgmt_n_routes, sizeof(*h->requests));
	if (!h->routes || !h->paths || !h->requests)
		return ERR_NOMEM;
	for (size_t i = 0; i < mgmt_n_routes; i++) {
		const struct mgmt_route *row = &mgmt_routes[i];
		if (asprintf(&h->paths[i], "%s%s", h->o.context_path, row->path) < 0) {
			h->paths[i] = NULL;
			return ERR_NOMEM;
		}
		h->routes[i] = (struct http_route){.method = row->method,
						   .path = h->paths[i],
						   .handler = mgmt_entry,
						   .body_max = row->body_max,
						   .name = row->name};
	}
	return ERR_OK;
}

static const struct http_error_style error_style = {
	.not_found = mgmt_not_found,
	.method_not_allowed = mgmt_method_not_allowed,
	.too_large = mgmt_too_large,
};

static enum err
serve(struct hawkbit *h, uv_loop_t *loop, struct why *why)
{
	if (build_routes(h) != ERR_OK)
		return why_set(why, ERR_NOMEM, "out of memory");
	h->http = (struct http_faults){.plan = h->o.faults,
				       .journal = h->o.journal,
				       .routes = h->routes,
				       .n_routes = mgmt_n_routes,
				       .device = device_of,
				       .ctx = h};
	const struct http_server_options options = {.server_name = "hawkbit",
						    .addr = h->o.addr,
						    .routes = h->routes,
						    .n_routes = mgmt_n_routes,
						    .ctx = h,
						    .errors = &error_style,
						    .log = h->o.log,
						    .before = before,
						    .after = after,
						    .on_finish = on_finish};
	return http_server_new(&h->server, loop, &options, why);
}

enum err
hawkbit_new(struct hawkbit **out, uv_loop_t *loop, const struct hawkbit_options *o, struct why *why)
{
	const char *c = o->context_path;
	size_t n = strlen(c);
	if (n && (c[0] != '/' || c[n - 1] == '/' || n > PATH_MAX_BYTES || strpbrk(c, "{}?# ")))
		return why_set(
			why, ERR_INPUT,
			"context path \"%.64s\" must look like /hawkbit: a slash first, none "
			"at the end",
			c);
	struct hawkbit *h = calloc(1, sizeof(*h));
	if (!h)
		return why_set(why, ERR_NOMEM, "out of memory");
	h->o = *o;
	target_store_init(&h->targets);
	enum err err = serve(h, loop, why);
	if (err != ERR_OK) {
		hawkbit_free(h);
		return err;
	}
	*out = h;
	return ERR_OK;
}

struct addr
hawkbit_addr(const struct hawkbit *h)
{
	return http_server_addr(h->server);
}

void
hawkbit_stop(struct hawkbit *h)
{
	if (h->server)
		http_server_free(h->server);
	h->server = NULL;
}

void
hawkbit_free(struct hawkbit *h)
{
	if (!h)
		return;
	for (size_t i = 0; h->paths && i < mgmt_n_routes; i++)
		free(h->paths[i]);
	free(h->paths);
	free(h->routes);
	free(h->requests);
	target_store_fini(&h->targets);
	free(h);
}

static json_t *
target_state(const struct target *t)
{
	json_t *metadata = t->metadata ? json_copy(t->metadata) : json_object();
	json_t *attributes = t->attributes ? json_copy(t->attributes) : json_object();
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", t->name, "updateStatus",
			 update_status_name(t->update_status), "createdBy", t->created_by,
			 "metadata", metadata, "attributes", attributes);
}

json_t *
hawkbit_state(void *ctx, const char *device)
{
	const struct hawkbit *h = ctx;
	json_t *targets = json_object();
	json_t *requests = json_object();
	const struct target *one = device ? target_store_find(&h->targets, device) : NULL;
	if (one)
		json_object_set_new(targets, one->controller_id, target_state(one));
	const struct target *first = device ? NULL : h->targets.by_controller_id;
	for (const struct target *t = first; t; t = t->hh.next)
		json_object_set_new(targets, t->controller_id, target_state(t));
	for (size_t i = 0; i < mgmt_n_routes; i++)
		json_object_set_new(requests, mgmt_routes[i].name,
				    json_integer((json_int_t)h->requests[i]));
	return json_pack("{s:o, s:o}", "targets", targets, "requests", requests);
}

void
hawkbit_reset(void *ctx)
{
	struct hawkbit *h = ctx;
	target_store_fini(&h->targets);
	memset(h->requests, 0, mgmt_n_routes * sizeof(*h->requests));
}

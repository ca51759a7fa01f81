// SPDX-License-Identifier: Apache-2.0
// What the files of the Management API share.
#pragma once

#include "hawkbit/hawkbit.h"
#include "hawkbit/reply.h"
#include "hawkbit/target.h"

enum {
	MGMT_CONSUMES_JSON = 1 << 0, // application/json or application/hal+json, else 415
	MGMT_PRODUCES_JSON = 1 << 1, // the same for Accept, else 406
	MGMT_CHANGES = 1 << 2,	     // for semantic faults that concern changes
};

typedef void mgmt_handler(struct hawkbit *h, struct http_req *req);

struct mgmt_route {
	const char *method;
	const char *path; // below the context path
	size_t body_max;
	const char *name;
	unsigned flags;
	mgmt_handler *handler;
};

extern const struct mgmt_route mgmt_routes[];
extern const size_t mgmt_n_routes;

struct hawkbit {
	struct hawkbit_options o;
	struct http_server *server;
	struct http_route *routes; // mgmt_routes with the context path in front
	char **paths;		   // theirs
	uint64_t *requests;	   // by route
	struct http_faults http;
	struct target_store targets;
};

// Handlers of http_server: firewall, authentication, negotiation, then the row's own handler.
void mgmt_entry(struct http_req *req, void *ctx);
void mgmt_not_found(struct http_req *req, void *ctx);
void mgmt_method_not_allowed(struct http_req *req, const char *allow, void *ctx);
void mgmt_too_large(struct http_req *req, void *ctx);

// What Spring's StrictHttpFirewall would not let through: //, ;, \ and the escapes of such.
bool mgmt_firewall_refuses(const char *path);

// The target that the path names, or NULL: then the request was answered 404.
struct target *mgmt_target_of(struct hawkbit *h, struct http_req *req);
// The body as JSON; NULL: then the request was answered 400. New reference.
json_t *mgmt_body(struct hawkbit *h, struct http_req *req);
// What hrefs begin with ("http://h:8070/hawkbit/rest/v1"), in the request's arena.
const char *mgmt_base_url(const struct hawkbit *h, struct http_req *req);

mgmt_handler userinfo_get;
mgmt_handler targets_create;
mgmt_handler targets_list;
mgmt_handler targets_get;
mgmt_handler targets_update;
mgmt_handler targets_delete;
mgmt_handler attributes_get;
mgmt_handler metadata_list;
mgmt_handler metadata_create;
mgmt_handler metadata_get;
mgmt_handler metadata_update;
mgmt_handler metadata_delete;

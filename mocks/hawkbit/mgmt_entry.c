// SPDX-License-Identifier: Apache-2.0
// The way of every request before its handler, in Spring's order: firewall, authentication, then
// what the route takes and gives.
#include <stdio.h>
#include <strings.h>

#include "base/encode.h"
#include "hawkbit/mgmt.h"

enum { CREDENTIALS_MAX = 1024 };

// What Spring's StrictHttpFirewall refuses in a path, whatever route it would be.
static const char *const forbidden_in_path[] = {"//",  ";",   "\\",  "%2f", "%5c", "%25",
						"%00", "%0a", "%0d", "%3b", "%2e"};

bool
mgmt_firewall_refuses(const char *path)
{
	for (size_t i = 0; i < N_ELEMENTS(forbidden_in_path); i++) {
		if (strcasestr(path, forbidden_in_path[i]))
			return true;
	}
	return false;
}

// RFC 7617: base64(user ":" password).
static bool
credentials_match(const struct hawkbit *h, const char *header)
{
	BUF_AUTO struct buf given;
	buf_init(&given, CREDENTIALS_MAX);
	if (!header || strncasecmp(header, "Basic ", 6) != 0 ||
	    base64_decode(&given, BYTES_STR(header + 6)) != ERR_OK || given.len == 0)
		return false;
	const uint8_t *colon = memchr(given.data, ':', given.len);
	if (!colon)
		return false;
	size_t n = (size_t)(colon - given.data);
	return bytes_is(BYTES(given.data, n), h->o.user) &&
	       secret_equal(h->o.password, BYTES(colon + 1, given.len - n - 1));
}

// True: the request may go on; false: it was answered.
static bool
admit(struct hawkbit *h, struct http_req *req)
{
	if (mgmt_firewall_refuses(http_req_path(req))) {
		reply_spring(req, 400);
		return false;
	}
	if (!credentials_match(h, http_req_header(req, "Authorization"))) {
		http_reply_header(req, "WWW-Authenticate", "Basic realm=\"hawkBit\"");
		reply_spring(req, 401);
		return false;
	}
	return true;
}

static bool
type_is_json(const char *type)
{
	size_t n = type ? strcspn(type, "; \t") : 0;
	return (n == 16 && strncasecmp(type, "application/json", n) == 0) ||
	       (n == 20 && strncasecmp(type, "application/hal+json", n) == 0);
}

// True: the route takes what is sent and gives what is wanted; false: the request was answered.
static bool
negotiate(const struct mgmt_route *route, struct http_req *req)
{
	if ((route->flags & MGMT_CONSUMES_JSON) &&
	    !type_is_json(http_req_header(req, "Content-Type"))) {
		http_reply_header(req, "Accept", "application/json, application/hal+json");
		reply_spring(req, 415);
		return false;
	}
	if ((route->flags & MGMT_PRODUCES_JSON) &&
	    !reply_negotiate(http_req_header(req, "Accept"))) {
		reply_spring(req, 406);
		return false;
	}
	return true;
}

// Semantic faults that any route can have. True: the request was answered.
static bool
misbehave(struct hawkbit *h, const struct mgmt_route *route, struct http_req *req)
{
	const char *device = http_req_param(req, "controllerId");
	struct refusal refusal = {0};
	if (fault_plan_is_empty(h->o.faults))
		return false;
	if (fault_plan_match_semantic(h->o.faults, route->name, device, "rate-limit")) {
		reply_bare(req, 429);
		return true;
	}
	if (fault_plan_match_semantic(h->o.faults, route->name, device, "no-permission"))
		refusal.kind = REFUSE_PERMISSION;
	else if ((route->flags & MGMT_CHANGES) &&
		 fault_plan_match_semantic(h->o.faults, route->name, device,
					   "concurrent-modification"))
		refusal.kind = REFUSE_CONCURRENT;
	else
		return false;
	reply_refusal(req, h->o.release, &refusal);
	return true;
}

void
mgmt_entry(struct http_req *req, void *ctx)
{
	struct hawkbit *h = ctx;
	const struct mgmt_route *route = &mgmt_routes[http_req_route(req) - h->routes];
	if (!admit(h, req) || !negotiate(route, req) || misbehave(h, route, req))
		return;
	route->handler(h, req);
}

void
mgmt_not_found(struct http_req *req, void *ctx)
{
	if (admit(ctx, req))
		reply_spring(req, 404);
}

void
mgmt_too_large(struct http_req *req, void *ctx)
{
	if (admit(ctx, req))
		reply_spring(req, 413);
}

void
mgmt_method_not_allowed(struct http_req *req, const char *allow, void *ctx)
{
	if (!admit(ctx, req))
		return;
	// Spring names what was declared; HEAD is only implied by GET.
	char declared[128] = "";
	while (*allow) {
		allow += strspn(allow, ", ");
		size_t n = strcspn(allow, ",");
		size_t used = strlen(declared);
		if (n && strncmp(allow, "HEAD", n) != 0)
			snprintf(declared + used, sizeof(declared) - used, "%s%.*s",
				 used ? "," : "", (int)n, allow);
		allow += n;
	}
	http_reply_header(req, "Allow", declared);
	reply_spring(req, 405);
}

struct target *
mgmt_target_of(struct hawkbit *h, struct http_req *req)
{
	const char *id = http_req_param(req, "controllerId");
	struct target *t = target_store_find(&h->targets, id);
	struct refusal refusal;
	if (!t) {
		refuse_not_found(&refusal, "Target", id);
		reply_refusal(req, h->o.release, &refusal);
	}
	return t;
}

json_t *
mgmt_body(struct hawkbit *h, struct http_req *req)
{
	struct bytes body = http_req_body(req);
	json_t *json = json_loadb((const char *)body.p, body.n, 0, NULL);
	if (!json) {
		struct refusal refusal = {.kind = REFUSE_NOT_READABLE};
		reply_refusal(req, h->o.release, &refusal);
	}
	return json;
}

const char *
mgmt_base_url(const struct hawkbit *h, struct http_req *req)
{
	const char *host = http_req_header(req, "Host");
	char own[ADDR_TEXT_BYTES];
	if (!host) {
		struct addr addr = http_server_addr(h->server);
		addr_format(own, &addr);
		host = own;
	}
	const char *url =
		arena_printf(http_req_arena(req), "http://%s%s/rest/v1", host, h->o.context_path);
	return url ? url : "";
}

// SPDX-License-Identifier: Apache-2.0
#include "bridge/routes.h"

#include "bridge/admin_get.h"
#include "bridge/bridge.h"
#include "bridge/decommission.h"
#include "bridge/enroll.h"
#include "bridge/health.h"
#include "bridge/metrics_get.h"
#include "bridge/openapi.h"
#include "bridge/pki_root.h"
#include "bridge/reply.h"
#include "bridge/webhook.h"

enum {
	BODY_MAX = 64 * 1024,
	NO_BODY = 1024,
};

static void
post_webhook(struct http_req *req, void *ctx)
{
	struct bridge *b = ctx;
	webhook_post(b->webhook, req);
}

static void
delete_device(struct http_req *req, void *ctx)
{
	struct bridge *b = ctx;
	if (admin_is_allowed(req, &b->config.admin_token))
		decommission_delete(b->decommission, req);
}

// clang-format off
const struct http_route bridge_routes[] = {
	{"POST",   "/devices/{device_id}/enroll", enroll_post,        BODY_MAX, "enroll"},
	{"POST",   "/v1/enroll",                  enroll_post_native, BODY_MAX, "enroll_native"},
	{"POST",   "/webhooks/thingsboard",       post_webhook,       BODY_MAX, "webhook"},
	{"GET",    "/devices",                    admin_list_devices, NO_BODY,  "devices"},
	{"GET",    "/devices/{device_id}",        admin_get_device,   NO_BODY,  "device"},
	{"DELETE", "/devices/{device_id}",        delete_device,      NO_BODY,  "decommission"},
	{"GET",    "/pki/root/{fingerprint}",     pki_root_get,       NO_BODY,  "pki_root"},
	{"GET",    "/health",                     health_get,         NO_BODY,  "health"},
	{"GET",    "/ready",                      ready_get,          NO_BODY,  "ready"},
	{"GET",    "/metrics",                    metrics_get,        NO_BODY,  "metrics"},
	{"GET",    "/openapi.json",               openapi_get,        NO_BODY,  "openapi"},
};
// clang-format on
const size_t n_bridge_routes = N_ELEMENTS(bridge_routes);

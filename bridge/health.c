// SPDX-License-Identifier: Apache-2.0
#include "bridge/health.h"

#include "bridge/bridge.h"
#include "bridge/wireguard.h"

void
health_get(struct http_req *req, void *ctx)
{
	(void)ctx;
	http_reply_json(req, 200,
			json_pack("{s:s, s:s}", "status", "ok", "service", "iot-bridge-api"));
}

// A WireGuard server that is
// away is told, but its peers are queued and nobody is turned away.
void
ready_get(struct http_req *req, void *ctx)
{
	const struct bridge *b = ctx;
	json_t *missing = json_array();
	json_t *degraded = json_array();
	if (!stepca_is_loaded(b->stepca))
		json_array_append_new(
			missing, json_string("step-ca: root and provisioner key not loaded yet"));
	if (b->draining)
		json_array_append_new(missing, json_string("the bridge is stopping"));
	if (b->wireguard && !wireguard_is_connected(b->wireguard))
		json_array_append_new(
			degraded, json_string("WireGuard server: not connected, peers are queued"));
	bool ready = bridge_is_ready(b);
	http_reply_json(req, ready ? 200 : 503,
			json_pack("{s:s, s:o, s:o}", "status", ready ? "ready" : "not_ready",
				  "missing", missing, "degraded", degraded));
}

// SPDX-License-Identifier: Apache-2.0
#include "bridge/metrics_get.h"

#include <stdio.h>

#include "base/metrics.h"
#include "bridge/bridge.h"
#include "bridge/enroll.h"
#include "bridge/meters.h"
#include "bridge/peers_file.h"
#include "bridge/routes.h"
#include "bridge/task.h"
#include "bridge/tls.h"
#include "bridge/wireguard.h"

enum {
	ANSWER_MAX = 4 * 1024 * 1024,
};

// clang-format off
#define LABELS(...) ((const struct metric_label[]){__VA_ARGS__, {NULL, NULL}})
// clang-format on

enum family {
	REQUESTS,
	REQUEST_SECONDS,
	REQUESTS_NOW,
	CONNECTIONS,
	ENROLLMENTS,
	ENROLL_STEP_SECONDS,
	CALLS,
	CALL_SECONDS,
	TASKS,
	TASKS_ENDED,
	STORE_DEPTH,
	POOL_SIZE,
	POOL_USED,
	CERTIFICATE_EXPIRY,
	READY,
	WIREGUARD_CONNECTED,
	BUILD,
};

// clang-format off
static const struct metric families[] = {
	[REQUESTS] = {"iot_bridge_http_requests_total", METRIC_COUNTER,
		"Requests by route and status; \"aborted\": the connection ended before the answer was out."},
	[REQUEST_SECONDS] = {"iot_bridge_http_request_duration_seconds", METRIC_HISTOGRAM,
		"From a request's head to the end of its answer."},
	[REQUESTS_NOW] = {"iot_bridge_http_requests_in_flight", METRIC_GAUGE,
		"Requests that are not answered yet, this one included."},
	[CONNECTIONS] = {"iot_bridge_http_connections", METRIC_GAUGE, "Open connections."},
	[ENROLLMENTS] = {"iot_bridge_enrollments_total", METRIC_COUNTER,
		"Enrollments by result: ok, or the problem they were answered with."},
	[ENROLL_STEP_SECONDS] = {"iot_bridge_enroll_step_duration_seconds", METRIC_HISTOGRAM,
		"Steps of an enrollment that were completed."},
	[CALLS] = {"iot_bridge_upstream_calls_total", METRIC_COUNTER,
		"Operations on other systems by result."},
	[CALL_SECONDS] = {"iot_bridge_upstream_call_duration_seconds", METRIC_HISTOGRAM,
		"Operations on other systems, each with all the requests and retries that it takes."},
	[TASKS] = {"iot_bridge_tasks", METRIC_GAUGE,
		"Tasks that this process holds, by the system they need; those that wait out a backoff are not among them."},
	[TASKS_ENDED] = {"iot_bridge_task_attempts_total", METRIC_COUNTER,
		"Attempts at tasks by the system they need and how they ended."},
	[STORE_DEPTH] = {"iot_bridge_store_operations", METRIC_GAUGE,
		"Operations of the store that are queued or running."},
	[POOL_SIZE] = {"iot_bridge_wireguard_addresses", METRIC_GAUGE,
		"Addresses of WG_SUBNET that devices can have."},
	[POOL_USED] = {"iot_bridge_wireguard_addresses_used", METRIC_GAUGE,
		"Addresses that enrolled devices hold, as of the last rewrite of cdm_peers.json."},
	[CERTIFICATE_EXPIRY] = {"iot_bridge_tls_certificate_expiry_timestamp_seconds", METRIC_GAUGE,
		"When the bridge's own TLS certificate expires, since the epoch."},
	[READY] = {"iot_bridge_ready", METRIC_GAUGE, "1 when GET /ready answers 200."},
	[WIREGUARD_CONNECTED] = {"iot_bridge_wireguard_connected", METRIC_GAUGE,
		"1 while the WireGuard server can be reached."},
	[BUILD] = {"iot_bridge_build_info", METRIC_GAUGE, "Always 1; the version is the label."},
};
// clang-format on

static const char *
route_name(size_t i)
{
	return i == METER_ROUTES_MAX ? "unmatched" : bridge_routes[i].name;
}

// The routes there are, then the row for the others.
static size_t
next_route(size_t i)
{
	return i + 1 == n_bridge_routes ? METER_ROUTES_MAX : i + 1;
}

static void
put_requests(struct metrics_writer *w, const struct meters *m)
{
	metrics_family(w, &families[REQUESTS]);
	for (size_t i = 0; i <= METER_ROUTES_MAX; i = next_route(i)) {
		for (int status = 0; status < METER_STATUS_MAX; status++) {
			char code[16] = "aborted";
			if (m->requests[i][status] == 0)
				continue;
			if (status)
				snprintf(code, sizeof(code), "%d", status);
			metrics_put_u64(w, LABELS({"route", route_name(i)}, {"code", code}),
					m->requests[i][status]);
		}
	}
	metrics_family(w, &families[REQUEST_SECONDS]);
	for (size_t i = 0; i <= METER_ROUTES_MAX; i = next_route(i))
		metrics_put_hist(w, LABELS({"route", route_name(i)}), &m->request_us[i]);
}

static void
put_enrollments(struct metrics_writer *w, const struct meters *m)
{
	metrics_family(w, &families[ENROLLMENTS]);
	metrics_put_u64(w, LABELS({"result", "ok"}), m->enrollments[PROBLEM_COUNT]);
	for (size_t i = 0; i < PROBLEM_COUNT; i++) {
		if (m->enrollments[i])
			metrics_put_u64(w, LABELS({"result", problem_kind((enum problem)i)}),
					m->enrollments[i]);
	}
	metrics_family(w, &families[ENROLL_STEP_SECONDS]);
	for (size_t i = 0; enroll_step_name(i); i++)
		metrics_put_hist(w, LABELS({"step", enroll_step_name(i)}), &m->step_us[i]);
}

static void
put_calls(struct metrics_writer *w, const struct meters *m)
{
	metrics_family(w, &families[CALLS]);
	for (size_t i = 0; i < METER_OPERATIONS; i++) {
		for (size_t err = 0; err < ERR_COUNT; err++) {
			if (err != ERR_OK && m->calls[i][err] == 0)
				continue;
			metrics_put_u64(w,
					LABELS({"system", meter_system(i)},
					       {"operation", meter_operation(i)},
					       {"result", err_name((enum err)err)}),
					m->calls[i][err]);
		}
	}
	metrics_family(w, &families[CALL_SECONDS]);
	for (size_t i = 0; i < METER_OPERATIONS; i++)
		metrics_put_hist(
			w, LABELS({"system", meter_system(i)}, {"operation", meter_operation(i)}),
			&m->call_us[i]);
}

static void
put_tasks(struct metrics_writer *w, const struct task_runner *r)
{
	metrics_family(w, &families[TASKS]);
	for (int i = 0; i < SYSTEM_COUNT; i++) {
		const char *name = task_system_name((enum task_system)i);
		struct task_counts c = task_runner_counts(r, (enum task_system)i);
		metrics_put_u64(w, LABELS({"system", name}, {"state", "waiting"}), c.waiting);
		metrics_put_u64(w, LABELS({"system", name}, {"state", "running"}), c.running);
	}
	metrics_family(w, &families[TASKS_ENDED]);
	for (int i = 0; i < SYSTEM_COUNT; i++) {
		const char *name = task_system_name((enum task_system)i);
		struct task_counts c = task_runner_counts(r, (enum task_system)i);
		metrics_put_u64(w, LABELS({"system", name}, {"result", "done"}), c.done);
		metrics_put_u64(w, LABELS({"system", name}, {"result", "retried"}), c.retried);
		metrics_put_u64(w, LABELS({"system", name}, {"result", "given_up"}), c.given_up);
	}
}

static void
put_gauge(struct metrics_writer *w, enum family family, uint64_t value)
{
	metrics_family(w, &families[family]);
	metrics_put_u64(w, NULL, value);
}

static void
put_gauges(struct metrics_writer *w, const struct bridge *b)
{
	size_t used;
	put_gauge(w, REQUESTS_NOW, http_server_requests(b->server));
	put_gauge(w, CONNECTIONS, http_server_connections(b->server));
	put_gauge(w, STORE_DEPTH, store_depth(b->store));
	put_gauge(w, POOL_SIZE, pool_size(&b->config.wg_pool));
	if (peers_file_count(b->peers_file, &used))
		put_gauge(w, POOL_USED, used);
	if (b->own_tls)
		put_gauge(w, CERTIFICATE_EXPIRY, (uint64_t)own_tls_not_after(b->own_tls));
	put_gauge(w, READY, bridge_is_ready(b));
	if (b->wireguard)
		put_gauge(w, WIREGUARD_CONNECTED, wireguard_is_connected(b->wireguard));
	metrics_family(w, &families[BUILD]);
	metrics_put_u64(w, LABELS({"version", PROVSIM_VERSION}), 1);
}

void
metrics_get(struct http_req *req, void *ctx)
{
	const struct bridge *b = ctx;
	struct metrics_writer w;
	BUF_AUTO struct buf out;
	buf_init(&out, ANSWER_MAX);
	metrics_begin(&w, &out);
	put_requests(&w, b->meters);
	put_enrollments(&w, b->meters);
	put_calls(&w, b->meters);
	put_tasks(&w, b->tasks);
	put_gauges(&w, b);
	metrics_put_process(&w, b->meters->started_s);
	if (metrics_end(&w) == ERR_OK)
		http_reply(req, 200, METRICS_CONTENT_TYPE, buf_bytes(&out));
	else
		reply_problem(req, PROBLEM_INTERNAL, "the metrics could not be written", NULL);
}

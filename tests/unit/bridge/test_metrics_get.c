// SPDX-License-Identifier: Apache-2.0
// GET /metrics of the whole bridge, read as strictly as Prometheus reads it.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>

#include "../base/prom.h"
#include "bridge/store.h"
#include "bridge_fixture.h"

static struct bridge_fixture f;
static struct prom prom;

static void
setup(void)
{
	bridge_fixture_open(&f);
}

static void
teardown(void)
{
	bridge_fixture_close(&f);
}

TestSuite(metrics_get, .init = setup, .fini = teardown, .timeout = 60);

static void
scrape(void)
{
	cr_assert(eq(int, bridge_fixture_call(&f, "GET", "/metrics", NULL, NULL), 200));
	cr_assert(strstr(f.answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
		  NULL);
	cr_assert(prom_parse(&prom, f.body), "%s", prom.error);
}

static double
value(const char *series)
{
	return prom_value(&prom, series);
}

static void
enroll(const char *id, const char *body)
{
	char path[128];
	snprintf(path, sizeof(path), "/devices/%s/enroll", id);
	bridge_fixture_call(&f, "POST", path, NULL, body);
}

Test(metrics_get, a_fresh_bridge_describes_itself)
{
	scrape();
	cr_expect(value("iot_bridge_ready") == 0, "no step-ca");
	cr_expect(value("iot_bridge_wireguard_addresses") == 253);
	cr_expect(value("iot_bridge_http_connections") >= 1);
	cr_expect(value("iot_bridge_http_requests_in_flight") == 1);
	cr_expect(value("iot_bridge_enrollments_total{result=\"ok\"}") == 0);
	cr_expect(value("iot_bridge_tasks{system=\"hawkbit\",state=\"running\"}") == 0);
	cr_expect(value("process_start_time_seconds") > 1.7e9);
	cr_expect(value("process_resident_memory_bytes") > 0);
	cr_expect(isnan(value("iot_bridge_tls_certificate_expiry_timestamp_seconds")),
		  "BRIDGE_TLS=off");
}

Test(metrics_get, requests_are_counted_by_route_and_status)
{
	bridge_fixture_call(&f, "GET", "/health", NULL, NULL);
	bridge_fixture_call(&f, "HEAD", "/health", NULL, NULL);
	bridge_fixture_call(&f, "GET", "/devices", "wrong", NULL);
	bridge_fixture_call(&f, "GET", "/no/such/path", NULL, NULL);
	bridge_fixture_call(&f, "PUT", "/health", NULL, NULL);
	scrape();
	cr_expect(value("iot_bridge_http_requests_total{route=\"health\",code=\"200\"}") == 2);
	cr_expect(value("iot_bridge_http_requests_total{route=\"devices\",code=\"401\"}") == 1);
	cr_expect(value("iot_bridge_http_requests_total{route=\"unmatched\",code=\"404\"}") == 1);
	cr_expect(value("iot_bridge_http_requests_total{route=\"unmatched\",code=\"405\"}") == 1);
	cr_expect(value("iot_bridge_http_request_duration_seconds_count{route=\"health\"}") == 2);
}

Test(metrics_get, an_enrollment_leaves_its_steps_and_its_result)
{
	char *body = bridge_fixture_enroll_body("dev-1");
	enroll("dev-1", "{}");
	enroll("dev-1", body);
	free(body);
	cr_assert(eq(int, f.status, 503), "%s", f.answer);
	scrape();
	cr_expect(value("iot_bridge_enrollments_total{result=\"invalid-request\"}") == 1);
	cr_expect(value("iot_bridge_enrollments_total{result=\"ca-unreachable\"}") == 1);
	cr_expect(value("iot_bridge_enroll_step_duration_seconds_count{step=\"csr_checked\"}") ==
		  1);
	cr_expect(value("iot_bridge_enroll_step_duration_seconds_count"
			"{step=\"address_reserved\"}") == 1);
	cr_expect(value("iot_bridge_enroll_step_duration_seconds_count{step=\"signed\"}") == 0);
	cr_expect(value("iot_bridge_upstream_calls_total"
			"{system=\"step-ca\",operation=\"sign\",result=\"upstream_down\"}") == 1);
	cr_expect(value("iot_bridge_upstream_call_duration_seconds_count"
			"{system=\"step-ca\",operation=\"sign\"}") == 1);
}

static bool decommission_begun;

static void
on_begun(const struct store_answer *answer, void *ctx)
{
	(void)ctx;
	cr_assert(answer->err == ERR_OK, "%s", answer->why.text);
	decommission_begun = true;
}

// A device that was enrolled, as the store sees it; its certificate cannot be revoked now.
Test(metrics_get, tasks_are_counted_where_they_end)
{
	struct enrollment_record record = {
		.id = "dev-1",
		.generation = 1,
		.serial = "4711",
		.not_after_ms = INT64_C(4102444800000),
	};
	bool *flag = &decommission_begun;
	cr_assert(store_reserve(f.bridge.store, "dev-1", NULL, on_begun, NULL) == ERR_OK);
	while (!*flag)
		uv_run(&f.loop, UV_RUN_ONCE);
	*flag = false;
	cr_assert(store_record_enrollment(f.bridge.store, &record, on_begun, NULL) == ERR_OK);
	while (!*flag)
		uv_run(&f.loop, UV_RUN_ONCE);
	cr_assert(eq(int,
		     bridge_fixture_call(&f, "DELETE", "/devices/dev-1", FIXTURE_ADMIN_TOKEN, NULL),
		     202),
		  "%s", f.answer);
	scrape();
	cr_expect(value("iot_bridge_task_attempts_total{system=\"step-ca\",result=\"retried\"}") ==
		  1);
	cr_expect(value("iot_bridge_upstream_calls_total{system=\"step-ca\","
			"operation=\"revoke_certificates\",result=\"upstream_down\"}") == 1);
	cr_expect(value("iot_bridge_task_attempts_total{system=\"hawkbit\",result=\"done\"}") == 1,
		  "not configured: done at once");
	cr_expect(isnan(value("iot_bridge_upstream_calls_total{system=\"hawkbit\","
			      "operation=\"delete_hawkbit_target\",result=\"upstream_down\"}")));
	cr_expect(value("iot_bridge_http_requests_total{route=\"decommission\",code=\"202\"}") ==
		  1);
}

// However hostile the ids, the set of series stays the same.
Test(metrics_get, ids_never_become_labels)
{
	scrape();
	size_t before = prom.n;
	for (int i = 0; i < 200; i++) {
		char id[64];
		snprintf(id, sizeof(id), "device%%22%%0a-%d", i);
		enroll(id, "{}");
	}
	scrape();
	cr_expect(prom.n <= before + 4, "%zu series, then %zu", before, prom.n);
	cr_expect(strstr(f.body, "%22") == NULL && strstr(f.body, "\\\"") == NULL);
}

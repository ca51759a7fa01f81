// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "stack.h"

static struct stack s;

static void
setup(void)
{
	stack_init(&s);
}

static void
teardown(void)
{
	stack_fini(&s);
}

TestSuite(decommission, .init = setup, .fini = teardown, .timeout = 60);

#define TB_DEVICE "/api/device/784f394c-42b6-11ee-be56-0242ac120002"

static const char *
step_status(const struct reply *r, const char *step, const char *field)
{
	size_t i;
	json_t *row;
	json_array_foreach (json_object_get(r->body, "steps"), i, row) {
		if (strcmp(json_string_value(json_object_get(row, "step")), step) == 0) {
			const char *text = json_string_value(json_object_get(row, field));
			return text ? text : "";
		}
	}
	return "(no such step)";
}

static void
expect_file(const char *want)
{
	char path[PATH_MAX + 32];
	BUF_AUTO struct buf text;
	buf_init(&text, 4096);
	snprintf(path, sizeof(path), "%s/" PEERS_FILE_NAME, s.fx.folder);
	cr_assert(file_read(&text, path, NULL) == ERR_OK, "%s", path);
	cr_expect_str_eq((char *)text.data, want);
}

static void
enroll_with_peer(const char *id, unsigned n)
{
	fx_enroll(&s.fx, id, fx_key(n), fx_key(n));
	cr_assert(task_run(s.tasks, s.fx.r.tasks, s.fx.r.n_tasks, 1000, NULL, NULL) == ERR_OK);
	while (s.wg.listener && !fake_uapi_ip(&s.wg, fx_key(n)))
		uv_run(&s.fx.loop, UV_RUN_ONCE);
}

Test(decommission, takes_the_device_out_of_every_system)
{
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	enroll_with_peer("dev-1", 1);
	enroll_with_peer("dev-2", 2);
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_call(&s, "DELETE", "/devices/dev-1", NULL);
	cr_assert(r->status == 200);
	cr_expect_str_eq(reply_text(r, "status"), "decommissioned");
	cr_expect_str_eq(reply_text(r, "device_id"), "dev-1");
	static const char *const steps[] = {"revoke_certificates", "delete_thingsboard_device",
					    "delete_hawkbit_target", "remove_wireguard_peer",
					    "delete_peer_entry"};
	const json_t *list = json_object_get(r->body, "steps");
	cr_assert(json_array_size(list) == N_ELEMENTS(steps));
	for (size_t i = 0; i < N_ELEMENTS(steps); i++) {
		const json_t *row = json_array_get(list, i);
		cr_expect_str_eq(json_string_value(json_object_get(row, "step")), steps[i]);
		cr_expect_str_eq(json_string_value(json_object_get(row, "status")), "done", "%s",
				 steps[i]);
		cr_expect(json_integer_value(json_object_get(row, "attempts")) == 1);
	}
	cr_expect(fake_http_count(&s.web, "DELETE " TB_DEVICE) == 1);
	cr_expect(fake_http_count(&s.web, "DELETE /rest/v1/targets/dev-1") == 1);
	cr_expect(fake_uapi_ip(&s.wg, fx_key(1)) == NULL);
	cr_expect(fake_uapi_ip(&s.wg, fx_key(2)) != NULL);
	expect_file("{\n  \"dev-2\": \"10.8.0.3\"\n}\n");
	// Again: the same words, nobody is asked.
	json_auto_t *first = json_incref(r->body);
	size_t calls = s.web.n_calls, requests = s.wg.n_requests;
	r = stack_call(&s, "DELETE", "/devices/dev-1", NULL);
	cr_expect(r->status == 200);
	cr_expect(json_equal(first, r->body));
	cr_expect(s.web.n_calls == calls);
	cr_expect(s.wg.n_requests == requests);
}

Test(decommission, absent_everywhere_is_success)
{
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	enroll_with_peer("dev-1", 1);
	fake_http_rule(&s.web, "POST /api/auth/login", 200, "{\"token\":\"t\"}", 0);
	cr_expect(stack_call(&s, "DELETE", "/devices/dev-1", NULL)->status == 200);
}

Test(decommission, who_is_not_there_and_what_is_no_id)
{
	stack_open(&s);
	cr_expect(stack_call(&s, "DELETE", "/devices/nobody", NULL)->status == 404);
	cr_expect(stack_call(&s, "DELETE", "/devices/..%2f", NULL)->status == 422);
	cr_expect(stack_call(&s, "DELETE", "/devices/nobody?force=perhaps", NULL)->status == 422);
}

Test(decommission, what_fails_is_pending_and_done_later)
{
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	enroll_with_peer("dev-1", 1);
	fake_http_rule(&s.web, "DELETE /rest/v1/targets/dev-1", 503, "{\"message\":\"later\"}", 1);
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_call(&s, "DELETE", "/devices/dev-1", NULL);
	cr_assert(r->status == 202);
	cr_expect_str_eq(reply_text(r, "status"), "decommissioning");
	cr_expect_str_eq(step_status(r, "delete_hawkbit_target", "status"), "pending");
	cr_expect(strstr(step_status(r, "delete_hawkbit_target", "error"), "later") != NULL);
	cr_expect_str_eq(step_status(r, "remove_wireguard_peer", "status"), "done");
	cr_expect_str_eq(step_status(r, "delete_peer_entry", "status"), "pending");
	cr_expect(fx_reserve(&s.fx, "dev-1") == ERR_CONFLICT);
	stack_wait_state(&s, "dev-1", DEVICE_DECOMMISSIONED);
	r = stack_call(&s, "DELETE", "/devices/dev-1", NULL);
	cr_expect(r->status == 200);
	cr_expect(fake_http_count(&s.web, "DELETE " TB_DEVICE) == 1);
	cr_expect(fake_http_count(&s.web, "DELETE /rest/v1/targets/dev-1") == 2);
}

Test(decommission, goes_on_after_a_restart)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_call(&s, "DELETE", "/devices/dev-1", NULL);
	cr_assert(r->status == 202, "the WireGuard server is away");
	cr_expect_str_eq(step_status(r, "remove_wireguard_peer", "status"), "pending");
	stack_close(&s);
	uv_run(&s.fx.loop, UV_RUN_NOWAIT);
	snprintf(s.wg.peers[0].key, sizeof(s.wg.peers[0].key), "%s", fx_key(1));
	s.wg.n_peers = 1;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	stack_wait_state(&s, "dev-1", DEVICE_DECOMMISSIONED);
	cr_expect(s.wg.n_peers == 0);
	cr_expect(fake_http_count(&s.web, "DELETE " TB_DEVICE) == 1);
}

Test(decommission, force_gives_up_on_what_is_away_and_says_so)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	stack_rules_for(&s, "dev-1");
	cr_expect(stack_call(&s, "DELETE", "/devices/dev-1", NULL)->status == 202);
	struct reply *r = stack_call(&s, "DELETE", "/devices/dev-1?force=true", NULL);
	cr_assert(r->status == 200);
	cr_expect_str_eq(reply_text(r, "status"), "decommissioned");
	cr_expect_str_eq(step_status(r, "remove_wireguard_peer", "status"), "failed");
	cr_expect(strstr(step_status(r, "remove_wireguard_peer", "error"), s.socket) != NULL);
	cr_expect_str_eq(step_status(r, "delete_peer_entry", "status"), "done");
	cr_assert(fx_reserve(&s.fx, "other") == ERR_OK);
	cr_expect_str_eq(fx_ip(&s.fx), "10.8.0.2");
}

Test(decommission, a_webhook_that_comes_after_it_is_ignored)
{
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	enroll_with_peer("dev-1", 1);
	stack_rules_for(&s, "dev-1");
	cr_expect(stack_call(&s, "DELETE", "/devices/dev-1", NULL)->status == 200);
	size_t calls = s.web.n_calls;
	struct reply *r = stack_webhook(&s, "dev-1");
	cr_expect_str_eq(reply_text(r, "status"), "ignored");
	cr_expect_str_eq(reply_text(r, "reason"), "the device is decommissioned");
	cr_expect(s.web.n_calls == calls);
}

// Both at the same time: whatever the order, nothing is left behind.
Test(decommission, races_with_a_webhook_and_wins)
{
	struct reply hook, del;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	enroll_with_peer("dev-1", 1);
	stack_rules_for(&s, "dev-1");
	stack_start(&s, &hook, "POST", "/webhooks/thingsboard", NULL,
		    "{\"metadata\":{\"deviceName\":\"dev-1\"},\"data\":{}}");
	while (fake_http_count(&s.web, "GET /rest/v1/targets/dev-1") == 0)
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	stack_start(&s, &del, "DELETE", "/devices/dev-1", NULL, NULL);
	stack_wait(&s, &del.done);
	stack_wait(&s, &hook.done);
	cr_expect(del.status == 200);
	size_t created = 0, deleted = 0;
	for (size_t i = 0; i < s.web.n_calls; i++) {
		if (strcmp(s.web.calls[i], "POST /rest/v1/targets") == 0)
			created = i + 1;
		if (strcmp(s.web.calls[i], "DELETE /rest/v1/targets/dev-1") == 0)
			deleted = i + 1;
	}
	cr_expect(deleted > created, "created %zu, deleted %zu", created, deleted);
	json_decref(hook.body);
	json_decref(del.body);
}

Test(decommission, the_body_tells_each_step)
{
	struct device_row d = {.id = "d", .state = DEVICE_DECOMMISSIONED, .generation = 2};
	struct task_row rows[] = {
		{.kind = TASK_REVOKE,
		 .generation = 2,
		 .status = TASK_OPEN,
		 .attempts = 3,
		 .last_error = "no"},
		{.kind = TASK_DELETE_TARGET,   .generation = 1,   .status = TASK_DONE	 },
		{.kind = TASK_SET_WG_PEER, .generation = 2,.status = TASK_OPEN},
	};
	bool complete;
	stack_open(&s);
	json_auto_t *body = decommission_body(&d, rows, N_ELEMENTS(rows), &complete);
	json_auto_t *want =
		json_loads("{\"device_id\":\"d\",\"status\":\"decommissioning\",\"steps\":"
			   "[{\"step\":\"revoke_certificates\",\"status\":\"pending\","
			   "\"attempts\":3,\"error\":\"no\"}]}",
			   0, NULL);
	cr_expect(json_equal(body, want));
	cr_expect(!complete, "a late certificate is still to be revoked");
}

// SPDX-License-Identifier: Apache-2.0
// The task runner over a real store and fake systems.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

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

TestSuite(task, .init = setup, .fini = teardown, .timeout = 60);

Test(task_backoff, doubles_up_to_its_ceiling_and_never_synchronises)
{
	struct rng rng;
	rng_init(&rng, 1, 0);
	uint64_t ceiling = TASK_BACKOFF_BASE_MS;
	for (unsigned n = 1; n <= 60; n++) {
		uint64_t low = UINT64_MAX, high = 0;
		for (int i = 0; i < 500; i++) {
			uint64_t ms = task_backoff_ms(n, &rng);
			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
		}
		cr_expect(low >= ceiling / 2 && high <= ceiling, "n %u", n);
		cr_expect(high - low > ceiling / 3, "n %u spreads", n);
		ceiling = ceiling * 2 < TASK_BACKOFF_MAX_MS ? ceiling * 2 : TASK_BACKOFF_MAX_MS;
	}
}

struct outcome {
	bool done, all_done;
	enum err err;
	char text[512];
};

static void
keep_outcome(const struct task_outcome *o, void *ctx)
{
	struct outcome *out = ctx;
	cr_expect(!out->done, "called once");
	*out = (struct outcome){true, o->all_done, o->err, ""};
	snprintf(out->text, sizeof(out->text), "%s", o->why.text);
}

static void
run_last(struct outcome *out, unsigned budget_ms)
{
	*out = (struct outcome){0};
	cr_assert(task_run(s.tasks, s.fx.r.tasks, s.fx.r.n_tasks, budget_ms, keep_outcome, out) ==
		  ERR_OK);
	cr_expect(!out->done, "never from inside");
}

Test(task, sets_the_peer_of_a_new_device)
{
	struct outcome out;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	run_last(&out, 5000);
	stack_wait(&s, &out.done);
	cr_expect(out.all_done, "%s", out.text);
	cr_expect_str_eq(fake_uapi_ip(&s.wg, fx_key(1)), "10.8.0.2/32");
}

Test(task, replaces_the_key_in_one_request)
{
	struct outcome out;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	for (unsigned i = 1; i <= 2; i++) {
		fx_enroll(&s.fx, "dev-1", fx_key(i), fx_key(i));
		run_last(&out, 5000);
		stack_wait(&s, &out.done);
	}
	cr_expect(out.all_done);
	cr_expect(fake_uapi_ip(&s.wg, fx_key(1)) == NULL);
	cr_expect_str_eq(fake_uapi_ip(&s.wg, fx_key(2)), "10.8.0.2/32");
	const char *set = strstr(s.wg.last, "set=1");
	cr_expect(set && strstr(set, "remove=true") && strstr(set, "allowed_ip=10.8.0.2/32"), "%s",
		  s.wg.last);
}

Test(task, tells_at_once_that_a_server_is_away_and_mends_it_later)
{
	struct outcome out;
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	run_last(&out, 5000);
	stack_wait(&s, &out.done);
	cr_expect(!out.all_done);
	cr_expect(out.err == ERR_UPSTREAM_DOWN, "%s", out.text);
	cr_expect(strstr(out.text, s.socket) != NULL, "%s", out.text);
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	while (!fake_uapi_ip(&s.wg, fx_key(1)))
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	do {
		cr_assert(fx_get(&s.fx, "dev-1") == ERR_OK);
	} while (s.fx.r.n_tasks > 0);
}

Test(task, the_budget_ends_the_wait_and_not_the_task)
{
	struct outcome out;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	s.wg.silent = true;
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	run_last(&out, 10);
	stack_wait(&s, &out.done);
	cr_expect(out.err == ERR_TIMEOUT);
	s.wg.silent = false;
	while (!fake_uapi_ip(&s.wg, fx_key(1)))
		uv_run(&s.fx.loop, UV_RUN_ONCE);
}

Test(task, what_a_dead_bridge_left_is_taken_up)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	stack_close(&s);
	uv_run(&s.fx.loop, UV_RUN_NOWAIT);
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	do {
		cr_assert(fx_get(&s.fx, "dev-1") == ERR_OK);
	} while (s.fx.r.n_tasks > 0);
	cr_expect_str_eq(fake_uapi_ip(&s.wg, fx_key(1)), "10.8.0.2/32");
}

// Tasks that are retried make the device provisioned without another webhook.
Test(task, retries_until_the_other_side_is_well)
{
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fake_http_rule(&s.web, "GET /rest/v1/targets/dev-1", 503, "{}", 2);
	stack_rules_for(&s, "dev-1");
	struct reply *r = stack_webhook(&s, "dev-1");
	cr_expect(r->status == 503);
	stack_wait_state(&s, "dev-1", DEVICE_PROVISIONED);
	cr_expect(fake_http_count(&s.web, "POST /rest/v1/targets") == 1);
	cr_expect(task_runner_counts(s.tasks, SYSTEM_HAWKBIT).retried >= 1);
	cr_expect(task_runner_counts(s.tasks, SYSTEM_HAWKBIT).done == 1);
}

Test(task, waiters_are_told_when_the_bridge_stops)
{
	struct outcome out;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	s.wg.silent = true;
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	run_last(&out, 60000);
	while (s.wg.n_requests < 2) // the comparison and the peer
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	stack_close(&s);
	cr_expect(out.done);
	cr_expect(out.err == ERR_CANCELLED);
	uv_run(&s.fx.loop, UV_RUN_NOWAIT);
	s.wg.silent = false;
	stack_open(&s);
}

Test(task, nobody_waits_when_there_is_nothing_to_do)
{
	struct outcome out = {0};
	stack_open(&s);
	cr_assert(task_run(s.tasks, NULL, 0, 5000, keep_outcome, &out) == ERR_OK);
	stack_wait(&s, &out.done);
	cr_expect(out.all_done);
}

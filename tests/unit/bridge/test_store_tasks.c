// SPDX-License-Identifier: Apache-2.0
// Tasks, provisioning and the decommission as the store keeps them.
#include <criterion/criterion.h>
#include <string.h>

#include "store_fixture.h"

static struct fixture fx;

static void
setup(void)
{
	fx_init(&fx, "10.8.0.0/24");
	fx_must_open(&fx);
}

static void
teardown(void)
{
	fx_fini(&fx);
}

TestSuite(store_tasks, .init = setup, .fini = teardown);

static struct task_row
task(enum task_kind kind)
{
	const struct task_row *t = fx_task(&fx, kind);
	cr_assert(t != NULL, "no %s", task_kind_name(kind));
	return *t;
}

Test(store_tasks, a_claimed_task_is_nobody_elses_until_it_failed)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	struct task_row peer = task(TASK_SET_WG_PEER);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_expect(fx.r.n_tasks == 0);
	cr_assert(fx_failed(&fx, &peer, "refused", fx.now_ms + 500) == ERR_OK);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_expect(fx.r.n_tasks == 0);
	cr_expect(fx.r.next_ms == fx.now_ms + 500);
	fx.now_ms += 500;
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_expect(fx.r.tasks[0].attempts == 1);
	cr_expect_str_eq(fx.r.tasks[0].last_error, "refused");
	cr_expect_str_eq(fx.r.tasks[0].wg_public_key, fx_key(1));
	cr_assert(fx_done(&fx, &fx.r.tasks[0]) == ERR_OK);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.n_tasks == 0);
}

Test(store_tasks, work_of_a_dead_process_is_due_again_after_a_restart)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx_close(&fx);
	fx_must_open(&fx);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_expect(fx.r.tasks[0].kind == TASK_SET_WG_PEER);
}

Test(store_tasks, a_new_key_while_the_old_one_is_being_set_is_not_lost)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	struct task_row first = task(TASK_SET_WG_PEER);
	fx_enroll(&fx, "dev-1", "2", fx_key(2));
	cr_expect(task(TASK_SET_WG_PEER).id == first.id);
	// The attempt with the first key ends: the row has moved on and comes back.
	cr_assert(fx_done(&fx, &first) == ERR_CONFLICT);
	struct task_row second = task(TASK_SET_WG_PEER);
	cr_expect_str_eq(second.wg_public_key, fx_key(2));
	cr_expect_str_eq(second.payload, fx_key(1));
	cr_expect(fx_done(&fx, &second) == ERR_OK);
	cr_expect(fx_done(&fx, &second) == ERR_NOT_FOUND);
}

Test(store_tasks, keys_that_were_never_set_are_removed_together_and_a_returning_one_stays)
{
	char keys[2 * WG_KEY_CHARS + 2];
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx_enroll(&fx, "dev-1", "2", fx_key(2));
	fx_enroll(&fx, "dev-1", "3", fx_key(3));
	snprintf(keys, sizeof(keys), "%s %s", fx_key(1), fx_key(2));
	cr_expect_str_eq(task(TASK_SET_WG_PEER).payload, keys);
	fx_enroll(&fx, "dev-1", "4", fx_key(1));
	snprintf(keys, sizeof(keys), "%s %s", fx_key(2), fx_key(3));
	cr_expect_str_eq(task(TASK_SET_WG_PEER).payload, keys);
	for (unsigned i = 10; i < 60; i++)
		fx_enroll(&fx, "dev-1", fx_key(i), fx_key(i));
	cr_expect(strlen(task(TASK_SET_WG_PEER).payload) < TASK_PAYLOAD_BYTES);
}

Test(store_tasks, first_connect_provisions_once)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	cr_assert(fx_provision(&fx, "dev-1", NULL) == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_ENROLLED);
	cr_assert(fx.r.n_tasks == 2);
	struct task_row target = task(TASK_ENSURE_TARGET), attributes = task(TASK_SET_ATTRIBUTES);
	// Again while they are open: the same rows.
	cr_assert(fx_provision(&fx, "dev-1", NULL) == ERR_OK);
	cr_expect(task(TASK_ENSURE_TARGET).id == target.id);
	cr_assert(fx_done(&fx, &attributes) == ERR_OK);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_ENROLLED);
	cr_assert(fx_done(&fx, &target) == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_PROVISIONED);
	cr_assert(fx_provision(&fx, "dev-1", NULL) == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_PROVISIONED);
	cr_expect(fx.r.n_tasks == 0);
}

Test(store_tasks, a_new_key_of_a_provisioned_device_goes_to_thingsboard_too)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	cr_assert(fx_provision(&fx, "dev-1", NULL) == ERR_OK);
	struct task_row target = task(TASK_ENSURE_TARGET), attributes = task(TASK_SET_ATTRIBUTES);
	cr_assert(fx_done(&fx, &target) == ERR_OK);
	cr_assert(fx_done(&fx, &attributes) == ERR_OK);
	int due_before = fx.due_calls;
	fx_enroll(&fx, "dev-1", "2", fx_key(2));
	cr_expect(fx.r.device.state == DEVICE_PROVISIONED);
	cr_expect(fx.r.n_tasks == 1, "only the peer is the caller's");
	uv_run(&fx.loop, UV_RUN_NOWAIT);
	cr_expect(fx.due_calls == due_before + 1);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_expect(fx.r.tasks[0].kind == TASK_SET_ATTRIBUTES);
	cr_expect_str_eq(fx.r.tasks[0].wg_public_key, fx_key(2));
}

Test(store_tasks, the_first_candidate_that_was_enrolled_is_the_device)
{
	fx_enroll(&fx, "dev-b", "1", fx_key(1));
	cr_assert(fx_reserve(&fx, "dev-r") == ERR_OK);
	struct provisioning_request r = {
		.candidates = {"unknown", "dev-r", "dev-b"},
		.fallback = "unknown",
		.device_type = "gateway",
	};
	cr_assert(fx_wait(&fx, store_begin_provisioning(fx.store, &r, fx_keep, &fx.r)) == ERR_OK);
	cr_expect_str_eq(fx.r.device.id, "dev-b");
	cr_expect_str_eq(task(TASK_ENSURE_TARGET).device_type, "gateway");
	cr_expect(fx_get(&fx, "unknown") == ERR_NOT_FOUND);
}

Test(store_tasks, an_unknown_device_gets_a_target_but_no_address)
{
	cr_expect(fx_provision(&fx, "new", NULL) == ERR_NOT_FOUND);
	cr_assert(fx_provision(&fx, "new", "new") == ERR_OK);
	cr_expect_str_eq(fx.r.device.id, "new");
	cr_expect(fx.r.device.wg_ip == 0);
	struct task_row target = task(TASK_ENSURE_TARGET), attributes = task(TASK_SET_ATTRIBUTES);
	cr_assert(fx_done(&fx, &target) == ERR_OK);
	cr_assert(fx_done(&fx, &attributes) == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_PROVISIONED);
	// It enrolls later: an address now, and ThingsBoard is told.
	fx_enroll(&fx, "new", "1", fx_key(1));
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_expect(fx_task(&fx, TASK_SET_ATTRIBUTES) != NULL);
}

// --- decommission ---

Test(store_tasks, decommission_has_five_steps_and_the_address_goes_last)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	cr_assert(fx_decommission(&fx, "dev-1", false) == ERR_OK);
	static const enum task_kind order[] = {TASK_REVOKE, TASK_DELETE_TB_DEVICE,
					       TASK_DELETE_TARGET, TASK_REMOVE_WG_PEER,
					       TASK_DELETE_PEER_ENTRY};
	cr_assert(fx.r.n_tasks == N_ELEMENTS(order));
	struct task_row steps[N_ELEMENTS(order)];
	memcpy(steps, fx.r.tasks, sizeof(steps));
	for (size_t i = 0; i < N_ELEMENTS(order); i++)
		cr_expect(steps[i].kind == order[i], "step %zu", i);
	cr_expect_str_eq(steps[3].payload, fx_key(1));
	cr_expect(steps[4].next_ms == INT64_MAX, "the last one waits");
	cr_expect(fx_reserve(&fx, "dev-1") == ERR_CONFLICT);
	cr_expect(fx_finish(&fx, &steps[4]) == ERR_WRONG_STATE);
	for (size_t i = 0; i < 3; i++) {
		cr_assert(fx_done(&fx, &steps[i]) == ERR_OK);
		cr_expect(fx.r.n_tasks == 0);
	}
	cr_assert(fx_reserve(&fx, "dev-2") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3", "the address is not free yet");
	cr_assert(fx_done(&fx, &steps[3]) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_expect(fx.r.tasks[0].kind == TASK_DELETE_PEER_ENTRY);
	cr_assert(fx_finish(&fx, &fx.r.tasks[0]) == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_DECOMMISSIONED);
	cr_expect(fx.r.device.wg_ip == 0);
	cr_assert(fx_reserve(&fx, "dev-3") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
}

Test(store_tasks, decommission_again_gives_the_same_answer)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx_decommission_fully(&fx, "dev-1");
	cr_assert(fx_decommission(&fx, "dev-1", false) == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_DECOMMISSIONED);
	cr_assert(fx.r.n_tasks == 5);
	for (size_t i = 0; i < 5; i++) {
		cr_expect(fx.r.tasks[i].status == TASK_DONE);
		cr_expect(fx.r.tasks[i].attempts == 1);
	}
}

Test(store_tasks, never_enrolled_is_not_found)
{
	cr_expect(fx_decommission(&fx, "nobody", false) == ERR_NOT_FOUND);
	cr_assert(fx_reserve(&fx, "half") == ERR_OK);
	cr_expect(fx_decommission(&fx, "half", false) == ERR_NOT_FOUND);
}

Test(store_tasks, decommission_goes_on_after_a_restart_where_it_was)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	cr_assert(fx_decommission(&fx, "dev-1", false) == ERR_OK);
	struct task_row revoke = task(TASK_REVOKE);
	cr_assert(fx_done(&fx, &revoke) == ERR_OK);
	fx_close(&fx);
	fx_must_open(&fx);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_assert(fx.r.n_tasks == 3);
	cr_expect(fx_task(&fx, TASK_REVOKE) == NULL);
	cr_expect(fx_task(&fx, TASK_DELETE_PEER_ENTRY) == NULL);
}

Test(store_tasks, decommission_cancels_open_work_and_takes_over_its_keys)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx_enroll(&fx, "dev-1", "2", fx_key(2));
	struct task_row peer = task(TASK_SET_WG_PEER);
	cr_assert(fx_provision(&fx, "dev-1", NULL) == ERR_OK);
	cr_assert(fx_decommission(&fx, "dev-1", false) == ERR_OK);
	char keys[2 * WG_KEY_CHARS + 2];
	snprintf(keys, sizeof(keys), "%s %s", fx_key(2), fx_key(1));
	cr_expect_str_eq(task(TASK_REMOVE_WG_PEER).payload, keys);
	for (size_t i = 0; i < fx.r.n_tasks; i++)
		cr_expect(fx.r.tasks[i].id > peer.id,
			  "numbers of cancelled tasks do not come back");
	cr_expect(fx_done(&fx, &peer) == ERR_NOT_FOUND);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.n_tasks == 5);
}

Test(store_tasks, force_gives_up_what_fails_once_more)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	cr_assert(fx_decommission(&fx, "dev-1", false) == ERR_OK);
	struct task_row steps[5];
	memcpy(steps, fx.r.tasks, sizeof(steps));
	for (size_t i = 0; i < 3; i++)
		cr_assert(fx_done(&fx, &steps[i]) == ERR_OK);
	cr_assert(fx_failed(&fx, &steps[3], "no server", fx.now_ms + 1000) == ERR_OK);
	cr_assert(fx_decommission(&fx, "dev-1", true) == ERR_OK);
	struct task_row remove = task(TASK_REMOVE_WG_PEER);
	cr_expect(remove.give_up);
	cr_expect(remove.next_ms == fx.now_ms);
	cr_assert(fx_failed(&fx, &remove, "still no server", fx.now_ms + 1000) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_assert(fx_finish(&fx, &fx.r.tasks[0]) == ERR_OK);
	cr_assert(fx_decommission(&fx, "dev-1", false) == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_DECOMMISSIONED);
	cr_expect(task(TASK_REMOVE_WG_PEER).status == TASK_GIVEN_UP);
	cr_expect_str_eq(task(TASK_REMOVE_WG_PEER).last_error, "still no server");
	cr_expect(task(TASK_REMOVE_WG_PEER).attempts == 2);
}

Test(store_tasks, a_new_life_begins_after_the_end)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx_decommission_fully(&fx, "dev-1");
	cr_expect(fx_provision(&fx, "dev-1", "dev-1") == ERR_OK);
	cr_expect(fx.r.n_tasks == 0, "the past life is not provisioned again");
	fx_enroll(&fx, "dev-1", "2", fx_key(1));
	cr_expect(fx.r.device.generation == 2);
	cr_expect(fx.r.device.state == DEVICE_ENROLLED);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.n_tasks == 1, "only the peer: the old steps are forgotten");
	fx_decommission_fully(&fx, "dev-1");
	cr_expect(fx.r.device.generation == 2);
}

Test(store_tasks, a_certificate_that_comes_after_the_end_is_revoked)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	struct result enrolled = fx.r;
	// A second enrollment waits for step-ca while the device is decommissioned.
	fx_decommission_fully(&fx, "dev-1");
	fx.r = enrolled;
	cr_expect(fx_record(&fx, "dev-1", "2", fx_key(2)) == ERR_CONFLICT);
	cr_expect(strstr(fx.r.why.text, "was decommissioned meanwhile") != NULL);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_expect(fx.r.tasks[0].kind == TASK_REVOKE);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.n_certificates == 2);
	cr_expect(fx.r.device.wg_public_key[0] == '\0');
	struct task_row revoke = task(TASK_REVOKE);
	cr_assert(fx_done(&fx, &revoke) == ERR_OK);
	cr_expect(fx.r.n_tasks == 0, "the life has ended already");
}

Test(store_tasks, the_last_step_waits_again_when_a_late_certificate_reopens_the_first)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	struct result enrolled = fx.r;
	cr_assert(fx_decommission(&fx, "dev-1", false) == ERR_OK);
	struct task_row steps[5];
	memcpy(steps, fx.r.tasks, sizeof(steps));
	for (size_t i = 0; i < 4; i++)
		cr_assert(fx_done(&fx, &steps[i]) == ERR_OK);
	fx.r = enrolled;
	cr_expect(fx_record(&fx, "dev-1", "2", fx_key(2)) == ERR_CONFLICT);
	cr_expect(fx_finish(&fx, &steps[4]) == ERR_WRONG_STATE);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_assert(fx_done(&fx, &fx.r.tasks[0]) == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_expect(fx_finish(&fx, &fx.r.tasks[0]) == ERR_OK);
}

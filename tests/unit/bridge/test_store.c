// SPDX-License-Identifier: Apache-2.0
// Devices, addresses and certificates, on a real database.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
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

TestSuite(store, .init = setup, .fini = teardown);
TestSuite(store_pool, .fini = teardown);

Test(store, gives_a_device_the_same_address_each_time)
{
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
	cr_expect(fx.r.device.state == DEVICE_RESERVED);
	cr_assert(fx_reserve(&fx, "dev-2") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3");
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
	cr_expect(fx.r.device.generation == 1);
}

Test(store, remembers_after_a_restart)
{
	fx_enroll(&fx, "dev-1", "1001", fx_key(1));
	fx_close(&fx);
	fx_must_open(&fx);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_ENROLLED);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
	cr_expect_str_eq(fx.r.device.wg_public_key, fx_key(1));
	cr_assert(fx.r.n_certificates == 1);
	cr_expect_str_eq(fx.r.certificates[0].serial, "1001");
	cr_expect(!fx.r.certificates[0].revoked);
	cr_assert(fx_reserve(&fx, "dev-2") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3");
}

Test(store_pool, full_pool_is_told_and_a_freed_address_is_used_again)
{
	fx_init(&fx, "10.8.0.0/29"); // .2 to .6
	fx_must_open(&fx);
	for (unsigned i = 0; i < 5; i++) {
		char id[16], serial[16];
		snprintf(id, sizeof(id), "d%u", i);
		snprintf(serial, sizeof(serial), "%u", i);
		fx_enroll(&fx, id, serial, fx_key(i));
	}
	cr_assert(fx_reserve(&fx, "late") == ERR_EXHAUSTED);
	cr_expect(strstr(fx.r.why.text, "all 5 addresses of WG_SUBNET are in use") != NULL, "%s",
		  fx.r.why.text);
	cr_expect(fx_get(&fx, "late") == ERR_NOT_FOUND);
	// Known devices are still served.
	cr_expect(fx_reserve(&fx, "d4") == ERR_OK);
	fx_decommission_fully(&fx, "d3");
	fx_decommission_fully(&fx, "d1");
	cr_assert(fx_reserve(&fx, "late") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3", "the lowest free address comes first");
	cr_assert(fx_reserve(&fx, "later") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.5");
	cr_expect(fx_reserve(&fx, "latest") == ERR_EXHAUSTED);
}

Test(store_pool, the_narrowest_and_the_widest_subnet_work)
{
	static const struct {
		const char *subnet, *first, *last;
	} rows[] = {
		{"10.8.0.4/30", "10.8.0.6",  "10.8.0.6" },
		{"10.0.0.0/8",  "10.0.0.2",  "10.0.0.3" },
		{"192.0.0.0/8", "192.0.0.2", "192.0.0.3"},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		bool one = strcmp(rows[i].first, rows[i].last) == 0;
		fx_init(&fx, rows[i].subnet);
		fx_must_open(&fx);
		cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
		cr_expect_str_eq(fx_ip(&fx), rows[i].first);
		cr_expect(fx_reserve(&fx, "dev-2") == (one ? ERR_EXHAUSTED : ERR_OK));
		if (!one)
			cr_expect_str_eq(fx_ip(&fx), rows[i].last);
		if (i + 1 < N_ELEMENTS(rows))
			fx_fini(&fx);
	}
}

// The ranges against a plain array of flags: any order of enrolling, decommissioning and restarts.
Test(store_pool, behaves_like_a_set_of_addresses, .timeout = 100)
{
	enum {
		N = 29, // a /27 less network, server, broadcast
		STEPS = 600
	};
	bool used[N] = {0};
	int owner[N];
	int address_of[60];
	struct rng rng;
	rng_init(&rng, 42, 0);
	memset(address_of, -1, sizeof(address_of));
	fx_init(&fx, "10.9.0.32/27");
	fx_must_open(&fx);
	for (int step = 0; step < STEPS; step++) {
		int d = (int)rng_below(&rng, N_ELEMENTS(address_of));
		char id[16], serial[24];
		snprintf(id, sizeof(id), "d%d", d);
		snprintf(serial, sizeof(serial), "%d", step);
		if (rng_below(&rng, 50) == 0) {
			fx_close(&fx);
			fx_must_open(&fx);
		}
		if (address_of[d] >= 0 && rng_below(&rng, 2) == 0) {
			fx_decommission_fully(&fx, id);
			used[address_of[d]] = false;
			address_of[d] = -1;
			continue;
		}
		int want = address_of[d];
		for (int i = 0; want < 0 && i < N; i++)
			want = used[i] ? -1 : i;
		enum err err = fx_reserve(&fx, id);
		if (want < 0) {
			cr_assert(err == ERR_EXHAUSTED, "step %d", step);
			continue;
		}
		cr_assert(err == ERR_OK, "step %d: %s", step, fx.r.why.text);
		cr_assert(fx.r.device.wg_ip == 0x0a090022u + (uint32_t)want, "step %d: %s", step,
			  fx_ip(&fx));
		cr_assert(fx_record(&fx, id, serial, fx_key((unsigned)d)) == ERR_OK);
		used[want] = true;
		owner[want] = d;
		address_of[d] = want;
	}
	for (int i = 0; i < N; i++)
		cr_expect(!used[i] || address_of[owner[i]] == i);
}

Test(store, one_wireguard_key_belongs_to_one_device)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(7));
	cr_expect(fx_wait(&fx, store_reserve(fx.store, "dev-2", fx_key(7), fx_keep, &fx.r)) ==
		  ERR_INPUT);
	cr_expect(strstr(fx.r.why.text, "belongs to another device") != NULL);
	cr_expect(fx_get(&fx, "dev-2") == ERR_NOT_FOUND,
		  "nothing is reserved for a refused request");
	cr_expect(fx_wait(&fx, store_reserve(fx.store, "dev-1", fx_key(7), fx_keep, &fx.r)) ==
		  ERR_OK);
	// Both asked at the same time: the later one loses, and its certificate will be revoked.
	cr_assert(fx_reserve(&fx, "dev-3") == ERR_OK);
	cr_expect(fx_record(&fx, "dev-3", "3", fx_key(7)) == ERR_INPUT);
	cr_assert(fx_get(&fx, "dev-3") == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_RESERVED);
	cr_expect(fx.r.n_certificates == 1);
	cr_expect(fx_task(&fx, TASK_REVOKE) != NULL);
}

Test(store, enrolling_again_keeps_address_and_hands_over_the_old_key)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	cr_assert(fx.r.n_tasks == 1);
	cr_expect_str_eq(fx.r.tasks[0].payload, "");
	cr_expect(fx.r.tasks[0].wg_ip == 0x0a080002);
	cr_assert(fx_done(&fx, &fx.r.tasks[0]) == ERR_OK);
	fx_enroll(&fx, "dev-1", "2", fx_key(2));
	cr_assert(fx.r.n_tasks == 1);
	cr_expect_str_eq(fx.r.tasks[0].payload, fx_key(1));
	cr_expect_str_eq(fx.r.tasks[0].wg_public_key, fx_key(2));
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
	// The same key once more: nothing to remove.
	cr_assert(fx_done(&fx, &fx.r.tasks[0]) == ERR_OK);
	fx_enroll(&fx, "dev-1", "3", fx_key(2));
	cr_expect_str_eq(fx.r.tasks[0].payload, "");
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.n_certificates == 3);
}

Test(store, expired_certificates_are_forgotten_after_a_month)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx.now_ms += 40 * 24 * 3600 * 1000LL;
	fx_enroll(&fx, "dev-1", "2", fx_key(1));
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_assert(fx.r.n_certificates == 1);
	cr_expect_str_eq(fx.r.certificates[0].serial, "2");
}

Test(store, lists_devices_in_pages_and_by_state)
{
	fx_enroll(&fx, "b", "1", fx_key(1));
	fx_enroll(&fx, "a", "2", fx_key(2));
	cr_assert(fx_reserve(&fx, "c") == ERR_OK);
	cr_assert(fx_list(&fx, NULL, 2, 0) == ERR_OK);
	cr_assert(fx.r.n_devices == 2);
	cr_expect(fx.r.more);
	cr_expect_str_eq(fx.r.devices[0].id, "a");
	cr_expect_str_eq(fx.r.devices[1].id, "b");
	cr_assert(fx_list(&fx, "b", 2, 0) == ERR_OK);
	cr_assert(fx.r.n_devices == 1);
	cr_expect(!fx.r.more);
	cr_expect_str_eq(fx.r.devices[0].id, "c");
	cr_assert(fx_list(&fx, NULL, 10, 1u << DEVICE_ENROLLED) == ERR_OK);
	cr_expect(fx.r.n_devices == 2);
	cr_assert(fx_list(&fx, NULL, 10, 1u << DEVICE_RESERVED | 1u << DEVICE_PROVISIONED) ==
		  ERR_OK);
	cr_assert(fx.r.n_devices == 1);
	cr_expect_str_eq(fx.r.devices[0].id, "c");
}

Test(store, reservations_that_nobody_used_are_given_back)
{
	cr_assert(fx_reserve(&fx, "gone") == ERR_OK);
	fx_enroll(&fx, "stays", "1", fx_key(1));
	fx.now_ms += 1000;
	cr_assert(fx_reserve(&fx, "fresh") == ERR_OK);
	cr_assert(fx_reclaim(&fx, fx.now_ms) == ERR_OK);
	cr_expect(fx_get(&fx, "gone") == ERR_NOT_FOUND);
	cr_expect(fx_get(&fx, "stays") == ERR_OK);
	cr_expect(fx_get(&fx, "fresh") == ERR_OK);
	cr_assert(fx_reserve(&fx, "next") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
}

Test(store, a_subnet_that_does_not_hold_the_addresses_in_use_is_refused)
{
	struct why why = {0};
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx_close(&fx);
	fx.subnet = "10.9.0.0/24";
	cr_assert(fx_open(&fx, &why) == ERR_CONFLICT);
	cr_expect_str_eq(
		why.text,
		"WG_SUBNET is 10.9.0.0/24 but device dev-1 has 10.8.0.2 from 10.8.0.0/24; set "
		"WG_SUBNET to a subnet that holds all addresses in use, or decommission those "
		"devices first");
	// A wider one is fine, and the old one is not forgotten by the failure.
	fx.subnet = "10.8.0.0/16";
	fx_must_open(&fx);
	cr_assert(fx_reserve(&fx, "dev-2") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3");
	fx_close(&fx);
	fx.subnet = "10.8.0.0/30";
	cr_assert(fx_open(&fx, &why) == ERR_CONFLICT);
	cr_expect(strstr(why.text, "dev-2 has 10.8.0.3 from 10.8.0.0/16") != NULL, "%s", why.text);
}

// Killed at any time after an answer, the store knows what was answered.
Test(store, survives_a_kill)
{
	fx_close(&fx);
	for (unsigned round = 0; round < 5; round++) {
		char id[16], serial[16];
		snprintf(id, sizeof(id), "dev-%u", round);
		snprintf(serial, sizeof(serial), "%u", round);
		pid_t pid = fork();
		cr_assert(pid >= 0);
		if (pid == 0) {
			uv_loop_fork(&fx.loop);
			fx_must_open(&fx);
			fx_enroll(&fx, id, serial, fx_key(round));
			_exit(7);
		}
		int status;
		cr_assert(waitpid(pid, &status, 0) == pid);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
	fx_must_open(&fx);
	for (unsigned round = 0; round < 5; round++) {
		char id[16];
		snprintf(id, sizeof(id), "dev-%u", round);
		cr_assert(fx_get(&fx, id) == ERR_OK, "%s", id);
		cr_expect(fx.r.device.wg_ip == 0x0a080002 + round);
		cr_expect(fx.r.n_certificates == 1);
		cr_expect(fx_task(&fx, TASK_SET_WG_PEER) != NULL);
	}
}

static void
count_call(const struct store_answer *answer, void *ctx)
{
	cr_expect(answer->err == ERR_OK);
	++*(int *)ctx;
}

Test(store, many_operations_in_flight_are_all_answered_in_order)
{
	int calls = 0;
	enum err err = ERR_OK;
	for (int i = 0; i < 200 && err == ERR_OK; i++) {
		char id[16];
		snprintf(id, sizeof(id), "d%d", i);
		err = store_reserve(fx.store, id, NULL, count_call, &calls);
	}
	cr_assert(err == ERR_OK);
	cr_expect(store_depth(fx.store) == 200);
	cr_assert(fx_reserve(&fx, "last") == ERR_OK);
	cr_expect(calls == 200);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.202");
	cr_expect(store_depth(fx.store) == 0);
}

static void
expect_cancelled(const struct store_answer *answer, void *ctx)
{
	cr_expect(answer->err == ERR_CANCELLED);
	++*(int *)ctx;
}

Test(store, closing_makes_what_is_queued_and_tells_everyone)
{
	int calls = 0;
	cr_assert(store_reserve(fx.store, "dev-1", NULL, expect_cancelled, &calls) == ERR_OK);
	cr_assert(store_reserve(fx.store, "dev-2", NULL, expect_cancelled, &calls) == ERR_OK);
	fx_close(&fx);
	cr_expect(calls == 2);
	fx_must_open(&fx);
	cr_expect(fx_get(&fx, "dev-2") == ERR_OK);
}

Test(store, an_id_that_is_too_long_is_refused_and_never_cut)
{
	char id[DEVICE_ID_MAX + 2];
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	cr_expect(fx_reserve(&fx, id) == ERR_INPUT);
	cr_expect(fx_get(&fx, id) == ERR_INPUT);
}

// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "lifecycle.h"
#include "world.h"

static struct world w;

static void
setup(void)
{
	world_init(&w, 1);
}

static void
teardown(void)
{
	world_fini(&w);
}

TestSuite(sim, .init = setup, .fini = teardown);

static void
expect_state(enum dev_state s)
{
	cr_expect(eq(str, (char *)(uintptr_t)dev_state_name(w.d.state),
		     (char *)(uintptr_t)dev_state_name(s)),
		  "%s", w.transcript);
}

static void
enroll(void)
{
	cr_assert(eq(int, world_command(&w, EV_ENROLL, 0), STEP_MOVED));
	expect_state(ST_ENROLLED);
}

Test(sim, a_whole_life)
{
	enroll();
	cr_expect(eq(uint, w.calls[OP_FETCH_ROOT], 1));
	cr_expect(w.flash.text[FLASH_FLAG] != NULL);
	world_command(&w, EV_CONNECT, 0);
	expect_state(ST_ONLINE);
	world_command(&w, EV_PUBLISH, 0);
	expect_state(ST_ONLINE);
	world_command(&w, EV_TUNNEL, 0);
	expect_state(ST_REACHABLE);
	world_command(&w, EV_PING, 0);
	expect_state(ST_REACHABLE);
	cr_expect(w.d.session_up, "the session lives on beside the tunnel");
	world_command(&w, EV_RENEW, 0);
	expect_state(ST_REACHABLE);
	world_command(&w, EV_TUNNEL_DOWN, 0);
	expect_state(ST_ONLINE);
	world_command(&w, EV_DISCONNECT, 0);
	expect_state(ST_ENROLLED);
	world_command(&w, EV_RETIRE, 0);
	expect_state(ST_RETIRED);
	cr_expect(eq(uint, w.unexpected, 0));
	for (unsigned i = 0; i < w.n_ended; i++)
		cr_expect(not(w.ended_failed[i]), "phase %s", dev_phase_name(w.ended[i]));
}

Test(sim, a_command_may_follow_at_a_phase_end)
{
	w.next_command = EV_CONNECT;
	world_command(&w, EV_ENROLL, 0);
	expect_state(ST_ONLINE);
	cr_expect(eq(uint, w.n_ended, 2));
}

Test(sim, an_enrolled_device_does_not_enroll_again)
{
	enroll();
	world_command(&w, EV_ENROLL, 0);
	expect_state(ST_ENROLLED);
	cr_expect(eq(uint, w.calls[OP_ENROLL], 1));
	cr_expect(eq(uint, w.n_ended, 2), "the second one ends too");
}

Test(sim, forgetting_leads_to_a_new_key_pair)
{
	enroll();
	world_command(&w, EV_FORGET, 0);
	expect_state(ST_ENROLLED);
	cr_expect(w.flash.text[FLASH_FLAG] == NULL);
	world_command(&w, EV_ENROLL, 0);
	cr_expect(eq(uint, w.keys_made, 2));
	cr_expect(eq(uint, w.calls[OP_FETCH_ROOT], 1), "it knows the root already");
	cr_expect(w.flash.text[FLASH_FLAG] != NULL);
}

Test(sim, retries_send_the_same_csr_and_end)
{
	for (int i = 0; i < 3; i++)
		world_say(&w, OP_ENROLL, EV_RETRY, 10);
	world_command(&w, EV_ENROLL, 2);
	expect_state(ST_NEW);
	cr_expect(eq(uint, w.calls[OP_ENROLL], 3));
	cr_expect(eq(uint, w.keys_made, 1));
	cr_expect(eq(uint, w.csr_reused, 2));
	cr_expect(eq(uint, w.d.tries, 3));
	cr_expect(w.ended_failed[0]);
	cr_expect(eq(int, w.d.failure->code, 503));
}

Test(sim, a_retry_may_succeed)
{
	world_say(&w, OP_ENROLL, EV_RETRY, 10);
	world_command(&w, EV_ENROLL, 1);
	expect_state(ST_ENROLLED);
	cr_expect(not(w.ended_failed[0]));
}

Test(sim, a_refusal_is_not_retried)
{
	world_say(&w, OP_ENROLL, EV_REFUSED, 10);
	world_command(&w, EV_ENROLL, 5);
	expect_state(ST_NEW);
	cr_expect(eq(uint, w.calls[OP_ENROLL], 1));
}

Test(sim, waits_stay_between_base_and_cap)
{
	for (int i = 0; i < 12; i++)
		world_say(&w, OP_ENROLL, EV_RETRY, 0);
	w.limits.backoff_base_ms = 100;
	w.limits.backoff_cap_ms = 2000;
	world_command(&w, EV_ENROLL, 11);
	cr_assert(eq(uint, w.calls[OP_ENROLL], 12));
	bool grew = false;
	for (int i = 1; i < 12; i++) {
		uint64_t wait = w.call_at_ms[OP_ENROLL][i] - w.call_at_ms[OP_ENROLL][i - 1];
		cr_expect(ge(u64, wait, 100));
		cr_expect(le(u64, wait, 2000));
		grew |= wait > 300;
	}
	cr_expect(grew, "the waits grow");
}

Test(sim, retry_after_is_a_floor)
{
	world_say(&w, OP_ENROLL, EV_RETRY, 0);
	w.scripts[OP_ENROLL][0].retry_after_ms = 7000;
	world_command(&w, EV_ENROLL, 1);
	uint64_t wait = w.call_at_ms[OP_ENROLL][1] - w.call_at_ms[OP_ENROLL][0];
	cr_expect(ge(u64, wait, 7000));
	cr_expect(le(u64, wait, 7500), "jitter is at most the base");
}

Test(sim, an_absurd_retry_after_is_cut)
{
	world_say(&w, OP_ENROLL, EV_RETRY, 0);
	w.scripts[OP_ENROLL][0].retry_after_ms = 86400000;
	world_command(&w, EV_ENROLL, 1);
	uint64_t wait = w.call_at_ms[OP_ENROLL][1] - w.call_at_ms[OP_ENROLL][0];
	cr_expect(le(u64, wait, (uint64_t)w.limits.retry_after_cap_ms + 500));
}

Test(sim, silence_ends_by_the_timer_and_the_late_answer_is_dropped)
{
	world_say(&w, OP_ENROLL, EV_OK, 60000); // long after the timer
	world_command(&w, EV_ENROLL, 0);
	expect_state(ST_NEW);
	cr_expect(eq(uint, w.stale, 1));
	cr_expect(eq(str, w.d.failure->kind, (char *)(uintptr_t) "timeout"));
	cr_expect(not(w.d.has_identity), "nothing was stored by the late answer");
}

// The first answer arrives while the second try is in flight: it belongs to nobody.
Test(sim, a_late_answer_does_not_end_the_next_try)
{
	world_say(&w, OP_ENROLL, EV_REFUSED, w.limits.enroll_ms + 5000);
	world_say(&w, OP_ENROLL, EV_OK, 15000);
	world_command(&w, EV_ENROLL, 1);
	expect_state(ST_ENROLLED);
	cr_expect(eq(uint, w.stale, 1));
}

Test(sim, power_cut_between_any_two_writes_converges)
{
	for (unsigned cut = 0; cut < FLASH_FILES; cut++) {
		world_fini(&w);
		world_init(&w, cut + 1);
		w.cut_after = (enum flash_file)cut;
		world_command(&w, EV_ENROLL, 0);
		bool whole = w.cut_after == FLASH_FLAG;
		expect_state(whole ? ST_ENROLLED : ST_NEW);
		cr_expect(w.ended_failed[0], "the enroll command did not end well");
		cr_expect(eq(str, w.d.failure->kind, (char *)(uintptr_t) "power-cut"));
		cr_expect(eq(int, w.flash.text[FLASH_FLAG] != NULL, whole));
		w.cut_after = FLASH_FILES;
		world_command(&w, EV_ENROLL, 0);
		expect_state(ST_ENROLLED);
		cr_expect(eq(uint, w.calls[OP_ENROLL], whole ? 1 : 2));
	}
}

Test(sim, power_cut_in_every_state_leaves_a_device_that_can_live)
{
	static const enum dev_event way[] = {EV_ENROLL, EV_CONNECT, EV_PUBLISH, EV_TUNNEL,
					     EV_PING,	EV_RENEW,   EV_RETIRE};
	for (size_t cut = 0; cut < N_ELEMENTS(way); cut++) {
		world_fini(&w);
		world_init(&w, cut + 1);
		for (size_t i = 0; i < cut; i++)
			world_command(&w, way[i], 0);
		device_set_retries(&w.d, 0);
		(void)device_step(&w.d, way[cut], 0); // in flight
		cr_assert(not(dev_state_is_resting(w.d.state)), "%s", w.transcript);
		world_event(&w, EV_POWER_CUT);
		expect_state(cut == 0 ? ST_NEW : ST_ENROLLED);
		cr_expect(not(w.d.session_up));
		cr_expect(not(w.d.tunnel_up));
		world_run(&w, w.now_ms + 3600000); // answers that come now are stale
		expect_state(cut == 0 ? ST_NEW : ST_ENROLLED);
		world_command(&w, EV_ENROLL, 0);
		world_command(&w, EV_CONNECT, 0);
		expect_state(ST_ONLINE);
	}
}

Test(sim, a_lost_session_comes_back_by_itself_when_kept)
{
	enroll();
	w.d.keep_session = true;
	world_command(&w, EV_CONNECT, 0);
	unsigned ended = w.n_ended;
	world_event(&w, EV_LOST);
	expect_state(ST_BACKOFF_CONNECT);
	world_run(&w, w.now_ms + 60000);
	expect_state(ST_ONLINE);
	cr_expect(eq(uint, w.calls[OP_CONNECT], 2));
	cr_expect(eq(uint, w.n_ended, ended), "nobody had given a command");
}

Test(sim, a_kept_session_outlasts_a_long_outage)
{
	enroll();
	w.d.keep_session = true;
	world_command(&w, EV_CONNECT, 0);
	for (int i = 0; i < SCRIPT_MAX - 1; i++)
		world_say(&w, OP_CONNECT, i % 3 ? EV_RETRY : EV_NONE, 10);
	w.calls[OP_CONNECT] = 0;
	world_event(&w, EV_LOST);
	world_run(&w, w.now_ms + 3600000);
	expect_state(ST_ONLINE);
	cr_expect(eq(uint, w.calls[OP_CONNECT], SCRIPT_MAX));
}

Test(sim, a_lost_session_stays_lost_when_not_kept)
{
	enroll();
	world_command(&w, EV_CONNECT, 0);
	world_event(&w, EV_LOST);
	expect_state(ST_ENROLLED);
}

Test(sim, a_session_lost_during_a_ping_is_noted_afterwards)
{
	enroll();
	world_command(&w, EV_CONNECT, 0);
	world_command(&w, EV_TUNNEL, 0);
	world_say(&w, OP_PING, EV_OK, 100);
	(void)device_step(&w.d, EV_PING, 0);
	world_event(&w, EV_LOST);
	expect_state(ST_PINGING);
	world_run(&w, w.now_ms + 1000);
	expect_state(ST_REACHABLE);
	cr_expect(not(w.d.session_up));
	cr_expect(not(w.ended_failed[w.n_ended - 1]), "the ping itself went well");
	world_command(&w, EV_TUNNEL_DOWN, 0);
	expect_state(ST_ENROLLED);
}

Test(sim, commands_without_a_row_change_nothing)
{
	static const enum dev_event bad[] = {EV_CONNECT, EV_PUBLISH, EV_TUNNEL,	     EV_PING,
					     EV_RENEW,	 EV_OK,	     EV_TUNNEL_DOWN, EV_DISCONNECT};
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		uint32_t attempt = w.d.attempt;
		cr_expect(eq(int, device_step(&w.d, bad[i], attempt), STEP_UNEXPECTED), "%s",
			  dev_event_name(bad[i]));
		expect_state(ST_NEW);
		cr_expect(eq(uint, w.d.attempt, attempt));
	}
	cr_expect(eq(uint, w.unexpected, N_ELEMENTS(bad)));
	cr_expect(eq(uint, w.n_ended, 0));
}

Test(sim, stop_ends_whatever_is_in_flight)
{
	world_say(&w, OP_ENROLL, EV_OK, 5000);
	world_say(&w, OP_FETCH_ROOT, EV_OK, 0);
	(void)device_step(&w.d, EV_ENROLL, 0);
	world_run(&w, w.now_ms + 100);
	world_event(&w, EV_STOP);
	expect_state(ST_RETIRED);
	cr_expect(w.ended_failed[0]);
	world_run(&w, w.now_ms + 100000);
	expect_state(ST_RETIRED);
	cr_expect(eq(uint, w.stale, 1));
}

Test(sim, a_decommission_that_waits_is_asked_again)
{
	enroll();
	world_say(&w, OP_RETIRE, EV_RETRY, 10);
	world_say(&w, OP_RETIRE, EV_NONE, 0); // no answer at all
	world_command(&w, EV_RETIRE, 3);
	expect_state(ST_RETIRED);
	cr_expect(eq(uint, w.calls[OP_RETIRE], 3));
}

// Every answer to every call, at random, for long: whatever comes, the device ends at rest and can
// go on.
Test(sim, random_networks_never_wedge_a_device)
{
	static const enum dev_event answers[] = {EV_OK, EV_OK, EV_RETRY, EV_REFUSED, EV_NONE};
	static const enum dev_event commands[] = {
		EV_ENROLL, EV_CONNECT, EV_PUBLISH, EV_TUNNEL,	 EV_PING,      EV_TUNNEL_DOWN,
		EV_RENEW,  EV_FORGET,  EV_LOST,	   EV_POWER_CUT, EV_DISCONNECT};
	for (uint64_t seed = 1; seed <= 300; seed++) {
		world_fini(&w);
		world_init(&w, seed);
		struct rng dice;
		rng_init(&dice, seed, 7);
		for (int round = 0; round < 40; round++) {
			for (unsigned op = 0; op < OP_COUNT; op++) {
				w.calls[op] = w.n_scripts[op] = 0;
				for (unsigned i = 0; i < 4; i++)
					world_say(&w, (enum world_op)op,
						  answers[rng_below(&dice, N_ELEMENTS(answers))],
						  (uint32_t)rng_below(&dice, 30000));
			}
			enum dev_event e = commands[rng_below(&dice, N_ELEMENTS(commands))];
			device_set_retries(&w.d, 2);
			(void)device_step(&w.d, e, 0);
			world_run(&w, w.now_ms + rng_below(&dice, 60000));
			if (rng_below(&dice, 4) == 0)
				world_event(&w, EV_LOST);
		}
		world_run(&w, w.now_ms + 3600000);
		cr_assert(dev_state_is_resting(w.d.state), "seed %llu: %s",
			  (unsigned long long)seed, dev_state_name(w.d.state));
		cr_expect(eq(int, w.d.has_identity || w.d.state == ST_NEW, 1));
	}
}

Test(sim, the_same_seed_gives_the_same_transcript)
{
	static char first[sizeof(w.transcript)];
	for (int run = 0; run < 2; run++) {
		world_fini(&w);
		world_init(&w, 42);
		for (int i = 0; i < 4; i++)
			world_say(&w, OP_ENROLL, EV_RETRY, 20);
		world_command(&w, EV_ENROLL, 4);
		world_command(&w, EV_CONNECT, 1);
		if (run == 0)
			memcpy(first, w.transcript, sizeof(first));
	}
	cr_expect(eq(str, first, w.transcript));
}

// Devices that lose their session every hour of a day: each comes back each time.
Test(sim, a_fleet_for_a_day)
{
	enum { DEVICES = 200, HOURS = 24 };
	for (uint64_t i = 0; i < DEVICES; i++) {
		world_fini(&w);
		world_init(&w, i + 1);
		w.d.keep_session = true;
		world_command(&w, EV_ENROLL, 0);
		world_command(&w, EV_CONNECT, 0);
		for (int hour = 0; hour < HOURS; hour++) {
			world_event(&w, EV_LOST);
			world_run(&w, w.now_ms + 3600000);
		}
		cr_assert(eq(int, w.d.state, ST_ONLINE));
		cr_assert(eq(uint, w.calls[OP_CONNECT], HOURS + 1));
	}
}

// SPDX-License-Identifier: Apache-2.0
// The client of the userspace API, and the comparison of server and store.
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

TestSuite(wireguard, .init = setup, .fini = teardown, .timeout = 60);

static void
keep_why(const struct why *why, void *ctx)
{
	*(struct why *)ctx = *why;
}

static enum err
set_peer(const char *key, uint32_t ip, const char *remove, struct why *why)
{
	*why = (struct why){.err = ERR_COUNT};
	const struct wireguard_change change = {"dev-1", key, ip, remove};
	enum err err = wireguard_apply(s.wireguard, &change, keep_why, why);
	while (err == ERR_OK && why->err == ERR_COUNT)
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	return err == ERR_OK ? why->err : err;
}

static void
wait_for_peer(const char *key)
{
	while (!fake_uapi_ip(&s.wg, key))
		uv_run(&s.fx.loop, UV_RUN_ONCE);
}

Test(wireguard, wants_a_path_that_it_understands)
{
	static const struct {
		const char *server;
		enum err err;
		const char *says;
	} rows[] = {
		{"/run/wg0.sock", ERR_INPUT, "must be one of uapi:/path"},
		{"uapi:wg0",	     ERR_INPUT, "must be uapi:/path"	    },
		{"uapi:/",	   ERR_INPUT, "must be uapi:/path"	  },
		{"",		     ERR_INPUT, "must be one of uapi:/path"},
	};
	stack_open(&s);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct wireguard *w = NULL;
		struct why why = {0};
		struct wireguard_options o = {
			.loop = &s.fx.loop, .log = &s.fx.log, .server = rows[i].server};
		cr_expect(wireguard_new(&w, &o, &why) == rows[i].err, "%s", rows[i].server);
		cr_expect(strstr(why.text, rows[i].says) != NULL, "%s: %s", rows[i].server,
			  why.text);
	}
}

Test(wireguard, takes_all_three_forms)
{
	static const char *const servers[] = {"uapi:/run/wg0.sock", "wg:wg0", "wg:site-1.b",
					      "file:/wg-config/wg0.conf"};
	stack_open(&s);
	for (size_t i = 0; i < N_ELEMENTS(servers); i++) {
		struct why why = {0};
		cr_expect(wireguard_server_check(servers[i], &why) == ERR_OK, "%s", why.text);
	}
}

Test(wireguard, a_server_that_refuses_is_quoted)
{
	struct why why;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	s.wg.refuse = 22;
	cr_expect(set_peer(fx_key(1), 0x0a080002, "", &why) == ERR_UPSTREAM_REFUSED);
	cr_expect(strstr(why.text, "22") != NULL, "%s", why.text);
	s.wg.refuse = 0;
	cr_expect(set_peer(fx_key(1), 0x0a080002, "", &why) == ERR_OK);
}

Test(wireguard, a_key_that_is_none_never_leaves)
{
	struct why why;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	cr_expect(set_peer("short", 0x0a080002, "", &why) == ERR_SYNTAX);
	cr_expect(set_peer(fx_key(1), 0x0a080002, "x y", &why) == ERR_SYNTAX);
	cr_expect(set_peer(fx_key(1), 0, "", &why) == ERR_INPUT);
	const struct wireguard_change change = {"dev\n[Peer]", fx_key(1), 0x0a080002, ""};
	cr_expect(wireguard_apply(s.wireguard, &change, keep_why, &why) == ERR_INPUT);
}

Test(wireguard, requests_in_flight_are_answered_each)
{
	struct why why[20];
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	for (unsigned i = 0; i < N_ELEMENTS(why); i++) {
		why[i].err = ERR_COUNT;
		const struct wireguard_change change = {"dev-1", fx_key(i), 0x0a080002 + i, ""};
		cr_assert(wireguard_apply(s.wireguard, &change, keep_why, &why[i]) == ERR_OK);
	}
	for (unsigned i = 0; i < N_ELEMENTS(why); i++) {
		while (why[i].err == ERR_COUNT)
			uv_run(&s.fx.loop, UV_RUN_ONCE);
		cr_expect(why[i].err == ERR_OK, "%s", why[i].text);
	}
	cr_expect(s.wg.n_peers == N_ELEMENTS(why));
}

Test(wireguard, a_lost_connection_fails_what_waits_and_comes_back)
{
	struct why why = {.err = ERR_COUNT}, second;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	s.wg.silent = true;
	stack_open(&s);
	const struct wireguard_change change = {"dev-1", fx_key(1), 0x0a080002, ""};
	cr_assert(wireguard_apply(s.wireguard, &change, keep_why, &why) == ERR_OK);
	while (s.wg.n_requests < 1)
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	fake_uapi_stop(&s.wg, false);
	while (why.err == ERR_COUNT)
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	cr_expect(why.err == ERR_CLOSED, "%s", why.text);
	cr_expect(!wireguard_is_connected(s.wireguard));
	cr_expect(set_peer(fx_key(1), 0x0a080002, "", &second) == ERR_UPSTREAM_DOWN);
	s.wg.silent = false;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	while (!wireguard_is_connected(s.wireguard))
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	cr_expect(set_peer(fx_key(1), 0x0a080002, "", &second) == ERR_OK, "%s", second.text);
}

Test(wireguard, a_restarted_server_gets_its_peers_back_and_strangers_stay)
{
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	stack_open(&s);
	fx_enroll(&s.fx, "dev-1", "1", fx_key(1));
	fx_enroll(&s.fx, "dev-2", "2", fx_key(2));
	cr_assert(fx_reserve(&s.fx, "reserved") == ERR_OK);
	fake_uapi_stop(&s.wg, false);
	snprintf(s.wg.peers[0].key, sizeof(s.wg.peers[0].key), "%s", fx_key(99));
	snprintf(s.wg.peers[1].key, sizeof(s.wg.peers[1].key), "%s", fx_key(2));
	snprintf(s.wg.peers[1].ip, sizeof(s.wg.peers[1].ip), "10.8.0.77/32");
	s.wg.n_peers = 2;
	fake_uapi_start(&s.wg, &s.fx.loop, s.socket);
	wait_for_peer(fx_key(1));
	while (strcmp(fake_uapi_ip(&s.wg, fx_key(2)), "10.8.0.3/32") != 0)
		uv_run(&s.fx.loop, UV_RUN_ONCE);
	cr_expect_str_eq(fake_uapi_ip(&s.wg, fx_key(1)), "10.8.0.2/32");
	cr_expect(fake_uapi_ip(&s.wg, fx_key(99)) != NULL);
	cr_expect(s.wg.n_peers == 3);
}

Test(wireguard, finds_peers_by_key)
{
	struct wireguard_peer peers[] = {{.public_key = "a"}, {.public_key = "c"}};
	stack_open(&s);
	cr_expect(wireguard_find_peer(peers, 2, "c") == &peers[1]);
	cr_expect(wireguard_find_peer(peers, 2, "b") == NULL);
	cr_expect(wireguard_find_peer(NULL, 0, "a") == NULL);
}

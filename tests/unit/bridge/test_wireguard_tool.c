// SPDX-License-Identifier: Apache-2.0
// WG_SERVER=wg: with a program wg of its own, a shell script that notes how it was called.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/wireguard_dump.h"
#include "wireguard_fixture.h"

#define IP	    0x0a080002 // 10.8.0.2
#define PRIVATE_KEY "cHJpdmF0ZQ=="

static struct wireguard_fixture w;
static char folder[256];

static void
write_file(const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fx_write(&w.fx, path, text);
}

static void
remove_file(const char *name)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	cr_assert(unlink(path) == 0);
}

static char *
read_file(const char *name)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return wgfx_read(path);
}

static void
setup(void)
{
	char path[1024];
	wgfx_init(&w);
	snprintf(folder, sizeof(folder), "%.200s/bin", w.fx.folder);
	cr_assert(mkdir(folder, 0755) == 0);
	write_file("wg", "#!/bin/sh\n"
			 "d=${0%/*} IFS='|'\n"
			 "echo \"$*\" >>\"$d/calls\"\n"
			 "env >\"$d/env\"\n"
			 "[ -f \"$d/fail\" ] && . \"$d/fail\"\n"
			 "[ \"$1\" != show ] || cat \"$d/dump\"\n");
	write_file("dump", PRIVATE_KEY "\tcHVibGlj\t51820\toff\n");
	write_file("calls", "");
	snprintf(path, sizeof(path), "%s/wg", folder);
	cr_assert(chmod(path, 0755) == 0);
	snprintf(path, sizeof(path), "relative::%s:/usr/bin:/bin", folder);
	setenv("PATH", path, 1);
	setenv("STEP_CA_PROVISIONER_PASSWORD", "hunter2", 1);
}

static void
teardown(void)
{
	wgfx_fini(&w);
}

TestSuite(wireguard_tool, .init = setup, .fini = teardown, .timeout = 60);

static void
expect_last_call(const char *want)
{
	AUTO(free) char *calls = read_file("calls");
	size_t n = strlen(calls), m = strlen(want);
	cr_expect(n > m && strncmp(calls + n - m - 1, want, m) == 0, "%s\n--- wanted last: %s",
		  calls, want);
}

Test(wireguard_tool, runs_wg_without_a_shell_and_without_secrets)
{
	struct why why;
	char want[512];
	const struct wireguard_change change = {"dev-1", fx_key(2), IP, fx_key(1)};
	const struct wireguard_change removal = {"dev-1", NULL, IP, fx_key(2)};
	wgfx_open(&w, "wg:wg0");
	wgfx_wait_connected(&w, 1);
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_OK, "%s", why.text);
	snprintf(want, sizeof(want), "set|wg0|peer|%s|remove|peer|%s|allowed-ips|10.8.0.2/32",
		 fx_key(1), fx_key(2));
	expect_last_call(want);
	cr_expect(wgfx_apply(&w, &removal, &why) == ERR_OK, "%s", why.text);
	snprintf(want, sizeof(want), "set|wg0|peer|%s|remove", fx_key(2));
	expect_last_call(want);
	AUTO(free) char *env = read_file("env");
	cr_expect(strstr(env, "LC_ALL=C") != NULL);
	cr_expect(strstr(env, "hunter2") == NULL);
}

static void
count_ok(const struct why *why, void *ctx)
{
	cr_expect(why->err == ERR_OK, "%s", why->text);
	++*(int *)ctx;
}

Test(wireguard_tool, what_comes_together_is_set_together)
{
	int done = 0, sets = 0;
	wgfx_open(&w, "wg:wg0");
	wgfx_wait_connected(&w, 1);
	for (unsigned i = 0; i < 240; i++) {
		const struct wireguard_change change = {"dev-1", fx_key(i + 1), IP + i, ""};
		cr_assert(wireguard_apply(w.wireguard, &change, count_ok, &done) == ERR_OK);
	}
	while (done < 240)
		uv_run(&w.fx.loop, UV_RUN_ONCE);
	AUTO(free) char *calls = read_file("calls");
	for (const char *p = calls; (p = strstr(p, "set|wg0")); p++)
		sets++;
	cr_expect(sets == 3, "%d", sets);
}

Test(wireguard_tool, says_why_it_cannot)
{
	static const struct {
		const char *script;
		enum err err;
		const char *says;
	} rows[] = {
		{"echo 'Unable to modify interface: No such device' >&2; exit 1",	  ERR_UPSTREAM_DOWN,
		 "there is no such interface"												 },
		{"echo 'Unable to modify interface: Protocol not supported' >&2; exit 1",
		 ERR_UPSTREAM_DOWN,									      "the kernel has no WireGuard"},
		{"echo 'Unable to modify interface: Operation not permitted' >&2; exit 1",
		 ERR_FORBIDDEN,										  "needs CAP_NET_ADMIN"	     },
		{"printf 'strange\\033[2J\\nmore' >&2; exit 3",				ERR_UPSTREAM_REFUSED,
		 "wg exited with 3: strange"												  },
		{"exit 1",								 ERR_UPSTREAM_REFUSED, "wg exited with 1"	   },
		{"head -c 200000 /dev/zero | tr '\\0' x >&2; exit 1",		      ERR_UPSTREAM_REFUSED,
		 "exited with 1: xxx"													 },
		{"kill -9 $$",							     ERR_UPSTREAM_REFUSED, "killed by signal 9"	 },
		{"head -c 17000000 /dev/zero",					       ERR_TOO_LARGE,	      "bytes of output"	       },
	};
	const struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	wgfx_open(&w, "wg:wg0");
	wgfx_wait_connected(&w, 1);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why;
		write_file("fail", rows[i].script);
		enum err err = wgfx_apply(&w, &change, &why);
		cr_expect(err == rows[i].err, "%s: %s", rows[i].script, why.text);
		cr_expect(strstr(why.text, rows[i].says) != NULL, "%s: %s", rows[i].script,
			  why.text);
		cr_expect(strpbrk(why.text, "\033\n") == NULL);
		if (rows[i].err != ERR_UPSTREAM_REFUSED)
			cr_expect(!wireguard_is_connected(w.wireguard), "%s", rows[i].script);
	}
	remove_file("fail");
	wgfx_wait_connected(&w, 2);
	cr_expect(wireguard_is_connected(w.wireguard));
}

static void
keep_why(const struct why *why, void *ctx)
{
	*(struct why *)ctx = *why;
}

Test(wireguard_tool, one_that_is_refused_fails_alone)
{
	char script[256];
	struct why why[6];
	wgfx_open(&w, "wg:wg0");
	wgfx_wait_connected(&w, 1);
	snprintf(script, sizeof(script),
		 "case \"$*\" in *%s*) echo 'not that one' >&2; exit 1;; esac", fx_key(4));
	write_file("fail", script);
	for (unsigned i = 0; i < N_ELEMENTS(why); i++) {
		const struct wireguard_change change = {"dev-1", fx_key(i + 1), IP + i, ""};
		why[i].err = ERR_COUNT;
		cr_assert(wireguard_apply(w.wireguard, &change, keep_why, &why[i]) == ERR_OK);
	}
	for (unsigned i = 0; i < N_ELEMENTS(why); i++) {
		while (why[i].err == ERR_COUNT)
			uv_run(&w.fx.loop, UV_RUN_ONCE);
		cr_expect(why[i].err == (i == 3 ? ERR_UPSTREAM_REFUSED : ERR_OK), "%u", i);
	}
	cr_expect(strstr(why[3].text, "not that one") != NULL, "%s", why[3].text);
	cr_expect(wireguard_is_connected(w.wireguard));
}

Test(wireguard_tool, no_program)
{
	struct why why;
	const struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	setenv("PATH", ":.:/nowhere", 1);
	wgfx_open(&w, "wg:wg0");
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_UPSTREAM_DOWN);
	cr_expect(strstr(why.text, "install wireguard-tools") != NULL, "%s", why.text);
	unsetenv("PATH");
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_UPSTREAM_DOWN);
}

Test(wireguard_tool, one_that_hangs_is_ended)
{
	struct why why;
	const struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	w.timeout_ms = 300;
	write_file("fail", "exec sleep 1000");
	wgfx_open(&w, "wg:wg0");
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_TIMEOUT, "%s", why.text);
}

Test(wireguard_tool, ends_while_it_runs)
{
	int done = 0;
	const struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	write_file("fail", "exec sleep 1000");
	wgfx_open(&w, "wg:wg0");
	cr_assert(wireguard_apply(w.wireguard, &change, count_ok, &done) == ERR_OK);
	for (int i = 0; i < 3; i++)
		uv_run(&w.fx.loop, UV_RUN_NOWAIT);
	cr_expect(done == 0);
}

Test(wireguard_tool, server_and_store_are_compared)
{
	char dump[1024];
	fx_enroll(&w.fx, "dev-1", "1", fx_key(1));
	fx_enroll(&w.fx, "dev-2", "2", fx_key(2));
	fx_enroll(&w.fx, "dev-3", "3", fx_key(3));
	snprintf(dump, sizeof(dump),
		 PRIVATE_KEY "\tcHVibGlj\t51820\toff\n"
			     "%s\t(none)\t(none)\t10.8.0.77/32\t0\t0\t0\toff\n"
			     "%s\t(none)\t127.0.0.1:9\t10.8.0.99/32\t1\t2\t3\t25\n"
			     "%s\t(none)\t(none)\t10.8.0.4/32\t0\t0\t0\toff\n",
		 fx_key(2), fx_key(99), fx_key(3));
	write_file("dump", dump);
	wgfx_open(&w, "wg:wg0");
	for (;;) {
		AUTO(free) char *calls = read_file("calls");
		const char *set = strstr(calls, "set|wg0");
		if (set && strchr(set, '\n')) {
			cr_expect(strstr(set, fx_key(1)) && strstr(set, "10.8.0.2/32"));
			cr_expect(strstr(set, fx_key(2)) && strstr(set, "10.8.0.3/32"));
			cr_expect(!strstr(set, fx_key(3)) && !strstr(set, fx_key(99)));
			cr_expect(!strstr(set, "remove"));
			return;
		}
		uv_run(&w.fx.loop, UV_RUN_ONCE);
	}
}

Test(wireguard_tool, reads_a_dump)
{
	char text[1024];
	struct wireguard_peer *peers = NULL;
	size_t n;
	struct why why = {0};
	snprintf(text, sizeof(text),
		 PRIVATE_KEY "\tcHVibGlj\t51820\toff\n"
			     "%s\t(none)\t(none)\t(none)\t0\t0\t0\toff\n"
			     "%s\tpsk\t[::1]:9\t10.8.0.2/32,fd00::/64\t1\t2\t3\t25\n"
			     "%s\t(none)\t(none)\t10.8.0.4/32\t0\t0\t0\toff\n",
		 fx_key(3), fx_key(2), fx_key(1));
	cr_assert(wireguard_dump_parse(&peers, &n, BYTES_STR(text), &why) == ERR_OK, "%s",
		  why.text);
	cr_assert(n == 3);
	cr_expect(wireguard_find_peer(peers, n, fx_key(1))->ip == 0x0a080004);
	cr_expect(wireguard_find_peer(peers, n, fx_key(2))->ip == 0);
	cr_expect(wireguard_find_peer(peers, n, fx_key(3))->ip == 0);
	free(peers);
	static const char *const broken[] = {
		"",
		"\n",
		PRIVATE_KEY "\n",
		PRIVATE_KEY "\tb\tc\td\te\n",
		"a\tb\tc\t" PRIVATE_KEY "\nkey\t(none)\n",
		"a\tb\tc\t" PRIVATE_KEY "\n\n",
		"a\tb\tc\td\nk\t" PRIVATE_KEY "\t(none)\t(none)\t0\t0\t0\toff\n",
		"a\tb\tc\td\n\t\t\t\t\t\t\t\t\t\t\t\t\n",
	};
	for (size_t i = 0; i < N_ELEMENTS(broken); i++) {
		enum err err = wireguard_dump_parse(&peers, &n, BYTES_STR(broken[i]), &why);
		cr_expect(err == ERR_UPSTREAM_FAULT, "%zu", i);
		cr_expect(strstr(why.text, PRIVATE_KEY) == NULL, "%s", why.text);
	}
}

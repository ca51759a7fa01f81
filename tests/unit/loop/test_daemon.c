// SPDX-License-Identifier: Apache-2.0
// What a daemon tells its service manager.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/daemon.h"

static uv_loop_t loop;
static struct log quiet;
static struct daemon d;
static char folder[64];
static struct sockaddr_un manager_addr = {.sun_family = AF_UNIX};
static int manager;

static void
stop(void *ctx)
{
	(void)ctx;
}

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/notify-XXXXXX");
	cr_assert(mkdtemp(folder) != NULL);
	snprintf(manager_addr.sun_path, sizeof(manager_addr.sun_path), "%.60s/socket", folder);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert(bind(manager, (struct sockaddr *)&manager_addr, sizeof(manager_addr)) == 0);
	setenv("NOTIFY_SOCKET", manager_addr.sun_path, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	cr_assert(uv_loop_init(&loop) == 0);
	quiet = log_new("test", LOG_OFF);
	d = (struct daemon){.loop = &loop, .log = &quiet, .stop = stop};
}

static void
teardown(void)
{
	daemon_fini(&d);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&loop) == 0, "a handle was left open");
	close(manager);
	unlink(manager_addr.sun_path);
	rmdir(folder);
}

TestSuite(daemon, .init = setup, .fini = teardown, .timeout = 60);

// The next datagram, or "" when none is there.
static const char *
received(void)
{
	static char text[512];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool
is_watched(void)
{
	daemon_init(&d);
	return uv_is_active((uv_handle_t *)&d.watchdog);
}

Test(daemon, the_watchdog_is_fed_as_long_as_the_loop_turns)
{
	setenv("WATCHDOG_USEC", "20000", 1);
	cr_assert(is_watched());
	cr_expect(eq(u64, uv_timer_get_repeat(&d.watchdog), 10), "twice in 20 ms");
	uv_ref((uv_handle_t *)&d.watchdog); // there is nothing else on this loop
	for (int i = 0; i < 3; i++) {
		const char *text;
		while (!*(text = received()))
			uv_run(&loop, UV_RUN_ONCE);
		cr_assert(eq(str, (char *)text, "WATCHDOG=1"));
	}
}

Test(daemon, the_watchdog_keeps_no_loop_alive)
{
	setenv("WATCHDOG_USEC", "20000", 1);
	cr_assert(is_watched());
	cr_expect(eq(int, uv_loop_alive(&loop), 0));
}

Test(daemon, our_own_pid_is_watched)
{
	char pid[32];
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	cr_expect(is_watched());
}

Test(daemon, the_parents_watchdog_is_not_ours)
{
	setenv("WATCHDOG_USEC", "20000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	bool watched = is_watched();
	cr_expect(watched == false);
}

Test(daemon, nonsense_is_no_watchdog)
{
	static const char *const values[] = {"", "0", "-5", "20000x", "99999999999999999999999"};
	bool watched = is_watched(); // unset
	cr_expect(watched == false);
	for (size_t i = 0; i < N_ELEMENTS(values); i++) {
		daemon_fini(&d);
		uv_run(&loop, UV_RUN_DEFAULT);
		setenv("WATCHDOG_USEC", values[i], 1);
		watched = is_watched();
		cr_expect(watched == false, "\"%s\"", values[i]);
	}
}

Test(daemon, readiness_carries_its_variables)
{
	daemon_init(&d);
	notify_ready((const char *const[]){"X_HTTP=127.0.0.1:4711", NULL});
	cr_expect(eq(str, (char *)received(), "READY=1\nX_HTTP=127.0.0.1:4711"));
}

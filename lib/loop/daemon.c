// SPDX-License-Identifier: Apache-2.0
#include "loop/daemon.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum {
	NOTIFY_MAX_BYTES = 4096,
	EXIT_BY_SECOND_SIGNAL = 130,
};

static void
notify_send(struct bytes text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(sun.sun_path))
		return;
	size_t n = strlen(path);
	memcpy(sun.sun_path, path, n);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	FD_AUTO int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	ssize_t sent = sendto(fd, text.p, text.n, MSG_NOSIGNAL, (struct sockaddr *)&sun, len);
	(void)sent; // nobody listening is not the daemon's problem
}

void
notify_line(const char *line)
{
	notify_send(BYTES_STR(line));
}

void
notify_ready(const char *const *variables)
{
	BUF_AUTO struct buf text;
	buf_init(&text, NOTIFY_MAX_BYTES);
	enum err err = buf_append_str(&text, "READY=1");
	for (; variables && *variables && err == ERR_OK; variables++)
		err = buf_printf(&text, "\n%s", *variables);
	if (err == ERR_OK)
		notify_send(buf_bytes(&text));
}

static void
on_stop_signal(uv_signal_t *handle, int signum)
{
	struct daemon *d = handle->data;
	if (++d->signals > 1)
		_exit(EXIT_BY_SECOND_SIGNAL);
	log_info(d->log, "daemon.stopping", KV_STR("signal", signum == SIGTERM ? "TERM" : "INT"));
	notify_line("STOPPING=1");
	d->stop(d->ctx);
}

static void
on_hangup(uv_signal_t *handle, int signum)
{
	(void)signum;
	struct daemon *d = handle->data;
	if (d->reload)
		d->reload(d->ctx);
}

static void
watch(struct daemon *d, uv_signal_t *handle, uv_signal_cb cb, int signum)
{
	uv_signal_init(d->loop, handle);
	handle->data = d;
	uv_signal_start(handle, cb, signum);
	// Signals alone must not keep a drained daemon alive.
	uv_unref((uv_handle_t *)handle);
}

// A number that stands alone in the variable; 0 when it is unset or none.
static uint64_t
number_from_env(const char *name)
{
	const char *text = getenv(name);
	char *end;
	if (!text || *text < '0' || *text > '9')
		return 0;
	unsigned long long n = strtoull(text, &end, 10);
	return *end || n == ULLONG_MAX ? 0 : n;
}

static void
on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	notify_line("WATCHDOG=1");
}

static void
start_watchdog(struct daemon *d)
{
	uint64_t half_ms = number_from_env("WATCHDOG_USEC") / 2000;
	uv_timer_init(d->loop, &d->watchdog);
	uv_unref((uv_handle_t *)&d->watchdog);
	// Another process's watchdog: our parent's, whose environment we inherited.
	if (getenv("WATCHDOG_PID") && number_from_env("WATCHDOG_PID") != (uint64_t)getpid())
		return;
	if (half_ms > 0)
		uv_timer_start(&d->watchdog, on_watchdog, half_ms, half_ms);
}

void
daemon_init(struct daemon *d)
{
	d->signals = 0;
	signal(SIGPIPE, SIG_IGN);
	watch(d, &d->on_term, on_stop_signal, SIGTERM);
	watch(d, &d->on_int, on_stop_signal, SIGINT);
	watch(d, &d->on_hup, on_hangup, SIGHUP);
	start_watchdog(d);
}

void
daemon_fini(struct daemon *d)
{
	uv_close((uv_handle_t *)&d->on_term, NULL);
	uv_close((uv_handle_t *)&d->on_int, NULL);
	uv_close((uv_handle_t *)&d->on_hup, NULL);
	uv_close((uv_handle_t *)&d->watchdog, NULL);
}

void
daemon_protect_secrets(void)
{
	const struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ // LeakSanitizer reads its own process through ptrace
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

uint64_t
daemon_raise_fd_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return (uint64_t)limit.rlim_cur;
}

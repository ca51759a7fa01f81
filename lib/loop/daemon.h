// SPDX-License-Identifier: Apache-2.0
// What every daemon of ours shares: readiness over NOTIFY_SOCKET (sd_notify(3)'s protocol, so
// systemd understands it too), its watchdog, stop on SIGTERM and SIGINT, sysexits.
#pragma once

#include <sysexits.h>
#include <uv.h>

#include "base/err.h"
#include "base/log.h"

// Sends "READY=1" and then each NAME=VALUE line (NULL-terminated array) in one datagram. Quietly
// does nothing when NOTIFY_SOCKET is unset.
void notify_ready(const char *const *variables);
// Sends one line, e.g. "STOPPING=1" or "STATUS=...".
void notify_line(const char *line);

struct daemon {
	uv_loop_t *loop;
	const struct log *log;
	uv_signal_t on_term;
	uv_signal_t on_int;
	uv_signal_t on_hup;
	uv_timer_t watchdog;
	void (*stop)(void *ctx);   // first SIGTERM or SIGINT: begin to drain; the loop ends when
				   // handles are gone
	void (*reload)(void *ctx); // SIGHUP; may be NULL
	void *ctx;
	int signals;
};

// Installs the signal handlers (SIGPIPE is ignored); with WATCHDOG_USEC in the environment
// (sd_watchdog_enabled(3)) the service manager is told twice in that time that the loop still
// turns. A second SIGTERM or SIGINT ends the process at once with 130. The caller has set loop,
// log, stop, reload, ctx.
void daemon_init(struct daemon *d);
// Closes the handles, so that uv_run can return.
void daemon_fini(struct daemon *d);
// Forbids core dumps and ptrace by others: secrets stay in memory only (PR_SET_DUMPABLE,
// RLIMIT_CORE).
void daemon_protect_secrets(void);
// Raises RLIMIT_NOFILE to its hard limit; returns the limit.
uint64_t daemon_raise_fd_limit(void);

// SPDX-License-Identifier: Apache-2.0
// A supervised child process on the loop: own process group, dies with its parent
// (PR_SET_PDEATHSIG), chosen environment, exit seen through a pidfd, resource use from wait4(2).
// One loop thread; the thread that spawns must live as long as its children (the death signal
// follows the thread).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"

struct child;

// Descriptor `fd` of the parent becomes `as` (3 or higher) in the child.
struct child_fd {
	int fd;
	int as;
};

struct child_status {
	bool ended;	     // false: still running (or stopped)
	int code;	     // exit code; -1 when a signal ended it
	int signal;	     // 0 when it exited
	bool core;	     // it dumped core
	struct rusage usage; // its own and its waited-for children's
};

struct child_options {
	const char *program;	    // path of the executable; no search in PATH
	const char *const *argv;    // NULL-terminated, argv[0] included
	const char *const *envp;    // NULL-terminated "NAME=value"; NULL = the parent's
	const char *cwd;	    // NULL = the parent's
	int stdout_fd;		    // borrowed; -1 = /dev/null
	int stderr_fd;		    // borrowed; -1 = /dev/null
	const struct child_fd *fds; // further descriptors; everything else is closed
	size_t n_fds;
	// From the loop, once, when the process has ended. May call child_free. May be NULL.
	void (*on_exit)(struct child *child, const struct child_status *status, void *ctx);
	void *ctx;
};

// Starts the process. ERR_NOT_FOUND, ERR_FORBIDDEN or ERR_IO with why when it could not be
// executed.
enum err ERR_MUST_CHECK child_spawn(struct child **out, uv_loop_t *loop,
				    const struct child_options *o, struct why *why);
// Kills what is left of its group, reaps it without a callback and frees it. The watch closes on
// the next loop turn.
void child_free(struct child *child);
AUTO_DEFINE(struct child *, child_free)

pid_t child_pid(const struct child *child);
const struct child_status *child_status(const struct child *child); // borrowed
// Sends signum to the whole group. Nothing happens when the process has ended.
void child_signal(struct child *child, int signum);
// SIGCONT, so that a stopped process can obey, and SIGTERM; SIGKILL to the group after grace_ms.
void child_terminate(struct child *child, unsigned grace_ms);
// Of a running child, from /proc: resident set now and at its highest, in KiB; 0 when it cannot be
// read.
void child_memory_kib(const struct child *child, long *rss, long *peak);

// "exited with 78 (bad configuration)", "killed by signal 9 (Killed)", "still running".
void child_status_text(char *out, size_t size, const struct child_status *status);

// From now on orphans of our descendants become our children (PR_SET_CHILD_SUBREAPER).
void child_adopt_orphans(void);
// Reaps orphans that have ended. Call it only when no struct child is running.
void child_reap_orphans(void);

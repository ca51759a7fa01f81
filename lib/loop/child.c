// SPDX-License-Identifier: Apache-2.0
// fork and exec by hand: posix_spawn cannot set a death signal, and an exec helper that sets it
// costs a second program start per child. Between fork and exec only async-signal-safe calls are
// made.
#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum {
	FD_PARK =
		512, // descriptors are first moved up here, so that no target number is in the way
	EXIT_NO_EXEC = 127,
	PROC_STATUS_MAX = 16384,
};

struct child {
	uv_poll_t exit_watch; // on the pidfd; closed last, frees the struct
	uv_timer_t grace;
	int n_handles;
	pid_t pid;
	int pidfd;
	bool closing;
	struct child_status status;
	void (*on_exit)(struct child *, const struct child_status *, void *);
	void *ctx;
};

// What the child says through the error pipe when it cannot become the program.
struct exec_failure {
	int what; // enum exec_stage
	int error;
};

enum exec_stage { STAGE_PARENT, STAGE_FOLDER, STAGE_FDS, STAGE_EXEC };

static const char *const stage_text[] = {
	[STAGE_PARENT] = "parent has gone",
	[STAGE_FOLDER] = "cannot enter its folder",
	[STAGE_FDS] = "cannot set up descriptors",
	[STAGE_EXEC] = "cannot execute",
};

static void
give_up(int report_fd, enum exec_stage stage)
{
	const struct exec_failure failure = {(int)stage, errno};
	ssize_t n = write(report_fd, &failure, sizeof(failure));
	(void)n;
	_exit(EXIT_NO_EXEC);
}

static int
park(int fd, int report_fd)
{
	int parked = fcntl(fd, F_DUPFD_CLOEXEC, FD_PARK);
	if (parked < 0)
		give_up(report_fd, STAGE_FDS);
	return parked;
}

static void
place(int parked, int as, int report_fd)
{
	if (dup2(parked, as) < 0)
		give_up(report_fd, STAGE_FDS);
}

static void
reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int signum = 1; signum < NSIG; signum++)
		if (signum != SIGKILL && signum != SIGSTOP)
			signal(signum, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

// Runs in the child. *parked holds room for n_fds + 3 numbers.
__attribute__((noreturn)) static void
become_program(const struct child_options *o, pid_t parent, int report_fd, int *parked)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	// The parent may have died before the death signal was asked for.
	if (getppid() != parent)
		give_up(report_fd, STAGE_PARENT);
	reset_signals();
	report_fd = park(report_fd, report_fd);
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		give_up(report_fd, STAGE_FDS);
	parked[0] = park(null_fd, report_fd);
	parked[1] = park(o->stdout_fd >= 0 ? o->stdout_fd : null_fd, report_fd);
	parked[2] = park(o->stderr_fd >= 0 ? o->stderr_fd : null_fd, report_fd);
	for (size_t i = 0; i < o->n_fds; i++)
		parked[3 + i] = park(o->fds[i].fd, report_fd);
	close_range(3, FD_PARK - 1, 0);
	for (int i = 0; i < 3; i++)
		place(parked[i], i, report_fd);
	for (size_t i = 0; i < o->n_fds; i++)
		place(parked[3 + i], o->fds[i].as, report_fd);
	close_range(FD_PARK, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	if (o->cwd && chdir(o->cwd) < 0)
		give_up(report_fd, STAGE_FOLDER);
	// execve takes pointers to non-const for historical reasons and leaves them alone.
	execve(o->program, (char *const *)(uintptr_t)o->argv,
	       o->envp ? (char *const *)(uintptr_t)o->envp : environ);
	give_up(report_fd, STAGE_EXEC);
	_exit(EXIT_NO_EXEC);
}

static enum err
exec_error(int error)
{
	if (error == ENOENT)
		return ERR_NOT_FOUND;
	return error == EACCES ? ERR_FORBIDDEN : ERR_IO;
}

// Forks; returns when the program runs or is known not to.
static enum err
start_program(pid_t *pid, const struct child_options *o, struct why *why)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return why_set(why, ERR_IO, "%s: pipe: %s", o->program, strerror(errno));
	FD_AUTO int read_end = ends[0];
	FD_AUTO int write_end = ends[1];
	AUTO(free) char *parked = calloc(o->n_fds + 3, sizeof(int));
	if (!parked)
		return why_set(why, ERR_NOMEM, "%s: out of memory", o->program);
	pid_t parent = getpid();
	*pid = fork();
	if (*pid < 0)
		return why_set(why, ERR_IO, "%s: fork: %s", o->program, strerror(errno));
	if (*pid == 0)
		become_program(o, parent, write_end, (int *)(void *)parked);
	fd_close(&write_end);
	// Also here: whoever is first wins, and a signal to the group right after spawn must find
	// it.
	setpgid(*pid, *pid);
	struct exec_failure failure;
	ssize_t n;
	do
		n = read(read_end, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(failure))
		return ERR_OK;
	waitpid(*pid, NULL, 0);
	return why_set(why, exec_error(failure.error), "%s: %s: %s", o->program,
		       stage_text[failure.what], strerror(failure.error));
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;
	if (--child->n_handles > 0)
		return;
	fd_close(&child->pidfd);
	free(child);
}

static void
note_end(struct child *child, int wait_status, const struct rusage *usage)
{
	struct child_status *s = &child->status;
	s->ended = true;
	s->code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
	s->signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
	s->core = WIFSIGNALED(wait_status) && WCOREDUMP(wait_status);
	s->usage = *usage;
}

static bool
reap(struct child *child, int flags)
{
	int wait_status;
	struct rusage usage;
	if (child->status.ended)
		return true;
	if (wait4(child->pid, &wait_status, flags, &usage) != child->pid)
		return false;
	note_end(child, wait_status, &usage);
	return true;
}

static void
on_pidfd(uv_poll_t *watch, int status, int events)
{
	(void)status;
	(void)events;
	struct child *child = watch->data;
	// What it left behind in its group answers to nobody any more. Before it is reaped, so that
	// the number of the group cannot belong to somebody else yet.
	kill(-child->pid, SIGKILL);
	if (!reap(child, WNOHANG))
		return;
	uv_poll_stop(watch);
	uv_timer_stop(&child->grace);
	if (child->on_exit)
		child->on_exit(child, &child->status, child->ctx);
}

enum err
child_spawn(struct child **out, uv_loop_t *loop, const struct child_options *o, struct why *why)
{
	struct child *child = calloc(1, sizeof(*child));
	if (!child)
		return why_set(why, ERR_NOMEM, "%s: out of memory", o->program);
	child->on_exit = o->on_exit;
	child->ctx = o->ctx;
	enum err err = start_program(&child->pid, o, why);
	if (err != ERR_OK) {
		free(child);
		return err;
	}
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0 || uv_poll_init(loop, &child->exit_watch, child->pidfd) < 0) {
		err = why_set(why, ERR_IO, "%s: pidfd: %s", o->program, strerror(errno));
		kill(-child->pid, SIGKILL);
		reap(child, 0);
		fd_close(&child->pidfd);
		free(child);
		return err;
	}
	uv_timer_init(loop, &child->grace);
	child->n_handles = 2;
	child->exit_watch.data = child->grace.data = child;
	uv_poll_start(&child->exit_watch, UV_READABLE, on_pidfd);
	*out = child;
	return ERR_OK;
}

void
child_free(struct child *child)
{
	if (!child || child->closing)
		return;
	child->closing = true;
	if (!child->status.ended) {
		kill(-child->pid, SIGKILL);
		reap(child, 0);
	}
	uv_close((uv_handle_t *)&child->exit_watch, on_handle_closed);
	uv_close((uv_handle_t *)&child->grace, on_handle_closed);
}

pid_t
child_pid(const struct child *child)
{
	return child->pid;
}

const struct child_status *
child_status(const struct child *child)
{
	return &child->status;
}

void
child_signal(struct child *child, int signum)
{
	if (!child->status.ended)
		kill(-child->pid, signum);
}

static void
on_grace_over(uv_timer_t *timer)
{
	child_signal(timer->data, SIGKILL);
}

void
child_terminate(struct child *child, unsigned grace_ms)
{
	if (child->status.ended)
		return;
	// CONT first: after TERM it could take away the stop with which LeakSanitizer halts a
	// process that is ending.
	child_signal(child, SIGCONT);
	child_signal(child, SIGTERM);
	uv_timer_start(&child->grace, on_grace_over, grace_ms, 0);
}

static long
kib_after(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	return line ? strtol(line + strlen(name), NULL, 10) : 0;
}

void
child_memory_kib(const struct child *child, long *rss, long *peak)
{
	BUF_AUTO struct buf text;
	char path[64];
	buf_init(&text, PROC_STATUS_MAX);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)child->pid);
	*rss = *peak = 0;
	if (child->status.ended || file_read(&text, path, NULL) != ERR_OK)
		return;
	*rss = kib_after((const char *)text.data, "VmRSS:");
	*peak = kib_after((const char *)text.data, "VmHWM:");
}

static const char *
exit_code_hint(int code)
{
	switch (code) {
	case EX_USAGE:
		return " (wrong usage)";
	case EX_SOFTWARE:
		return " (internal error)";
	case EX_UNAVAILABLE:
		return " (address in use or cannot bind)";
	case EX_OSERR:
		return " (system error)";
	case EX_CONFIG:
		return " (bad configuration)";
	default:
		return "";
	}
}

void
child_status_text(char *out, size_t size, const struct child_status *status)
{
	if (!status->ended)
		snprintf(out, size, "still running");
	else if (status->signal)
		snprintf(out, size, "killed by signal %d (%s)%s", status->signal,
			 strsignal(status->signal), status->core ? ", core dumped" : "");
	else
		snprintf(out, size, "exited with %d%s", status->code, exit_code_hint(status->code));
}

void
child_adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void
child_reap_orphans(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

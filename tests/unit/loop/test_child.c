// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "loop/child.h"

struct seen {
	uv_loop_t loop;
	int exits;
	struct child_status status;
};

static void
on_exit_seen(struct child *child, const struct child_status *status, void *ctx)
{
	struct seen *seen = ctx;
	seen->exits++;
	seen->status = *status;
	child_free(child);
}

static void
open_loop(struct seen *seen)
{
	*seen = (struct seen){0};
	uv_loop_init(&seen->loop);
}

static void
run_out(struct seen *seen)
{
	uv_run(&seen->loop, UV_RUN_DEFAULT);
	cr_assert(eq(int, uv_loop_close(&seen->loop), 0));
}

static enum err
shell(struct child **out, struct seen *seen, const char *script, int stdout_fd, struct why *why)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	const char *const envp[] = {"GREETING=hello", NULL};
	const struct child_options o = {
		.program = "/bin/sh",
		.argv = argv,
		.envp = envp,
		.cwd = "/",
		.stdout_fd = stdout_fd,
		.stderr_fd = -1,
		.on_exit = on_exit_seen,
		.ctx = seen,
	};
	return child_spawn(out, &seen->loop, &o, why);
}

static void
read_pipe(char *out, size_t size, int fd)
{
	size_t used = 0;
	ssize_t n;
	while (used + 1 < size && (n = read(fd, out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	out[used] = '\0';
}

Test(child, gets_the_chosen_environment_folder_and_output)
{
	struct seen seen;
	struct child *child;
	int ends[2];
	char text[256];
	open_loop(&seen);
	cr_assert(eq(int, pipe2(ends, O_CLOEXEC), 0));
	cr_assert(eq(int,
		     (int)shell(&child, &seen, "echo $GREETING $PWD $HOME; exit 3", ends[1], NULL),
		     ERR_OK));
	close(ends[1]);
	run_out(&seen);
	read_pipe(text, sizeof(text), ends[0]);
	cr_expect(eq(str, text, "hello /\n"));
	cr_expect(eq(int, seen.exits, 1));
	cr_expect(eq(int, seen.status.code, 3));
	cr_expect(eq(int, seen.status.signal, 0));
	cr_expect(seen.status.ended);
}

Test(child, tells_which_signal_ended_it_and_what_it_used)
{
	struct seen seen;
	struct child *child;
	char text[128];
	open_loop(&seen);
	cr_assert(eq(int, (int)shell(&child, &seen, "kill -SEGV $$", -1, NULL), ERR_OK));
	run_out(&seen);
	child_status_text(text, sizeof(text), &seen.status);
	cr_expect(eq(int, seen.status.code, -1));
	cr_expect(eq(int, seen.status.signal, SIGSEGV));
	cr_expect(strstr(text, "killed by signal 11") != NULL, "%s", text);
	cr_expect(seen.status.usage.ru_maxrss > 0);
}

Test(child, program_that_cannot_be_executed_is_an_error_not_a_child)
{
	static const struct {
		const char *program;
		const char *cwd;
		enum err want;
		const char *says;
	} cases[] = {
		{"/nonexistent/program", NULL,	       ERR_NOT_FOUND, "cannot execute"  },
		{"/etc",		 NULL,	       ERR_FORBIDDEN, "cannot execute"  },
		{"/bin/sh",		    "/nonexistent", ERR_NOT_FOUND, "enter its folder"},
	};
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct seen seen;
		struct child *child = NULL;
		struct why why = {0};
		const char *const argv[] = {"x", NULL};
		const struct child_options o = {.program = cases[i].program,
						.argv = argv,
						.cwd = cases[i].cwd,
						.stdout_fd = -1,
						.stderr_fd = -1};
		open_loop(&seen);
		cr_expect(
			eq(int, (int)child_spawn(&child, &seen.loop, &o, &why), (int)cases[i].want),
			"case %zu: %s", i, why.text);
		cr_expect(strstr(why.text, cases[i].program) != NULL, "case %zu: %s", i, why.text);
		cr_expect(strstr(why.text, cases[i].says) != NULL, "case %zu: %s", i, why.text);
		cr_expect(child == NULL);
		run_out(&seen);
		cr_expect(eq(int, waitpid(-1, NULL, WNOHANG), -1), "no zombie stays");
	}
}

Test(child, inherits_only_the_descriptors_it_was_given)
{
	struct seen seen;
	struct child *child;
	int ends[2], leak[2], out[2];
	char text[256];
	const char *const argv[] = {"sh", "-c", "echo through >&3; ls /proc/self/fd | wc -l", NULL};
	open_loop(&seen);
	cr_assert(eq(int, pipe2(ends, O_CLOEXEC), 0));
	cr_assert(eq(int, pipe2(out, O_CLOEXEC), 0));
	cr_assert(eq(int, pipe2(leak, 0), 0)); // would be inherited
	const struct child_fd fds[] = {
		{ends[1], 3}
	    };
	const struct child_options o = {
		.program = "/bin/sh",
		.argv = argv,
		.stdout_fd = out[1],
		.stderr_fd = -1,
		.fds = fds,
		.n_fds = 1,
		.on_exit = on_exit_seen,
		.ctx = &seen,
	};
	cr_assert(eq(int, (int)child_spawn(&child, &seen.loop, &o, NULL), ERR_OK));
	close(ends[1]);
	close(out[1]);
	run_out(&seen);
	read_pipe(text, sizeof(text), ends[0]);
	cr_expect(eq(str, text, "through\n"));
	read_pipe(text, sizeof(text), out[0]);
	// 0 1 2 3 and the folder that ls reads
	cr_expect(eq(str, text, "5\n"));
}

Test(child, termination_reaches_a_stopped_child)
{
	struct seen seen;
	struct child *child;
	open_loop(&seen);
	cr_assert(eq(int, (int)shell(&child, &seen, "kill -STOP $$", -1, NULL), ERR_OK));
	siginfo_t info;
	cr_assert(eq(int, waitid(P_PID, (id_t)child_pid(child), &info, WSTOPPED | WNOWAIT), 0));
	child_terminate(child, 60000);
	run_out(&seen);
	cr_expect(eq(int, seen.status.signal, SIGTERM));
}

Test(child, that_ignores_term_is_killed_after_its_grace_with_its_whole_group)
{
	struct seen seen;
	struct child *child;
	int ends[2];
	char text[64];
	open_loop(&seen);
	cr_assert(eq(int, pipe2(ends, O_CLOEXEC), 0));
	cr_assert(eq(int,
		     (int)shell(&child, &seen,
				"trap '' TERM; (sleep 600 & echo $!); while :; do sleep 600; done",
				ends[1], NULL),
		     ERR_OK));
	close(ends[1]);
	cr_assert(read(ends[0], text, sizeof(text) - 1) > 0);
	child_terminate(child, 1);
	run_out(&seen);
	cr_expect(eq(int, seen.status.signal, SIGKILL));
	// End of file: no grandchild holds the pipe any more.
	cr_expect(eq(int, (int)read(ends[0], text, sizeof(text)), 0));
}

Test(child, group_of_a_child_that_ends_is_cleared)
{
	struct seen seen;
	struct child *child;
	int ends[2];
	char text[64];
	open_loop(&seen);
	cr_assert(eq(int, pipe2(ends, O_CLOEXEC), 0));
	cr_assert(eq(int, (int)shell(&child, &seen, "sleep 600 & exit 0", ends[1], NULL), ERR_OK));
	close(ends[1]);
	run_out(&seen);
	cr_expect(eq(int, seen.status.code, 0));
	cr_expect(eq(int, (int)read(ends[0], text, sizeof(text)), 0));
}

Test(child, dies_with_its_parent)
{
	int ends[2];
	char text[64];
	cr_assert(eq(int, pipe2(ends, O_CLOEXEC), 0));
	pid_t parent = fork();
	if (parent == 0) {
		struct seen seen;
		struct child *child;
		open_loop(&seen);
		if (shell(&child, &seen, "echo up; exec sleep 600", ends[1], NULL) != ERR_OK)
			_exit(1);
		pause();
	}
	close(ends[1]);
	cr_assert(read(ends[0], text, sizeof(text)) > 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	cr_expect(eq(int, (int)read(ends[0], text, sizeof(text)), 0));
}

Test(child, freed_while_running_is_killed_without_a_callback)
{
	struct seen seen;
	struct child *child;
	open_loop(&seen);
	cr_assert(eq(int, (int)shell(&child, &seen, "sleep 600", -1, NULL), ERR_OK));
	pid_t pid = child_pid(child);
	long rss, peak;
	child_memory_kib(child, &rss, &peak);
	cr_expect(rss > 0 && peak >= rss);
	child_free(child);
	run_out(&seen);
	cr_expect(eq(int, seen.exits, 0));
	cr_expect(eq(int, kill(pid, 0), -1));
	cr_expect(eq(int, errno, ESRCH));
}

// SPDX-License-Identifier: Apache-2.0
#include "play.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "runner/mem.h"
#include "runner/tree.h"
#include "runner/words.h"

enum {
	OUTPUT_MAX_BYTES = 1 << 20,
};

static void
become_provsim(const struct words *argv, int fd)
{
	// Its own group, as a shell starts it: a SIGINT to it is one to it alone.
	setpgid(0, 0);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execv(PROVSIM_PROGRAM, (char *const *)(uintptr_t)words_vector(argv));
	_exit(127);
}

static void
collect(struct buf *text, int fd, pid_t pid, const char *signal_after)
{
	char chunk[4096];
	ssize_t n;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		cr_assert(eq(int, (int)buf_append(text, chunk, (size_t)n), ERR_OK));
		if (signal_after && strstr((const char *)text->data, signal_after)) {
			kill(pid, SIGINT);
			signal_after = NULL;
		}
	}
}

void
play(struct played *out, const char *const *arguments, const char *signal_after)
{
	int ends[2], status;
	WORDS_AUTO struct words argv = {0};
	BUF_AUTO struct buf text;
	buf_init(&text, OUTPUT_MAX_BYTES);
	*out = (struct played){0};
	snprintf(out->folder, sizeof(out->folder), "/tmp/provsim-test-XXXXXX");
	cr_assert(mkdtemp(out->folder) != NULL);
	words_add(&argv, "provsim");
	bool has_folder = strcmp(arguments[0], "run") == 0 || strcmp(arguments[0], "up") == 0;
	for (size_t i = 0; arguments[i]; i++)
		words_add(&argv, "%s", arguments[i]);
	if (has_folder)
		words_add(&argv, "--out=%s", out->folder);
	cr_assert(eq(int, pipe2(ends, O_CLOEXEC), 0));
	uint64_t began = clock_mono_ns();
	pid_t pid = fork();
	if (pid == 0)
		become_provsim(&argv, ends[1]);
	close(ends[1]);
	collect(&text, ends[0], pid, signal_after);
	close(ends[0]);
	waitpid(pid, &status, 0);
	out->seconds = (double)(clock_mono_ns() - began) / 1e9;
	out->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	out->output = text.data ? buf_steal_str(&text) : mem_dup("");
}

void
played_fini(struct played *p)
{
	tree_remove(p->folder);
	free(p->output);
}

static bool
file_names(const char *path, const char *text)
{
	BUF_AUTO struct buf content;
	buf_init(&content, 1 << 20);
	return file_read(&content, path, NULL) == ERR_OK &&
	       memmem(content.data, content.len, text, strlen(text)) != NULL;
}

int
count_processes_of(const struct played *p)
{
	static const char *const files[] = {"cmdline", "environ"};
	int found = 0;
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	while (proc && (entry = readdir(proc))) {
		bool names = false;
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		for (size_t i = 0; i < N_ELEMENTS(files); i++) {
			AUTO(free) char *path = mem_printf("/proc/%s/%s", entry->d_name, files[i]);
			names |= file_names(path, p->folder);
		}
		found += names;
	}
	if (proc)
		closedir(proc);
	return found;
}

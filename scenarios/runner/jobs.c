// SPDX-License-Identifier: Apache-2.0
// Several instances at a time, each played by a process of its own (`provsim run --worker-fd`):
// they share nothing but the run folder. What a worker prints is held back until it has ended, so
// that reports do not mix.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "runner/mem.h"
#include "runner/player.h"

enum {
	RESULT_FD = 3,
	GRACE_MS = 30000,
	TEXT_MAX_BYTES = 64 << 20,
};

struct job {
	struct jobs *jobs;
	const struct turn *turn;
	struct child *child; // NULL: not begun, or ended
	int text_fd;	     // memory files
	int result_fd;
	bool begun;
	struct child_status status;
	struct result result;
	bool has_result;
};

struct jobs {
	const struct player *player;
	struct bench *bench;
	struct job *items;
	size_t n;
	size_t running;
	size_t ended;
	size_t seen; // of `ended`, by the wait loop
	bool stopping;
};

static enum err
read_memory_file(struct buf *out, int fd)
{
	AUTO(free) char *path = mem_printf("/proc/self/fd/%d", fd);
	return file_read(out, path, NULL);
}

static void
print_text(const struct job *job)
{
	BUF_AUTO struct buf text;
	FILE *out = job->jobs->player->text.out;
	buf_init(&text, TEXT_MAX_BYTES);
	if (read_memory_file(&text, job->text_fd) == ERR_OK)
		fwrite(text.data, 1, text.len, out);
	fflush(out);
}

static void
read_result(struct job *job)
{
	BUF_AUTO struct buf text;
	buf_init(&text, TEXT_MAX_BYTES);
	if (read_memory_file(&text, job->result_fd) != ERR_OK)
		return;
	json_t *json = json_loads((const char *)text.data, 0, NULL);
	job->has_result = json && result_from_json(&job->result, json) == ERR_OK;
	json_decref(json);
}

static void
on_exit_seen(struct child *child, const struct child_status *status, void *ctx)
{
	struct job *job = ctx;
	job->status = *status;
	job->child = NULL;
	job->jobs->running--;
	job->jobs->ended++;
	child_free(child);
	read_result(job);
	print_text(job);
	fd_close(&job->text_fd);
	fd_close(&job->result_fd);
	bool bad = !job->has_result || job->result.verdict != VERDICT_PASSED;
	job->jobs->stopping |= bad && job->jobs->player->fail_fast;
}

static void
worker_arguments(struct words *argv, const struct job *job)
{
	static const char *const keeps[] = {"all", "failed", "none"};
	const struct player *p = job->jobs->player;
	const struct turn *turn = job->turn;
	words_add(argv, "provsim");
	words_add(argv, "run");
	words_add(argv, "%s", turn->instance->scenario->path);
	words_add(argv, "--worker-fd=%d", RESULT_FD);
	words_add(argv, "--worker-name=%s", turn->instance->name);
	words_add(argv, "--worker-slug=%s", turn->slug);
	words_add(argv, "--worker-turn=%zu/%zu", turn->number, turn->total);
	words_add(argv, "--seed=%llu", (unsigned long long)turn->seed);
	words_add(argv, "--out=%s", p->dir);
	words_add(argv, "--keep=%s", keeps[p->keep]);
	words_add(argv, "--child-log-level=%s", p->child_log_level);
	for (size_t i = 0; i < p->given_files->n; i++)
		words_add(argv, "--against=%s", p->given_files->items[i]);
	if (p->text.quiet)
		words_add(argv, "--quiet");
}

static enum err
begin(struct job *job, struct why *why)
{
	WORDS_AUTO struct words argv = {0};
	worker_arguments(&argv, job);
	job->begun = true;
	job->text_fd = memfd_create("worker-text", MFD_CLOEXEC);
	job->result_fd = memfd_create("worker-result", MFD_CLOEXEC);
	if (job->text_fd < 0 || job->result_fd < 0)
		return why_set(why, ERR_IO, "memory file: %s", strerror(errno));
	const struct child_fd fds[] = {
		{job->result_fd, RESULT_FD}
	   };
	const struct child_options o = {
		.program = "/proc/self/exe",
		.argv = words_vector(&argv),
		.stdout_fd = job->text_fd,
		.stderr_fd = job->text_fd,
		.fds = fds,
		.n_fds = N_ELEMENTS(fds),
		.on_exit = on_exit_seen,
		.ctx = job,
	};
	enum err err = child_spawn(&job->child, &job->jobs->bench->loop, &o, why);
	if (err == ERR_OK)
		job->jobs->running++;
	return err;
}

static bool
is_load(const struct job *job)
{
	return node_get(job->turn->instance->root, "load") != NULL;
}

// Load wants the machine for itself: it comes last, alone.
static struct job *
next_job(struct jobs *jobs, unsigned at_a_time)
{
	bool load_waits = false;
	if (jobs->stopping || jobs->bench->interrupts || jobs->running >= at_a_time)
		return NULL;
	for (size_t i = 0; i < jobs->n; i++) {
		if (jobs->items[i].begun)
			continue;
		if (!is_load(&jobs->items[i]))
			return &jobs->items[i];
		load_waits = true;
	}
	for (size_t i = 0; load_waits && jobs->running == 0 && i < jobs->n; i++)
		if (!jobs->items[i].begun)
			return &jobs->items[i];
	return NULL;
}

static bool
somebody_ended(void *ctx)
{
	const struct jobs *jobs = ctx;
	return jobs->ended > jobs->seen;
}

static bool
all_ended(void *ctx)
{
	return ((struct jobs *)ctx)->running == 0;
}

static void
stop_all(struct jobs *jobs)
{
	// What a person's Ctrl-C would do to them: they stop their stacks and tell their results.
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->items[i].child)
			child_signal(jobs->items[i].child, SIGINT);
	if (bench_wait_through(jobs->bench, all_ended, jobs, bench_deadline(GRACE_MS)) == ERR_OK)
		return;
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->items[i].child)
			child_free(STEAL(jobs->items[i].child));
}

static void
run_jobs(struct jobs *jobs, unsigned at_a_time)
{
	for (;;) {
		struct job *job;
		while ((job = next_job(jobs, at_a_time))) {
			struct why why = {0};
			if (begin(job, &why) != ERR_OK)
				fprintf(jobs->player->err, "provsim: %s\n", why.text);
		}
		if (jobs->running == 0)
			return;
		enum err err = bench_wait(jobs->bench, somebody_ended, jobs, UINT64_MAX);
		jobs->seen = jobs->ended;
		if (err == ERR_CANCELLED) {
			stop_all(jobs);
			return;
		}
	}
}

static void
collect(const struct jobs *jobs, struct results *results)
{
	for (size_t i = 0; i < jobs->n; i++) {
		const struct job *job = &jobs->items[i];
		char status[128];
		child_status_text(status, sizeof(status), &job->status);
		if (job->has_result)
			results_add_taken(results, &job->result);
		else if (!job->begun)
			results_add_unplayed(results, job->turn->instance, VERDICT_SKIPPED,
					     jobs->bench->interrupts
						     ? "the run was interrupted before"
						     : "an earlier scenario did not pass");
		else
			results_add_unplayed(results, job->turn->instance, VERDICT_BROKEN,
					     job->status.ended ? status
							       : "its process could not be run");
	}
}

void
jobs_play_all(const struct player *p, struct bench *bench, const struct turn *turns, size_t n,
	      unsigned at_a_time, struct results *results)
{
	struct jobs jobs = {
		.player = p, .bench = bench, .items = mem_new(n * sizeof(struct job)), .n = n};
	for (size_t i = 0; i < n; i++)
		jobs.items[i] = (struct job){
			.jobs = &jobs, .turn = &turns[i], .text_fd = -1, .result_fd = -1};
	run_jobs(&jobs, at_a_time);
	collect(&jobs, results);
	free(jobs.items);
}

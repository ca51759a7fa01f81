// SPDX-License-Identifier: Apache-2.0
// One child of the stack: start, readiness, end, last words.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "runner/mem.h"
#include "runner/stack.h"

enum {
	READY_MS = 20000,
	GRACE_MS = 5000,
	KILLED_MS = 5000,
	LAST_WORDS_LINES = 12,
	LAST_WORDS_BYTES = 8192,
	CONTROL_FD = 3,
};

static void
on_child_exit(struct child *child, const struct child_status *status, void *ctx)
{
	struct service *service = ctx;
	const struct rusage *u = &status->usage;
	service->last = *status;
	service->cpu_s += (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
			  (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
	if (u->ru_maxrss > service->peak_kib)
		service->peak_kib = u->ru_maxrss;
	service->state = SERVICE_ENDED;
	service->child = NULL;
	child_free(child);
}

static void
on_notify(const json_t *variables, void *ctx)
{
	struct service *service = ctx;
	if (service->state != SERVICE_STARTING || !json_object_get(variables, "READY"))
		return;
	if (!service->announced)
		service->announced = json_deep_copy(variables);
	if (service->spec->learn)
		service->spec->learn(service->stack, variables);
	service->state = SERVICE_READY;
}

// What a child may need to find its libraries and to report sanitizer findings; nothing else of our
// own environment.
static void
base_environment(struct words *env)
{
	static const char *const passed[] = {
		"PATH",		"HOME",		 "LANG",	 "TZ",		"LD_LIBRARY_PATH",
		"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
	for (size_t i = 0; i < N_ELEMENTS(passed); i++)
		words_set_env(env, passed[i], getenv(passed[i]));
}

static void
add_options(struct words *argv, const struct node *options)
{
	for (size_t i = 0; options && options->type == NODE_MAP && i < options->n; i++) {
		const struct pair *option = &options->pairs[i];
		size_t n = option->value->type == NODE_LIST ? option->value->n : 1;
		for (size_t k = 0; k < n; k++) {
			const struct node *value = option->value->type == NODE_LIST
							   ? option->value->items[k]
							   : option->value;
			words_add(argv, "--%s", option->key);
			if (value->type == NODE_TEXT &&
			    (value->quoted || strcmp(value->text, "true") != 0))
				words_add(argv, "%s", value->text);
		}
	}
}

static enum err
spawn(struct service *service, struct words *argv, struct words *env, struct why *why)
{
	struct stack *s = service->stack;
	AUTO(free) char *program = mem_printf("%s/%s", s->bin_dir, service->spec->program);
	FD_AUTO int log_fd =
		open(service->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0)
		return why_set(why, ERR_IO, "%s: %s", service->log_path, strerror(errno));
	int ends[2] = {-1, -1};
	bool control = service == &s->services[SERVICE_SIMDEVICE];
	if (control && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return why_set(why, ERR_IO, "socketpair: %s", strerror(errno));
	FD_AUTO int child_end = ends[1];
	const struct child_fd fds[] = {
		{child_end, CONTROL_FD}
	       };
	const struct child_options o = {
		.program = program,
		.argv = words_vector(argv),
		.envp = words_vector(env),
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.fds = fds,
		.n_fds = control ? 1 : 0,
		.on_exit = on_child_exit,
		.ctx = service,
	};
	enum err err = child_spawn(&service->child, &s->bench->loop, &o, why);
	if (err != ERR_OK)
		fd_close(&ends[0]);
	else if (control)
		s->control_fd = ends[0];
	return err;
}

enum err
service_launch(struct service *service)
{
	struct stack *s = service->stack;
	WORDS_AUTO struct words argv = {0};
	WORDS_AUTO struct words env = {0};
	struct why why = {0};
	enum err err = ERR_OK;
	if (!service->notify)
		err = notify_new(&service->notify, &s->bench->loop, on_notify, service, &why);
	if (err == ERR_OK) {
		words_add(&argv, "%s", service->spec->program);
		base_environment(&env);
		words_set_env(&env, "NOTIFY_SOCKET", notify_address(service->notify));
		service->spec->command(s, &argv, &env);
		if (service->spec->options_key)
			add_options(&argv, node_get(s->config, service->spec->options_key));
		err = spawn(service, &argv, &env, &why);
	}
	if (err != ERR_OK) {
		stack_trouble(s, "%s does not start: %s%s", service->spec->name, why.text,
			      err == ERR_NOT_FOUND
				      ? "; build all programs, or say where they are with "
					"PROVSIM_BIN_DIR"
				      : "");
		return err;
	}
	service->starts++;
	service->end_expected = false;
	service->state = service->spec->notifies ? SERVICE_STARTING : SERVICE_READY;
	notify_expect(service->notify, child_pid(service->child));
	return ERR_OK;
}

static bool
is_settled(void *ctx)
{
	return ((struct service *)ctx)->state != SERVICE_STARTING;
}

enum err
service_await(struct service *service)
{
	struct stack *s = service->stack;
	enum err err = bench_wait(s->bench, is_settled, service, bench_deadline(READY_MS));
	if (err == ERR_OK && service->state == SERVICE_READY)
		return ERR_OK;
	if (err == ERR_CANCELLED)
		return err;
	AUTO(free) char *words = service_obituary(service);
	if (service->state == SERVICE_ENDED)
		stack_trouble(s, "%s ended before it was ready: %s", service->spec->name, words);
	else
		stack_trouble(s, "%s is not ready after %d s: %s", service->spec->name,
			      READY_MS / 1000, words);
	return err == ERR_OK ? ERR_CLOSED : err;
}

enum err
service_start(struct service *service)
{
	TRY(service_launch(service));
	return service_await(service);
}

static bool
has_ended(void *ctx)
{
	return ((struct service *)ctx)->child == NULL;
}

void
service_end(struct service *service, int signum)
{
	struct bench *bench = service->stack->bench;
	if (!service->child)
		return;
	service->end_expected = true;
	if (signum == SIGTERM)
		child_terminate(service->child, GRACE_MS);
	else
		child_signal(service->child, signum);
	if (bench_wait_through(bench, has_ended, service, bench_deadline(GRACE_MS + KILLED_MS)) !=
	    ERR_OK) {
		child_free(service->child);
		service->child = NULL;
		service->state = SERVICE_ENDED;
	}
}

void
service_pause(struct service *service)
{
	if (service->state != SERVICE_READY)
		return;
	child_signal(service->child, SIGSTOP);
	service->state = SERVICE_PAUSED;
}

void
service_resume(struct service *service)
{
	if (service->state != SERVICE_PAUSED)
		return;
	child_signal(service->child, SIGCONT);
	service->state = SERVICE_READY;
}

void
service_fini(struct service *service)
{
	service_end(service, SIGTERM);
	notify_free(service->notify);
	json_decref(service->announced);
	free(service->log_path);
}

// The last lines of the log, indented.
static char *
last_words(const char *path)
{
	FD_AUTO int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	off_t from = size > LAST_WORDS_BYTES ? size - LAST_WORDS_BYTES : 0;
	char text[LAST_WORDS_BYTES + 1];
	ssize_t n = fd >= 0 ? pread(fd, text, LAST_WORDS_BYTES, from) : 0;
	n = n < 0 ? 0 : n;
	text[n] = '\0';
	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	char *start = text + n;
	for (int lines = 0; start > text; start--)
		if (start[-1] == '\n' && ++lines == LAST_WORDS_LINES)
			break;
	char *out = mem_dup("");
	for (char *line = start, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *longer = mem_printf("%s\n    | %s", out, line);
		free(out);
		out = longer;
	}
	return out;
}

char *
service_obituary(const struct service *service)
{
	char status[128];
	AUTO(free) char *words = last_words(service->log_path);
	if (service->child)
		snprintf(status, sizeof(status), "still running");
	else
		child_status_text(status, sizeof(status), &service->last);
	return mem_printf("%s%s%s", status, *words ? "; its last words:" : "; it said nothing",
			  words);
}

double
service_cpu_s(const struct service *service)
{
	double running =
		service->child ? (double)clock_cpu_ns_of(child_pid(service->child)) / 1e9 : 0;
	return service->cpu_s + running;
}

long
service_peak_kib(const struct service *service)
{
	long rss = 0, peak = 0;
	if (service->child)
		child_memory_kib(service->child, &rss, &peak);
	return peak > service->peak_kib ? peak : service->peak_kib;
}

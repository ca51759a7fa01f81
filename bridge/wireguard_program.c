// SPDX-License-Identifier: Apache-2.0
#include "bridge/wireguard_program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "loop/child.h"
#include "wg/uapi.h"

enum {
	OUTPUT_MAX = WG_UAPI_BYTES_MAX,
	ERRORS_MAX = 4096,
	QUOTE_CHARS = 200,
	CHUNK = 65536,
	ENV_BYTES = 8192,
};

struct wireguard_program {
	struct child *child;
	uv_pipe_t output;
	uv_pipe_t errors;
	uv_timer_t timer;
	struct buf output_text;
	struct buf errors_text;
	int open_handles;
	int open_pipes;
	bool ended;
	struct child_status status;
	wireguard_program_fn *done; // NULL: over
	void *ctx;
};

// --- what went wrong ---

static const struct cause {
	const char *says;
	enum err err;
	const char *hint;
} causes[] = {
	{"No such device",	   ERR_UPSTREAM_DOWN, "there is no such interface"		  },
	{"Protocol not supported",  ERR_UPSTREAM_DOWN,
	 "there is no such interface, or the kernel has no WireGuard"			     },
	{"Connection refused",      ERR_UPSTREAM_DOWN, "its userspace implementation has ended"},
	{"Operation not permitted", ERR_FORBIDDEN,	   "the bridge needs CAP_NET_ADMIN"	   },
	{"Permission denied",	      ERR_FORBIDDEN,     "the bridge needs CAP_NET_ADMIN"	     },
};

static const char *
first_line(struct buf *text)
{
	size_t n = 0;
	if (buf_reserve(text, 0) != ERR_OK)
		return "";
	while (n < text->len && n < QUOTE_CHARS && isprint(text->data[n]))
		n++;
	text->data[n] = '\0';
	return (const char *)text->data;
}

static enum err
explain(struct wireguard_program *p, struct why *why)
{
	char status[128];
	if (p->status.code == 0)
		return ERR_OK;
	const char *said = first_line(&p->errors_text);
	for (size_t i = 0; i < N_ELEMENTS(causes); i++)
		if (strstr(said, causes[i].says))
			return why_set(why, causes[i].err, "wg: %s: %s", said, causes[i].hint);
	child_status_text(status, sizeof(status), &p->status);
	return why_set(why, ERR_UPSTREAM_REFUSED, "wg %s%s%s", status, said[0] ? ": " : "", said);
}

// --- the end ---

static void
on_handle_closed(uv_handle_t *handle)
{
	struct wireguard_program *p = handle->data;
	if (--p->open_handles > 0)
		return;
	buf_fini(&p->output_text);
	buf_fini(&p->errors_text);
	free(p);
}

static void
wipe(struct buf *text)
{
	if (text->data)
		OPENSSL_cleanse(text->data, text->cap);
}

void
wireguard_program_cancel(struct wireguard_program *p)
{
	if (!p)
		return;
	p->done = NULL;
	child_free(STEAL(p->child));
	wipe(&p->output_text);
	uv_close((uv_handle_t *)&p->output, on_handle_closed);
	uv_close((uv_handle_t *)&p->errors, on_handle_closed);
	uv_close((uv_handle_t *)&p->timer, on_handle_closed);
}

static void
finish(struct wireguard_program *p, const struct why *why)
{
	wireguard_program_fn *done = p->done;
	p->done = NULL;
	done(why, buf_bytes(&p->output_text), p->ctx);
	wireguard_program_cancel(p);
}

static void
finish_when_over(struct wireguard_program *p)
{
	struct why why = {0};
	if (!p->done || !p->ended || p->open_pipes > 0)
		return;
	why.err = explain(p, &why);
	finish(p, &why);
}

static void
on_exit_seen(struct child *child, const struct child_status *status, void *ctx)
{
	struct wireguard_program *p = ctx;
	(void)child;
	p->ended = true;
	p->status = *status;
	finish_when_over(p);
}

static void
on_timeout(uv_timer_t *timer)
{
	struct why why = {0};
	why_set(&why, ERR_TIMEOUT, "wg: no end in time");
	finish(timer->data, &why);
}

// --- its output ---

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	static char spill[CHUNK]; // what of the errors is too much is read and dropped
	struct wireguard_program *p = handle->data;
	struct buf *text = handle == (uv_handle_t *)&p->output ? &p->output_text : &p->errors_text;
	(void)suggested;
	size_t room = text->max - text->len < CHUNK ? text->max - text->len : CHUNK;
	if (room > 0 && buf_reserve(text, room) == ERR_OK)
		*out = uv_buf_init((char *)buf_tail(text), (unsigned)room);
	else if (text == &p->errors_text)
		*out = uv_buf_init(spill, sizeof(spill));
	else
		*out = uv_buf_init(NULL, 0);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct wireguard_program *p = stream->data;
	struct buf *text = stream == (uv_stream_t *)&p->output ? &p->output_text : &p->errors_text;
	struct why why = {0};
	if (n > 0 && buf->base == (const char *)buf_tail(text))
		text->len += (size_t)n;
	if (n >= 0)
		return;
	if (n == UV_ENOBUFS) {
		why_set(&why, ERR_TOO_LARGE, "wg: more than %d bytes of output", OUTPUT_MAX);
		finish(p, &why);
		return;
	}
	uv_read_stop(stream);
	p->open_pipes--;
	finish_when_over(p);
}

// --- the start ---

static enum err
find_program(char out[static PATH_MAX], const char *name, struct why *why)
{
	const char *path = getenv("PATH");
	for (const char *p = path ? path : ""; *p;) {
		struct stat st;
		size_t n = strcspn(p, ":");
		int used = snprintf(out, PATH_MAX, "%.*s/%s", (int)n, p, name);
		// Not from whatever folder we happen to be in.
		if (*p == '/' && used < PATH_MAX && stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(out, X_OK) == 0)
			return ERR_OK;
		p += n + (p[n] == ':');
	}
	return why_set(why, ERR_UPSTREAM_DOWN,
		       "the program %s is not in PATH: install wireguard-tools, or use "
		       "WG_SERVER=uapi:/path",
		       name);
}

static enum err
open_pipe(uv_pipe_t *pipe, int *write_end)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return ERR_IO;
	*write_end = ends[1];
	if (uv_pipe_open(pipe, ends[0]) == 0)
		return ERR_OK;
	close(ends[0]);
	return ERR_IO;
}

static enum err
spawn(struct wireguard_program *p, uv_loop_t *loop, const char *const *argv, int output, int errors,
      struct why *why)
{
	char program[PATH_MAX], path[ENV_BYTES];
	TRY(find_program(program, argv[0], why));
	snprintf(path, sizeof(path), "PATH=%s", getenv("PATH"));
	const char *const envp[] = {path, "LC_ALL=C", NULL};
	const struct child_options o = {
		.program = program,
		.argv = argv,
		.envp = envp,
		.stdout_fd = output,
		.stderr_fd = errors,
		.on_exit = on_exit_seen,
		.ctx = p,
	};
	return child_spawn(&p->child, loop, &o, why);
}

enum err
wireguard_program_start(struct wireguard_program **out, uv_loop_t *loop, const char *const *argv,
			unsigned timeout_ms, wireguard_program_fn *done, void *ctx, struct why *why)
{
	FD_AUTO int output = -1;
	FD_AUTO int errors = -1;
	struct wireguard_program *p = calloc(1, sizeof(*p));
	if (!p)
		return why_set(why, ERR_NOMEM, "out of memory");
	buf_init(&p->output_text, OUTPUT_MAX);
	buf_init(&p->errors_text, ERRORS_MAX);
	p->done = done;
	p->ctx = ctx;
	p->open_handles = 3;
	uv_timer_init(loop, &p->timer);
	uv_pipe_init(loop, &p->output, 0);
	uv_pipe_init(loop, &p->errors, 0);
	p->timer.data = p->output.data = p->errors.data = p;
	if (open_pipe(&p->output, &output) != ERR_OK || open_pipe(&p->errors, &errors) != ERR_OK) {
		why_set(why, ERR_IO, "wg: pipe: %s", strerror(errno));
		wireguard_program_cancel(p);
		return ERR_IO;
	}
	enum err err = spawn(p, loop, argv, output, errors, why);
	if (err != ERR_OK) {
		wireguard_program_cancel(p);
		return err;
	}
	p->open_pipes = 2;
	uv_read_start((uv_stream_t *)&p->output, on_alloc, on_read);
	uv_read_start((uv_stream_t *)&p->errors, on_alloc, on_read);
	uv_timer_start(&p->timer, on_timeout, timeout_ms, 0);
	*out = p;
	return ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/sim.h"

#include <unistd.h>

#include "runner/mem.h"

enum {
	LINE_MAX_BYTES = 1 << 20,
};

struct sim {
	struct bench *bench;
	uv_pipe_t pipe;
	struct buf in;
	json_t *answers; // by id, until somebody takes them
	int last_id;
	bool closed;
	char chunk[16384];
};

struct writing {
	uv_write_t request;
	char *text;
};

static void
on_line(struct sim *sim, const char *line, size_t n)
{
	json_t *message = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *id = json_object_get(message, "id");
	if (json_is_integer(id)) {
		char key[24];
		snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(id));
		json_object_set(sim->answers, key, message);
	}
	json_decref(message); // events are for the log; they need no answer
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	(void)suggested;
	struct sim *sim = handle->data;
	*out = uv_buf_init(sim->chunk, sizeof(sim->chunk));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct sim *sim = stream->data;
	if (n < 0 || (n > 0 && buf_append(&sim->in, chunk->base, (size_t)n) != ERR_OK)) {
		sim->closed = true;
		uv_read_stop(stream);
		return;
	}
	const char *newline;
	while (sim->in.len && (newline = memchr(sim->in.data, '\n', sim->in.len))) {
		size_t length = (size_t)(newline - (const char *)sim->in.data);
		on_line(sim, (const char *)sim->in.data, length);
		buf_consume(&sim->in, length + 1);
	}
}

enum err
sim_new(struct sim **out, struct bench *bench, int take_fd, struct why *why)
{
	struct sim *sim = mem_new(sizeof(*sim));
	sim->bench = bench;
	sim->answers = json_object();
	buf_init(&sim->in, LINE_MAX_BYTES);
	uv_pipe_init(&bench->loop, &sim->pipe, 0);
	sim->pipe.data = sim;
	if (uv_pipe_open(&sim->pipe, take_fd) < 0) {
		close(take_fd);
		sim_free(sim);
		return why_set(why, ERR_IO, "control socket of simdevice");
	}
	uv_read_start((uv_stream_t *)&sim->pipe, on_alloc, on_read);
	*out = sim;
	return ERR_OK;
}

static void
on_closed(uv_handle_t *handle)
{
	struct sim *sim = handle->data;
	json_decref(sim->answers);
	buf_fini(&sim->in);
	free(sim);
}

void
sim_free(struct sim *sim)
{
	if (sim)
		uv_close((uv_handle_t *)&sim->pipe, on_closed);
}

static void
on_written(uv_write_t *request, int status)
{
	(void)status; // a broken pipe shows at the reading side
	struct writing *w = CONTAINER_OF(request, struct writing, request);
	free(w->text);
	free(w);
}

int
sim_send(struct sim *sim, const char *cmd, const char *device, json_t *take_with)
{
	int id = ++sim->last_id;
	json_t *command = json_pack("{s:i,s:s}", "id", id, "cmd", cmd);
	if (device)
		json_object_set_new(command, "device", json_string(device));
	json_object_set_new(command, "with", take_with ? take_with : json_object());
	AUTO(free) char *text = json_dumps(command, JSON_COMPACT);
	json_decref(command);
	struct writing *w = mem_new(sizeof(*w));
	w->text = mem_printf("%s\n", text);
	uv_buf_t chunk = uv_buf_init(w->text, (unsigned)strlen(w->text));
	if (uv_write(&w->request, (uv_stream_t *)&sim->pipe, &chunk, 1, on_written) < 0) {
		sim->closed = true;
		on_written(&w->request, 0);
	}
	return id;
}

struct wanted {
	struct sim *sim;
	char key[24];
};

static bool
has_answer(void *ctx)
{
	const struct wanted *w = ctx;
	return w->sim->closed || json_object_get(w->sim->answers, w->key);
}

json_t *
sim_wait(struct sim *sim, int id, uint64_t timeout_ms, struct why *why)
{
	struct wanted wanted = {.sim = sim};
	snprintf(wanted.key, sizeof(wanted.key), "%d", id);
	enum err err = bench_wait(sim->bench, has_answer, &wanted, bench_deadline(timeout_ms));
	json_t *answer = json_incref(json_object_get(sim->answers, wanted.key));
	json_object_del(sim->answers, wanted.key);
	if (answer)
		return answer;
	if (err == ERR_OK)
		why_set(why, ERR_CLOSED, "simdevice has closed its control socket");
	else
		why_set(why, err, "simdevice gives no answer: %s", err_text(err));
	return NULL;
}

// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control_internal.h"
#include "loop/daemon.h"

// --- lines out ---

struct line {
	uv_write_t write;
	char *text;
};

static void
on_written(uv_write_t *write, int status)
{
	struct line *line = CONTAINER_OF(write, struct line, write);
	(void)status; // a runner that is gone ends us by the end of its socket
	free(line->text);
	free(line);
}

void
control_send(struct control *c, json_t *take_object)
{
	struct line *line = calloc(1, sizeof(*line));
	char *json = json_dumps(take_object, JSON_COMPACT);
	json_decref(take_object);
	size_t n = json ? strlen(json) : 0;
	if (!line || !json || c->closing) {
		free(line);
		free(json);
		return;
	}
	json[n] = '\n'; // takes the place of the terminator; the length is known
	line->text = json;
	uv_buf_t buf = uv_buf_init(json, (unsigned)n + 1);
	if (uv_write(&line->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written) != 0) {
		free(line->text);
		free(line);
	}
}

static void
answer(struct control *c, const json_t *id, json_t *take_result, json_t *take_error)
{
	json_t *o = json_object();
	json_object_set_new(o, "id", id ? json_deep_copy(id) : json_null());
	json_object_set_new(o, "ok", json_boolean(take_error == NULL));
	json_object_set_new(o, "result", take_result ? take_result : json_object());
	if (take_error)
		json_object_set_new(o, "error", take_error);
	control_send(c, o);
}

enum err
control_refuse(struct control_call *call, enum layer layer, const char *kind, const char *fmt, ...)
{
	call->layer = layer;
	call->kind = kind;
	va_list args;
	va_start(args, fmt);
	vsnprintf(call->why.text, sizeof(call->why.text), fmt, args);
	va_end(args);
	return ERR_INPUT;
}

enum err
control_get_uint(struct control_call *call, const char *name, uint32_t fallback, uint32_t max,
		 uint32_t *out)
{
	const json_t *v = json_object_get(call->with, name);
	*out = fallback;
	if (!v)
		return ERR_OK;
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < 0 || n > max)
		return control_refuse(call, LAYER_USAGE, "bad-value",
				      "'%s' must be a whole number from 0 to %u", name, max);
	*out = (uint32_t)n;
	return ERR_OK;
}

// --- devices ---

static void
answer_phase(struct control_device *cd, const struct failure *failure)
{
	json_t *id = STEAL(cd->pending_id);
	const struct control_command *command = cd->pending;
	cd->pending = NULL;
	json_t *error = NULL;
	if (failure)
		error = result_error(failure->layer, failure->kind, failure->code,
				     failure->why.text);
	answer(cd->control, id, command->result ? command->result(cd) : NULL, error);
	json_decref(id);
}

static void
on_phase_end(struct sim_device *s, enum dev_phase phase, bool failed)
{
	struct control_device *cd = s->owner_ctx;
	if (phase == PHASE_ENROLL)
		s->enroll_report->attempts = s->dev.tries;
	if (cd->pending)
		answer_phase(cd, failed ? s->dev.failure : NULL);
}

static void
on_state(struct sim_device *s, enum dev_state from)
{
	struct control_device *cd = s->owner_ctx;
	control_send(cd->control, json_pack("{s:s,s:s,s:s,s:s}", "event", "device.state", "device",
					    s->dev.id, "from", dev_state_name(from), "state",
					    dev_state_name(s->dev.state)));
}

static const struct sim_owner owner = {
	.on_phase_end = on_phase_end,
	.on_state = on_state,
};

static enum err
switch_on(struct control_device *cd, struct control_call *call)
{
	struct control *c = cd->control;
	if (sim_device_new(&cd->sim, &c->worker, cd->id, &owner, cd, &call->why))
		return control_refuse(call, LAYER_USAGE, "bad-device", "%s", call->why.text);
	return ERR_OK;
}

struct control_device *
control_device_get(struct control_call *call, const char *id)
{
	struct control *c = call->control;
	struct control_device *cd = NULL;
	HASH_FIND_STR(c->devices, id, cd);
	if (cd && cd->sim->dev.state == ST_RETIRED && !cd->pending) {
		sim_device_free(STEAL(cd->sim)); // a new device with the old one's flash
		if (switch_on(cd, call)) {
			HASH_DEL(c->devices, cd);
			free(cd);
			return NULL;
		}
	}
	if (cd)
		return cd;
	struct why why = {0};
	if (device_id_check(id, &why)) {
		(void)control_refuse(call, LAYER_USAGE, "bad-device", "%s", why.text);
		return NULL;
	}
	cd = calloc(1, sizeof(*cd));
	if (!cd)
		abort();
	memcpy(cd->id, id, strlen(id) + 1);
	cd->control = c;
	if (switch_on(cd, call)) {
		free(cd);
		return NULL;
	}
	HASH_ADD_STR(c->devices, id, cd);
	return cd;
}

// --- lines in ---

static enum err
start_phase(struct control_call *call, const struct control_command *command, const json_t *id)
{
	struct control_device *cd = call->device;
	struct device *d = &cd->sim->dev;
	uint32_t retries = 0;
	TRY(control_get_uint(call, "retries", 0, 1000, &retries));
	cd->pending_id = id ? json_deep_copy(id) : json_null();
	cd->pending = command;
	if (sim_device_command(cd->sim, command->event, retries))
		return ERR_OK;
	json_decref(cd->pending_id);
	cd->pending_id = NULL;
	cd->pending = NULL;
	return control_refuse(call, LAYER_USAGE, "wrong-state",
			      "%s is not possible for %s in state %s (%s)", command->name, cd->id,
			      dev_state_name(d->state), dev_state_text(d->state));
}

static enum err
run(struct control_call *call, const struct control_command *command, const json_t *request)
{
	const char *device = json_string_value(json_object_get(request, "device"));
	if (command->needs_device) {
		if (!device)
			return control_refuse(call, LAYER_USAGE, "no-device", "%s needs \"device\"",
					      command->name);
		call->device = control_device_get(call, device);
		if (!call->device)
			return ERR_INPUT;
		if (call->device->pending)
			return control_refuse(call, LAYER_USAGE, "busy", "%s is still busy with %s",
					      device, call->device->pending->name);
	}
	if (command->prepare)
		TRY(command->prepare(call));
	if (command->kind == COMMAND_PHASE)
		return start_phase(call, command, json_object_get(request, "id"));
	answer(call->control, json_object_get(request, "id"),
	       command->result ? command->result(call->device) : STEAL(call->result), NULL);
	return ERR_OK;
}

void
control_take_line(struct control *c, struct bytes line)
{
	json_error_t error;
	json_auto_t *request =
		json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &error);
	json_auto_t *empty = json_object();
	const json_t *with = json_object_get(request, "with");
	struct control_call call = {.control = c, .with = with ? with : empty};
	const char *name = json_string_value(json_object_get(request, "cmd"));
	const struct control_command *command = name ? control_command_find(name) : NULL;
	enum err err = ERR_OK;
	char names[256];
	control_command_names(names, sizeof(names));
	if (!request)
		err = control_refuse(&call, LAYER_USAGE, "bad-json", "not a JSON line: %s",
				     error.text);
	else if (!command)
		err = control_refuse(&call, LAYER_USAGE, "unknown-command",
				     "no command '%s'; there are %s", name ? name : "", names);
	else if (!json_is_object(call.with))
		err = control_refuse(&call, LAYER_USAGE, "bad-value", "'with' must be an object");
	else
		err = run(&call, command, request);
	json_decref(call.result);
	if (err)
		answer(c, json_object_get(request, "id"), NULL,
		       result_error(call.layer, call.kind, 0, call.why.text));
}

static void
close_all(struct control *c)
{
	if (c->closing)
		return;
	c->closing = true;
	struct control_device *cd, *temp;
	HASH_ITER (hh, c->devices, cd, temp) {
		HASH_DEL(c->devices, cd);
		sim_device_free(cd->sim);
		json_decref(cd->pending_id);
		free(cd);
	}
	worker_fini(&c->worker);
	uv_close((uv_handle_t *)&c->pipe, NULL);
}

static void
take_lines(struct control *c)
{
	uint8_t *end;
	while (!c->quit && c->in.len && (end = memchr(c->in.data, '\n', c->in.len)) != NULL) {
		size_t n = (size_t)(end - c->in.data);
		if (n)
			control_take_line(c, BYTES(c->in.data, n));
		buf_consume(&c->in, n + 1);
	}
	if (c->quit)
		close_all(c);
}

static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *out)
{
	struct control *c = handle->data;
	(void)hint;
	if (buf_reserve(&c->in, 64 * 1024))
		*out = uv_buf_init(NULL, 0);
	else
		*out = uv_buf_init((char *)buf_tail(&c->in), 64 * 1024);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct control *c = stream->data;
	(void)buf;
	if (n < 0) { // the end, or a line that is longer than any command
		close_all(c);
		return;
	}
	c->in.len += (size_t)n;
	take_lines(c);
}

static enum err
control_init(struct control *c, struct why *why)
{
	uv_loop_init(&c->loop);
	c->log = log_new("simdevice", LOG_INFO);
	buf_init(&c->in, CONTROL_LINE_MAX + 64 * 1024);
	sim_config_init(&c->config);
	c->config.keep_reports = true;
	c->config.keep_flash = true;
	c->config.flash_sync =
		false; // a run folder is not a device: what a crash loses, a rerun mends
	return worker_init(&c->worker, &c->loop, &c->config, rng_system_seed(), 0, &c->log, why);
}

int
control_run(int fd)
{
	struct control control = {0};
	struct control *c = &control;
	struct why why = {0};
	signal(SIGPIPE, SIG_IGN);
	(void)daemon_raise_fd_limit();
	if (control_init(c, &why) || uv_pipe_init(&c->loop, &c->pipe, 0) != 0 ||
	    uv_pipe_open(&c->pipe, fd) != 0) {
		log_error(&c->log, "control.failed",
			  KV_STR("text", why.text[0] ? why.text : "not an open socket"),
			  KV_I64("fd", fd));
		return 2;
	}
	c->pipe.data = c;
	uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	buf_fini(&c->in);
	sim_config_fini(&c->config);
	uv_loop_close(&c->loop);
	return 0;
}

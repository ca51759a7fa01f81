// SPDX-License-Identifier: Apache-2.0
#include "common/mock_main.h"

#include <stdio.h>
#include <string.h>

enum { VARIABLES_MAX = 16 };

struct mock_private {
	const struct mock_program *program;
	struct daemon daemon;
	struct admin *admin;
	char *variables[VARIABLES_MAX + 1]; // NULL-terminated
	size_t n_variables;
};

void
mock_announce(struct mock *m, const char *name, const char *value)
{
	struct mock_private *p = m->priv;
	if (p->n_variables == VARIABLES_MAX)
		return;
	char *line = NULL;
	if (asprintf(&line, "%s=%s", name, value) < 0)
		return;
	p->variables[p->n_variables++] = line;
	log_info(&m->log, "mock.listening", KV_STR("variable", name), KV_STR("value", value));
}

void
mock_announce_addr(struct mock *m, const char *name, struct addr addr)
{
	char text[ADDR_TEXT_BYTES];
	addr_format(text, &addr);
	mock_announce(m, name, text);
}

static enum err
start_admin(struct mock *m, struct why *why)
{
	struct mock_private *p = m->priv;
	if (!m->args->admin_on)
		return ERR_OK;
	const struct admin_options options = {.addr = m->args->admin,
					      .mock = p->program->name,
					      .log = &m->log,
					      .faults = m->faults,
					      .journal = m->journal,
					      .state = p->program->state,
					      .reset = p->program->reset,
					      .extra = p->program->admin_extra,
					      .n_extra = p->program->n_admin_extra,
					      .ctx = m->ctx};
	TRY(admin_new(&p->admin, m->loop, &options, why));
	mock_announce_addr(m, "X_ADMIN", admin_addr(p->admin));
	return ERR_OK;
}

static enum err
start_all(struct mock *m, struct why *why)
{
	const struct mock_program *program = m->priv->program;
	if (fault_plan_new(&m->faults, program->vocabulary, m->args->seed) != ERR_OK ||
	    journal_new(&m->journal, NULL) != ERR_OK)
		return why_set(why, ERR_NOMEM, "out of memory");
	TRY(program->start(m, why));
	return start_admin(m, why);
}

static void
stop_all(void *ctx)
{
	struct mock *m = ctx;
	struct mock_private *p = m->priv;
	if (p->admin)
		admin_free(p->admin);
	p->admin = NULL;
	p->program->stop(m);
	daemon_fini(&p->daemon);
}

static int
exit_code(enum err err)
{
	switch (err) {
	case ERR_OK:
		return EX_OK;
	case ERR_INPUT:
	case ERR_SYNTAX:
	case ERR_NOT_FOUND:
		return EX_CONFIG;
	case ERR_CONFLICT:
		return EX_UNAVAILABLE;
	case ERR_IO:
		return EX_OSERR;
	default:
		return EX_SOFTWARE;
	}
}

static void
free_all(struct mock *m)
{
	if (m->priv->program->fini)
		m->priv->program->fini(m);
	fault_plan_free(m->faults);
	journal_free(m->journal);
	for (size_t i = 0; i < m->priv->n_variables; i++)
		free(m->priv->variables[i]);
}

int
mock_run(const struct mock_program *program, const struct mock_args *args, void *input)
{
	uv_loop_t loop;
	if (uv_loop_init(&loop) != 0)
		return EX_OSERR;
	struct mock_private private = {.program = program};
	struct mock m = {.loop = &loop,
			 .log = log_new(program->name, args->log_level),
			 .args = args,
			 .input = input,
			 .priv = &private};
	private.daemon = (struct daemon){.loop = &loop, .log = &m.log, .stop = stop_all, .ctx = &m};
	daemon_raise_fd_limit();
	daemon_init(&private.daemon);

	struct why why = {0};
	enum err err = start_all(&m, &why);
	if (err != ERR_OK) {
		log_error(&m.log, "mock.start_failed", KV_ERR(err), KV_STR("why", why.text));
		stop_all(&m);
	} else {
		notify_ready((const char *const *)private.variables);
		log_info(&m.log, "mock.ready", KV_U64("seed", args->seed));
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	free_all(&m);
	if (uv_loop_close(&loop) != 0)
		log_warn(&m.log, "mock.handles_left");
	log_info(&m.log, "mock.stopped");
	return exit_code(err);
}

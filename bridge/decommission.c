// SPDX-License-Identifier: Apache-2.0
// The work is the task runner's; here are the request, the wait and the words. A saga that is under
// way goes on whether or not somebody waits for it.
#include "bridge/decommission.h"

#include <stdio.h>
#include <utlist.h>

#include "bridge/reply.h"

enum {
	BUDGET_MS = 10000,
	STEPS_MAX = 8,
};

struct decommission {
	struct decommission_options o;
	struct call *calls;
};

struct call {
	struct call *next, *prev;
	struct decommission *d;
	struct http_req *req;
	char id[DEVICE_ID_MAX + 1];
	struct device_row device; // as it was at the begin
	struct task_row steps[STEPS_MAX];
	size_t n_steps;
};

enum err
decommission_new(struct decommission **out, const struct decommission_options *o)
{
	struct decommission *d = calloc(1, sizeof(*d));
	if (!d)
		return ERR_NOMEM;
	d->o = *o;
	if (!d->o.budget_ms)
		d->o.budget_ms = BUDGET_MS;
	*out = d;
	return ERR_OK;
}

static void
call_free(struct call *c)
{
	DL_DELETE(c->d->calls, c);
	free(c);
}

void
decommission_free(struct decommission *d)
{
	struct call *c, *next;
	if (!d)
		return;
	DL_FOREACH_SAFE (d->calls, c, next)
		call_free(c);
	free(d);
}

// --- the answer ---

static const char *
step_status(const struct task_row *task)
{
	switch (task->status) {
	case TASK_DONE:
		return "done";
	case TASK_GIVEN_UP:
		return "failed";
	case TASK_OPEN:
		break;
	}
	return "pending";
}

static json_t *
step_body(const struct task_row *task)
{
	return json_pack("{s:s,s:s,s:i,s:s*}", "step", task_kind_name(task->kind), "status",
			 step_status(task), "attempts", (int)task->attempts, "error",
			 task->last_error[0] ? task->last_error : NULL);
}

json_t *
decommission_body(const struct device_row *device, const struct task_row *tasks, size_t n,
		  bool *complete)
{
	json_auto_t *steps = json_array();
	*complete = device->state == DEVICE_DECOMMISSIONED;
	for (size_t i = 0; i < n; i++) {
		if (!task_kind_is_decommission(tasks[i].kind) ||
		    tasks[i].generation != device->generation)
			continue;
		if (tasks[i].status == TASK_OPEN)
			*complete = false;
		if (json_array_append_new(steps, step_body(&tasks[i])) < 0)
			return NULL;
	}
	return json_pack("{s:s,s:s,s:O}", "device_id", device->id, "status",
			 *complete ? "decommissioned" : "decommissioning", "steps", steps);
}

static void
fail(struct call *c, const struct why *why)
{
	if (why->err == ERR_NOT_FOUND) {
		reply_problem(c->req, PROBLEM_NOT_FOUND, why->text, c->id);
	} else if (why->err == ERR_CANCELLED || why->err == ERR_EXHAUSTED) {
		reply_problem(c->req, PROBLEM_OVERLOADED, why->text, c->id);
	} else {
		reply_problem(c->req, PROBLEM_STORE_FAILED, why->text, c->id);
	}
	call_free(c);
}

static void
fail_with(struct call *c, enum err err)
{
	struct why why = {0};
	why_set(&why, err, "%s", err_text(err));
	fail(c, &why);
}

static void
reply(struct call *c, const struct device_row *device, const struct task_row *tasks, size_t n)
{
	bool complete;
	json_t *body = decommission_body(device, tasks, n, &complete);
	if (!body) {
		fail_with(c, ERR_NOMEM);
		return;
	}
	http_reply_json(c->req, complete ? 200 : 202, body);
	call_free(c);
}

// The id has begun a new life since: ours ended, so all its steps did.
static void
reply_past_life(struct call *c)
{
	c->device.state = DEVICE_DECOMMISSIONED;
	for (size_t i = 0; i < c->n_steps; i++) {
		if (c->steps[i].status == TASK_OPEN)
			c->steps[i].status = TASK_DONE;
	}
	reply(c, &c->device, c->steps, c->n_steps);
}

// --- the work ---

static void
on_looked(const struct store_answer *answer, void *ctx)
{
	struct call *c = ctx;
	if (answer->err != ERR_OK)
		fail(c, &answer->why);
	else if (answer->device.generation != c->device.generation)
		reply_past_life(c);
	else
		reply(c, &answer->device, answer->tasks, answer->n_tasks);
}

static void
on_tried(const struct task_outcome *outcome, void *ctx)
{
	struct call *c = ctx;
	(void)outcome; // the store knows better
	enum err err = store_get_device(c->d->o.store, c->id, on_looked, c);
	if (err != ERR_OK)
		fail_with(c, err);
}

static bool
any_can_run(const struct task_row *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (tasks[i].status == TASK_OPEN && tasks[i].next_ms != INT64_MAX)
			return true;
	}
	return false;
}

static void
on_begun(const struct store_answer *answer, void *ctx)
{
	struct call *c = ctx;
	if (answer->err != ERR_OK) {
		fail(c, &answer->why);
		return;
	}
	c->device = answer->device;
	c->n_steps = answer->n_tasks < STEPS_MAX ? answer->n_tasks : STEPS_MAX;
	memcpy(c->steps, answer->tasks, c->n_steps * sizeof(c->steps[0]));
	if (!any_can_run(c->steps, c->n_steps)) {
		reply(c, &c->device, c->steps, c->n_steps);
		return;
	}
	enum err err = task_run(c->d->o.tasks, answer->tasks, answer->n_tasks, c->d->o.budget_ms,
				on_tried, c);
	if (err != ERR_OK)
		fail_with(c, err);
}

static enum err
read_force(bool *force, struct http_req *req)
{
	const char *text = http_req_query(req, "force");
	*force = text && strcmp(text, "true") == 0;
	return !text || *force || strcmp(text, "false") == 0 ? ERR_OK : ERR_INPUT;
}

void
decommission_delete(struct decommission *d, struct http_req *req)
{
	const char *id = http_req_param(req, "device_id");
	struct why why = {0};
	bool force;
	if (device_id_check(id, &why) != ERR_OK) {
		reply_problem(req, PROBLEM_INVALID_DEVICE_ID, why.text, NULL);
		return;
	}
	if (read_force(&force, req) != ERR_OK) {
		reply_problem(req, PROBLEM_INVALID_REQUEST, "force must be true or false", id);
		return;
	}
	struct call *c = calloc(1, sizeof(*c));
	if (!c) {
		reply_problem(req, PROBLEM_INTERNAL, "out of memory", id);
		return;
	}
	c->d = d;
	c->req = req;
	snprintf(c->id, sizeof(c->id), "%s", id);
	DL_APPEND(d->calls, c);
	enum err err = store_begin_decommission(d->o.store, id, force, on_begun, c);
	if (err != ERR_OK)
		fail_with(c, err);
}

// SPDX-License-Identifier: Apache-2.0
// The operations of store.h, put into words for the store thread.
#include <stdio.h>

#include "bridge/store_backend.h"

static struct store_op *
op_new(enum store_op_kind kind, store_done_fn *done, void *ctx)
{
	struct store_op *op = calloc(1, sizeof(*op));
	if (op) {
		op->kind = kind;
		op->done = done;
		op->ctx = ctx;
	}
	return op;
}

// NULL leaves out empty. An id is never cut: it would become another device's.
static enum err
copy_text(char *out, size_t size, const char *text)
{
	if (!text)
		return ERR_OK;
	return snprintf(out, size, "%s", text) < (int)size ? ERR_OK : ERR_INPUT;
}

#define COPY_TEXT(field, text) copy_text(field, sizeof(field), text)

enum err
store_reserve(struct store *s, const char *id, const char *wg_public_key, store_done_fn *done,
	      void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_RESERVE, done, ctx);
	if (!op)
		return ERR_NOMEM;
	TRY(COPY_TEXT(op->id, id));
	TRY(COPY_TEXT(op->wg_public_key, wg_public_key));
	return store_submit(s, STEAL(op));
}

enum err
store_record_enrollment(struct store *s, const struct enrollment_record *r, store_done_fn *done,
			void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_RECORD, done, ctx);
	if (!op)
		return ERR_NOMEM;
	TRY(COPY_TEXT(op->id, r->id));
	TRY(COPY_TEXT(op->serial, r->serial));
	TRY(COPY_TEXT(op->wg_public_key, r->wg_public_key));
	TRY(COPY_TEXT(op->device_type, r->device_type));
	op->generation = r->generation;
	op->when_ms = r->not_after_ms;
	op->flag = r->set_peer;
	return store_submit(s, STEAL(op));
}

enum err
store_get_device(struct store *s, const char *id, store_done_fn *done, void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_GET, done, ctx);
	if (!op)
		return ERR_NOMEM;
	TRY(COPY_TEXT(op->id, id));
	return store_submit(s, STEAL(op));
}

enum err
store_list_devices(struct store *s, const struct store_list *l, store_done_fn *done, void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_LIST, done, ctx);
	if (!op)
		return ERR_NOMEM;
	TRY(COPY_TEXT(op->id, l->after));
	op->limit = l->limit;
	op->states = l->states;
	return store_submit(s, STEAL(op));
}

enum err
store_begin_provisioning(struct store *s, const struct provisioning_request *r, store_done_fn *done,
			 void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_PROVISION, done, ctx);
	if (!op)
		return ERR_NOMEM;
	for (size_t i = 0; i < STORE_CANDIDATES && r->candidates[i]; i++)
		TRY(COPY_TEXT(op->candidates[i], r->candidates[i]));
	TRY(COPY_TEXT(op->id, r->fallback));
	TRY(COPY_TEXT(op->device_type, r->device_type));
	return store_submit(s, STEAL(op));
}

enum err
store_begin_decommission(struct store *s, const char *id, bool force, store_done_fn *done,
			 void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_DECOMMISSION, done, ctx);
	if (!op)
		return ERR_NOMEM;
	TRY(COPY_TEXT(op->id, id));
	op->flag = force;
	return store_submit(s, STEAL(op));
}

static enum err
submit_for_task(struct store *s, enum store_op_kind kind, const struct task_row *task,
		const char *error, int64_t next_ms, store_done_fn *done, void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(kind, done, ctx);
	if (!op)
		return ERR_NOMEM;
	op->task_id = task->id;
	op->revision = task->revision;
	op->when_ms = next_ms;
	snprintf(op->error, sizeof(op->error), "%s", error);
	return store_submit(s, STEAL(op));
}

enum err
store_finish_decommission(struct store *s, const struct task_row *task, store_done_fn *done,
			  void *ctx)
{
	return submit_for_task(s, STORE_OP_FINISH, task, "", 0, done, ctx);
}

enum err
store_task_done(struct store *s, const struct task_row *task, store_done_fn *done, void *ctx)
{
	return submit_for_task(s, STORE_OP_TASK_DONE, task, "", 0, done, ctx);
}

enum err
store_task_failed(struct store *s, const struct task_row *task, const char *error, int64_t next_ms,
		  store_done_fn *done, void *ctx)
{
	return submit_for_task(s, STORE_OP_TASK_FAILED, task, error, next_ms, done, ctx);
}

enum err
store_mark_revoked(struct store *s, const char *serial, store_done_fn *done, void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_REVOKED, done, ctx);
	if (!op)
		return ERR_NOMEM;
	TRY(COPY_TEXT(op->serial, serial));
	return store_submit(s, STEAL(op));
}

enum err
store_claim_tasks(struct store *s, size_t limit, store_done_fn *done, void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_CLAIM, done, ctx);
	if (!op)
		return ERR_NOMEM;
	op->limit = limit;
	return store_submit(s, STEAL(op));
}

enum err
store_reclaim(struct store *s, int64_t before_ms, store_done_fn *done, void *ctx)
{
	AUTO(store_op_free) struct store_op *op = op_new(STORE_OP_RECLAIM, done, ctx);
	if (!op)
		return ERR_NOMEM;
	op->when_ms = before_ms;
	return store_submit(s, STEAL(op));
}

// SPDX-License-Identifier: Apache-2.0
// The store thread: takes everything that is queued, runs it in one transaction, commits, and hands
// the answers back to the loop. One fsync so serves all requests that arrived while the one before
// was being made. If anything in a batch hits a database error, the batch is rolled back and each
// of its operations runs again in a transaction of its own: one bad one cannot fail its neighbours.
#include "bridge/store.h"

#include <assert.h>

#include "base/clock.h"
#include "bridge/peers_file.h"
#include "bridge/store_backend.h"

enum {
	DEPTH_MAX = 20000,
	BATCH_MAX = 512,
	ATTEMPTS_MAX = 5, // of a transaction that the database asks to repeat
};

struct op_list {
	struct store_op *head;
	struct store_op **tail;
};

struct store {
	struct store_session session;
	uv_loop_t *loop;
	const struct log *log;
	int64_t (*now_ms)(void *ctx);
	void *now_ctx;
	void (*on_due)(void *ctx);
	void *due_ctx;
	size_t depth; // loop thread only
	bool closing; // loop thread only
	uv_async_t wake_loop;
	uv_thread_t thread;
	uv_mutex_t mutex; // guards what follows
	uv_cond_t wake_thread;
	struct op_list queue;
	struct op_list finished;
	bool stop;
};

static void
list_init(struct op_list *l)
{
	*l = (struct op_list){.tail = &l->head};
}

static void
list_append(struct op_list *l, struct store_op *op)
{
	op->next = NULL;
	*l->tail = op;
	l->tail = &op->next;
}

static struct store_op *
list_take(struct op_list *l, size_t max)
{
	struct store_op *first = l->head;
	struct store_op **end = &first;
	for (size_t i = 0; i < max && *end; i++)
		end = &(*end)->next;
	l->head = *end;
	if (!l->head)
		l->tail = &l->head;
	*end = NULL;
	return first;
}

static int64_t
wall_ms(void *ctx)
{
	(void)ctx;
	return (int64_t)(clock_wall_ns() / NS_PER_MS);
}

// --- on the store thread ---

static bool
is_database_failure(enum err err)
{
	return err == ERR_IO || err == ERR_NOMEM || err == ERR_INTERNAL;
}

// What a caller of ours was promised, or what other systems act upon, must survive a power cut.
// Losing one of the others costs a repetition of work that may be repeated.
static bool
is_durable(const struct store_op *op)
{
	switch (op->kind) {
	case STORE_OP_GET:
	case STORE_OP_LIST:
	case STORE_OP_CLAIM:
	case STORE_OP_REVOKED:
	case STORE_OP_TASK_DONE:
	case STORE_OP_TASK_FAILED:
		return false;
	default:
		return true;
	}
}

static enum store_tx
transaction_of(const struct store_op *op)
{
	if (op->kind == STORE_OP_GET || op->kind == STORE_OP_LIST)
		return STORE_TX_READ;
	return is_durable(op) ? STORE_TX_DURABLE : STORE_TX_RELAXED;
}

static enum store_tx
transaction_for_all(const struct store_op *op)
{
	enum store_tx most = STORE_TX_READ;
	for (; op; op = op->next) {
		enum store_tx tx = transaction_of(op);
		most = tx > most ? tx : most;
	}
	return most;
}

// Runs the operations in one transaction. False: nothing of it happened, or (when the connection
// to a server broke in the commit) nobody knows; every operation may be repeated. why says why not.
static bool
run_once(struct store *s, struct store_op *first, struct why *why)
{
	const struct store_session *se = &s->session;
	enum err err = se->backend->begin(se->db, transaction_for_all(first), why);
	for (struct store_op *op = first; op && err == ERR_OK; op = op->next) {
		store_logic_run(se, op);
		if (is_database_failure(op->answer.err)) {
			err = op->answer.err;
			*why = op->answer.why;
		}
	}
	if (err == ERR_OK)
		err = se->backend->commit(se->db, why);
	if (err == ERR_OK)
		return true;
	se->backend->rollback(se->db);
	why->err = err;
	return false;
}

static bool
run_together(struct store *s, struct store_op *first, struct why *why)
{
	for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
		if (run_once(s, first, why))
			return true;
		if (!s->session.backend->is_transient(s->session.db))
			return false;
	}
	return false;
}

static void
run_alone(struct store *s, struct store_op *op)
{
	struct why why = {0};
	struct store_op *rest = STEAL(op->next);
	if (!run_together(s, op, &why)) {
		op->answer = (struct store_answer){.err = why.err, .why = why};
		op->due = false;
	}
	op->next = rest;
}

static void
run_batch(struct store *s, struct store_op *first)
{
	struct why why = {0};
	s->session.now_ms = s->now_ms(s->now_ctx);
	if (run_together(s, first, &why))
		return;
	for (struct store_op *op = first; op; op = op->next)
		run_alone(s, op);
}

static void
thread_main(void *arg)
{
	struct store *s = arg;
	uv_mutex_lock(&s->mutex);
	for (;;) {
		while (!s->queue.head && !s->stop)
			uv_cond_wait(&s->wake_thread, &s->mutex);
		struct store_op *first = list_take(&s->queue, BATCH_MAX);
		if (!first)
			break;
		uv_mutex_unlock(&s->mutex);
		run_batch(s, first);
		uv_mutex_lock(&s->mutex);
		while (first) {
			struct store_op *next = first->next;
			list_append(&s->finished, first);
			first = next;
		}
		uv_async_send(&s->wake_loop);
	}
	uv_mutex_unlock(&s->mutex);
}

// --- on the loop thread ---

void
store_op_free(struct store_op *op)
{
	store_rows_tasks_fini(&op->tasks);
	store_rows_certificates_fini(&op->certificates);
	store_rows_devices_fini(&op->devices);
	free(op);
}

static void
deliver(struct store *s, struct store_op *op)
{
	struct store_answer *a = &op->answer;
	a->tasks = op->tasks.rows;
	a->n_tasks = op->tasks.n;
	a->certificates = op->certificates.rows;
	a->n_certificates = op->certificates.n;
	a->devices = op->devices.rows;
	a->n_devices = op->devices.n;
	if (s->closing)
		*a = (struct store_answer){.err = ERR_CANCELLED, .next_ms = INT64_MAX};
	a->why.err = a->err;
	if (a->err != ERR_OK && !a->why.text[0])
		why_set(&a->why, a->err, "%s", err_text(a->err));
	if (is_database_failure(a->err))
		log_error(s->log, "store.failed", KV_ERR(a->err), KV_STR("why", a->why.text));
	s->depth--;
	op->done(a, op->ctx);
	store_op_free(op);
}

static void
deliver_finished(struct store *s)
{
	bool due = false;
	uv_mutex_lock(&s->mutex);
	struct store_op *op = list_take(&s->finished, SIZE_MAX);
	uv_mutex_unlock(&s->mutex);
	while (op) {
		struct store_op *next = op->next;
		due = due || op->due;
		deliver(s, op);
		op = next;
	}
	if (due && s->on_due && !s->closing)
		s->on_due(s->due_ctx);
}

static void
on_wake(uv_async_t *async)
{
	deliver_finished(async->data);
}

enum err
store_submit(struct store *s, struct store_op *take_op)
{
	AUTO(store_op_free) struct store_op *op = take_op;
	if (s->closing)
		return ERR_CANCELLED;
	if (s->depth >= DEPTH_MAX)
		return ERR_EXHAUSTED;
	s->depth++;
	uv_mutex_lock(&s->mutex);
	list_append(&s->queue, STEAL(op));
	uv_cond_signal(&s->wake_thread);
	uv_mutex_unlock(&s->mutex);
	return ERR_OK;
}

// --- opening and closing ---

static enum err
import(struct store *s, const char *path, struct why *why)
{
	const struct store_session *se = &s->session;
	STORE_ROWS_DEVICES_AUTO struct store_rows_devices any = {0};
	TRY(se->backend->devices_after(se->db, &(struct store_list){.limit = 1}, &any, why));
	if (any.n > 0)
		return ERR_OK;
	struct peer_entry *list = NULL;
	size_t n = 0;
	TRY(peers_file_read(&list, &n, path, &se->pool, why));
	enum err err = store_logic_import(se, list, n, why);
	free(list);
	if (err == ERR_OK && n > 0)
		log_info(s->log, "store.imported", KV_STR("file", path), KV_U64("devices", n));
	return err;
}

static enum err
prepare(struct store *s, const struct store_options *o, struct why *why)
{
	const struct store_session *se = &s->session;
	TRY(se->backend->begin(se->db, STORE_TX_DURABLE, why));
	enum err err = store_logic_adopt_pool(se, why);
	if (err == ERR_OK && o->import_peers)
		err = import(s, o->import_peers, why);
	if (err == ERR_OK)
		err = se->backend->commit(se->db, why);
	if (err != ERR_OK)
		se->backend->rollback(se->db);
	return err;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static enum err
start_thread(struct store *s, struct why *why)
{
	// The two locks cannot fail on Linux.
	int rc = uv_mutex_init(&s->mutex) | uv_cond_init(&s->wake_thread);
	assert(rc == 0);
	rc = uv_async_init(s->loop, &s->wake_loop, on_wake);
	if (rc < 0)
		return why_set(why, ERR_IO, "store: %s", uv_strerror(rc));
	s->wake_loop.data = s;
	rc = uv_thread_create(&s->thread, thread_main, s);
	if (rc == 0)
		return ERR_OK;
	uv_close((uv_handle_t *)&s->wake_loop, on_closed);
	return why_set(why, ERR_IO, "store thread: %s", uv_strerror(rc));
}

enum err
store_open(struct store **out, const struct store_options *o, struct why *why)
{
	struct store *s = calloc(1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	bool postgres = store_database_is_postgres(o->database);
	s->session = (struct store_session){.backend = postgres ? &store_postgres : &store_sqlite,
					    .pool = o->pool};
	s->loop = o->loop;
	s->log = o->log;
	s->now_ms = o->now_ms ? o->now_ms : wall_ms;
	s->now_ctx = o->now_ctx;
	s->session.now_ms = s->now_ms(s->now_ctx);
	list_init(&s->queue);
	list_init(&s->finished);
	enum err err = s->session.backend->open(&s->session.db, o, why);
	if (err == ERR_OK) {
		err = prepare(s, o, why);
		if (err == ERR_OK)
			err = start_thread(s, why);
		if (err != ERR_OK)
			s->session.backend->close(s->session.db);
	}
	if (err == ERR_OK) {
		*out = s;
		return ERR_OK;
	}
	if (!uv_is_closing((uv_handle_t *)&s->wake_loop))
		free(s);
	return err;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	s->closing = true;
	uv_mutex_lock(&s->mutex);
	s->stop = true;
	uv_cond_signal(&s->wake_thread);
	uv_mutex_unlock(&s->mutex);
	uv_thread_join(&s->thread);
	deliver_finished(s);
	s->session.backend->close(s->session.db);
	uv_cond_destroy(&s->wake_thread);
	uv_mutex_destroy(&s->mutex);
	uv_close((uv_handle_t *)&s->wake_loop, on_closed);
}

void
store_on_due(struct store *s, void (*fn)(void *ctx), void *ctx)
{
	s->on_due = fn;
	s->due_ctx = ctx;
}

size_t
store_depth(const struct store *s)
{
	return s->depth;
}

const struct pool *
store_pool(const struct store *s)
{
	return &s->session.pool;
}

bool
store_is_shared(const struct store *s)
{
	return s->session.backend->shared;
}

enum err
store_scan_peers(struct store *s, store_peer_fn *row, void *ctx, struct why *why)
{
	return s->session.backend->scan_peers(s->session.db, row, ctx, why);
}

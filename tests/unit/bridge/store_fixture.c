// SPDX-License-Identifier: Apache-2.0
#include "store_fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

static int64_t
virtual_now(void *ctx)
{
	return ((struct fixture *)ctx)->now_ms;
}

static void
ignore_notice(void *ctx, const char *message)
{
	(void)ctx;
	(void)message;
}

const char *
fx_postgres(struct fixture *fx, bool server, const char *sql)
{
	static char value[256];
	char url[PATH_MAX];
	snprintf(url, sizeof(url), "%.200spostgres", getenv("TEST_POSTGRES"));
	PGconn *conn = PQconnectdb(server ? url : fx->database);
	cr_assert(PQstatus(conn) == CONNECTION_OK, "%s", PQerrorMessage(conn));
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	PGresult *res = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(res);
	cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
		  PQerrorMessage(conn));
	snprintf(value, sizeof(value), "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	PQfinish(conn);
	return value;
}

static void
create_database(struct fixture *fx, const char *url)
{
	char sql[64];
	snprintf(fx->server_database, sizeof(fx->server_database), "t%d", (int)getpid());
	snprintf(fx->database, sizeof(fx->database), "%.200s%s", url, fx->server_database);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", fx->server_database);
	fx_postgres(fx, true, sql);
}

static void
drop_database(struct fixture *fx)
{
	char sql[64];
	snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", fx->server_database);
	fx_postgres(fx, true, sql);
}

void
fx_init(struct fixture *fx, const char *subnet)
{
	*fx = (struct fixture){.subnet = subnet, .now_ms = 1800000000000, .log = log_new("test", getenv("TEST_LOG") ? LOG_DEBUG : LOG_OFF)};
	snprintf(fx->folder, sizeof(fx->folder), "/tmp/bridge-store-XXXXXX");
	cr_assert(mkdtemp(fx->folder) != NULL);
	snprintf(fx->database, sizeof(fx->database), "%.100s/bridge.db", fx->folder);
	const char *server = getenv("TEST_POSTGRES");
	if (server)
		create_database(fx, server);
	cr_assert(uv_loop_init(&fx->loop) == 0);
}

static void
count_due(void *ctx)
{
	((struct fixture *)ctx)->due_calls++;
}

enum err
fx_open(struct fixture *fx, struct why *why)
{
	struct store_options o = {
		.loop = &fx->loop,
		.log = &fx->log,
		.database = fx->database,
		.import_peers = fx->import[0] ? fx->import : NULL,
		.now_ms = fx->wall_clock ? NULL : virtual_now,
		.now_ctx = fx,
	};
	enum err err = pool_parse(&o.pool, fx->subnet, why);
	if (err == ERR_OK)
		err = store_open(&fx->store, &o, why);
	if (err == ERR_OK)
		store_on_due(fx->store, count_due, fx);
	return err;
}

void
fx_must_open(struct fixture *fx)
{
	struct why why = {0};
	enum err err = fx_open(fx, &why);
	cr_assert(err == ERR_OK, "%s", why.text);
}

void
fx_close(struct fixture *fx)
{
	store_close(fx->store);
	fx->store = NULL;
	uv_run(&fx->loop, UV_RUN_DEFAULT);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
fx_fini(struct fixture *fx)
{
	if (fx->store)
		fx_close(fx);
	cr_assert(uv_loop_close(&fx->loop) == 0);
	if (fx->server_database[0])
		drop_database(fx);
	nftw(fx->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void
fx_write(const struct fixture *fx, const char *path, const char *text)
{
	struct why why = {0};
	(void)fx;
	enum err err = file_replace_nosync(path, BYTES_STR(text), 0600, &why);
	cr_assert(err == ERR_OK, "%s", why.text);
}

#define COPY_ROWS(name)                                                                            \
	do {                                                                                       \
		r->n_##name = a->n_##name < FX_ROWS ? a->n_##name : FX_ROWS;                       \
		if (r->n_##name)                                                                   \
			memcpy(r->name, a->name, r->n_##name * sizeof(r->name[0]));                \
	} while (0)

void
fx_keep(const struct store_answer *a, void *ctx)
{
	struct result *r = ctx;
	*r = (struct result){.err = a->err,
			     .why = a->why,
			     .device = a->device,
			     .more = a->more,
			     .next_ms = a->next_ms,
			     .called = true};
	COPY_ROWS(tasks);
	COPY_ROWS(certificates);
	COPY_ROWS(devices);
}

enum err
fx_wait(struct fixture *fx, enum err queued)
{
	if (queued != ERR_OK)
		return fx->r.err = queued;
	fx->r.called = false;
	while (!fx->r.called)
		uv_run(&fx->loop, UV_RUN_ONCE);
	return fx->r.err;
}

enum err
fx_reserve(struct fixture *fx, const char *id)
{
	return fx_wait(fx, store_reserve(fx->store, id, NULL, fx_keep, &fx->r));
}

enum err
fx_record(struct fixture *fx, const char *id, const char *serial, const char *key)
{
	struct enrollment_record r = {
		.id = id,
		.generation = fx->r.device.generation,
		.serial = serial,
		.not_after_ms = fx->now_ms + 24 * 3600 * 1000,
		.wg_public_key = key,
		.set_peer = true,
	};
	return fx_wait(fx, store_record_enrollment(fx->store, &r, fx_keep, &fx->r));
}

void
fx_enroll(struct fixture *fx, const char *id, const char *serial, const char *key)
{
	cr_assert(fx_reserve(fx, id) == ERR_OK, "%s", fx->r.why.text);
	cr_assert(fx_record(fx, id, serial, key) == ERR_OK, "%s", fx->r.why.text);
}

enum err
fx_get(struct fixture *fx, const char *id)
{
	return fx_wait(fx, store_get_device(fx->store, id, fx_keep, &fx->r));
}

enum err
fx_provision(struct fixture *fx, const char *id, const char *fallback)
{
	struct provisioning_request r = {.candidates = {id}, .fallback = fallback};
	return fx_wait(fx, store_begin_provisioning(fx->store, &r, fx_keep, &fx->r));
}

enum err
fx_decommission(struct fixture *fx, const char *id, bool force)
{
	return fx_wait(fx, store_begin_decommission(fx->store, id, force, fx_keep, &fx->r));
}

enum err
fx_done(struct fixture *fx, const struct task_row *task)
{
	return fx_wait(fx, store_task_done(fx->store, task, fx_keep, &fx->r));
}

enum err
fx_failed(struct fixture *fx, const struct task_row *task, const char *error, int64_t next_ms)
{
	return fx_wait(fx, store_task_failed(fx->store, task, error, next_ms, fx_keep, &fx->r));
}

enum err
fx_finish(struct fixture *fx, const struct task_row *task)
{
	return fx_wait(fx, store_finish_decommission(fx->store, task, fx_keep, &fx->r));
}

enum err
fx_claim(struct fixture *fx, size_t limit)
{
	return fx_wait(fx, store_claim_tasks(fx->store, limit, fx_keep, &fx->r));
}

enum err
fx_reclaim(struct fixture *fx, int64_t before_ms)
{
	return fx_wait(fx, store_reclaim(fx->store, before_ms, fx_keep, &fx->r));
}

enum err
fx_list(struct fixture *fx, const char *after, size_t limit, uint32_t states)
{
	struct store_list l = {.after = after, .limit = limit, .states = states};
	return fx_wait(fx, store_list_devices(fx->store, &l, fx_keep, &fx->r));
}

const struct task_row *
fx_task(const struct fixture *fx, enum task_kind kind)
{
	for (size_t i = 0; i < fx->r.n_tasks; i++) {
		if (fx->r.tasks[i].kind == kind)
			return &fx->r.tasks[i];
	}
	return NULL;
}

void
fx_decommission_fully(struct fixture *fx, const char *id)
{
	struct task_row steps[FX_ROWS];
	cr_assert(fx_decommission(fx, id, false) == ERR_OK, "%s", fx->r.why.text);
	size_t n = fx->r.n_tasks;
	memcpy(steps, fx->r.tasks, sizeof(steps));
	for (size_t i = 0; i < n; i++) {
		if (steps[i].kind == TASK_DELETE_PEER_ENTRY)
			cr_assert(fx_finish(fx, &steps[i]) == ERR_OK, "%s", fx->r.why.text);
		else
			cr_assert(fx_done(fx, &steps[i]) == ERR_OK, "%s", fx->r.why.text);
	}
}

const char *
fx_key(unsigned n)
{
	static char keys[4][WG_KEY_CHARS + 1];
	static unsigned next;
	char *key = keys[next++ % 4];
	snprintf(key, WG_KEY_CHARS + 1, "%042u0=", n);
	return key;
}

const char *
fx_ip(const struct fixture *fx)
{
	static char ip[IP4_TEXT_BYTES];
	ip4_print(ip, fx->r.device.wg_ip);
	return ip;
}

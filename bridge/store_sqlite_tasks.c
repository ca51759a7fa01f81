// SPDX-License-Identifier: Apache-2.0
// Tasks in SQLite.
#include "bridge/store_sqlite.h"

static void
read_task(sqlite3_stmt *st, void *out)
{
	struct task_row *t = out;
	char kind[64];
	*t = (struct task_row){0};
	t->id = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite_column_str(st, 1, t->device, sizeof(t->device));
	t->generation = (uint32_t)sqlite3_column_int64(st, 2);
	sqlite_column_str(st, 3, kind, sizeof(kind));
	t->status = (enum task_status)sqlite3_column_int(st, 4);
	// Nobody but us writes kinds; one that we do not know is left alone.
	if (task_kind_parse(&t->kind, kind) != ERR_OK)
		t->status = TASK_GIVEN_UP;
	t->revision = (uint32_t)sqlite3_column_int64(st, 5);
	t->attempts = (uint32_t)sqlite3_column_int64(st, 6);
	t->next_ms = sqlite3_column_int64(st, 7);
	t->give_up = sqlite3_column_int(st, 8) != 0;
	sqlite_column_str(st, 9, t->payload, sizeof(t->payload));
	sqlite_column_str(st, 10, t->last_error, sizeof(t->last_error));
	t->wg_ip = (uint32_t)sqlite3_column_int64(st, 11);
	sqlite_column_str(st, 12, t->wg_public_key, sizeof(t->wg_public_key));
	sqlite_column_str(st, 13, t->device_type, sizeof(t->device_type));
}

enum err
sqlite_task_get(struct store_db *db, uint64_t id, struct task_row *out, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_TASK_GET);
	sqlite_bind_int(st, 1, (int64_t)id);
	return sqlite_one(db, st, read_task, out, why);
}

enum err
sqlite_task_find(struct store_db *db, const char *device, uint32_t generation, enum task_kind kind,
		 struct task_row *out, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_TASK_FIND);
	sqlite_bind_str(st, 1, device);
	sqlite_bind_int(st, 2, generation);
	sqlite_bind_str(st, 3, task_kind_name(kind));
	return sqlite_one(db, st, read_task, out, why);
}

enum err
sqlite_task_put(struct store_db *db, struct task_row *row, int64_t claimed_ms, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, row->id ? SQL_TASK_UPDATE : SQL_TASK_INSERT);
	sqlite_bind_str(st, 1, row->device);
	sqlite_bind_int(st, 2, row->generation);
	sqlite_bind_str(st, 3, task_kind_name(row->kind));
	sqlite_bind_int(st, 4, row->status);
	sqlite_bind_int(st, 5, row->revision);
	sqlite_bind_int(st, 6, row->attempts);
	sqlite_bind_int(st, 7, row->next_ms);
	sqlite_bind_int(st, 8, row->give_up);
	sqlite_bind_str(st, 9, row->payload);
	sqlite_bind_str(st, 10, row->last_error);
	sqlite_bind_int(st, 11, claimed_ms);
	if (row->id) {
		sqlite_bind_int(st, 12, (int64_t)row->id);
		return sqlite_run(db, st, why);
	}
	TRY(sqlite_run(db, st, why));
	row->id = (uint64_t)sqlite3_last_insert_rowid(db->db);
	return ERR_OK;
}

enum err
sqlite_task_delete(struct store_db *db, uint64_t id, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_TASK_DELETE);
	sqlite_bind_int(st, 1, (int64_t)id);
	return sqlite_run(db, st, why);
}

static enum err
read_tasks(struct store_db *db, sqlite3_stmt *st, struct store_rows_tasks *out, struct why *why)
{
	for (;;) {
		bool row;
		TRY(sqlite_step(db, st, &row, why));
		if (!row)
			return ERR_OK;
		struct task_row *t = store_rows_add_task(out);
		if (!t) {
			sqlite3_reset(st);
			return ERR_NOMEM;
		}
		read_task(st, t);
	}
}

enum err
sqlite_tasks_of(struct store_db *db, const char *device, struct store_rows_tasks *out,
		struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_TASKS_OF);
	sqlite_bind_str(st, 1, device);
	return read_tasks(db, st, out, why);
}

enum err
sqlite_tasks_due(struct store_db *db, int64_t now_ms, size_t limit, struct store_rows_tasks *out,
		 struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_TASKS_DUE);
	sqlite_bind_int(st, 1, now_ms);
	sqlite_bind_int(st, 2, (int64_t)limit);
	return read_tasks(db, st, out, why);
}

enum err
sqlite_task_claim(struct store_db *db, uint64_t id, int64_t until_ms, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_TASK_CLAIM);
	sqlite_bind_int(st, 1, (int64_t)id);
	sqlite_bind_int(st, 2, until_ms);
	return sqlite_run(db, st, why);
}

static void
read_next(sqlite3_stmt *st, void *out)
{
	int64_t *next = out;
	*next = sqlite3_column_type(st, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(st, 0);
}

enum err
sqlite_task_next(struct store_db *db, int64_t *next_ms, struct why *why)
{
	return sqlite_one(db, sqlite_statement(db, SQL_TASK_NEXT), read_next, next_ms, why);
}

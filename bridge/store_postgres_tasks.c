// SPDX-License-Identifier: Apache-2.0
// Tasks in PostgreSQL. A claim carries the number of the bridge that holds it.
#include "bridge/store_postgres.h"

static void
read_task(const PGresult *res, int row, struct task_row *t)
{
	char kind[64];
	*t = (struct task_row){0};
	t->id = (uint64_t)pg_int(res, row, 0);
	pg_str(res, row, 1, t->device, sizeof(t->device));
	t->generation = (uint32_t)pg_int(res, row, 2);
	pg_str(res, row, 3, kind, sizeof(kind));
	t->status = (enum task_status)pg_int(res, row, 4);
	// Nobody but us writes kinds; one that we do not know is left alone.
	if (task_kind_parse(&t->kind, kind) != ERR_OK)
		t->status = TASK_GIVEN_UP;
	t->revision = (uint32_t)pg_int(res, row, 5);
	t->attempts = (uint32_t)pg_int(res, row, 6);
	t->next_ms = pg_int(res, row, 7);
	t->give_up = pg_int(res, row, 8) != 0;
	pg_str(res, row, 9, t->payload, sizeof(t->payload));
	pg_str(res, row, 10, t->last_error, sizeof(t->last_error));
	t->wg_ip = (uint32_t)pg_int(res, row, 11);
	pg_str(res, row, 12, t->wg_public_key, sizeof(t->wg_public_key));
	pg_str(res, row, 13, t->device_type, sizeof(t->device_type));
}

static enum err
read_one(struct store_db *db, enum pg_sql sql, const struct pg_args *a, struct task_row *out,
	 struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	TRY(pg_query(db, sql, a, &res, why));
	if (PQntuples(res) == 0)
		return ERR_NOT_FOUND;
	read_task(res, 0, out);
	return ERR_OK;
}

enum err
pg_task_get(struct store_db *db, uint64_t id, struct task_row *out, struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, (int64_t)id);
	return read_one(db, PG_TASK_GET, &a, out, why);
}

enum err
pg_task_find(struct store_db *db, const char *device, uint32_t generation, enum task_kind kind,
	     struct task_row *out, struct why *why)
{
	struct pg_args a = {0};
	pg_add_str(&a, device);
	pg_add_int(&a, generation);
	pg_add_str(&a, task_kind_name(kind));
	return read_one(db, PG_TASK_FIND, &a, out, why);
}

enum err
pg_task_put(struct store_db *db, struct task_row *row, int64_t claimed_ms, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	struct pg_args a = {0};
	char last_error[TASK_ERROR_BYTES];
	pg_clean_text(last_error, sizeof(last_error), row->last_error);
	pg_add_str(&a, row->device);
	pg_add_int(&a, row->generation);
	pg_add_str(&a, task_kind_name(row->kind));
	pg_add_int(&a, row->status);
	pg_add_int(&a, row->revision);
	pg_add_int(&a, row->attempts);
	pg_add_int(&a, row->next_ms);
	pg_add_int(&a, row->give_up);
	pg_add_str(&a, row->payload);
	pg_add_str(&a, last_error);
	pg_add_int(&a, claimed_ms);
	pg_add_int(&a, claimed_ms ? db->replica : 0);
	if (row->id) {
		pg_add_int(&a, (int64_t)row->id);
		return pg_query(db, PG_TASK_UPDATE, &a, NULL, why);
	}
	TRY(pg_query(db, PG_TASK_INSERT, &a, &res, why));
	row->id = (uint64_t)pg_int(res, 0, 0);
	return ERR_OK;
}

enum err
pg_task_delete(struct store_db *db, uint64_t id, struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, (int64_t)id);
	return pg_query(db, PG_TASK_DELETE, &a, NULL, why);
}

static enum err
read_tasks(struct store_db *db, enum pg_sql sql, const struct pg_args *a,
	   struct store_rows_tasks *out, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	TRY(pg_query(db, sql, a, &res, why));
	for (int i = 0; i < PQntuples(res); i++) {
		struct task_row *t = store_rows_add_task(out);
		if (!t)
			return ERR_NOMEM;
		read_task(res, i, t);
	}
	return ERR_OK;
}

enum err
pg_tasks_of(struct store_db *db, const char *device, struct store_rows_tasks *out, struct why *why)
{
	struct pg_args a = {0};
	pg_add_str(&a, device);
	return read_tasks(db, PG_TASKS_OF, &a, out, why);
}

enum err
pg_tasks_due(struct store_db *db, int64_t now_ms, size_t limit, struct store_rows_tasks *out,
	     struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, now_ms);
	pg_add_int(&a, (int64_t)limit);
	return read_tasks(db, PG_TASKS_DUE, &a, out, why);
}

enum err
pg_task_claim(struct store_db *db, uint64_t id, int64_t until_ms, struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, (int64_t)id);
	pg_add_int(&a, until_ms);
	pg_add_int(&a, db->replica);
	return pg_query(db, PG_TASK_CLAIM, &a, NULL, why);
}

enum err
pg_task_next(struct store_db *db, int64_t *next_ms, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	struct pg_args a = {0};
	pg_add_int(&a, db->replica);
	TRY(pg_query(db, PG_TASK_NEXT, &a, &res, why));
	*next_ms = PQgetisnull(res, 0, 0) ? INT64_MAX : pg_int(res, 0, 0);
	return ERR_OK;
}

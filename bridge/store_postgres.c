// SPDX-License-Identifier: Apache-2.0
// The store on PostgreSQL, for several bridges at once. Their transactions that write take turns by
// an advisory lock: addresses come from one list, so they could not run side by side anyway, and
// what the store's logic reads stays true until its commit. Waiting in turn with a whole batch is
// cheaper than failing and repeating it. Unique indexes hold even against those who do not lock.
#include "bridge/store_postgres.h"

#include <inttypes.h>
#include <stdio.h>

// All that is ours lives in a schema of its own, in whatever database we are given.
#define LOCK_WRITER "SELECT pg_advisory_xact_lock(1886806642, 0)"
_Static_assert(PG_LOCK_WRITER == 1886806642, "LOCK_WRITER has the number in words");

// Entry i takes the schema from version i to i + 1. COLLATE "C": pages of devices are in the order
// of bytes, as with SQLite. Sequences never give a number twice: that of a cancelled task must not
// come back while somebody works on it.
static const char *const schema[] = {
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE SEQUENCE replica MAXVALUE 2147483647 CYCLE;"
	"CREATE TABLE device(id TEXT COLLATE \"C\" PRIMARY KEY, state TEXT NOT NULL,"
	" generation BIGINT NOT NULL, wg_ip BIGINT, wg_public_key TEXT NOT NULL,"
	" device_type TEXT NOT NULL, created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL,"
	" enrolled_ms BIGINT NOT NULL, provisioned_ms BIGINT NOT NULL,"
	" decommissioned_ms BIGINT NOT NULL);"
	"CREATE UNIQUE INDEX device_ip ON device(wg_ip) WHERE wg_ip IS NOT NULL;"
	"CREATE UNIQUE INDEX device_key ON device(wg_public_key) WHERE wg_public_key <> '';"
	"CREATE INDEX device_reserved ON device(updated_ms) WHERE state = 'reserved';"
	"CREATE TABLE certificate(serial TEXT PRIMARY KEY, device TEXT COLLATE \"C\" NOT NULL,"
	" generation BIGINT NOT NULL, issued_ms BIGINT NOT NULL, not_after_ms BIGINT NOT NULL,"
	" revoked BIGINT NOT NULL);"
	"CREATE INDEX certificate_device ON certificate(device);"
	"CREATE TABLE task(id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	" device TEXT COLLATE \"C\" NOT NULL, generation BIGINT NOT NULL, kind TEXT NOT NULL,"
	" status BIGINT NOT NULL, revision BIGINT NOT NULL, attempts BIGINT NOT NULL,"
	" next_ms BIGINT NOT NULL, give_up BIGINT NOT NULL, payload TEXT NOT NULL,"
	" last_error TEXT NOT NULL, claimed_ms BIGINT NOT NULL, claimed_by BIGINT NOT NULL,"
	" UNIQUE(device, generation, kind));"
	"CREATE INDEX task_due ON task(next_ms) WHERE status = 0;"
	"CREATE TABLE free_range(first BIGINT PRIMARY KEY, last BIGINT NOT NULL)",
};

// --- transactions ---

static enum err
begin(struct store_db *db, enum store_tx tx, struct why *why)
{
	// READ COMMITTED: with the lock held, each statement sees all that was committed before.
	static const char *const words[] = {
		[STORE_TX_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		[STORE_TX_RELAXED] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
				     "SET LOCAL synchronous_commit = off; " LOCK_WRITER,
		[STORE_TX_DURABLE] =
			"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; " LOCK_WRITER,
	};
	TRY(pg_ensure_connected(db, why));
	return pg_execute(db, words[tx], NULL, why);
}

static enum err
commit(struct store_db *db, struct why *why)
{
	return pg_execute(db, "COMMIT", NULL, why);
}

static void
rollback(struct store_db *db)
{
	bool transient = db->transient;
	if (db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE &&
	    pg_execute(db, "ROLLBACK", NULL, NULL) != ERR_OK)
		pg_disconnect(db);
	db->transient = transient;
}

static bool
is_transient(const struct store_db *db)
{
	return db->transient;
}

// --- meta and ranges ---

static enum err
meta_get(struct store_db *db, const char *key, char *out, size_t size, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	struct pg_args a = {0};
	pg_add_str(&a, key);
	out[0] = '\0';
	TRY(pg_query(db, PG_META_GET, &a, &res, why));
	if (PQntuples(res) > 0)
		pg_str(res, 0, 0, out, size);
	return ERR_OK;
}

static enum err
meta_put(struct store_db *db, const char *key, const char *value, struct why *why)
{
	struct pg_args a = {0};
	pg_add_str(&a, key);
	pg_add_str(&a, value);
	return pg_query(db, PG_META_PUT, &a, NULL, why);
}

static enum err
find_range(struct store_db *db, enum pg_sql sql, const struct pg_args *a, struct address_range *out,
	   bool *found, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	TRY(pg_query(db, sql, a, &res, why));
	*found = PQntuples(res) > 0;
	if (*found)
		*out = (struct address_range){(uint32_t)pg_int(res, 0, 0),
					      (uint32_t)pg_int(res, 0, 1)};
	return ERR_OK;
}

static enum err
range_lowest(struct store_db *db, struct address_range *out, bool *found, struct why *why)
{
	return find_range(db, PG_RANGE_LOWEST, NULL, out, found, why);
}

static enum err
range_at_or_below(struct store_db *db, uint32_t ip, struct address_range *out, bool *found,
		  struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, ip);
	return find_range(db, PG_RANGE_BELOW, &a, out, found, why);
}

static enum err
range_put(struct store_db *db, const struct address_range *r, struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, r->first);
	pg_add_int(&a, r->last);
	return pg_query(db, PG_RANGE_PUT, &a, NULL, why);
}

static enum err
range_delete(struct store_db *db, uint32_t first, struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, first);
	return pg_query(db, PG_RANGE_DELETE, &a, NULL, why);
}

static enum err
range_clear(struct store_db *db, struct why *why)
{
	return pg_query(db, PG_RANGE_CLEAR, NULL, NULL, why);
}

// --- peers, on a connection of their own ---

// Row by row: the whole answer may be large.
static enum err
scan_rows(const struct store_db *db, PGconn *conn, store_peer_fn *row, void *ctx, struct why *why)
{
	static const char text[] = "SELECT id, wg_ip FROM iot_bridge.device "
				   "WHERE wg_ip IS NOT NULL AND state <> 'reserved' ORDER BY id";
	enum err err = PQsendQuery(conn, text) && PQsetSingleRowMode(conn) ? ERR_OK : ERR_IO;
	while (err == ERR_OK) {
		if (!pg_wait(conn))
			return why_set(why, ERR_IO, "database %s: it has stopped answering",
				       db->name);
		AUTO(PQclear) PGresult *res = PQgetResult(conn);
		ExecStatusType status = res ? PQresultStatus(res) : PGRES_TUPLES_OK;
		if (status == PGRES_SINGLE_TUPLE)
			err = row(PQgetvalue(res, 0, 0), (uint32_t)pg_int(res, 0, 1), ctx);
		else if (status != PGRES_TUPLES_OK)
			err = ERR_IO;
		else if (!res)
			return ERR_OK;
	}
	const char *message = PQerrorMessage(conn);
	if (err == ERR_IO && message[0])
		why_set(why, ERR_IO, "database %s: %.*s", db->name, (int)strcspn(message, "\n"),
			message);
	return err;
}

static enum err
scan_peers(struct store_db *db, store_peer_fn *row, void *ctx, struct why *why)
{
	PGconn *conn = pg_connect_alone(db, why);
	if (!conn)
		return ERR_IO;
	enum err err = scan_rows(db, conn, row, ctx, why);
	PQfinish(conn);
	return err;
}

// --- open ---

static enum err
read_version(struct store_db *db, int64_t *version, struct why *why)
{
	static const char made[] =
		"SELECT count(*) FILTER (WHERE relname = 'meta'), count(*) FROM pg_class "
		"WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'iot_bridge')";
	AUTO(PQclear) PGresult *tables = NULL;
	AUTO(PQclear) PGresult *res = NULL;
	*version = 0;
	TRY(pg_execute(db, made, &tables, why));
	if (pg_int(tables, 0, 1) == 0)
		return ERR_OK;
	if (pg_int(tables, 0, 0) > 0)
		TRY(pg_execute(db, "SELECT value FROM meta WHERE key = 'schema'", &res, why));
	if (!res || PQntuples(res) == 0)
		return why_set(
			why, ERR_IO,
			"database %s: its schema iot_bridge belongs to another program; name "
			"another database in BRIDGE_DB",
			db->name);
	*version = pg_int(res, 0, 0);
	return ERR_OK;
}

static enum err
upgrade_locked(struct store_db *db, struct why *why)
{
	AUTO(PQclear) PGresult *exists = NULL;
	int64_t version;
	TRY(pg_execute(db, "SELECT 1 FROM pg_namespace WHERE nspname = 'iot_bridge'", &exists,
		       why));
	if (PQntuples(exists) == 0)
		TRY(pg_execute(db, "CREATE SCHEMA iot_bridge", NULL, why));
	TRY(read_version(db, &version, why));
	if (version < 0 || version > (int64_t)N_ELEMENTS(schema))
		return why_set(why, ERR_IO,
			       "database %s has schema %" PRId64
			       " and this bridge knows up to %zu: it was written by a newer one",
			       db->name, version, N_ELEMENTS(schema));
	if (version == (int64_t)N_ELEMENTS(schema))
		return ERR_OK;
	for (size_t v = (size_t)version; v < N_ELEMENTS(schema); v++)
		TRY(pg_execute(db, schema[v], NULL, why));
	char mark[128];
	snprintf(mark, sizeof(mark),
		 "INSERT INTO meta(key, value) VALUES('schema', '%zu') "
		 "ON CONFLICT(key) DO UPDATE SET value = excluded.value",
		 N_ELEMENTS(schema));
	return pg_execute(db, mark, NULL, why);
}

// Bridges that start together make the tables once.
static enum err
upgrade(struct store_db *db, struct why *why)
{
	TRY(pg_execute(db, "BEGIN ISOLATION LEVEL READ COMMITTED; " LOCK_WRITER, NULL, why));
	enum err err = upgrade_locked(db, why);
	if (err == ERR_OK)
		err = commit(db, why);
	if (err != ERR_OK)
		rollback(db);
	return err;
}

// Work that a bridge claimed whose session is gone: nobody is at it.
static enum err
release_claims_of_the_dead(struct store_db *db, struct why *why)
{
	char sql[512];
	snprintf(sql, sizeof(sql),
		 "UPDATE task SET claimed_ms = 0, claimed_by = 0 WHERE claimed_ms <> 0 AND "
		 "claimed_by NOT IN (SELECT objid::bigint FROM pg_locks WHERE "
		 "locktype = 'advisory' AND classid = %d AND objsubid = 2 AND database = "
		 "(SELECT oid FROM pg_database WHERE datname = current_database()))",
		 PG_LOCK_REPLICA);
	return pg_execute(db, sql, NULL, why);
}

static void
release_own_claims(struct store_db *db)
{
	char sql[128];
	snprintf(sql, sizeof(sql),
		 "UPDATE task SET claimed_ms = 0, claimed_by = 0 WHERE claimed_by = %" PRId64,
		 db->replica);
	// When it fails, the claims end by themselves.
	enum err ignored = pg_execute(db, sql, NULL, NULL);
	(void)ignored;
}

static void
close_db(struct store_db *db)
{
	if (db->conn && db->replica)
		release_own_claims(db);
	pg_disconnect(db);
	store_database_free(db->url);
	free(db);
}
AUTO_DEFINE(struct store_db *, close_db)

static enum err
open_db(struct store_db **out, const struct store_options *o, struct why *why)
{
	AUTO(close_db) struct store_db *db = calloc(1, sizeof(*db));
	if (!db)
		return ERR_NOMEM;
	store_database_name(o->database, db->name);
	db->url = strdup(o->database);
	if (!db->url)
		return ERR_NOMEM;
	TRY(pg_connect(db, why));
	TRY(upgrade(db, why));
	TRY(pg_prepare_all(db, why));
	TRY(release_claims_of_the_dead(db, why));
	*out = STEAL(db);
	return ERR_OK;
}

const struct store_backend store_postgres = {
	.shared = true,
	.open = open_db,
	.close = close_db,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.is_transient = is_transient,
	.meta_get = meta_get,
	.meta_put = meta_put,
	.device_get = pg_device_get,
	.device_put = pg_device_put,
	.device_delete = pg_device_delete,
	.device_of_key = pg_device_of_key,
	.devices_after = pg_devices_after,
	.devices_stale = pg_devices_stale,
	.range_lowest = range_lowest,
	.range_at_or_below = range_at_or_below,
	.range_put = range_put,
	.range_delete = range_delete,
	.range_clear = range_clear,
	.certificate_put = pg_certificate_put,
	.certificates_of = pg_certificates_of,
	.certificate_revoked = pg_certificate_revoked,
	.certificates_prune = pg_certificates_prune,
	.task_get = pg_task_get,
	.task_find = pg_task_find,
	.task_put = pg_task_put,
	.task_delete = pg_task_delete,
	.tasks_of = pg_tasks_of,
	.tasks_due = pg_tasks_due,
	.task_claim = pg_task_claim,
	.task_next = pg_task_next,
	.scan_peers = scan_peers,
};

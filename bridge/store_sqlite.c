// SPDX-License-Identifier: Apache-2.0
// The store on SQLite: WAL, one writer. A durable commit (synchronous=FULL) is on the disk when it
// returns, with all that was committed before it.
// A lock file keeps a second bridge out: tasks must not be run twice.
#include "bridge/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

enum {
	APPLICATION_ID = 0x70766272, // "pvbr" in the file's header
	BUSY_MS = 5000,
};

// Entry i takes the schema from version i to i + 1.
static const char *const schema[] = {
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE device(id TEXT PRIMARY KEY, state TEXT NOT NULL, generation INTEGER NOT NULL,"
	" wg_ip INTEGER, wg_public_key TEXT NOT NULL, device_type TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, enrolled_ms INTEGER NOT NULL,"
	" provisioned_ms INTEGER NOT NULL, decommissioned_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE UNIQUE INDEX device_ip ON device(wg_ip) WHERE wg_ip IS NOT NULL;"
	"CREATE UNIQUE INDEX device_key ON device(wg_public_key) WHERE wg_public_key <> '';"
	"CREATE INDEX device_reserved ON device(updated_ms) WHERE state = 'reserved';"
	"CREATE TABLE certificate(serial TEXT PRIMARY KEY, device TEXT NOT NULL,"
	" generation INTEGER NOT NULL, issued_ms INTEGER NOT NULL, not_after_ms INTEGER NOT NULL,"
	" revoked INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX certificate_device ON certificate(device);"
	// AUTOINCREMENT: the number of a cancelled task must never come back while somebody works
	// on it.
	"CREATE TABLE task(id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL,"
	" generation INTEGER NOT NULL, kind TEXT NOT NULL, status INTEGER NOT NULL,"
	" revision INTEGER NOT NULL, attempts INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
	" give_up INTEGER NOT NULL, payload TEXT NOT NULL, last_error TEXT NOT NULL,"
	" claimed_ms INTEGER NOT NULL, UNIQUE(device, generation, kind));"
	"CREATE INDEX task_due ON task(next_ms) WHERE status = 0;"
	"CREATE TABLE free_range(first INTEGER PRIMARY KEY, last INTEGER NOT NULL);",
};

static const char *const sql_texts[SQL_COUNT] = {
#define X(id, text) [SQL_##id] = text,
	SQL_TABLE(X)
#undef X
};

// --- statements ---

enum err
sqlite_fail(struct store_db *db, struct why *why)
{
	int code = sqlite3_errcode(db->db);
	const char *hint = "";
	if (code == SQLITE_FULL)
		hint = "; free disk space";
	else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		hint = "; another program holds the database";
	else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		hint = "; restore it from a backup or name another file in BRIDGE_DB";
	else if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)
		hint = "; the folder must exist and be writable";
	return why_set(why, code == SQLITE_NOMEM ? ERR_NOMEM : ERR_IO, "database %s: %s%s",
		       db->path, sqlite3_errmsg(db->db), hint);
}

sqlite3_stmt *
sqlite_statement(struct store_db *db, enum sql sql)
{
	sqlite3_reset(db->statements[sql]);
	return db->statements[sql];
}

void
sqlite_bind_str(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
}

void
sqlite_bind_int(sqlite3_stmt *st, int i, int64_t value)
{
	sqlite3_bind_int64(st, i, value);
}

enum err
sqlite_step(struct store_db *db, sqlite3_stmt *st, bool *row, struct why *why)
{
	int rc = sqlite3_step(st);
	*row = rc == SQLITE_ROW;
	if (*row)
		return ERR_OK;
	enum err err = rc == SQLITE_DONE ? ERR_OK : sqlite_fail(db, why);
	sqlite3_reset(st);
	return err;
}

enum err
sqlite_run(struct store_db *db, sqlite3_stmt *st, struct why *why)
{
	bool row;
	TRY(sqlite_step(db, st, &row, why));
	sqlite3_reset(st);
	return ERR_OK;
}

enum err
sqlite_one(struct store_db *db, sqlite3_stmt *st, void (*read)(sqlite3_stmt *st, void *out),
	   void *out, struct why *why)
{
	bool row;
	TRY(sqlite_step(db, st, &row, why));
	if (!row)
		return ERR_NOT_FOUND;
	read(st, out);
	sqlite3_reset(st);
	return ERR_OK;
}

void
sqlite_column_str(sqlite3_stmt *st, int i, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(st, i);
	snprintf(out, size, "%s", text ? (const char *)text : "");
}

// --- transactions ---

static enum err
begin(struct store_db *db, enum store_tx tx, struct why *why)
{
	bool durable = tx == STORE_TX_DURABLE;
	if (db->relaxed == durable) { // not to be changed inside a transaction
		enum sql sync = durable ? SQL_SYNC_FULL : SQL_SYNC_NORMAL;
		TRY(sqlite_run(db, sqlite_statement(db, sync), why));
		db->relaxed = !durable;
	}
	return sqlite_run(db, sqlite_statement(db, SQL_BEGIN), why);
}

static enum err
commit(struct store_db *db, struct why *why)
{
	return sqlite_run(db, sqlite_statement(db, SQL_COMMIT), why);
}

static void
rollback(struct store_db *db)
{
	// SQLite has rolled back by itself after some errors (disk full, out of memory).
	if (!sqlite3_get_autocommit(db->db)) {
		enum err ignored = sqlite_run(db, sqlite_statement(db, SQL_ROLLBACK), NULL);
		(void)ignored;
	}
}

// The lock file keeps others out, and SQLite has waited by itself where waiting helps.
static bool
is_transient(const struct store_db *db)
{
	(void)db;
	return false;
}

// --- meta and ranges ---

struct text_out {
	char *text;
	size_t size;
};

static void
read_text(sqlite3_stmt *st, void *out)
{
	const struct text_out *t = out;
	sqlite_column_str(st, 0, t->text, t->size);
}

static enum err
meta_get(struct store_db *db, const char *key, char *out, size_t size, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_META_GET);
	sqlite_bind_str(st, 1, key);
	out[0] = '\0';
	enum err err = sqlite_one(db, st, read_text, &(struct text_out){out, size}, why);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err
meta_put(struct store_db *db, const char *key, const char *value, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_META_PUT);
	sqlite_bind_str(st, 1, key);
	sqlite_bind_str(st, 2, value);
	return sqlite_run(db, st, why);
}

static void
read_range(sqlite3_stmt *st, void *out)
{
	struct address_range *r = out;
	r->first = (uint32_t)sqlite3_column_int64(st, 0);
	r->last = (uint32_t)sqlite3_column_int64(st, 1);
}

static enum err
find_range(struct store_db *db, sqlite3_stmt *st, struct address_range *out, bool *found,
	   struct why *why)
{
	enum err err = sqlite_one(db, st, read_range, out, why);
	*found = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err
range_lowest(struct store_db *db, struct address_range *out, bool *found, struct why *why)
{
	return find_range(db, sqlite_statement(db, SQL_RANGE_LOWEST), out, found, why);
}

static enum err
range_at_or_below(struct store_db *db, uint32_t ip, struct address_range *out, bool *found,
		  struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_RANGE_BELOW);
	sqlite_bind_int(st, 1, ip);
	return find_range(db, st, out, found, why);
}

static enum err
range_put(struct store_db *db, const struct address_range *r, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_RANGE_PUT);
	sqlite_bind_int(st, 1, r->first);
	sqlite_bind_int(st, 2, r->last);
	return sqlite_run(db, st, why);
}

static enum err
range_delete(struct store_db *db, uint32_t first, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_RANGE_DELETE);
	sqlite_bind_int(st, 1, first);
	return sqlite_run(db, st, why);
}

static enum err
range_clear(struct store_db *db, struct why *why)
{
	return sqlite_run(db, sqlite_statement(db, SQL_RANGE_CLEAR), why);
}

// --- peers, on a connection of their own ---

static enum err
scan_rows(struct store_db *own, store_peer_fn *row, void *ctx, struct why *why)
{
	static const char text[] = "SELECT id, wg_ip FROM device WHERE wg_ip IS NOT NULL "
				   "AND state <> 'reserved' ORDER BY id";
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v2(own->db, text, -1, &st, NULL) != SQLITE_OK)
		return sqlite_fail(own, why);
	enum err err = ERR_OK;
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && err == ERR_OK) {
		char id[DEVICE_ID_MAX + 1];
		sqlite_column_str(st, 0, id, sizeof(id));
		err = row(id, (uint32_t)sqlite3_column_int64(st, 1), ctx);
	}
	if (err == ERR_OK && rc != SQLITE_DONE)
		err = sqlite_fail(own, why);
	sqlite3_finalize(st);
	return err;
}

static enum err
scan_peers(struct store_db *db, store_peer_fn *row, void *ctx, struct why *why)
{
	struct store_db own = {.path = db->path, .lock_fd = -1};
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	enum err err;
	if (sqlite3_open_v2(db->path, &own.db, flags, NULL) != SQLITE_OK) {
		err = own.db ? sqlite_fail(&own, why) : ERR_NOMEM;
	} else {
		sqlite3_busy_timeout(own.db, BUSY_MS);
		err = scan_rows(&own, row, ctx, why);
	}
	sqlite3_close(own.db);
	return err;
}

// --- open ---

static void
close_db(struct store_db *db)
{
	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->db);
	fd_close(&db->lock_fd);
	free(db->path);
	free(db);
}
AUTO_DEFINE(struct store_db *, close_db)

static enum err
take_lock(struct store_db *db, struct why *why)
{
	char path[4096];
	if (snprintf(path, sizeof(path), "%s.lock", db->path) >= (int)sizeof(path))
		return why_set(why, ERR_INPUT, "database %s: the path is too long", db->path);
	db->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (db->lock_fd < 0)
		return why_set(why, ERR_IO,
			       "%s: %s; the folder of BRIDGE_DB must exist and be writable", path,
			       strerror(errno));
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(db->lock_fd, F_OFD_SETLK, &whole) < 0)
		return why_set(
			why, ERR_IO,
			"database %s is in use by another bridge; give each its own BRIDGE_DB",
			db->path);
	return ERR_OK;
}

static enum err
execute(struct store_db *db, const char *sql, struct why *why)
{
	return sqlite3_exec(db->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK
									: sqlite_fail(db, why);
}

static enum err
read_number(struct store_db *db, const char *sql, int64_t *out, struct why *why)
{
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v2(db->db, sql, -1, &st, NULL) != SQLITE_OK)
		return sqlite_fail(db, why);
	enum err err = sqlite3_step(st) == SQLITE_ROW ? ERR_OK : sqlite_fail(db, why);
	if (err == ERR_OK)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return err;
}

static enum err
upgrade_once(struct store_db *db, size_t version, struct why *why)
{
	char mark[128];
	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %zu",
		 APPLICATION_ID, version + 1);
	TRY(execute(db, "BEGIN IMMEDIATE", why));
	enum err err = execute(db, schema[version], why);
	if (err == ERR_OK)
		err = execute(db, mark, why);
	if (err == ERR_OK)
		err = execute(db, "COMMIT", why);
	if (err != ERR_OK && !sqlite3_get_autocommit(db->db))
		sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

static enum err
upgrade(struct store_db *db, struct why *why)
{
	int64_t application, version, tables;
	TRY(read_number(db, "PRAGMA application_id", &application, why));
	TRY(read_number(db, "PRAGMA user_version", &version, why));
	TRY(read_number(db, "SELECT count(*) FROM sqlite_master", &tables, why));
	if (tables > 0 && application != APPLICATION_ID)
		return why_set(
			why, ERR_IO,
			"database %s belongs to another program; name another file in BRIDGE_DB",
			db->path);
	if (version < 0 || version > (int64_t)N_ELEMENTS(schema))
		return why_set(
			why, ERR_IO,
			"database %s has schema %lld and this bridge knows up to %zu: it was "
			"written by a newer one",
			db->path, (long long)version, N_ELEMENTS(schema));
	for (size_t v = (size_t)version; v < N_ELEMENTS(schema); v++)
		TRY(upgrade_once(db, v, why));
	return ERR_OK;
}

static enum err
prepare_all(struct store_db *db, struct why *why)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		if (sqlite3_prepare_v3(db->db, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &db->statements[i], NULL) != SQLITE_OK)
			return sqlite_fail(db, why);
	}
	return ERR_OK;
}

static enum err
open_db(struct store_db **out, const struct store_options *o, struct why *why)
{
	AUTO(close_db) struct store_db *db = calloc(1, sizeof(*db));
	if (!db)
		return ERR_NOMEM;
	db->lock_fd = -1;
	db->path = strdup(o->database);
	if (!db->path)
		return ERR_NOMEM;
	TRY(take_lock(db, why));
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(db->path, &db->db, flags, NULL) != SQLITE_OK)
		return db->db ? sqlite_fail(db, why) : ERR_NOMEM;
	sqlite3_extended_result_codes(db->db, 0);
	sqlite3_busy_timeout(db->db, BUSY_MS);
	TRY(execute(db,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		    "PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY",
		    why));
	TRY(upgrade(db, why));
	// The lock is ours, so whoever claimed tasks before is gone.
	TRY(execute(db, "UPDATE task SET claimed_ms = 0 WHERE claimed_ms <> 0", why));
	TRY(prepare_all(db, why));
	*out = STEAL(db);
	return ERR_OK;
}

const struct store_backend store_sqlite = {
	.open = open_db,
	.close = close_db,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.is_transient = is_transient,
	.meta_get = meta_get,
	.meta_put = meta_put,
	.device_get = sqlite_device_get,
	.device_put = sqlite_device_put,
	.device_delete = sqlite_device_delete,
	.device_of_key = sqlite_device_of_key,
	.devices_after = sqlite_devices_after,
	.devices_stale = sqlite_devices_stale,
	.range_lowest = range_lowest,
	.range_at_or_below = range_at_or_below,
	.range_put = range_put,
	.range_delete = range_delete,
	.range_clear = range_clear,
	.certificate_put = sqlite_certificate_put,
	.certificates_of = sqlite_certificates_of,
	.certificate_revoked = sqlite_certificate_revoked,
	.certificates_prune = sqlite_certificates_prune,
	.task_get = sqlite_task_get,
	.task_find = sqlite_task_find,
	.task_put = sqlite_task_put,
	.task_delete = sqlite_task_delete,
	.tasks_of = sqlite_tasks_of,
	.tasks_due = sqlite_tasks_due,
	.task_claim = sqlite_task_claim,
	.task_next = sqlite_task_next,
	.scan_peers = scan_peers,
};

// SPDX-License-Identifier: Apache-2.0
// What the files of the SQLite backend share.
#pragma once

#include <sqlite3.h>

#include "bridge/store_backend.h"

// Every statement, prepared once at open.
#define SQL_TABLE(X)                                                                               \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(SYNC_FULL, "PRAGMA synchronous = FULL")                                                  \
	X(SYNC_NORMAL, "PRAGMA synchronous = NORMAL")                                              \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(META_GET, "SELECT value FROM meta WHERE key = ?1")                                       \
	X(META_PUT, "INSERT INTO meta(key, value) VALUES(?1, ?2) "                                 \
		    "ON CONFLICT(key) DO UPDATE SET value = excluded.value")                       \
	X(DEVICE_GET, "SELECT " DEVICE_COLUMNS " FROM device WHERE id = ?1")                       \
	X(DEVICE_PUT, "INSERT INTO device(" DEVICE_COLUMNS ") "                                    \
		      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "                      \
		      "ON CONFLICT(id) DO UPDATE SET state = ?2, generation = ?3, wg_ip = ?4, "    \
		      "wg_public_key = ?5, device_type = ?6, created_ms = ?7, updated_ms = ?8, "   \
		      "enrolled_ms = ?9, provisioned_ms = ?10, decommissioned_ms = ?11")           \
	X(DEVICE_DELETE, "DELETE FROM device WHERE id = ?1")                                       \
	X(DEVICE_OF_KEY, "SELECT id FROM device WHERE wg_public_key = ?1 AND wg_public_key <> ''") \
	X(DEVICES_AFTER, "SELECT " DEVICE_COLUMNS " FROM device WHERE id > ?1 "                    \
			 "AND (?2 = '' OR instr(?2, ',' || state || ',')) ORDER BY id LIMIT ?3")   \
	X(DEVICES_STALE, "SELECT " DEVICE_COLUMNS " FROM device "                                  \
			 "WHERE state = 'reserved' AND updated_ms < ?1 AND NOT EXISTS ("           \
			 "SELECT 1 FROM task WHERE device = device.id AND status = 0) LIMIT ?2")   \
	X(RANGE_LOWEST, "SELECT first, last FROM free_range ORDER BY first LIMIT 1")               \
	X(RANGE_BELOW, "SELECT first, last FROM free_range WHERE first <= ?1 "                     \
		       "ORDER BY first DESC LIMIT 1")                                              \
	X(RANGE_PUT, "INSERT INTO free_range(first, last) VALUES(?1, ?2)")                         \
	X(RANGE_DELETE, "DELETE FROM free_range WHERE first = ?1")                                 \
	X(RANGE_CLEAR, "DELETE FROM free_range")                                                   \
	X(CERT_PUT, "INSERT OR REPLACE INTO certificate(serial, device, generation, issued_ms, "   \
		    "not_after_ms, revoked) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")                       \
	X(CERTS_OF, "SELECT serial, generation, issued_ms, not_after_ms, revoked "                 \
		    "FROM certificate WHERE device = ?1 ORDER BY issued_ms, serial")               \
	X(CERT_REVOKED, "UPDATE certificate SET revoked = 1 WHERE serial = ?1")                    \
	X(CERTS_PRUNE, "DELETE FROM certificate WHERE device = ?1 AND not_after_ms < ?2")          \
	X(TASK_GET, TASK_SELECT "WHERE t.id = ?1")                                                 \
	X(TASK_FIND, TASK_SELECT "WHERE t.device = ?1 AND t.generation = ?2 AND t.kind = ?3")      \
	X(TASK_INSERT, "INSERT INTO task(device, generation, kind, status, revision, attempts, "   \
		       "next_ms, give_up, payload, last_error, claimed_ms) "                       \
		       "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")                     \
	X(TASK_UPDATE, "UPDATE task SET device = ?1, generation = ?2, kind = ?3, status = ?4, "    \
		       "revision = ?5, attempts = ?6, next_ms = ?7, give_up = ?8, payload = ?9, "  \
		       "last_error = ?10, claimed_ms = ?11 WHERE id = ?12")                        \
	X(TASK_DELETE, "DELETE FROM task WHERE id = ?1")                                           \
	X(TASKS_OF, TASK_SELECT "WHERE t.device = ?1 ORDER BY t.id")                               \
	X(TASKS_DUE, TASK_SELECT "WHERE t.status = 0 AND t.next_ms <= ?1 AND t.claimed_ms <= ?1 "  \
				 "ORDER BY t.next_ms, t.id LIMIT ?2")                              \
	X(TASK_CLAIM, "UPDATE task SET claimed_ms = ?2 WHERE id = ?1")                             \
	X(TASK_NEXT, "SELECT min(next_ms) FROM task WHERE status = 0 AND claimed_ms = 0")

enum sql {
#define X(id, text) SQL_##id,
	SQL_TABLE(X)
#undef X
		SQL_COUNT
};

struct store_db {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_COUNT];
	char *path;
	int lock_fd;
	bool relaxed; // synchronous is NORMAL
};

// The statement, ready to be bound.
sqlite3_stmt *sqlite_statement(struct store_db *db, enum sql sql);
// Binds text or a number to parameter i. Texts must live until the statement was run.
void sqlite_bind_str(sqlite3_stmt *st, int i, const char *text);
void sqlite_bind_int(sqlite3_stmt *st, int i, int64_t value);
// One step; *row tells whether there is a row to read. After the last row the statement is reset.
enum err ERR_MUST_CHECK sqlite_step(struct store_db *db, sqlite3_stmt *st, bool *row,
				    struct why *why);
// For a statement that yields no row.
enum err ERR_MUST_CHECK sqlite_run(struct store_db *db, sqlite3_stmt *st, struct why *why);
// For one that yields at most one: read reads it. ERR_NOT_FOUND without a row.
enum err ERR_MUST_CHECK sqlite_one(struct store_db *db, sqlite3_stmt *st,
				   void (*read)(sqlite3_stmt *st, void *out), void *out,
				   struct why *why);
// Copies a text column, cut to size.
void sqlite_column_str(sqlite3_stmt *st, int i, char *out, size_t size);
// The last error of db in words, as ERR_IO or ERR_NOMEM.
enum err sqlite_fail(struct store_db *db, struct why *why);

// Rows (store_sqlite_rows.c).
enum err sqlite_device_get(struct store_db *db, const char *id, struct device_row *out,
			   struct why *why);
enum err sqlite_device_put(struct store_db *db, const struct device_row *row, struct why *why);
enum err sqlite_device_delete(struct store_db *db, const char *id, struct why *why);
enum err sqlite_device_of_key(struct store_db *db, const char *key,
			      char out[static DEVICE_ID_MAX + 1], struct why *why);
enum err sqlite_devices_after(struct store_db *db, const struct store_list *l,
			      struct store_rows_devices *out, struct why *why);
enum err sqlite_devices_stale(struct store_db *db, int64_t before_ms, size_t limit,
			      struct store_rows_devices *out, struct why *why);
enum err sqlite_certificate_put(struct store_db *db, const char *device,
				const struct certificate_row *row, struct why *why);
enum err sqlite_certificates_of(struct store_db *db, const char *device,
				struct store_rows_certificates *out, struct why *why);
enum err sqlite_certificate_revoked(struct store_db *db, const char *serial, struct why *why);
enum err sqlite_certificates_prune(struct store_db *db, const char *device, int64_t before_ms,
				   struct why *why);
// Tasks (store_sqlite_tasks.c).
enum err sqlite_task_get(struct store_db *db, uint64_t id, struct task_row *out, struct why *why);
enum err sqlite_task_find(struct store_db *db, const char *device, uint32_t generation,
			  enum task_kind kind, struct task_row *out, struct why *why);
enum err sqlite_task_put(struct store_db *db, struct task_row *row, int64_t claimed_ms,
			 struct why *why);
enum err sqlite_task_delete(struct store_db *db, uint64_t id, struct why *why);
enum err sqlite_tasks_of(struct store_db *db, const char *device, struct store_rows_tasks *out,
			 struct why *why);
enum err sqlite_tasks_due(struct store_db *db, int64_t now_ms, size_t limit,
			  struct store_rows_tasks *out, struct why *why);
enum err sqlite_task_claim(struct store_db *db, uint64_t id, int64_t until_ms, struct why *why);
enum err sqlite_task_next(struct store_db *db, int64_t *next_ms, struct why *why);

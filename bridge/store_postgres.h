// SPDX-License-Identifier: Apache-2.0
// What the files of the PostgreSQL backend share.
#pragma once

#include <libpq-fe.h>

#include "bridge/store_backend.h"

// Every statement, prepared once for each connection.
#define PG_TABLE(X)                                                                                \
	X(META_GET, "SELECT value FROM meta WHERE key = $1")                                       \
	X(META_PUT, "INSERT INTO meta(key, value) VALUES($1, $2) "                                 \
		    "ON CONFLICT(key) DO UPDATE SET value = excluded.value")                       \
	X(DEVICE_GET, "SELECT " DEVICE_COLUMNS " FROM device WHERE id = $1")                       \
	X(DEVICE_PUT, "INSERT INTO device(" DEVICE_COLUMNS ") "                                    \
		      "VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "                      \
		      "ON CONFLICT(id) DO UPDATE SET state = $2, generation = $3, wg_ip = $4, "    \
		      "wg_public_key = $5, device_type = $6, created_ms = $7, updated_ms = $8, "   \
		      "enrolled_ms = $9, provisioned_ms = $10, decommissioned_ms = $11")           \
	X(DEVICE_DELETE, "DELETE FROM device WHERE id = $1")                                       \
	X(DEVICE_OF_KEY, "SELECT id FROM device WHERE wg_public_key = $1 AND wg_public_key <> ''") \
	X(DEVICES_AFTER, "SELECT " DEVICE_COLUMNS " FROM device WHERE id > $1 "                    \
			 "AND ($2 = '' OR strpos($2, ',' || state || ',') > 0) "                   \
			 "ORDER BY id LIMIT $3")                                                   \
	X(DEVICES_STALE, "SELECT " DEVICE_COLUMNS " FROM device "                                  \
			 "WHERE state = 'reserved' AND updated_ms < $1 AND NOT EXISTS ("           \
			 "SELECT 1 FROM task WHERE device = device.id AND status = 0) LIMIT $2")   \
	X(RANGE_LOWEST, "SELECT first, last FROM free_range ORDER BY first LIMIT 1")               \
	X(RANGE_BELOW, "SELECT first, last FROM free_range WHERE first <= $1 "                     \
		       "ORDER BY first DESC LIMIT 1")                                              \
	X(RANGE_PUT, "INSERT INTO free_range(first, last) VALUES($1, $2)")                         \
	X(RANGE_DELETE, "DELETE FROM free_range WHERE first = $1")                                 \
	X(RANGE_CLEAR, "DELETE FROM free_range")                                                   \
	X(CERT_PUT, "INSERT INTO certificate(serial, device, generation, issued_ms, "              \
		    "not_after_ms, revoked) VALUES($1, $2, $3, $4, $5, $6) "                       \
		    "ON CONFLICT(serial) DO UPDATE SET device = $2, generation = $3, "             \
		    "issued_ms = $4, not_after_ms = $5, revoked = $6")                             \
	X(CERTS_OF, "SELECT serial, generation, issued_ms, not_after_ms, revoked "                 \
		    "FROM certificate WHERE device = $1 ORDER BY issued_ms, serial")               \
	X(CERT_REVOKED, "UPDATE certificate SET revoked = 1 WHERE serial = $1")                    \
	X(CERTS_PRUNE, "DELETE FROM certificate WHERE device = $1 AND not_after_ms < $2")          \
	X(TASK_GET, TASK_SELECT "WHERE t.id = $1")                                                 \
	X(TASK_FIND, TASK_SELECT "WHERE t.device = $1 AND t.generation = $2 AND t.kind = $3")      \
	X(TASK_INSERT, "INSERT INTO task(device, generation, kind, status, revision, attempts, "   \
		       "next_ms, give_up, payload, last_error, claimed_ms, claimed_by) "           \
		       "VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id")   \
	X(TASK_UPDATE, "UPDATE task SET device = $1, generation = $2, kind = $3, status = $4, "    \
		       "revision = $5, attempts = $6, next_ms = $7, give_up = $8, payload = $9, "  \
		       "last_error = $10, claimed_ms = $11, claimed_by = $12 WHERE id = $13")      \
	X(TASK_DELETE, "DELETE FROM task WHERE id = $1")                                           \
	X(TASKS_OF, TASK_SELECT "WHERE t.device = $1 ORDER BY t.id")                               \
	X(TASKS_DUE, TASK_SELECT "WHERE t.status = 0 AND t.next_ms <= $1 AND t.claimed_ms <= $1 "  \
				 "ORDER BY t.next_ms, t.id LIMIT $2 "                              \
				 "FOR UPDATE OF t SKIP LOCKED")                                    \
	X(TASK_CLAIM, "UPDATE task SET claimed_ms = $2, claimed_by = $3 WHERE id = $1")            \
	X(TASK_NEXT, "SELECT min(greatest(next_ms, claimed_ms)) FROM task "                        \
		     "WHERE status = 0 AND (claimed_ms = 0 OR claimed_by <> $1)")

enum pg_sql {
#define X(id, text) PG_##id,
	PG_TABLE(X)
#undef X
		PG_COUNT
};

// Advisory locks, in the database of the bridge: their first key.
enum {
	PG_LOCK_WRITER = 0x70766272,  // whoever writes
	PG_LOCK_REPLICA = 0x70766273, // the second key is the number of a bridge that lives
};

struct store_db {
	PGconn *conn; // NULL: there is none
	char *url;    // may hold a password
	char name[STORE_NAME_BYTES];
	int64_t replica; // this bridge's number, in its claims
	bool transient;	 // see is_transient
	// While there is no connection.
	uint64_t retry_ns; // monotonic: not before then
	unsigned pause_ms; // the last pause; 0 = the last attempt succeeded
	char last_error[sizeof(((struct why *)NULL)->text)];
};

// Parameters of a statement, in their order.
enum { PG_ARGS_MAX = 13, PG_NUMBER_BYTES = 24 };
struct pg_args {
	const char *values[PG_ARGS_MAX];
	char numbers[PG_ARGS_MAX][PG_NUMBER_BYTES];
	int n;
};
// Texts must live until the statement was run.
void pg_add_str(struct pg_args *a, const char *text);
void pg_add_int(struct pg_args *a, int64_t value);
void pg_add_null(struct pg_args *a);

AUTO_DEFINE(PGresult *, PQclear)

// --- the connection (store_postgres_conn.c) ---
// Connects when there is no connection and the pause after the last failure is over.
enum err ERR_MUST_CHECK pg_ensure_connected(struct store_db *db, struct why *why);
// Connects, without the statements: for the start, when the tables may not be there yet.
enum err ERR_MUST_CHECK pg_connect(struct store_db *db, struct why *why);
// A connection of its own for another thread; the caller's to PQfinish. NULL with why.
PGconn *pg_connect_alone(const struct store_db *db, struct why *why);
void pg_disconnect(struct store_db *db);
// Until PQgetResult would not block, or for so long that the server must be taken for dead: false.
bool pg_wait(PGconn *conn);
enum err ERR_MUST_CHECK pg_prepare_all(struct store_db *db, struct why *why);
// Runs plain SQL, more than one statement if need be; *out (may be NULL) is the last result.
enum err ERR_MUST_CHECK pg_execute(struct store_db *db, const char *sql, PGresult **out,
				   struct why *why);
// Runs a prepared statement. *out is the caller's to PQclear; NULL = not wanted.
enum err ERR_MUST_CHECK pg_query(struct store_db *db, enum pg_sql sql, const struct pg_args *a,
				 PGresult **out, struct why *why);

// --- results ---
int64_t pg_int(const PGresult *res, int row, int column);
// Cut to size.
void pg_str(const PGresult *res, int row, int column, char *out, size_t size);

// --- rows (store_postgres_rows.c) ---
enum err pg_device_get(struct store_db *db, const char *id, struct device_row *out,
		       struct why *why);
enum err pg_device_put(struct store_db *db, const struct device_row *row, struct why *why);
enum err pg_device_delete(struct store_db *db, const char *id, struct why *why);
enum err pg_device_of_key(struct store_db *db, const char *key, char out[static DEVICE_ID_MAX + 1],
			  struct why *why);
enum err pg_devices_after(struct store_db *db, const struct store_list *l,
			  struct store_rows_devices *out, struct why *why);
enum err pg_devices_stale(struct store_db *db, int64_t before_ms, size_t limit,
			  struct store_rows_devices *out, struct why *why);
enum err pg_certificate_put(struct store_db *db, const char *device,
			    const struct certificate_row *row, struct why *why);
enum err pg_certificates_of(struct store_db *db, const char *device,
			    struct store_rows_certificates *out, struct why *why);
enum err pg_certificate_revoked(struct store_db *db, const char *serial, struct why *why);
enum err pg_certificates_prune(struct store_db *db, const char *device, int64_t before_ms,
			       struct why *why);
// PostgreSQL refuses text that is not UTF-8: a byte that is none becomes '?'.
void pg_clean_text(char *out, size_t size, const char *text);

// --- tasks (store_postgres_tasks.c) ---
enum err pg_task_get(struct store_db *db, uint64_t id, struct task_row *out, struct why *why);
enum err pg_task_find(struct store_db *db, const char *device, uint32_t generation,
		      enum task_kind kind, struct task_row *out, struct why *why);
enum err pg_task_put(struct store_db *db, struct task_row *row, int64_t claimed_ms,
		     struct why *why);
enum err pg_task_delete(struct store_db *db, uint64_t id, struct why *why);
enum err pg_tasks_of(struct store_db *db, const char *device, struct store_rows_tasks *out,
		     struct why *why);
enum err pg_tasks_due(struct store_db *db, int64_t now_ms, size_t limit,
		      struct store_rows_tasks *out, struct why *why);
enum err pg_task_claim(struct store_db *db, uint64_t id, int64_t until_ms, struct why *why);
enum err pg_task_next(struct store_db *db, int64_t *next_ms, struct why *why);

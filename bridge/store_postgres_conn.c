// SPDX-License-Identifier: Apache-2.0
// The connection to PostgreSQL: made, lost, made again, and its answers waited for with a limit, so
// that a server that stops answering costs requests an error and not their patience.
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "bridge/store_postgres.h"

enum {
	ANSWER_MS = 10000, // more than lock_timeout below: the server's own word comes first
	PAUSE_MIN_MS = 100,
	PAUSE_MAX_MS = 5000,
};

// The lock of a bridge that stands still in mid-transaction ends with its session.
#define SESSION_SETTINGS                                                                           \
	"SET search_path TO iot_bridge; SET lock_timeout = '8s'; "                                 \
	"SET idle_in_transaction_session_timeout = '5s'; "                                         \
	"SET default_transaction_isolation = 'read committed'; "                                   \
	"SELECT set_config('synchronous_commit', 'on', false) "                                    \
	"WHERE current_setting('synchronous_commit') = 'off'"

static const char *const texts[PG_COUNT] = {
#define X(id, text) [PG_##id] = text,
	PG_TABLE(X)
#undef X
};

// --- failures ---

static const char *
hint_for(const char *state)
{
	static const struct {
		const char *state, *hint;
	} rows[] = {
		{"53100", "; free disk space on its server"		   },
		{"53300", "; it allows no more connections"		   },
		{"42501", "; its user needs CREATE on the database"	   },
		{"55P03", "; another bridge has held it for too long"	     },
		{"42P01", "; the bridge's tables are gone: restore them"	},
		{"25006", "; it is a standby: name the primary in BRIDGE_DB"},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		if (strcmp(rows[i].state, state) == 0)
			return rows[i].hint;
	}
	return "";
}

// Conflicts of transactions and a session that ended: worth another try at once.
static bool
state_is_transient(const char *state)
{
	return strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
}

static bool
ends_session(const PGresult *res)
{
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

// Takes the result apart, or the connection's own message when there is none.
static enum err
fail(struct store_db *db, const PGresult *res, struct why *why)
{
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	if (!state)
		state = "";
	if (!text)
		text = PQerrorMessage(db->conn);
	bool lost = !db->conn || PQstatus(db->conn) != CONNECTION_OK || (res && ends_session(res));
	db->transient = lost || state_is_transient(state);
	why_set(why, ERR_IO, "database %s: %.*s%s", db->name, (int)strcspn(text, "\n"),
		text[0] ? text : "no answer", hint_for(state));
	if (lost)
		pg_disconnect(db);
	return ERR_IO;
}

static void
pause_connecting(struct store_db *db, const char *text)
{
	pg_disconnect(db);
	db->transient = false;
	db->pause_ms = db->pause_ms ? db->pause_ms * 2 : PAUSE_MIN_MS;
	if (db->pause_ms > PAUSE_MAX_MS)
		db->pause_ms = PAUSE_MAX_MS;
	db->retry_ns = clock_mono_ns() + db->pause_ms * NS_PER_MS;
	snprintf(db->last_error, sizeof(db->last_error), "%s", text);
}

static enum err
fail_silent(struct store_db *db, struct why *why)
{
	// Another try would wait as long again.
	pause_connecting(db, "it has stopped answering");
	return why_set(why, ERR_IO, "database %s: %s", db->name, db->last_error);
}

// --- waiting ---

bool
pg_wait(PGconn *conn)
{
	uint64_t deadline = clock_mono_ns() + ANSWER_MS * NS_PER_MS;
	while (PQisBusy(conn)) {
		struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};
		uint64_t now = clock_mono_ns();
		if (now >= deadline)
			return false;
		int n = poll(&fd, 1, (int)((deadline - now) / NS_PER_MS) + 1);
		// A connection that broke is no longer busy: its result says so.
		if (n > 0 && !PQconsumeInput(conn))
			return true;
	}
	return true;
}

// The last result of what was sent: the first one that failed, else the last.
static enum err
receive(struct store_db *db, bool sent, PGresult **out, struct why *why)
{
	AUTO(PQclear) PGresult *last = NULL;
	if (!sent)
		return fail(db, NULL, why);
	for (;;) {
		if (!pg_wait(db->conn))
			return fail_silent(db, why);
		PGresult *res = PQgetResult(db->conn);
		if (!res)
			break;
		if (last)
			PQclear(last);
		last = res;
	}
	ExecStatusType status = last ? PQresultStatus(last) : PGRES_FATAL_ERROR;
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return fail(db, last, why);
	if (out)
		*out = STEAL(last);
	return ERR_OK;
}

static enum err
fail_unconnected(struct store_db *db, struct why *why)
{
	db->transient = false;
	return why_set(why, ERR_IO, "database %s: %s", db->name,
		       db->last_error[0] ? db->last_error : "the connection was lost");
}

enum err
pg_execute(struct store_db *db, const char *sql, PGresult **out, struct why *why)
{
	if (!db->conn)
		return fail_unconnected(db, why);
	return receive(db, PQsendQuery(db->conn, sql), out, why);
}

enum err
pg_query(struct store_db *db, enum pg_sql sql, const struct pg_args *a, PGresult **out,
	 struct why *why)
{
	char name[16];
	if (!db->conn)
		return fail_unconnected(db, why);
	snprintf(name, sizeof(name), "s%u", (unsigned)sql);
	bool sent = PQsendQueryPrepared(db->conn, name, a ? a->n : 0, a ? a->values : NULL, NULL,
					NULL, 0);
	return receive(db, sent, out, why);
}

// --- parameters and results ---

void
pg_add_str(struct pg_args *a, const char *text)
{
	a->values[a->n++] = text;
}

void
pg_add_int(struct pg_args *a, int64_t value)
{
	snprintf(a->numbers[a->n], PG_NUMBER_BYTES, "%" PRId64, value);
	a->values[a->n] = a->numbers[a->n];
	a->n++;
}

void
pg_add_null(struct pg_args *a)
{
	a->values[a->n++] = NULL;
}

int64_t
pg_int(const PGresult *res, int row, int column)
{
	return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

void
pg_str(const PGresult *res, int row, int column, char *out, size_t size)
{
	snprintf(out, size, "%s", PQgetvalue(res, row, column));
}

// --- connecting ---

static void
ignore_notice(void *ctx, const char *message)
{
	(void)ctx;
	(void)message; // libpq would print it
}

PGconn *
pg_connect_alone(const struct store_db *db, struct why *why)
{
	// What stands before dbname is a default that the URL overrides.
	static const char *const keys[] = {"connect_timeout",		"tcp_user_timeout",
					   "keepalives_idle",		"keepalives_interval",
					   "keepalives_count",		"target_session_attrs",
					   "fallback_application_name", "dbname",
					   "client_encoding",		NULL};
	const char *const values[] = {"5",	    "10000",	  "10",	   "5",	   "3",
				      "read-write", "iot-bridge", db->url, "UTF8", NULL};
	PGconn *conn = PQconnectdbParams(keys, values, 1);
	if (!conn) {
		why_set(why, ERR_NOMEM, "out of memory");
		return NULL;
	}
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	const char *text = PQerrorMessage(conn);
	const char *encoding = PQparameterStatus(conn, "server_encoding");
	if (PQstatus(conn) != CONNECTION_OK)
		why_set(why, ERR_IO, "database %s: %.*s", db->name, (int)strcspn(text, "\n"), text);
	else if (encoding && strcmp(encoding, "UTF8") != 0 && strcmp(encoding, "SQL_ASCII") != 0)
		why_set(why, ERR_IO, "database %s has encoding %s: create it with ENCODING 'UTF8'",
			db->name, encoding);
	else
		return conn;
	PQfinish(conn);
	return NULL;
}

void
pg_disconnect(struct store_db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
}

// The number is this bridge's as long as its session lives: the lock on it tells other bridges so.
// It is taken only once, and locked again by the sessions that follow; when the server still has
// the session before, that one holds the lock.
static enum err
take_number(struct store_db *db, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	char sql[128];
	if (db->replica == 0) {
		TRY(pg_execute(db, "SELECT nextval('replica')", &res, why));
		db->replica = pg_int(res, 0, 0);
	}
	snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(%d, %" PRId64 ")", PG_LOCK_REPLICA,
		 db->replica);
	return pg_execute(db, sql, NULL, why);
}

enum err
pg_prepare_all(struct store_db *db, struct why *why)
{
	for (unsigned i = 0; i < PG_COUNT; i++) {
		char name[16];
		snprintf(name, sizeof(name), "s%u", i);
		TRY(receive(db, PQsendPrepare(db->conn, name, texts[i], 0, NULL), NULL, why));
	}
	return take_number(db, why);
}

enum err
pg_connect(struct store_db *db, struct why *why)
{
	struct why local = {0};
	db->conn = pg_connect_alone(db, &local);
	if (!db->conn) {
		if (why)
			*why = local;
		return ERR_IO;
	}
	return pg_execute(db, SESSION_SETTINGS, NULL, why);
}

enum err
pg_ensure_connected(struct store_db *db, struct why *why)
{
	struct why local = {0};
	if (db->conn && PQstatus(db->conn) == CONNECTION_OK)
		return ERR_OK;
	pg_disconnect(db);
	if (db->pause_ms && clock_mono_ns() < db->retry_ns)
		return fail_unconnected(db, why);
	enum err err = pg_connect(db, &local);
	if (err == ERR_OK)
		err = pg_prepare_all(db, &local);
	if (err == ERR_OK) {
		db->pause_ms = 0;
		return ERR_OK;
	}
	const char *text = local.text;
	size_t prefix = strlen("database ") + strlen(db->name) + 2;
	pause_connecting(db, strlen(text) > prefix ? text + prefix : text);
	if (why)
		*why = local;
	return err;
}

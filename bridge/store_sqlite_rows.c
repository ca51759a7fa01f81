// SPDX-License-Identifier: Apache-2.0
// Devices and certificates in SQLite.
#include <stdio.h>

#include "bridge/store_sqlite.h"

static void
read_device(sqlite3_stmt *st, void *out)
{
	struct device_row *d = out;
	char state[32];
	*d = (struct device_row){0};
	sqlite_column_str(st, 0, d->id, sizeof(d->id));
	sqlite_column_str(st, 1, state, sizeof(state));
	// A state that we do not know was written by hand: a life that has ended is the safe
	// reading.
	if (device_state_parse(&d->state, state) != ERR_OK)
		d->state = DEVICE_DECOMMISSIONED;
	d->generation = (uint32_t)sqlite3_column_int64(st, 2);
	d->wg_ip = (uint32_t)sqlite3_column_int64(st, 3);
	sqlite_column_str(st, 4, d->wg_public_key, sizeof(d->wg_public_key));
	sqlite_column_str(st, 5, d->device_type, sizeof(d->device_type));
	d->created_ms = sqlite3_column_int64(st, 6);
	d->updated_ms = sqlite3_column_int64(st, 7);
	d->enrolled_ms = sqlite3_column_int64(st, 8);
	d->provisioned_ms = sqlite3_column_int64(st, 9);
	d->decommissioned_ms = sqlite3_column_int64(st, 10);
}

enum err
sqlite_device_get(struct store_db *db, const char *id, struct device_row *out, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_DEVICE_GET);
	sqlite_bind_str(st, 1, id);
	return sqlite_one(db, st, read_device, out, why);
}

enum err
sqlite_device_put(struct store_db *db, const struct device_row *row, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_DEVICE_PUT);
	sqlite_bind_str(st, 1, row->id);
	sqlite_bind_str(st, 2, device_state_name(row->state));
	sqlite_bind_int(st, 3, row->generation);
	if (row->wg_ip)
		sqlite_bind_int(st, 4, row->wg_ip);
	else
		sqlite3_bind_null(st, 4);
	sqlite_bind_str(st, 5, row->wg_public_key);
	sqlite_bind_str(st, 6, row->device_type);
	sqlite_bind_int(st, 7, row->created_ms);
	sqlite_bind_int(st, 8, row->updated_ms);
	sqlite_bind_int(st, 9, row->enrolled_ms);
	sqlite_bind_int(st, 10, row->provisioned_ms);
	sqlite_bind_int(st, 11, row->decommissioned_ms);
	return sqlite_run(db, st, why);
}

enum err
sqlite_device_delete(struct store_db *db, const char *id, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_DEVICE_DELETE);
	sqlite_bind_str(st, 1, id);
	return sqlite_run(db, st, why);
}

static void
read_id(sqlite3_stmt *st, void *out)
{
	sqlite_column_str(st, 0, out, DEVICE_ID_MAX + 1);
}

enum err
sqlite_device_of_key(struct store_db *db, const char *key, char out[static DEVICE_ID_MAX + 1],
		     struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_DEVICE_OF_KEY);
	sqlite_bind_str(st, 1, key);
	out[0] = '\0';
	enum err err = sqlite_one(db, st, read_id, out, why);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err
read_devices(struct store_db *db, sqlite3_stmt *st, struct store_rows_devices *out, struct why *why)
{
	for (;;) {
		bool row;
		TRY(sqlite_step(db, st, &row, why));
		if (!row)
			return ERR_OK;
		struct device_row *d = store_rows_add_device(out);
		if (!d) {
			sqlite3_reset(st);
			return ERR_NOMEM;
		}
		read_device(st, d);
	}
}

enum err
sqlite_devices_after(struct store_db *db, const struct store_list *l,
		     struct store_rows_devices *out, struct why *why)
{
	char states[128] = "";
	size_t n = 0;
	for (unsigned i = 0; i < DEVICE_STATE_COUNT; i++) {
		if (l->states >> i & 1)
			n += (size_t)snprintf(states + n, sizeof(states) - n, ",%s,",
					      device_state_name((enum device_state)i));
	}
	sqlite3_stmt *st = sqlite_statement(db, SQL_DEVICES_AFTER);
	sqlite_bind_str(st, 1, l->after ? l->after : "");
	sqlite_bind_str(st, 2, states);
	sqlite_bind_int(st, 3, (int64_t)l->limit);
	return read_devices(db, st, out, why);
}

enum err
sqlite_devices_stale(struct store_db *db, int64_t before_ms, size_t limit,
		     struct store_rows_devices *out, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_DEVICES_STALE);
	sqlite_bind_int(st, 1, before_ms);
	sqlite_bind_int(st, 2, (int64_t)limit);
	return read_devices(db, st, out, why);
}

enum err
sqlite_certificate_put(struct store_db *db, const char *device, const struct certificate_row *row,
		       struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_CERT_PUT);
	sqlite_bind_str(st, 1, row->serial);
	sqlite_bind_str(st, 2, device);
	sqlite_bind_int(st, 3, row->generation);
	sqlite_bind_int(st, 4, row->issued_ms);
	sqlite_bind_int(st, 5, row->not_after_ms);
	sqlite_bind_int(st, 6, row->revoked);
	return sqlite_run(db, st, why);
}

static void
read_certificate(sqlite3_stmt *st, struct certificate_row *c)
{
	sqlite_column_str(st, 0, c->serial, sizeof(c->serial));
	c->generation = (uint32_t)sqlite3_column_int64(st, 1);
	c->issued_ms = sqlite3_column_int64(st, 2);
	c->not_after_ms = sqlite3_column_int64(st, 3);
	c->revoked = sqlite3_column_int64(st, 4) != 0;
}

enum err
sqlite_certificates_of(struct store_db *db, const char *device, struct store_rows_certificates *out,
		       struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_CERTS_OF);
	sqlite_bind_str(st, 1, device);
	for (;;) {
		bool row;
		TRY(sqlite_step(db, st, &row, why));
		if (!row)
			return ERR_OK;
		struct certificate_row *c = store_rows_add_certificate(out);
		if (!c) {
			sqlite3_reset(st);
			return ERR_NOMEM;
		}
		read_certificate(st, c);
	}
}

enum err
sqlite_certificate_revoked(struct store_db *db, const char *serial, struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_CERT_REVOKED);
	sqlite_bind_str(st, 1, serial);
	return sqlite_run(db, st, why);
}

enum err
sqlite_certificates_prune(struct store_db *db, const char *device, int64_t before_ms,
			  struct why *why)
{
	sqlite3_stmt *st = sqlite_statement(db, SQL_CERTS_PRUNE);
	sqlite_bind_str(st, 1, device);
	sqlite_bind_int(st, 2, before_ms);
	return sqlite_run(db, st, why);
}

// SPDX-License-Identifier: Apache-2.0
// Devices and certificates in PostgreSQL.
#include <stdio.h>

#include "base/encode.h"
#include "bridge/store_postgres.h"

static void
read_device(const PGresult *res, int row, struct device_row *d)
{
	char state[32];
	*d = (struct device_row){0};
	pg_str(res, row, 0, d->id, sizeof(d->id));
	pg_str(res, row, 1, state, sizeof(state));
	// A state that we do not know was written by hand: a life that has ended is the safe
	// reading.
	if (device_state_parse(&d->state, state) != ERR_OK)
		d->state = DEVICE_DECOMMISSIONED;
	d->generation = (uint32_t)pg_int(res, row, 2);
	d->wg_ip = (uint32_t)pg_int(res, row, 3);
	pg_str(res, row, 4, d->wg_public_key, sizeof(d->wg_public_key));
	pg_str(res, row, 5, d->device_type, sizeof(d->device_type));
	d->created_ms = pg_int(res, row, 6);
	d->updated_ms = pg_int(res, row, 7);
	d->enrolled_ms = pg_int(res, row, 8);
	d->provisioned_ms = pg_int(res, row, 9);
	d->decommissioned_ms = pg_int(res, row, 10);
}

enum err
pg_device_get(struct store_db *db, const char *id, struct device_row *out, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	struct pg_args a = {0};
	pg_add_str(&a, id);
	TRY(pg_query(db, PG_DEVICE_GET, &a, &res, why));
	if (PQntuples(res) == 0)
		return ERR_NOT_FOUND;
	read_device(res, 0, out);
	return ERR_OK;
}

void
pg_clean_text(char *out, size_t size, const char *text)
{
	size_t n = 0, left = strlen(text);
	for (const uint8_t *p = (const uint8_t *)text; left && n + 1 < size;) {
		size_t len = p[0] < 0x80 ? 1 : utf8_length(p, left);
		if (len == 0) {
			out[n++] = '?';
			len = 1;
		} else {
			if (n + len >= size)
				break;
			memcpy(out + n, p, len);
			n += len;
		}
		p += len;
		left -= len;
	}
	out[n] = '\0';
}

enum err
pg_device_put(struct store_db *db, const struct device_row *row, struct why *why)
{
	struct pg_args a = {0};
	char device_type[DEVICE_TYPE_CHARS + 1];
	pg_clean_text(device_type, sizeof(device_type), row->device_type);
	pg_add_str(&a, row->id);
	pg_add_str(&a, device_state_name(row->state));
	pg_add_int(&a, row->generation);
	if (row->wg_ip)
		pg_add_int(&a, row->wg_ip);
	else
		pg_add_null(&a);
	pg_add_str(&a, row->wg_public_key);
	pg_add_str(&a, device_type);
	pg_add_int(&a, row->created_ms);
	pg_add_int(&a, row->updated_ms);
	pg_add_int(&a, row->enrolled_ms);
	pg_add_int(&a, row->provisioned_ms);
	pg_add_int(&a, row->decommissioned_ms);
	return pg_query(db, PG_DEVICE_PUT, &a, NULL, why);
}

enum err
pg_device_delete(struct store_db *db, const char *id, struct why *why)
{
	struct pg_args a = {0};
	pg_add_str(&a, id);
	return pg_query(db, PG_DEVICE_DELETE, &a, NULL, why);
}

enum err
pg_device_of_key(struct store_db *db, const char *key, char out[static DEVICE_ID_MAX + 1],
		 struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	struct pg_args a = {0};
	pg_add_str(&a, key);
	out[0] = '\0';
	TRY(pg_query(db, PG_DEVICE_OF_KEY, &a, &res, why));
	if (PQntuples(res) > 0)
		pg_str(res, 0, 0, out, DEVICE_ID_MAX + 1);
	return ERR_OK;
}

static enum err
read_devices(struct store_db *db, enum pg_sql sql, const struct pg_args *a,
	     struct store_rows_devices *out, struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	TRY(pg_query(db, sql, a, &res, why));
	for (int i = 0; i < PQntuples(res); i++) {
		struct device_row *d = store_rows_add_device(out);
		if (!d)
			return ERR_NOMEM;
		read_device(res, i, d);
	}
	return ERR_OK;
}

enum err
pg_devices_after(struct store_db *db, const struct store_list *l, struct store_rows_devices *out,
		 struct why *why)
{
	char states[128] = "";
	size_t n = 0;
	for (unsigned i = 0; i < DEVICE_STATE_COUNT; i++) {
		if (l->states >> i & 1)
			n += (size_t)snprintf(states + n, sizeof(states) - n, ",%s,",
					      device_state_name((enum device_state)i));
	}
	struct pg_args a = {0};
	pg_add_str(&a, l->after ? l->after : "");
	pg_add_str(&a, states);
	pg_add_int(&a, (int64_t)l->limit);
	return read_devices(db, PG_DEVICES_AFTER, &a, out, why);
}

enum err
pg_devices_stale(struct store_db *db, int64_t before_ms, size_t limit,
		 struct store_rows_devices *out, struct why *why)
{
	struct pg_args a = {0};
	pg_add_int(&a, before_ms);
	pg_add_int(&a, (int64_t)limit);
	return read_devices(db, PG_DEVICES_STALE, &a, out, why);
}

enum err
pg_certificate_put(struct store_db *db, const char *device, const struct certificate_row *row,
		   struct why *why)
{
	struct pg_args a = {0};
	pg_add_str(&a, row->serial);
	pg_add_str(&a, device);
	pg_add_int(&a, row->generation);
	pg_add_int(&a, row->issued_ms);
	pg_add_int(&a, row->not_after_ms);
	pg_add_int(&a, row->revoked);
	return pg_query(db, PG_CERT_PUT, &a, NULL, why);
}

enum err
pg_certificates_of(struct store_db *db, const char *device, struct store_rows_certificates *out,
		   struct why *why)
{
	AUTO(PQclear) PGresult *res = NULL;
	struct pg_args a = {0};
	pg_add_str(&a, device);
	TRY(pg_query(db, PG_CERTS_OF, &a, &res, why));
	for (int i = 0; i < PQntuples(res); i++) {
		struct certificate_row *c = store_rows_add_certificate(out);
		if (!c)
			return ERR_NOMEM;
		pg_str(res, i, 0, c->serial, sizeof(c->serial));
		c->generation = (uint32_t)pg_int(res, i, 1);
		c->issued_ms = pg_int(res, i, 2);
		c->not_after_ms = pg_int(res, i, 3);
		c->revoked = pg_int(res, i, 4) != 0;
	}
	return ERR_OK;
}

enum err
pg_certificate_revoked(struct store_db *db, const char *serial, struct why *why)
{
	struct pg_args a = {0};
	pg_add_str(&a, serial);
	return pg_query(db, PG_CERT_REVOKED, &a, NULL, why);
}

enum err
pg_certificates_prune(struct store_db *db, const char *device, int64_t before_ms, struct why *why)
{
	struct pg_args a = {0};
	pg_add_str(&a, device);
	pg_add_int(&a, before_ms);
	return pg_query(db, PG_CERTS_PRUNE, &a, NULL, why);
}

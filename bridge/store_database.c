// SPDX-License-Identifier: Apache-2.0
// BRIDGE_DB as text: which database it names, and how to speak of it without its password.
#include <libpq-fe.h>
#include <stdio.h>

#include "bridge/store.h"

AUTO_DEFINE(PQconninfoOption *, PQconninfoFree)

bool
store_database_is_postgres(const char *database)
{
	return strncmp(database, "postgresql://", 13) == 0 ||
	       strncmp(database, "postgres://", 11) == 0;
}

enum err
store_database_check(const char *database, struct why *why)
{
	if (!store_database_is_postgres(database))
		return ERR_OK;
	AUTO(PQconninfoFree) PQconninfoOption *options = PQconninfoParse(database, NULL);
	// libpq's own words repeat the URL, which may hold a password.
	return options ? ERR_OK
		       : why_set(why, ERR_INPUT,
				 "is not a PostgreSQL URL: write "
				 "postgresql://user:password@host:port/database, with special "
				 "characters percent-encoded");
}

static const char *
option(const PQconninfoOption *options, const char *keyword)
{
	for (const PQconninfoOption *o = options; o->keyword; o++) {
		if (strcmp(o->keyword, keyword) == 0)
			return o->val ? o->val : "";
	}
	return "";
}

void
store_database_name(const char *database, char out[static STORE_NAME_BYTES])
{
	if (!store_database_is_postgres(database)) {
		snprintf(out, STORE_NAME_BYTES, "%s", database);
		return;
	}
	AUTO(PQconninfoFree) PQconninfoOption *o = PQconninfoParse(database, NULL);
	if (!o) {
		snprintf(out, STORE_NAME_BYTES, "postgresql://");
		return;
	}
	const char *user = option(o, "user"), *port = option(o, "port");
	snprintf(out, STORE_NAME_BYTES, "postgresql://%s%s%s%s%s/%s", user, user[0] ? "@" : "",
		 option(o, "host"), port[0] ? ":" : "", port, option(o, "dbname"));
}

void
store_database_free(char *database)
{
	if (database)
		explicit_bzero(database, strlen(database));
	free(database);
}

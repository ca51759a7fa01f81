// SPDX-License-Identifier: Apache-2.0
// What the store does with files that are not as it left them.
#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store_fixture.h"

static struct fixture fx;

static void
setup(void)
{
	fx_init(&fx, "10.8.0.0/24");
}

static void
teardown(void)
{
	fx_fini(&fx);
}

TestSuite(store_files, .init = setup, .fini = teardown);

static void
execute(const char *sql)
{
	sqlite3 *db;
	cr_assert(sqlite3_open(fx.database, &db) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void
expect_refused(enum err want, const char *says)
{
	struct why why = {0};
	enum err err = fx_open(&fx, &why);
	cr_expect(err == want, "%s: %s", err_name(err), why.text);
	cr_expect(strstr(why.text, says) != NULL, "%s", why.text);
}

Test(store_files, garbage_is_named)
{
	char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fx_write(&fx, fx.database, text);
	expect_refused(ERR_IO, "restore it from a backup or name another file in BRIDGE_DB");
}

Test(store_files, the_database_of_another_program_is_left_alone)
{
	execute("CREATE TABLE device(x)");
	expect_refused(ERR_IO, "belongs to another program");
}

Test(store_files, a_newer_schema_is_refused)
{
	fx_must_open(&fx);
	fx_close(&fx);
	execute("PRAGMA user_version = 99");
	expect_refused(ERR_IO, "has schema 99 and this bridge knows up to 1");
}

Test(store_files, a_missing_folder_is_named)
{
	snprintf(fx.database, sizeof(fx.database), "%.100s/no/such/bridge.db", fx.folder);
	expect_refused(ERR_IO, "the folder of BRIDGE_DB must exist");
}

Test(store_files, a_second_bridge_is_kept_out)
{
	struct fixture other = fx;
	fx_must_open(&fx);
	struct why why = {0};
	cr_assert(uv_loop_init(&other.loop) == 0);
	cr_expect(fx_open(&other, &why) == ERR_IO);
	cr_expect(strstr(why.text, "in use by another bridge") != NULL, "%s", why.text);
	cr_expect(uv_loop_close(&other.loop) == 0);
}

Test(store_files, damage_while_running_is_an_error_and_no_crash)
{
	fx_must_open(&fx);
	for (int i = 0; i < 100; i++) {
		char id[16];
		snprintf(id, sizeof(id), "d%d", i);
		cr_assert(fx_reserve(&fx, id) == ERR_OK);
	}
	fx_close(&fx);
	FILE *f = fopen(fx.database, "r+b");
	cr_assert(f != NULL);
	cr_assert(fseek(f, 4096 * 2, SEEK_SET) == 0);
	for (int i = 0; i < 4096 * 20; i++)
		fputc(0x5a, f);
	fclose(f);
	struct why why = {0};
	if (fx_open(&fx, &why) == ERR_OK) {
		enum err err = ERR_OK;
		for (int i = 0; i < 100 && err == ERR_OK; i++) {
			char id[16];
			snprintf(id, sizeof(id), "d%d", i);
			err = fx_get(&fx, id);
		}
		cr_expect(err == ERR_IO, "%s", err_name(err));
		why = fx.r.why;
	}
	cr_expect(strstr(why.text, "restore it from a backup") != NULL, "%s", why.text);
}

// A full disk, made with the limit on the size of a file.
Test(store_files, a_full_disk_fails_the_request_and_the_next_one_works)
{
	struct rlimit small = {.rlim_cur = 64 * 1024, .rlim_max = RLIM_INFINITY};
	struct rlimit large = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	fx_must_open(&fx);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
	enum err err = ERR_OK;
	int reserved = 0;
	for (; reserved < 200 && err == ERR_OK; reserved++) {
		char id[16];
		snprintf(id, sizeof(id), "d%d", reserved);
		err = fx_reserve(&fx, id);
	}
	cr_assert(err == ERR_IO, "%s after %d", err_name(err), reserved);
	cr_expect(strstr(fx.r.why.text, fx.database) != NULL, "%s", fx.r.why.text);
	cr_assert(setrlimit(RLIMIT_FSIZE, &large) == 0);
	cr_assert(fx_reserve(&fx, "after") == ERR_OK, "%s", fx.r.why.text);
	// What failed left no address behind.
	cr_expect(fx.r.device.wg_ip == 0x0a080002u + (uint32_t)reserved - 1, "%s", fx_ip(&fx));
}

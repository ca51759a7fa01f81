// SPDX-License-Identifier: Apache-2.0
// What only a database on a server can do to the store: other bridges work on it too, and the
// connection to it breaks. Runs under with_postgres.sh.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/peers_file.h"
#include "store_fixture.h"

static struct fixture fx;
static struct fixture other; // a second bridge on the same database

static void
setup(void)
{
	if (!getenv("TEST_POSTGRES"))
		cr_skip_test("TEST_POSTGRES is not set: run it by with_postgres.sh");
	fx_init(&fx, "10.8.0.0/16");
	fx_must_open(&fx);
}

static void
teardown(void)
{
	if (other.store) {
		fx_close(&other);
		cr_assert(uv_loop_close(&other.loop) == 0);
	}
	if (fx.folder[0])
		fx_fini(&fx);
}

TestSuite(store_postgres, .init = setup, .fini = teardown, .timeout = 100);

static void
open_other(void)
{
	other = fx;
	other.store = NULL;
	cr_assert(uv_loop_init(&other.loop) == 0);
	fx_must_open(&other);
}

static void
end_sessions(void)
{
	char sql[256];
	snprintf(sql, sizeof(sql),
		 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
		 "WHERE datname = '%s' AND pid <> pg_backend_pid()",
		 fx.server_database);
	fx_postgres(&fx, true, sql);
}

static void
allow_connections(bool yes)
{
	char sql[128];
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS %s", fx.server_database,
		 yes ? "true" : "false");
	fx_postgres(&fx, true, sql);
}

// --- several bridges ---

Test(store_postgres, two_bridges_share_devices_and_addresses)
{
	open_other();
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
	cr_assert(fx_reserve(&other, "dev-2") == ERR_OK);
	cr_expect_str_eq(fx_ip(&other), "10.8.0.3");
	cr_assert(fx_reserve(&other, "dev-1") == ERR_OK);
	cr_expect_str_eq(fx_ip(&other), "10.8.0.2");
	cr_assert(fx_record(&other, "dev-1", "1", fx_key(1)) == ERR_OK);
	cr_expect(fx_wait(&fx, store_reserve(fx.store, "dev-2", fx_key(1), fx_keep, &fx.r)) ==
		  ERR_INPUT);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_expect(fx.r.device.state == DEVICE_ENROLLED);
	fx_decommission_fully(&fx, "dev-1");
	cr_assert(fx_reserve(&other, "dev-3") == ERR_OK);
	cr_expect_str_eq(fx_ip(&other), "10.8.0.2");
}

static bool
is_in_file(const char *path, const char *id)
{
	struct why why = {0};
	struct peer_entry *list;
	size_t n;
	cr_assert(peers_file_read(&list, &n, path, store_pool(fx.store), &why) == ERR_OK, "%s",
		  why.text);
	bool found = false;
	for (size_t i = 0; i < n; i++)
		found = found || strcmp(list[i].id, id) == 0;
	free(list);
	return found;
}

Test(store_postgres, peers_of_the_other_bridge_come_into_the_file)
{
	struct peers_file *file;
	struct why why = {0};
	char path[PATH_MAX + 32];
	struct peers_file_options o = {&fx.loop, &fx.log, fx.store, fx.folder, 10};
	snprintf(path, sizeof(path), "%s/" PEERS_FILE_NAME, fx.folder);
	open_other();
	cr_assert(peers_file_new(&file, &o, &why) == ERR_OK, "%s", why.text);
	fx_enroll(&other, "dev-1", "1", fx_key(1));
	while (!is_in_file(path, "dev-1"))
		uv_run(&fx.loop, UV_RUN_ONCE);
	fx_decommission_fully(&other, "dev-1");
	while (is_in_file(path, "dev-1"))
		uv_run(&fx.loop, UV_RUN_ONCE);
	peers_file_free(file);
}

Test(store_postgres, a_task_is_claimed_by_one_bridge_and_freed_when_that_one_stops)
{
	open_other();
	fx_enroll(&fx, "dev-1", "1", fx_key(1)); // its task is claimed by fx
	cr_assert(fx_claim(&other, 10) == ERR_OK);
	cr_expect(other.r.n_tasks == 0);
	cr_expect(other.r.next_ms > fx.now_ms && other.r.next_ms <= fx.now_ms + 30000,
		  "it looks again although nothing is due");
	fx_close(&fx);
	cr_assert(fx_claim(&other, 10) == ERR_OK);
	cr_assert(other.r.n_tasks == 1);
	cr_expect(other.r.tasks[0].kind == TASK_SET_WG_PEER);
	// A bridge that starts meanwhile leaves the claims of the living alone.
	fx_must_open(&fx);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_expect(fx.r.n_tasks == 0);
	// And a claim of one that hangs ends by itself.
	fx.now_ms += 200000;
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_expect(fx.r.n_tasks == 1);
}

// Runs fn in another process, on a store of its own; fx must be closed. What it writes can be read
// from fds[0].
static void
in_child(void (*fn)(int out), int fds[static 2])
{
	cr_assert(pipe(fds) == 0);
	pid_t pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		uv_loop_fork(&fx.loop);
		fx_must_open(&fx);
		fn(fds[1]);
		_exit(0); // like a kill: nothing is closed
	}
	close(fds[1]);
}

static void
claim_one(int out)
{
	char done = fx_claim(&fx, 1) == ERR_OK && fx.r.n_tasks == 1 ? 'y' : 'n';
	(void)!write(out, &done, 1);
}

Test(store_postgres, work_of_a_killed_bridge_goes_to_the_next_that_starts)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	fx_close(&fx);
	int fds[2];
	char done = 0;
	in_child(claim_one, fds);
	cr_assert(read(fds[0], &done, 1) == 1);
	cr_expect(done == 'y');
	cr_assert(wait(NULL) > 0);
	// The server notices the end of the connection in its own time.
	while (strcmp(fx_postgres(&fx, false,
				  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
		      "0") != 0)
		;
	fx_must_open(&fx);
	cr_assert(fx_claim(&fx, 10) == ERR_OK);
	cr_expect(fx.r.n_tasks == 1);
}

enum { DEVICES_EACH = 500, IN_FLIGHT = 10, BRIDGES_MAX = 4, FIRST_IP = 0x0a080002 };

static void
send_ip(const struct store_answer *answer, void *ctx)
{
	uint32_t ip = answer->err == ERR_OK ? answer->device.wg_ip : 0;
	(void)!write(*(int *)ctx, &ip, sizeof(ip));
}

static void
reserve_many(int out)
{
	enum err err = ERR_OK;
	for (int i = 0; i < DEVICES_EACH; i++) {
		char id[32];
		snprintf(id, sizeof(id), "d%d-%d", (int)getpid(), i);
		while (store_depth(fx.store) >= IN_FLIGHT)
			uv_run(&fx.loop, UV_RUN_ONCE);
		err = store_reserve(fx.store, id, NULL, send_ip, &out);
		if (err != ERR_OK)
			_exit(1);
	}
	while (store_depth(fx.store) > 0)
		uv_run(&fx.loop, UV_RUN_ONCE);
}

// Reads the addresses that a bridge gave and marks them.
static int
mark_given(int in, unsigned char *seen, size_t n_seen)
{
	uint32_t ip;
	int n = 0;
	FILE *f = fdopen(in, "r");
	cr_assert(f != NULL);
	for (; fread(&ip, sizeof(ip), 1, f) == 1; n++) {
		cr_assert(ip >= FIRST_IP && ip < FIRST_IP + n_seen, "%08x", ip);
		cr_expect(!seen[ip - FIRST_IP], "%08x twice", ip);
		seen[ip - FIRST_IP] = 1;
	}
	fclose(f);
	return n;
}

static void
reserve_from(int bridges)
{
	static unsigned char seen[BRIDGES_MAX * DEVICES_EACH];
	size_t n = (size_t)bridges * DEVICES_EACH;
	int fds[BRIDGES_MAX][2];
	char want[64];
	fx_close(&fx);
	for (int i = 0; i < bridges; i++)
		in_child(reserve_many, fds[i]);
	for (int i = 0; i < bridges; i++)
		cr_expect(mark_given(fds[i][0], seen, n) == DEVICES_EACH);
	while (wait(NULL) > 0)
		;
	cr_expect(memchr(seen, 0, n) == NULL, "a gap");
	snprintf(want, sizeof(want), "%zu/%zu/%zu", n, n, n - 1);
	cr_expect_str_eq(fx_postgres(&fx, false,
				     "SELECT count(*) || '/' || count(DISTINCT wg_ip) || '/' || "
				     "max(wg_ip) - min(wg_ip) FROM iot_bridge.device"),
			 want);
	snprintf(want, sizeof(want), "1 from %zu", FIRST_IP + n);
	cr_expect_str_eq(
		fx_postgres(&fx, false,
			    "SELECT count(*) || ' from ' || min(first) FROM iot_bridge.free_range"),
		want);
}

Test(store_postgres, two_bridges_that_reserve_at_once_leave_no_gap_and_give_no_address_twice)
{
	reserve_from(2);
}

Test(store_postgres, four_bridges_too)
{
	reserve_from(4);
}

// Whoever writes without our lock still cannot give an address twice: the request fails, what was
// there stays.
Test(store_postgres, the_database_itself_keeps_addresses_unique)
{
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
	fx_postgres(&fx, false,
		    "UPDATE iot_bridge.free_range SET first = first - 1; "
		    "UPDATE iot_bridge.device SET updated_ms = 1");
	cr_expect(fx_reserve(&fx, "dev-2") == ERR_IO);
	cr_expect(strstr(fx.r.why.text, "device_ip") != NULL, "%s", fx.r.why.text);
	cr_expect(fx_get(&fx, "dev-2") == ERR_NOT_FOUND);
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
}

// The database asks to repeat a transaction: as often as a sequence says, which no rollback resets.
static void
conflict_times(int n, const char *state)
{
	char sql[640];
	snprintf(sql, sizeof(sql),
		 "DROP SEQUENCE IF EXISTS public.conflicts CASCADE; "
		 "CREATE SEQUENCE public.conflicts; "
		 "CREATE OR REPLACE FUNCTION public.conflict() RETURNS trigger LANGUAGE plpgsql AS "
		 "$$BEGIN IF nextval('public.conflicts') <= %d THEN "
		 "RAISE 'conflict' USING ERRCODE = '%s'; END IF; RETURN NEW; END$$; "
		 "CREATE OR REPLACE TRIGGER conflict BEFORE INSERT ON iot_bridge.device "
		 "FOR EACH ROW EXECUTE FUNCTION public.conflict()",
		 n, state);
	fx_postgres(&fx, false, sql);
}

Test(store_postgres, conflicts_are_repeated_and_not_for_ever)
{
	conflict_times(3, "40001"); // serialization failure
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK, "%s", fx.r.why.text);
	conflict_times(3, "40P01"); // deadlock
	cr_assert(fx_reserve(&fx, "dev-2") == ERR_OK, "%s", fx.r.why.text);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3");
	conflict_times(1000, "40001");
	cr_expect(fx_reserve(&fx, "dev-3") == ERR_IO);
	cr_expect(strstr(fx.r.why.text, "conflict") != NULL, "%s", fx.r.why.text);
	conflict_times(0, "40001");
	cr_assert(fx_reserve(&fx, "dev-3") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.4");
}

// --- the connection ---

Test(store_postgres, a_session_that_the_server_ended_is_made_again_unnoticed)
{
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
	for (int i = 0; i < 3; i++) {
		end_sessions();
		cr_assert(fx_get(&fx, "dev-1") == ERR_OK, "%s", fx.r.why.text);
		end_sessions();
		cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK, "%s", fx.r.why.text);
		cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
	}
}

Test(store_postgres, while_the_server_is_away_requests_fail_and_afterwards_they_work)
{
	cr_assert(fx_reserve(&fx, "dev-1") == ERR_OK);
	allow_connections(false);
	end_sessions();
	for (int i = 0; i < 20; i++) {
		cr_expect(fx_reserve(&fx, "dev-2") == ERR_IO);
		cr_expect(strstr(fx.r.why.text, "not currently accepting connections") != NULL,
			  "%s", fx.r.why.text);
	}
	struct why why = {0};
	cr_expect(store_scan_peers(fx.store, NULL, NULL, &why) == ERR_IO);
	cr_expect(strstr(why.text, "not currently accepting connections") != NULL, "%s", why.text);
	allow_connections(true);
	enum err err;
	while ((err = fx_reserve(&fx, "dev-2")) == ERR_IO)
		;
	cr_assert(err == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3");
}

static void
count_answer(const struct store_answer *answer, void *ctx)
{
	cr_expect(answer->err == ERR_OK || answer->err == ERR_IO);
	++*(int *)ctx;
}

Test(store_postgres, requests_in_flight_are_all_answered_when_the_connection_breaks)
{
	int calls = 0;
	enum err err = ERR_OK;
	for (int i = 0; i < 400 && err == ERR_OK; i++) {
		char id[16];
		snprintf(id, sizeof(id), "d%d", i);
		err = store_reserve(fx.store, id, NULL, count_answer, &calls);
		if (i % 40 == 0)
			end_sessions();
		uv_run(&fx.loop, UV_RUN_NOWAIT);
	}
	cr_assert(err == ERR_OK);
	while (calls < 400)
		uv_run(&fx.loop, UV_RUN_ONCE);
	// Addresses in use and free ones still add up to the pool.
	cr_expect_str_eq(fx_postgres(&fx, false,
				     "SELECT (SELECT count(wg_ip) FROM iot_bridge.device) + "
				     "(SELECT sum(last - first + 1) FROM iot_bridge.free_range)"),
			 "65533");
}

// --- what is there already ---

static void
expect_refused(const char *says)
{
	struct why why = {0};
	cr_expect(fx_open(&fx, &why) == ERR_IO);
	cr_expect(strstr(why.text, says) != NULL, "%s", why.text);
}

Test(store_postgres, a_newer_schema_is_refused)
{
	fx_close(&fx);
	fx_postgres(&fx, false, "UPDATE iot_bridge.meta SET value = '99' WHERE key = 'schema'");
	expect_refused("has schema 99 and this bridge knows up to 1");
}

Test(store_postgres, tables_of_another_program_are_left_alone)
{
	fx_close(&fx);
	fx_postgres(&fx, false,
		    "DROP SCHEMA iot_bridge CASCADE; CREATE SCHEMA iot_bridge; "
		    "CREATE TABLE iot_bridge.device(x int)");
	expect_refused("belongs to another program");
}

Test(store_postgres, an_upgrade_that_failed_half_way_left_nothing)
{
	fx_close(&fx);
	fx_postgres(&fx, false,
		    "DROP SCHEMA iot_bridge CASCADE; "
		    "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
		    "$$BEGIN RAISE 'no free_range today'; END$$; "
		    "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE INDEX') "
		    "EXECUTE FUNCTION public.refuse()");
	expect_refused("no free_range today");
	cr_expect_str_eq(fx_postgres(&fx, false,
				     "SELECT count(*) FROM pg_namespace "
				     "WHERE nspname = 'iot_bridge'"),
			 "0");
	fx_postgres(&fx, false, "DROP EVENT TRIGGER refuse");
	fx_must_open(&fx);
	cr_expect(fx_reserve(&fx, "dev-1") == ERR_OK);
}

Test(store_postgres, the_password_is_in_no_message)
{
	static const char *const urls[] = {
		"postgresql://bridge:geheim@127.0.0.1:1/iot",
		"postgresql://bridge@127.0.0.1:1/iot?password=geheim",
	};
	fx_close(&fx);
	for (size_t i = 0; i < N_ELEMENTS(urls); i++) {
		struct why why = {0};
		struct fixture away = fx;
		snprintf(away.database, sizeof(away.database), "%s", urls[i]);
		cr_expect(fx_open(&away, &why) == ERR_IO);
		cr_expect(strstr(why.text, "database postgresql://bridge@127.0.0.1:1/iot: ") ==
				  why.text,
			  "%s", why.text);
		cr_expect(strstr(why.text, "Connection refused") != NULL, "%s", why.text);
		cr_expect(strstr(why.text, "geheim") == NULL, "%s", why.text);
	}
	fx_must_open(&fx);
}

// An upstream's words, cut in the middle of a character.
Test(store_postgres, text_that_is_not_utf8_is_kept_as_far_as_it_is)
{
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	struct task_row peer = fx.r.tasks[0];
	cr_assert(fx_failed(&fx, &peer, "caf\xc3\xa9 \xff caf\xc3", fx.now_ms + 1) == ERR_OK, "%s",
		  fx.r.why.text);
	cr_assert(fx_get(&fx, "dev-1") == ERR_OK);
	cr_assert(fx.r.n_tasks == 1);
	cr_expect_str_eq(fx.r.tasks[0].last_error, "caf\xc3\xa9 ? caf?");
}

// SPDX-License-Identifier: Apache-2.0
// `iot-bridge admin` against a whole bridge: the command on a thread of its own, as another process
// would be.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sysexits.h>

#include "bridge/admin_cli.h"
#include "bridge/store.h"
#include "bridge_fixture.h"

static struct bridge_fixture f;
static struct secret token;
static char url[64];
static char *out;
static char *err;

static void
setup(void)
{
	char text[ADDR_TEXT_BYTES];
	bridge_fixture_open(&f);
	struct addr addr = http_server_addr(f.bridge.server);
	addr_format(text, &addr);
	snprintf(url, sizeof(url), "http://%.50s", text);
	cr_assert(secret_set(&token, BYTES_STR(FIXTURE_ADMIN_TOKEN)) == ERR_OK);
}

static void
teardown(void)
{
	free(out);
	free(err);
	secret_fini(&token);
	bridge_fixture_close(&f);
}

TestSuite(admin_cli, .init = setup, .fini = teardown, .timeout = 60);

struct run {
	struct admin_options o;
	int code;
	atomic_bool done;
};

static void
run_thread(void *arg)
{
	struct run *r = arg;
	r->code = admin_run(&r->o);
	atomic_store(&r->done, true);
}

static int
run_with(struct admin_options o)
{
	static struct run r;
	size_t out_bytes, err_bytes;
	uv_thread_t thread;
	free(out);
	free(err);
	r.o = o;
	r.o.out = open_memstream(&out, &out_bytes);
	r.o.err = open_memstream(&err, &err_bytes);
	if (!r.o.client.url)
		r.o.client.url = url;
	if (!r.o.client.token)
		r.o.client.token = &token;
	atomic_store(&r.done, false);
	cr_assert(uv_thread_create(&thread, run_thread, &r) == 0);
	while (!atomic_load(&r.done))
		uv_run(&f.loop, UV_RUN_NOWAIT);
	uv_thread_join(&thread);
	fclose(r.o.out);
	fclose(r.o.err);
	return r.code;
}

static int
run(const char *command, const char *id)
{
	return run_with((struct admin_options){.command = command, .id = id});
}

static bool stored;

static void
on_stored(const struct store_answer *answer, void *ctx)
{
	(void)ctx;
	cr_assert(answer->err == ERR_OK, "%s", answer->why.text);
	stored = true;
}

static void
wait_stored(void)
{
	bool *flag = &stored;
	while (!*flag)
		uv_run(&f.loop, UV_RUN_NOWAIT);
	*flag = false;
}

static void
enroll(const char *id, const char *serial)
{
	struct enrollment_record record = {.id = id,
					   .generation = 1,
					   .serial = serial,
					   .not_after_ms = INT64_C(4102444800000),
					   .device_type = "gate\033[2Jway"};
	cr_assert(store_reserve(f.bridge.store, id, NULL, on_stored, NULL) == ERR_OK);
	wait_stored();
	cr_assert(store_record_enrollment(f.bridge.store, &record, on_stored, NULL) == ERR_OK);
	wait_stored();
}

Test(admin_cli, lists_all_devices_over_pages)
{
	enum { N = 150 }; // more than a page
	for (int i = 0; i < N; i++) {
		char id[32];
		snprintf(id, sizeof(id), "dev-%03d", i);
		cr_assert(store_reserve(f.bridge.store, id, NULL, on_stored, NULL) == ERR_OK);
		wait_stored();
	}
	enroll("dev-007", "4711");
	cr_assert(eq(int, run("list", NULL), ADMIN_OK), "%s", err);
	cr_expect(strncmp(out, "ID  ", 4) == 0, "%s", out);
	cr_expect(strstr(out, "dev-149 ") != NULL, "%s", out);
	cr_expect(strstr(out, "reserved") && strstr(out, "enrolled"), "%s", out);
	cr_expect(strchr(out, '\033') == NULL, "a device must not steer the terminal");
	cr_assert(eq(int, run_with((struct admin_options){.command = "list", .json = true}), 0));
	json_auto_t *all = json_loads(out, 0, NULL);
	cr_expect(eq(sz, json_array_size(all), 150), "%s", out);
	cr_assert(eq(int,
		     run_with((struct admin_options){
			     .command = "list", .json = true, .state = "enrolled"}),
		     0));
	json_auto_t *some = json_loads(out, 0, NULL);
	cr_expect(eq(sz, json_array_size(some), 1), "%s", out);
}

Test(admin_cli, an_empty_list_is_a_list)
{
	cr_assert(eq(int, run_with((struct admin_options){.command = "list", .json = true}), 0));
	cr_expect(eq(str, out, "[]\n"));
}

Test(admin_cli, shows_one_device)
{
	enroll("dev-1", "4711");
	cr_assert(eq(int, run("show", "dev-1"), ADMIN_OK), "%s", err);
	cr_expect(strstr(out, "10.8.0.2") && strstr(out, "4711  valid  2100-01-01"), "%s", out);
	cr_expect(strchr(out, '\033') == NULL, "%s", out);
	cr_assert(
		eq(int,
		   run_with((struct admin_options){.command = "show", .id = "dev-1", .json = true}),
		   ADMIN_OK));
	json_auto_t *body = json_loads(out, 0, NULL);
	cr_expect(eq(str, (char *)json_string_value(json_object_get(body, "id")), "dev-1"));
	cr_expect(eq(int, run("show", "dev-2"), ADMIN_NOT_FOUND));
	cr_expect(eq(str, err, "iot-bridge admin: HTTP 404: no such device\n"));
}

// step-ca is away: the certificate waits for its revocation, unless force gives it up.
Test(admin_cli, decommission_tells_what_is_left_to_do)
{
	enroll("dev-1", "4711");
	cr_assert(eq(int, run("decommission", "dev-1"), ADMIN_LATER), "%s", err);
	cr_expect(strncmp(out, "dev-1: decommissioning\n", 23) == 0, "%s", out);
	cr_expect(strstr(out, "revoke_certificates  pending  ") != NULL, "%s", out);
	cr_assert(eq(int,
		     run_with((struct admin_options){
			     .command = "decommission", .id = "dev-1", .force = true}),
		     ADMIN_OK),
		  "%s%s", out, err);
	cr_expect(strncmp(out, "dev-1: decommissioned\n", 22) == 0, "%s", out);
	cr_expect(strstr(out, "revoke_certificates  failed  ") != NULL, "%s", out);
	cr_expect(eq(int, run("decommission", "nobody"), ADMIN_NOT_FOUND));
}

Test(admin_cli, refusals_have_their_own_exit_codes)
{
	SECRET_AUTO struct secret wrong = SECRET_NONE;
	struct secret none = SECRET_NONE;
	cr_assert(secret_set(&wrong, BYTES_STR("wrong")) == ERR_OK);
	cr_expect(eq(int,
		     run_with((struct admin_options){.command = "list", .client.token = &wrong}),
		     ADMIN_REFUSED));
	cr_expect(strstr(err, "wrong") == NULL, "the token is not repeated: %s", err);
	cr_expect(eq(int,
		     run_with((struct admin_options){.command = "list", .client.token = &none}),
		     EX_CONFIG));
	cr_expect(eq(int,
		     run_with((struct admin_options){.command = "list",
						     .client.url = "http://127.0.0.1:1"}),
		     ADMIN_UNREACHABLE));
	// TLS towards a server that has none.
	char https[80];
	snprintf(https, sizeof(https), "https%s", url + 4);
	cr_expect(eq(int,
		     run_with((struct admin_options){
			     .command = "list",
			     .client.url = https,
			     .client.fingerprint =
				     "8f82d97e4cbf535a4dcc4c07ac0cabe9c211058d2af0054283d4180df608"
				     "38c0"}),
		     ADMIN_UNREACHABLE));
}

Test(admin_cli, misuse_is_told_before_anything_is_sent)
{
	cr_expect(eq(int, run(NULL, NULL), EX_USAGE));
	cr_expect(eq(int, run("lst", NULL), EX_USAGE));
	cr_expect(eq(int, run("show", NULL), EX_USAGE));
	cr_expect(eq(int, run("list", "dev-1"), EX_USAGE));
	cr_expect(eq(int, run("show", "../metrics"), EX_USAGE));
	cr_expect(eq(int, run_with((struct admin_options){.command = "list", .state = "a&limit=1"}),
		     EX_USAGE));
	cr_expect(eq(
		int,
		run_with((struct admin_options){.command = "list", .client.url = "ftp://bridge"}),
		EX_USAGE));
	cr_expect(eq(int,
		     run_with((struct admin_options){.command = "list",
						     .client.url = "https://127.0.0.1:1",
						     .client.fingerprint = "abc"}),
		     EX_USAGE));
}

// SPDX-License-Identifier: Apache-2.0
// The control protocol over a real socketpair, with a device that has no stack to talk to.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"

static int fds[2];
static pthread_t thread;
static int exit_code = -1;

static void *
serve(void *arg)
{
	(void)arg;
	exit_code = control_run(fds[1]);
	return NULL;
}

static void
setup(void)
{
	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0));
	cr_assert(eq(int, pthread_create(&thread, NULL, serve, NULL), 0));
}

static void
teardown(void)
{
	close(fds[0]);
	pthread_join(thread, NULL);
	cr_expect(eq(int, exit_code, 0));
}

TestSuite(control, .init = setup, .fini = teardown);

static void
say(const char *text)
{
	cr_assert(eq(sz, (size_t)write(fds[0], text, strlen(text)), strlen(text)));
}

// The next line; the caller frees.
static json_t *
hear(void)
{
	static char line[65536];
	size_t n = 0;
	while (n < sizeof(line) - 1 && read(fds[0], line + n, 1) == 1 && line[n] != '\n')
		n++;
	json_t *json = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(json != NULL, "not JSON: %.*s", (int)n, line);
	return json;
}

// The next answer, events skipped.
static json_t *
hear_answer(void)
{
	for (;;) {
		json_t *json = hear();
		if (json_object_get(json, "ok"))
			return json;
		json_decref(json);
	}
}

static bool
is_ok(const json_t *answer)
{
	return json_is_true(json_object_get(answer, "ok"));
}

static const char *
text_at(const json_t *json, const char *object, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(json, object), name));
	return text ? text : "";
}

static void
expect_error(const char *line, const char *layer, const char *kind, const char *words)
{
	say(line);
	json_auto_t *a = hear_answer();
	cr_expect(not(is_ok(a)), "%s", line);
	cr_expect(
		eq(str, (char *)(uintptr_t)text_at(a, "error", "layer"), (char *)(uintptr_t)layer));
	cr_expect(eq(str, (char *)(uintptr_t)text_at(a, "error", "kind"), (char *)(uintptr_t)kind),
		  "%s", line);
	cr_expect(strstr(text_at(a, "error", "text"), words) != NULL, "said: %s",
		  text_at(a, "error", "text"));
	cr_expect(json_object_get(a, "result") != NULL);
}

static void
expect_ok(const char *line)
{
	say(line);
	json_auto_t *a = hear_answer();
	cr_expect(is_ok(a), "%s: %s", line, text_at(a, "error", "text"));
}

Test(control, mistakes_are_explained)
{
	expect_error("rubbish\n", "usage", "bad-json", "not a JSON line");
	expect_error("[1,2]\n", "usage", "unknown-command", "mqtt.connect");
	expect_error("{\"id\":1,\"cmd\":\"enrol\"}\n", "usage", "unknown-command", "'enrol'");
	expect_error("{\"id\":1,\"cmd\":\"enroll\"}\n", "usage", "no-device", "\"device\"");
	expect_error("{\"id\":1,\"cmd\":\"enroll\",\"device\":\"../x\"}\n", "usage", "bad-device",
		     "");
	expect_error("{\"id\":1,\"cmd\":\"state\",\"device\":\"d\",\"with\":[]}\n", "usage",
		     "bad-value", "'with'");
	expect_error("{\"id\":1,\"cmd\":\"enroll\",\"device\":\"d\",\"with\":{\"csr\":\"odd\"}}\n",
		     "usage", "bad-value", "bad-signature");
	expect_error("{\"id\":1,\"cmd\":\"enroll\",\"device\":\"d\",\"with\":{\"retries\":-1}}\n",
		     "usage", "bad-value", "'retries'");
	expect_error("{\"id\":1,\"cmd\":\"configure\",\"with\":{\"fingerprint\":\"12\"}}\n",
		     "usage", "bad-value", "fingerprint");
	expect_error("{\"id\":1,\"cmd\":\"configure\",\"with\":{\"mqtt\":\"http://x\"}}\n", "usage",
		     "bad-value", "mqtts://");
}

Test(control, a_command_that_the_state_does_not_know)
{
	expect_error("{\"id\":1,\"cmd\":\"mqtt.connect\",\"device\":\"d\"}\n", "usage",
		     "wrong-state", "NEW");
	expect_error("{\"id\":1,\"cmd\":\"ping\",\"device\":\"d\"}\n", "usage", "wrong-state",
		     "NEW");
	expect_error("{\"id\":1,\"cmd\":\"renew\",\"device\":\"d\"}\n", "usage", "wrong-state",
		     "NEW");
}

Test(control, enrolling_without_a_configuration)
{
	expect_error("{\"id\":1,\"cmd\":\"enroll\",\"device\":\"d\"}\n", "usage", "not-configured",
		     "fingerprint");
}

Test(control, ids_come_back_as_they_were)
{
	say("{\"id\":\"seven\",\"cmd\":\"state\",\"device\":\"dev-1\"}\n");
	json_auto_t *a = hear_answer();
	cr_expect(eq(str, (char *)(uintptr_t)json_string_value(json_object_get(a, "id")),
		     (char *)(uintptr_t) "seven"));
	cr_expect(eq(str, (char *)(uintptr_t)text_at(a, "result", "state"),
		     (char *)(uintptr_t) "NEW"));
}

Test(control, nobody_listens_at_the_bridge)
{
	// Port 1 on loopback: nobody has it.
	expect_ok(
		"{\"id\":1,\"cmd\":\"configure\",\"with\":{\"bridge\":\"https://127.0.0.1:1\","
		"\"fingerprint\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
		"\"backoff_base_ms\":1,\"backoff_cap_ms\":5}}\n");
	say("{\"id\":2,\"cmd\":\"enroll\",\"device\":\"dev-1\",\"with\":{\"retries\":2}}\n");
	bool saw_backoff = false;
	for (;;) {
		json_auto_t *line = hear();
		const char *state = json_string_value(json_object_get(line, "state"));
		saw_backoff |= state && strcmp(state, "BACKOFF_ENROLL") == 0;
		if (!json_object_get(line, "ok"))
			continue;
		cr_expect(not(is_ok(line)));
		cr_expect(eq(str, (char *)(uintptr_t)text_at(line, "error", "layer"),
			     (char *)(uintptr_t) "http"));
		cr_expect(eq(str, (char *)(uintptr_t)text_at(line, "error", "kind"),
			     (char *)(uintptr_t) "upstream_down"));
		const json_t *result = json_object_get(line, "result");
		cr_expect(eq(int, (int)json_integer_value(json_object_get(result, "attempts")), 3));
		cr_expect(eq(ptr, json_object_get(result, "skipped"), json_false()));
		cr_expect(eq(ptr, json_object_get(result, "cert"), json_null()));
		break;
	}
	cr_expect(saw_backoff, "the transitions are told as events");
}

Test(control, lines_may_come_in_pieces_and_in_bunches)
{
	say("{\"id\":1,\"cmd\":\"sta");
	say("te\",\"device\":\"a\"}\n\n{\"id\":2,\"cmd\":\"state\",\"device\":\"b\"}\n{\"id\":3,");
	say("\"cmd\":\"quit\"}\n");
	for (int i = 1; i <= 3; i++) {
		json_auto_t *a = hear_answer();
		cr_expect(eq(int, (int)json_integer_value(json_object_get(a, "id")), i));
		cr_expect(is_ok(a));
	}
	char c;
	cr_expect(eq(int, (int)read(fds[0], &c, 1), 0), "quit ends the connection");
}

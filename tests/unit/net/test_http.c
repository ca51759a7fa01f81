// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "net_fixture.h"

static void
post(struct net_fixture *f, const char *path, struct bytes body)
{
	char url[512];
	snprintf(url, sizeof(url), "%s%s", f->base, path);
	const struct http_request r = {
		.method = "POST", .url = url, .tls = f->tls_client, .body = body};
	net_fixture_call(f, &r);
}

static void
exchange(bool tls)
{
	struct net_fixture f;
	net_fixture_init(&f, tls);
	net_fixture_get(&f, "/things/a%2Fb%20c?q=x%26y");
	cr_assert(eq(int, f.answer.status, 200), "%s", f.answer.why.text);
	json_auto_t *body = json_loads(f.body, 0, NULL);
	cr_assert(eq(str, (char *)json_string_value(json_object_get(body, "id")), "a/b c"));
	cr_assert(eq(str, (char *)json_string_value(json_object_get(body, "q")), "x&y"));
	bool seen_tls = json_is_true(json_object_get(body, "tls"));
	cr_assert(seen_tls == tls);

	net_fixture_get(&f, "/later");
	cr_assert(eq(int, f.answer.status, 202));
	cr_assert(eq(str, f.body, "later"));

	char big[32 * 1024];
	memset(big, 'b', sizeof(big));
	post(&f, "/echo", BYTES(big, sizeof(big)));
	cr_assert(eq(int, f.answer.status, 200), "%s", f.answer.why.text);
	cr_assert(strlen(f.body) == sizeof(big) && memcmp(f.body, big, sizeof(big)) == 0);

	net_fixture_get(&f, "/chunked");
	cr_assert(eq(int, f.answer.status, 201));
	cr_assert(strlen(f.body) == 30000);
	net_fixture_fini(&f);
}

Test(http, plain_exchanges)
{
	exchange(false);
}

Test(http, tls_exchanges)
{
	exchange(true);
}

Test(http, connections_are_kept)
{
	struct net_fixture f;
	net_fixture_init(&f, true);
	net_fixture_get(&f, "/later");
	cr_assert(f.answer.connect_ns > 0);
	net_fixture_get(&f, "/later");
	cr_assert(f.answer.connect_ns == 0, "the second call made a new connection");
	net_fixture_fini(&f);
}

Test(http, a_stranger_to_the_certificate_is_told_so)
{
	struct net_fixture f;
	net_fixture_init(&f, true);
	// A verified connection lies in the pool; the stranger must not be given it.
	net_fixture_get(&f, "/later");
	char url[256];
	snprintf(url, sizeof(url), "%s/later", f.base);
	const struct http_request r = {.method = "GET", .url = url, .tls = f.tls_stranger};
	net_fixture_call(&f, &r);
	cr_assert(f.answer.err == ERR_TLS, "%s", f.answer.why.text);
	cr_assert(strstr(f.answer.why.text, "certificate verify failed") != NULL, "%s",
		  f.answer.why.text);
	net_fixture_fini(&f);
}

Test(http, the_name_is_checked)
{
	struct net_fixture f;
	net_fixture_init(&f, true);
	char url[256];
	snprintf(url, sizeof(url), "https://127.0.0.2:%s/later", strrchr(f.base, ':') + 1);
	const struct http_request r = {.method = "GET", .url = url, .tls = f.tls_client};
	net_fixture_call(&f, &r);
	// Nobody listens on 127.0.0.2 when the server is bound to 127.0.0.1 only.
	cr_assert(f.answer.err == ERR_UPSTREAM_DOWN, "%s", f.answer.why.text);
	cr_assert(not(f.answer.connected));
	snprintf(url, sizeof(url), "https://localhost:%s/later", strrchr(f.base, ':') + 1);
	net_fixture_call(&f, &r);
	cr_assert(f.answer.err == ERR_OK, "%s", f.answer.why.text);
	net_fixture_fini(&f);
}

Test(http, refused_and_reset_and_timed_out_are_told_apart)
{
	struct net_fixture f;
	net_fixture_init(&f, false);
	char url[256];
	struct http_request r = {.method = "GET", .url = "http://127.0.0.1:1/"};
	net_fixture_call(&f, &r);
	cr_assert(f.answer.err == ERR_UPSTREAM_DOWN);
	snprintf(url, sizeof(url), "%s/reset", f.base);
	r.url = url;
	net_fixture_call(&f, &r);
	cr_assert(f.answer.err == ERR_CLOSED, "%s", f.answer.why.text);
	cr_assert(f.answer.connected);
	snprintf(url, sizeof(url), "%s/never", f.base);
	r.timeout_ms = 30;
	net_fixture_call(&f, &r);
	cr_assert(f.answer.err == ERR_TIMEOUT, "%s", f.answer.why.text);
	net_fixture_fini(&f); // with a request still waiting
}

Test(http, unknown_path_and_wrong_method)
{
	struct net_fixture f;
	net_fixture_init(&f, false);
	char answer[4096];
	net_fixture_get(&f, "/nowhere");
	cr_assert(eq(int, f.answer.status, 404));
	cr_assert(eq(str, f.content_type, "application/problem+json"));
	net_fixture_raw(&f, "PUT /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer,
			sizeof(answer));
	cr_assert(strstr(answer, "HTTP/1.1 405") == answer, "%s", answer);
	cr_assert(strstr(answer, "Allow: POST\r\n") != NULL, "%s", answer);
	net_fixture_raw(&f, "HEAD /things/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			answer, sizeof(answer));
	cr_assert(strstr(answer, "HTTP/1.1 200") == answer, "%s", answer);
	const char *head_end = strstr(answer, "\r\n\r\n");
	cr_assert(head_end && head_end[4] == '\0', "HEAD was answered with a body");
	net_fixture_get(&f, "/things/");
	cr_assert(eq(int, f.answer.status, 404));
	net_fixture_get(&f, "/things/%zz");
	cr_assert(eq(int, f.answer.status, 400));
	net_fixture_fini(&f);
}

Test(http, a_body_too_large_is_refused_before_it_is_read)
{
	struct net_fixture f;
	net_fixture_init(&f, false);
	char answer[4096];
	net_fixture_raw(&f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
			answer, sizeof(answer));
	cr_assert(strstr(answer, "HTTP/1.1 413") == answer, "%s", answer);
	net_fixture_raw(&f,
			"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
			"Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			answer, sizeof(answer));
	cr_assert(strstr(answer, "HTTP/1.1 200") == answer, "%s", answer);
	cr_assert(strstr(answer, "hello") != NULL);
	net_fixture_fini(&f);
}

Test(http, request_ids_are_kept_when_sane)
{
	struct net_fixture f;
	net_fixture_init(&f, false);
	char answer[4096];
	net_fixture_raw(&f,
			"GET /things/x HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1\r\n"
			"Connection: close\r\n\r\n",
			answer, sizeof(answer));
	cr_assert(strstr(answer, "X-Request-Id: abc-1\r\n") != NULL, "%s", answer);
	net_fixture_raw(&f,
			"GET /things/x HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\n"
			"Connection: close\r\n\r\n",
			answer, sizeof(answer));
	cr_assert(strstr(answer, "X-Request-Id: ") != NULL);
	cr_assert(strstr(answer, "a b") == NULL, "%s", answer);
	net_fixture_fini(&f);
}

Test(http, a_port_in_use_is_named)
{
	struct net_fixture f;
	net_fixture_init(&f, false);
	struct http_server *second = NULL;
	struct why why = {0};
	struct http_server_options o = {.log = &f.log, .addr = http_server_addr(f.server)};
	cr_assert(http_server_new(&second, &f.loop, &o, &why) == ERR_CONFLICT);
	cr_assert(strstr(why.text, "is in use") != NULL, "%s", why.text);
	net_fixture_fini(&f);
}

static void
on_done_free(const struct http_answer *answer, void *ctx)
{
	struct net_fixture *f = ctx;
	cr_assert(answer->err == ERR_OK);
	http_client_free(f->client);
	f->client = NULL;
	f->finished++;
}

Test(http, the_client_may_be_freed_by_its_last_callback)
{
	struct net_fixture f;
	net_fixture_init(&f, true);
	char url[256];
	snprintf(url, sizeof(url), "%s/later", f.base);
	const struct http_request r = {.method = "GET", .url = url, .tls = f.tls_client};
	cr_assert(http_call_start(NULL, f.client, &r, on_done_free, &f) == ERR_OK);
	cr_assert(http_call_start(NULL, f.client, &r, on_done_free, &f) == ERR_OK);
	while (f.finished == 0)
		uv_run(&f.loop, UV_RUN_ONCE);
	net_fixture_fini(&f);
	cr_assert(eq(int, f.finished, 1), "the other call was cancelled with the client");
}

// On one loop both ends take turns, so this cannot show the race between alert and RST; that is
// tests/interop/tls_alert.sh. It holds that the alert is told as such, round after round.
Test(http, a_refused_client_certificate_is_told_by_alert)
{
	struct net_fixture f;
	net_fixture_init(&f, true);
	char url[256];
	static char body[30000]; // keeps on arriving while the server refuses
	snprintf(url, sizeof(url), "%s/echo", f.base);
	for (int i = 0; i < 40; i++) {
		const struct http_request r = {.method = "POST",
					       .url = url,
					       .tls = f.tls_bad_identity,
					       .body = BYTES(body, sizeof(body)),
					       .fresh_connection = true};
		net_fixture_call(&f, &r);
		cr_assert(f.answer.err == ERR_TLS, "round %d: %s: %s", i, err_name(f.answer.err),
			  f.answer.why.text);
		cr_assert(strstr(f.answer.why.text, "alert") != NULL, "%s", f.answer.why.text);
	}
	net_fixture_fini(&f);
}

// A token that is sent twice is spent: nobody but the caller may repeat a POST.
static void
post_is_sent_once(bool tls)
{
	struct net_fixture f;
	net_fixture_init(&f, tls);
	net_fixture_get(&f, "/later"); // leaves a connection in the pool
	cr_assert(f.answer.err == ERR_OK);
	post(&f, "/reset", BYTES_STR("{\"ott\":\"once\"}"));
	cr_assert(f.answer.err == ERR_CLOSED, "%s", f.answer.why.text);
	cr_assert(f.answer.connected, "the server may have acted");
	cr_assert(eq(int, f.resets, 1));
	net_fixture_fini(&f);
}

Test(http, a_post_is_never_repeated_on_its_own)
{
	post_is_sent_once(false);
	post_is_sent_once(true);
}

// SPDX-License-Identifier: Apache-2.0
// What HTTP asks of a server beyond the routes, over the whole bridge.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge_fixture.h"

static struct bridge_fixture f;

static void
setup(void)
{
	bridge_fixture_open(&f);
}

static void
teardown(void)
{
	bridge_fixture_close(&f);
}

TestSuite(http_details, .init = setup, .fini = teardown, .timeout = 60);

static bool
has(const char *text)
{
	return strstr(f.answer, text) != NULL;
}

static bool
is_problem(const char *kind)
{
	char type[128];
	snprintf(type, sizeof(type), "\"urn:provsim:%s\"", kind);
	return has("Content-Type: application/problem+json\r\n") && has(type);
}

static size_t
count(const char *text)
{
	size_t n = 0;
	for (const char *p = f.answer; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void
send_all(int fd, const char *text)
{
	cr_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

Test(http_details, a_wrong_method_is_told_the_right_ones)
{
	static const struct {
		const char *method;
		const char *path;
		const char *allow;
	} rows[] = {
		{"GET",	"/devices/dev-1/enroll", "POST"	       },
		{"PUT",	"/v1/enroll",	      "POST"		    },
		{"PATCH",	  "/webhooks/thingsboard", "POST"		 },
		{"POST",	 "/devices",		     "GET, HEAD"	},
		{"POST",	 "/devices/dev-1",	   "GET, HEAD, DELETE"},
		{"DELETE",  "/pki/root/abc",	    "GET, HEAD"	       },
		{"POST",	 "/health",		    "GET, HEAD"	       },
		{"OPTIONS", "/ready",		      "GET, HEAD"	 },
		{"POST",	 "/metrics",		     "GET, HEAD"	},
		{"PUT",	"/openapi.json",	 "GET, HEAD"	    },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char allow[128];
		snprintf(allow, sizeof(allow), "Allow: %s\r\n", rows[i].allow);
		int status = bridge_fixture_call(&f, rows[i].method, rows[i].path, NULL, NULL);
		cr_expect(eq(int, status, 405), "%s %s", rows[i].method, rows[i].path);
		cr_expect(has(allow), "%s %s: %s", rows[i].method, rows[i].path, f.answer);
		cr_expect(is_problem("method-not-allowed"), "%s", f.answer);
	}
}

Test(http_details, an_unknown_path_is_a_problem_too)
{
	cr_expect(eq(int, bridge_fixture_call(&f, "GET", "/", NULL, NULL), 404));
	cr_expect(is_problem("not-found"), "%s", f.answer);
	cr_expect(has("\r\nX-Request-Id: "), "%s", f.answer);
	cr_expect(eq(int, bridge_fixture_call(&f, "GET", "/health/", NULL, NULL), 404));
	cr_expect(eq(int, bridge_fixture_call(&f, "GET", "/Health", NULL, NULL), 404));
}

// The head is the one that GET would have, its Content-Length too; no body follows.
Test(http_details, head_is_get_without_the_body)
{
	static const char *const paths[] = {"/health", "/ready", "/openapi.json", "/nowhere"};
	for (size_t i = 0; i < N_ELEMENTS(paths); i++) {
		char length[64];
		int status = bridge_fixture_call(&f, "GET", paths[i], NULL, NULL);
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(f.body));
		cr_expect(has(length), "%s", f.answer);
		cr_expect(eq(int, bridge_fixture_call(&f, "HEAD", paths[i], NULL, NULL), status),
			  "%s", paths[i]);
		cr_expect(has(length), "%s: %s", paths[i], f.answer);
		cr_expect(f.body[0] == '\0', "%s was answered with a body", paths[i]);
	}
}

#define ENROLL_HEAD "POST /devices/dev-1/enroll HTTP/1.1\r\nHost: x\r\n"

Test(http_details, a_huge_body_is_refused_before_it_is_read)
{
	bridge_fixture_raw(&f, ENROLL_HEAD "Content-Length: 68719476736\r\n\r\n");
	cr_expect(eq(int, f.status, 413), "%s", f.answer);
	cr_expect(is_problem("too-large"), "%s", f.answer);
	cr_expect(has("\r\nX-Request-Id: "), "%s", f.answer);
	// One byte over the limit is too much, the limit itself is not.
	bridge_fixture_raw(&f, ENROLL_HEAD "Content-Length: 65537\r\n\r\n");
	cr_expect(eq(int, f.status, 413), "%s", f.answer);
	static char body[65536 + 1];
	memset(body, ' ', sizeof(body) - 1);
	cr_expect(
		eq(int, bridge_fixture_call(&f, "POST", "/devices/dev-1/enroll", NULL, body), 400));
	cr_expect(is_problem("bad-json"), "%s", f.answer);
}

Test(http_details, a_chunked_body_is_measured_as_it_comes)
{
	static char text[100 * 1024];
	int n = snprintf(text, sizeof(text),
			 ENROLL_HEAD "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
				     "10001\r\n");
	memset(text + n, 'x', 0x10001);
	snprintf(text + n + 0x10001, 64, "\r\n0\r\n\r\n");
	bridge_fixture_raw(&f, text);
	cr_expect(eq(int, f.status, 413), "%s", f.answer);
	cr_expect(is_problem("too-large"), "%s", f.answer);
}

Test(http_details, contradicting_lengths_are_not_guessed_about)
{
	static const char *const heads[] = {
		"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"Content-Length: -1\r\n\r\n",
		"Content-Length: 0x10\r\n\r\n",
		"Content-Length: 99999999999999999999999\r\n\r\n",
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
	};
	for (size_t i = 0; i < N_ELEMENTS(heads); i++) {
		char request[512];
		snprintf(request, sizeof(request), ENROLL_HEAD "%s", heads[i]);
		bridge_fixture_raw(&f, request); // returns when the bridge has closed
		cr_expect(f.status == 0 || f.status >= 400, "row %zu: %s", i, f.answer);
		cr_expect(count("HTTP/1.1 2") == 0, "row %zu: %s", i, f.answer);
		if (i == 0 || i == 4)
			cr_expect(is_problem("bad-framing"), "row %zu: %s", i, f.answer);
	}
}

Test(http_details, a_client_that_waits_is_told_to_go_on)
{
	int fd = bridge_fixture_connect(&f);
	send_all(fd, ENROLL_HEAD "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	bridge_fixture_read(&f, fd, "\r\n\r\n");
	cr_expect(strcmp(f.answer, "HTTP/1.1 100 Continue\r\n\r\n") == 0, "%s", f.answer);
	send_all(fd, "{}");
	bridge_fixture_read(&f, fd, "}");
	cr_expect(eq(int, f.status, 422), "%s", f.answer);
	cr_expect(is_problem("invalid-request"), "%s", f.answer);
	close(fd);
	// Nobody is asked for a body that will be refused.
	bridge_fixture_raw(&f,
			   ENROLL_HEAD "Expect: 100-continue\r\nContent-Length: 999999\r\n\r\n");
	cr_expect(eq(int, f.status, 413), "%s", f.answer);
	cr_expect(has("100 Continue") == false, "%s", f.answer);
}

// The second needs the store, so it is answered later than it came; the order must hold.
Test(http_details, pipelined_requests_are_answered_in_order)
{
	bridge_fixture_raw(
		&f,
		"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET /devices/nobody HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " FIXTURE_ADMIN_TOKEN
		"\r\n\r\n" ENROLL_HEAD "Content-Length: 2\r\n\r\n{}"
		"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	const char *at = f.answer;
	static const char *const order[] = {"HTTP/1.1 200 ",  "iot-bridge-api", "HTTP/1.1 404 ",
					    "no such device", "HTTP/1.1 422 ",	"invalid-request",
					    "HTTP/1.1 200 ",  "HTTP/1.1 503 ",	"not_ready"};
	for (size_t i = 0; i < N_ELEMENTS(order); i++) {
		const char *found = strstr(at, order[i]);
		cr_assert(found != NULL, "%s is missing in\n%s", order[i], f.answer);
		at = found;
	}
	cr_expect(eq(sz, count("HTTP/1.1 "), 5), "%s", f.answer);
}

Test(http_details, a_connection_serves_many_requests)
{
	int fd = bridge_fixture_connect(&f);
	for (int i = 0; i < 50; i++) {
		send_all(fd, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
		bridge_fixture_read(&f, fd, "}");
		cr_assert(eq(int, f.status, 200), "%s", f.answer);
	}
	cr_expect(eq(sz, http_server_connections(f.bridge.server), 1));
	close(fd);
	// HTTP/1.0 does not keep it unless it asks.
	bridge_fixture_raw(&f, "GET /health HTTP/1.0\r\n\r\n");
	cr_expect(has("iot-bridge-api"), "%s", f.answer);
}

Test(http_details, ids_may_come_percent_encoded)
{
	char path[256];
	char *body = bridge_fixture_enroll_body("dev-1.a_b");
	// As far as the CA, which is not there: the id was understood and fits the CSR.
	snprintf(path, sizeof(path), "/devices/%%64ev%%2D1%%2ea%%5Fb/enroll");
	cr_expect(eq(int, bridge_fixture_call(&f, "POST", path, NULL, body), 503), "%s", f.answer);
	cr_expect(is_problem("ca-unreachable") && has("\"dev-1.a_b\""), "%s", f.answer);
	cr_expect(eq(int,
		     bridge_fixture_call(&f, "GET", "/devices/dev%2d1.a_b", FIXTURE_ADMIN_TOKEN,
					 NULL),
		     200),
		  "%s", f.answer);
	free(body);
}

Test(http_details, hostile_ids_are_refused_and_not_echoed_raw)
{
	static const struct {
		const char *id;
		int status;
	} rows[] = {
		{"a%2Fb",		  422},
		  {"..%2f..%2fetc",	    422},
		{"%2e%2e",		   422},
		  {"dev%0d%0aX-Evil:1", 422},
		{"dev%00",		   400},
		  {"%C3%A9",	     422},
		{"%22%3Cscript%3E",   422},
		  {"dev%",		   400},
		{"dev%g0",		   400},
		  {"dev+1",		    422},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char path[256];
		snprintf(path, sizeof(path), "/devices/%s/enroll", rows[i].id);
		int status = bridge_fixture_call(&f, "POST", path, NULL, "{\"csr_pem\":\"x\"}");
		cr_expect(eq(int, status, rows[i].status), "%s: %s", rows[i].id, f.answer);
		cr_expect(is_problem(status == 422 ? "invalid-device-id" : "bad-path"), "%s: %s",
			  rows[i].id, f.answer);
		cr_expect(strstr(f.answer, "X-Evil:1\r") == NULL &&
				  strstr(f.answer, "\nX-Evil") == NULL,
			  "%s", f.answer);
	}
}

Test(http_details, the_callers_request_id_comes_back_if_it_is_sane)
{
	bridge_fixture_raw(&f, "GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: trace-7.a\r\n"
			       "Connection: close\r\n\r\n");
	cr_expect(has("X-Request-Id: trace-7.a\r\n"), "%s", f.answer);
	cr_expect(has("\"request_id\":\"trace-7.a\""), "%s", f.answer);
	cr_expect(eq(sz, count("X-Request-Id: "), 1));
	bridge_fixture_raw(&f, "GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b{}\r\n"
			       "Connection: close\r\n\r\n");
	cr_expect(has("a\"b") == false, "%s", f.answer);
	cr_expect(eq(sz, count("X-Request-Id: "), 1));
}

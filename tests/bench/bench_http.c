// SPDX-License-Identifier: Apache-2.0
// CPU of one HTTP exchange through lib/net, both ends on one loop: plain and TLS, connections kept or made fresh.
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "pki/cert.h"

enum {
	CALLS = 4000,
	IN_FLIGHT = 16,
	BODY_BYTES = 600,
};

struct bench {
	uv_loop_t loop;
	struct log log;
	struct http_client *client;
	struct tls_server *tls_server;
	struct tls_client *tls_client;
	struct http_request request;
	int started, finished;
};

static void
must(enum err err)
{
	if (err == ERR_OK)
		return;
	fprintf(stderr, "bench_http: %s\n", err_text(err));
	exit(70);
}

static void
echo(struct http_req *req, void *ctx)
{
	(void)ctx;
	http_reply(req, 200, "application/json", http_req_body(req));
}

static const struct http_route routes[] = {
	{"POST", "/echo", echo, 4096, "echo"},
};

static void
make_tls(struct bench *b)
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	BUF_AUTO struct buf pem;
	SAN_LIST_AUTO struct san_list sans;
	buf_init(&pem, 8192);
	san_list_init(&sans);
	must(san_list_add_host(&sans, "127.0.0.1"));
	must(key_generate(&key));
	const struct cert_template t = {.cn = "bench",
					.key = key,
					.not_before = clock_wall_s() - 60,
					.not_after = clock_wall_s() + 3600,
					.sans = &sans,
					.is_ca = true,
					.path_len = 0,
					.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN};
	must(cert_issue_root(&cert, &t));
	must(cert_to_pem(&pem, cert));
	const struct tls_server_options so = {.chain_pem = buf_bytes(&pem), .key = key, .alpn_http = true};
	const struct tls_client_options co = {.roots_pem = buf_bytes(&pem)};
	must(tls_server_new(&b->tls_server, &so, NULL));
	must(tls_client_new(&b->tls_client, &co, NULL));
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void on_done(const struct http_answer *answer, void *ctx);

static void
start_one(struct bench *b)
{
	b->started++;
	must(http_call_start(NULL, b->client, &b->request, on_done, b));
}

static void
on_done(const struct http_answer *answer, void *ctx)
{
	struct bench *b = ctx;
	must(answer->err);
	b->finished++;
	if (b->started < CALLS)
		start_one(b);
	else if (b->finished == CALLS)
		uv_stop(&b->loop);
}

static void
measure(const char *name, bool tls, bool fresh)
{
	struct bench b = {.log = log_new("bench", LOG_OFF)};
	static const char body[BODY_BYTES] = "{}";
	char url[128], text[ADDR_TEXT_BYTES];
	struct http_server *server = NULL;
	uv_loop_init(&b.loop);
	if (tls)
		make_tls(&b);
	struct http_server_options o = {
		.tls = b.tls_server, .routes = routes, .n_routes = N_ELEMENTS(routes), .log = &b.log};
	must(addr_parse(&o.addr, "127.0.0.1:0", NULL));
	must(http_server_new(&server, &b.loop, &o, NULL));
	must(http_client_new(&b.client, &b.loop, NULL));
	struct addr addr = http_server_addr(server);
	addr_format(text, &addr);
	snprintf(url, sizeof(url), "%s://%s/echo", tls ? "https" : "http", text);
	b.request = (struct http_request){.method = "POST",
					  .url = url,
					  .tls = b.tls_client,
					  .body = BYTES(body, sizeof(body)),
					  .fresh_connection = fresh};
	uint64_t start = clock_process_cpu_ns();
	for (int i = 0; i < IN_FLIGHT; i++)
		start_one(&b);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	printf("%-28s %7.1f us\n", name, (double)(clock_process_cpu_ns() - start) / 1000.0 / CALLS);
	http_client_free(b.client);
	http_server_free(server);
	tls_server_unref(b.tls_server);
	tls_client_unref(b.tls_client);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	uv_loop_close(&b.loop);
}

int
main(void)
{
	printf("CPU of one exchange, both ends (%d calls, %d in flight, %d bytes)\n", CALLS, IN_FLIGHT,
	       BODY_BYTES);
	measure("plain, kept", false, false);
	measure("plain, fresh connection", false, true);
	measure("TLS, kept", true, false);
	measure("TLS, fresh connection", true, true);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "net_fixture.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

enum {
	SLOW_MS = 1300, // longer than an impatient server waits for a request
};

static void
echo(struct http_req *req, void *ctx)
{
	(void)ctx;
	http_reply(req, 200, "text/plain", http_req_body(req));
}

static void
greet(struct http_req *req, void *ctx)
{
	(void)ctx;
	const char *q = http_req_query(req, "q");
	http_reply_json(req, 200,
			json_pack("{s:s, s:s?, s:b}", "id", http_req_param(req, "id"), "q", q,
				  "tls", http_req_ssl(req) != NULL));
}

struct later {
	uv_timer_t timer;
	struct http_req *req;
};

static void
on_later_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
on_later(uv_timer_t *timer)
{
	struct later *later = timer->data;
	http_reply(later->req, 202, "text/plain", BYTES_STR("later"));
	uv_close((uv_handle_t *)timer, on_later_closed);
}

static void
answer_later(struct http_req *req, void *ctx)
{
	(void)ctx;
	struct later *later = calloc(1, sizeof(*later));
	later->req = req;
	uv_timer_init(http_req_loop(req), &later->timer);
	later->timer.data = later;
	uv_timer_start(&later->timer, on_later,
		       strcmp(http_req_path(req), "/slow") == 0 ? SLOW_MS : 5, 0);
}

static void
never(struct http_req *req, void *ctx)
{
	(void)req;
	(void)ctx;
}

static void
reset(struct http_req *req, void *ctx)
{
	((struct net_fixture *)ctx)->resets++;
	http_req_abort(req, true);
}

static void
chunked(struct http_req *req, void *ctx)
{
	(void)ctx;
	static char text[30000];
	memset(text, 'x', sizeof(text));
	http_reply_chunked(req, 201, "text/plain", BYTES(text, sizeof(text)));
}

static const struct http_route routes[] = {
	{"POST", "/echo",	  echo,		32 * 1024, "echo"	 },
	     {"GET",  "/things/{id}", greet,	    0,	       "things"    },
	{"GET",  "/slow",	 answer_later, 0,	  "slow"	},
	{"GET",	"/later",	  answer_later, 0,	   "later"	  },
	     {"GET",  "/never",       never,	      0,	 "never"	},
	{"GET",	"/reset",	  reset,	 0,	    "reset"	   },
	     {"POST", "/reset",	reset,	       4096,	     "reset.post"},
	{"GET",	"/chunked",	    chunked,	     0,		"chunked"	 },
};

static void
add_san(X509 *cert)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *san =
		X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
}

static EVP_PKEY *
make_identity(struct buf *pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	add_san(cert);
	X509_sign(cert, key, EVP_sha256());
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, cert);
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	cr_assert(buf_append(pem, text, (size_t)n) == ERR_OK);
	BIO_free(bio);
	X509_free(cert);
	return key;
}

static void
make_tls(struct net_fixture *f)
{
	BUF_AUTO struct buf pem, other;
	buf_init(&pem, 8192);
	buf_init(&other, 8192);
	EVP_PKEY *key = make_identity(&pem);
	EVP_PKEY *other_key = make_identity(&other);
	struct tls_server_options so = {.chain_pem = buf_bytes(&pem),
					.key = key,
					.alpn_http = true,
					.client_auth = TLS_CLIENT_VERIFY_IF_GIVEN,
					.client_ca_pem = buf_bytes(&pem)};
	struct tls_client_options co = {.roots_pem = buf_bytes(&pem), .alpn = "http/1.1"};
	cr_assert(tls_server_new(&f->tls_server, &so, NULL) == ERR_OK);
	cr_assert(tls_client_new(&f->tls_client, &co, NULL) == ERR_OK);
	co.chain_pem = buf_bytes(&other);
	co.key = other_key;
	cr_assert(tls_client_new(&f->tls_bad_identity, &co, NULL) == ERR_OK);
	co = (struct tls_client_options){.roots_pem = buf_bytes(&other), .alpn = "http/1.1"};
	cr_assert(tls_client_new(&f->tls_stranger, &co, NULL) == ERR_OK);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
}

static void
open_all(struct net_fixture *f, bool tls, unsigned idle_s, unsigned request_ms)
{
	*f = (struct net_fixture){.log = log_new("test", LOG_OFF)};
	struct why why = {0};
	uv_loop_init(&f->loop);
	signal(SIGPIPE, SIG_IGN);
	if (tls)
		make_tls(f);
	struct http_server_options o = {
		.server_name = "test",
		.tls = f->tls_server,
		.routes = routes,
		.ctx = f,
		.n_routes = N_ELEMENTS(routes),
		.log = &f->log,
		.echo_request_id = true,
		.idle_timeout_s = idle_s,
		.request_timeout_ms = request_ms,
	};
	cr_assert(addr_parse(&o.addr, "127.0.0.1:0", &why) == ERR_OK);
	cr_assert(http_server_new(&f->server, &f->loop, &o, &why) == ERR_OK, "%s", why.text);
	cr_assert(http_client_new(&f->client, &f->loop, &why) == ERR_OK);
	char text[ADDR_TEXT_BYTES];
	struct addr addr = http_server_addr(f->server);
	addr_format(text, &addr);
	snprintf(f->base, sizeof(f->base), "%s://%s", tls ? "https" : "http", text);
}

void
net_fixture_init(struct net_fixture *f, bool tls)
{
	open_all(f, tls, 0, 0);
}

void
net_fixture_init_impatient(struct net_fixture *f, bool tls, unsigned request_timeout_ms)
{
	open_all(f, tls, 1, request_timeout_ms);
}

void
net_fixture_fini(struct net_fixture *f)
{
	http_client_free(f->client);
	http_server_free(f->server);
	tls_server_unref(f->tls_server);
	tls_client_unref(f->tls_client);
	tls_client_unref(f->tls_stranger);
	tls_client_unref(f->tls_bad_identity);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&f->loop) == 0, "a handle was left open");
}

static void
on_done(const struct http_answer *answer, void *ctx)
{
	struct net_fixture *f = ctx;
	f->answer = *answer;
	size_t n = answer->body.n < sizeof(f->body) ? answer->body.n : sizeof(f->body) - 1;
	memcpy(f->body, answer->body.p ? (const char *)answer->body.p : "", n);
	f->body[n] = '\0';
	snprintf(f->content_type, sizeof(f->content_type), "%s",
		 answer->content_type ? answer->content_type : "");
	f->finished++;
}

void
net_fixture_call(struct net_fixture *f, const struct http_request *r)
{
	int before = f->finished;
	cr_assert(http_call_start(NULL, f->client, r, on_done, f) == ERR_OK);
	cr_assert(f->finished == before, "done was called from inside http_call_start");
	while (f->finished == before)
		uv_run(&f->loop, UV_RUN_ONCE);
}

void
net_fixture_get(struct net_fixture *f, const char *path)
{
	char url[512];
	snprintf(url, sizeof(url), "%s%s", f->base, path);
	const struct http_request r = {.method = "GET", .url = url, .tls = f->tls_client};
	net_fixture_call(f, &r);
}

void
net_fixture_raw(struct net_fixture *f, const char *request, char *answer, size_t size)
{
	struct addr addr = http_server_addr(f->server);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(connect(fd, (struct sockaddr *)&addr.ss, addr.len) == 0);
	cr_assert(write(fd, request, strlen(request)) == (ssize_t)strlen(request));
	size_t got = 0;
	for (;;) {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		ssize_t n = recv(fd, answer + got, size - 1 - got, MSG_DONTWAIT);
		if (n == 0 || got + 1 == size)
			break;
		got += n > 0 ? (size_t)n : 0;
	}
	answer[got] = '\0';
	close(fd);
}

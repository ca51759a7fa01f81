// SPDX-License-Identifier: Apache-2.0
#include "bridge_fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "pki/csr.h"
#include "pki/ossl.h"

#define FINGERPRINT "8f82d97e4cbf535a4dcc4c07ac0cabe9c211058d2af0054283d4180df60838c0"
#define SERVER_KEY  "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

static void
on_listening(void *owner)
{
	((struct bridge_fixture *)owner)->listening = true;
}

static void
on_fatal(enum err err, const struct why *why, void *owner)
{
	(void)owner;
	cr_assert(err == ERR_OK, "%s", why->text);
}

void
bridge_fixture_open(struct bridge_fixture *f)
{
	char data[128];
	const char *const env[] = {
		"STEP_CA_URL=https://127.0.0.1:1",
		"STEP_CA_FINGERPRINT=" FINGERPRINT,
		"STEP_CA_PROVISIONER_PASSWORD=s3cret",
		"STEP_CA_TIMEOUT=1",
		"WG_SUBNET=10.8.0.0/24",
		"WG_SERVER_ENDPOINT=vpn.example.com:51820",
		"WG_SERVER_PUBLIC_KEY=" SERVER_KEY,
		"BRIDGE_LISTEN=127.0.0.1:0",
		"BRIDGE_TLS=off",
		"BRIDGE_ADMIN_TOKEN=" FIXTURE_ADMIN_TOKEN,
		data,
		NULL,
	};
	struct why why = {0};
	BUF_AUTO struct buf problems;
	buf_init(&problems, 4096);
	signal(SIGPIPE, SIG_IGN);
	snprintf(f->folder, sizeof(f->folder), "/tmp/bridge-whole-XXXXXX");
	cr_assert(mkdtemp(f->folder) != NULL);
	snprintf(data, sizeof(data), "WG_DATA_DIR=%s", f->folder);
	cr_assert(config_load(&f->bridge.config, env, &problems) == 0, "%s",
		  (const char *)problems.data);
	cr_assert(uv_loop_init(&f->loop) == 0);
	f->bridge.loop = &f->loop;
	f->bridge.log = log_new("test", LOG_OFF);
	f->bridge.owner = f;
	f->bridge.on_listening = on_listening;
	f->bridge.on_fatal = on_fatal;
	cr_assert(bridge_open(&f->bridge, &why) == ERR_OK, "%s", why.text);
	while (!f->listening)
		uv_run(&f->loop, UV_RUN_ONCE);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
bridge_fixture_close(struct bridge_fixture *f)
{
	bridge_close(&f->bridge);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&f->loop) == 0, "a handle was left open");
	config_fini(&f->bridge.config);
	nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
bridge_fixture_connect(struct bridge_fixture *f)
{
	struct addr addr = http_server_addr(f->bridge.server);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(connect(fd, (struct sockaddr *)&addr.ss, addr.len) == 0);
	return fd;
}

static void
take_apart(struct bridge_fixture *f)
{
	const char *end = strstr(f->answer, "\r\n\r\n");
	f->body = end ? end + 4 : "";
	if (sscanf(f->answer, "HTTP/1.1 %d", &f->status) != 1)
		f->status = 0;
}

void
bridge_fixture_read(struct bridge_fixture *f, int fd, const char *end)
{
	size_t got = 0;
	f->answer[0] = '\0';
	while (!end || !strstr(f->answer, end)) {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		ssize_t n = recv(fd, f->answer + got, sizeof(f->answer) - 1 - got, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		got += n > 0 ? (size_t)n : 0;
		f->answer[got] = '\0';
		cr_assert(got + 1 < sizeof(f->answer), "the answer does not end");
	}
	take_apart(f);
}

void
bridge_fixture_raw(struct bridge_fixture *f, const char *request)
{
	int fd = bridge_fixture_connect(f);
	size_t n = strlen(request);
	cr_assert(write(fd, request, n) == (ssize_t)n);
	bridge_fixture_read(f, fd, NULL);
	close(fd);
}

int
bridge_fixture_call(struct bridge_fixture *f, const char *method, const char *path,
		    const char *token, const char *body)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 128 * 1024);
	cr_assert(buf_printf(&text, "%s %s HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n",
			     method, path) == ERR_OK);
	if (token)
		cr_assert(buf_printf(&text, "Authorization: Bearer %s\r\n", token) == ERR_OK);
	if (body)
		cr_assert(buf_printf(&text,
				     "Content-Type: application/json\r\n"
				     "Content-Length: %zu\r\n",
				     strlen(body)) == ERR_OK);
	cr_assert(buf_printf(&text, "\r\n%s", body ? body : "") == ERR_OK);
	bridge_fixture_raw(f, (const char *)text.data);
	return f->status;
}

char *
bridge_fixture_enroll_body(const char *id)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	BUF_AUTO struct buf pem;
	struct csr_options o = {.cn = id};
	buf_init(&pem, 16 * 1024);
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(csr_create_pem(&pem, key, &o) == ERR_OK);
	json_auto_t *body = json_pack("{s:s}", "csr_pem", (const char *)pem.data);
	char *text = json_dumps(body, JSON_COMPACT);
	cr_assert(text != NULL);
	return text;
}

// SPDX-License-Identifier: Apache-2.0
#include "mock_http.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 * 1024 * 1024 };

struct client {
	uv_poll_t poll;
	int fd;
	struct buf in;
	struct bytes out;
	bool done;
	bool reset;
};

static void
on_io(uv_poll_t *poll, int status, int events)
{
	struct client *c = poll->data;
	(void)status;
	if ((events & UV_WRITABLE) && c->out.n) {
		ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			c->out = BYTES(c->out.p + n, c->out.n - (size_t)n);
	}
	if (c->out.n == 0)
		uv_poll_start(poll, UV_READABLE, on_io);
	cr_assert(eq(int, buf_reserve(&c->in, 65536), ERR_OK));
	ssize_t n = recv(c->fd, buf_tail(&c->in), 65536, MSG_DONTWAIT);
	if (n > 0) {
		c->in.len += (size_t)n;
		c->in.data[c->in.len] = 0;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		c->reset = n < 0 && errno == ECONNRESET;
		c->done = true;
	}
}

static void
on_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;
	close(c->fd);
	c->fd = -1;
}

struct mock_answer
mock_call_raw(uv_loop_t *loop, struct addr addr, struct bytes request)
{
	struct client c = {.out = request};
	buf_init(&c.in, ANSWER_MAX);
	c.fd = socket(addr.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	// On the loopback this succeeds before the server accepts.
	cr_assert(eq(int, connect(c.fd, (struct sockaddr *)&addr.ss, addr.len), 0));
	uv_poll_init(loop, &c.poll, c.fd);
	c.poll.data = &c;
	uv_poll_start(&c.poll, UV_READABLE | UV_WRITABLE, on_io);
	while (!c.done)
		uv_run(loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&c.poll, on_closed);
	while (c.fd >= 0)
		uv_run(loop, UV_RUN_ONCE);
	struct mock_answer a = {.reset = c.reset};
	a.head = c.in.len ? buf_steal_str(&c.in) : strdup("");
	buf_fini(&c.in);
	char *end = strstr(a.head, "\r\n\r\n");
	a.body = end ? end + 4 : a.head + strlen(a.head);
	if (end)
		end[2] = 0;
	if (strncmp(a.head, "HTTP/1.1 ", 9) == 0)
		a.status = (int)strtol(a.head + 9, NULL, 10);
	return a;
}

struct mock_answer
mock_call(uv_loop_t *loop, struct addr addr, const char *method, const char *path,
	  const char *headers, const char *body)
{
	BUF_AUTO struct buf b;
	char host[ADDR_TEXT_BYTES];
	addr_format(host, &addr);
	buf_init(&b, ANSWER_MAX);
	enum err err = buf_printf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method,
				  path, host);
	if (err == ERR_OK && headers)
		err = buf_append_str(&b, headers);
	if (err == ERR_OK && body)
		err = buf_printf(&b, "Content-Length: %zu\r\n", strlen(body));
	if (err == ERR_OK)
		err = buf_append_str(&b, "\r\n");
	if (err == ERR_OK && body)
		err = buf_append_str(&b, body);
	cr_assert(eq(int, err, ERR_OK));
	return mock_call_raw(loop, addr, buf_bytes(&b));
}

void
mock_answer_fini(struct mock_answer *a)
{
	free(a->head);
	*a = (struct mock_answer){0};
}

const char *
mock_answer_header(const struct mock_answer *a, const char *name, char out[static 512])
{
	size_t n = strlen(name);
	out[0] = 0;
	for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			snprintf(out, 512, "%.*s", (int)strcspn(line + n + 2, "\r"), line + n + 2);
			return out;
		}
	}
	return out;
}

json_t *
mock_answer_json(const struct mock_answer *a)
{
	json_t *json = json_loads(a->body, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(ne(ptr, json, NULL), "no JSON: %s%s", a->head, a->body);
	return json;
}

const char *
json_text_at(const json_t *json, const char *path)
{
	char key[128];
	while (json && *path) {
		size_t n = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		json = json_object_get(json, key);
		path += n + (path[n] == '.');
	}
	const char *text = json_string_value(json);
	return text ? text : "";
}

void
mock_loop_finish(uv_loop_t *loop)
{
	uv_run(loop, UV_RUN_DEFAULT);
	cr_expect(eq(int, uv_loop_close(loop), 0), "handles were left open");
}

// SPDX-License-Identifier: Apache-2.0
#include "wireguard/uapi_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>

#include "base/file.h"
#include "wg/uapi.h"

enum { BACKLOG = 64, READ_BYTES = 65536 };

struct client {
	uv_pipe_t pipe;
	struct uapi_socket *owner;
	struct buf in;
	struct client *prev;
	struct client *next;
};

struct uapi_socket {
	uv_pipe_t pipe;
	uapi_answer *answer;
	void *ctx;
	const struct log *log;
	struct client *clients;
	bool is_closed; // the listening handle is gone
};

struct answer_write {
	uv_write_t req;
	struct buf text;
};

static void
free_when_idle(struct uapi_socket *s)
{
	if (s->is_closed && !s->clients)
		free(s);
}

static void
on_client_closed(uv_handle_t *handle)
{
	struct client *c = CONTAINER_OF((uv_pipe_t *)handle, struct client, pipe);
	struct uapi_socket *s = c->owner;
	DL_DELETE(s->clients, c);
	buf_fini(&c->in);
	free(c);
	free_when_idle(s);
}

static void
close_client(struct client *c)
{
	uv_handle_t *handle = (uv_handle_t *)&c->pipe;
	if (!uv_is_closing(handle))
		uv_close(handle, on_client_closed);
}

static void
on_written(uv_write_t *req, int status)
{
	struct answer_write *w = CONTAINER_OF(req, struct answer_write, req);
	(void)status;
	buf_fini(&w->text);
	free(w);
}

static enum err
answer_one(struct client *c, struct bytes request)
{
	struct answer_write *w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	buf_init(&w->text, WG_UAPI_BYTES_MAX);
	enum err err = c->owner->answer(c->owner->ctx, request, &w->text);
	uv_buf_t out = uv_buf_init((char *)w->text.data, (unsigned)w->text.len);
	if (!err && uv_write(&w->req, (uv_stream_t *)&c->pipe, &out, 1, on_written) != 0)
		err = ERR_CLOSED;
	if (err) {
		buf_fini(&w->text);
		free(w);
	}
	return err;
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *unused)
{
	struct client *c = CONTAINER_OF((uv_pipe_t *)stream, struct client, pipe);
	(void)unused;
	if (n < 0) {
		close_client(c);
		return;
	}
	c->in.len += (size_t)n;
	size_t size;
	while ((size = wg_uapi_message_size(buf_bytes(&c->in)))) {
		enum err err = answer_one(c, BYTES(c->in.data, size));
		if (err) {
			log_warn(c->owner->log, "wireguard.uapi_failed", KV_ERR(err));
			close_client(c);
			return;
		}
		buf_consume(&c->in, size);
	}
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct client *c = CONTAINER_OF((uv_pipe_t *)handle, struct client, pipe);
	(void)suggested;
	// Without room libuv reports UV_ENOBUFS and on_read ends the client.
	*out = buf_reserve(&c->in, READ_BYTES) == ERR_OK
		       ? uv_buf_init((char *)buf_tail(&c->in), READ_BYTES)
		       : uv_buf_init(NULL, 0);
}

static void
on_connection(uv_stream_t *stream, int status)
{
	struct uapi_socket *s = CONTAINER_OF((uv_pipe_t *)stream, struct uapi_socket, pipe);
	struct client *c = status == 0 ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return;
	c->owner = s;
	buf_init(&c->in, WG_UAPI_BYTES_MAX);
	uv_pipe_init(stream->loop, &c->pipe, 0);
	DL_APPEND(s->clients, c);
	if (uv_accept(stream, (uv_stream_t *)&c->pipe) != 0 ||
	    uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) != 0)
		close_client(c);
}

// --- the socket file ---

static enum err
make_parent(const char *path, struct why *why)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return ERR_OK;
	AUTO(free) char *folder = strndup(path, (size_t)(slash - path));
	return folder ? file_make_dirs(folder, 0755, why)
		      : why_set(why, ERR_NOMEM, "out of memory");
}

static bool
somebody_listens(const struct sockaddr_un *name)
{
	FD_AUTO int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd >= 0 &&
	       (connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 || errno == EAGAIN);
}

// Removes what a process that was killed has left behind.
static enum err
clear_path(const char *path, struct why *why)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct stat st;
	if (strlen(path) >= sizeof(name.sun_path))
		return why_set(why, ERR_INPUT,
			       "%s: a unix socket's path has at most %zu characters", path,
			       sizeof(name.sun_path) - 1);
	memcpy(name.sun_path, path, strlen(path));
	if (lstat(path, &st) < 0)
		return ERR_OK;
	if (!S_ISSOCK(st.st_mode))
		return why_set(why, ERR_CONFLICT,
			       "%s exists and is not a socket; choose another --uapi path", path);
	if (somebody_listens(&name))
		return why_set(why, ERR_CONFLICT,
			       "%s: another WireGuard server answers there; stop it or choose "
			       "another --uapi path",
			       path);
	if (unlink(path) < 0)
		return why_set(why, ERR_IO, "%s: the old socket cannot be removed: %s", path,
			       strerror(errno));
	return ERR_OK;
}

static int
listen_at(struct uapi_socket *s, const char *path)
{
	mode_t before = umask(0077);
	int rc = uv_pipe_bind(&s->pipe, path);
	umask(before);
	return rc ? rc : uv_listen((uv_stream_t *)&s->pipe, BACKLOG, on_connection);
}

enum err
uapi_socket_open(struct uapi_socket **out, uv_loop_t *loop, const char *path, uapi_answer *answer,
		 void *ctx, const struct log *log, struct why *why)
{
	TRY(make_parent(path, why));
	TRY(clear_path(path, why));
	struct uapi_socket *s = calloc(1, sizeof(*s));
	if (!s)
		return why_set(why, ERR_NOMEM, "out of memory");
	s->answer = answer;
	s->ctx = ctx;
	s->log = log;
	uv_pipe_init(loop, &s->pipe, 0);
	int rc = listen_at(s, path);
	if (rc) {
		uapi_socket_close(s);
		return why_set(why, ERR_IO, "%s: cannot listen: %s", path, uv_strerror(rc));
	}
	*out = s;
	return ERR_OK;
}

static void
on_closed(uv_handle_t *handle)
{
	struct uapi_socket *s = CONTAINER_OF((uv_pipe_t *)handle, struct uapi_socket, pipe);
	s->is_closed = true;
	free_when_idle(s);
}

void
uapi_socket_close(struct uapi_socket *s)
{
	struct client *c;
	struct client *tmp;
	DL_FOREACH_SAFE (s->clients, c, tmp)
		close_client(c);
	// libuv removes the file of a pipe that it has bound.
	uv_close((uv_handle_t *)&s->pipe, on_closed);
}

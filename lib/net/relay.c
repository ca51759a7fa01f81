// SPDX-License-Identifier: Apache-2.0
#include "net/relay.h"

#include <errno.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 16 * 1024,
	STREAM_HIGH_WATER = 256 * 1024, // stop reading from the library above this
	LIBRARY_MAX_BYTES = 1024 * 1024,
};

struct relay {
	uv_poll_t poll;
	struct stream *stream;
	struct relay_events events;
	void *ctx;
	struct buf to_library;
	struct why why;
	int fd;
	bool peer_gone; // the stream has ended; the rest still goes to the library
	bool ended;
	bool held; // not reading from the library, the stream is full
};

static void on_library(uv_poll_t *poll, int status, int events);

static void
on_closed(uv_handle_t *handle)
{
	struct relay *r = handle->data;
	buf_fini(&r->to_library);
	free(r);
}

static void
end(struct relay *r)
{
	r->ended = true;
	uv_poll_stop(&r->poll);
	close(r->fd);
	r->fd = -1;
	uv_close((uv_handle_t *)&r->poll, on_closed);
}

static void
report_end(struct relay *r)
{
	const struct why why = r->why;
	end(r);
	r->events.on_end(r, &why, r->ctx);
}

static void
update(struct relay *r)
{
	int events =
		(r->held || r->peer_gone ? 0 : UV_READABLE) | (r->to_library.len ? UV_WRITABLE : 0);
	if (events)
		uv_poll_start(&r->poll, events, on_library);
	else
		uv_poll_stop(&r->poll);
}

// ERR_CLOSED: the library has gone.
static enum err
push_to_library(struct relay *r)
{
	while (r->to_library.len) {
		ssize_t n = send(r->fd, r->to_library.data, r->to_library.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? ERR_MORE : ERR_CLOSED;
		buf_consume(&r->to_library, (size_t)n);
	}
	buf_fini(&r->to_library);
	return ERR_OK;
}

static void
library_gone(struct relay *r)
{
	struct stream *s = STEAL(r->stream);
	if (s)
		stream_close(s);
	report_end(r);
}

static void
read_library(struct relay *r)
{
	static _Thread_local uint8_t chunk[CHUNK_BYTES];
	while (r->stream) {
		ssize_t n = recv(r->fd, chunk, sizeof(chunk), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || stream_write(r->stream, BYTES(chunk, (size_t)n)) != ERR_OK) {
			library_gone(r);
			return;
		}
		if (stream_pending(r->stream) > STREAM_HIGH_WATER) {
			r->held = true;
			update(r);
			return;
		}
		if ((size_t)n < sizeof(chunk))
			return;
	}
}

static void
write_library(struct relay *r)
{
	enum err err = push_to_library(r);
	if (err == ERR_CLOSED) {
		library_gone(r);
		return;
	}
	if (err == ERR_OK && r->peer_gone) {
		report_end(r);
		return;
	}
	if (err == ERR_OK && r->stream)
		stream_resume(r->stream);
	update(r);
}

static void
on_library(uv_poll_t *poll, int status, int events)
{
	struct relay *r = poll->data;
	if (status < 0)
		events = UV_READABLE;
	if (events & UV_WRITABLE)
		write_library(r);
	if (!r->ended && (events & UV_READABLE))
		read_library(r);
}

static void
on_stream_open(struct stream *s, void *ctx)
{
	struct relay *r = ctx;
	(void)s;
	if (r->events.on_open)
		r->events.on_open(r, r->ctx);
}

static void
on_stream_data(struct stream *s, struct bytes data, void *ctx)
{
	struct relay *r = ctx;
	if (r->ended)
		return;
	if (r->to_library.len == 0) {
		ssize_t n = send(r->fd, data.p, data.n, MSG_NOSIGNAL);
		if (n > 0) {
			data.p += n;
			data.n -= (size_t)n;
		}
	}
	if (data.n == 0)
		return;
	if (buf_append(&r->to_library, data.p, data.n) != ERR_OK) {
		relay_end(r, true);
		return;
	}
	stream_pause(s);
	update(r);
}

static void
on_stream_drain(struct stream *s, void *ctx)
{
	struct relay *r = ctx;
	(void)s;
	r->held = false;
	if (!r->ended)
		update(r);
}

static void
on_stream_close(struct stream *s, const struct why *why, void *ctx)
{
	struct relay *r = ctx;
	(void)s;
	r->stream = NULL;
	r->peer_gone = true;
	r->why = *why;
	if (r->to_library.len == 0)
		report_end(r);
	else
		update(r);
}

const struct stream_events relay_stream_events = {
	.on_open = on_stream_open,
	.on_data = on_stream_data,
	.on_drain = on_stream_drain,
	.on_close = on_stream_close,
};

enum err
relay_new(struct relay **out, int take_fd, uv_loop_t *loop, const struct relay_events *events,
	  void *ctx)
{
	struct relay *r = calloc(1, sizeof(*r));
	if (!r || uv_poll_init(loop, &r->poll, take_fd) != 0) {
		free(r);
		close(take_fd);
		return ERR_NOMEM;
	}
	r->poll.data = r;
	r->fd = take_fd;
	r->events = *events;
	r->ctx = ctx;
	buf_init(&r->to_library, LIBRARY_MAX_BYTES);
	*out = r;
	return ERR_OK;
}

void
relay_take_stream(struct relay *r, struct stream *s)
{
	r->stream = s;
	update(r);
}

struct stream *
relay_stream(struct relay *r)
{
	return r->stream;
}

void
relay_end(struct relay *r, bool reset)
{
	struct stream *s = STEAL(r->stream);
	if (s && reset)
		stream_reset(s);
	else if (s)
		stream_close(s);
	if (!r->ended)
		end(r);
}

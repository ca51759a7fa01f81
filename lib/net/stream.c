// SPDX-License-Identifier: Apache-2.0
// A stream is a socket, perhaps an SSL on it, one poll handle and one timer. The timer has one use
// per phase: the handshake's limit, then "deliver on the next turn" (a stream_kick), then the limit
// of a close. Callbacks never run inside stream_* calls: what such a call finds out is kept and
// kicked.
#include "net/stream_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <unistd.h>

enum {
	CLOSE_LIMIT_MS = 5000,
	ALERT_LIMIT_MS = 1000,
	READ_CHUNK_BYTES = 16 * 1024,
	OUT_MAX_BYTES = 8 * 1024 * 1024,
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

void
stream_kick(struct stream *s)
{
	if (s->phase < PHASE_CLOSING)
		uv_timer_start(&s->timer, on_timer, 0, 0);
}

void
stream_start_timer(struct stream *s, uint64_t ms)
{
	uv_timer_start(&s->timer, on_timer, ms, 0);
}

void
stream_on_handle_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;
	if (--s->open_handles > 0)
		return;
	buf_fini(&s->out);
	free(s);
}

static void
release_socket(struct stream *s)
{
	if (s->poll_live) {
		uv_poll_stop(&s->poll);
		uv_close((uv_handle_t *)&s->poll, stream_on_handle_closed);
		s->poll_live = false;
	}
	SSL_free(s->ssl);
	s->ssl = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
stream_destroy(struct stream *s)
{
	if (s->phase == PHASE_DEAD)
		return;
	s->phase = PHASE_DEAD;
	release_socket(s);
	if (s->resolve)
		uv_cancel((uv_req_t *)s->resolve);
	uv_freeaddrinfo(s->found);
	s->found = NULL;
	uv_close((uv_handle_t *)&s->timer, stream_on_handle_closed);
}

// Closing a socket that has unread input sends RST, which overtakes the alert that says why. So the
// owner is told, and the socket waits for the peer to have read it.
static void
linger(struct stream *s)
{
	SSL_free(s->ssl);
	s->ssl = NULL;
	buf_fini(&s->out);
	s->out_sent = 0;
	s->fin_sent = true;
	s->phase = PHASE_CLOSING;
	shutdown(s->fd, SHUT_WR);
	stream_start_timer(s, ALERT_LIMIT_MS);
	stream_update_poll(s);
}

void
stream_report_close(struct stream *s)
{
	if (s->phase == PHASE_CLOSING) {
		stream_destroy(s);
		return;
	}
	const struct why why = s->why;
	const struct stream_events events = s->events;
	void *ctx = s->ctx;
	if (why.err == ERR_TLS && s->poll_live)
		linger(s);
	else
		stream_destroy(s);
	events.on_close(s, &why, ctx);
}

enum err
stream_set_failed(struct stream *s, enum err err, const char *text)
{
	if (!s->failed) {
		s->failed = true;
		why_set(&s->why, err, "%s", text);
	}
	return err;
}

enum err
stream_socket_failed(struct stream *s, int cause)
{
	return stream_set_failed(s, cause == ECONNREFUSED ? ERR_UPSTREAM_DOWN : ERR_CLOSED,
				 strerror(cause));
}

void
stream_update_poll(struct stream *s)
{
	if (!s->poll_live)
		return;
	int events = 0;
	bool unsent = s->out.len > s->out_sent;
	switch (s->phase) {
	case PHASE_CONNECTING:
		events = UV_WRITABLE;
		break;
	case PHASE_HANDSHAKE:
		events = SSL_want_write(s->ssl) ? UV_WRITABLE : UV_READABLE;
		break;
	default:
		events = (s->paused && s->phase == PHASE_OPEN ? 0 : UV_READABLE) |
			 (unsent && !s->writing_wants_read ? UV_WRITABLE : 0);
	}
	uv_poll_start(&s->poll, events, on_poll);
}

static bool
has_alert(unsigned long code)
{
	return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
}

static enum err
tls_failed(struct stream *s)
{
	unsigned long code = ERR_peek_last_error();
	long verify = SSL_get_verify_result(s->ssl);
	char text[256];
	tls_error_text(text, sizeof(text));
	if (verify != X509_V_OK && !has_alert(code) && !s->server)
		snprintf(text, sizeof(text), "certificate verify failed: %s",
			 X509_verify_cert_error_string(verify));
	return stream_set_failed(s, ERR_TLS, text);
}

// What an SSL call that did not succeed means. ERR_MORE: wait for the socket.
static enum err
tls_outcome(struct stream *s, int ret)
{
	int cause = errno;
	switch (SSL_get_error(s->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return ERR_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_CLOSED;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return stream_socket_failed(s, cause ? cause : ECONNRESET);
	default:
		if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return stream_socket_failed(s, ECONNRESET);
		}
		return tls_failed(s);
	}
}

// Hands as much of the queue to the kernel as it takes.
static enum err
flush(struct stream *s)
{
	while (s->out.len > s->out_sent) {
		const uint8_t *p = s->out.data + s->out_sent;
		size_t n = s->out.len - s->out_sent;
		size_t sent = 0;
		errno = 0;
		if (s->ssl) {
			ERR_clear_error();
			int ret = SSL_write_ex(s->ssl, p, n, &sent);
			if (ret != 1) {
				s->writing_wants_read = SSL_want_read(s->ssl);
				enum err err = tls_outcome(s, ret);
				return err == ERR_CLOSED ? stream_socket_failed(s, EPIPE) : err;
			}
		} else {
			ssize_t ret = send(s->fd, p, n, MSG_NOSIGNAL);
			if (ret < 0 && (errno == EAGAIN || errno == EINTR))
				return ERR_MORE;
			if (ret < 0)
				return stream_socket_failed(s, errno);
			sent = (size_t)ret;
		}
		s->writing_wants_read = false;
		s->out_sent += sent;
	}
	buf_fini(&s->out); // an idle connection holds no buffer
	s->out_sent = 0;
	return ERR_OK;
}

static void
send_fin(struct stream *s)
{
	if (s->fin_sent)
		return;
	s->fin_sent = true;
	if (s->ssl) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
		ERR_clear_error();
	}
	shutdown(s->fd, SHUT_WR);
}

static void
after_write(struct stream *s)
{
	enum err err = flush(s);
	if (s->failed) {
		stream_report_close(s);
		return;
	}
	if (err == ERR_OK && (s->fin_wanted || s->phase == PHASE_CLOSING))
		send_fin(s);
	if (err == ERR_OK && s->write_blocked) {
		s->write_blocked = false;
		if (s->phase == PHASE_OPEN && s->events.on_drain)
			s->events.on_drain(s, s->ctx);
	}
	if (s->phase < PHASE_DEAD)
		stream_update_poll(s);
}

// One read. ERR_MORE: nothing there; ERR_CLOSED without failed: clean end.
static enum err
read_some(struct stream *s, uint8_t *chunk, size_t room, size_t *got)
{
	errno = 0;
	if (s->ssl) {
		ERR_clear_error();
		int ret = SSL_read_ex(s->ssl, chunk, room, got);
		return ret == 1 ? ERR_OK : tls_outcome(s, ret);
	}
	ssize_t n = recv(s->fd, chunk, room, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_MORE
							 : stream_socket_failed(s, errno);
	*got = (size_t)n;
	return n == 0 ? ERR_CLOSED : ERR_OK;
}

static void
after_read(struct stream *s)
{
	static _Thread_local uint8_t chunk[READ_CHUNK_BYTES];
	for (;;) {
		if (s->phase == PHASE_DEAD || (s->phase == PHASE_OPEN && s->paused))
			return;
		size_t got = 0;
		enum err err = read_some(s, chunk, sizeof(chunk), &got);
		if (err == ERR_MORE)
			return;
		if (err != ERR_OK) {
			if (!s->failed)
				why_set(&s->why, ERR_OK, "the peer closed the connection");
			stream_report_close(s);
			return;
		}
		if (s->phase == PHASE_OPEN)
			s->events.on_data(s, BYTES(chunk, got), s->ctx);
	}
}

static void
opened(struct stream *s)
{
	s->phase = PHASE_OPEN;
	uv_timer_stop(&s->timer);
	if (s->events.on_open)
		s->events.on_open(s, s->ctx);
	if (s->phase == PHASE_OPEN || s->phase == PHASE_CLOSING)
		after_write(s);
	// Data may already lie decrypted behind the last handshake record.
	if (s->ssl && s->phase == PHASE_OPEN)
		after_read(s);
}

static void
handshake(struct stream *s)
{
	ERR_clear_error();
	errno = 0;
	int ret = SSL_do_handshake(s->ssl);
	if (ret == 1) {
		opened(s);
		return;
	}
	enum err err = tls_outcome(s, ret);
	if (err == ERR_MORE) {
		stream_update_poll(s);
		return;
	}
	if (!s->failed)
		stream_set_failed(s, ERR_CLOSED,
				  "the peer closed the connection during the TLS handshake");
	stream_report_close(s);
}

static void
connected(struct stream *s)
{
	int cause = 0;
	socklen_t len = sizeof(cause);
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &cause, &len);
	if (cause) {
		stream_socket_failed(s, cause);
		stream_retry_elsewhere(s);
		return;
	}
	s->failed = false;
	if (!s->ssl) {
		opened(s);
		return;
	}
	s->phase = PHASE_HANDSHAKE;
	if (SSL_set_fd(s->ssl, s->fd) != 1) {
		tls_failed(s);
		stream_report_close(s);
		return;
	}
	handshake(s);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct stream *s = poll->data;
	if (status < 0) {
		events = UV_READABLE | UV_WRITABLE; // the next call on the socket tells the cause
	}
	switch (s->phase) {
	case PHASE_CONNECTING:
		connected(s);
		return;
	case PHASE_HANDSHAKE:
		handshake(s);
		return;
	case PHASE_OPEN:
	case PHASE_CLOSING:
		if ((events & UV_WRITABLE) || s->writing_wants_read)
			after_write(s);
		if ((events & UV_READABLE) && s->phase != PHASE_DEAD)
			after_read(s);
		return;
	default:
		return;
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct stream *s = timer->data;
	switch (s->phase) {
	case PHASE_OPEN:
		if (s->failed) {
			stream_report_close(s);
			return;
		}
		after_read(s);
		return;
	case PHASE_CLOSING:
		stream_destroy(s);
		return;
	case PHASE_DEAD:
		return;
	default:
		if (!s->failed)
			stream_set_failed(s, ERR_TIMEOUT,
					  s->phase == PHASE_HANDSHAKE ? "TLS handshake timed out"
								      : "connect timed out");
		stream_report_close(s);
	}
}

struct stream *
stream_alloc(uv_loop_t *loop, const struct stream_events *events, void *ctx)
{
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->loop = loop;
	s->events = *events;
	s->ctx = ctx;
	s->fd = -1;
	buf_init(&s->out, OUT_MAX_BYTES);
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	s->open_handles = 1;
	return s;
}

enum err
stream_watch_socket(struct stream *s, int fd)
{
	if (uv_poll_init(s->loop, &s->poll, fd) != 0)
		return ERR_IO;
	s->fd = fd;
	s->poll.data = s;
	s->poll_live = true;
	s->open_handles++;
	return ERR_OK;
}

enum err
stream_accept(struct stream **out, uv_loop_t *loop, int take_fd, struct tls_server *tls,
	      const struct stream_events *events, void *ctx)
{
	struct stream *s = stream_alloc(loop, events, ctx);
	if (!s || stream_watch_socket(s, take_fd) != ERR_OK) {
		close(take_fd);
		if (s)
			stream_destroy(s);
		return ERR_NOMEM;
	}
	s->server = true;
	s->peer.len = sizeof(s->peer.ss);
	getpeername(take_fd, (struct sockaddr *)&s->peer.ss, &s->peer.len);
	s->phase = PHASE_OPEN;
	if (tls) {
		s->ssl = SSL_new(tls_server_ctx(tls));
		if (!s->ssl || SSL_set_fd(s->ssl, take_fd) != 1) {
			ERR_clear_error();
			stream_destroy(s);
			return ERR_NOMEM;
		}
		SSL_set_accept_state(s->ssl);
		s->phase = PHASE_HANDSHAKE;
		uv_timer_start(&s->timer, on_timer, STREAM_HANDSHAKE_LIMIT_MS, 0);
	} else {
		s->phase = PHASE_CONNECTING; // writable at once: on_open then comes from the loop
	}
	stream_update_poll(s);
	*out = s;
	return ERR_OK;
}

enum err
stream_write(struct stream *s, struct bytes data)
{
	if (s->phase >= PHASE_CLOSING || s->fin_wanted)
		return ERR_CLOSED;
	TRY(buf_append(&s->out, data.p, data.n));
	if (s->phase != PHASE_OPEN || s->failed)
		return ERR_OK;
	enum err err = flush(s);
	if (s->failed)
		stream_kick(s);
	else if (err == ERR_MORE)
		s->write_blocked = true;
	if (err == ERR_MORE)
		stream_update_poll(s);
	return ERR_OK;
}

size_t
stream_pending(const struct stream *s)
{
	return s->out.len - s->out_sent;
}

void
stream_pause(struct stream *s)
{
	s->paused = true;
	if (s->phase == PHASE_OPEN)
		stream_update_poll(s);
}

void
stream_resume(struct stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	if (s->phase != PHASE_OPEN)
		return;
	stream_update_poll(s);
	stream_kick(s); // what lies decrypted in the SSL wakes no poll
}

void
stream_close(struct stream *s)
{
	if (s->phase >= PHASE_CLOSING)
		return;
	if (s->phase != PHASE_OPEN || s->failed) {
		stream_destroy(s);
		return;
	}
	s->phase = PHASE_CLOSING;
	uv_timer_start(&s->timer, on_timer, CLOSE_LIMIT_MS, 0);
	enum err err = flush(s);
	if (s->failed) {
		stream_destroy(s);
		return;
	}
	if (err == ERR_OK)
		send_fin(s);
	stream_update_poll(s);
}

void
stream_shutdown_write(struct stream *s)
{
	s->fin_wanted = true;
	if (s->phase == PHASE_OPEN && s->out.len == s->out_sent && !s->failed)
		send_fin(s);
}

void
stream_reset(struct stream *s)
{
	const struct linger hard = {.l_onoff = 1, .l_linger = 0};
	if (s->phase == PHASE_DEAD)
		return;
	if (s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	stream_destroy(s);
}

SSL *
stream_ssl(struct stream *s)
{
	return s->ssl;
}

const struct addr *
stream_peer(const struct stream *s)
{
	return &s->peer;
}

void
stream_set_ctx(struct stream *s, const struct stream_events *events, void *ctx)
{
	s->events = *events;
	s->ctx = ctx;
}

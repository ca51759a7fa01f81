// SPDX-License-Identifier: Apache-2.0
// How a client stream comes to its connection: name to addresses, addresses one after the other.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <unistd.h>

#include "net/stream_internal.h"

static void connect_next(struct stream *s);

static void
on_retry_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;
	if (s->phase == PHASE_CONNECTING)
		connect_next(s);
	stream_on_handle_closed(handle);
}

// The name has perhaps more addresses ("localhost" is two). The poll handle must be gone first.
void
stream_retry_elsewhere(struct stream *s)
{
	if (!s->next) {
		stream_report_close(s);
		return;
	}
	uv_poll_stop(&s->poll);
	s->poll_live = false;
	close(s->fd);
	s->fd = -1;
	uv_close((uv_handle_t *)&s->poll, on_retry_closed);
}

static bool
begin_connect(struct stream *s, const struct sockaddr *sa, socklen_t len)
{
	const int on = 1;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		stream_socket_failed(s, errno);
		return false;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, sa, len) < 0 && errno != EINPROGRESS) {
		stream_socket_failed(s, errno);
		close(fd);
		return false;
	}
	memcpy(&s->peer.ss, sa, len);
	s->peer.len = len;
	if (stream_watch_socket(s, fd) != ERR_OK) {
		close(fd);
		return false;
	}
	s->phase = PHASE_CONNECTING;
	stream_update_poll(s);
	return true;
}

// Tries the addresses that are left, in order; the last failure is the one that is told.
static void
connect_next(struct stream *s)
{
	while (s->next) {
		struct sockaddr_storage ss;
		const struct addrinfo *ai = s->next;
		s->next = ai->ai_next;
		memcpy(&ss, ai->ai_addr, ai->ai_addrlen);
		if (ss.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&ss)->sin6_port = htons(s->port);
		else
			((struct sockaddr_in *)&ss)->sin_port = htons(s->port);
		if (begin_connect(s, (struct sockaddr *)&ss, ai->ai_addrlen))
			return;
	}
	stream_kick(s);
}

static void
on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
	struct stream *s = req->data;
	free(req);
	if (s->phase == PHASE_DEAD) {
		uv_freeaddrinfo(found);
		stream_on_handle_closed(
			(uv_handle_t *)&s->timer); // the request's share of the stream
		return;
	}
	s->open_handles--;
	s->resolve = NULL;
	s->found = found;
	s->next = found;
	if (status != 0) {
		stream_set_failed(s, ERR_UPSTREAM_DOWN, uv_strerror(status));
		stream_kick(s);
		return;
	}
	connect_next(s);
}

static enum err
begin_resolve(struct stream *s, const char *host)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	s->resolve = calloc(1, sizeof(*s->resolve));
	if (!s->resolve)
		return ERR_NOMEM;
	s->resolve->data = s;
	if (uv_getaddrinfo(s->loop, s->resolve, on_resolved, host, NULL, &hints) != 0) {
		free(s->resolve);
		s->resolve = NULL;
		return ERR_IO;
	}
	s->open_handles++; // the stream outlives its request
	return ERR_OK;
}

static enum err
prepare_tls(struct stream *s, const char *host, struct tls_client *tls)
{
	struct in6_addr scratch;
	char name[256]; // OpenSSL's macro casts const away, which clang refuses
	if (snprintf(name, sizeof(name), "%s", host) >= (int)sizeof(name))
		return ERR_INPUT;
	bool literal =
		inet_pton(AF_INET, host, &scratch) == 1 || inet_pton(AF_INET6, host, &scratch) == 1;
	s->ssl = SSL_new(tls_client_ctx(tls));
	if (!s->ssl)
		return ERR_NOMEM;
	SSL_set_connect_state(s->ssl);
	X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
	int ok = literal ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
			 : X509_VERIFY_PARAM_set1_host(param, host, 0) &&
				   SSL_set_tlsext_host_name(s->ssl, name) == 1;
	return ok ? ERR_OK : ERR_INPUT;
}

enum err
stream_connect(struct stream **out, uv_loop_t *loop, const char *host, uint16_t port,
	       struct tls_client *tls, const struct stream_events *events, void *ctx)
{
	struct stream *s = stream_alloc(loop, events, ctx);
	if (!s)
		return ERR_NOMEM;
	s->port = port;
	s->phase = PHASE_RESOLVING;
	enum err err = tls ? prepare_tls(s, host, tls) : ERR_OK;
	char text[ADDR_TEXT_BYTES];
	struct addr literal;
	if (err == ERR_OK) {
		int n = snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
				 port);
		bool fits = n > 0 && n < (int)sizeof(text);
		if (*host && fits && addr_parse(&literal, text, NULL) == ERR_OK) {
			if (!begin_connect(s, (struct sockaddr *)&literal.ss, literal.len))
				stream_kick(s);
		} else {
			err = begin_resolve(s, host);
		}
	}
	if (err != ERR_OK) {
		ERR_clear_error();
		stream_destroy(s);
		return err;
	}
	if (!s->failed)
		stream_start_timer(s, STREAM_HANDSHAKE_LIMIT_MS);
	*out = s;
	return ERR_OK;
}

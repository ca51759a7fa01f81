// SPDX-License-Identifier: Apache-2.0
#include "net/acceptor.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum {
	ACCEPTS_PER_TURN = 64,
	REST_MS = 50, // when descriptors ran out
};

struct acceptor {
	uv_poll_t poll;
	uv_timer_t rest;
	int fd;
	int open_handles;
	acceptor_fn *fn;
	void *ctx;
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void
on_rested(uv_timer_t *timer)
{
	struct acceptor *a = timer->data;
	uv_poll_start(&a->poll, UV_READABLE, on_readable);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct acceptor *a = poll->data;
	const int on = 1;
	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN && a->fd >= 0; i++) {
		struct addr peer = {.len = sizeof(peer.ss)};
		int fd = accept4(a->fd, (struct sockaddr *)&peer.ss, &peer.len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			a->fn(fd, &peer, a->ctx);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) {
			uv_poll_stop(&a->poll);
			uv_timer_start(&a->rest, on_rested, REST_MS, 0);
		}
		return;
	}
}

enum err
acceptor_new(struct acceptor **out, uv_loop_t *loop, const struct addr *addr, acceptor_fn *fn,
	     void *ctx, struct why *why)
{
	int fd = -1;
	TRY(addr_listen_tcp(&fd, addr, why));
	struct acceptor *a = calloc(1, sizeof(*a));
	if (!a) {
		close(fd);
		return ERR_NOMEM;
	}
	*a = (struct acceptor){.fd = fd, .fn = fn, .ctx = ctx, .open_handles = 2};
	uv_poll_init(loop, &a->poll, fd);
	uv_timer_init(loop, &a->rest);
	a->poll.data = a;
	a->rest.data = a;
	uv_poll_start(&a->poll, UV_READABLE, on_readable);
	*out = a;
	return ERR_OK;
}

struct addr
acceptor_addr(const struct acceptor *a)
{
	struct addr out;
	return addr_of_socket(&out, a->fd) == ERR_OK ? out : (struct addr){0};
}

static void
on_closed(uv_handle_t *handle)
{
	struct acceptor *a = handle->data;
	if (--a->open_handles == 0)
		free(a);
}

void
acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	uv_poll_stop(&a->poll);
	close(a->fd);
	a->fd = -1;
	uv_close((uv_handle_t *)&a->poll, on_closed);
	uv_close((uv_handle_t *)&a->rest, on_closed);
}

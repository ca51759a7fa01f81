// SPDX-License-Identifier: Apache-2.0
#include "wireguard/udp.h"

#include <errno.h>
#include <unistd.h>

enum {
	BATCH = 64,
	DATAGRAM_BYTES = 2048,
	// Then other members of the loop get their turn.
	BATCHES_PER_TURN = 8,
};

struct slots {
	uint8_t bytes[BATCH][DATAGRAM_BYTES];
	struct addr addr[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH];
};

struct udp {
	uv_poll_t poll;
	int fd;
	struct addr addr;
	const struct udp_handler *handler;
	void *ctx;
	unsigned n_queued;
	struct slots in;
	struct slots out;
};

static void
prepare(struct slots *s, unsigned i, size_t n, socklen_t addr_len)
{
	s->iov[i] = (struct iovec){s->bytes[i], n};
	s->msg[i] = (struct mmsghdr){
		.msg_hdr = {
			    .msg_name = &s->addr[i].ss,
			    .msg_namelen = addr_len,
			    .msg_iov = &s->iov[i],
			    .msg_iovlen = 1,
			    }
	 };
}

static int
read_batch(struct udp *u)
{
	for (unsigned i = 0; i < BATCH; i++)
		prepare(&u->in, i, DATAGRAM_BYTES, sizeof(u->in.addr[i].ss));
	int n = recvmmsg(u->fd, u->in.msg, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct mmsghdr *m = &u->in.msg[i];
		u->in.addr[i].len = m->msg_hdr.msg_namelen;
		// Cut datagrams keep a length that no message has.
		size_t len = m->msg_hdr.msg_flags & MSG_TRUNC ? 0 : m->msg_len;
		u->handler->on_datagram(u->ctx, &u->in.addr[i], u->in.bytes[i], len);
	}
	return n;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct udp *u = CONTAINER_OF(poll, struct udp, poll);
	if (status < 0 || !(events & UV_READABLE))
		return;
	u->handler->on_batch(u->ctx, true);
	for (int i = 0; i < BATCHES_PER_TURN && read_batch(u) == BATCH; i++)
		udp_flush(u);
	udp_flush(u);
	u->handler->on_batch(u->ctx, false);
}

enum err
udp_open(struct udp **out, uv_loop_t *loop, const struct addr *addr,
	 const struct udp_handler *handler, void *ctx, struct why *why)
{
	struct udp *u = calloc(1, sizeof(*u));
	if (!u)
		return why_set(why, ERR_NOMEM, "out of memory");
	enum err err = addr_bind_udp(&u->fd, addr, why);
	if (err) {
		free(u);
		return err;
	}
	if (addr_of_socket(&u->addr, u->fd) != ERR_OK || uv_poll_init(loop, &u->poll, u->fd) != 0) {
		close(u->fd);
		free(u);
		return why_set(why, ERR_IO, "the UDP socket cannot be watched");
	}
	u->handler = handler;
	u->ctx = ctx;
	uv_poll_start(&u->poll, UV_READABLE, on_readable);
	*out = u;
	return ERR_OK;
}

static void
on_closed(uv_handle_t *handle)
{
	struct udp *u = CONTAINER_OF((uv_poll_t *)handle, struct udp, poll);
	close(u->fd);
	free(u);
}

void
udp_close(struct udp *u)
{
	uv_close((uv_handle_t *)&u->poll, on_closed);
}

struct addr
udp_addr(const struct udp *u)
{
	return u->addr;
}

void
udp_send(struct udp *u, const struct addr *to, struct bytes datagram)
{
	if (datagram.n > DATAGRAM_BYTES)
		return;
	if (u->n_queued == BATCH)
		udp_flush(u);
	unsigned i = u->n_queued++;
	memcpy(u->out.bytes[i], datagram.p, datagram.n);
	u->out.addr[i] = *to;
	prepare(&u->out, i, datagram.n, to->len);
}

void
udp_flush(struct udp *u)
{
	unsigned at = 0;
	while (at < u->n_queued) {
		int n = sendmmsg(u->fd, u->out.msg + at, u->n_queued - at, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		// An error belongs to the first one (no route, refused): the others may pass.
		at += n > 0 ? (unsigned)n : 1;
	}
	u->n_queued = 0;
}

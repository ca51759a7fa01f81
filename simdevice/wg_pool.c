// SPDX-License-Identifier: Apache-2.0
#include "wg_pool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	DATAGRAM_ROOM = 2048,
	DATAGRAMS_PER_WAKE = 256,
};

struct udp {
	uv_poll_t poll;
	struct wg_pool *pool;
	int fd;
	int family;
};

struct wg_pool {
	struct worker *worker;
	struct udp *sockets[2 * WG_SOCKETS_MAX];
	size_t n_sockets;
	size_t next_socket;
	struct wg_link **slots;
	uint32_t n_slots; // high-water mark
	uint32_t cap;
	uint32_t *free_slots; // a stack, same capacity
	uint32_t n_free;
};

enum err
wg_pool_new(struct wg_pool **out, struct worker *w, struct why *why)
{
	struct wg_pool *p = calloc(1, sizeof(*p));
	if (!p)
		return why_set(why, ERR_NOMEM, "out of memory");
	p->worker = w;
	*out = p;
	return ERR_OK;
}

static void
on_udp_closed(uv_handle_t *handle)
{
	struct udp *u = handle->data;
	close(u->fd);
	free(u);
}

void
wg_pool_free(struct wg_pool *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_sockets; i++) {
		uv_poll_stop(&p->sockets[i]->poll);
		uv_close((uv_handle_t *)&p->sockets[i]->poll, on_udp_closed);
	}
	free(p->slots);
	free(p->free_slots);
	free(p);
}

enum err
wg_pool_add(struct wg_pool *p, struct wg_link *link)
{
	if (p->n_free > 0) {
		link->slot = p->free_slots[--p->n_free];
		p->slots[link->slot] = link;
		return ERR_OK;
	}
	if (p->n_slots == WG_SLOTS_MAX)
		return ERR_EXHAUSTED;
	if (p->n_slots == p->cap) {
		uint32_t cap = p->cap ? 2 * p->cap : 64;
		struct wg_link **slots = realloc(p->slots, cap * sizeof(*slots));
		if (!slots)
			return ERR_NOMEM;
		p->slots = slots;
		uint32_t *free_slots = realloc(p->free_slots, cap * sizeof(*free_slots));
		if (!free_slots)
			return ERR_NOMEM;
		p->free_slots = free_slots;
		p->cap = cap;
	}
	link->slot = p->n_slots++;
	p->slots[link->slot] = link;
	return ERR_OK;
}

void
wg_pool_remove(struct wg_pool *p, struct wg_link *link)
{
	p->slots[link->slot] = NULL;
	p->free_slots[p->n_free++] = link->slot;
}

struct wg_link *
wg_pool_at(const struct wg_pool *p, uint32_t slot)
{
	return slot < p->n_slots ? p->slots[slot] : NULL;
}

// A handshake that the server begins names nobody: whoever's key its mac1 was made with is meant.
static struct wg_link *
find_by_mac1(struct wg_pool *p, struct bytes datagram)
{
	for (uint32_t i = 0; i < p->n_slots; i++)
		if (p->slots[i] && wg_mac1_is_valid(&p->slots[i]->identity, datagram))
			return p->slots[i];
	return NULL;
}

static struct wg_link *
find_link(struct wg_pool *p, struct bytes datagram)
{
	switch (wg_message_type(datagram)) {
	case WG_MESSAGE_INITIATION:
		return find_by_mac1(p, datagram);
	case WG_MESSAGE_RESPONSE:
	case WG_MESSAGE_COOKIE:
	case WG_MESSAGE_TRANSPORT:
		return wg_pool_at(p, wg_message_receiver(datagram) & (WG_SLOTS_MAX - 1));
	default:
		return NULL;
	}
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct udp *u = poll->data;
	(void)status, (void)events;
	for (unsigned i = 0; i < DATAGRAMS_PER_WAKE; i++) {
		uint8_t datagram[DATAGRAM_ROOM];
		ssize_t n = recv(u->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		struct wg_link *link = find_link(u->pool, BYTES(datagram, (size_t)n));
		if (link)
			wg_link_receive(link, datagram, (size_t)n);
	}
}

static enum err
open_socket(struct wg_pool *p, int family, struct why *why)
{
	struct addr any;
	TRY(addr_parse(&any, family == AF_INET6 ? "[::]:0" : "0.0.0.0:0", why));
	struct udp *u = calloc(1, sizeof(*u));
	if (!u)
		return why_set(why, ERR_NOMEM, "out of memory");
	enum err err = addr_bind_udp(&u->fd, &any, why);
	if (err) {
		free(u);
		return err;
	}
	u->pool = p;
	u->family = family;
	u->poll.data = u;
	uv_poll_init(p->worker->loop, &u->poll, u->fd);
	uv_poll_start(&u->poll, UV_READABLE, on_readable);
	uv_unref((uv_handle_t *)&u->poll);
	p->sockets[p->n_sockets++] = u;
	return ERR_OK;
}

enum err
wg_pool_socket(struct wg_pool *p, int family, int *fd, struct why *why)
{
	size_t n = p->worker->config->n_udp_sockets;
	n = n < 1 ? 1 : n > WG_SOCKETS_MAX ? WG_SOCKETS_MAX : n;
	size_t found = 0;
	for (size_t i = 0; i < p->n_sockets; i++)
		found += p->sockets[i]->family == family;
	for (; found < n; found++)
		TRY(open_socket(p, family, why));
	for (size_t i = 0; i < p->n_sockets; i++) {
		struct udp *u = p->sockets[p->next_socket++ % p->n_sockets];
		if (u->family == family) {
			*fd = u->fd;
			break;
		}
	}
	return ERR_OK;
}

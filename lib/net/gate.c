// SPDX-License-Identifier: Apache-2.0
#include "net/gate.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

enum {
	GATE_BACKLOG = 1024,
};

struct gate {
	uv_poll_t poll;
	gate_fn *fn;
	struct gate_ticket *tickets; // by name
	int fd;
	int file; // O_PATH: keeps the socket's inode reachable
	struct sockaddr_un addr;
};

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct gate *g = poll->data;
	(void)status;
	(void)events;
	for (;;) {
		struct sockaddr_un peer = {0};
		socklen_t len = sizeof(peer);
		int fd = accept4(g->fd, (struct sockaddr *)&peer, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		struct gate_ticket *ticket = NULL;
		HASH_FIND(hh, g->tickets, peer.sun_path, GATE_NAME_BYTES, ticket);
		if (!ticket) { // a stranger, or its owner has given up
			close(fd);
			continue;
		}
		gate_forget(g, ticket);
		g->fn(ticket, fd);
	}
}

// curl does not reuse a connection whose address prints as an empty string, which rules out
// nameless sockets. So the gate has a file for a moment and lives on as a descriptor of it:
// /proc/self/fd/N.
static enum err
gate_bind(struct gate *g)
{
	char folder[64];
	const char *base = getenv("TMPDIR");
	int n = snprintf(folder, sizeof(folder), "%s/gate.XXXXXX",
			 base && strlen(base) < 40 ? base : "/tmp");
	if (n >= (int)sizeof(folder) || !mkdtemp(folder))
		return ERR_IO;
	snprintf(g->addr.sun_path, sizeof(g->addr.sun_path), "%s/s", folder);
	enum err err = ERR_IO;
	if (bind(g->fd, (struct sockaddr *)&g->addr, sizeof(g->addr)) == 0 &&
	    (g->file = open(g->addr.sun_path, O_PATH | O_CLOEXEC)) >= 0)
		err = ERR_OK;
	unlink(g->addr.sun_path);
	rmdir(folder);
	snprintf(g->addr.sun_path, sizeof(g->addr.sun_path), "/proc/self/fd/%d", g->file);
	return err;
}

enum err
gate_new(struct gate **out, uv_loop_t *loop, gate_fn *fn)
{
	struct gate *g = calloc(1, sizeof(*g));
	if (!g)
		return ERR_NOMEM;
	g->fn = fn;
	g->addr.sun_family = AF_UNIX;
	g->file = -1;
	g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (g->fd < 0 || gate_bind(g) != ERR_OK || listen(g->fd, GATE_BACKLOG) < 0 ||
	    uv_poll_init(loop, &g->poll, g->fd) != 0) {
		fd_close(&g->file);
		fd_close(&g->fd);
		free(g);
		return ERR_IO;
	}
	g->poll.data = g;
	uv_poll_start(&g->poll, UV_READABLE, on_readable);
	*out = g;
	return ERR_OK;
}

static void
on_closed(uv_handle_t *handle)
{
	free(CONTAINER_OF(handle, struct gate, poll));
}

void
gate_free(struct gate *g)
{
	if (!g)
		return;
	uv_poll_stop(&g->poll);
	close(g->fd);
	close(g->file);
	uv_close((uv_handle_t *)&g->poll, on_closed);
}

int
gate_open(struct gate *g, struct gate_ticket *ticket)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sun);
	FD_AUTO int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	// Binding to a family alone lets the kernel choose a name.
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sun, &len) < 0)
		return -1;
	memcpy(ticket->name, sun.sun_path, GATE_NAME_BYTES);
	ticket->waiting = true;
	HASH_ADD(hh, g->tickets, name, GATE_NAME_BYTES, ticket);
	int out = fd;
	fd = -1;
	return out;
}

void
gate_forget(struct gate *g, struct gate_ticket *ticket)
{
	if (!ticket->waiting)
		return;
	ticket->waiting = false;
	HASH_DELETE(hh, g->tickets, ticket);
}

const struct sockaddr_un *
gate_address(const struct gate *g)
{
	return &g->addr;
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "runner/mem.h"

enum {
	MESSAGE_MAX = 4096,
};

struct notify {
	uv_poll_t watch;
	int fd;
	char address[64]; // with '@' in place of the leading NUL
	pid_t pid;
	notify_fn *on_message;
	void *ctx;
};

static json_t *
parse_message(char *text)
{
	json_t *variables = json_object();
	char *next;
	for (char *line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = '\0';
		json_object_set_new(variables, line, json_string(value));
	}
	return variables;
}

static pid_t
sender_of(const struct msghdr *message)
{
	for (const struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)message, (struct cmsghdr *)(uintptr_t)c)) {
		struct ucred cred;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		return cred.pid;
	}
	return 0;
}

static void
on_readable(uv_poll_t *watch, int status, int events)
{
	(void)status;
	(void)events;
	struct notify *n = watch->data;
	char text[MESSAGE_MAX + 1];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {text, MESSAGE_MAX};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(n->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0 || sender_of(&message) != n->pid)
		return;
	text[got] = '\0';
	json_t *variables = parse_message(text);
	n->on_message(variables, n->ctx);
	json_decref(variables);
}

enum err
notify_new(struct notify **out, uv_loop_t *loop, notify_fn *on_message, void *ctx, struct why *why)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sa_family_t); // autobind: the kernel picks a free abstract name
	const int on = 1;
	FD_AUTO int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&sun, len) < 0)
		return why_set(why, ERR_IO, "socket for readiness messages: %s", strerror(errno));
	len = sizeof(sun);
	if (getsockname(fd, (struct sockaddr *)&sun, &len) < 0)
		return why_set(why, ERR_IO, "socket for readiness messages: %s", strerror(errno));
	struct notify *n = mem_new(sizeof(*n));
	snprintf(n->address, sizeof(n->address), "@%.*s",
		 (int)(len - offsetof(struct sockaddr_un, sun_path) - 1), sun.sun_path + 1);
	n->on_message = on_message;
	n->ctx = ctx;
	n->watch.data = n;
	n->fd = fd;
	fd = -1;
	uv_poll_init(loop, &n->watch, n->fd);
	uv_poll_start(&n->watch, UV_READABLE, on_readable);
	*out = n;
	return ERR_OK;
}

static void
on_closed(uv_handle_t *handle)
{
	struct notify *n = handle->data;
	close(n->fd);
	free(n);
}

void
notify_free(struct notify *n)
{
	if (n)
		uv_close((uv_handle_t *)&n->watch, on_closed);
}

const char *
notify_address(const struct notify *n)
{
	return n->address;
}

void
notify_expect(struct notify *n, pid_t pid)
{
	n->pid = pid;
}

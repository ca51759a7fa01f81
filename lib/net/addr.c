// SPDX-License-Identifier: Apache-2.0
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

enum {
	LISTEN_BACKLOG = 1024,
	UDP_RECEIVE_BYTES = 4 * 1024 * 1024,
	UDP_SEND_BYTES = 1024 * 1024,
};

static enum err
parse_port(uint16_t *out, const char *text)
{
	char *end = NULL;
	if (*text < '0' || *text > '9')
		return ERR_INPUT;
	unsigned long v = strtoul(text, &end, 10);
	if (*end != '\0' || v > 65535)
		return ERR_INPUT;
	*out = (uint16_t)v;
	return ERR_OK;
}

static bool
fill_ip(struct addr *out, const char *ip, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->ss;
	*out = (struct addr){0};
	if (*ip == '\0' || inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		out->len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		out->len = sizeof(*v6);
		return true;
	}
	return false;
}

enum err
addr_parse(struct addr *out, const char *text, struct why *why)
{
	char ip[ADDR_TEXT_BYTES];
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	uint16_t port;
	if (!colon || n >= sizeof(ip) || parse_port(&port, colon + 1) != ERR_OK)
		return why_set(why, ERR_INPUT, "'%s' is not ADDRESS:PORT, e.g. 127.0.0.1:8443",
			       text);
	bool bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';
	snprintf(ip, sizeof(ip), "%.*s", (int)(bracketed ? n - 2 : n), bracketed ? text + 1 : text);
	if (!fill_ip(out, ip, port))
		return why_set(why, ERR_INPUT,
			       "'%s': '%s' is not a numeric IP address; e.g. 127.0.0.1 or [::1]",
			       text, ip);
	return ERR_OK;
}

void
addr_format_ip(char out[static ADDR_TEXT_BYTES], const struct addr *a)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->ss;
	out[0] = '\0';
	if (a->ss.ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, out, ADDR_TEXT_BYTES);
	else if (a->ss.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, out, ADDR_TEXT_BYTES);
}

void
addr_format(char out[static ADDR_TEXT_BYTES], const struct addr *a)
{
	char ip[ADDR_TEXT_BYTES];
	addr_format_ip(ip, a);
	int n = snprintf(out, ADDR_TEXT_BYTES,
			 a->ss.ss_family == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u", ip, addr_port(a));
	(void)n;
}

uint16_t
addr_port(const struct addr *a)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->ss;
	return ntohs(a->ss.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
}

enum err
addr_of_socket(struct addr *out, int fd)
{
	*out = (struct addr){.len = sizeof(out->ss)};
	return getsockname(fd, (struct sockaddr *)&out->ss, &out->len) == 0 ? ERR_OK : ERR_IO;
}

static enum err
bind_failed(const struct addr *a, const char *proto, struct why *why)
{
	char text[ADDR_TEXT_BYTES];
	int cause = errno;
	addr_format(text, a);
	if (cause == EADDRINUSE)
		return why_set(
			why, ERR_CONFLICT,
			"%s %s is in use by another process; choose another port, or 0 to let "
			"the kernel choose",
			proto, text);
	return why_set(why, ERR_IO, "cannot listen on %s %s: %s", proto, text, strerror(cause));
}

enum err
addr_listen_tcp(int *fd, const struct addr *a, struct why *why)
{
	const int on = 1;
	FD_AUTO int s = socket(a->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return bind_failed(a, "TCP", why);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (const struct sockaddr *)&a->ss, a->len) < 0 || listen(s, LISTEN_BACKLOG) < 0)
		return bind_failed(a, "TCP", why);
	*fd = s;
	s = -1;
	return ERR_OK;
}

enum err
addr_bind_udp(int *fd, const struct addr *a, struct why *why)
{
	const int receive = UDP_RECEIVE_BYTES;
	const int send = UDP_SEND_BYTES;
	FD_AUTO int s = socket(a->ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return bind_failed(a, "UDP", why);
	// The forced forms need privileges; without them the system's maximum applies.
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)) < 0)
		setsockopt(s, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	setsockopt(s, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
	if (bind(s, (const struct sockaddr *)&a->ss, a->len) < 0)
		return bind_failed(a, "UDP", why);
	*fd = s;
	s = -1;
	return ERR_OK;
}

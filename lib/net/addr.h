// SPDX-License-Identifier: Apache-2.0
// Socket addresses as text and back.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"

#define ADDR_TEXT_BYTES 64

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

// "127.0.0.1:8443", "[::1]:0", ":9000" (all IPv4 addresses). Numeric only; no look-up.
enum err ERR_MUST_CHECK addr_parse(struct addr *out, const char *text, struct why *why);
// The same form back, terminated.
void addr_format(char out[static ADDR_TEXT_BYTES], const struct addr *a);
// Only the IP address part.
void addr_format_ip(char out[static ADDR_TEXT_BYTES], const struct addr *a);
uint16_t addr_port(const struct addr *a);
// The address that a bound socket really has.
enum err ERR_MUST_CHECK addr_of_socket(struct addr *out, int fd);
// A bound, listening, non-blocking TCP socket into *fd. ERR_CONFLICT when the port is in use: the
// message names address and way out.
enum err ERR_MUST_CHECK addr_listen_tcp(int *fd, const struct addr *a, struct why *why);
// A bound, non-blocking UDP socket with a large receive buffer into *fd.
enum err ERR_MUST_CHECK addr_bind_udp(int *fd, const struct addr *a, struct why *why);

// SPDX-License-Identifier: Apache-2.0
// A UDP socket on the loop that reads and writes datagrams in batches (recvmmsg, sendmmsg).
#pragma once

#include <uv.h>

#include "net/addr.h"

struct udp;

// A batch begins and ends with on_batch(true) and on_batch(false); between them one on_datagram for
// each. The bytes may be changed in place. Neither may close the socket.
struct udp_handler {
	void (*on_datagram)(void *ctx, const struct addr *from, uint8_t *bytes, size_t n);
	void (*on_batch)(void *ctx, bool begins);
};

// ERR_CONFLICT: the port is in use. Receive buffer 4 MB where the system allows it.
enum err ERR_MUST_CHECK udp_open(struct udp **out, uv_loop_t *loop, const struct addr *addr,
				 const struct udp_handler *handler, void *ctx, struct why *why);
// Closes on the next loop turns and frees itself.
void udp_close(struct udp *u);
struct addr udp_addr(const struct udp *u);
// Queues a copy; more than fits is sent at once. n <= 2048, larger ones are dropped.
void udp_send(struct udp *u, const struct addr *to, struct bytes datagram);
// Sends what is queued. What the kernel does not take is lost, as datagrams are.
void udp_flush(struct udp *u);

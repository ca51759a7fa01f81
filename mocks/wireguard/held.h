// SPDX-License-Identifier: Apache-2.0
// Datagrams that a fault delays, on their way in or out.
#pragma once

#include "net/addr.h"

struct held {
	uint64_t at; // monotonic ns
	bool is_outgoing;
	struct addr addr; // source or destination
	struct held *prev;
	struct held *next;
	size_t n;
	uint8_t bytes[];
};

// A copy in its place of the list (earliest first, equal ones in order). ERR_NOMEM: it is lost.
enum err ERR_MUST_CHECK held_add(struct held **list, uint64_t at, bool is_outgoing,
				 const struct addr *addr, struct bytes datagram);
// The first that is due, taken off the list and owned by the caller (free); NULL: none.
struct held *held_take(struct held **list, uint64_t now_ns);
void held_clear(struct held **list);

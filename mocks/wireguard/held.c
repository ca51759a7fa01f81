// SPDX-License-Identifier: Apache-2.0
#include "wireguard/held.h"

#include <utlist.h>

static int
by_time(const struct held *a, const struct held *b)
{
	return (a->at > b->at) - (a->at < b->at);
}

enum err
held_add(struct held **list, uint64_t at, bool is_outgoing, const struct addr *addr,
	 struct bytes datagram)
{
	struct held *h = malloc(sizeof(*h) + datagram.n);
	if (!h)
		return ERR_NOMEM;
	h->at = at;
	h->is_outgoing = is_outgoing;
	h->addr = *addr;
	h->n = datagram.n;
	memcpy(h->bytes, datagram.p, datagram.n);
	// From the back: delays are mostly equal, so the place is near the end.
	struct held *behind = *list ? (*list)->prev : NULL;
	while (behind && by_time(behind, h) > 0)
		behind = behind == *list ? NULL : behind->prev;
	if (behind)
		DL_APPEND_ELEM(*list, behind, h);
	else
		DL_PREPEND(*list, h);
	return ERR_OK;
}

struct held *
held_take(struct held **list, uint64_t now_ns)
{
	struct held *h = *list;
	if (!h || h->at > now_ns)
		return NULL;
	DL_DELETE(*list, h);
	return h;
}

void
held_clear(struct held **list)
{
	struct held *h;
	while ((h = held_take(list, UINT64_MAX)))
		free(h);
}

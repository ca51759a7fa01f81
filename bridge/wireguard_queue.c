// SPDX-License-Identifier: Apache-2.0
#include "bridge/wireguard_queue.h"

#include <utlist.h>

static void
request_free(struct wireguard_request *r)
{
	free((char *)(uintptr_t)r->change.device);
	free((char *)(uintptr_t)r->change.public_key);
	free((char *)(uintptr_t)r->change.remove);
	free(r);
}
AUTO_DEFINE(struct wireguard_request *, request_free)

enum err
wireguard_queue_change(struct wireguard_request **queue, const struct wireguard_change *change,
		       wireguard_done_fn *done, void *ctx)
{
	AUTO(request_free) struct wireguard_request *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->done = done;
	r->ctx = ctx;
	r->change.ip = change->ip;
	r->change.device = strdup(change->device);
	r->change.remove = strdup(change->remove);
	if (change->public_key)
		r->change.public_key = strdup(change->public_key);
	if (!r->change.device || !r->change.remove || (change->public_key && !r->change.public_key))
		return ERR_NOMEM;
	DL_APPEND(*queue, r);
	r = NULL;
	return ERR_OK;
}

enum err
wireguard_queue_get(struct wireguard_request **queue, wireguard_peers_fn *done, void *ctx)
{
	struct wireguard_request *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->peers = done;
	r->ctx = ctx;
	DL_APPEND(*queue, r);
	return ERR_OK;
}

struct wireguard_request *
wireguard_queue_take(struct wireguard_request **queue, size_t max)
{
	struct wireguard_request *taken = NULL;
	bool gets = *queue && (*queue)->peers;
	for (size_t n = 0; *queue && (gets || n < max); n++) {
		struct wireguard_request *r = *queue;
		if ((r->peers != NULL) != gets)
			break;
		DL_DELETE(*queue, r);
		DL_APPEND(taken, r);
	}
	return taken;
}

void
wireguard_queue_finish(struct wireguard_request *list, const struct why *why,
		       struct wireguard_peer *peers, size_t n)
{
	struct wireguard_request *r, *next;
	DL_FOREACH_SAFE (list, r, next) {
		const struct why *own = why->err == ERR_OK ? &r->why : why;
		if (r->peers)
			r->peers(own, own->err == ERR_OK ? peers : NULL, own->err == ERR_OK ? n : 0,
				 r->ctx);
		else
			r->done(own, r->ctx);
		request_free(r);
	}
}

void
wireguard_queue_drop(struct wireguard_request *list)
{
	struct wireguard_request *r, *next;
	DL_FOREACH_SAFE (list, r, next)
		request_free(r);
}

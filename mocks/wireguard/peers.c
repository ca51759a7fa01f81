// SPDX-License-Identifier: Apache-2.0
#include "wireguard/peers.h"

#include "wireguard/server.h"

struct index_entry {
	uint32_t index;
	struct peer *peer;
	UT_hash_handle hh;
};

enum err
peers_add(struct peer **out, struct peers *ps, struct server *server,
	  const struct wg_key *public_key, uint64_t seed)
{
	TRY(deadlines_reserve(&ps->deadlines, peers_count(ps) + 1));
	struct peer *p = calloc(1, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	p->server = server;
	wg_key_print(p->name, public_key);
	enum err err = wg_peer_init(&p->engine, &server->identity, public_key, NULL,
				    &server_peer_ops, p, seed, ++ps->n_added);
	if (err) {
		free(p);
		return err;
	}
	HASH_ADD(hh, ps->by_key, engine.remote.public_key, sizeof(struct wg_key), p);
	*out = p;
	return ERR_OK;
}

void
peers_remove(struct peers *ps, struct peer *p)
{
	allowed_ips_remove_all(&ps->allowed, p);
	deadlines_set(&ps->deadlines, &p->deadline, UINT64_MAX);
	HASH_DEL(ps->by_key, p);
	wg_peer_fini(&p->engine);
	free(p);
}

void
peers_remove_all(struct peers *ps)
{
	while (ps->by_key)
		peers_remove(ps, ps->by_key);
}

void
peers_fini(struct peers *ps)
{
	peers_remove_all(ps);
	deadlines_fini(&ps->deadlines);
}

struct peer *
peers_find(const struct peers *ps, const struct wg_key *public_key)
{
	struct peer *p = NULL;
	HASH_FIND(hh, ps->by_key, public_key, sizeof(*public_key), p);
	return p;
}

struct peer *
peers_find_index(const struct peers *ps, uint32_t index)
{
	struct index_entry *e = NULL;
	HASH_FIND(hh, ps->by_index, &index, sizeof(index), e);
	return e ? e->peer : NULL;
}

size_t
peers_count(const struct peers *ps)
{
	return HASH_COUNT(ps->by_key);
}

void
peers_update_deadline(struct peers *ps, struct peer *p)
{
	deadlines_set(&ps->deadlines, &p->deadline, wg_peer_deadline(&p->engine));
}

uint32_t
peers_index_new(void *ctx)
{
	struct peer *p = ctx;
	struct peers *ps = &p->server->peers;
	uint32_t index;
	do {
		index = (uint32_t)rng_u64(&ps->rng);
	} while (peers_find_index(ps, index));
	struct index_entry *e = calloc(1, sizeof(*e));
	// Without memory the index leads nowhere: the handshake fails as if its packets were lost.
	if (!e)
		return index;
	e->index = index;
	e->peer = p;
	HASH_ADD(hh, ps->by_index, index, sizeof(e->index), e);
	return index;
}

void
peers_index_free(void *ctx, uint32_t index)
{
	struct peers *ps = &((struct peer *)ctx)->server->peers;
	struct index_entry *e = NULL;
	HASH_FIND(hh, ps->by_index, &index, sizeof(index), e);
	if (!e)
		return;
	HASH_DEL(ps->by_index, e);
	free(e);
}

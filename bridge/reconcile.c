// SPDX-License-Identifier: Apache-2.0
#include "bridge/reconcile.h"

#include <stdio.h>

#include "base/clock.h"

enum {
	RESERVATION_S = 3600,
	SWEEP_MS = 600000,
	PAGE = 500,
	UNKNOWN_LOGGED = 10,
};

struct reconcile {
	uv_loop_t *loop;
	const struct log *log;
	struct store *store;
	struct wireguard *wireguard;
	unsigned reservation_s;
	uv_timer_t sweep;
	bool running;
	bool again;
	bool closing;
	unsigned owed; // store callbacks and the timer
	// Of the comparison that runs.
	struct wireguard_peer *peers; // the server's
	size_t n_peers;
	char after[DEVICE_ID_MAX + 1];
	bool more;
	size_t in_flight; // sets of this page
	size_t set;
	size_t failed;
};

static void
release(struct reconcile *r)
{
	if (!r->closing || r->owed > 0)
		return;
	free(r->peers);
	free(r);
}

// False: r is gone or going.
static bool
take_owed(struct reconcile *r)
{
	r->owed--;
	if (!r->closing)
		return true;
	release(r);
	return false;
}

// --- peers ---

static void next_page(struct reconcile *r);

static void
finish(struct reconcile *r, const struct why *why)
{
	free(STEAL(r->peers));
	r->n_peers = 0;
	r->running = false;
	if (why)
		log_warn(r->log, "reconcile.failed", KV_ERR(why->err), KV_STR("why", why->text));
	bool again = r->again;
	r->again = false;
	if (again)
		reconcile_peers(r);
}

static void
fail(struct reconcile *r, enum err err)
{
	struct why why = {0};
	why_set(&why, err, "%s", err_text(err));
	finish(r, &why);
}

// Peers that no device of ours has: somebody else may have put them there, so they stay.
static void
conclude(struct reconcile *r)
{
	size_t unknown = 0;
	for (size_t i = 0; i < r->n_peers; i++) {
		if (r->peers[i].wanted)
			continue;
		if (unknown++ < UNKNOWN_LOGGED)
			log_warn(r->log, "reconcile.unknown_peer",
				 KV_STR("public_key", r->peers[i].public_key),
				 KV_STR("device", r->peers[i].device));
	}
	log_info(r->log, "reconcile.done", KV_U64("peers", r->n_peers), KV_U64("set", r->set),
		 KV_U64("failed", r->failed), KV_U64("unknown", unknown));
	finish(r, NULL);
}

static void
page_done(struct reconcile *r)
{
	if (r->more)
		next_page(r);
	else
		conclude(r);
}

static void
on_set(const struct why *why, void *ctx)
{
	struct reconcile *r = ctx;
	r->set += why->err == ERR_OK;
	r->failed += why->err != ERR_OK;
	if (--r->in_flight == 0)
		page_done(r);
}

static void
compare(struct reconcile *r, const struct device_row *d)
{
	if (!d->wg_ip || !d->wg_public_key[0])
		return;
	struct wireguard_peer *peer = wireguard_find_peer(r->peers, r->n_peers, d->wg_public_key);
	if (peer)
		peer->wanted = true;
	// One on its way out is not put back.
	if (d->state == DEVICE_DECOMMISSIONING || (peer && peer->ip == d->wg_ip))
		return;
	const struct wireguard_change change = {d->id, d->wg_public_key, d->wg_ip, ""};
	if (wireguard_apply(r->wireguard, &change, on_set, r) == ERR_OK)
		r->in_flight++;
	else
		r->failed++;
}

static void
on_page(const struct store_answer *answer, void *ctx)
{
	struct reconcile *r = ctx;
	if (!take_owed(r))
		return;
	if (answer->err != ERR_OK) {
		finish(r, &answer->why);
		return;
	}
	r->more = answer->more;
	if (answer->n_devices > 0)
		memcpy(r->after, answer->devices[answer->n_devices - 1].id, sizeof(r->after));
	for (size_t i = 0; i < answer->n_devices; i++)
		compare(r, &answer->devices[i]);
	if (r->in_flight == 0)
		page_done(r);
}

static void
next_page(struct reconcile *r)
{
	struct store_list list = {
		.after = r->after,
		.limit = PAGE,
		.states = 1u << DEVICE_ENROLLED | 1u << DEVICE_PROVISIONED |
			  1u << DEVICE_DECOMMISSIONING,
	};
	enum err err = store_list_devices(r->store, &list, on_page, r);
	if (err == ERR_OK)
		r->owed++;
	else
		fail(r, err);
}

static void
on_peers(const struct why *why, struct wireguard_peer *peers, size_t n, void *ctx)
{
	struct reconcile *r = ctx;
	if (why->err != ERR_OK) {
		finish(r, why);
		return;
	}
	r->peers = calloc(n + 1, sizeof(*peers));
	if (!r->peers) {
		fail(r, ERR_NOMEM);
		return;
	}
	memcpy(r->peers, peers, n * sizeof(*peers));
	r->n_peers = n;
	r->after[0] = '\0';
	r->set = r->failed = r->in_flight = 0;
	next_page(r);
}

void
reconcile_peers(struct reconcile *r)
{
	if (!r->wireguard || r->closing)
		return;
	if (r->running) {
		r->again = true;
		return;
	}
	r->running = true;
	enum err err = wireguard_get_peers(r->wireguard, on_peers, r);
	if (err != ERR_OK)
		fail(r, err);
}

// --- reservations ---

static void sweep(struct reconcile *r);

static void
on_swept(const struct store_answer *answer, void *ctx)
{
	struct reconcile *r = ctx;
	if (!take_owed(r) || answer->err != ERR_OK)
		return;
	if (answer->n_devices > 0)
		log_info(r->log, "reconcile.reservations_ended", KV_U64("n", answer->n_devices));
	if (answer->more)
		sweep(r);
}

static void
sweep(struct reconcile *r)
{
	int64_t before_ms =
		(int64_t)(clock_wall_ns() / NS_PER_MS) - (int64_t)r->reservation_s * 1000;
	if (store_reclaim(r->store, before_ms, on_swept, r) == ERR_OK)
		r->owed++;
}

static void
on_sweep_timer(uv_timer_t *timer)
{
	sweep(timer->data);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct reconcile *r = handle->data;
	r->owed--;
	release(r);
}

enum err
reconcile_new(struct reconcile **out, const struct reconcile_options *o)
{
	struct reconcile *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->loop = o->loop;
	r->log = o->log;
	r->store = o->store;
	r->wireguard = o->wireguard;
	r->reservation_s = o->reservation_s ? o->reservation_s : RESERVATION_S;
	uv_timer_init(r->loop, &r->sweep);
	r->sweep.data = r;
	r->owed = 1;
	uv_timer_start(&r->sweep, on_sweep_timer, 0, SWEEP_MS);
	*out = r;
	return ERR_OK;
}

void
reconcile_free(struct reconcile *r)
{
	if (!r)
		return;
	r->closing = true;
	uv_close((uv_handle_t *)&r->sweep, on_timer_closed);
}

// SPDX-License-Identifier: Apache-2.0
// The order of effects follows the Linux module, because devices and servers in the field do:
// every authenticated packet sent or received moves timers (wg_peer_mark_sent,
// wg_peer_mark_received), a session is renewed when its initiator sends on an old key, packets wait
// in a short queue until there is one.
#include "wg/peer_impl.h"

#include <openssl/crypto.h>
#include <utlist.h>

#include "base/clock.h"
#include "wg/crypto.h"

struct wg_staged {
	struct wg_staged *prev;
	struct wg_staged *next;
	size_t n;
	uint8_t bytes[];
};

// --- timers ---

static uint64_t
jitter(struct wg_peer *p)
{
	return rng_below(&p->rng, WG_REKEY_JITTER_MS * NS_PER_MS);
}

void
wg_peer_restart_persistent_keepalive(struct wg_peer *p, const struct wg_now *now)
{
	if (p->keepalive_s)
		p->persistent_keepalive_at = now->mono_ns + p->keepalive_s * NS_PER_S;
}

// An authenticated packet leaves.
void
wg_peer_mark_sent(struct wg_peer *p, size_t n, const struct wg_now *now)
{
	p->stats.tx_bytes += n;
	p->passive_keepalive_at = 0;
	wg_peer_restart_persistent_keepalive(p, now);
}

// An authenticated packet came.
void
wg_peer_mark_received(struct wg_peer *p, size_t n, const struct wg_now *now)
{
	p->stats.rx_bytes += n;
	p->new_handshake_at = 0;
	wg_peer_restart_persistent_keepalive(p, now);
}

static void
mark_data_sent(struct wg_peer *p, const struct wg_now *now)
{
	p->stats.tx_packets++;
	if (!p->new_handshake_at)
		p->new_handshake_at = now->mono_ns + WG_NEW_HANDSHAKE_S * NS_PER_S + jitter(p);
}

void
wg_peer_mark_data_received(struct wg_peer *p, const struct wg_now *now)
{
	p->stats.rx_packets++;
	if (p->passive_keepalive_at)
		p->wants_another_keepalive = true;
	else
		p->passive_keepalive_at = now->mono_ns + WG_KEEPALIVE_S * NS_PER_S;
}

void
wg_peer_emit(struct wg_peer *p, enum wg_event event, const struct wg_now *now)
{
	if (p->ops->event)
		p->ops->event(p->ctx, event, now);
}

// A session can be used both ways.
void
wg_peer_session_confirmed(struct wg_peer *p, const struct wg_now *now)
{
	p->retry_at = 0;
	p->attempts = 0;
	p->sent_lastminute = false;
	p->stats.handshakes++;
	p->stats.last_handshake_wall_ns = now->wall_ns;
	wg_peer_emit(p, WG_EVENT_SESSION, now);
}

// --- indexes and sessions ---

bool
wg_peer_index_is_used(const struct wg_peer *p, uint32_t index)
{
	return (p->handshake_is_open && p->handshake.local_index == index) ||
	       (p->current && p->current->local_index == index) ||
	       (p->previous && p->previous->local_index == index) ||
	       (p->next && p->next->local_index == index);
}

uint32_t
wg_peer_index_new(struct wg_peer *p)
{
	if (p->ops->index_new)
		return p->ops->index_new(p->ctx);
	uint32_t index;
	do {
		index = (uint32_t)rng_u64(&p->rng);
	} while (wg_peer_index_is_used(p, index));
	return index;
}

void
wg_peer_index_free(struct wg_peer *p, uint32_t index)
{
	if (p->ops->index_free)
		p->ops->index_free(p->ctx, index);
}

static void
drop_keypair(struct wg_peer *p, struct wg_keypair **slot)
{
	if (*slot)
		wg_peer_index_free(p, (*slot)->local_index);
	wg_keypair_free(*slot);
	*slot = NULL;
}

void
wg_peer_drop_handshake(struct wg_peer *p)
{
	if (p->handshake_is_open)
		wg_peer_index_free(p, p->handshake.local_index);
	p->handshake_is_open = false;
	wg_handshake_wipe(&p->handshake);
}

void
wg_peer_drop_staged(struct wg_peer *p)
{
	struct wg_staged *s;
	struct wg_staged *tmp;
	DL_FOREACH_SAFE (p->staged, s, tmp) {
		DL_DELETE(p->staged, s);
		free(s);
	}
	p->n_staged = 0;
}

void
wg_peer_drop_sessions(struct wg_peer *p)
{
	drop_keypair(p, &p->current);
	drop_keypair(p, &p->previous);
	drop_keypair(p, &p->next);
	wg_peer_drop_handshake(p);
}

// The initiator uses a new session at once; the responder keeps it aside until the peer has shown
// that it has the keys too.
enum err
wg_peer_add_session(struct wg_peer *p, const struct wg_session_keys *keys, bool is_initiator,
		    const struct wg_now *now)
{
	struct wg_keypair *k = malloc(sizeof(*k));
	if (!k)
		return ERR_NOMEM;
	wg_keypair_start(k, keys, is_initiator, now->mono_ns);
	drop_keypair(p, &p->previous);
	if (!is_initiator) {
		drop_keypair(p, &p->next);
		p->next = k;
	} else {
		p->previous = p->next ? p->next : p->current;
		if (p->next)
			drop_keypair(p, &p->current);
		p->next = NULL;
		p->current = k;
	}
	p->erase_at = now->mono_ns + WG_ERASE_AFTER_S * NS_PER_S;
	return ERR_OK;
}

void
wg_peer_promote_next(struct wg_peer *p)
{
	drop_keypair(p, &p->previous);
	p->previous = p->current;
	p->current = p->next;
	p->next = NULL;
}

// --- sending ---

static bool
may_initiate(const struct wg_peer *p, const struct wg_now *now)
{
	return !p->has_sent_handshake ||
	       now->mono_ns - p->last_handshake_sent_ns >= WG_REKEY_TIMEOUT_S * NS_PER_S;
}

const uint8_t *
wg_peer_fresh_cookie(struct wg_peer *p, const struct wg_now *now)
{
	if (p->has_cookie && now->mono_ns - p->cookie_ns >= WG_COOKIE_LIFE_S * NS_PER_S)
		p->has_cookie = false;
	return p->has_cookie ? p->cookie : NULL;
}

void
wg_peer_remember_sent(struct wg_peer *p, struct bytes msg, const struct wg_now *now)
{
	memcpy(p->last_mac1, wg_mac1_of(msg), WG_MAC_BYTES);
	p->has_mac1 = true;
	p->has_sent_handshake = true;
	p->last_handshake_sent_ns = now->mono_ns;
}

// One initiation, unless one was sent in the last 5 s. is_retry: part of the running round.
void
wg_peer_initiate(struct wg_peer *p, bool is_retry, const struct wg_now *now)
{
	if (!is_retry)
		p->attempts = 0;
	if (!may_initiate(p, now))
		return;
	uint8_t msg[WG_INITIATION_BYTES];
	struct wg_tai64n timestamp;
	wg_tai64n_set(&timestamp, now->wall_ns);
	wg_peer_drop_handshake(p);
	uint32_t index = wg_peer_index_new(p);
	enum err err = wg_initiation_create(msg, &p->handshake, &p->remote, p->identity, &timestamp,
					    index, wg_peer_fresh_cookie(p, now), NULL);
	// The round goes on by its timer even when OpenSSL had no memory this time.
	p->retry_at = now->mono_ns + WG_REKEY_TIMEOUT_S * NS_PER_S + jitter(p);
	if (err) {
		wg_peer_index_free(p, index);
		return;
	}
	p->handshake_is_open = true;
	p->initiation_sent_ns = now->mono_ns;
	p->stats.initiations_sent++;
	wg_peer_remember_sent(p, BYTES(msg, sizeof(msg)), now);
	wg_peer_mark_sent(p, sizeof(msg), now);
	p->ops->send(p->ctx, BYTES(msg, sizeof(msg)));
}

// Whoever began the session renews it, when it sends on an old key.
static void
renew_when_old(struct wg_peer *p, const struct wg_now *now)
{
	if (p->current && p->current->is_initiator &&
	    now->mono_ns - p->current->born_ns >= WG_REKEY_AFTER_S * NS_PER_S)
		wg_peer_initiate(p, false, now);
}

bool
wg_peer_has_session(const struct wg_peer *p, const struct wg_now *now)
{
	return p->current && !wg_keypair_is_expired(p->current, now->mono_ns);
}

// Seals and sends on the current session.
static enum err
transmit(struct wg_peer *p, struct bytes inner, const struct wg_now *now)
{
	uint8_t datagram[WG_DATAGRAM_MAX];
	size_t n = wg_transport_size(inner.n);
	TRY(wg_transport_seal(datagram, p->current, inner));
	wg_peer_mark_sent(p, n, now);
	p->ops->send(p->ctx, BYTES(datagram, n));
	if (inner.n)
		mark_data_sent(p, now);
	renew_when_old(p, now);
	return ERR_OK;
}

static enum err
stage(struct wg_peer *p, struct bytes inner)
{
	struct wg_staged *s = malloc(sizeof(*s) + inner.n);
	if (!s)
		return ERR_NOMEM;
	s->n = inner.n;
	if (inner.n)
		memcpy(s->bytes, inner.p, inner.n);
	if (p->n_staged == WG_STAGED_MAX) {
		struct wg_staged *oldest = p->staged;
		DL_DELETE(p->staged, oldest);
		free(oldest);
		p->n_staged--;
	}
	DL_APPEND(p->staged, s);
	p->n_staged++;
	return ERR_OK;
}

void
wg_peer_flush_staged(struct wg_peer *p, const struct wg_now *now)
{
	while (p->staged && wg_peer_has_session(p, now)) {
		struct wg_staged *s = p->staged;
		DL_DELETE(p->staged, s);
		p->n_staged--;
		enum err err = transmit(p, BYTES(s->bytes, s->n), now);
		free(s);
		if (err)
			return;
	}
}

enum err
wg_peer_send(struct wg_peer *p, struct bytes inner, const struct wg_now *now)
{
	if (inner.n > WG_MTU)
		return ERR_TOO_LARGE;
	if (wg_peer_has_session(p, now))
		return transmit(p, inner, now);
	// A waiting packet does what a keepalive would do.
	if (inner.n || !p->staged)
		TRY(stage(p, inner));
	wg_peer_initiate(p, false, now);
	return ERR_OK;
}

void
wg_peer_send_keepalive(struct wg_peer *p, const struct wg_now *now)
{
	// Losing a keepalive is what happens to datagrams; the next timer sends another.
	enum err err = wg_peer_send(p, BYTES_NONE, now);
	(void)err;
}

enum err
wg_peer_seal(struct wg_peer *p, uint8_t *out, struct bytes inner, const struct wg_now *now)
{
	if (!wg_peer_has_session(p, now))
		return ERR_WRONG_STATE;
	return wg_transport_seal(out, p->current, inner);
}

void
wg_peer_connect(struct wg_peer *p, const struct wg_now *now)
{
	wg_peer_initiate(p, false, now);
}

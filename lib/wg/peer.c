// SPDX-License-Identifier: Apache-2.0
#include "wg/peer_impl.h"

#include <openssl/crypto.h>

#include "base/clock.h"
#include "wg/ip.h"

// --- receiving ---

static enum wg_drop
receive_response(struct wg_peer *p, struct bytes msg, const struct wg_now *now)
{
	if (!p->handshake_is_open || wg_message_receiver(msg) != p->handshake.local_index)
		return WG_DROP_UNKNOWN_INDEX;
	struct wg_session_keys keys;
	enum wg_drop drop = wg_response_open(&keys, &p->handshake, p->identity, &p->remote, msg.p);
	if (drop) {
		p->stats.bad_responses++;
		wg_peer_emit(p, WG_EVENT_BAD_RESPONSE, now);
		return drop;
	}
	p->handshake_is_open = false; // its index goes over to the session
	uint32_t index = keys.local_index;
	enum err err = wg_peer_add_session(p, &keys, true, now);
	OPENSSL_cleanse(&keys, sizeof(keys));
	if (err) {
		wg_peer_index_free(p, index);
		return WG_DROP_INTERNAL;
	}
	p->stats.handshake_ns = now->mono_ns - p->initiation_sent_ns;
	wg_peer_mark_received(p, msg.n, now);
	wg_peer_session_confirmed(p, now);
	// The responder may not use the session before it has heard from us on it.
	if (p->staged)
		wg_peer_flush_staged(p, now);
	else
		wg_peer_send_keepalive(p, now);
	return WG_DROP_NONE;
}

static enum wg_drop
receive_cookie(struct wg_peer *p, struct bytes msg, const struct wg_now *now)
{
	if (!p->has_mac1 || !wg_peer_index_is_used(p, wg_message_receiver(msg)))
		return WG_DROP_UNKNOWN_INDEX;
	enum wg_drop drop = wg_cookie_reply_open(p->cookie, &p->remote, p->last_mac1, msg.p);
	if (drop)
		return drop;
	p->has_cookie = true;
	p->cookie_ns = now->mono_ns;
	p->has_mac1 = false; // one cookie for one message
	p->stats.cookies_received++;
	wg_peer_emit(p, WG_EVENT_COOKIE, now);
	return WG_DROP_NONE;
}

static struct wg_keypair *
find_keypair(struct wg_peer *p, uint32_t index)
{
	struct wg_keypair *const all[] = {p->current, p->next, p->previous};
	for (size_t i = 0; i < N_ELEMENTS(all); i++) {
		if (all[i] && all[i]->local_index == index)
			return all[i];
	}
	return NULL;
}

// The initiator's last chance to renew before it must stop: it hears data on a key of 165 s.
static void
renew_at_last_minute(struct wg_peer *p, const struct wg_now *now)
{
	if (p->sent_lastminute || !p->current || !p->current->is_initiator ||
	    now->mono_ns - p->current->born_ns < WG_REKEY_LATE_S * NS_PER_S)
		return;
	p->sent_lastminute = true;
	wg_peer_initiate(p, false, now);
}

static enum wg_drop
receive_transport(struct wg_peer *p, uint8_t *datagram, size_t n, struct bytes *inner,
		  const struct wg_now *now)
{
	struct wg_keypair *k = find_keypair(p, wg_message_receiver(BYTES(datagram, n)));
	if (!k)
		return WG_DROP_UNKNOWN_INDEX;
	struct bytes plain;
	enum wg_drop drop = wg_transport_open(&plain, k, datagram, n, now->mono_ns);
	if (drop)
		return drop;
	if (k == p->next) {
		wg_peer_promote_next(p);
		wg_peer_session_confirmed(p, now);
		wg_peer_flush_staged(p, now);
	}
	renew_at_last_minute(p, now);
	wg_peer_mark_received(p, n, now);
	if (plain.n == 0)
		return WG_DROP_NONE;
	wg_peer_mark_data_received(p, now);
	struct ip_packet packet;
	if (ip_packet_parse(&packet, plain))
		return WG_DROP_MALFORMED;
	*inner = BYTES(plain.p, packet.n);
	return WG_DROP_NONE;
}

static enum wg_drop
receive_initiation(struct wg_peer *p, struct bytes msg, const struct wg_now *now)
{
	struct wg_handshake hs;
	struct wg_key claimed;
	enum wg_drop drop = wg_initiation_open(&hs, &claimed, p->identity, msg.p);
	if (drop)
		return drop;
	if (!wg_key_equal(&claimed, &p->remote.public_key)) {
		wg_handshake_wipe(&hs);
		return WG_DROP_UNKNOWN_PEER;
	}
	return wg_peer_accept_initiation(p, &hs, msg, now);
}

enum wg_drop
wg_peer_receive(struct wg_peer *p, uint8_t *datagram, size_t n, struct bytes *inner,
		const struct wg_now *now)
{
	struct bytes msg = BYTES(datagram, n);
	enum wg_message type = wg_message_type(msg);
	*inner = BYTES_NONE;
	if ((type == WG_MESSAGE_INITIATION || type == WG_MESSAGE_RESPONSE) &&
	    !wg_mac1_is_valid(p->identity, msg))
		return WG_DROP_BAD_MAC1;
	switch (type) {
	case WG_MESSAGE_INITIATION:
		return receive_initiation(p, msg, now);
	case WG_MESSAGE_RESPONSE:
		return receive_response(p, msg, now);
	case WG_MESSAGE_COOKIE:
		return receive_cookie(p, msg, now);
	case WG_MESSAGE_TRANSPORT:
		return receive_transport(p, datagram, n, inner, now);
	case WG_MESSAGE_NONE:
	case WG_MESSAGE_COUNT:
		break;
	}
	return WG_DROP_MALFORMED;
}

// A message that is authentic but not new, or comes too fast.
static enum wg_drop
check_freshness(struct wg_peer *p, const struct wg_tai64n *timestamp, const struct wg_now *now)
{
	if (!wg_tai64n_is_after(timestamp, &p->last_timestamp))
		return WG_DROP_REPLAY;
	if (p->has_consumed && now->mono_ns - p->last_consumed_ns < WG_FLOOD_MS * NS_PER_MS)
		return WG_DROP_FLOOD;
	p->last_timestamp = *timestamp;
	p->last_consumed_ns = now->mono_ns;
	p->has_consumed = true;
	return WG_DROP_NONE;
}

static enum wg_drop
answer_initiation(struct wg_peer *p, struct wg_handshake *hs, const struct wg_now *now)
{
	uint8_t out[WG_RESPONSE_BYTES];
	struct wg_session_keys keys;
	uint32_t index = wg_peer_index_new(p);
	enum err err = wg_response_create(out, &keys, hs, &p->remote, index,
					  wg_peer_fresh_cookie(p, now), NULL);
	if (!err)
		err = wg_peer_add_session(p, &keys, false, now);
	OPENSSL_cleanse(&keys, sizeof(keys));
	if (err) {
		wg_peer_index_free(p, index);
		return WG_DROP_INTERNAL;
	}
	p->stats.responses_sent++;
	wg_peer_remember_sent(p, BYTES(out, sizeof(out)), now);
	wg_peer_mark_sent(p, sizeof(out), now);
	p->ops->send(p->ctx, BYTES(out, sizeof(out)));
	return WG_DROP_NONE;
}

enum wg_drop
wg_peer_accept_initiation(struct wg_peer *p, struct wg_handshake *hs, struct bytes msg,
			  const struct wg_now *now)
{
	struct wg_tai64n timestamp;
	enum wg_drop drop = wg_initiation_authenticate(hs, &timestamp, &p->remote, msg.p);
	if (!drop)
		drop = check_freshness(p, &timestamp, now);
	if (drop) {
		wg_handshake_wipe(hs);
		return drop;
	}
	// As in Linux there is one handshake at a time: theirs replaces ours.
	wg_peer_drop_handshake(p);
	wg_peer_mark_received(p, msg.n, now);
	return answer_initiation(p, hs, now);
}

// --- time ---

uint64_t
wg_peer_deadline(const struct wg_peer *p)
{
	const uint64_t all[] = {p->retry_at, p->passive_keepalive_at, p->new_handshake_at,
				p->persistent_keepalive_at, p->erase_at};
	uint64_t first = UINT64_MAX;
	for (size_t i = 0; i < N_ELEMENTS(all); i++) {
		if (all[i] && all[i] < first)
			first = all[i];
	}
	return first;
}

static void
on_retry(struct wg_peer *p, const struct wg_now *now)
{
	if (p->attempts + 1 < WG_INITIATIONS_PER_ROUND) {
		p->attempts++;
		wg_peer_initiate(p, true, now);
		return;
	}
	p->passive_keepalive_at = 0;
	wg_peer_drop_staged(p);
	if (!p->erase_at)
		p->erase_at = now->mono_ns + WG_ERASE_AFTER_S * NS_PER_S;
	wg_peer_emit(p, WG_EVENT_GAVE_UP, now);
}

static void
on_passive_keepalive(struct wg_peer *p, const struct wg_now *now)
{
	wg_peer_send_keepalive(p, now);
	if (p->wants_another_keepalive) {
		p->wants_another_keepalive = false;
		p->passive_keepalive_at = now->mono_ns + WG_KEEPALIVE_S * NS_PER_S;
	}
}

static void
on_new_handshake(struct wg_peer *p, const struct wg_now *now)
{
	wg_peer_initiate(p, false, now);
}

static void
on_erase(struct wg_peer *p, const struct wg_now *now)
{
	(void)now;
	wg_peer_drop_sessions(p);
}

void
wg_peer_tick(struct wg_peer *p, const struct wg_now *now)
{
	const struct {
		uint64_t *at;
		void (*run)(struct wg_peer *p, const struct wg_now *now);
	} timers[] = {
		{&p->retry_at,		       on_retry	       },
		{&p->new_handshake_at,	       on_new_handshake      },
		{&p->passive_keepalive_at,	   on_passive_keepalive  },
		{&p->persistent_keepalive_at, wg_peer_send_keepalive},
		{&p->erase_at,		       on_erase	       },
	};
	for (size_t i = 0; i < N_ELEMENTS(timers); i++) {
		if (*timers[i].at && *timers[i].at <= now->mono_ns) {
			*timers[i].at = 0;
			timers[i].run(p, now);
		}
	}
}

// --- life ---

enum err
wg_peer_init(struct wg_peer *p, const struct wg_identity *identity, const struct wg_key *public_key,
	     const struct wg_key *preshared_key, const struct wg_peer_ops *ops, void *ctx,
	     uint64_t seed, uint64_t stream)
{
	*p = (struct wg_peer){.identity = identity, .ops = ops, .ctx = ctx};
	rng_init(&p->rng, seed, stream);
	return wg_remote_init(&p->remote, identity, public_key, preshared_key);
}

void
wg_peer_reset(struct wg_peer *p)
{
	wg_peer_drop_sessions(p);
	wg_peer_drop_staged(p);
	p->retry_at = p->passive_keepalive_at = p->new_handshake_at = 0;
	p->persistent_keepalive_at = p->erase_at = 0;
	p->attempts = 0;
	p->has_mac1 = p->has_cookie = p->has_sent_handshake = p->has_consumed = false;
	p->sent_lastminute = p->wants_another_keepalive = false;
	p->last_timestamp = (struct wg_tai64n){0};
}

void
wg_peer_fini(struct wg_peer *p)
{
	wg_peer_drop_sessions(p);
	wg_peer_drop_staged(p);
	OPENSSL_cleanse(p, sizeof(*p));
}

void
wg_peer_set_keepalive(struct wg_peer *p, uint16_t seconds, const struct wg_now *now)
{
	uint16_t before = p->keepalive_s;
	p->keepalive_s = seconds;
	p->persistent_keepalive_at = 0;
	wg_peer_restart_persistent_keepalive(p, now);
	if (!before && seconds)
		wg_peer_send_keepalive(p, now);
}

void
wg_peer_set_preshared_key(struct wg_peer *p, const struct wg_key *preshared_key)
{
	p->remote.preshared_key = preshared_key ? *preshared_key : (struct wg_key){0};
}

enum err
wg_peer_identity_changed(struct wg_peer *p)
{
	WG_KEY_AUTO struct wg_key psk = p->remote.preshared_key;
	struct wg_key public_key = p->remote.public_key;
	wg_peer_drop_sessions(p);
	return wg_remote_init(&p->remote, p->identity, &public_key, &psk);
}

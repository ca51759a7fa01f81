// SPDX-License-Identifier: Apache-2.0
#include "wireguard/configure.h"

#include <errno.h>

#include "base/clock.h"

// --- set ---

static enum err
set_listen_port(struct server *s, uint16_t port, struct why *why)
{
	if (port == s->listen_port)
		return ERR_OK;
	if (!s->ops->rebind)
		return why_set(why, ERR_UNSUPPORTED, "this server cannot change its port");
	TRY(s->ops->rebind(s->ctx, &port, why));
	s->listen_port = port;
	return ERR_OK;
}

static enum err
set_allowed_ips(struct server *s, struct peer *p, const struct wg_uapi_peer *wanted)
{
	if (wanted->replace_allowed_ips)
		allowed_ips_remove_all(&s->peers.allowed, p);
	for (size_t i = 0; i < wanted->n_allowed_ips; i++)
		TRY(allowed_ips_add(&s->peers.allowed, &wanted->allowed_ips[i], p));
	return ERR_OK;
}

static enum err
set_endpoint(struct peer *p, const struct wg_uapi_peer *wanted, struct why *why)
{
	if (!wanted->has_endpoint)
		return ERR_OK;
	TRY(addr_parse(&p->endpoint, wanted->endpoint, why));
	p->has_endpoint = true;
	return ERR_OK;
}

static enum err
add_peer(struct peer **out, struct server *s, const struct wg_key *key, struct why *why)
{
	enum err err = peers_add(out, &s->peers, s, key, s->seed);
	if (err == ERR_INPUT)
		return why_set(why, err, "the peer's public key is a point of low order");
	return err ? why_set(why, err, "the peer could not be added: %s", err_text(err)) : ERR_OK;
}

static enum err
set_peer(struct server *s, const struct wg_uapi_peer *wanted, const struct wg_now *now,
	 struct why *why)
{
	struct peer *p = peers_find(&s->peers, &wanted->public_key);
	if (wanted->remove) {
		if (p)
			peers_remove(&s->peers, p);
		return ERR_OK;
	}
	// As the real ones: a server is not its own peer, quietly.
	bool is_self =
		s->has_identity && wg_key_equal(&wanted->public_key, &s->identity.public_key);
	if (is_self || (!p && wanted->update_only))
		return ERR_OK;
	if (!p)
		TRY(add_peer(&p, s, &wanted->public_key, why));
	if (wanted->has_preshared_key)
		wg_peer_set_preshared_key(&p->engine, &wanted->preshared_key);
	TRY(set_endpoint(p, wanted, why));
	TRY(set_allowed_ips(s, p, wanted));
	if (wanted->has_keepalive)
		wg_peer_set_keepalive(&p->engine, wanted->keepalive_s, now);
	peers_update_deadline(&s->peers, p);
	return ERR_OK;
}

static enum err
apply(struct server *s, const struct wg_uapi_device *d, const struct wg_now *now, struct why *why)
{
	s->now = *now;
	if (d->has_private_key)
		TRY(server_set_private_key(s, &d->private_key));
	if (d->has_listen_port)
		TRY(set_listen_port(s, d->listen_port, why));
	if (d->has_fwmark)
		s->fwmark = d->fwmark;
	if (d->replace_peers)
		peers_remove_all(&s->peers);
	for (size_t i = 0; i < d->n_peers; i++)
		TRY(set_peer(s, &d->peers[i], now, why));
	return ERR_OK;
}

// --- get ---

static enum err
describe_peer(struct wg_uapi_device *d, const struct peer *p)
{
	const struct wg_peer_stats *stats = &p->engine.stats;
	struct wg_uapi_peer *out = wg_uapi_peer_add(d, &p->engine.remote.public_key);
	if (!out)
		return ERR_NOMEM;
	out->has_preshared_key = true; // zero when there is none, as wireguard-go writes it
	out->preshared_key = p->engine.remote.preshared_key;
	out->has_endpoint = p->has_endpoint;
	if (p->has_endpoint)
		addr_format(out->endpoint, &p->endpoint);
	out->has_keepalive = true;
	out->keepalive_s = p->engine.keepalive_s;
	out->last_handshake_s = stats->last_handshake_wall_ns / NS_PER_S;
	out->last_handshake_ns = (uint32_t)(stats->last_handshake_wall_ns % NS_PER_S);
	out->rx_bytes = stats->rx_bytes;
	out->tx_bytes = stats->tx_bytes;
	for (struct allowed_ip *a = p->allowed; a; a = allowed_ips_next(a))
		TRY(wg_uapi_allowed_ip_add(out, allowed_ips_prefix(a)));
	return ERR_OK;
}

static enum err
describe(struct wg_uapi_device *d, const struct server *s)
{
	struct peer *p;
	struct peer *tmp;
	wg_uapi_device_init(d);
	d->has_private_key = s->has_identity;
	d->private_key = s->identity.private_key;
	d->has_listen_port = true;
	d->listen_port = s->listen_port;
	d->has_fwmark = s->fwmark != 0;
	d->fwmark = s->fwmark;
	HASH_ITER (hh, s->peers.by_key, p, tmp) {
		TRY(describe_peer(d, p));
	}
	return ERR_OK;
}

static enum err
answer_get(const struct server *s, struct buf *answer)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	TRY(describe(&d, s));
	return wg_uapi_get_answer_render(answer, &d);
}

static int
errno_of(enum err err)
{
	switch (err) {
	case ERR_OK:
		return 0;
	case ERR_NOMEM:
		return ENOMEM;
	case ERR_CONFLICT:
		return EADDRINUSE;
	case ERR_CRYPTO:
	case ERR_IO:
		return EIO;
	default:
		return EINVAL;
	}
}

enum err
configure_answer(struct server *s, struct bytes request, struct buf *answer,
		 const struct wg_now *now)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	enum wg_uapi_operation op = WG_UAPI_GET;
	struct why why = {0};
	enum err err = wg_uapi_request_parse(&op, &d, request, &why);
	if (!err && op == WG_UAPI_GET)
		return answer_get(s, answer);
	if (!err)
		err = apply(s, &d, now, &why);
	if (err)
		log_warn(s->log, "wireguard.uapi_refused", KV_ERR(err), KV_STR("why", why.text));
	else
		log_debug(s->log, "wireguard.uapi_set", KV_U64("peers_named", d.n_peers),
			  KV_U64("peers", peers_count(&s->peers)));
	return wg_uapi_status_render(answer, errno_of(err));
}

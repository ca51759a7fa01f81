// SPDX-License-Identifier: Apache-2.0
#include "wireguard/state.h"

#include "base/clock.h"

static json_t *
drops_json(const uint64_t drops[static WG_DROP_COUNT], bool with_zeros)
{
	json_t *all = json_object();
	for (int i = WG_DROP_NONE + 1; i < WG_DROP_COUNT; i++) {
		if (with_zeros || drops[i])
			json_object_set_new(all, wg_drop_name((enum wg_drop)i),
					    json_integer((json_int_t)drops[i]));
	}
	return all;
}

static json_t *
allowed_ips_json(const struct peer *p)
{
	char text[IP_PREFIX_TEXT_BYTES];
	json_t *list = json_array();
	for (struct allowed_ip *a = p->allowed; a; a = allowed_ips_next(a)) {
		ip_prefix_print(text, allowed_ips_prefix(a));
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *
peer_json(const struct peer *p)
{
	const struct wg_peer_stats *stats = &p->engine.stats;
	char endpoint[ADDR_TEXT_BYTES];
	addr_format(endpoint, &p->endpoint);
	return json_pack("{s:o, s:s?, s:I, s:I, s:I, s:I, s:I, s:o}", "allowed_ips",
			 allowed_ips_json(p), "endpoint", p->has_endpoint ? endpoint : NULL,
			 "handshakes", (json_int_t)stats->handshakes, "last_handshake",
			 (json_int_t)(stats->last_handshake_wall_ns / NS_PER_S), "rx_bytes",
			 (json_int_t)stats->rx_bytes, "tx_bytes", (json_int_t)stats->tx_bytes,
			 "echoes", (json_int_t)p->echoes, "drops", drops_json(p->drops, false));
}

static json_t *
peers_json(const struct server *s, const char *key)
{
	json_t *all = json_object();
	struct wg_key wanted;
	struct peer *p;
	struct peer *tmp;
	if (key) {
		p = wg_key_parse(&wanted, BYTES_STR(key)) == ERR_OK ? peers_find(&s->peers, &wanted)
								    : NULL;
		if (p)
			json_object_set_new(all, p->name, peer_json(p));
		return all;
	}
	HASH_ITER (hh, s->peers.by_key, p, tmp) {
		json_object_set_new(all, p->name, peer_json(p));
	}
	return all;
}

json_t *
state_json(const struct server *s, const char *key)
{
	char public_key[WG_KEY_CHARS + 1];
	char address[IP_PREFIX_TEXT_BYTES];
	wg_key_print(public_key, &s->identity.public_key);
	ip_prefix_print(address, &s->address);
	return json_pack("{s:s, s:s, s:i, s:o, s:o, s:I}", "public_key", public_key, "address",
			 address, "listen_port", (int)s->listen_port, "peers", peers_json(s, key),
			 "drops", drops_json(s->drops, true), "other_packets",
			 (json_int_t)s->other_packets);
}

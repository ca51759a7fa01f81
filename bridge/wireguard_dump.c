// SPDX-License-Identifier: Apache-2.0
#include "bridge/wireguard_dump.h"

#include "wg/ip.h"

enum {
	INTERFACE_FIELDS = 4,
	PEER_FIELDS = 8,
	FIELD_KEY = 0,
	FIELD_ALLOWED = 3,
};

// Takes what stands before the next `end` (or all) off text.
static struct bytes
take_until(struct bytes *text, char end)
{
	const uint8_t *p = text->n ? memchr(text->p, end, text->n) : NULL;
	size_t n = p ? (size_t)(p - text->p) : text->n;
	struct bytes taken = BYTES(text->p, n);
	n += p != NULL;
	*text = BYTES(text->p + n, text->n - n);
	return taken;
}

static size_t
split(struct bytes out[static PEER_FIELDS + 1], struct bytes line)
{
	size_t n = 0;
	while (line.n && n <= PEER_FIELDS)
		out[n++] = take_until(&line, '\t');
	return n;
}

static enum err
read_peer(struct wireguard_peer *peer, struct bytes line)
{
	struct bytes fields[PEER_FIELDS + 1];
	struct wg_key key;
	struct ip_prefix allowed;
	if (split(fields, line) != PEER_FIELDS)
		return ERR_SYNTAX;
	TRY(wg_key_parse(&key, fields[FIELD_KEY]));
	wg_key_print(peer->public_key, &key);
	if (ip_prefix_parse(&allowed, fields[FIELD_ALLOWED]) == ERR_OK && allowed.family == 4 &&
	    allowed.bits == 32)
		peer->ip = ip4_of_prefix(&allowed);
	return ERR_OK;
}

static size_t
count_lines(struct bytes text)
{
	size_t n = 0;
	for (; text.n; n++)
		take_until(&text, '\n');
	return n;
}

enum err
wireguard_dump_parse(struct wireguard_peer **out, size_t *n, struct bytes text, struct why *why)
{
	struct bytes fields[PEER_FIELDS + 1];
	size_t lines = count_lines(text);
	AUTO(free) char *memory = calloc(lines + 1, sizeof(struct wireguard_peer));
	struct wireguard_peer *list = (struct wireguard_peer *)(void *)memory;
	if (!list)
		return why_set(why, ERR_NOMEM, "out of memory");
	if (split(fields, take_until(&text, '\n')) != INTERFACE_FIELDS)
		return why_set(why, ERR_UPSTREAM_FAULT,
			       "`wg show dump`: line 1 does not describe an interface");
	for (*n = 0; text.n; (*n)++)
		if (read_peer(&list[*n], take_until(&text, '\n')) != ERR_OK)
			return why_set(why, ERR_UPSTREAM_FAULT,
				       "`wg show dump`: line %zu does not describe a peer", *n + 2);
	wireguard_sort_peers(list, *n);
	*out = list;
	memory = NULL;
	return ERR_OK;
}

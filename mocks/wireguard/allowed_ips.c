// SPDX-License-Identifier: Apache-2.0
#include "wireguard/allowed_ips.h"

#include <uthash.h>
#include <utlist.h>

#include "wireguard/peers.h"

struct allowed_ip {
	struct ip_prefix prefix; // the key: 18 bytes without holes
	struct peer *owner;
	struct allowed_ip *prev;
	struct allowed_ip *next;
	UT_hash_handle hh;
};

_Static_assert(sizeof(struct ip_prefix) == 18, "hashed as bytes: no padding");

struct allowed_ip *
allowed_ips_next(struct allowed_ip *a)
{
	return a->next;
}

const struct ip_prefix *
allowed_ips_prefix(const struct allowed_ip *a)
{
	return &a->prefix;
}

static uint32_t *
length_count(struct allowed_ips *t, const struct ip_prefix *p)
{
	return &t->lengths[p->family == 6][p->bits];
}

static struct allowed_ip *
find_entry(const struct allowed_ips *t, const struct ip_prefix *masked)
{
	struct allowed_ip *a = NULL;
	HASH_FIND(hh, t->table, masked, sizeof(*masked), a);
	return a;
}

enum err
allowed_ips_add(struct allowed_ips *t, const struct ip_prefix *prefix, struct peer *owner)
{
	struct ip_prefix masked = *prefix;
	ip_prefix_mask(&masked);
	struct allowed_ip *a = find_entry(t, &masked);
	if (a) {
		DL_DELETE(a->owner->allowed, a);
	} else {
		a = calloc(1, sizeof(*a));
		if (!a)
			return ERR_NOMEM;
		a->prefix = masked;
		HASH_ADD(hh, t->table, prefix, sizeof(a->prefix), a);
		(*length_count(t, &masked))++;
	}
	a->owner = owner;
	DL_APPEND(owner->allowed, a);
	return ERR_OK;
}

void
allowed_ips_remove_all(struct allowed_ips *t, struct peer *owner)
{
	struct allowed_ip *a;
	struct allowed_ip *tmp;
	DL_FOREACH_SAFE (owner->allowed, a, tmp) {
		(*length_count(t, &a->prefix))--;
		DL_DELETE(owner->allowed, a);
		HASH_DEL(t->table, a);
		free(a);
	}
}

struct peer *
allowed_ips_find(const struct allowed_ips *t, uint8_t family, const uint8_t *addr)
{
	struct ip_prefix probe = {.family = family};
	size_t n = family == 4 ? 4 : 16;
	for (int bits = (int)n * 8; bits >= 0; bits--) {
		if (t->lengths[family == 6][bits] == 0)
			continue;
		memcpy(probe.addr, addr, n);
		probe.bits = (uint8_t)bits;
		ip_prefix_mask(&probe);
		const struct allowed_ip *a = find_entry(t, &probe);
		if (a)
			return a->owner;
	}
	return NULL;
}

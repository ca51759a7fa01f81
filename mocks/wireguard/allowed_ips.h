// SPDX-License-Identifier: Apache-2.0
// Which peer may use which inner address: longest prefix wins, both families. One hash table over
// masked prefixes; a look-up tries the lengths that occur, so thousands of /32 cost one probe.
#pragma once

#include "wg/ip.h"

struct peer;
struct allowed_ip;

struct allowed_ips {
	struct allowed_ip *table; // uthash by prefix
	uint32_t lengths[2][129]; // entries by family (IPv4, IPv6) and length
};

// One prefix of a peer; in its peer's list, in the order added.
struct allowed_ip *allowed_ips_next(struct allowed_ip *a);
const struct ip_prefix *allowed_ips_prefix(const struct allowed_ip *a);

// Gives the prefix (host bits are cleared) to owner, taking it from whoever had it. ERR_NOMEM.
enum err ERR_MUST_CHECK allowed_ips_add(struct allowed_ips *t, const struct ip_prefix *prefix,
					struct peer *owner);
void allowed_ips_remove_all(struct allowed_ips *t, struct peer *owner);
// The owner of the longest prefix that contains addr; NULL: nobody.
struct peer *allowed_ips_find(const struct allowed_ips *t, uint8_t family, const uint8_t *addr);

// SPDX-License-Identifier: Apache-2.0
#include "bridge/pool.h"

#include <string.h>

enum { PREFIX_MIN = 8, PREFIX_MAX = 30 };

enum err
pool_parse(struct pool *out, const char *text, struct why *why)
{
	struct ip_prefix subnet;
	if (!strchr(text, '/') || ip_prefix_parse(&subnet, BYTES_STR(text)) != ERR_OK ||
	    subnet.family != 4)
		return why_set(why, ERR_INPUT,
			       "\"%s\" is no IPv4 subnet; write it like 10.8.0.0/24", text);
	unsigned prefix = subnet.bits;
	if (prefix < PREFIX_MIN || prefix > PREFIX_MAX)
		return why_set(
			why, ERR_INPUT,
			"\"%s\": the prefix must be between %d and %d to hold a server and devices",
			text, PREFIX_MIN, PREFIX_MAX);
	uint32_t ip = ip4_of_prefix(&subnet);
	uint32_t mask = ~(uint32_t)0 << (32 - prefix);
	if (ip & ~mask) {
		char network[IP4_TEXT_BYTES];
		ip4_print(network, ip & mask);
		return why_set(why, ERR_INPUT, "\"%s\" has host bits set; did you mean %s/%u?",
			       text, network, prefix);
	}
	*out = (struct pool){
		.network = ip, .broadcast = ip | ~mask, .server = ip + 1, .prefix = prefix};
	return ERR_OK;
}

uint32_t
pool_first(const struct pool *p)
{
	return p->server + 1;
}

uint32_t
pool_last(const struct pool *p)
{
	return p->broadcast - 1;
}

uint32_t
pool_size(const struct pool *p)
{
	return pool_last(p) - pool_first(p) + 1;
}

bool
pool_is_assignable(const struct pool *p, uint32_t ip)
{
	return ip >= pool_first(p) && ip <= pool_last(p);
}

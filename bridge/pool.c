// SPDX-License-Identifier: Apache-2.0
#include "bridge/pool.h"

#include <stdio.h>
#include <string.h>

enum { PREFIX_MIN = 8, PREFIX_MAX = 30 };

// Reads a number of up to three digits without leading zeros; returns where it ends, NULL when
// there is none or it is larger than max.
static const char *
read_number(unsigned *out, const char *p, unsigned max)
{
	unsigned v = 0;
	const char *start = p;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (unsigned)(*p - '0');
		if (v > max)
			return NULL;
	}
	if (p == start || (*start == '0' && p - start > 1))
		return NULL;
	*out = v;
	return p;
}

static const char *
read_address(uint32_t *out, const char *p)
{
	uint32_t ip = 0;
	for (int i = 0; i < 4; i++) {
		unsigned part;
		if (i > 0 && *p++ != '.')
			return NULL;
		p = read_number(&part, p, 255);
		if (!p)
			return NULL;
		ip = ip << 8 | part;
	}
	*out = ip;
	return p;
}

enum err
ipv4_parse(uint32_t *out, const char *text)
{
	const char *end = read_address(out, text);
	return end && *end == '\0' ? ERR_OK : ERR_SYNTAX;
}

void
ipv4_format(char out[static IPV4_TEXT_BYTES], uint32_t ip)
{
	snprintf(out, IPV4_TEXT_BYTES, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
		 ip & 255);
}

enum err
pool_parse(struct pool *out, const char *text, struct why *why)
{
	uint32_t ip;
	unsigned prefix;
	const char *p = read_address(&ip, text);
	if (!p || *p != '/' || !(p = read_number(&prefix, p + 1, 32)) || *p)
		return why_set(why, ERR_INPUT,
			       "\"%s\" is no IPv4 subnet; write it like 10.8.0.0/24", text);
	if (prefix < PREFIX_MIN || prefix > PREFIX_MAX)
		return why_set(
			why, ERR_INPUT,
			"\"%s\": the prefix must be between %d and %d to hold a server and devices",
			text, PREFIX_MIN, PREFIX_MAX);
	uint32_t mask = ~(uint32_t)0 << (32 - prefix);
	if (ip & ~mask) {
		char network[IPV4_TEXT_BYTES];
		ipv4_format(network, ip & mask);
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

// SPDX-License-Identifier: Apache-2.0
// Arithmetic of the WireGuard subnet: which IPv4 addresses devices may have. Pure; addresses are in
// host byte order. Which of them are free is the store's knowledge.
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "wg/ip.h"

struct pool {
	uint32_t network;
	uint32_t broadcast;
	uint32_t server; // the first host address: the WireGuard server's own
	unsigned prefix;
};

// "10.8.0.0/24", prefix 8 to 30. ERR_INPUT with why when it is no subnet or has host bits set.
enum err ERR_MUST_CHECK pool_parse(struct pool *out, const char *text, struct why *why);
// The lowest and the highest address that a device may get.
uint32_t pool_first(const struct pool *p);
uint32_t pool_last(const struct pool *p);
// How many devices fit.
uint32_t pool_size(const struct pool *p);
// True for an address inside the subnet that is not the network's, the broadcast or the server's.
bool pool_is_assignable(const struct pool *p, uint32_t ip);

#define IPV4_TEXT_BYTES IP4_TEXT_BYTES
static inline void
ipv4_format(char out[static IPV4_TEXT_BYTES], uint32_t ip)
{
	ip4_print(out, ip);
}

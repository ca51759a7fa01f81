// SPDX-License-Identifier: Apache-2.0
// The little of IP that a tunnel's end needs: prefixes, IPv4 headers (RFC 791), ICMP echo (RFC
// 792).
#pragma once

#include "base/buf.h"

enum {
	IP4_HEADER_BYTES = 20,
	ICMP_HEADER_BYTES = 8,
	IP_PREFIX_TEXT_BYTES = 64,
	IP4_TEXT_BYTES = 16,
};

// An address of either family with a prefix length, as in AllowedIPs. IPv4 uses addr[0..3].
struct ip_prefix {
	uint8_t family; // 4 or 6
	uint8_t bits;	// 0..32 or 0..128
	uint8_t addr[16];
};

// "10.8.0.0/24", "10.8.0.2" (= /32), "fd00::/64". Host bits are kept as written. ERR_SYNTAX.
enum err ERR_MUST_CHECK ip_prefix_parse(struct ip_prefix *out, struct bytes text);
// Always with the length; terminated.
void ip_prefix_print(char out[static IP_PREFIX_TEXT_BYTES], const struct ip_prefix *p);
// Clears the host bits.
void ip_prefix_mask(struct ip_prefix *p);
// True when addr (of `family`) lies inside p.
bool ip_prefix_contains(const struct ip_prefix *p, uint8_t family, const uint8_t *addr);
bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);

// IPv4 addresses as numbers: 10.8.0.2 = 0x0a080002.
enum err ERR_MUST_CHECK ip4_parse(uint32_t *out, struct bytes text);
void ip4_print(char out[static IP4_TEXT_BYTES], uint32_t address);
static inline struct ip_prefix
ip4_prefix(uint32_t address, uint8_t bits)
{
	return (struct ip_prefix){
		.family = 4,
		.bits = bits,
		.addr = {(uint8_t)(address >> 24), (uint8_t)(address >> 16),
			 (uint8_t)(address >> 8), (uint8_t)address}
	   };
}
static inline uint32_t
ip4_of_prefix(const struct ip_prefix *p)
{
	return (uint32_t)p->addr[0] << 24 | (uint32_t)p->addr[1] << 16 | (uint32_t)p->addr[2] << 8 |
	       p->addr[3];
}

// What the outside of an inner packet says; addresses point into the packet.
struct ip_packet {
	uint8_t family; // 4 or 6
	const uint8_t *source;
	const uint8_t *destination;
	size_t n; // its own length; the rest of the bytes is padding
};

// Reads version, length and addresses of a padded inner packet. ERR_SYNTAX when it is neither IPv4
// nor IPv6 or claims more bytes than there are.
enum err ERR_MUST_CHECK ip_packet_parse(struct ip_packet *out, struct bytes raw);

struct ip_echo {
	uint32_t source;
	uint32_t destination;
	bool is_reply;
	uint16_t id;
	uint16_t sequence;
	struct bytes payload; // borrowed
};

// Bytes of an echo packet with n bytes of payload.
static inline size_t
ip_echo_size(size_t n)
{
	return IP4_HEADER_BYTES + ICMP_HEADER_BYTES + n;
}
// Writes ip_echo_size(payload.n) bytes with both checksums; payload.n <= 65507.
void ip_echo_build(uint8_t *out, const struct ip_echo *echo);
// An unfragmented IPv4 ICMP echo request or reply with right checksums; options are skipped.
// ERR_SYNTAX: malformed or a wrong checksum. ERR_UNSUPPORTED: a sound packet of another kind.
enum err ERR_MUST_CHECK ip_echo_parse(struct ip_echo *out, struct bytes packet);

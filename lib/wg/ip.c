// SPDX-License-Identifier: Apache-2.0
#include "wg/ip.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
	IP4_PROTOCOL_ICMP = 1,
	IP6_HEADER_BYTES = 40,
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO_REQUEST = 8,
	DEFAULT_TTL = 64,
	IP4_FRAGMENT_MASK = 0x3fff, // more fragments, fragment offset
};

static uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static void
put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

// The Internet checksum (RFC 1071): 0 over a header that contains its right checksum.
static uint16_t
checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get_be16(p + i);
	if (n % 2)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t
family_bits(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

static enum err
parse_bits(uint8_t *out, struct bytes text, uint8_t max)
{
	unsigned value = 0;
	if (text.n == 0 || text.n > 3)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return ERR_SYNTAX;
		value = value * 10 + (unsigned)(text.p[i] - '0');
	}
	*out = (uint8_t)value;
	return value <= max ? ERR_OK : ERR_SYNTAX;
}

enum err
ip_prefix_parse(struct ip_prefix *out, struct bytes text)
{
	char address[INET6_ADDRSTRLEN];
	const uint8_t *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	size_t n = slash ? (size_t)(slash - text.p) : text.n;
	*out = (struct ip_prefix){0};
	if (n == 0 || n >= sizeof(address) || memchr(text.p, 0, n))
		return ERR_SYNTAX;
	memcpy(address, text.p, n);
	address[n] = '\0';
	out->family = strchr(address, ':') ? 6 : 4;
	if (inet_pton(out->family == 4 ? AF_INET : AF_INET6, address, out->addr) != 1)
		return ERR_SYNTAX;
	out->bits = family_bits(out->family);
	return slash ? parse_bits(&out->bits, BYTES(slash + 1, text.n - n - 1), out->bits) : ERR_OK;
}

void
ip_prefix_print(char out[static IP_PREFIX_TEXT_BYTES], const struct ip_prefix *p)
{
	char address[INET6_ADDRSTRLEN] = "";
	inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, address, sizeof(address));
	snprintf(out, IP_PREFIX_TEXT_BYTES, "%s/%u", address, p->bits);
}

void
ip_prefix_mask(struct ip_prefix *p)
{
	for (unsigned i = 0; i < sizeof(p->addr); i++) {
		unsigned kept = p->bits > 8 * i ? p->bits - 8 * i : 0;
		if (kept < 8)
			p->addr[i] &= (uint8_t)(0xff00u >> kept);
	}
}

bool
ip_prefix_contains(const struct ip_prefix *p, uint8_t family, const uint8_t *addr)
{
	unsigned whole = p->bits / 8;
	unsigned rest = p->bits % 8;
	return p->family == family && memcmp(p->addr, addr, whole) == 0 &&
	       (rest == 0 || ((p->addr[whole] ^ addr[whole]) >> (8 - rest)) == 0);
}

bool
ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->family == b->family && a->bits == b->bits &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

enum err
ip4_parse(uint32_t *out, struct bytes text)
{
	struct ip_prefix p;
	if (text.n && memchr(text.p, '/', text.n))
		return ERR_SYNTAX;
	TRY(ip_prefix_parse(&p, text));
	*out = ip4_of_prefix(&p);
	return p.family == 4 ? ERR_OK : ERR_SYNTAX;
}

void
ip4_print(char out[static IP4_TEXT_BYTES], uint32_t address)
{
	snprintf(out, IP4_TEXT_BYTES, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
		 address >> 8 & 255, address & 255);
}

enum err
ip_packet_parse(struct ip_packet *out, struct bytes raw)
{
	size_t header = 0;
	if (raw.n >= IP4_HEADER_BYTES && raw.p[0] >> 4 == 4) {
		header = (size_t)(raw.p[0] & 15) * 4;
		*out = (struct ip_packet){4, raw.p + 12, raw.p + 16, get_be16(raw.p + 2)};
		if (header < IP4_HEADER_BYTES)
			return ERR_SYNTAX;
	} else if (raw.n >= IP6_HEADER_BYTES && raw.p[0] >> 4 == 6) {
		header = IP6_HEADER_BYTES;
		*out = (struct ip_packet){6, raw.p + 8, raw.p + 24, header + get_be16(raw.p + 4)};
	} else {
		return ERR_SYNTAX;
	}
	return out->n >= header && out->n <= raw.n ? ERR_OK : ERR_SYNTAX;
}

void
ip_echo_build(uint8_t *out, const struct ip_echo *echo)
{
	size_t n = ip_echo_size(echo->payload.n);
	memset(out, 0, IP4_HEADER_BYTES + ICMP_HEADER_BYTES);
	out[0] = 4 << 4 | IP4_HEADER_BYTES / 4;
	put_be16(out + 2, (uint16_t)n);
	put_be16(out + 6, 0x4000); // don't fragment
	out[8] = DEFAULT_TTL;
	out[9] = IP4_PROTOCOL_ICMP;
	put_be32(out + 12, echo->source);
	put_be32(out + 16, echo->destination);
	put_be16(out + 10, checksum(out, IP4_HEADER_BYTES));
	uint8_t *icmp = out + IP4_HEADER_BYTES;
	icmp[0] = echo->is_reply ? ICMP_ECHO_REPLY : ICMP_ECHO_REQUEST;
	put_be16(icmp + 4, echo->id);
	put_be16(icmp + 6, echo->sequence);
	if (echo->payload.n)
		memmove(icmp + ICMP_HEADER_BYTES, echo->payload.p, echo->payload.n);
	put_be16(icmp + 2, checksum(icmp, ICMP_HEADER_BYTES + echo->payload.n));
}

enum err
ip_echo_parse(struct ip_echo *out, struct bytes packet)
{
	struct ip_packet ip;
	TRY(ip_packet_parse(&ip, packet));
	if (ip.family != 4)
		return ERR_UNSUPPORTED;
	size_t header = (size_t)(packet.p[0] & 15) * 4;
	if (checksum(packet.p, header) != 0)
		return ERR_SYNTAX;
	if (packet.p[9] != IP4_PROTOCOL_ICMP || (get_be16(packet.p + 6) & IP4_FRAGMENT_MASK))
		return ERR_UNSUPPORTED;
	const uint8_t *icmp = packet.p + header;
	size_t n = ip.n - header;
	if (n < ICMP_HEADER_BYTES || checksum(icmp, n) != 0)
		return ERR_SYNTAX;
	if ((icmp[0] != ICMP_ECHO_REQUEST && icmp[0] != ICMP_ECHO_REPLY) || icmp[1] != 0)
		return ERR_UNSUPPORTED;
	*out = (struct ip_echo){
		.source = get_be32(packet.p + 12),
		.destination = get_be32(packet.p + 16),
		.is_reply = icmp[0] == ICMP_ECHO_REPLY,
		.id = get_be16(icmp + 4),
		.sequence = get_be16(icmp + 6),
		.payload = BYTES(icmp + ICMP_HEADER_BYTES, n - ICMP_HEADER_BYTES),
	};
	return ERR_OK;
}

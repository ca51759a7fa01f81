// SPDX-License-Identifier: Apache-2.0
#include "mqtt/wire.h"

bool
wire_get_slice(struct bytes *out, struct bytes *rest, size_t n)
{
	if (rest->n < n)
		return false;
	*out = BYTES(rest->p, n);
	rest->p += n;
	rest->n -= n;
	return true;
}

bool
wire_get_u8(uint8_t *out, struct bytes *rest)
{
	struct bytes b;
	if (!wire_get_slice(&b, rest, 1))
		return false;
	*out = b.p[0];
	return true;
}

bool
wire_get_u16(uint16_t *out, struct bytes *rest)
{
	struct bytes b;
	if (!wire_get_slice(&b, rest, 2))
		return false;
	*out = (uint16_t)(b.p[0] << 8 | b.p[1]);
	return true;
}

bool
wire_get_u32(uint32_t *out, struct bytes *rest)
{
	struct bytes b;
	if (!wire_get_slice(&b, rest, 4))
		return false;
	*out = (uint32_t)b.p[0] << 24 | (uint32_t)b.p[1] << 16 | (uint32_t)b.p[2] << 8 | b.p[3];
	return true;
}

size_t
wire_varint_bytes(uint32_t value)
{
	size_t n = 1;
	while (value >>= 7)
		n++;
	return n;
}

bool
wire_get_varint(uint32_t *out, struct bytes *rest)
{
	uint32_t value = 0;
	for (size_t i = 0; i < 4; i++) {
		uint8_t byte;
		if (!wire_get_u8(&byte, rest))
			return false;
		value |= (uint32_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			*out = value;
			return wire_varint_bytes(value) == i + 1;
		}
	}
	return false;
}

bool
wire_get_binary(struct bytes *out, struct bytes *rest)
{
	uint16_t n;
	return wire_get_u16(&n, rest) && wire_get_slice(out, rest, n);
}

bool
wire_get_string(struct bytes *out, struct bytes *rest)
{
	return wire_get_binary(out, rest) && wire_utf8_is_valid(*out);
}

enum err
wire_put_varint(struct buf *out, uint32_t value)
{
	do {
		uint8_t more = value > 0x7f ? 0x80 : 0;
		TRY(buf_put_u8(out, (uint8_t)((value & 0x7f) | more)));
		value >>= 7;
	} while (value);
	return ERR_OK;
}

enum err
wire_put_binary(struct buf *out, struct bytes value)
{
	if (value.n > UINT16_MAX)
		return ERR_TOO_LARGE;
	TRY(buf_put_be16(out, (uint16_t)value.n));
	return buf_append(out, value.p, value.n);
}

// How many continuation bytes follow `lead`, and the range of the first of them. -1: not a lead.
static int
utf8_follow(uint8_t lead, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*low = 0xa0;
		if (lead == 0xed)
			*high = 0x9f;
		return 2;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*low = 0x90;
		if (lead == 0xf4)
			*high = 0x8f;
		return 3;
	}
	return -1;
}

bool
wire_utf8_is_valid(struct bytes text)
{
	size_t i = 0;
	while (i < text.n) {
		uint8_t lead = text.p[i++];
		if (lead == 0)
			return false;
		if (lead < 0x80)
			continue;
		uint8_t low;
		uint8_t high;
		int follow = utf8_follow(lead, &low, &high);
		if (follow < 0)
			return false;
		for (; follow > 0; follow--) {
			if (i == text.n || text.p[i] < low || text.p[i] > high)
				return false;
			i++;
			low = 0x80;
			high = 0xbf;
		}
	}
	return true;
}

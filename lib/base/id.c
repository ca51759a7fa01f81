// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool
is_alnum(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum err
device_id_check(const char *id, struct why *why)
{
	size_t n = strnlen(id, DEVICE_ID_MAX + 1);
	if (n == 0)
		return why_set(why, ERR_INPUT, "Invalid device id: it is empty");
	if (n > DEVICE_ID_MAX)
		return why_set(why, ERR_INPUT, "Invalid device id: longer than %d characters",
			       DEVICE_ID_MAX);
	for (size_t i = 0; i < n; i++) {
		bool edge = i == 0 || i == n - 1;
		bool inner = strchr("._-", id[i]) != NULL;
		if (!is_alnum((unsigned char)id[i]) && (edge || !inner))
			return why_set(why, ERR_INPUT,
				       "Invalid device id: character %zu is not allowed there; use "
				       "letters and digits, and . _ - between them",
				       i + 1);
	}
	return ERR_OK;
}

bool
device_id_is_valid(const char *id)
{
	return device_id_check(id, NULL) == ERR_OK;
}

static void
uuid_format(char out[static UUID_CHARS + 1], const uint8_t b[static 16])
{
	snprintf(out, UUID_CHARS + 1,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
}

void
uuid_v4(char out[static UUID_CHARS + 1], struct rng *r)
{
	uint8_t b[16];
	rng_fill(r, b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	uuid_format(out, b);
}

void
uuid_v1(char out[static UUID_CHARS + 1], struct rng *r, uint64_t wall_ns)
{
	// 100 ns intervals between 1582-10-15 and 1970-01-01 (RFC 9562 section 5.1)
	uint64_t t = wall_ns / 100 + 0x01b21dd213814000ULL;
	uint8_t b[16];
	rng_fill(r, b, sizeof(b));
	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(t >> (24 - 8 * i));
	b[4] = (uint8_t)(t >> 40);
	b[5] = (uint8_t)(t >> 32);
	b[6] = (uint8_t)((t >> 56 & 0x0f) | 0x10);
	b[7] = (uint8_t)(t >> 48);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	b[10] |= 1; // a random node has the multicast bit set
	uuid_format(out, b);
}

bool
uuid_is_valid(const char *text)
{
	if (strnlen(text, UUID_CHARS + 1) != UUID_CHARS)
		return false;
	for (size_t i = 0; i < UUID_CHARS; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

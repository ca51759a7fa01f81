// SPDX-License-Identifier: Apache-2.0
#include "wg/key.h"

#include <openssl/crypto.h>

#include "wg/crypto.h"

// All ones when low <= c <= high, else 0, without a branch: keys pass through here.
static int32_t
in_range(int32_t c, int32_t low, int32_t high)
{
	return ((low - 1 - c) & (c - high - 1)) >> 31;
}

// -1 for what is not in the base64 alphabet.
static int32_t
base64_value(int32_t c)
{
	return (in_range(c, 'A', 'Z') & (c - 'A' + 1)) +
	       (in_range(c, 'a', 'z') & (c - 'a' + 26 + 1)) +
	       (in_range(c, '0', '9') & (c - '0' + 52 + 1)) + (in_range(c, '+', '+') & (62 + 1)) +
	       (in_range(c, '/', '/') & (63 + 1)) - 1;
}

static char
base64_char(int32_t v)
{
	return (char)((in_range(v, 0, 25) & (v + 'A')) + (in_range(v, 26, 51) & (v - 26 + 'a')) +
		      (in_range(v, 52, 61) & (v - 52 + '0')) + (in_range(v, 62, 62) & '+') +
		      (in_range(v, 63, 63) & '/'));
}

enum err
wg_key_parse(struct wg_key *out, struct bytes text)
{
	if (text.n != WG_KEY_CHARS || text.p[WG_KEY_CHARS - 1] != '=')
		return ERR_SYNTAX;
	int32_t bad = 0;
	uint32_t acc = 0;
	size_t n = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < WG_KEY_CHARS - 1; i++) {
		int32_t v = base64_value(text.p[i]);
		bad |= v;
		acc = acc << 6 | ((uint32_t)v & 63);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out->b[n++] = (uint8_t)(acc >> bits);
		}
	}
	bool ok = bad >= 0 && (acc & ((1u << bits) - 1)) == 0;
	if (!ok)
		wg_key_wipe(out);
	return ok ? ERR_OK : ERR_SYNTAX;
}

void
wg_key_print(char out[static WG_KEY_CHARS + 1], const struct wg_key *key)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < WG_KEY_BYTES; i++) {
		acc = acc << 8 | key->b[i];
		bits += 8;
		while (bits >= 6) {
			bits -= 6;
			*out++ = base64_char((int32_t)(acc >> bits & 63));
		}
	}
	*out++ = base64_char((int32_t)(acc << (6 - bits) & 63));
	*out++ = '=';
	*out = '\0';
}

static int32_t
hex_value(int32_t c)
{
	return (in_range(c, '0', '9') & (c - '0' + 1)) + (in_range(c, 'a', 'f') & (c - 'a' + 11)) +
	       (in_range(c, 'A', 'F') & (c - 'A' + 11)) - 1;
}

static char
hex_char(int32_t v)
{
	return (char)((in_range(v, 0, 9) & (v + '0')) + (in_range(v, 10, 15) & (v - 10 + 'a')));
}

enum err
wg_key_parse_hex(struct wg_key *out, struct bytes text)
{
	if (text.n != WG_KEY_HEX_CHARS)
		return ERR_SYNTAX;
	int32_t bad = 0;
	for (size_t i = 0; i < WG_KEY_BYTES; i++) {
		int32_t high = hex_value(text.p[2 * i]);
		int32_t low = hex_value(text.p[2 * i + 1]);
		bad |= high | low;
		out->b[i] = (uint8_t)(((uint32_t)high & 15) << 4 | ((uint32_t)low & 15));
	}
	if (bad < 0)
		wg_key_wipe(out);
	return bad < 0 ? ERR_SYNTAX : ERR_OK;
}

void
wg_key_print_hex(char out[static WG_KEY_HEX_CHARS + 1], const struct wg_key *key)
{
	for (size_t i = 0; i < WG_KEY_BYTES; i++) {
		*out++ = hex_char(key->b[i] >> 4);
		*out++ = hex_char(key->b[i] & 15);
	}
	*out = '\0';
}

bool
wg_key_equal(const struct wg_key *a, const struct wg_key *b)
{
	return CRYPTO_memcmp(a->b, b->b, WG_KEY_BYTES) == 0;
}

bool
wg_key_is_zero(const struct wg_key *key)
{
	uint8_t any = 0;
	for (size_t i = 0; i < WG_KEY_BYTES; i++)
		any |= key->b[i];
	return any == 0;
}

void
wg_key_wipe(struct wg_key *key)
{
	OPENSSL_cleanse(key->b, sizeof(key->b));
}

enum err
wg_key_generate(struct wg_key *private_key, struct wg_key *public_key)
{
	WG_DH_AUTO struct wg_dh dh = {0};
	return wg_dh_generate(&dh, private_key, public_key);
}

enum err
wg_key_public(struct wg_key *public_key, const struct wg_key *private_key)
{
	static const struct wg_key not_known_yet;
	WG_DH_AUTO struct wg_dh dh = {0};
	TRY(wg_dh_begin(&dh, private_key, &not_known_yet));
	return wg_dh_public(public_key, &dh);
}

enum err
wg_key_dh(struct wg_key *out, const struct wg_key *private_key, const struct wg_key *public_key)
{
	WG_DH_AUTO struct wg_dh dh = {0};
	TRY(wg_dh_begin(&dh, private_key, public_key));
	return wg_dh_derive(out, &dh, public_key);
}

enum err
wg_key_check_public(const struct wg_key *public_key, struct why *why)
{
	// Clamped scalars are multiples of the cofactor, so one of them finds every point of low
	// order.
	static const struct wg_key any_scalar = {
		.b = {8, [WG_KEY_BYTES - 1] = 64}
	 };
	WG_KEY_AUTO struct wg_key shared;
	enum err err = wg_key_dh(&shared, &any_scalar, public_key);
	if (err == ERR_INPUT)
		return why_set(
			why, err,
			"the public key is a point of low order: no private key belongs to it "
			"and no handshake can succeed; use the output of `wg pubkey`");
	return err ? why_set(why, err, "the public key could not be checked: %s", err_text(err))
		   : ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "base/encode.h"

static const char hex_digits[] = "0123456789abcdef";
static const char alphabet_std[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
hex_encode(char *out, struct bytes in)
{
	for (size_t i = 0; i < in.n; i++) {
		*out++ = hex_digits[in.p[i] >> 4];
		*out++ = hex_digits[in.p[i] & 15];
	}
	*out = '\0';
}

static int
hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum err
hex_decode(uint8_t *out, size_t n, struct bytes text)
{
	if (text.n != n * 2)
		return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(text.p[2 * i]);
		int low = hex_value(text.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return ERR_SYNTAX;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return ERR_OK;
}

static void
encode64(char *out, struct bytes in, const char *alphabet, bool pad)
{
	size_t i = 0;
	for (; i + 2 < in.n; i += 3) {
		uint32_t v = (uint32_t)in.p[i] << 16 | (uint32_t)in.p[i + 1] << 8 | in.p[i + 2];
		*out++ = alphabet[v >> 18 & 63];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = alphabet[v >> 6 & 63];
		*out++ = alphabet[v & 63];
	}
	size_t rest = in.n - i;
	if (rest) {
		uint32_t v = (uint32_t)in.p[i] << 16 | (rest == 2 ? (uint32_t)in.p[i + 1] << 8 : 0);
		*out++ = alphabet[v >> 18 & 63];
		*out++ = alphabet[v >> 12 & 63];
		if (rest == 2)
			*out++ = alphabet[v >> 6 & 63];
		else if (pad)
			*out++ = '=';
		if (pad)
			*out++ = '=';
	}
	*out = '\0';
}

void
base64_encode(char *out, struct bytes in)
{
	encode64(out, in, alphabet_std, true);
}

void
base64url_encode(char *out, struct bytes in)
{
	encode64(out, in, alphabet_url, false);
}

enum err
base64url_append(struct buf *out, struct bytes in)
{
	TRY(buf_reserve(out, BASE64_CHARS(in.n)));
	base64url_encode((char *)buf_tail(out), in);
	out->len += in.n / 3 * 4 + (in.n % 3 ? in.n % 3 + 1 : 0);
	return ERR_OK;
}

static int
value64(int c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	if (c == (url ? '_' : '/'))
		return 63;
	return -1;
}

static enum err
decode64(struct buf *out, struct bytes text, bool url)
{
	if (text.n % 4 == 1)
		return ERR_SYNTAX;
	TRY(buf_reserve(out, text.n / 4 * 3 + 3));
	uint32_t acc = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < text.n; i++) {
		int v = value64(text.p[i], url);
		if (v < 0)
			return ERR_SYNTAX;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out->data[out->len++] = (uint8_t)(acc >> bits);
		}
	}
	out->data[out->len] = 0;
	return (acc & ((1u << bits) - 1)) == 0 ? ERR_OK : ERR_SYNTAX;
}

enum err
base64_decode(struct buf *out, struct bytes text)
{
	if (text.n % 4 != 0)
		return ERR_SYNTAX;
	for (int i = 0; i < 2 && text.n && text.p[text.n - 1] == '='; i++)
		text.n--;
	return decode64(out, text, false);
}

enum err
base64url_decode(struct buf *out, struct bytes text)
{
	return decode64(out, text, true);
}

enum err
percent_decode(char *text)
{
	char *out = text;
	for (const char *in = text; *in; in++) {
		if (*in != '%') {
			*out++ = *in;
			continue;
		}
		int high = hex_value((unsigned char)in[1]);
		int low = high < 0 ? -1 : hex_value((unsigned char)in[2]);
		if (low < 0 || (high == 0 && low == 0))
			return ERR_SYNTAX;
		*out++ = (char)(high << 4 | low);
		in += 2;
	}
	*out = '\0';
	return ERR_OK;
}

static bool
is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

enum err
percent_encode(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (is_unreserved(*p))
			TRY(buf_put_u8(out, *p));
		else
			TRY(buf_printf(out, "%%%02X", *p));
	}
	return ERR_OK;
}

size_t
utf8_length(const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t lead_min, lead_max, second_min, second_max;
		size_t len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		     {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		     {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		     {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		     {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	for (size_t i = 0; i < N_ELEMENTS(forms); i++) {
		if (p[0] < forms[i].lead_min || p[0] > forms[i].lead_max)
			continue;
		if (n < forms[i].len || p[1] < forms[i].second_min || p[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

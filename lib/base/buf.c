// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
bytes_is(struct bytes a, const char *text)
{
	return bytes_equal(a, BYTES_STR(text));
}

char *
bytes_to_str(struct bytes a)
{
	char *s = malloc(a.n + 1);
	if (!s)
		return NULL;
	if (a.n)
		memcpy(s, a.p, a.n);
	s[a.n] = '\0';
	return s;
}

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.max = b->max};
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = 0;
}

enum err
buf_reserve(struct buf *b, size_t n)
{
	if (n > b->max || b->len > b->max - n)
		return ERR_TOO_LARGE;
	size_t need = b->len + n + 1;
	if (need <= b->cap)
		return ERR_OK;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	uint8_t *data = realloc(b->data, cap);
	if (!data)
		return ERR_NOMEM;
	b->data = data;
	b->cap = cap;
	b->data[b->len] = 0;
	return ERR_OK;
}

enum err
buf_append(struct buf *b, const void *p, size_t n)
{
	TRY(buf_reserve(b, n));
	if (n)
		memcpy(buf_tail(b), p, n);
	b->len += n;
	b->data[b->len] = 0;
	return ERR_OK;
}

enum err
buf_append_str(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

enum err
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return ERR_INTERNAL;
	TRY(buf_reserve(b, (size_t)n));
	va_start(args, fmt);
	vsnprintf((char *)buf_tail(b), (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
	return ERR_OK;
}

enum err
buf_put_u8(struct buf *b, uint8_t v)
{
	return buf_append(b, &v, 1);
}

enum err
buf_put_be16(struct buf *b, uint16_t v)
{
	uint8_t raw[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	return buf_append(b, raw, sizeof(raw));
}

enum err
buf_put_be32(struct buf *b, uint32_t v)
{
	uint8_t raw[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
	return buf_append(b, raw, sizeof(raw));
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	if (b->len)
		memmove(b->data, b->data + n, b->len);
	if (b->data)
		b->data[b->len] = 0;
}

char *
buf_steal_str(struct buf *b)
{
	char *s = b->data ? (char *)b->data : strdup("");
	*b = (struct buf){.max = b->max};
	return s;
}

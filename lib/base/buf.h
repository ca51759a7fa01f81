// SPDX-License-Identifier: Apache-2.0
// Byte slices and a growing buffer. No buffer without a maximum: whoever makes one says how much a
// peer may make us hold.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

// Borrowed bytes; not terminated.
struct bytes {
	const uint8_t *p;
	size_t n;
};

#define BYTES(ptr, len) ((struct bytes){(const uint8_t *)(ptr), (len)})
#define BYTES_STR(s)	((struct bytes){(const uint8_t *)(s), strlen(s)})
#define BYTES_NONE	((struct bytes){NULL, 0})

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_is(struct bytes a, const char *text);
// A terminated heap copy; NULL when memory is out.
char *bytes_to_str(struct bytes a);

// Owns `data`. `data[len]` is always 0 once anything was reserved, so text can be read as a string.
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
#define BUF_AUTO __attribute__((cleanup(buf_fini)))
// Forgets the content, keeps the memory.
void buf_clear(struct buf *b);
// Makes room for n more bytes at buf_tail(). ERR_TOO_LARGE beyond the maximum.
enum err ERR_MUST_CHECK buf_reserve(struct buf *b, size_t n);
enum err ERR_MUST_CHECK buf_append(struct buf *b, const void *p, size_t n);
enum err ERR_MUST_CHECK buf_append_str(struct buf *b, const char *s);
enum err ERR_MUST_CHECK buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum err ERR_MUST_CHECK buf_put_u8(struct buf *b, uint8_t v);
enum err ERR_MUST_CHECK buf_put_be16(struct buf *b, uint16_t v);
enum err ERR_MUST_CHECK buf_put_be32(struct buf *b, uint32_t v);
// Drops n bytes at the front.
void buf_consume(struct buf *b, size_t n);
// Hands the (terminated) content over to the caller, who frees it; the buffer is empty afterwards.
char *buf_steal_str(struct buf *b);

static inline uint8_t *
buf_tail(struct buf *b)
{
	return b->data + b->len;
}

static inline struct bytes
buf_bytes(const struct buf *b)
{
	return (struct bytes){b->data, b->len};
}

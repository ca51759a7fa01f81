// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include <stdio.h>

void
fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

struct bytes
fuzz_take(struct bytes *in, size_t n)
{
	struct bytes taken = {in->p, n < in->n ? n : in->n};
	if (taken.n) {
		in->p += taken.n;
		in->n -= taken.n;
	}
	return taken;
}

uint8_t
fuzz_take_u8(struct bytes *in)
{
	struct bytes one = fuzz_take(in, 1);
	return one.n ? one.p[0] : 0;
}

struct bytes
fuzz_take_until(struct bytes *in, uint8_t end)
{
	const uint8_t *at = in->n ? memchr(in->p, end, in->n) : NULL;
	if (!at)
		return fuzz_take(in, in->n);
	struct bytes taken = fuzz_take(in, (size_t)(at - in->p));
	(void)fuzz_take(in, 1);
	return taken;
}

char *
fuzz_text(struct bytes text)
{
	char *copy = text.n ? strndup((const char *)text.p, text.n) : calloc(1, 1);
	if (!copy)
		abort();
	return copy;
}

bool
fuzz_buf_is(const struct buf *b, struct bytes bytes)
{
	return bytes_equal(buf_bytes(b), bytes);
}

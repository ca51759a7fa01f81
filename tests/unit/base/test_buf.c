// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/buf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdalign.h>

Test(buf, grows_up_to_its_maximum_and_not_further)
{
	BUF_AUTO struct buf b;
	buf_init(&b, 10);
	cr_expect(eq(int, buf_append(&b, "12345", 5), ERR_OK));
	cr_expect(eq(int, buf_append(&b, "678901", 6), ERR_TOO_LARGE));
	cr_expect(bytes_is(buf_bytes(&b), "12345"), "a refused append changes nothing");
	cr_expect(eq(int, buf_append(&b, "67890", 5), ERR_OK));
	cr_expect(eq(int, buf_put_u8(&b, 1), ERR_TOO_LARGE));
	cr_expect(eq(int, buf_reserve(&b, SIZE_MAX), ERR_TOO_LARGE));
	cr_expect(eq(int, buf_printf(&b, "%d", 1), ERR_TOO_LARGE));
	cr_expect(bytes_is(buf_bytes(&b), "1234567890"));
	cr_expect(eq(int, b.data[b.len], 0));
}

Test(buf, content_is_always_terminated)
{
	BUF_AUTO struct buf b;
	buf_init(&b, 1000);
	cr_assert(eq(int, buf_reserve(&b, 100), ERR_OK));
	cr_expect(eq(int, b.data[0], 0));
	cr_assert(eq(int, buf_printf(&b, "%s-%d", "a", 5), ERR_OK));
	cr_expect(strcmp((char *)b.data, "a-5") == 0);
	buf_consume(&b, 2);
	cr_expect(strcmp((char *)b.data, "5") == 0);
	buf_consume(&b, 1);
	cr_expect(strcmp((char *)b.data, "") == 0);
	cr_assert(eq(int, buf_append_str(&b, "left"), ERR_OK));
	buf_clear(&b);
	cr_expect(strcmp((char *)b.data, "") == 0);
}

Test(buf, integers_are_big_endian)
{
	BUF_AUTO struct buf b;
	buf_init(&b, 100);
	cr_assert(eq(int, buf_put_u8(&b, 0xab), ERR_OK));
	cr_assert(eq(int, buf_put_be16(&b, 0x0102), ERR_OK));
	cr_assert(eq(int, buf_put_be32(&b, 0xfffefdfc), ERR_OK));
	cr_expect(bytes_equal(buf_bytes(&b), BYTES("\xab\x01\x02\xff\xfe\xfd\xfc", 7)));
}

Test(buf, stolen_text_belongs_to_the_thief)
{
	struct buf b;
	buf_init(&b, 100);
	char *empty = buf_steal_str(&b);
	cr_expect(strcmp(empty, "") == 0);
	cr_assert(eq(int, buf_append_str(&b, "text"), ERR_OK));
	char *text = buf_steal_str(&b);
	cr_expect(eq(sz, b.len, 0));
	buf_fini(&b);
	cr_expect(strcmp(text, "text") == 0);
	free(text);
	free(empty);
}

Test(buf, slices_compare_by_content)
{
	cr_expect(bytes_equal(BYTES_NONE, BYTES("x", 0)));
	cr_expect(not(bytes_is(BYTES("ab", 2), "abc")));
	cr_expect(not(bytes_is(BYTES("a\0b", 3), "a")));
	char *copy = bytes_to_str(BYTES_NONE);
	cr_expect(strcmp(copy, "") == 0);
	free(copy);
}

Test(arena, gives_aligned_zeroed_memory)
{
	struct arena a;
	arena_init(&a, 1 << 24);
	for (size_t n = 1; n < 9000; n += 37) {
		uint8_t *p = arena_alloc(&a, n);
		cr_assert(p != NULL);
		cr_assert(eq(sz, (size_t)((uintptr_t)p % alignof(max_align_t)), 0));
		for (size_t i = 0; i < n; i++)
			cr_assert(eq(int, p[i], 0));
		memset(p, 0xaa, n);
	}
	arena_fini(&a);
}

Test(arena, refuses_beyond_its_maximum)
{
	struct arena a;
	arena_init(&a, 10000);
	cr_expect(arena_alloc(&a, SIZE_MAX) == NULL);
	cr_expect(arena_alloc(&a, 10001) == NULL);
	cr_expect(arena_alloc(&a, 9000) != NULL);
	cr_expect(arena_alloc(&a, 2000) == NULL);
	char big[3000];
	memset(big, 'x', sizeof(big));
	cr_expect(arena_strndup(&a, big, sizeof(big)) == NULL);
	cr_expect(arena_printf(&a, "%3000d", 1) == NULL);
	size_t n = 0;
	while (n < 100000 && arena_alloc(&a, 1))
		n++;
	cr_expect(n > 0 && n <= 1000, "%zu", n);
	arena_fini(&a);
	cr_expect(arena_alloc(&a, 9000) != NULL, "after fini all is there again");
	arena_fini(&a);
}

Test(arena, texts_are_copies)
{
	struct arena a;
	arena_init(&a, 1000);
	const char *s = arena_strndup(&a, "abcdef", 3);
	cr_expect(strcmp(s, "abc") == 0);
	cr_expect(strcmp(arena_strndup(&a, NULL, 0), "") == 0);
	cr_expect(strcmp(arena_printf(&a, "%s/%d", s, 5), "abc/5") == 0);
	arena_fini(&a);
}

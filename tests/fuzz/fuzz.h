// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share: cutting an input into pieces, and checks that end the process.
#pragma once

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Like assert, whatever the build: a false condition is a finding.
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
void fuzz_fail(const char *condition, const char *file, int line) __attribute__((noreturn));
// Whoever refuses something from outside has to say why. Clears why for the next call.
#define FUZZ_CHECK_WHY(error, why)                                                                 \
	do {                                                                                       \
		FUZZ_CHECK(!(error) || ((why).err == (error) && (why).text[0] != '\0'));           \
		(why).text[0] = '\0';                                                              \
	} while (0)

// Takes a byte off the front; 0 when there is none.
uint8_t fuzz_take_u8(struct bytes *in);
// Takes at most n bytes.
struct bytes fuzz_take(struct bytes *in, size_t n);
// Takes what stands before the first `end`, which is dropped; everything when there is none.
struct bytes fuzz_take_until(struct bytes *in, uint8_t end);
// A terminated heap copy without the bytes behind a NUL, as C sees a text. Never NULL.
char *fuzz_text(struct bytes text);
// The bytes of a buffer are these.
bool fuzz_buf_is(const struct buf *b, struct bytes bytes);

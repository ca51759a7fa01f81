// SPDX-License-Identifier: Apache-2.0
// Text forms of bytes. Decoders are strict: one canonical form, no blanks, nothing left over.
#pragma once

#include "base/buf.h"

// Characters needed for n bytes, without the terminator.
#define BASE64_CHARS(n) (((n) + 2) / 3 * 4)
#define HEX_CHARS(n)	((n)*2)

// out holds HEX_CHARS(n) + 1; lower case, terminated.
void hex_encode(char *out, struct bytes in);
// Either case; the length must be exactly 2 * n.
enum err ERR_MUST_CHECK hex_decode(uint8_t *out, size_t n, struct bytes text);

// RFC 4648 section 4, with padding. out holds BASE64_CHARS(n) + 1; terminated.
void base64_encode(char *out, struct bytes in);
// RFC 4648 section 5 without padding (RFC 7515 section 2). out holds BASE64_CHARS(n) + 1;
// terminated.
void base64url_encode(char *out, struct bytes in);
// The same, appended.
enum err ERR_MUST_CHECK base64url_append(struct buf *out, struct bytes in);
// Appends the decoded bytes. Padding required / refused respectively; trailing bits must be zero.
enum err ERR_MUST_CHECK base64_decode(struct buf *out, struct bytes text);
enum err ERR_MUST_CHECK base64url_decode(struct buf *out, struct bytes text);

// Percent-decodes a URL path segment in place (RFC 3986 section 2.1). ERR_SYNTAX for a bad escape
// or an encoded NUL.
enum err ERR_MUST_CHECK percent_decode(char *text);
// Appends text with everything but the unreserved characters of RFC 3986 section 2.3 escaped.
enum err ERR_MUST_CHECK percent_encode(struct buf *out, const char *text);

// Length of the valid UTF-8 sequence of two bytes or more at p, 0 when there is none there
// (RFC 3629 section 4).
size_t utf8_length(const uint8_t *p, size_t n);

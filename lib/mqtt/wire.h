// SPDX-License-Identifier: Apache-2.0
// The data representations that all packets are made of (OASIS mqtt-v5.0, 1.5). Inside lib/mqtt.
#pragma once

#include "base/buf.h"

// Readers cut their value off the front of *rest. False: not enough bytes, or not well formed.
bool wire_get_u8(uint8_t *out, struct bytes *rest);
bool wire_get_u16(uint16_t *out, struct bytes *rest);
bool wire_get_u32(uint32_t *out, struct bytes *rest);
// Variable byte integer in its shortest form.
bool wire_get_varint(uint32_t *out, struct bytes *rest);
// Two bytes of length, then the bytes.
bool wire_get_binary(struct bytes *out, struct bytes *rest);
// Like it; must be UTF-8 without U+0000 and surrogates (1.5.4).
bool wire_get_string(struct bytes *out, struct bytes *rest);
// The first n bytes.
bool wire_get_slice(struct bytes *out, struct bytes *rest, size_t n);

enum err ERR_MUST_CHECK wire_put_varint(struct buf *out, uint32_t value);
// ERR_TOO_LARGE over 65535 bytes.
enum err ERR_MUST_CHECK wire_put_binary(struct buf *out, struct bytes value);
// Bytes that the shortest form of value takes.
size_t wire_varint_bytes(uint32_t value);
// Well-formed UTF-8 (Unicode 15, table 3-7) without U+0000.
bool wire_utf8_is_valid(struct bytes text);

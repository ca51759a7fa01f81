// SPDX-License-Identifier: Apache-2.0
// The recorded handshake in tests/data/wireguard-vectors.txt.
#pragma once

#include "base/buf.h"
#include "wg/key.h"

// Bytes of the line "name hex"; aborts the test when there is none.
void vector_load(struct buf *out, const char *name);
struct wg_key vector_key(const char *name);

// SPDX-License-Identifier: Apache-2.0
// What `wg show INTERFACE dump` prints (wg(8)). No I/O; any thread.
#pragma once

#include "base/buf.h"
#include "bridge/wireguard.h"

// Line 1 is the interface (private key, public key, port, fwmark) and is not looked at beyond its
// shape; then a line a peer. Sorted by key; *out is the caller's to free. ERR_UPSTREAM_FAULT: why
// names the line, never its text.
enum err ERR_MUST_CHECK wireguard_dump_parse(struct wireguard_peer **out, size_t *n,
					     struct bytes text, struct why *why);

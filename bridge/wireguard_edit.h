// SPDX-License-Identifier: Apache-2.0
// The peers in the text of a server's wg-quick(8) file. What belongs to a device is replaced or
// removed, everything else keeps its bytes. No I/O; any thread.
//
// A device's block is written as the platform writes it, an empty line before it:
//	[Peer]
//	# device: dev-1
//	PublicKey = ...
//	AllowedIPs = 10.8.0.2/32
// A block belongs to a device when such a remark names it, between the header and the first key. A
// block without any remark (`wg-quick save` drops them) belongs to the device whose key and
// address it holds.
#pragma once

#include "base/buf.h"
#include "bridge/wireguard.h"

enum {
	WIREGUARD_EDIT_BYTES_MAX = 64 * 1024 * 1024,
	WIREGUARD_EDIT_PEERS_MAX = 500000,
};

struct wireguard_edit;

// text is borrowed and must outlive the edit. ERR_TOO_LARGE with why: more than
// WIREGUARD_EDIT_PEERS_MAX peers.
enum err ERR_MUST_CHECK wireguard_edit_new(struct wireguard_edit **out, struct bytes text,
					   struct why *why);
void wireguard_edit_free(struct wireguard_edit *e);
AUTO_DEFINE(struct wireguard_edit *, wireguard_edit_free)

// With a key: the device's block holds it and the address afterwards, in its old place or at the
// end; a second block of the device goes. Without: its blocks go. ERR_CONFLICT: the key is that of
// a peer that is not the device's; why names it and nothing is changed.
enum err ERR_MUST_CHECK wireguard_edit_apply(struct wireguard_edit *e,
					     const struct wireguard_change *change,
					     struct why *why);
bool wireguard_edit_is_changed(const struct wireguard_edit *e);
// Appends the text as it is now.
enum err ERR_MUST_CHECK wireguard_edit_render(struct buf *out, const struct wireguard_edit *e);
// Sorted by key; *out is the caller's to free.
enum err ERR_MUST_CHECK wireguard_edit_peers(struct wireguard_peer **out, size_t *n,
					     const struct wireguard_edit *e);

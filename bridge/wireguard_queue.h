// SPDX-License-Identifier: Apache-2.0
// Requests that wait for a backend which does several at once. Loop thread.
#pragma once

#include "bridge/wireguard_backend.h"

struct wireguard_request {
	struct wireguard_request *next, *prev;
	struct wireguard_change change; // unless peers; owned
	wireguard_done_fn *done;	// of a change
	wireguard_peers_fn *peers;	// of a get
	void *ctx;
	struct why why; // of this one, when it fails alone
};

// Append to *queue. ERR_NOMEM.
enum err ERR_MUST_CHECK wireguard_queue_change(struct wireguard_request **queue,
					       const struct wireguard_change *change,
					       wireguard_done_fn *done, void *ctx);
enum err ERR_MUST_CHECK wireguard_queue_get(struct wireguard_request **queue,
					    wireguard_peers_fn *done, void *ctx);
// Takes what can be done together off the front: gets, or at most max changes.
struct wireguard_request *wireguard_queue_take(struct wireguard_request **queue, size_t max);
// Ends each with why, or with its own when that is an error, and frees the list. peers are for
// gets.
void wireguard_queue_finish(struct wireguard_request *list, const struct why *why,
			    struct wireguard_peer *peers, size_t n);
// Frees the list without callbacks.
void wireguard_queue_drop(struct wireguard_request *list);

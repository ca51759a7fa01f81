// SPDX-License-Identifier: Apache-2.0
// The configured peers and the indexes of their sessions, both found in constant time.
#pragma once

#include <uthash.h>

#include "net/addr.h"
#include "wg/peer.h"
#include "wireguard/allowed_ips.h"
#include "wireguard/deadlines.h"

struct server;

struct peer {
	struct wg_peer engine;
	struct server *server;
	char name[WG_KEY_CHARS + 1]; // the public key in base64: what faults and the API call it
	struct addr endpoint;	     // where its last authenticated packet came from
	bool has_endpoint;
	struct allowed_ip *allowed; // owned by the table of allowed IPs
	uint64_t echoes;	    // echo requests answered
	uint64_t drops[WG_DROP_COUNT];
	struct deadline deadline; // of the engine
	UT_hash_handle hh;	  // by public key
};

struct index_entry;

struct peers {
	struct peer *by_key;
	struct index_entry *by_index;
	struct allowed_ips allowed;
	struct deadlines deadlines;
	struct rng rng; // indexes
	uint64_t n_added;
};

// A new peer without allowed IPs. ERR_INPUT: a key of low order; ERR_NOMEM. server: its owner, with
// the identity that it shakes hands for.
enum err ERR_MUST_CHECK peers_add(struct peer **out, struct peers *ps, struct server *server,
				  const struct wg_key *public_key, uint64_t seed);
void peers_remove(struct peers *ps, struct peer *p);
void peers_remove_all(struct peers *ps);
void peers_fini(struct peers *ps);
struct peer *peers_find(const struct peers *ps, const struct wg_key *public_key);
struct peer *peers_find_index(const struct peers *ps, uint32_t index);
size_t peers_count(const struct peers *ps);
// After anything was done with the engine of p.
void peers_update_deadline(struct peers *ps, struct peer *p);

// For wg_peer_ops; ctx is the struct peer.
uint32_t peers_index_new(void *ctx);
void peers_index_free(void *ctx, uint32_t index);

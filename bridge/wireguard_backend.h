// SPDX-License-Identifier: Apache-2.0
// What a way to the WireGuard server has to offer; only for wireguard.c and the backends.
#pragma once

#include "bridge/wireguard.h"

struct wireguard_backend {
	const char *scheme; // with the colon
	// What follows the scheme; why continues "WG_SERVER=...: ".
	enum err (*check)(const char *where, struct why *why);
	// where has passed check.
	enum err (*open)(struct wireguard **out, const struct wireguard_options *o,
			 const char *where);
	void (*close)(struct wireguard *w);
	// Keys and ids have been checked.
	enum err (*apply)(struct wireguard *w, const struct wireguard_change *change,
			  wireguard_done_fn *done, void *ctx);
	enum err (*get)(struct wireguard *w, wireguard_peers_fn *done, void *ctx);
};

// The first member of each backend's own structure.
struct wireguard {
	const struct wireguard_backend *backend; // set by wireguard_new
	uv_loop_t *loop;
	const struct log *log;
	unsigned timeout_ms;
	void (*on_connected)(void *ctx);
	void *ctx;
	bool connected;
	bool complained; // the log knows that the server is away
};

extern const struct wireguard_backend wireguard_uapi;
extern const struct wireguard_backend wireguard_tool;
extern const struct wireguard_backend wireguard_file;

// Copies the options; a timeout of 0 becomes default_timeout_ms.
void wireguard_init(struct wireguard *w, const struct wireguard_options *o,
		    unsigned default_timeout_ms);
// The server answers: logs it once, and calls on_connected when `changed` or when it was away. A
// callback may free w.
void wireguard_note_connected(struct wireguard *w, const char *where, bool changed);
// It does not: logs the reason once until it is back.
void wireguard_note_lost(struct wireguard *w, const struct why *why);
// Calls fn for each key of a list that is separated by blanks, until it fails.
enum err ERR_MUST_CHECK wireguard_each_key(const char *keys,
					   enum err (*fn)(const struct wg_key *key, void *ctx),
					   void *ctx);

// SPDX-License-Identifier: Apache-2.0
// cdm_peers.json in WG_DATA_DIR, {"device-001": "10.8.0.2"}: a view of the store for the programs
// that read it. Rewritten whole (temporary file, fsync, rename) on a helper thread: at most one
// rewrite runs and one waits, and rewriting never takes more than a small share of the time. When
// other bridges share the store, their changes come in too, some seconds later. Loop thread.
#pragma once

#include <uv.h>

#include "base/log.h"
#include "bridge/store.h"

#define PEERS_FILE_NAME "cdm_peers.json"

struct peers_file;

struct peers_file_options {
	uv_loop_t *loop;
	const struct log *log; // borrowed
	struct store *store;   // borrowed
	const char *folder;    // WG_DATA_DIR; copied
	// How often to look for what other bridges have changed, when the store is shared; 0 =
	// every 10 s.
	unsigned look_ms;
};

enum err ERR_MUST_CHECK peers_file_new(struct peers_file **out, const struct peers_file_options *o,
				       struct why *why);
// Waits for a rewrite that runs; a rewrite that waits is dropped (the next start makes it).
void peers_file_free(struct peers_file *p);
// The store has changed: rewrite soon.
void peers_file_touch(struct peers_file *p);
// Rewrite now; done is called once from the loop after a rewrite that saw all commits before this
// call.
void peers_file_sync(struct peers_file *p, void (*done)(const struct why *why, void *ctx),
		     void *ctx);

// How many entries the file has; false before its first rewrite.
bool peers_file_count(const struct peers_file *p, size_t *n);

struct peer_entry {
	char id[DEVICE_ID_MAX + 1];
	uint32_t ip;
};
// Reads a file of the original bridge: every id valid, every address assignable and used once, else
// ERR_INPUT with why. No such file: ERR_OK and none. *out is the caller's to free.
enum err ERR_MUST_CHECK peers_file_read(struct peer_entry **out, size_t *n, const char *path,
					const struct pool *pool, struct why *why);

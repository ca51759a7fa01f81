// SPDX-License-Identifier: Apache-2.0
// A file that others edit too: read, and replaced only when it still is what was read. Blocks; for
// a helper thread.
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "base/buf.h"

struct wireguard_disk {
	char path[PATH_MAX]; // the file itself, not a link to it
	struct stat seen;    // what it was when it was read, or written by us
	struct buf text;
};

void wireguard_disk_init(struct wireguard_disk *d, size_t max);
// Wipes the text: it holds the server's private key.
void wireguard_disk_fini(struct wireguard_disk *d);
#define WIREGUARD_DISK_AUTO __attribute__((cleanup(wireguard_disk_fini)))

// Reads again from the start. ERR_UPSTREAM_DOWN: there is no such file; ERR_FORBIDDEN,
// ERR_TOO_LARGE, ERR_IO; why says which and what to do.
enum err ERR_MUST_CHECK wireguard_disk_read(struct wireguard_disk *d, const char *path,
					    struct why *why);
// Temporary file beside it with the same owner and mode, fsync, rename. ERR_CONFLICT: somebody has
// changed the file since it was read, and nothing was written.
enum err ERR_MUST_CHECK wireguard_disk_replace(struct wireguard_disk *d, struct bytes content,
					       struct why *why);

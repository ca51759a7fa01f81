// SPDX-License-Identifier: Apache-2.0
// Whole files: read with a limit, replaced atomically.
#pragma once

#include <sys/types.h>

#include "base/buf.h"

// Appends the file to out; ERR_TOO_LARGE beyond out's maximum. On success out->data is never NULL.
enum err ERR_MUST_CHECK file_read(struct buf *out, const char *path, struct why *why);
// Writes a temporary file beside path, syncs it, renames it over path and syncs the folder: whoever
// reads sees the old content or the new, also after a power cut.
enum err ERR_MUST_CHECK file_replace(const char *path, struct bytes content, mode_t mode,
				     struct why *why);
// Like it without the two syncs: for files whose loss a rerun mends (run folders, fleets in
// memory).
enum err ERR_MUST_CHECK file_replace_nosync(const char *path, struct bytes content, mode_t mode,
					    struct why *why);
// A new file of our own beside path, mode 0600, its name (path and a random ending) into out; -1
// with errno.
int file_open_temp(char *out, size_t size, const char *path);
// mkdir -p.
enum err ERR_MUST_CHECK file_make_dirs(const char *path, mode_t mode, struct why *why);

void fd_close(int *fd);
#define FD_AUTO __attribute__((cleanup(fd_close)))

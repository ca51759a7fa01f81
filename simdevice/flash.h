// SPDX-License-Identifier: Apache-2.0
// A device's flash: exactly the runbook's five files, in a folder or in memory. `enrolled` is
// written last, so that whatever cuts the power, a flash with the flag is whole. Blocking (fsync):
// call it off the loop.
#pragma once

#include "base/buf.h"

// In the order of writing.
enum flash_file { FLASH_KEY, FLASH_CERT, FLASH_CHAIN, FLASH_WG, FLASH_FLAG, FLASH_FILES };

enum {
	FLASH_FILE_MAX = 64 * 1024,
};

// What the files hold; NULL = no such file. Owned text, wiped when freed.
struct flash_image {
	char *text[FLASH_FILES];
};

void flash_image_fini(struct flash_image *image);
#define FLASH_IMAGE_AUTO __attribute__((cleanup(flash_image_fini)))
// Copies text into the image.
enum err ERR_MUST_CHECK flash_image_set(struct flash_image *image, enum flash_file file,
					struct bytes text);

// "device.key" "device.crt" "ca-chain.crt" "wg0.conf" "enrolled"
const char *flash_file_name(enum flash_file file);
// FLASH_FILES when no file is called so.
enum flash_file flash_file_by_name(const char *name);

// Writes the files that the image holds (others stay as they are), each by temporary file and
// rename, in order. An image with a flag first takes the old flag away, so that a half-written new
// identity is never taken for whole. cut_after: the power fails after this file was written
// (FLASH_FILES: it does not): ERR_CANCELLED.
enum err ERR_MUST_CHECK flash_write(const char *dir, const struct flash_image *image, bool sync,
				    enum flash_file cut_after, struct why *why);
// The same in memory.
enum err ERR_MUST_CHECK flash_write_memory(struct flash_image *flash,
					   const struct flash_image *image,
					   enum flash_file cut_after, struct why *why);
// Reads what is there. An absent folder is an empty flash.
enum err ERR_MUST_CHECK flash_read(struct flash_image *out, const char *dir, struct why *why);
// Deletes the flag; absent is fine.
enum err ERR_MUST_CHECK flash_forget(const char *dir, struct why *why);

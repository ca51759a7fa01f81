// SPDX-License-Identifier: Apache-2.0
#include "flash.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

static const struct {
	const char *name;
	mode_t mode;
} files[FLASH_FILES] = {
	[FLASH_KEY] = {"device.key",   0600},
	[FLASH_CERT] = {"device.crt",   0644},
	[FLASH_CHAIN] = {"ca-chain.crt", 0644},
	[FLASH_WG] = {"wg0.conf",	  0600}, // holds the tunnel's private key
	[FLASH_FLAG] = {"enrolled",	    0644},
};

const char *
flash_file_name(enum flash_file file)
{
	return files[file].name;
}

enum flash_file
flash_file_by_name(const char *name)
{
	size_t i = 0;
	while (i < FLASH_FILES && strcmp(files[i].name, name) != 0)
		i++;
	return (enum flash_file)i;
}

static void
text_free(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

void
flash_image_fini(struct flash_image *image)
{
	for (size_t i = 0; i < FLASH_FILES; i++) {
		text_free(image->text[i]);
		image->text[i] = NULL;
	}
}

enum err
flash_image_set(struct flash_image *image, enum flash_file file, struct bytes text)
{
	char *copy = bytes_to_str(text);
	if (!copy)
		return ERR_NOMEM;
	text_free(image->text[file]);
	image->text[file] = copy;
	return ERR_OK;
}

static enum err
path_of(char out[static PATH_MAX], const char *dir, enum flash_file file, struct why *why)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, files[file].name);
	if (n < 0 || n >= PATH_MAX)
		return why_set(why, ERR_TOO_LARGE, "%s: the path is too long", dir);
	return ERR_OK;
}

static enum err
power_cut(enum flash_file file, struct why *why)
{
	return why_set(why, ERR_CANCELLED, "the power was cut after %s was written",
		       files[file].name);
}

enum err
flash_write(const char *dir, const struct flash_image *image, bool sync, enum flash_file cut_after,
	    struct why *why)
{
	TRY(file_make_dirs(dir, 0700, why));
	if (image->text[FLASH_FLAG])
		TRY(flash_forget(dir, why));
	for (unsigned i = 0; i < FLASH_FILES; i++) {
		enum flash_file file = (enum flash_file)i;
		char path[PATH_MAX];
		TRY(path_of(path, dir, file, why));
		if (image->text[i]) {
			struct bytes text = BYTES_STR(image->text[i]);
			TRY(sync ? file_replace(path, text, files[i].mode, why)
				 : file_replace_nosync(path, text, files[i].mode, why));
		}
		if (file == cut_after)
			return power_cut(file, why);
	}
	return ERR_OK;
}

enum err
flash_write_memory(struct flash_image *flash, const struct flash_image *image,
		   enum flash_file cut_after, struct why *why)
{
	if (image->text[FLASH_FLAG]) {
		text_free(flash->text[FLASH_FLAG]);
		flash->text[FLASH_FLAG] = NULL;
	}
	for (unsigned i = 0; i < FLASH_FILES; i++) {
		enum flash_file file = (enum flash_file)i;
		if (image->text[i])
			TRY(flash_image_set(flash, file, BYTES_STR(image->text[i])));
		if (file == cut_after)
			return power_cut(file, why);
	}
	return ERR_OK;
}

enum err
flash_read(struct flash_image *out, const char *dir, struct why *why)
{
	FLASH_IMAGE_AUTO struct flash_image image = {0};
	for (unsigned i = 0; i < FLASH_FILES; i++) {
		char path[PATH_MAX];
		TRY(path_of(path, dir, (enum flash_file)i, why));
		BUF_AUTO struct buf text;
		buf_init(&text, FLASH_FILE_MAX);
		enum err err = file_read(&text, path, why);
		if (err == ERR_NOT_FOUND)
			continue;
		TRY(err);
		TRY(flash_image_set(&image, (enum flash_file)i, buf_bytes(&text)));
		OPENSSL_cleanse(text.data, text.len);
	}
	*out = image;
	image = (struct flash_image){0};
	return ERR_OK;
}

enum err
flash_forget(const char *dir, struct why *why)
{
	char path[PATH_MAX];
	TRY(path_of(path, dir, FLASH_FLAG, why));
	if (unlink(path) != 0 && errno != ENOENT)
		return why_set(why, ERR_IO, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

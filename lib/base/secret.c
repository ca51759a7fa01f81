// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "base/file.h"

enum { SECRET_FILE_MAX = 4096 };

enum err
secret_set(struct secret *s, struct bytes text)
{
	secret_fini(s);
	s->text = bytes_to_str(text);
	if (!s->text)
		return ERR_NOMEM;
	s->n = text.n;
	return ERR_OK;
}

void
secret_fini(struct secret *s)
{
	if (s->text) {
		OPENSSL_cleanse(s->text, s->n);
		free(s->text);
	}
	*s = SECRET_NONE;
}

bool
secret_equal(const struct secret *s, struct bytes other)
{
	return s->text && s->n == other.n && CRYPTO_memcmp(s->text, other.p, other.n) == 0;
}

enum err
secret_from_file(struct secret *s, const char *path, struct why *why)
{
	BUF_AUTO struct buf content;
	buf_init(&content, SECRET_FILE_MAX);
	TRY(file_read(&content, path, why));
	size_t n = strcspn((const char *)content.data, "\r\n");
	enum err err = n ? secret_set(s, BYTES(content.data, n))
			 : why_set(why, ERR_INPUT, "%s: the first line is empty", path);
	OPENSSL_cleanse(content.data, content.len);
	return err;
}

enum err
secret_from_env(struct secret *s, const char *name, struct why *why)
{
	char file_name[128];
	snprintf(file_name, sizeof(file_name), "%s_FILE", name);
	const char *value = getenv(name);
	const char *path = getenv(file_name);
	if (value && path)
		return why_set(why, ERR_INPUT, "%s and %s are both set; keep one", name, file_name);
	if (path) {
		enum err err = secret_from_file(s, path, why);
		if (err)
			why_prefix(why, "%s", file_name);
		return err;
	}
	return value ? secret_set(s, BYTES_STR(value)) : ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
// A password, token or key in text form. It is wiped when it goes, and no log value type takes one.
#pragma once

#include "base/buf.h"

struct secret {
	char *text; // NULL when unset; terminated
	size_t n;
};

#define SECRET_NONE ((struct secret){NULL, 0})

enum err ERR_MUST_CHECK secret_set(struct secret *s, struct bytes text);
void secret_fini(struct secret *s);
#define SECRET_AUTO __attribute__((cleanup(secret_fini)))
static inline bool
secret_is_set(const struct secret *s)
{
	return s->text != NULL;
}
// Constant time in the content; the length may leak.
bool secret_equal(const struct secret *s, struct bytes other);
// The environment variable `name`, or the first line of the file that `name`_FILE names.
// Unset: leaves *s unset and returns ERR_OK. Both set, unreadable or empty file: ERR_INPUT with
// why.
enum err ERR_MUST_CHECK secret_from_env(struct secret *s, const char *name, struct why *why);
// The first line of a file, without its line end.
enum err ERR_MUST_CHECK secret_from_file(struct secret *s, const char *path, struct why *why);

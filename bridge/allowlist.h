// SPDX-License-Identifier: Apache-2.0
// ENROLL_ALLOWLIST: the device ids that may enroll, one a line, '#' begins a remark.
#pragma once

#include "base/buf.h"

struct allowlist;

// ERR_INPUT names the line that is no device id; ERR_IO the file that cannot be read.
enum err ERR_MUST_CHECK allowlist_load(struct allowlist **out, const char *path, struct why *why);
// The same from its text.
enum err ERR_MUST_CHECK allowlist_parse(struct allowlist **out, struct bytes text, struct why *why);
void allowlist_free(struct allowlist *l);
AUTO_DEFINE(struct allowlist *, allowlist_free)
bool allowlist_has(const struct allowlist *l, const char *id);
size_t allowlist_count(const struct allowlist *l);

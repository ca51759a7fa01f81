// SPDX-License-Identifier: Apache-2.0
// Reads a YAML 1.2 file into a tree (libfyaml's events). Refused, each with its place: anchors,
// aliases, tags, merge keys, keys that are not scalars, duplicate keys, more than one document.
#pragma once

#include "runner/diag.h"

// *source is set also on failure (unless the file cannot be read): diagnostics point into it; the
// caller keeps it as long as the tree or the diagnostics. Returns NULL when there is no tree; then
// diags has at least one entry. A tree may come with diagnostics (duplicate keys, tags).
struct node *yaml_read_file(struct source **source, const char *path, struct diags *diags);
// The same for text that is already there; takes it.
struct node *yaml_read_text(struct source **source, const char *path, char *take_text, size_t len,
			    struct diags *diags);

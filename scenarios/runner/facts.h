// SPDX-License-Identifier: Apache-2.0
// Where everything is: NAME=value lines, learned from the children, written by `up --out`, read by
// `run --against`. One table names them all.
#pragma once

#include "base/buf.h"
#include "runner/words.h"

struct fact_name {
	const char *name;
	const char *doc;
	bool secret;
};

const struct fact_name *facts_names(size_t *n);

// Reads a file of NAME=value lines ("export " in front, quotes around the value, empty lines and #
// comments are fine). ERR_INPUT with why: file, line, the unknown name and the nearest known one.
enum err ERR_MUST_CHECK facts_read(struct words *facts, const char *path, struct why *why);
// Appends them as shell lines, in the order of the table.
enum err ERR_MUST_CHECK facts_print(struct buf *out, const struct words *facts);

// SPDX-License-Identifier: Apache-2.0
// The next of many deadlines: a binary heap whose nodes live inside their owners.
#pragma once

#include <stdint.h>

#include "base/err.h"

struct deadline {
	uint64_t at;
	size_t pos; // in the heap, from 1; 0: not in it
};

struct deadlines {
	struct deadline **heap; // heap[0] is unused
	size_t n;
	size_t cap;
};

// Makes room for so many nodes, so that deadlines_set cannot fail.
enum err ERR_MUST_CHECK deadlines_reserve(struct deadlines *d, size_t n);
void deadlines_fini(struct deadlines *d);
// Adds, moves or (UINT64_MAX) removes a node.
void deadlines_set(struct deadlines *d, struct deadline *node, uint64_t at);
// The earliest; NULL: none.
struct deadline *deadlines_first(const struct deadlines *d);

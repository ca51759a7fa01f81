// SPDX-License-Identifier: Apache-2.0
// --tag 'smoke and not (load or slow)': words, and, or, not, parentheses; "not" binds tightest,
// then "and".
#pragma once

#include <stddef.h>

#include "base/err.h"

// Is the expression true for these tags? ERR_SYNTAX with why (which word, what was expected).
enum err ERR_MUST_CHECK tags_match(bool *out, const char *expression, const char *const *tags,
				   size_t n, struct why *why);

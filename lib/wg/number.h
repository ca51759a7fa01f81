// SPDX-License-Identifier: Apache-2.0
// Inside lib/wg only: decimal numbers as the text formats write them.
#pragma once

#include "base/buf.h"

// Digits only, at least one, at most `max`. ERR_SYNTAX.
static inline enum err
wg_number_parse(uint64_t *out, struct bytes text, uint64_t max)
{
	uint64_t value = 0;
	if (text.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n; i++) {
		unsigned digit = (unsigned)text.p[i] - '0';
		if (digit > 9 || value > (max - digit) / 10)
			return ERR_SYNTAX;
		value = value * 10 + digit;
	}
	*out = value;
	return ERR_OK;
}

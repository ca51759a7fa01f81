// SPDX-License-Identifier: Apache-2.0
// Distinguished names (RFC 5280 section 4.1.2.4): the two attributes that the flow uses.
#pragma once

#include "pki/der.h"

// A Name with O (NULL: none) and CN (NULL or "": none), each in its own RDN.
void name_write(struct der_writer *w, const char *organization, const char *cn);
// Reads a Name from a stranger: the last CN as UTF-8 into *cn (heap copy; NULL: none) and how many
// there are. ERR_SYNTAX: malformed, or a CN with a NUL in it.
enum err ERR_MUST_CHECK name_read_cn(char **cn, size_t *n_cn, struct bytes name);

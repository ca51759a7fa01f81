// SPDX-License-Identifier: Apache-2.0
// Which names go into a leaf, and whether the CSR agrees with the token (contracts/step-ca.md 5).
#pragma once

#include "pki/csr.h"

// Adds a text of the token's sans as the type that Go's libraries make of it: IP literal, URI
// (anything with a scheme), email (an @), else DNS. ERR_INPUT: cannot be encoded (not ASCII).
enum err ERR_MUST_CHECK names_add(struct san_list *l, const char *text);
// Puts the list into the order of Go's encoder: DNS, email, IP, URI.
enum err ERR_MUST_CHECK names_sort(struct san_list *out, const struct san_list *in);

// CN, key and SANs of the CSR against subject and sans of the token, in step-ca's order and words.
// ERR_FORBIDDEN.
enum err ERR_MUST_CHECK names_check_csr(const struct csr *csr, const char *subject,
					const struct san_list *sans, struct why *why);

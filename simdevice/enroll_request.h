// SPDX-License-Identifier: Apache-2.0
// What a device asks the bridge: its CSR, or one of the broken ones that a field device might send,
// in the JSON of one of the three dialects (contracts/bridge.md).
#pragma once

#include "config.h"
#include "pki/csr.h"
#include "wg/key.h"

// id, name in the control protocol
#define CSR_VARIANTS(X)                                                                            \
	X(NORMAL, "normal")                                                                        \
	X(NOT_PEM, "not-pem")                                                                      \
	X(TRUNCATED, "truncated")                                                                  \
	X(BAD_SIGNATURE, "bad-signature")                                                          \
	X(WRONG_CN, "wrong-cn")                                                                    \
	X(EMPTY, "empty")

enum csr_variant {
#define X(id, name) CSR_##id,
	CSR_VARIANTS(X)
#undef X
		CSR_VARIANT_COUNT
};

enum err ERR_MUST_CHECK csr_variant_parse(enum csr_variant *out, const char *name);
// Appends the CSR text. cn: what a normal CSR says; WRONG_CN says something else.
enum err ERR_MUST_CHECK csr_variant_make(struct buf *out, enum csr_variant variant, EVP_PKEY *key,
					 const char *cn);

struct enroll_request {
	enum dialect dialect;
	const char *device_id;
	const char *csr;		    // text
	const struct wg_key *wg_public_key; // NULL = the bridge makes the pair
};

// Appends the JSON body.
enum err ERR_MUST_CHECK enroll_request_body(struct buf *out, const struct enroll_request *r);
// Appends the path: "/devices/{id}/enroll" (escaped) or "/v1/enroll".
enum err ERR_MUST_CHECK enroll_request_path(struct buf *out, const struct enroll_request *r);

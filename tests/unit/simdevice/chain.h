// SPDX-License-Identifier: Apache-2.0
// A tenant's CA chain like the real one (root -> intermediate -> Sub-CA -> leaf), and what a bridge
// would answer with it.
#pragma once

#include "identity.h"

#define CHAIN_NOW ((int64_t)1795460350)

struct chain {
	EVP_PKEY *device_key;
	X509 *root;
	struct cert_ca *sub;
	char *issuers_pem; // Sub-CA, intermediate
	char *root_pem;
};

void chain_init(struct chain *c);
void chain_fini(struct chain *c);
// Leaf with its issuers, as the bridge's "cert" has it; the caller frees.
char *chain_issue(struct chain *c, const char *cn, EVP_PKEY *key);
// Sub-CA, intermediate, root, as in "ca_chain"; the caller frees.
char *chain_ca_chain(const struct chain *c);

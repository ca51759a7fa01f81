// SPDX-License-Identifier: Apache-2.0
// A fleet's devices all meet the same two servers. Verifying the same chain of three certificates
// for each of them would take a quarter of the simulator's CPU and tell nothing new: a chain that
// was verified once, byte for byte, for the same host, is known until the first of its certificates
// expires. The handshake itself (and its signature) is never skipped.
#pragma once

#include <openssl/ssl.h>

#include "base/err.h"

struct verify_cache;

// Serves ctx, and lives as long as it. One thread.
enum err ERR_MUST_CHECK verify_cache_attach(SSL_CTX *ctx);
// How often a chain was known / verified in full; for tests.
void verify_cache_counts(SSL_CTX *ctx, unsigned long *known, unsigned long *verified);

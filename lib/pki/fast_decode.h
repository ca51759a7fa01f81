// SPDX-License-Identifier: Apache-2.0
// OpenSSL 3.0 builds a list of every decoder of every key type whenever it reads a public key: some
// 80 us, twice an ECDSA verification, in each d2i_X509. This hands the process the default provider
// with the key types that nobody here uses left out of that list.
#pragma once

#include "base/err.h"

// Call once, first thing in main(), before any other use of OpenSSL and any thread. Kept: EC, RSA,
// RSA-PSS, X25519, Ed25519 and everything that is not a key type. On failure the ordinary default
// provider serves.
enum err pki_use_fast_decoders(void);

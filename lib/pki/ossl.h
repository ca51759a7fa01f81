// SPDX-License-Identifier: Apache-2.0
// AUTO() for OpenSSL's own types, and its error queue in words.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/err.h"

static inline void
x509_stack_free(STACK_OF(X509) * stack)
{
	sk_X509_pop_free(stack, X509_free);
}

AUTO_DEFINE(EVP_PKEY *, EVP_PKEY_free)
AUTO_DEFINE(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
AUTO_DEFINE(EVP_MD_CTX *, EVP_MD_CTX_free)
AUTO_DEFINE(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)
AUTO_DEFINE(X509 *, X509_free)
AUTO_DEFINE(X509_REQ *, X509_REQ_free)
AUTO_DEFINE(X509_STORE *, X509_STORE_free)
AUTO_DEFINE(X509_STORE_CTX *, X509_STORE_CTX_free)
AUTO_DEFINE(STACK_OF(X509) *, x509_stack_free)
AUTO_DEFINE(GENERAL_NAMES *, GENERAL_NAMES_free)
AUTO_DEFINE(BIO *, BIO_free_all)
AUTO_DEFINE(BIGNUM *, BN_free)
AUTO_DEFINE(BIGNUM *, BN_clear_free)

// Empties OpenSSL's error queue of this thread; the first reason goes into why behind `what`.
enum err ossl_fail(struct why *why, enum err err, const char *what);

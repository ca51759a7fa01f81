// SPDX-License-Identifier: Apache-2.0
// Keys. Generation is for P-256, the curve of the whole flow; reading and comparing works for every
// type that OpenSSL knows. An EVP_PKEY may be used by several threads at once; generation keeps
// its context per thread.
#pragma once

#include "base/buf.h"
#include "base/secret.h"
#include "pki/ossl.h"

enum {
	SHA256_BYTES = 32,
	P256_SCALAR_BYTES = 32,
	P256_POINT_BYTES = 65,	 // SEC 1 section 2.3.3, uncompressed: 04 || x || y
	P256_SIG_MAX_BYTES = 72, // DER ECDSA-Sig-Value
};

// A new P-256 private key; the caller owns *out.
enum err ERR_MUST_CHECK key_generate(EVP_PKEY **out);

// An unencrypted private key in PEM: PKCS#8, or the older SEC 1 / PKCS#1 forms. ERR_SYNTAX with
// why.
enum err ERR_MUST_CHECK key_from_pem(EVP_PKEY **out, struct bytes pem, struct why *why);
// PKCS#8 PEM (RFC 5958), unencrypted; wiped with the secret.
enum err ERR_MUST_CHECK key_to_pem(struct secret *out, const EVP_PKEY *key);

// SubjectPublicKeyInfo DER (RFC 5280 section 4.1.2.7), appended.
enum err ERR_MUST_CHECK key_public_to_der(struct buf *out, const EVP_PKEY *key);
enum err ERR_MUST_CHECK key_public_from_der(EVP_PKEY **out, struct bytes spki, struct why *why);
// SHA-256 of that DER.
enum err ERR_MUST_CHECK key_public_sha256(uint8_t out[static SHA256_BYTES], const EVP_PKEY *key);
// True when the public halves are the same key.
bool key_public_equal(const EVP_PKEY *a, const EVP_PKEY *b);

bool key_is_p256(const EVP_PKEY *key);
// The public point of a P-256 key. ERR_UNSUPPORTED for another type.
enum err ERR_MUST_CHECK key_p256_point(uint8_t out[static P256_POINT_BYTES], const EVP_PKEY *key);
// The private scalar; the caller cleanses out. ERR_INPUT when the key is public only.
enum err ERR_MUST_CHECK key_p256_scalar(uint8_t out[static P256_SCALAR_BYTES], const EVP_PKEY *key);
// A key from its point and scalar (NULL: public only). ERR_CRYPTO when the point is not on the
// curve or does not belong to the scalar.
enum err ERR_MUST_CHECK key_p256_from_raw(EVP_PKEY **out,
					  const uint8_t point[static P256_POINT_BYTES],
					  const uint8_t *scalar);

// ECDSA-SHA256 over data with a P-256 key. out: DER ECDSA-Sig-Value, *n its length.
enum err ERR_MUST_CHECK key_p256_sign(uint8_t out[static P256_SIG_MAX_BYTES], size_t *n,
				      EVP_PKEY *key, struct bytes data);
// ERR_CRYPTO when the signature is not by this key.
enum err ERR_MUST_CHECK key_p256_verify(EVP_PKEY *key, struct bytes data, struct bytes der_sig);

// SHA-256 in one call.
enum err ERR_MUST_CHECK sha256(uint8_t out[static SHA256_BYTES], struct bytes data);

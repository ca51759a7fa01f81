// SPDX-License-Identifier: Apache-2.0
// Reading certificates and their PEM.
#include <stdio.h>

#include "base/encode.h"
#include "pki/cert.h"
#include "pki/name.h"

enum {
	CERT_PEM_MAX = 1024 * 1024, // a bundle of many roots
	CERT_CHAIN_MAX = 1000,
	SECONDS_PER_DAY = 86400,
};

static enum err
x509_to_pem(struct buf *out, const X509 *cert)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	if (n < 0)
		return ossl_fail(NULL, ERR_CRYPTO, "certificate");
	enum err err = pem_write(out, "CERTIFICATE", BYTES(der, (size_t)n));
	OPENSSL_free(der);
	return err;
}

enum err
cert_to_pem(struct buf *out, const X509 *cert)
{
	return x509_to_pem(out, cert);
}

enum err
cert_chain_to_pem(struct buf *out, const STACK_OF(X509) * chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		TRY(x509_to_pem(out, sk_X509_value(chain, i)));
	return ERR_OK;
}

static bool
is_certificate_label(struct bytes label)
{
	return bytes_is(label, "CERTIFICATE") || bytes_is(label, "X509 CERTIFICATE");
}

static enum err
decode_certificate(X509 **out, struct bytes der, struct why *why)
{
	const unsigned char *p = der.p;
	AUTO(X509_free) X509 *cert = d2i_X509(NULL, &p, (long)der.n);
	if (!cert)
		return ossl_fail(why, ERR_SYNTAX, "not a certificate");
	if (p != der.p + der.n)
		return why_set(why, ERR_SYNTAX, "certificate: bytes left over");
	*out = STEAL(cert);
	return ERR_OK;
}

// The next certificate of *pem; ERR_NOT_FOUND when there is none.
static enum err
next_certificate(X509 **out, struct pem_block *block, struct bytes *pem, struct why *why)
{
	for (;;) {
		enum err err = pem_next(block, pem);
		if (err == ERR_SYNTAX)
			return why_set(why, err,
				       "certificate PEM is cut off or its base64 is damaged");
		if (err)
			return err;
		if (is_certificate_label(block->label))
			return decode_certificate(out, buf_bytes(&block->der), why);
	}
}

static enum err
check_pem_size(struct bytes pem, struct why *why)
{
	if (pem.n > CERT_PEM_MAX)
		return why_set(why, ERR_SYNTAX, "certificate PEM is larger than %d bytes",
			       CERT_PEM_MAX);
	return ERR_OK;
}

enum err
cert_from_pem(X509 **out, struct bytes pem, struct why *why)
{
	*out = NULL;
	TRY(check_pem_size(pem, why));
	struct pem_block block = {0};
	buf_init(&block.der, CERT_PEM_MAX);
	enum err err = next_certificate(out, &block, &pem, why);
	buf_fini(&block.der);
	if (err == ERR_NOT_FOUND)
		return why_set(why, ERR_SYNTAX, "no certificate in PEM found");
	return err;
}

enum err
cert_chain_from_pem(STACK_OF(X509) * *out, struct bytes pem, struct why *why)
{
	*out = NULL;
	TRY(check_pem_size(pem, why));
	AUTO(x509_stack_free) STACK_OF(X509) *chain = sk_X509_new_null();
	if (!chain)
		return why_set(why, ERR_NOMEM, "out of memory");
	struct pem_block block = {0};
	buf_init(&block.der, CERT_PEM_MAX);
	enum err err = ERR_OK;
	while (!err && sk_X509_num(chain) < CERT_CHAIN_MAX) {
		X509 *cert = NULL;
		err = next_certificate(&cert, &block, &pem, why);
		if (!err && sk_X509_push(chain, cert) == 0) {
			X509_free(cert);
			err = why_set(why, ERR_NOMEM, "out of memory");
		}
	}
	buf_fini(&block.der);
	if (!err)
		return why_set(why, ERR_SYNTAX, "more than %d certificates", CERT_CHAIN_MAX);
	if (err != ERR_NOT_FOUND)
		return err;
	if (sk_X509_num(chain) == 0)
		return why_set(why, ERR_SYNTAX, "no certificate in PEM found");
	*out = STEAL(chain);
	return ERR_OK;
}

enum err
cert_sha256(uint8_t out[static SHA256_BYTES], const X509 *cert)
{
	unsigned n = SHA256_BYTES;
	if (X509_digest(cert, EVP_sha256(), out, &n) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "certificate digest");
	return ERR_OK;
}

enum err
cert_fingerprint(char out[static CERT_FINGERPRINT_CHARS + 1], const X509 *cert)
{
	uint8_t hash[SHA256_BYTES];
	TRY(cert_sha256(hash, cert));
	hex_encode(out, BYTES(hash, sizeof(hash)));
	return ERR_OK;
}

enum err
cert_serial(char out[static CERT_SERIAL_CHARS + 1], const X509 *cert)
{
	AUTO(BN_free) BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *digits = n ? BN_bn2dec(n) : NULL;
	if (!digits)
		return ossl_fail(NULL, ERR_NOMEM, "serial");
	bool fits = strlen(digits) <= CERT_SERIAL_CHARS;
	if (fits)
		snprintf(out, CERT_SERIAL_CHARS + 1, "%s", digits);
	OPENSSL_free(digits);
	return fits ? ERR_OK : ERR_TOO_LARGE;
}

enum err
cert_cn(char **out, const X509 *cert)
{
	const unsigned char *der;
	size_t n;
	size_t n_cn;
	*out = NULL;
	if (X509_NAME_get0_der(X509_get_subject_name(cert), &der, &n) != 1)
		return ossl_fail(NULL, ERR_SYNTAX, "subject");
	return name_read_cn(out, &n_cn, BYTES(der, n));
}

enum err
cert_sans(struct san_list *out, const X509 *cert)
{
	int at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);
	if (at < 0)
		return ERR_OK;
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
	return san_list_from_der(out, BYTES(value->data, (size_t)value->length));
}

AUTO_DEFINE(ASN1_TIME *, ASN1_TIME_free)

static enum err
unix_time(int64_t *out, const ASN1_TIME *time)
{
	int days;
	int seconds;
	AUTO(ASN1_TIME_free) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	if (!epoch || ASN1_TIME_diff(&days, &seconds, epoch, time) != 1)
		return ossl_fail(NULL, ERR_SYNTAX, "certificate time");
	*out = (int64_t)days * SECONDS_PER_DAY + seconds;
	return ERR_OK;
}

enum err
cert_validity(int64_t *not_before, int64_t *not_after, const X509 *cert)
{
	TRY(unix_time(not_before, X509_get0_notBefore(cert)));
	return unix_time(not_after, X509_get0_notAfter(cert));
}

bool
cert_is_valid_at(const X509 *cert, int64_t now)
{
	int64_t from;
	int64_t until;
	return cert_validity(&from, &until, cert) == ERR_OK && from <= now && now <= until;
}

bool
cert_matches_key(const X509 *cert, const EVP_PKEY *key)
{
	return key_public_equal(X509_get0_pubkey(cert), key);
}

enum err
cert_public_sha256(uint8_t out[static SHA256_BYTES], const X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	if (!key)
		return ossl_fail(NULL, ERR_SYNTAX, "certificate's public key");
	return key_public_sha256(out, key);
}

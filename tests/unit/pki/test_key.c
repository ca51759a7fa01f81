// SPDX-License-Identifier: Apache-2.0
#include "pki_fixture.h"

#include <openssl/pem.h>

Test(key, generates_different_p256_keys)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *a = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *b = NULL;
	cr_assert(key_generate(&a) == ERR_OK);
	cr_assert(key_generate(&b) == ERR_OK);
	cr_expect(key_is_p256(a) && key_is_p256(b));
	cr_expect(key_public_equal(a, a));
	cr_expect(not(key_public_equal(a, b)));
}

Test(key, pem_round_trips_and_openssl_reads_it)
{
	SECRET_AUTO struct secret pem = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *again = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(key_to_pem(&pem, key) == ERR_OK);
	cr_assert(key_from_pem(&again, BYTES(pem.text, pem.n), NULL) == ERR_OK);
	cr_expect(key_public_equal(key, again));
	AUTO(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.text, (int)pem.n);
	AUTO(EVP_PKEY_free) EVP_PKEY *openssl = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	cr_assert(openssl != NULL);
	uint8_t ours[P256_SCALAR_BYTES];
	uint8_t theirs[P256_SCALAR_BYTES];
	cr_assert(key_p256_scalar(ours, key) == ERR_OK);
	cr_assert(key_p256_scalar(theirs, openssl) == ERR_OK);
	cr_expect(memcmp(ours, theirs, sizeof(ours)) == 0);
}

// The bytes must be those that OpenSSL writes, so that a diff of two flashes means something.
Test(key, pem_is_what_openssl_writes)
{
	SECRET_AUTO struct secret pem = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(key_to_pem(&pem, key) == ERR_OK);
	AUTO(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
	cr_assert(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	cr_expect(bytes_equal(BYTES(pem.text, pem.n), BYTES(text, n)));
}

Test(key, other_types_round_trip)
{
	SECRET_AUTO struct secret pem = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	AUTO(EVP_PKEY_free) EVP_PKEY *again = NULL;
	cr_assert(key_to_pem(&pem, key) == ERR_OK);
	cr_assert(key_from_pem(&again, BYTES(pem.text, pem.n), NULL) == ERR_OK);
	cr_expect(key_public_equal(key, again));
	cr_expect(not(key_is_p256(key)));
}

Test(key, refuses_damaged_pem_at_every_length)
{
	SECRET_AUTO struct secret pem = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(key_to_pem(&pem, key) == ERR_OK);
	for (size_t n = 0; n + 1 < pem.n; n++) {
		struct why why = {0};
		EVP_PKEY *got = NULL;
		char *cut = strndup(pem.text, n);
		cr_expect(key_from_pem(&got, BYTES(cut, n), &why) == ERR_SYNTAX, "length %zu", n);
		cr_expect(got == NULL && why.text[0], "length %zu", n);
		free(cut);
	}
}

Test(key, refuses_a_point_that_is_not_the_keys)
{
	uint8_t point[P256_POINT_BYTES];
	uint8_t scalar[P256_SCALAR_BYTES];
	AUTO(EVP_PKEY_free) EVP_PKEY *a = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *b = NULL;
	EVP_PKEY *got = NULL;
	cr_assert(key_generate(&a) == ERR_OK);
	cr_assert(key_generate(&b) == ERR_OK);
	cr_assert(key_p256_point(point, a) == ERR_OK);
	cr_assert(key_p256_scalar(scalar, b) == ERR_OK);
	cr_expect(key_p256_from_raw(&got, point, scalar) == ERR_CRYPTO);
	point[64] ^= 1;
	cr_expect(key_p256_from_raw(&got, point, NULL) == ERR_CRYPTO);
	cr_expect(got == NULL);
}

Test(key, an_encrypted_key_is_refused_without_asking_anybody)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "pw", 2, NULL, NULL) ==
		  1);
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	struct why why = {0};
	EVP_PKEY *got = NULL;
	cr_expect(key_from_pem(&got, BYTES(text, n), &why) == ERR_SYNTAX);
	cr_expect(strstr(why.text, "unencrypted") != NULL, "%s", why.text);
}

Test(key, public_hash_is_that_of_openssls_der)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *again = NULL;
	BUF_AUTO struct buf ours;
	buf_init(&ours, 1000);
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(key_public_to_der(&ours, key) == ERR_OK);
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	cr_expect(bytes_equal(buf_bytes(&ours), BYTES(der, n)));
	cr_assert(key_public_from_der(&again, buf_bytes(&ours), NULL) == ERR_OK);
	cr_expect(key_public_equal(key, again));
	EVP_PKEY *none = NULL;
	cr_expect(key_public_from_der(&none, BYTES(der, n - 1), NULL) == ERR_SYNTAX);
	cr_expect(none == NULL);
	OPENSSL_free(der);
}

Test(key, signatures_verify_only_for_their_data_and_key)
{
	uint8_t sig[P256_SIG_MAX_BYTES];
	size_t n;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(key_generate(&other) == ERR_OK);
	cr_assert(key_p256_sign(sig, &n, key, BYTES_STR("data")) == ERR_OK);
	cr_expect(key_p256_verify(key, BYTES_STR("data"), BYTES(sig, n)) == ERR_OK);
	cr_expect(key_p256_verify(key, BYTES_STR("Data"), BYTES(sig, n)) == ERR_CRYPTO);
	cr_expect(key_p256_verify(other, BYTES_STR("data"), BYTES(sig, n)) == ERR_CRYPTO);
	cr_expect(key_p256_verify(key, BYTES_STR("data"), BYTES(sig, n - 1)) == ERR_CRYPTO);
}

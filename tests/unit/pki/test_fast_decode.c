// SPDX-License-Identifier: Apache-2.0
// Under the shortened provider everything that the flow uses still works, and what was left out is
// gone.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "pki/csr.h"
#include "pki/fast_decode.h"
#include "pki/jose.h"

static void
setup(void)
{
	cr_assert(pki_use_fast_decoders() == ERR_OK);
}

TestSuite(fast_decode, .init = setup);

// Writes a key's public half as SubjectPublicKeyInfo and its private half as PKCS#8; reads both.
static void
survives_text(EVP_PKEY *key, const char *name)
{
	BUF_AUTO struct buf spki;
	SECRET_AUTO struct secret pem = SECRET_NONE;
	EVP_PKEY *public_key = NULL, *private_key = NULL;
	cr_assert(key != NULL, "%s cannot be generated", name);
	buf_init(&spki, 8192);
	cr_assert(key_public_to_der(&spki, key) == ERR_OK, "%s", name);
	cr_assert(key_public_from_der(&public_key, buf_bytes(&spki), NULL) == ERR_OK, "%s", name);
	cr_assert(key_to_pem(&pem, key) == ERR_OK, "%s", name);
	cr_assert(key_from_pem(&private_key, BYTES(pem.text, pem.n), NULL) == ERR_OK, "%s", name);
	cr_assert(key_public_equal(public_key, private_key), "%s", name);
	EVP_PKEY_free(public_key);
	EVP_PKEY_free(private_key);
	EVP_PKEY_free(key);
}

Test(fast_decode, keys_of_the_flow_are_read)
{
	survives_text(EVP_EC_gen("P-256"), "P-256");
	survives_text(EVP_EC_gen("P-384"), "P-384");
	survives_text(EVP_RSA_gen(2048), "RSA");
	survives_text(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "Ed25519");
	survives_text(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), "X25519");
}

Test(fast_decode, other_key_types_are_gone)
{
	cr_assert(EVP_PKEY_Q_keygen(NULL, NULL, "ED448") == NULL);
	cr_assert(EVP_KEYMGMT_fetch(NULL, "DSA", NULL) == NULL);
}

Test(fast_decode, jose_and_tls_find_their_algorithms)
{
	static const char *const needed_ciphers[] = {"AES-128-WRAP", "AES-256-GCM", "AES-128-GCM",
						     "ChaCha20-Poly1305"};
	for (size_t i = 0; i < N_ELEMENTS(needed_ciphers); i++) {
		EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, needed_ciphers[i], NULL);
		cr_assert(cipher != NULL, "%s", needed_ciphers[i]);
		EVP_CIPHER_free(cipher);
	}
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
	cr_assert(kdf != NULL);
	EVP_KDF_free(kdf);
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	cr_assert(ctx != NULL);
	cr_assert(eq(int, SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384"), 1));
	SSL_CTX_free(ctx);
}

Test(fast_decode, a_csr_is_made_and_checked)
{
	EVP_PKEY *key = NULL;
	AUTO(csr_free) struct csr *csr = NULL;
	BUF_AUTO struct buf pem;
	buf_init(&pem, 8192);
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(csr_create_pem(&pem, key, &(struct csr_options){.cn = "dev-1"}) == ERR_OK);
	cr_assert(csr_open_for_device(&csr, buf_bytes(&pem), "dev-1", NULL) == ERR_OK);
	EVP_PKEY_free(key);
}

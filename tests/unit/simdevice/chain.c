// SPDX-License-Identifier: Apache-2.0
#include "chain.h"

#include <criterion/criterion.h>

#define DAY ((int64_t)24 * 3600)

static struct cert_ca *
make_ca(X509 **cert, struct cert_ca *issuer, const char *cn, int path_len)
{
	EVP_PKEY *key = NULL;
	struct cert_ca *ca = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	struct cert_template t = {.cn = cn,
				  .key = key,
				  .not_before = CHAIN_NOW - DAY,
				  .not_after = CHAIN_NOW + 1000 * DAY,
				  .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
				  .is_ca = true,
				  .path_len = path_len};
	cr_assert((issuer ? cert_issue(cert, issuer, &t) : cert_issue_root(cert, &t)) == ERR_OK);
	cr_assert(cert_ca_new(&ca, *cert, key, NULL) == ERR_OK);
	EVP_PKEY_free(key);
	return ca;
}

static char *
pem_of(const X509 *a, const X509 *b)
{
	struct buf pem;
	buf_init(&pem, 65536);
	cr_assert(cert_to_pem(&pem, a) == ERR_OK);
	if (b)
		cr_assert(cert_to_pem(&pem, b) == ERR_OK);
	return buf_steal_str(&pem);
}

void
chain_init(struct chain *c)
{
	X509 *ica_cert = NULL, *sub_cert = NULL;
	struct cert_ca *root = make_ca(&c->root, NULL, "Provider Root CA", 2);
	struct cert_ca *ica = make_ca(&ica_cert, root, "Provider Intermediate CA", 1);
	c->sub = make_ca(&sub_cert, ica, "Tenant Sub-CA", 0);
	c->issuers_pem = pem_of(sub_cert, ica_cert);
	c->root_pem = pem_of(c->root, NULL);
	cr_assert(key_generate(&c->device_key) == ERR_OK);
	X509_free(ica_cert);
	X509_free(sub_cert);
	cert_ca_free(root);
	cert_ca_free(ica);
}

void
chain_fini(struct chain *c)
{
	EVP_PKEY_free(c->device_key);
	X509_free(c->root);
	cert_ca_free(c->sub);
	free(c->issuers_pem);
	free(c->root_pem);
}

char *
chain_issue(struct chain *c, const char *cn, EVP_PKEY *key)
{
	AUTO(X509_free) X509 *leaf = NULL;
	struct cert_template t = {.cn = cn,
				  .key = key,
				  .not_before = CHAIN_NOW - 60,
				  .not_after = CHAIN_NOW + DAY,
				  .key_usage = KU_DIGITAL_SIGNATURE,
				  .ext_key_usage = XKU_SSL_SERVER | XKU_SSL_CLIENT};
	cr_assert(cert_issue(&leaf, c->sub, &t) == ERR_OK);
	struct buf pem;
	buf_init(&pem, 65536);
	cr_assert(cert_to_pem(&pem, leaf) == ERR_OK);
	cr_assert(buf_append_str(&pem, c->issuers_pem) == ERR_OK);
	return buf_steal_str(&pem);
}

char *
chain_ca_chain(const struct chain *c)
{
	struct buf pem;
	buf_init(&pem, 65536);
	cr_assert(buf_append_str(&pem, c->issuers_pem) == ERR_OK);
	cr_assert(buf_append_str(&pem, c->root_pem) == ERR_OK);
	return buf_steal_str(&pem);
}

// SPDX-License-Identifier: Apache-2.0
// Real handshakes in memory: what was verified once is known, anything else is verified, what is
// wrong stays wrong.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "chain.h"
#include "verify_cache.h"

struct ends {
	SSL_CTX *client;
	SSL_CTX *server;
	struct chain chain;
};

static struct ends e;

static void
set_server_identity(struct chain *issuer, const char *cn)
{
	AUTO(free) char *pem = chain_issue(issuer, cn, issuer->device_key);
	AUTO(x509_stack_free) STACK_OF(X509) *certs = NULL;
	cr_assert(eq(int, cert_chain_from_pem(&certs, BYTES_STR(pem), NULL), ERR_OK));
	cr_assert(eq(int, SSL_CTX_use_certificate(e.server, sk_X509_value(certs, 0)), 1));
	cr_assert(eq(int, SSL_CTX_use_PrivateKey(e.server, issuer->device_key), 1));
	SSL_CTX_clear_chain_certs(e.server);
	for (int i = 1; i < sk_X509_num(certs); i++)
		cr_assert(eq(int, (int)SSL_CTX_add1_chain_cert(e.server, sk_X509_value(certs, i)),
			     1));
}

static void
setup(void)
{
	chain_init(&e.chain);
	e.client = SSL_CTX_new(TLS_client_method());
	e.server = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_verify(e.client, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(e.client), (time_t)CHAIN_NOW);
	cr_assert(eq(int, X509_STORE_add_cert(SSL_CTX_get_cert_store(e.client), e.chain.root), 1));
	cr_assert(eq(int, verify_cache_attach(e.client), ERR_OK));
	set_server_identity(&e.chain, "broker");
}

static void
teardown(void)
{
	SSL_CTX_free(e.client);
	SSL_CTX_free(e.server);
	chain_fini(&e.chain);
}

TestSuite(verify_cache, .init = setup, .fini = teardown);

// True when both ends finish. host: what the client insists on, or NULL.
static bool
handshake(const char *host)
{
	SSL *client = SSL_new(e.client), *server = SSL_new(e.server);
	BIO *a = NULL, *b = NULL;
	cr_assert(eq(int, BIO_new_bio_pair(&a, 0, &b, 0), 1));
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	if (host)
		cr_assert(eq(int, SSL_set1_host(client, host), 1));
	int done = 0;
	for (int i = 0; i < 10 && done != 1; i++) {
		done = SSL_connect(client);
		(void)SSL_accept(server);
	}
	bool ok = done == 1 && SSL_get_verify_result(client) == X509_V_OK;
	SSL_free(client);
	SSL_free(server);
	ERR_clear_error();
	return ok;
}

static void
expect_counts(unsigned long known, unsigned long verified)
{
	unsigned long k, v;
	verify_cache_counts(e.client, &k, &v);
	cr_expect(eq(ulong, k, known));
	cr_expect(eq(ulong, v, verified));
}

Test(verify_cache, the_same_chain_is_verified_once)
{
	for (int i = 0; i < 5; i++)
		cr_expect(handshake(NULL));
	expect_counts(4, 1);
}

Test(verify_cache, a_new_certificate_is_verified)
{
	cr_expect(handshake(NULL));
	set_server_identity(&e.chain, "broker");
	cr_expect(handshake(NULL));
	expect_counts(0, 2);
}

Test(verify_cache, a_foreign_chain_is_refused_before_and_after)
{
	struct chain other = {0};
	chain_init(&other);
	cr_expect(handshake(NULL));
	set_server_identity(&other, "broker");
	cr_expect(not(handshake(NULL)));
	cr_expect(not(handshake(NULL)), "a refusal is not remembered as anything good");
	set_server_identity(&e.chain, "broker");
	cr_expect(handshake(NULL));
	chain_fini(&other);
}

Test(verify_cache, another_host_is_another_question)
{
	cr_expect(handshake(NULL));
	cr_expect(not(handshake("elsewhere")), "the certificate names no such host");
	expect_counts(0, 2);
}

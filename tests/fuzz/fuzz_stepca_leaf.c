// SPDX-License-Identifier: Apache-2.0
// A certificate that a CA answered, and its issuer, in PEM: what the short check accepts, OpenSSL
// must read and accept the same way. The short check may refuse what OpenSSL takes.
#include "fuzz.h"
#include "pki/cert.h"
#include "stepca/leaf.h"

static enum err
der_of(struct buf *out, X509 *cert)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	enum err err = n > 0 ? buf_append(out, der, (size_t)n) : ERR_SYNTAX;
	OPENSSL_free(der);
	return err;
}

static void
check_leaf(X509 *leaf, X509 *issuer, struct bytes der)
{
	struct known_issuer known = {0};
	struct leaf_facts facts;
	SAN_LIST_AUTO struct san_list sans;
	AUTO(free) char *cn = NULL;
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	int64_t not_before;
	int64_t not_after;
	san_list_init(&sans);
	if (!key || cert_cn(&cn, leaf) != ERR_OK || !cn || cert_sans(&sans, leaf) != ERR_OK ||
	    known_issuer_set(&known, issuer) != ERR_OK)
		return;
	if (leaf_is_for(&facts, der, &known, key, cn, &sans)) {
		FUZZ_CHECK(X509_verify(leaf, X509_get0_pubkey(issuer)) == 1);
		FUZZ_CHECK(cert_validity(&not_before, &not_after, leaf) == ERR_OK);
		FUZZ_CHECK(facts.not_before == not_before && facts.not_after == not_after);
		FUZZ_CHECK(facts.serial_n <= LEAF_SERIAL_MAX && key_is_p256(key));
		FUZZ_CHECK(!leaf_is_for(&facts, der, &known, key, "someone-else", &sans));
		FUZZ_CHECK(!leaf_is_for(&facts, der, &known, X509_get0_pubkey(issuer), cn, &sans));
	}
	known_issuer_fini(&known);
}

static void
read_times(struct bytes in)
{
	int64_t s;
	uint8_t tag = fuzz_take_u8(&in);
	if (leaf_read_time(&s, tag, in) == ERR_OK)
		FUZZ_CHECK(in.n == 13 || in.n == 15);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes pem = BYTES(data, size);
	AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
	BUF_AUTO struct buf der;
	buf_init(&der, 1024 * 1024);
	read_times(pem);
	if (cert_chain_from_pem(&chain, pem, NULL) != ERR_OK || sk_X509_num(chain) < 2)
		return 0;
	X509 *leaf = sk_X509_value(chain, 0);
	if (der_of(&der, leaf) == ERR_OK)
		check_leaf(leaf, sk_X509_value(chain, 1), buf_bytes(&der));
	return 0;
}

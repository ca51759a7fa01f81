// SPDX-License-Identifier: Apache-2.0
// The short reader of leaves against certificates that OpenSSL reads too.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "pki/cert.h"
#include "stepca/leaf.h"

enum { NOW = 1700000000 };

static struct {
	EVP_PKEY *ca_key;
	X509 *ca_cert;
	struct cert_ca *ca;
	struct known_issuer issuer;
	EVP_PKEY *key;
	struct san_list sans;
	struct buf der;
} b;

static void
setup(void)
{
	cr_assert(key_generate(&b.ca_key) == ERR_OK);
	cr_assert(key_generate(&b.key) == ERR_OK);
	struct cert_template t = {
		.cn = "Issuing CA",
		.key = b.ca_key,
		.not_before = NOW - 100,
		.not_after = NOW + 100000,
		.is_ca = true,
		.path_len = -1,
	};
	cr_assert(cert_issue_root(&b.ca_cert, &t) == ERR_OK);
	cr_assert(cert_ca_new(&b.ca, b.ca_cert, b.ca_key, NULL) == ERR_OK);
	cr_assert(known_issuer_set(&b.issuer, b.ca_cert) == ERR_OK);
	cr_assert(b.issuer.key != NULL);
	san_list_init(&b.sans);
	cr_assert(san_list_add(&b.sans, SAN_DNS, "dev-1") == ERR_OK);
	buf_init(&b.der, 64 * 1024);
}

static void
teardown(void)
{
	buf_fini(&b.der);
	san_list_fini(&b.sans);
	known_issuer_fini(&b.issuer);
	cert_ca_free(b.ca);
	X509_free(b.ca_cert);
	EVP_PKEY_free(b.ca_key);
	EVP_PKEY_free(b.key);
}

TestSuite(leaf, .init = setup, .fini = teardown);

static struct cert_template
plain(void)
{
	return (struct cert_template){
		.cn = "dev-1",
		.key = b.key,
		.not_before = NOW - 60,
		.not_after = NOW + 86400,
		.sans = &b.sans,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = XKU_SSL_CLIENT,
	};
}

static bool
accepted(struct leaf_facts *facts)
{
	return leaf_is_for(facts, buf_bytes(&b.der), &b.issuer, b.key, "dev-1", &b.sans);
}

static bool
issued_is_accepted(const struct cert_template *t, const struct cert_ca *ca)
{
	struct leaf_facts facts;
	buf_clear(&b.der);
	cr_assert(cert_issue_der(&b.der, ca, t) == ERR_OK);
	return accepted(&facts);
}

Test(leaf, facts_are_those_that_openssl_reads)
{
	struct leaf_facts facts;
	struct cert_template t = plain();
	cr_assert(cert_issue_der(&b.der, b.ca, &t) == ERR_OK);
	cr_assert(accepted(&facts));
	const unsigned char *p = b.der.data;
	AUTO(X509_free) X509 *cert = d2i_X509(NULL, &p, (long)b.der.len);
	AUTO(BN_free) BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	AUTO(BN_free) BIGNUM *got = BN_bin2bn(facts.serial, (int)facts.serial_n, NULL);
	cr_expect(eq(int, BN_cmp(serial, got), 0));
	cr_expect(eq(i64, facts.not_before, NOW - 60));
	cr_expect(eq(i64, facts.not_after, NOW + 86400));
}

Test(leaf, anything_else_is_left_to_the_long_way)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	SAN_LIST_AUTO struct san_list more;
	static const uint8_t unknown_oid[] = {0x2a, 0x03};
	const struct cert_extension critical = {
		.oid = BYTES(unknown_oid, 2), .critical = true, .value = BYTES("\x05\x00", 2)};
	const struct cert_extension harmless = {
		.oid = BYTES(unknown_oid, 2), .critical = false, .value = BYTES("\x05\x00", 2)};
	san_list_init(&more);
	cr_assert(san_list_add(&more, SAN_DNS, "dev-1") == ERR_OK);
	cr_assert(san_list_add(&more, SAN_DNS, "dev-2") == ERR_OK);
	cr_assert(key_generate(&other) == ERR_OK);
	struct cert_template t = plain();
	t.extra = &harmless;
	t.n_extra = 1;
	cr_expect(issued_is_accepted(&t, b.ca));
	t.extra = &critical;
	cr_expect(issued_is_accepted(&t, b.ca) == false, "critical extension");
	t = plain();
	t.key = other;
	cr_expect(issued_is_accepted(&t, b.ca) == false, "other key");
	t = plain();
	t.cn = "dev-2";
	cr_expect(issued_is_accepted(&t, b.ca) == false, "other name");
	t = plain();
	t.sans = &more;
	cr_expect(issued_is_accepted(&t, b.ca) == false, "more names");
	t.sans = NULL;
	cr_expect(issued_is_accepted(&t, b.ca) == false, "no names");
	t = plain();
	t.is_ca = true;
	t.path_len = -1;
	cr_expect(issued_is_accepted(&t, b.ca) == false, "a CA");
}

Test(leaf, same_issuer_name_with_another_key_is_not_the_issuer)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(X509_free) X509 *cert = NULL;
	AUTO(cert_ca_free) struct cert_ca *ca = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	struct cert_template t = {.cn = "Issuing CA",
				  .key = key,
				  .not_before = NOW - 100,
				  .not_after = NOW + 100000,
				  .is_ca = true,
				  .path_len = -1};
	cr_assert(cert_issue_root(&cert, &t) == ERR_OK);
	cr_assert(cert_ca_new(&ca, cert, key, NULL) == ERR_OK);
	t = plain();
	cr_expect(issued_is_accepted(&t, ca) == false);
}

// Whatever bit is wrong, the answer is no: the signature covers everything but itself.
Test(leaf, no_altered_byte_and_no_shorter_text_is_accepted)
{
	struct leaf_facts facts;
	struct cert_template t = plain();
	cr_assert(cert_issue_der(&b.der, b.ca, &t) == ERR_OK);
	for (size_t i = 0; i < b.der.len; i++) {
		b.der.data[i] ^= 0x01;
		cr_expect(accepted(&facts) == false, "byte %zu", i);
		b.der.data[i] ^= 0x01;
	}
	cr_assert(accepted(&facts));
	for (size_t n = b.der.len; n > 0; n--) {
		b.der.len = n - 1;
		cr_expect(accepted(&facts) == false, "%zu bytes", n - 1);
	}
}

Test(leaf_time, is_read_as_the_standard_writes_it)
{
	static const struct {
		uint8_t tag;
		const char *text;
		int64_t seconds;
	} rows[] = {
		{0x17, "700101000000Z",	0		 },
		{0x17, "231114221320Z",	1700000000  },
		{0x17, "491231235959Z",	2524607999  },
		{0x17, "500101000000Z",	-631152000  },
		{0x18, "20240229120000Z", 1709208000  },
		{0x18, "99991231235959Z", 253402300799},
	};
	static const char *const bad[] = {"",
					  "2311142213Z",
					  "231114221320",
					  "231314221320Z",
					  "231100221320Z",
					  "231114241320Z",
					  "231114221360Z",
					  "231114221320+0000",
					  "23111422132 Z"};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t got = 0;
		cr_expect(eq(int, leaf_read_time(&got, rows[i].tag, BYTES_STR(rows[i].text)),
			     ERR_OK));
		cr_expect(eq(i64, got, rows[i].seconds), "%s", rows[i].text);
	}
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		int64_t got = 0;
		cr_expect(leaf_read_time(&got, 0x17, BYTES_STR(bad[i])) != ERR_OK, "%s", bad[i]);
	}
	int64_t got = 0;
	cr_expect(leaf_read_time(&got, 0x04, BYTES_STR("231114221320Z")) != ERR_OK);
}

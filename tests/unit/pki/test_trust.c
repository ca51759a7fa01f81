// SPDX-License-Identifier: Apache-2.0
#include "pki_fixture.h"

#include <ctype.h>

#include "pki/trust.h"

static struct pki p;
static X509 *leaf;
static STACK_OF(X509) * others;
static struct trust *trust;

static void
setup(void)
{
	struct cert_template t;
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	pki_init(&p);
	t = pki_leaf_template(&p, "bridge.example", &sans);
	cr_assert(san_list_add(&sans, SAN_IP, "127.0.0.1") == ERR_OK);
	cr_assert(cert_issue(&leaf, p.sub_ca, &t) == ERR_OK);
	others = sk_X509_new_null();
	X509_up_ref(p.sub);
	sk_X509_push(others, p.sub);
	cr_assert(trust_new_from_cert(&trust, p.root) == ERR_OK);
}

static void
teardown(void)
{
	trust_free(trust);
	x509_stack_free(others);
	X509_free(leaf);
	pki_fini(&p);
}

TestSuite(trust, .init = setup, .fini = teardown);

Test(trust, a_good_chain_verifies)
{
	struct why why = {0};
	cr_expect(trust_verify(trust, leaf, others, NOW, TRUST_SERVER, &why) == ERR_OK, "%s",
		  why.text);
	cr_expect(trust_verify(trust, leaf, others, NOW, TRUST_CLIENT, &why) == ERR_OK);
}

Test(trust, anchors_come_from_pem)
{
	BUF_AUTO struct buf pem;
	buf_init(&pem, DATA_MAX);
	cr_assert(cert_to_pem(&pem, p.sub) == ERR_OK);
	AUTO(trust_free) struct trust *t = NULL;
	cr_assert(trust_new(&t, buf_bytes(&pem), NULL) == ERR_OK);
	// A sub-CA alone is anchor enough.
	cr_expect(trust_verify(t, leaf, NULL, NOW, TRUST_ANY, NULL) == ERR_OK);
	struct why why = {0};
	struct trust *none = NULL;
	cr_expect(trust_new(&none, BYTES_STR("nothing"), &why) == ERR_SYNTAX);
	cr_expect(eq(str, why.text, "trust anchors: no certificate in PEM found"));
}

Test(trust, failures_come_in_openssls_words)
{
	struct pki stranger;
	pki_init(&stranger);
	AUTO(trust_free) struct trust *other = NULL;
	cr_assert(trust_new_from_cert(&other, stranger.root) == ERR_OK);
	const struct {
		const struct trust *t;
		STACK_OF(X509) * untrusted;
		int64_t now;
		const char *want;
	} rows[] = {
		{trust, NULL,   NOW,		   "unable to get local issuer certificate"},
		{other, others, NOW,		     "unable to get local issuer certificate"},
		{trust, others, NOW + 2 * DAY,
		 "certificate has expired (depth 0, /CN=bridge.example)"			},
		{trust, others, NOW - 2 * MINUTE, "certificate is not yet valid"		},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why = {0};
		cr_expect(trust_verify(rows[i].t, leaf, rows[i].untrusted, rows[i].now, TRUST_ANY,
				       &why) == ERR_CRYPTO,
			  "row %zu", i);
		cr_expect(strstr(why.text, rows[i].want) != NULL, "row %zu: %s", i, why.text);
	}
	pki_fini(&stranger);
}

Test(trust, purpose_is_checked)
{
	struct cert_template t = pki_leaf_template(&p, "dev-1", NULL);
	t.ext_key_usage = XKU_SSL_CLIENT;
	AUTO(X509_free) X509 *client = NULL;
	cr_assert(cert_issue(&client, p.sub_ca, &t) == ERR_OK);
	cr_expect(trust_verify(trust, client, others, NOW, TRUST_CLIENT, NULL) == ERR_OK);
	cr_expect(trust_verify(trust, client, others, NOW, TRUST_SERVER, NULL) == ERR_CRYPTO);
}

Test(trust, path_length_is_checked)
{
	// p.sub has path length 0, so no CA may stand below it.
	AUTO(cert_ca_free) struct cert_ca *deep_ca = NULL;
	AUTO(X509_free) X509 *deep = NULL;
	AUTO(X509_free) X509 *deep_leaf = NULL;
	struct cert_template t = pki_leaf_template(&p, "Too deep", NULL);
	t.is_ca = true;
	t.key_usage = KU_KEY_CERT_SIGN;
	cr_assert(cert_issue(&deep, p.sub_ca, &t) == ERR_OK);
	cr_assert(cert_ca_new(&deep_ca, deep, p.leaf_key, NULL) == ERR_OK);
	t = pki_leaf_template(&p, "dev-1", NULL);
	cr_assert(cert_issue(&deep_leaf, deep_ca, &t) == ERR_OK);
	X509_up_ref(deep);
	sk_X509_push(others, deep);
	struct why why = {0};
	cr_expect(trust_verify(trust, deep_leaf, others, NOW, TRUST_ANY, &why) == ERR_CRYPTO);
	cr_expect(strstr(why.text, "path length") != NULL, "%s", why.text);
}

Test(trust, pins_to_root_and_to_sub_ca)
{
	char root_fp[CERT_FINGERPRINT_CHARS + 1];
	char sub_fp[CERT_FINGERPRINT_CHARS + 1];
	char leaf_fp[CERT_FINGERPRINT_CHARS + 1];
	struct why why = {0};
	cr_assert(cert_fingerprint(root_fp, p.root) == ERR_OK);
	cr_assert(cert_fingerprint(sub_fp, p.sub) == ERR_OK);
	cr_assert(cert_fingerprint(leaf_fp, leaf) == ERR_OK);
	cr_expect(trust_verify_pinned(leaf, others, sub_fp, NOW, &why) == ERR_OK, "%s", why.text);
	cr_expect(trust_verify_pinned(leaf, others, root_fp, NOW, &why) == ERR_NOT_FOUND);
	cr_expect(strstr(why.text, root_fp) != NULL);
	X509_up_ref(p.root);
	sk_X509_push(others, p.root);
	cr_expect(trust_verify_pinned(leaf, others, root_fp, NOW, &why) == ERR_OK, "%s", why.text);
	// Case does not matter, length does.
	for (char *c = root_fp; *c; c++)
		*c = (char)toupper(*c);
	cr_expect(trust_verify_pinned(leaf, others, root_fp, NOW, &why) == ERR_OK);
	root_fp[63] = '\0';
	cr_expect(trust_verify_pinned(leaf, others, root_fp, NOW, &why) == ERR_NOT_FOUND);
	// A leaf's own fingerprint is no pin, and a pinned stranger must have signed.
	X509_up_ref(leaf);
	sk_X509_push(others, leaf);
	cr_expect(trust_verify_pinned(leaf, others, leaf_fp, NOW, &why) == ERR_CRYPTO);
	struct pki stranger;
	pki_init(&stranger);
	X509_up_ref(stranger.root);
	sk_X509_push(others, stranger.root);
	cr_assert(cert_fingerprint(root_fp, stranger.root) == ERR_OK);
	cr_expect(trust_verify_pinned(leaf, others, root_fp, NOW, &why) == ERR_CRYPTO);
	pki_fini(&stranger);
}

Test(trust, host_names_and_addresses)
{
	static const struct {
		const char *host;
		bool good;
	} rows[] = {
		{"bridge.example",   true },
		{"BRIDGE.example",   true },
		{"127.0.0.1",	      true },
		{"127.0.0.2",	      false},
		{"other.example",	  false},
		{"x.bridge.example", false},
		{"",		     false},
		{"b\xc3\xbc-cher",   false},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why = {0};
		enum err want = rows[i].good ? ERR_OK : ERR_CRYPTO;
		cr_expect(trust_check_host(leaf, rows[i].host, &why) == want, "%s", rows[i].host);
		cr_expect(rows[i].good || strstr(why.text, rows[i].host));
	}
}

// SPDX-License-Identifier: Apache-2.0
#include "pki_fixture.h"

#include "pki/der.h"

static struct pki p;

static void
setup(void)
{
	pki_init(&p);
}

static void
teardown(void)
{
	pki_fini(&p);
}

TestSuite(cert, .init = setup, .fini = teardown);

static struct bytes
extension_value(const X509 *cert, int at)
{
	const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(X509_get_ext(cert, at));
	return BYTES(v->data, v->length);
}

Test(cert, a_leaf_says_what_was_asked)
{
	SAN_LIST_AUTO struct san_list sans;
	SAN_LIST_AUTO struct san_list got;
	san_list_init(&sans);
	san_list_init(&got);
	struct cert_template t = pki_leaf_template(&p, "dev-1", &sans);
	AUTO(X509_free) X509 *leaf = NULL;
	cr_assert(cert_issue(&leaf, p.sub_ca, &t) == ERR_OK);
	AUTO(free) char *cn = NULL;
	int64_t from = 0;
	int64_t until = 0;
	cr_assert(cert_cn(&cn, leaf) == ERR_OK);
	cr_assert(cert_sans(&got, leaf) == ERR_OK);
	cr_assert(cert_validity(&from, &until, leaf) == ERR_OK);
	cr_expect(eq(str, cn, "dev-1"));
	cr_expect(san_list_equal(&sans, &got));
	cr_expect(eq(i64, from, t.not_before));
	cr_expect(eq(i64, until, t.not_after));
	cr_expect(cert_matches_key(leaf, p.leaf_key));
	cr_expect(not(cert_matches_key(leaf, p.sub_key)));
	cr_expect(X509_verify(leaf, p.sub_key) == 1);
	cr_expect(X509_check_issued(p.sub, leaf) == X509_V_OK);
	cr_expect(X509_get_key_usage(leaf) == KU_DIGITAL_SIGNATURE);
	cr_expect(X509_get_extended_key_usage(leaf) == (XKU_SSL_SERVER | XKU_SSL_CLIENT));
	cr_expect(X509_check_ca(leaf) == 0);
}

Test(cert, validity_includes_both_ends)
{
	struct cert_template t = pki_leaf_template(&p, "dev-1", NULL);
	AUTO(X509_free) X509 *leaf = NULL;
	cr_assert(cert_issue(&leaf, p.sub_ca, &t) == ERR_OK);
	cr_expect(cert_is_valid_at(leaf, t.not_before));
	cr_expect(cert_is_valid_at(leaf, t.not_after));
	cr_expect(not(cert_is_valid_at(leaf, t.not_before - 1)));
	cr_expect(not(cert_is_valid_at(leaf, t.not_after + 1)));
}

Test(cert, times_after_2049_are_written_right)
{
	struct cert_template t = pki_leaf_template(&p, "dev-1", NULL);
	t.not_before = 2524607999; // 2049-12-31T23:59:59Z, the last UTCTime
	t.not_after = 2524608000;
	AUTO(X509_free) X509 *leaf = NULL;
	int64_t from = 0;
	int64_t until = 0;
	cr_assert(cert_issue(&leaf, p.sub_ca, &t) == ERR_OK);
	cr_assert(cert_validity(&from, &until, leaf) == ERR_OK);
	cr_expect(eq(i64, from, t.not_before));
	cr_expect(eq(i64, until, t.not_after));
	cr_expect(X509_get0_notBefore(leaf)->type == V_ASN1_UTCTIME);
	cr_expect(X509_get0_notAfter(leaf)->type == V_ASN1_GENERALIZEDTIME);
}

// The same certificate through OpenSSL's own builder: the signed part must be the same bytes.
Test(cert, is_byte_for_byte_what_openssl_builds)
{
	static const uint8_t serial[CERT_SERIAL_BYTES] = {0xad, 0x86, 1, 2, 3, 4, 5, 6};
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	struct cert_template t = pki_leaf_template(&p, "dev-1", &sans);
	t.serial = serial;
	t.organization = "Example";
	AUTO(X509_free) X509 *ours = NULL;
	cr_assert(cert_issue(&ours, p.sub_ca, &t) == ERR_OK);

	AUTO(X509_free) X509 *x = X509_new();
	AUTO(BN_free) BIGNUM *n = BN_bin2bn(serial, sizeof(serial), NULL);
	X509_set_version(x, X509_VERSION_3);
	BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	ASN1_TIME_set(X509_getm_notBefore(x), t.not_before);
	ASN1_TIME_set(X509_getm_notAfter(x), t.not_after);
	X509_set_pubkey(x, p.leaf_key);
	X509_set_issuer_name(x, X509_get_subject_name(p.sub));
	X509_NAME *name = X509_get_subject_name(x);
	const unsigned char *o = (const unsigned char *)"Example";
	const unsigned char *cn = (const unsigned char *)"dev-1";
	X509_NAME_add_entry_by_txt(name, "O", V_ASN1_PRINTABLESTRING, o, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_PRINTABLESTRING, cn, -1, -1, 0);
	static const struct {
		int nid;
		const char *value;
	} extensions[] = {
		{NID_key_usage,		"critical,digitalSignature"},
		{NID_ext_key_usage,	    "serverAuth,clientAuth"	   },
		{NID_subject_key_identifier,   "hash"			   },
		{NID_authority_key_identifier, "keyid"		      },
		{NID_subject_alt_name,	       "DNS:dev-1"		  },
	};
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, p.sub, x, NULL, NULL, 0);
	for (size_t i = 0; i < N_ELEMENTS(extensions); i++) {
		X509_EXTENSION *e =
			X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
		cr_assert(e != NULL, "extension %zu", i);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	cr_assert(X509_sign(x, p.sub_key, EVP_sha256()) > 0);
	unsigned char *a = NULL;
	unsigned char *b = NULL;
	int n_a = i2d_re_X509_tbs(ours, &a);
	int n_b = i2d_re_X509_tbs(x, &b);
	cr_expect(bytes_equal(BYTES(a, n_a), BYTES(b, n_b)));
	OPENSSL_free(a);
	OPENSSL_free(b);
}

// Against a leaf that the real step-ca issued: same key, serial, times and names give the same
// bytes everywhere but in what depends on the issuer.
Test(cert, is_shaped_like_a_real_step_ca_leaf)
{
	static const uint8_t step_oid[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82,
					   0xa4, 0x64, 0xc6, 0x28, 0x40, 0x01};
	AUTO(free) char *pem = data_read("stepca-chain.pem");
	AUTO(X509_free) X509 *real = NULL;
	cr_assert(cert_from_pem(&real, BYTES_STR(pem), NULL) == ERR_OK);
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	struct cert_template t = pki_leaf_template(&p, "dev-1", &sans);
	t.key = X509_get_pubkey(real);
	cr_assert(cert_validity(&t.not_before, &t.not_after, real) == ERR_OK);
	const struct cert_extension step = {.oid = BYTES(step_oid, sizeof(step_oid)),
					    .value = extension_value(real, 5)};
	t.extra = &step;
	t.n_extra = 1;
	AUTO(X509_free) X509 *ours = NULL;
	cr_assert(cert_issue(&ours, p.sub_ca, &t) == ERR_OK);
	cr_assert(eq(int, X509_get_ext_count(ours), X509_get_ext_count(real)));
	for (int i = 0; i < X509_get_ext_count(real); i++) {
		X509_EXTENSION *a = X509_get_ext(ours, i);
		X509_EXTENSION *b = X509_get_ext(real, i);
		cr_expect(OBJ_cmp(X509_EXTENSION_get_object(a), X509_EXTENSION_get_object(b)) == 0,
			  "extension %d", i);
		cr_expect(X509_EXTENSION_get_critical(a) == X509_EXTENSION_get_critical(b));
		bool is_aki =
			OBJ_obj2nid(X509_EXTENSION_get_object(b)) == NID_authority_key_identifier;
		struct bytes va = extension_value(ours, i);
		struct bytes vb = extension_value(real, i);
		cr_expect(is_aki ? va.n == vb.n : bytes_equal(va, vb), "extension %d", i);
	}
	cr_expect(X509_NAME_cmp(X509_get_subject_name(ours), X509_get_subject_name(real)) == 0);
	EVP_PKEY_free(t.key);
}

Test(cert, reads_a_real_step_ca_leaf)
{
	AUTO(free) char *pem = data_read("stepca-chain.pem");
	AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
	cr_assert(cert_chain_from_pem(&chain, BYTES_STR(pem), NULL) == ERR_OK);
	cr_assert(eq(int, sk_X509_num(chain), 4));
	char serial[CERT_SERIAL_CHARS + 1];
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	cr_assert(cert_serial(serial, sk_X509_value(chain, 0)) == ERR_OK);
	cr_expect(eq(str, serial, "230654415568529038153617443673178733225"));
	cr_assert(cert_fingerprint(fingerprint, sk_X509_value(chain, 3)) == ERR_OK);
	cr_expect(eq(str, fingerprint,
		     "4c60a6d09042320e0373fe7f5a4362c0219f9eb68ca1fe3d504f2f3f57b0e925"));
	BUF_AUTO struct buf again;
	buf_init(&again, DATA_MAX);
	cr_assert(cert_chain_to_pem(&again, chain) == ERR_OK);
	cr_expect(eq(str, (char *)again.data, pem));
}

Test(cert, serials_are_random_and_positive)
{
	struct cert_template t = pki_leaf_template(&p, "dev-1", NULL);
	char last[CERT_SERIAL_CHARS + 1] = "";
	for (int i = 0; i < 20; i++) {
		char serial[CERT_SERIAL_CHARS + 1];
		AUTO(X509_free) X509 *leaf = NULL;
		cr_assert(cert_issue(&leaf, p.sub_ca, &t) == ERR_OK);
		cr_assert(cert_serial(serial, leaf) == ERR_OK);
		cr_expect(serial[0] != '-' && strcmp(serial, last) != 0);
		memcpy(last, serial, sizeof(last));
	}
}

Test(cert, other_key_types_can_be_certified)
{
	static const char *const types[] = {"ED25519", "X25519"};
	for (size_t i = 0; i < N_ELEMENTS(types); i++) {
		AUTO(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, types[i]);
		struct cert_template t = pki_leaf_template(&p, "dev-1", NULL);
		t.key = key;
		AUTO(X509_free) X509 *leaf = NULL;
		cr_assert(cert_issue(&leaf, p.sub_ca, &t) == ERR_OK, "%s", types[i]);
		cr_expect(cert_matches_key(leaf, key), "%s", types[i]);
	}
}

Test(cert, a_ca_must_hold_its_own_p256_key)
{
	struct cert_ca *ca = NULL;
	struct why why = {0};
	cr_expect(cert_ca_new(&ca, p.sub, p.root_key, &why) == ERR_INPUT);
	cr_expect(strstr(why.text, "does not belong") != NULL);
	AUTO(EVP_PKEY_free) EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	cr_expect(cert_ca_new(&ca, p.sub, ed, &why) == ERR_INPUT);
	cr_expect(ca == NULL);
}

Test(cert, refuses_nonsense_templates)
{
	X509 *leaf = NULL;
	struct cert_template t = pki_leaf_template(&p, "bad\xff", NULL);
	cr_expect(cert_issue(&leaf, p.sub_ca, &t) == ERR_INPUT);
	t = pki_leaf_template(&p, "dev-1", NULL);
	t.not_after = t.not_before - 1;
	cr_expect(cert_issue(&leaf, p.sub_ca, &t) == ERR_INPUT);
	cr_expect(leaf == NULL);
}

Test(cert, pem_cut_anywhere_fails_cleanly)
{
	AUTO(free) char *pem = data_read("stepca-chain.pem");
	size_t first = (size_t)(strstr(pem, "-----END") - pem) + 20;
	for (size_t n = 0; n < first; n++) {
		X509 *cert = NULL;
		struct why why = {0};
		char *cut = malloc(n ? n : 1);
		memcpy(cut, pem, n);
		cr_expect(cert_from_pem(&cert, BYTES(cut, n), &why) == ERR_SYNTAX, "at %zu", n);
		cr_expect(cert == NULL && why.text[0]);
		free(cut);
	}
}

Test(cert, a_bundle_with_one_damaged_certificate_is_refused)
{
	AUTO(free) char *pem = data_read("stepca-chain.pem");
	char *second = strstr(strstr(pem, "-----END"), "-----BEGIN");
	second[40] ^= 1;
	STACK_OF(X509) *chain = NULL;
	struct why why = {0};
	cr_expect(cert_chain_from_pem(&chain, BYTES_STR(pem), &why) == ERR_SYNTAX);
	cr_expect(chain == NULL);
}

Test(san, lists_compare_as_sets)
{
	SAN_LIST_AUTO struct san_list a;
	SAN_LIST_AUTO struct san_list b;
	san_list_init(&a);
	san_list_init(&b);
	cr_assert(san_list_add(&a, SAN_DNS, "x") == ERR_OK);
	cr_assert(san_list_add(&a, SAN_DNS, "y") == ERR_OK);
	cr_assert(san_list_add(&b, SAN_DNS, "y") == ERR_OK);
	cr_assert(san_list_add(&b, SAN_DNS, "x") == ERR_OK);
	cr_assert(san_list_add(&b, SAN_DNS, "x") == ERR_OK);
	cr_expect(san_list_equal(&a, &b));
	cr_assert(san_list_add(&b, SAN_URI, "x") == ERR_OK);
	cr_expect(not(san_list_equal(&a, &b)));
}

Test(san, refuses_what_cannot_be_encoded)
{
	SAN_LIST_AUTO struct san_list l;
	san_list_init(&l);
	cr_expect(san_list_add(&l, SAN_IP, "10.0.0.256") == ERR_INPUT);
	cr_expect(san_list_add(&l, SAN_DNS, "ger\xc3\xa4t") == ERR_INPUT);
	cr_expect(san_list_add_host(&l, "fd00::1") == ERR_OK);
	cr_expect(l.n == 1 && l.items[0].type == SAN_IP);
	static const uint8_t nul[] = {0x30, 5, 0x82, 3, 'a', 0, 'b'};
	static const uint8_t short_ip[] = {0x30, 5, 0x87, 3, 10, 0, 1};
	cr_expect(san_list_from_der(&l, BYTES(nul, sizeof(nul))) == ERR_SYNTAX);
	cr_expect(san_list_from_der(&l, BYTES(short_ip, sizeof(short_ip))) == ERR_SYNTAX);
}

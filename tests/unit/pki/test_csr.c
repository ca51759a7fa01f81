// SPDX-License-Identifier: Apache-2.0
#include "pki_fixture.h"

#include <openssl/pem.h>

static char *
make_csr(const char *cn, const struct san_list *sans, EVP_PKEY **key_out)
{
	EVP_PKEY *key = NULL;
	struct buf out;
	buf_init(&out, CSR_MAX_BYTES);
	cr_assert(key_generate(&key) == ERR_OK);
	const struct csr_options o = {.cn = cn, .sans = sans};
	cr_assert(csr_create_pem(&out, key, &o) == ERR_OK);
	if (key_out)
		*key_out = key;
	else
		EVP_PKEY_free(key);
	return buf_steal_str(&out);
}

static X509_REQ *
openssl_read(const char *pem)
{
	AUTO(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem, -1);
	return PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
}

Test(csr, openssl_accepts_what_we_make)
{
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	cr_assert(san_list_add(&sans, SAN_DNS, "dev-1") == ERR_OK);
	cr_assert(san_list_add(&sans, SAN_IP, "10.8.0.2") == ERR_OK);
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(free) char *pem = make_csr("dev-1", &sans, &key);
	AUTO(X509_REQ_free) X509_REQ *req = openssl_read(pem);
	cr_assert(req != NULL);
	cr_expect(X509_REQ_verify(req, key) == 1);
	char cn[64];
	X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_commonName, cn, sizeof(cn));
	cr_expect(eq(str, cn, "dev-1"));
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
	cr_assert(sk_X509_EXTENSION_num(extensions) == 1);
	AUTO(GENERAL_NAMES_free)
	GENERAL_NAMES *names = X509V3_EXT_d2i(sk_X509_EXTENSION_value(extensions, 0));
	cr_expect(eq(int, sk_GENERAL_NAME_num(names), 2));
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

Test(csr, we_read_what_we_make)
{
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	cr_assert(san_list_add_host(&sans, "dev-1") == ERR_OK);
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(free) char *pem = make_csr("dev-1", &sans, &key);
	AUTO(csr_free) struct csr *csr = NULL;
	struct why why = {0};
	cr_assert(csr_open_for_device(&csr, BYTES_STR(pem), "dev-1", &why) == ERR_OK, "%s",
		  why.text);
	cr_expect(eq(str, csr->cn, "dev-1"));
	cr_expect(eq(str, csr->curve, "P-256"));
	cr_expect(key_public_equal(csr->key, key));
	cr_expect(san_list_equal(&csr->sans, &sans));
	uint8_t hash[SHA256_BYTES];
	cr_assert(sha256(hash, buf_bytes(&csr->der)) == ERR_OK);
	cr_expect(memcmp(hash, csr->sha256, sizeof(hash)) == 0);
}

Test(csr, no_subject_and_no_sans_is_a_request_too)
{
	AUTO(free) char *pem = make_csr(NULL, NULL, NULL);
	AUTO(csr_free) struct csr *csr = NULL;
	cr_assert(csr_parse(&csr, BYTES_STR(pem), NULL) == ERR_OK);
	cr_expect(csr_verify(csr, NULL) == ERR_OK);
	cr_expect(csr->cn == NULL && csr->n_cn == 0 && csr->sans.n == 0);
}

Test(csr, reads_every_key_type_that_openssl_makes)
{
	static const struct {
		const char *file;
		enum key_kind kind;
		const char *curve;
		int bits;
		bool accepted;
	} rows[] = {
		{"csr-p-256.pem",	  KEY_KIND_EC,      "P-256",	256,  true },
		{"csr-secp384r1.pem", KEY_KIND_EC,	   "P-384",	    384,	 true },
		{"csr-secp521r1.pem", KEY_KIND_EC,	   "P-521",	    521,	 false},
		{"csr-secp256k1.pem", KEY_KIND_EC,	   "secp256k1", 256,  false},
		{"csr-ed25519.pem",   KEY_KIND_ED25519, "",	  256,  true },
		{"csr-rsa2048.pem",   KEY_KIND_RSA,	  "",	      2048, true },
		{"csr-rsa1024.pem",   KEY_KIND_RSA,	  "",	      1024, false},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		AUTO(free) char *pem = data_read(rows[i].file);
		AUTO(csr_free) struct csr *csr = NULL;
		struct why why = {0};
		cr_assert(csr_parse(&csr, BYTES_STR(pem), &why) == ERR_OK, "%s: %s", rows[i].file,
			  why.text);
		cr_expect(csr_verify(csr, &why) == ERR_OK, "%s: %s", rows[i].file, why.text);
		cr_expect(eq(int, (int)csr->kind, (int)rows[i].kind), "%s", rows[i].file);
		cr_expect(eq(str, csr->curve, (char *)(uintptr_t)rows[i].curve), "%s",
			  rows[i].file);
		cr_expect(eq(int, csr->bits, rows[i].bits), "%s", rows[i].file);
		enum err want = rows[i].accepted ? ERR_OK : ERR_UNSUPPORTED;
		cr_expect(csr_check_key(csr, &why) == want, "%s: %s", rows[i].file, why.text);
		cr_expect(eq(str, csr->cn, "dev-1"), "%s", rows[i].file);
	}
}

Test(csr, reads_sans_of_every_type)
{
	static const struct {
		enum san_type type;
		const char *text;
	} want[] = {
		{SAN_DNS,	  "a.example"				     },
		{SAN_EMAIL, "x@example.org"				   },
		{SAN_IP,	 "10.9.8.7"				     },
		{SAN_IP,	 "fd00::1"				      },
		{SAN_URI,	  "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
	};
	AUTO(free) char *pem = data_read("csr-all-sans.pem");
	AUTO(csr_free) struct csr *csr = NULL;
	cr_assert(csr_parse(&csr, BYTES_STR(pem), NULL) == ERR_OK);
	cr_assert(eq(sz, csr->sans.n, N_ELEMENTS(want)));
	cr_expect(eq(sz, csr->sans.n_other, 1));
	for (size_t i = 0; i < N_ELEMENTS(want); i++) {
		cr_expect(csr->sans.items[i].type == want[i].type, "name %zu", i);
		cr_expect(eq(str, csr->sans.items[i].text, (char *)(uintptr_t)want[i].text));
	}
}

Test(csr, tells_a_device_what_is_wrong)
{
	SAN_LIST_AUTO struct san_list other;
	san_list_init(&other);
	cr_assert(san_list_add_host(&other, "dev-2") == ERR_OK);
	AUTO(free) char *good = make_csr("dev-1", NULL, NULL);
	AUTO(free) char *no_cn = make_csr("", NULL, NULL);
	AUTO(free) char *wrong_san = make_csr("dev-1", &other, NULL);
	AUTO(free)
	char *label_only = strdup("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
				  "-----END CERTIFICATE REQUEST-----\n");
	AUTO(free) char *rsa1024 = data_read("csr-rsa1024.pem");
	AUTO(free) char *all_sans = data_read("csr-all-sans.pem");
	const struct {
		const char *csr, *id, *want;
	} rows[] = {
		{"garbage",  "dev-1", "not PEM"			      },
		{"",	     "dev-1", "not PEM"			       },
		{label_only, "dev-1", "not a PKCS#10 request"	     },
		{good,       "dev-2", "re-generate the CSR with CN=dev-2"},
		{good,       "Dev-1", "re-generate the CSR with CN=Dev-1"},
		{no_cn,	"dev-1", "re-generate the CSR with CN=dev-1"},
		{wrong_san,  "dev-1", "SAN dns:dev-2"		    },
		{all_sans,   "dev-1", "SAN dns:a.example"		       },
		{rsa1024,	  "dev-1", "RSA key of 1024 bits not accepted"},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct csr *csr = NULL;
		struct why why = {0};
		cr_expect(csr_open_for_device(&csr, BYTES_STR(rows[i].csr), rows[i].id, &why) ==
				  ERR_INPUT,
			  "row %zu", i);
		cr_expect(csr == NULL && why.err == ERR_INPUT, "row %zu", i);
		cr_expect(strncmp(why.text, "Invalid CSR: ", 13) == 0, "%s", why.text);
		cr_expect(strstr(why.text, rows[i].want) != NULL, "row %zu: %s", i, why.text);
	}
}

Test(csr, every_flipped_signature_bit_is_noticed)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	BUF_AUTO struct buf der;
	buf_init(&der, CSR_MAX_BYTES);
	const struct csr_options o = {.cn = "dev-1"};
	cr_assert(csr_create_der(&der, key, &o) == ERR_OK);
	for (size_t i = 0; i < der.len; i++) {
		AUTO(csr_free) struct csr *csr = NULL;
		der.data[i] ^= 0x10;
		enum err err = csr_parse(&csr, buf_bytes(&der), NULL);
		if (!err)
			err = csr_verify(csr, NULL);
		cr_expect(err != ERR_OK, "byte %zu", i);
		der.data[i] ^= 0x10;
	}
}

// A request cut anywhere, as DER and as PEM, in memory of exactly that size.
Test(csr, fails_cleanly_when_cut_anywhere)
{
	static const char *const files[] = {"csr-all-sans.pem", "csr-rsa1024.pem",
					    "csr-ed25519.pem"};
	for (size_t f = 0; f < N_ELEMENTS(files); f++) {
		AUTO(free) char *pem = data_read(files[f]);
		AUTO(csr_free) struct csr *whole = NULL;
		cr_assert(csr_parse(&whole, BYTES_STR(pem), NULL) == ERR_OK);
		for (size_t n = 0; n < whole->der.len; n++) {
			struct csr *csr = NULL;
			uint8_t *cut = malloc(n ? n : 1);
			memcpy(cut, whole->der.data, n);
			cr_expect(csr_parse(&csr, BYTES(cut, n), NULL) == ERR_SYNTAX, "%s at %zu",
				  files[f], n);
			free(cut);
		}
		for (size_t n = 0; n < strlen(pem) - 1; n++) {
			struct csr *csr = NULL;
			char *cut = malloc(n ? n : 1);
			memcpy(cut, pem, n);
			cr_expect(csr_parse(&csr, BYTES(cut, n), NULL) == ERR_SYNTAX, "%s at %zu",
				  files[f], n);
			free(cut);
		}
	}
}

// Whatever a byte turns into: no crash, and never a verified request with another content.
Test(csr, survives_any_single_byte)
{
	AUTO(free) char *pem = data_read("csr-all-sans.pem");
	AUTO(csr_free) struct csr *whole = NULL;
	cr_assert(csr_parse(&whole, BYTES_STR(pem), NULL) == ERR_OK);
	for (size_t i = 0; i < whole->der.len; i++) {
		static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0x84, 0xff, 0x30, 0xa0};
		for (size_t v = 0; v < sizeof(values); v++) {
			AUTO(csr_free) struct csr *csr = NULL;
			uint8_t was = whole->der.data[i];
			whole->der.data[i] = values[v];
			if (csr_parse(&csr, buf_bytes(&whole->der), NULL) == ERR_OK &&
			    values[v] != was)
				cr_expect(csr_verify(csr, NULL) == ERR_CRYPTO, "byte %zu", i);
			whole->der.data[i] = was;
		}
	}
}

Test(csr, refuses_a_name_with_a_nul_in_it)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	AUTO(X509_REQ_free) X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(req);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"dev-1\0x", 7,
				   -1, 0);
	X509_REQ_set_pubkey(req, key);
	X509_REQ_sign(req, key, EVP_sha256());
	unsigned char *der = NULL;
	int n = i2d_X509_REQ(req, &der);
	struct csr *csr = NULL;
	cr_expect(csr_parse(&csr, BYTES(der, n), NULL) == ERR_SYNTAX);
	OPENSSL_free(der);
}

// The real step-ca answers 400 to it; whoever takes it is easier than the real one.
Test(csr, refuses_a_compressed_point)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(X509_REQ_free) X509_REQ *req = X509_REQ_new();
	struct csr *csr = NULL;
	struct why why = {0};
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed") == 1);
	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
				   (const unsigned char *)"dev-1", -1, -1, 0);
	X509_REQ_set_pubkey(req, key);
	X509_REQ_sign(req, key, EVP_sha256());
	unsigned char *der = NULL;
	int n = i2d_X509_REQ(req, &der);
	cr_expect(csr_parse(&csr, BYTES(der, n), &why) == ERR_SYNTAX);
	cr_expect(strstr(why.text, "compressed point") != NULL, "%s", why.text);
	OPENSSL_free(der);
}

Test(csr, refuses_to_sign_with_another_key_type)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BUF_AUTO struct buf out;
	buf_init(&out, CSR_MAX_BYTES);
	const struct csr_options o = {.cn = "dev-1"};
	cr_expect(csr_create_pem(&out, key, &o) == ERR_UNSUPPORTED);
}

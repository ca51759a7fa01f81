// SPDX-License-Identifier: Apache-2.0
// A chain in PEM as a CA, a bridge or a device hands it over.
#include "fuzz.h"
#include "pki/cert.h"
#include "pki/trust.h"

enum {
	CERTS_MAX = 16,
	A_TIME = 1700000000,
};

static void
read_cert(X509 *cert)
{
	SAN_LIST_AUTO struct san_list sans;
	AUTO(free) char *cn = NULL;
	char serial[CERT_SERIAL_CHARS + 1];
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	uint8_t sha256[SHA256_BYTES];
	int64_t not_before;
	int64_t not_after;
	struct why why = {0};
	san_list_init(&sans);
	if (cert_sans(&sans, cert) == ERR_OK)
		FUZZ_CHECK(san_list_equal(&sans, &sans));
	if (cert_cn(&cn, cert) != ERR_OK)
		FUZZ_CHECK(!cn);
	if (cert_serial(serial, cert) == ERR_OK)
		FUZZ_CHECK(strspn(serial, "0123456789-") == strlen(serial));
	FUZZ_CHECK(cert_fingerprint(fingerprint, cert) == ERR_OK);
	FUZZ_CHECK(strlen(fingerprint) == CERT_FINGERPRINT_CHARS);
	if (cert_validity(&not_before, &not_after, cert) == ERR_OK)
		FUZZ_CHECK(cert_is_valid_at(cert, A_TIME) ==
			   (not_before <= A_TIME && A_TIME <= not_after));
	if (cert_public_sha256(sha256, cert) != ERR_OK)
		FUZZ_CHECK(!cert_matches_key(cert, X509_get0_pubkey(cert)));
	enum err err = trust_check_host(cert, "127.0.0.1", &why);
	FUZZ_CHECK_WHY(err, why);
	err = trust_check_host(cert, "device.example", &why);
	FUZZ_CHECK_WHY(err, why);
}

static void
verify(STACK_OF(X509) * chain, struct bytes pem)
{
	AUTO(trust_free) struct trust *trust = NULL;
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	struct why why = {0};
	X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
	enum err err = trust_new(&trust, pem, &why);
	FUZZ_CHECK_WHY(err, why);
	for (int i = 0; trust && i < sk_X509_num(chain); i++) {
		err = trust_verify(trust, sk_X509_value(chain, i), chain, A_TIME, TRUST_CLIENT,
				   &why);
		FUZZ_CHECK_WHY(err, why);
	}
	FUZZ_CHECK(cert_fingerprint(fingerprint, last) == ERR_OK);
	FUZZ_CHECK(trust_find_fingerprint(NULL, chain, fingerprint));
	err = trust_verify_pinned(sk_X509_value(chain, 0), chain, fingerprint, A_TIME, &why);
	FUZZ_CHECK_WHY(err, why);
}

static void
check_round_trip(STACK_OF(X509) * chain)
{
	AUTO(x509_stack_free) STACK_OF(X509) *again = NULL;
	BUF_AUTO struct buf pem;
	struct why why = {0};
	buf_init(&pem, 4 * 1024 * 1024);
	if (cert_chain_to_pem(&pem, chain) != ERR_OK)
		return;
	FUZZ_CHECK(cert_chain_from_pem(&again, buf_bytes(&pem), &why) == ERR_OK);
	FUZZ_CHECK(sk_X509_num(again) == sk_X509_num(chain));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes pem = BYTES(data, size);
	AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
	AUTO(X509_free) X509 *first = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	struct why why = {0};
	enum err err = cert_chain_from_pem(&chain, pem, &why);
	FUZZ_CHECK_WHY(err, why);
	FUZZ_CHECK((cert_from_pem(&first, pem, &why) == ERR_OK) || err);
	err = key_from_pem(&key, pem, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!chain || sk_X509_num(chain) > CERTS_MAX)
		return 0;
	for (int i = 0; i < sk_X509_num(chain); i++)
		read_cert(sk_X509_value(chain, i));
	verify(chain, pem);
	check_round_trip(chain);
	return 0;
}

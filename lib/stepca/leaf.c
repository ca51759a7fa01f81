// SPDX-License-Identifier: Apache-2.0
#include "stepca/leaf.h"

#include <ctype.h>

#include "pki/der.h"
#include "pki/key.h"
#include "pki/name.h"

enum {
	SUBJECT_MAX_BYTES = 4096,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
};

// --- the issuer ---

void
known_issuer_fini(struct known_issuer *i)
{
	EVP_PKEY_free(i->key);
	buf_fini(&i->subject);
	*i = (struct known_issuer){0};
}

enum err
known_issuer_set(struct known_issuer *i, const X509 *cert)
{
	const unsigned char *der = NULL;
	size_t n = 0;
	EVP_PKEY *key = X509_get0_pubkey(cert);
	known_issuer_fini(i);
	if (!key || !key_is_p256(key) ||
	    X509_NAME_get0_der(X509_get_subject_name(cert), &der, &n) != 1)
		return ERR_OK;
	buf_init(&i->subject, SUBJECT_MAX_BYTES);
	TRY(buf_append(&i->subject, der, n));
	EVP_PKEY_up_ref(key);
	i->key = key;
	return ERR_OK;
}

// --- times ---

static bool
read_digits(unsigned *out, struct bytes *text, size_t n)
{
	*out = 0;
	if (text->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit(text->p[i]))
			return false;
		*out = *out * 10 + (unsigned)(text->p[i] - '0');
	}
	*text = BYTES(text->p + n, text->n - n);
	return true;
}

// Days from 1970-01-01 to a day of the Gregorian calendar: a year is counted from March, so that
// the leap day is its last.
static int64_t
days_to(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month > 2 ? year : year - 1;
	unsigned month_from_march = (month + 9) % 12;
	unsigned day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
	return (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

enum err
leaf_read_time(int64_t *out, uint8_t tag, struct bytes text)
{
	unsigned year;
	unsigned part[5]; // month, day, hour, minute, second
	static const unsigned least[] = {1, 1, 0, 0, 0};
	static const unsigned most[] = {12, 31, 23, 59, 59};
	if (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME)
		return ERR_SYNTAX;
	if (!read_digits(&year, &text, tag == DER_UTC_TIME ? 2 : 4))
		return ERR_SYNTAX;
	if (tag == DER_UTC_TIME)
		year += year < 50 ? 2000 : 1900;
	for (size_t i = 0; i < N_ELEMENTS(part); i++)
		if (!read_digits(&part[i], &text, 2) || part[i] < least[i] || part[i] > most[i])
			return ERR_SYNTAX;
	if (!bytes_is(text, "Z") || year < 1)
		return ERR_SYNTAX;
	*out = days_to(year, part[0], part[1]) * 86400 + part[2] * 3600 + part[3] * 60 + part[4];
	return ERR_OK;
}

// --- the certificate ---

struct reader {
	struct leaf_facts *facts;
	const struct known_issuer *issuer;
	const uint8_t *point; // that the key must have
	const char *cn;
	struct san_list *sans; // filled
};

static enum err
read_serial(struct leaf_facts *f, struct bytes *tbs)
{
	struct bytes serial;
	TRY(der_expect(tbs, DER_INTEGER, &serial));
	if (serial.n == 0 || serial.n > LEAF_SERIAL_MAX + 1 || serial.p[0] & 0x80)
		return ERR_SYNTAX;
	if (serial.n > 1 && serial.p[0] == 0)
		serial = BYTES(serial.p + 1, serial.n - 1);
	if (serial.n > LEAF_SERIAL_MAX)
		return ERR_SYNTAX;
	memcpy(f->serial, serial.p, serial.n);
	f->serial_n = serial.n;
	return ERR_OK;
}

static enum err
read_validity(struct leaf_facts *f, struct bytes *tbs)
{
	struct bytes validity;
	struct der_item begin;
	struct der_item end;
	TRY(der_expect(tbs, DER_SEQUENCE, &validity));
	TRY(der_read(&validity, &begin));
	TRY(der_read(&validity, &end));
	TRY(leaf_read_time(&f->not_before, begin.tag, begin.value));
	return leaf_read_time(&f->not_after, end.tag, end.value);
}

static enum err
check_cn(struct bytes name, const char *cn)
{
	AUTO(free) char *got = NULL;
	size_t n = 0;
	TRY(name_read_cn(&got, &n, name));
	return n == 1 && got && strcmp(got, cn) == 0 ? ERR_OK : ERR_INPUT;
}

// SubjectPublicKeyInfo of a P-256 key (RFC 5480 section 2).
static enum err
check_public_key(struct bytes *tbs, const uint8_t *point)
{
	struct bytes info;
	struct bytes algorithm;
	struct bytes oid;
	struct bytes curve;
	struct bytes bits;
	TRY(der_expect(tbs, DER_SEQUENCE, &info));
	TRY(der_expect(&info, DER_SEQUENCE, &algorithm));
	TRY(der_expect(&algorithm, DER_OID, &oid));
	TRY(der_expect(&algorithm, DER_OID, &curve));
	TRY(der_expect(&info, DER_BIT_STRING, &bits));
	bool same = bytes_equal(oid, oid_ec_public_key) && bytes_equal(curve, oid_prime256v1) &&
		    algorithm.n == 0 && info.n == 0 && bits.n == 1 + P256_POINT_BYTES &&
		    bits.p[0] == 0 && memcmp(bits.p + 1, point, P256_POINT_BYTES) == 0;
	return same ? ERR_OK : ERR_INPUT;
}

static enum err
read_extension(struct reader *r, struct bytes extension)
{
	struct bytes oid;
	struct bytes value;
	struct bytes critical = BYTES_NONE;
	TRY(der_expect(&extension, DER_OID, &oid));
	if (der_next_is(extension, DER_BOOLEAN))
		TRY(der_expect(&extension, DER_BOOLEAN, &critical));
	TRY(der_expect(&extension, DER_OCTET_STRING, &value));
	if (extension.n > 0)
		return ERR_SYNTAX;
	if (bytes_equal(oid, oid_subject_alt_name))
		return san_list_from_der(r->sans, value);
	// A leaf: no CA, and nothing critical that would have to be obeyed.
	if (bytes_equal(oid, oid_basic_constraints)) {
		struct bytes content;
		TRY(der_expect(&value, DER_SEQUENCE, &content));
		return content.n == 0 ? ERR_OK : ERR_UNSUPPORTED;
	}
	bool is_usage = bytes_equal(oid, oid_key_usage) || bytes_equal(oid, oid_ext_key_usage);
	return critical.n == 0 || is_usage ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err
read_extensions(struct reader *r, struct bytes *tbs)
{
	struct bytes tagged;
	struct bytes list;
	struct bytes extension;
	TRY(der_expect(tbs, DER_CONTEXT_CONS | 3, &tagged));
	TRY(der_expect(&tagged, DER_SEQUENCE, &list));
	while (list.n > 0) {
		TRY(der_expect(&list, DER_SEQUENCE, &extension));
		TRY(read_extension(r, extension));
	}
	return tagged.n == 0 && tbs->n == 0 ? ERR_OK : ERR_SYNTAX;
}

static bool
is_ecdsa_sha256(struct bytes algorithm)
{
	struct bytes oid;
	return der_expect(&algorithm, DER_OID, &oid) == ERR_OK && algorithm.n == 0 &&
	       bytes_equal(oid, oid_ecdsa_sha256);
}

// TBSCertificate (RFC 5280 section 4.1), version 3.
static enum err
read_tbs(struct reader *r, struct bytes tbs)
{
	static const struct bytes version_3 = {(const uint8_t *)"\x02\x01\x02", 3};
	struct bytes version;
	struct bytes algorithm;
	struct der_item name;
	TRY(der_expect(&tbs, DER_CONTEXT_CONS, &version));
	if (!bytes_equal(version, version_3))
		return ERR_UNSUPPORTED;
	TRY(read_serial(r->facts, &tbs));
	TRY(der_expect(&tbs, DER_SEQUENCE, &algorithm));
	TRY(der_read(&tbs, &name));
	if (!is_ecdsa_sha256(algorithm) || !bytes_equal(name.whole, buf_bytes(&r->issuer->subject)))
		return ERR_UNSUPPORTED;
	TRY(read_validity(r->facts, &tbs));
	TRY(der_read(&tbs, &name));
	TRY(check_cn(name.whole, r->cn));
	TRY(check_public_key(&tbs, r->point));
	return read_extensions(r, &tbs);
}

static enum err
read_certificate(struct reader *r, struct bytes der)
{
	struct bytes certificate;
	struct der_item tbs;
	struct bytes tbs_content;
	struct bytes algorithm;
	struct bytes signature;
	TRY(der_expect(&der, DER_SEQUENCE, &certificate));
	TRY(der_read(&certificate, &tbs));
	TRY(der_expect(&certificate, DER_SEQUENCE, &algorithm));
	TRY(der_expect(&certificate, DER_BIT_STRING, &signature));
	if (der.n > 0 || certificate.n > 0 || tbs.tag != DER_SEQUENCE || signature.n < 2 ||
	    signature.p[0] != 0 || !is_ecdsa_sha256(algorithm))
		return ERR_UNSUPPORTED;
	struct bytes whole = tbs.whole;
	TRY(der_expect(&whole, DER_SEQUENCE, &tbs_content));
	TRY(read_tbs(r, tbs_content));
	return key_p256_verify(r->issuer->key, tbs.whole, BYTES(signature.p + 1, signature.n - 1));
}

bool
leaf_is_for(struct leaf_facts *out, struct bytes der, const struct known_issuer *issuer,
	    const EVP_PKEY *key, const char *cn, const struct san_list *sans)
{
	uint8_t point[P256_POINT_BYTES];
	SAN_LIST_AUTO struct san_list got;
	san_list_init(&got);
	struct reader r = {.facts = out, .issuer = issuer, .point = point, .cn = cn, .sans = &got};
	*out = (struct leaf_facts){0};
	return issuer->key && key_p256_point(point, key) == ERR_OK &&
	       read_certificate(&r, der) == ERR_OK && got.n_other == 0 &&
	       san_list_equal(&got, sans);
}

// SPDX-License-Identifier: Apache-2.0
// Issuing: RFC 5280 section 4.1, written field by field.
#include "pki/cert.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "pki/der.h"
#include "pki/name.h"

enum {
	CERT_DER_MAX = 64 * 1024,
	KEY_ID_BYTES = SHA_DIGEST_LENGTH,
};

struct cert_ca {
	X509 *cert;
	EVP_PKEY *key;
	struct buf name; // subject Name, as issued certificates repeat it
	struct buf aki;	 // whole extension
};

// Who signs: a CA, or the subject itself.
struct signer {
	struct bytes name;
	struct bytes aki; // none for a root
	EVP_PKEY *key;
};

// --- extensions ---

static size_t
open_extension(struct der_writer *w, struct bytes oid, bool critical, size_t *value)
{
	size_t extension = der_open(w, DER_SEQUENCE);
	der_put(w, DER_OID, oid);
	if (critical)
		der_put_bool(w, true);
	*value = der_open(w, DER_OCTET_STRING);
	return extension;
}

static void
close_extension(struct der_writer *w, size_t extension, size_t value)
{
	der_close(w, value);
	der_close(w, extension);
}

// X.690 section 11.2.2: a named bit list ends with its last set bit.
static void
write_key_usage(struct der_writer *w, unsigned bits)
{
	uint8_t raw[3] = {0, (uint8_t)bits, (uint8_t)(bits >> 8)};
	size_t n = raw[2] ? 3 : 2;
	while (raw[0] < 7 && !(raw[n - 1] & 1u << raw[0]))
		raw[0]++;
	size_t value;
	size_t extension = open_extension(w, oid_key_usage, true, &value);
	der_put(w, DER_BIT_STRING, BYTES(raw, n));
	close_extension(w, extension, value);
}

static void
write_ext_key_usage(struct der_writer *w, unsigned bits)
{
	size_t value;
	size_t extension = open_extension(w, oid_ext_key_usage, false, &value);
	size_t purposes = der_open(w, DER_SEQUENCE);
	if (bits & XKU_SSL_SERVER)
		der_put(w, DER_OID, oid_server_auth);
	if (bits & XKU_SSL_CLIENT)
		der_put(w, DER_OID, oid_client_auth);
	der_close(w, purposes);
	close_extension(w, extension, value);
}

static void
write_basic_constraints(struct der_writer *w, int path_len)
{
	size_t value;
	size_t extension = open_extension(w, oid_basic_constraints, true, &value);
	size_t constraints = der_open(w, DER_SEQUENCE);
	der_put_bool(w, true);
	if (path_len >= 0) {
		const uint8_t raw = (uint8_t)path_len;
		der_put_uint(w, BYTES(&raw, 1));
	}
	der_close(w, constraints);
	close_extension(w, extension, value);
}

// RFC 5280 section 4.2.1.2 method (1): SHA-1 of the key bits.
static enum err
key_id_of_spki(uint8_t out[static KEY_ID_BYTES], struct bytes spki)
{
	struct bytes content;
	struct bytes bits;
	TRY(der_expect(&spki, DER_SEQUENCE, &content));
	TRY(der_expect(&content, DER_SEQUENCE, NULL));
	TRY(der_expect(&content, DER_BIT_STRING, &bits));
	if (bits.n < 1)
		return ERR_SYNTAX;
	return SHA1(bits.p + 1, bits.n - 1, out) ? ERR_OK : ERR_CRYPTO;
}

static void
write_subject_key_id(struct der_writer *w, struct bytes spki)
{
	uint8_t id[KEY_ID_BYTES];
	if (!w->err)
		w->err = key_id_of_spki(id, spki);
	if (w->err)
		return;
	size_t value;
	size_t extension = open_extension(w, oid_subject_key_id, false, &value);
	der_put(w, DER_OCTET_STRING, BYTES(id, sizeof(id)));
	close_extension(w, extension, value);
}

enum err
cert_write_subject_key_id(struct buf *out, const EVP_PKEY *key)
{
	BUF_AUTO struct buf spki;
	buf_init(&spki, CERT_DER_MAX);
	TRY(key_public_to_der(&spki, key));
	struct der_writer w = DER_WRITER(out);
	write_subject_key_id(&w, buf_bytes(&spki));
	return w.err;
}

static void
write_sans(struct der_writer *w, const struct san_list *sans)
{
	size_t value;
	size_t extension = open_extension(w, oid_subject_alt_name, false, &value);
	if (!w->err)
		w->err = san_list_to_der(w->out, sans);
	close_extension(w, extension, value);
}

static void
write_extensions(struct der_writer *w, const struct cert_template *t, struct bytes spki,
		 const struct signer *signer)
{
	if (t->key_usage)
		write_key_usage(w, t->key_usage);
	if (t->ext_key_usage)
		write_ext_key_usage(w, t->ext_key_usage);
	if (t->is_ca)
		write_basic_constraints(w, t->path_len);
	write_subject_key_id(w, spki);
	der_put_raw(w, signer->aki);
	if (t->sans && t->sans->n)
		write_sans(w, t->sans);
	for (size_t i = 0; i < t->n_extra; i++) {
		size_t value;
		size_t extension = open_extension(w, t->extra[i].oid, t->extra[i].critical, &value);
		der_put_raw(w, t->extra[i].value);
		close_extension(w, extension, value);
	}
}

// --- the signed part ---

AUTO_DEFINE(ASN1_TIME *, ASN1_TIME_free)

// UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5).
static void
write_time(struct der_writer *w, int64_t when)
{
	AUTO(ASN1_TIME_free) ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)when);
	if (!time)
		w->err = w->err ? w->err : ossl_fail(NULL, ERR_INPUT, "time");
	else
		der_put(w, (uint8_t)time->type, BYTES(time->data, (size_t)time->length));
}

static void
write_algorithm(struct der_writer *w)
{
	size_t algorithm = der_open(w, DER_SEQUENCE);
	der_put(w, DER_OID, oid_ecdsa_sha256);
	der_close(w, algorithm);
}

static void
write_serial(struct der_writer *w, const uint8_t *given)
{
	uint8_t random[CERT_SERIAL_BYTES];
	if (!given && RAND_bytes(random, sizeof(random)) != 1)
		w->err = w->err ? w->err : ossl_fail(NULL, ERR_CRYPTO, "serial");
	der_put_uint(w, BYTES(given ? given : random, CERT_SERIAL_BYTES));
}

static void
write_validity(struct der_writer *w, const struct cert_template *t)
{
	if (!w->err && t->not_after < t->not_before)
		w->err = ERR_INPUT;
	size_t validity = der_open(w, DER_SEQUENCE);
	write_time(w, t->not_before);
	write_time(w, t->not_after);
	der_close(w, validity);
}

static void
write_signed_part(struct der_writer *w, const struct cert_template *t, struct bytes subject,
		  struct bytes spki, const struct signer *signer)
{
	static const uint8_t version_3 = 2;
	size_t tbs = der_open(w, DER_SEQUENCE);
	size_t version = der_open(w, DER_CONTEXT_CONS);
	der_put_uint(w, BYTES(&version_3, 1));
	der_close(w, version);
	write_serial(w, t->serial);
	write_algorithm(w);
	der_put_raw(w, signer->name);
	write_validity(w, t);
	der_put_raw(w, subject);
	der_put_raw(w, spki);
	size_t tagged = der_open(w, DER_CONTEXT_CONS | 3);
	size_t extensions = der_open(w, DER_SEQUENCE);
	if (t->extensions_der.n)
		der_put_raw(w, t->extensions_der);
	else
		write_extensions(w, t, spki, signer);
	der_close(w, extensions);
	der_close(w, tagged);
	der_close(w, tbs);
}

static enum err
write_subject(struct buf *out, const struct cert_template *t)
{
	struct der_writer w = DER_WRITER(out);
	if (t->subject_der.n)
		der_put_raw(&w, t->subject_der);
	else
		name_write(&w, t->organization, t->cn);
	return w.err;
}

static enum err
issue(struct buf *out, const struct cert_template *t, struct bytes subject,
      const struct signer *signer)
{
	BUF_AUTO struct buf spki;
	buf_init(&spki, CERT_DER_MAX);
	TRY(key_public_to_der(&spki, t->key));
	struct der_writer w = DER_WRITER(out);
	size_t cert = der_open(&w, DER_SEQUENCE);
	write_signed_part(&w, t, subject, buf_bytes(&spki), signer);
	if (w.err)
		return w.err;
	uint8_t sig[P256_SIG_MAX_BYTES];
	size_t n;
	TRY(key_p256_sign(sig, &n, signer->key, BYTES(out->data + cert, out->len - cert)));
	write_algorithm(&w);
	der_put_bits(&w, BYTES(sig, n));
	der_close(&w, cert);
	return w.err;
}

static enum err
x509_from_der(X509 **out, struct bytes der)
{
	const unsigned char *p = der.p;
	*out = d2i_X509(NULL, &p, (long)der.n);
	return *out ? ERR_OK : ossl_fail(NULL, ERR_CRYPTO, "certificate");
}

enum err
cert_issue_der(struct buf *out, const struct cert_ca *ca, const struct cert_template *t)
{
	BUF_AUTO struct buf subject;
	buf_init(&subject, CERT_DER_MAX);
	TRY(write_subject(&subject, t));
	const struct signer signer = {buf_bytes(&ca->name), buf_bytes(&ca->aki), ca->key};
	return issue(out, t, buf_bytes(&subject), &signer);
}

enum err
cert_issue(X509 **out, const struct cert_ca *ca, const struct cert_template *t)
{
	BUF_AUTO struct buf der;
	buf_init(&der, CERT_DER_MAX);
	*out = NULL;
	TRY(cert_issue_der(&der, ca, t));
	return x509_from_der(out, buf_bytes(&der));
}

enum err
cert_issue_root(X509 **out, const struct cert_template *t)
{
	BUF_AUTO struct buf subject;
	BUF_AUTO struct buf der;
	buf_init(&subject, CERT_DER_MAX);
	buf_init(&der, CERT_DER_MAX);
	*out = NULL;
	if (!key_is_p256(t->key))
		return ERR_UNSUPPORTED;
	TRY(write_subject(&subject, t));
	const struct signer self = {buf_bytes(&subject), BYTES_NONE, t->key};
	TRY(issue(&der, t, buf_bytes(&subject), &self));
	return x509_from_der(out, buf_bytes(&der));
}

// --- the issuer ---

static enum err
prepare_name(struct cert_ca *ca)
{
	const unsigned char *der;
	size_t n;
	if (X509_NAME_get0_der(X509_get_subject_name(ca->cert), &der, &n) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "issuer name");
	return buf_append(&ca->name, der, n);
}

static enum err
prepare_aki(struct cert_ca *ca)
{
	uint8_t id[KEY_ID_BYTES];
	struct bytes key_id = BYTES(id, sizeof(id));
	const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(ca->cert);
	if (own) {
		key_id = BYTES(own->data, (size_t)own->length);
	} else {
		BUF_AUTO struct buf spki;
		buf_init(&spki, CERT_DER_MAX);
		TRY(key_public_to_der(&spki, ca->key));
		TRY(key_id_of_spki(id, buf_bytes(&spki)));
	}
	struct der_writer w = DER_WRITER(&ca->aki);
	size_t value;
	size_t extension = open_extension(&w, oid_authority_key_id, false, &value);
	size_t content = der_open(&w, DER_SEQUENCE);
	der_put(&w, DER_CONTEXT, key_id);
	der_close(&w, content);
	close_extension(&w, extension, value);
	return w.err;
}

enum err
cert_ca_new(struct cert_ca **out, X509 *cert, EVP_PKEY *key, struct why *why)
{
	*out = NULL;
	if (!key_is_p256(key))
		return why_set(why, ERR_INPUT, "CA key: only P-256 can issue");
	if (!cert_matches_key(cert, key))
		return why_set(why, ERR_INPUT, "CA key does not belong to the CA certificate");
	AUTO(cert_ca_free) struct cert_ca *ca = calloc(1, sizeof(*ca));
	if (!ca)
		return why_set(why, ERR_NOMEM, "out of memory");
	buf_init(&ca->name, CERT_DER_MAX);
	buf_init(&ca->aki, CERT_DER_MAX);
	X509_up_ref(cert);
	ca->cert = cert;
	EVP_PKEY_up_ref(key);
	ca->key = key;
	TRY(prepare_name(ca));
	TRY(prepare_aki(ca));
	*out = STEAL(ca);
	return ERR_OK;
}

void
cert_ca_free(struct cert_ca *ca)
{
	if (!ca)
		return;
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	buf_fini(&ca->name);
	buf_fini(&ca->aki);
	free(ca);
}

X509 *
cert_ca_cert(const struct cert_ca *ca)
{
	return ca->cert;
}

EVP_PKEY *
cert_ca_key(const struct cert_ca *ca)
{
	return ca->key;
}

struct bytes
cert_ca_aki(const struct cert_ca *ca)
{
	return buf_bytes(&ca->aki);
}

// SPDX-License-Identifier: Apache-2.0
// Making requests, and reading them. Both go round OpenSSL's X509_REQ, which builds a decoder for
// every public key it meets (performance.md 1: 141 us against 60); it is asked only where a key or
// a signature is of another type than the P-256 that nearly every device sends.
#include "pki/csr.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>

#include "pki/der.h"
#include "pki/name.h"
#include "pki/pem.h"

enum {
	SHOWN_CHARS = 64,
	RSA_MIN_BITS = 2048,
};

// --- making ---

static void
write_extension_request(struct der_writer *w, const struct san_list *sans)
{
	size_t attribute = der_open(w, DER_SEQUENCE);
	der_put(w, DER_OID, oid_extension_request);
	size_t values = der_open(w, DER_SET);
	size_t extensions = der_open(w, DER_SEQUENCE);
	size_t extension = der_open(w, DER_SEQUENCE);
	der_put(w, DER_OID, oid_subject_alt_name);
	size_t value = der_open(w, DER_OCTET_STRING);
	if (!w->err)
		w->err = san_list_to_der(w->out, sans);
	der_close(w, value);
	der_close(w, extension);
	der_close(w, extensions);
	der_close(w, values);
	der_close(w, attribute);
}

static void
write_info(struct der_writer *w, const EVP_PKEY *key, const struct csr_options *o)
{
	static const uint8_t version = 0;
	size_t info = der_open(w, DER_SEQUENCE);
	der_put_uint(w, BYTES(&version, 1));
	name_write(w, NULL, o->cn);
	if (!w->err)
		w->err = key_public_to_der(w->out, key);
	size_t attributes = der_open(w, DER_CONTEXT_CONS);
	if (o->sans && o->sans->n)
		write_extension_request(w, o->sans);
	der_close(w, attributes);
	der_close(w, info);
}

enum err
csr_create_der(struct buf *out, EVP_PKEY *key, const struct csr_options *o)
{
	if (!key_is_p256(key))
		return ERR_UNSUPPORTED;
	struct der_writer w = DER_WRITER(out);
	size_t request = der_open(&w, DER_SEQUENCE);
	write_info(&w, key, o);
	if (w.err)
		return w.err;
	uint8_t sig[P256_SIG_MAX_BYTES];
	size_t n;
	TRY(key_p256_sign(sig, &n, key, BYTES(out->data + request, out->len - request)));
	size_t algorithm = der_open(&w, DER_SEQUENCE);
	der_put(&w, DER_OID, oid_ecdsa_sha256);
	der_close(&w, algorithm);
	der_put_bits(&w, BYTES(sig, n));
	der_close(&w, request);
	return w.err;
}

enum err
csr_create_pem(struct buf *out, EVP_PKEY *key, const struct csr_options *o)
{
	BUF_AUTO struct buf der;
	buf_init(&der, CSR_MAX_BYTES);
	TRY(csr_create_der(&der, key, o));
	return pem_write(out, "CERTIFICATE REQUEST", buf_bytes(&der));
}

// --- reading ---

void
csr_free(struct csr *csr)
{
	if (!csr)
		return;
	EVP_PKEY_free(csr->key);
	free(csr->cn);
	san_list_fini(&csr->sans);
	buf_fini(&csr->der);
	free(csr);
}

static enum err
text_to_der(struct buf *out, struct bytes text, struct why *why)
{
	if (text.n > CSR_MAX_BYTES)
		return why_set(why, ERR_SYNTAX, "not a certificate request: larger than %d bytes",
			       CSR_MAX_BYTES);
	if (text.n && text.p[0] == DER_SEQUENCE && !memmem(text.p, text.n, "-----BEGIN", 10))
		return buf_append(out, text.p, text.n);
	struct pem_block block = {.der = *out};
	enum err err = pem_next(&block, &text);
	*out = block.der;
	if (err == ERR_NOT_FOUND)
		err = why_set(why, ERR_SYNTAX,
			      "not PEM (no line \"-----BEGIN CERTIFICATE REQUEST-----\")");
	else if (err)
		err = why_set(why, ERR_SYNTAX,
			      "not PEM (cut off, or its base64 content is damaged)");
	return err;
}

static enum err
read_extensions(struct san_list *sans, struct bytes extensions)
{
	while (extensions.n) {
		struct bytes extension;
		struct bytes id;
		struct bytes value;
		TRY(der_expect(&extensions, DER_SEQUENCE, &extension));
		TRY(der_expect(&extension, DER_OID, &id));
		if (der_next_is(extension, DER_BOOLEAN))
			TRY(der_expect(&extension, DER_BOOLEAN, NULL));
		TRY(der_expect(&extension, DER_OCTET_STRING, &value));
		if (extension.n)
			return ERR_SYNTAX;
		if (bytes_equal(id, oid_subject_alt_name))
			TRY(san_list_from_der(sans, value));
	}
	return ERR_OK;
}

static enum err
read_attributes(struct san_list *sans, struct bytes attributes)
{
	while (attributes.n) {
		struct bytes attribute;
		struct bytes type;
		struct bytes values;
		TRY(der_expect(&attributes, DER_SEQUENCE, &attribute));
		TRY(der_expect(&attribute, DER_OID, &type));
		TRY(der_expect(&attribute, DER_SET, &values));
		if (attribute.n)
			return ERR_SYNTAX;
		while (bytes_equal(type, oid_extension_request) && values.n) {
			struct bytes extensions;
			TRY(der_expect(&values, DER_SEQUENCE, &extensions));
			TRY(read_extensions(sans, extensions));
		}
	}
	return ERR_OK;
}

static enum err
read_info(struct csr *csr, struct bytes info, struct bytes *spki, const char **place)
{
	struct der_item item;
	*place = "version";
	TRY(der_expect(&info, DER_INTEGER, NULL));
	*place = "subject";
	TRY(der_read(&info, &item));
	TRY(name_read_cn(&csr->cn, &csr->n_cn, item.whole));
	*place = "public key";
	TRY(der_read(&info, &item));
	*spki = item.whole;
	*place = "attributes";
	if (info.n) {
		struct bytes attributes;
		TRY(der_expect(&info, DER_CONTEXT_CONS, &attributes));
		TRY(read_attributes(&csr->sans, attributes));
	}
	return info.n ? ERR_SYNTAX : ERR_OK;
}

// RFC 2986 section 4. place: what was being read, for the message.
static enum err
read_request(struct csr *csr, struct bytes *spki, const char **place)
{
	struct bytes in = buf_bytes(&csr->der);
	struct bytes request;
	struct der_item info;
	struct der_item algorithm;
	*place = "outer structure";
	TRY(der_expect(&in, DER_SEQUENCE, &request));
	if (in.n)
		return ERR_SYNTAX;
	TRY(der_read(&request, &info));
	TRY(der_read(&request, &algorithm));
	TRY(der_expect(&request, DER_BIT_STRING, &csr->signature));
	if (request.n || info.tag != DER_SEQUENCE || algorithm.tag != DER_SEQUENCE ||
	    csr->signature.n < 1 || csr->signature.p[0] != 0)
		return ERR_SYNTAX;
	csr->signature = BYTES(csr->signature.p + 1, csr->signature.n - 1);
	csr->info = info.whole;
	csr->algorithm = algorithm.whole;
	return read_info(csr, info.value, spki, place);
}

static void
classify_key(struct csr *csr)
{
	static const struct {
		const char *openssl, *name;
	} curves[] = {
		{"prime256v1", "P-256"},
		{"secp384r1",  "P-384"},
		{"secp521r1",  "P-521"},
		{"secp224r1",  "P-224"},
	};
	csr->bits = EVP_PKEY_get_bits(csr->key);
	csr->kind = EVP_PKEY_is_a(csr->key, "EC")	 ? KEY_KIND_EC
		    : EVP_PKEY_is_a(csr->key, "ED25519") ? KEY_KIND_ED25519
		    : EVP_PKEY_is_a(csr->key, "RSA")	 ? KEY_KIND_RSA
							 : KEY_KIND_OTHER;
	size_t n;
	if (csr->kind != KEY_KIND_EC ||
	    EVP_PKEY_get_group_name(csr->key, csr->curve, sizeof(csr->curve), &n) != 1)
		return;
	for (size_t i = 0; i < N_ELEMENTS(curves); i++) {
		if (strcmp(csr->curve, curves[i].openssl) == 0)
			snprintf(csr->curve, sizeof(csr->curve), "%s", curves[i].name);
	}
}

// Go's x509, and so step-ca, reads EC points in uncompressed form only. key_public_from_der may
// have read the key without OpenSSL's decoders, which then means that it was uncompressed.
static bool
point_is_compressed(const EVP_PKEY *key)
{
	char form[16] = "";
	size_t n;
	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form,
					      sizeof(form), &n) == 1 &&
	       strcmp(form, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) != 0;
}

enum err
csr_parse(struct csr **out, struct bytes text, struct why *why)
{
	*out = NULL;
	AUTO(csr_free) struct csr *csr = calloc(1, sizeof(*csr));
	if (!csr)
		return why_set(why, ERR_NOMEM, "out of memory");
	buf_init(&csr->der, CSR_MAX_BYTES);
	TRY(text_to_der(&csr->der, text, why));
	const char *place = "";
	struct bytes spki;
	enum err err = read_request(csr, &spki, &place);
	if (!err) {
		place = "public key";
		err = key_public_from_der(&csr->key, spki, NULL);
	}
	if (err)
		return why_set(why, err == ERR_NOMEM ? err : ERR_SYNTAX,
			       "not a PKCS#10 request (its %s cannot be read)", place);
	if (point_is_compressed(csr->key))
		return why_set(why, ERR_SYNTAX,
			       "its EC public key is a compressed point; step-ca reads only the "
			       "uncompressed form");
	classify_key(csr);
	TRY(sha256(csr->sha256, buf_bytes(&csr->der)));
	*out = STEAL(csr);
	return ERR_OK;
}

// --- rules ---

static bool
is_ecdsa_sha256(struct bytes algorithm)
{
	struct bytes content;
	struct bytes oid;
	return der_expect(&algorithm, DER_SEQUENCE, &content) == ERR_OK &&
	       der_expect(&content, DER_OID, &oid) == ERR_OK && content.n == 0 &&
	       bytes_equal(oid, oid_ecdsa_sha256);
}

static bool
openssl_verifies(const struct csr *csr)
{
	const unsigned char *p = csr->der.data;
	AUTO(X509_REQ_free) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr->der.len);
	bool good = req && X509_REQ_verify(req, csr->key) == 1;
	ERR_clear_error();
	return good;
}

enum err
csr_verify(const struct csr *csr, struct why *why)
{
	bool good = key_is_p256(csr->key) && is_ecdsa_sha256(csr->algorithm)
			    ? key_p256_verify(csr->key, csr->info, csr->signature) == ERR_OK
			    : openssl_verifies(csr);
	if (!good)
		return why_set(why, ERR_CRYPTO,
			       "self-signature does not verify; sign the request with the private "
			       "key whose public half it carries");
	return ERR_OK;
}

enum err
csr_check_key(const struct csr *csr, struct why *why)
{
	static const char accepted[] = "use P-256, P-384, Ed25519 or RSA with 2048 bits or more";
	switch (csr->kind) {
	case KEY_KIND_EC:
		if (strcmp(csr->curve, "P-256") == 0 || strcmp(csr->curve, "P-384") == 0)
			return ERR_OK;
		return why_set(why, ERR_UNSUPPORTED, "key on curve %s not accepted; %s",
			       csr->curve[0] ? csr->curve : "(unnamed)", accepted);
	case KEY_KIND_ED25519:
		return ERR_OK;
	case KEY_KIND_RSA:
		if (csr->bits >= RSA_MIN_BITS)
			return ERR_OK;
		return why_set(why, ERR_UNSUPPORTED, "RSA key of %d bits not accepted; %s",
			       csr->bits, accepted);
	case KEY_KIND_OTHER:
		break;
	}
	return why_set(why, ERR_UNSUPPORTED, "key type not accepted; %s", accepted);
}

// A stranger's text fit for a message: printable ASCII, not too long.
static const char *
shown(char out[static SHOWN_CHARS + 1], const char *text)
{
	size_t n = 0;
	for (; text[n] && n < SHOWN_CHARS; n++)
		out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	out[n] = '\0';
	return out;
}

static enum err
check_names(const struct csr *csr, const char *id, struct why *why)
{
	char text[SHOWN_CHARS + 1];
	if (csr->n_cn == 0 || !*csr->cn)
		return why_set(why, ERR_INPUT, "subject has no CN; re-generate the CSR with CN=%s",
			       id);
	if (csr->n_cn > 1)
		return why_set(why, ERR_INPUT,
			       "subject has %zu CNs; re-generate the CSR with CN=%s only",
			       csr->n_cn, id);
	if (strcmp(csr->cn, id) != 0)
		return why_set(why, ERR_INPUT,
			       "CN is \"%s\", the device id is \"%s\"; re-generate the CSR with "
			       "CN=%s",
			       shown(text, csr->cn), id, id);
	for (size_t i = 0; i < csr->sans.n; i++) {
		const struct san *san = &csr->sans.items[i];
		if (san->type != SAN_DNS || strcmp(san->text, id) != 0)
			return why_set(
				why, ERR_INPUT,
				"SAN %s:%s is not the device id; re-generate the CSR without "
				"SANs or with DNS:%s only",
				san_type_name(san->type), shown(text, san->text), id);
	}
	if (csr->sans.n_other)
		return why_set(why, ERR_INPUT,
			       "SAN of an unusual type; re-generate the CSR without SANs or with "
			       "DNS:%s only",
			       id);
	return ERR_OK;
}

enum err
csr_check_for_device(const struct csr *csr, const char *id, struct why *why)
{
	enum err err = csr_check_key(csr, why);
	if (!err)
		err = csr_verify(csr, why);
	if (!err)
		err = check_names(csr, id, why);
	if (!err)
		return ERR_OK;
	why_prefix(why, "Invalid CSR");
	if (why)
		why->err = ERR_INPUT;
	return ERR_INPUT;
}

enum err
csr_open_for_device(struct csr **out, struct bytes text, const char *id, struct why *why)
{
	AUTO(csr_free) struct csr *csr = NULL;
	*out = NULL;
	enum err err = csr_parse(&csr, text, why);
	if (err == ERR_NOMEM)
		return err;
	if (err) {
		why_prefix(why, "Invalid CSR");
		return why ? (why->err = ERR_INPUT) : ERR_INPUT;
	}
	TRY(csr_check_for_device(csr, id, why));
	*out = STEAL(csr);
	return ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
// POST /renew and /rekey: a new certificate for the holder of an old one.
#include "base/clock.h"
#include "pki/der.h"
#include "step-ca/internal.h"

enum { EXTENSIONS_MAX = 64 * 1024 };

X509 *
client_certificate(const struct http_req *req)
{
	SSL *ssl = http_req_ssl(req);
	return ssl ? SSL_get0_peer_certificate(ssl) : NULL;
}

// The name of the provisioner in the step extension; ERR_NOT_FOUND: there is no such extension.
static enum err
provisioner_name(struct bytes *name, const X509 *cert)
{
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *extension = X509_get_ext(cert, i);
		const ASN1_OBJECT *oid = X509_EXTENSION_get_object(extension);
		if (!bytes_equal(BYTES(OBJ_get0_data(oid), OBJ_length(oid)), step_extension_oid))
			continue;
		const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
		struct bytes in = BYTES(value->data, (size_t)value->length);
		struct bytes content;
		TRY(der_expect(&in, DER_SEQUENCE, &content));
		TRY(der_expect(&content, DER_INTEGER, NULL));
		return der_expect(&content, DER_OCTET_STRING, name);
	}
	return ERR_NOT_FOUND;
}

// Every failure is a 401; why is for the log.
static enum err
check_may_renew(const struct authority *a, const X509 *cert, struct why *why)
{
	char serial[CERT_SERIAL_CHARS + 1];
	struct bytes name;
	if (cert_serial(serial, cert))
		return why_set(why, ERR_UNAUTHORIZED, "serial number cannot be read");
	if (!a->o.no_db && ledger_is_revoked(a->ledger, serial))
		return why_set(why, ERR_UNAUTHORIZED, "certificate %s has been revoked", serial);
	enum err err = provisioner_name(&name, cert);
	// A certificate of this CA without the extension may renew as well.
	if (err != ERR_NOT_FOUND && (err || !provisioners_by_name(&a->provisioners, name)))
		return why_set(why, ERR_UNAUTHORIZED, "its provisioner is gone");
	if (!cert_is_valid_at(cert, clock_wall_s()))
		return why_set(why, ERR_UNAUTHORIZED, "certificate has expired");
	return ERR_OK;
}

static enum err
append_extension(struct buf *out, X509_EXTENSION *extension)
{
	unsigned char *der = NULL;
	int n = i2d_X509_EXTENSION(extension, &der);
	if (n < 0)
		return ossl_fail(NULL, ERR_INTERNAL, "extension");
	enum err err = buf_append(out, der, (size_t)n);
	OPENSSL_free(der);
	return err;
}

// The old extensions behind fresh key ids, as Go writes them: [subject key id,] authority key id,
// the others.
static enum err
copy_extensions(struct buf *out, const struct authority *a, const X509 *old,
		const EVP_PKEY *new_key)
{
	if (new_key)
		TRY(cert_write_subject_key_id(out, new_key));
	struct bytes aki = cert_ca_aki(a->ca->issuer);
	TRY(buf_append(out, aki.p, aki.n));
	for (int i = 0; i < X509_get_ext_count(old); i++) {
		X509_EXTENSION *extension = X509_get_ext(old, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
		bool is_replaced = nid == NID_authority_key_identifier ||
				   (new_key && nid == NID_subject_key_identifier);
		if (!is_replaced)
			TRY(append_extension(out, extension));
	}
	return ERR_OK;
}

// new_key: NULL keeps the old one.
static enum err
prepare(struct cert_template *t, struct buf *extensions, const struct authority *a, X509 *old,
	EVP_PKEY *new_key)
{
	const unsigned char *subject;
	size_t n;
	int64_t from;
	int64_t until;
	if (X509_NAME_get0_der(X509_get_subject_name(old), &subject, &n) != 1)
		return ossl_fail(NULL, ERR_INTERNAL, "subject");
	TRY(cert_validity(&from, &until, old));
	TRY(copy_extensions(extensions, a, old, new_key));
	int64_t start = clock_wall_s() - validity_defaults.backdate;
	*t = (struct cert_template){
		.subject_der = BYTES(subject, n),
		.key = new_key ? new_key : X509_get0_pubkey(old),
		.not_before = start,
		.not_after = start + (until - from),
		.extensions_der = buf_bytes(extensions),
	};
	return ERR_OK;
}

static void
renew(struct authority *a, struct http_req *req, const char *endpoint, X509 *old, EVP_PKEY *new_key)
{
	BUF_AUTO struct buf extensions;
	AUTO(free) char *cn = NULL;
	struct cert_template t;
	struct why why = {0};
	buf_init(&extensions, EXTENSIONS_MAX);
	enum err err = check_may_renew(a, old, &why);
	if (!err)
		err = prepare(&t, &extensions, a, old, new_key);
	if (!err)
		err = cert_cn(&cn, old);
	if (err) {
		reply_error(req, err == ERR_UNAUTHORIZED ? err : ERR_INTERNAL, &why);
		return;
	}
	t.cn = cn ? cn : "";
	issue_and_reply(a, req, endpoint, t.cn, &t);
}

void
renew_post(struct http_req *req, void *ctx)
{
	X509 *cert = client_certificate(req);
	AUTO(X509_free) X509 *proven = NULL;
	if (!cert && !renew_token_certificate(&proven, ctx, req))
		return;
	renew(ctx, req, "renew", cert ? cert : proven, NULL);
}

void
rekey_post(struct http_req *req, void *ctx)
{
	const struct post *post = http_req_priv(req);
	X509 *cert = client_certificate(req);
	AUTO(csr_free) struct csr *csr = NULL;
	struct why why = {0};
	enum err err = cert ? read_post_csr(&csr, post, &why)
			    : why_set(&why, ERR_SYNTAX, "missing client certificate");
	if (err)
		reply_error(req, err, &why);
	else
		renew(ctx, req, "rekey", cert, csr->key);
}

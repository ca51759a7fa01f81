// SPDX-License-Identifier: Apache-2.0
#include "pki/trust.h"

#include <openssl/err.h>
#include <strings.h>

#include "base/encode.h"

struct trust {
	X509_STORE *store;
};

enum { SUBJECT_CHARS = 256 };

enum err
trust_new_from_cert(struct trust **out, X509 *anchor)
{
	*out = NULL;
	AUTO(trust_free) struct trust *t = calloc(1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	t->store = X509_STORE_new();
	if (!t->store || X509_STORE_add_cert(t->store, anchor) != 1)
		return ossl_fail(NULL, ERR_NOMEM, "trust anchors");
	// An anchor is trusted because it was given, also when it is no root.
	X509_STORE_set_flags(t->store, X509_V_FLAG_PARTIAL_CHAIN);
	*out = STEAL(t);
	return ERR_OK;
}

enum err
trust_new(struct trust **out, struct bytes anchors_pem, struct why *why)
{
	*out = NULL;
	AUTO(x509_stack_free) STACK_OF(X509) *anchors = NULL;
	AUTO(trust_free) struct trust *t = NULL;
	enum err err = cert_chain_from_pem(&anchors, anchors_pem, why);
	if (err) {
		why_prefix(why, "trust anchors");
		return err;
	}
	TRY(trust_new_from_cert(&t, sk_X509_value(anchors, 0)));
	for (int i = 1; i < sk_X509_num(anchors); i++) {
		if (X509_STORE_add_cert(t->store, sk_X509_value(anchors, i)) != 1)
			return ossl_fail(why, ERR_NOMEM, "trust anchors");
	}
	*out = STEAL(t);
	return ERR_OK;
}

void
trust_free(struct trust *t)
{
	if (!t)
		return;
	X509_STORE_free(t->store);
	free(t);
}

static enum err
explain(X509_STORE_CTX *ctx, struct why *why)
{
	char subject[SUBJECT_CHARS] = "?";
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	if (cert)
		X509_NAME_oneline(X509_get_subject_name(cert), subject, sizeof(subject));
	int code = X509_STORE_CTX_get_error(ctx);
	ERR_clear_error();
	return why_set(why, ERR_CRYPTO, "%s (depth %d, %s)", X509_verify_cert_error_string(code),
		       X509_STORE_CTX_get_error_depth(ctx), subject);
}

enum err
trust_verify(const struct trust *t, X509 *leaf, STACK_OF(X509) * untrusted, int64_t now,
	     enum trust_purpose purpose, struct why *why)
{
	static const int purposes[] = {
		[TRUST_SERVER] = X509_PURPOSE_SSL_SERVER,
		[TRUST_CLIENT] = X509_PURPOSE_SSL_CLIENT,
	};
	AUTO(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	if (!ctx || X509_STORE_CTX_init(ctx, t->store, leaf, untrusted) != 1)
		return ossl_fail(why, ERR_NOMEM, "chain verification");
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)now);
	if (purpose != TRUST_ANY)
		X509_STORE_CTX_set_purpose(ctx, purposes[purpose]);
	return X509_verify_cert(ctx) == 1 ? ERR_OK : explain(ctx, why);
}

bool
trust_find_fingerprint(X509 **found, const STACK_OF(X509) * certs, const char *fingerprint)
{
	uint8_t wanted[SHA256_BYTES];
	if (hex_decode(wanted, sizeof(wanted), BYTES_STR(fingerprint)))
		return false;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		uint8_t hash[SHA256_BYTES];
		X509 *cert = sk_X509_value(certs, i);
		if (cert_sha256(hash, cert) || memcmp(hash, wanted, sizeof(hash)) != 0)
			continue;
		if (found)
			*found = cert;
		return true;
	}
	return false;
}

enum err
trust_verify_pinned(X509 *leaf, STACK_OF(X509) * others, const char *fingerprint, int64_t now,
		    struct why *why)
{
	X509 *pinned = NULL;
	AUTO(trust_free) struct trust *t = NULL;
	if (!trust_find_fingerprint(&pinned, others, fingerprint))
		return why_set(why, ERR_NOT_FOUND,
			       "no certificate of the chain has the SHA-256 fingerprint %.64s",
			       fingerprint);
	if (X509_check_ca(pinned) == 0)
		return why_set(why, ERR_CRYPTO,
			       "the certificate with the fingerprint %.64s is not a CA",
			       fingerprint);
	TRY(trust_new_from_cert(&t, pinned));
	return trust_verify(t, leaf, others, now, TRUST_ANY, why);
}

enum err
trust_check_host(X509 *cert, const char *host, struct why *why)
{
	SAN_LIST_AUTO struct san_list asked;
	san_list_init(&asked);
	if (san_list_add_host(&asked, host))
		return why_set(why, ERR_CRYPTO, "\"%.128s\" is not a host name", host);
	int match =
		asked.items[0].type == SAN_IP
			? X509_check_ip_asc(cert, host, 0)
			: X509_check_host(cert, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL);
	if (match == 1)
		return ERR_OK;
	char subject[SUBJECT_CHARS];
	X509_NAME_oneline(X509_get_subject_name(cert), subject, sizeof(subject));
	return why_set(why, ERR_CRYPTO, "the certificate of %s is not for host \"%.128s\"", subject,
		       host);
}

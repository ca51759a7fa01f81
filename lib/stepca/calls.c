// SPDX-License-Identifier: Apache-2.0
// The kinds of call: what each sends and what it makes of the answer.
#include <openssl/rand.h>

#include "base/clock.h"
#include "pki/jose.h"
#include "stepca/internal.h"

enum {
	REASON_UNSPECIFIED = 0, // RFC 5280 section 5.3.1
};

// Appends a token made this moment, with a jti that no other has.
static enum err
write_token(struct stepca_call *call, struct buf *out, const char *audience,
	    const char *const *sans)
{
	struct stepca *ca = call->ca;
	uint8_t jti[TOKEN_JTI_BYTES];
	if (RAND_bytes(jti, sizeof(jti)) != 1)
		return ERR_CRYPTO;
	struct token_claims claims = {
		.issuer = ca->provisioner,
		.audience = audience,
		.subject = call->subject,
		.sans = sans,
		.root_sha256 = ca->root_fingerprint,
		.csr_sha256 = call->csr ? call->csr->sha256 : NULL,
		.jti = jti,
		.now = clock_wall_s(),
	};
	json_auto_t *json = token_claims_to_json(&claims);
	return json ? jws_sign_token(out, ca->kid, json, ca->key) : ERR_NOMEM;
}

// Appends a body and forgets the reference.
static enum err
write_json(struct buf *out, json_t *take_body)
{
	AUTO(free) char *text = take_body ? json_dumps(take_body, JSON_COMPACT) : NULL;
	json_decref(take_body);
	return text ? buf_append_str(out, text) : ERR_NOMEM;
}

static enum err
read_certificate(struct stepca_call *call, const struct http_answer *answer, struct why *why)
{
	json_auto_t *body = http_answer_json(answer, why);
	struct expected_leaf want = {
		.key = call->leaf_key,
		.subject = call->subject,
		.sans = (const char *const *)call->sans,
	};
	if (!body)
		return why_set(why, ERR_UPSTREAM_FAULT, "step-ca's answer to %s is not JSON",
			       call->kind->name);
	checked_answer_fini(&call->answer);
	return checked_answer_read(&call->answer, &call->ca->issuers, &want, body, clock_wall_s(),
				   why);
}

// --- load ---

static const struct call_kind kind_load = {.name = "load", .needs_key = true};

enum err
stepca_load(struct stepca_call **out, struct stepca *ca, stepca_ready_fn *done, void *ctx)
{
	struct stepca_call *call = stepca_call_new(ca, &kind_load, ctx);
	if (!call)
		return ERR_NOMEM;
	call->ready_done = done;
	return stepca_call_begin(out, call);
}

// --- sign ---

static enum err
write_sign(struct stepca_call *call, struct buf *out)
{
	BUF_AUTO struct buf pem;
	BUF_AUTO struct buf token;
	const char *const only_subject[] = {call->subject, NULL};
	buf_init(&pem, 2 * CSR_MAX_BYTES);
	buf_init(&token, JWS_MAX_BYTES);
	// Written anew from what was parsed: the CA reads exactly what was checked here.
	TRY(pem_write(&pem, "CERTIFICATE REQUEST", buf_bytes(&call->csr->der)));
	TRY(write_token(call, &token, call->ca->sign_audience,
			call->sans ? (const char *const *)call->sans : only_subject));
	return write_json(out, json_pack("{s:s, s:s, s:s*}", "csr", (const char *)pem.data, "ott",
					 (const char *)token.data, "notAfter", call->not_after));
}

static const struct call_kind kind_sign = {
	.name = "sign",
	.path = "/1.0/sign",
	.expected = 201,
	.needs_key = true,
	.write_body = write_sign,
	.read_answer = read_certificate,
};

static char **
copy_strings(const char *const *list)
{
	size_t n = 0;
	while (list[n])
		n++;
	char **copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = strdup(list[i]);
	return copy;
}

static enum err
take_sign_request(struct stepca_call *call, const struct stepca_sign_request *r)
{
	call->csr = r->csr;
	if (!r->csr) {
		TRY(csr_parse(&call->own_csr, r->csr_pem, NULL));
		call->csr = call->own_csr;
	}
	call->leaf_key = call->csr->key;
	call->subject = strdup(r->subject);
	call->not_after = r->not_after ? strdup(r->not_after) : NULL;
	call->sans = r->sans ? copy_strings(r->sans) : NULL;
	bool complete = call->subject && (!r->not_after || call->not_after);
	for (size_t i = 0; complete && r->sans && r->sans[i]; i++)
		complete = call->sans && call->sans[i];
	return complete ? ERR_OK : ERR_NOMEM;
}

enum err
stepca_sign(struct stepca_call **out, struct stepca *ca, const struct stepca_sign_request *r,
	    stepca_sign_fn *done, void *ctx)
{
	struct stepca_call *call = stepca_call_new(ca, &kind_sign, ctx);
	if (!call)
		return ERR_NOMEM;
	call->sign_done = done;
	enum err err = take_sign_request(call, r);
	if (err != ERR_OK) {
		stepca_call_cancel(call);
		return err;
	}
	return stepca_call_begin(out, call);
}

// --- renew ---

static enum err
write_empty(struct stepca_call *call, struct buf *out)
{
	(void)call;
	return buf_append_str(out, "{}");
}

static const struct call_kind kind_renew = {
	.name = "renew",
	.path = "/1.0/renew",
	.expected = 201,
	.write_body = write_empty,
	.read_answer = read_certificate,
};

// The names that the old certificate has are the ones that the new one must have.
static enum err
take_names(struct stepca_call *call, const X509 *cert)
{
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	TRY(cert_cn(&call->subject, cert));
	TRY(cert_sans(&sans, cert));
	call->sans = calloc(sans.n + 1, sizeof(*call->sans));
	if (!call->sans || !call->subject)
		return call->sans ? ERR_INPUT : ERR_NOMEM;
	for (size_t i = 0; i < sans.n; i++) {
		call->sans[i] = strdup(sans.items[i].text);
		if (!call->sans[i])
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err
take_renewal(struct stepca_call *call, struct bytes chain_pem, EVP_PKEY *key)
{
	AUTO(X509_free) X509 *leaf = NULL;
	TRY(cert_from_pem(&leaf, chain_pem, NULL));
	TRY(take_names(call, leaf));
	EVP_PKEY_up_ref(key);
	call->own_key = key;
	call->leaf_key = key;
	// The anchors are those of the client; this connection also shows the certificate.
	struct bytes anchors = BYTES_STR(call->ca->root_pem);
	struct tls_client_options o = {
		.roots_pem = anchors, .chain_pem = chain_pem, .key = key, .alpn = "http/1.1"};
	return tls_client_new(&call->own_tls, &o, NULL);
}

enum err
stepca_renew(struct stepca_call **out, struct stepca *ca, struct bytes chain_pem, EVP_PKEY *key,
	     stepca_sign_fn *done, void *ctx)
{
	if (!load_has_trust(ca))
		return ERR_WRONG_STATE;
	struct stepca_call *call = stepca_call_new(ca, &kind_renew, ctx);
	if (!call)
		return ERR_NOMEM;
	call->sign_done = done;
	enum err err = take_renewal(call, chain_pem, key);
	if (err != ERR_OK) {
		stepca_call_cancel(call);
		return err;
	}
	return stepca_call_begin(out, call);
}

// --- revoke ---

static enum err
write_revoke(struct stepca_call *call, struct buf *out)
{
	BUF_AUTO struct buf token;
	buf_init(&token, JWS_MAX_BYTES);
	TRY(write_token(call, &token, call->ca->revoke_audience, NULL));
	return write_json(out, json_pack("{s:s, s:s, s:i, s:s*, s:b}", "serial", call->subject,
					 "ott", (const char *)token.data, "reasonCode",
					 REASON_UNSPECIFIED, "reason", call->reason, "passive", 1));
}

// "certificate with serial number 'N' is already revoked" (contracts/step-ca.md 8)
static bool
forgive_revoked(const struct stepca_call *call, const struct http_answer *answer)
{
	(void)call;
	json_auto_t *body = http_answer_json(answer, NULL);
	const char *message = json_string_value(json_object_get(body, "message"));
	return answer->status == 400 && message && strstr(message, "already revoked");
}

static const struct call_kind kind_revoke = {
	.name = "revoke",
	.path = "/1.0/revoke",
	.expected = 200,
	.needs_key = true,
	.write_body = write_revoke,
	.forgives = forgive_revoked,
};

enum err
stepca_revoke(struct stepca_call **out, struct stepca *ca, const char *serial_decimal,
	      const char *reason, stepca_ready_fn *done, void *ctx)
{
	struct stepca_call *call = stepca_call_new(ca, &kind_revoke, ctx);
	if (!call)
		return ERR_NOMEM;
	call->ready_done = done;
	call->subject = strdup(serial_decimal);
	call->reason = reason ? strdup(reason) : NULL;
	if (!call->subject || (reason && !call->reason)) {
		stepca_call_cancel(call);
		return ERR_NOMEM;
	}
	return stepca_call_begin(out, call);
}

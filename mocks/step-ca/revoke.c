// SPDX-License-Identifier: Apache-2.0
// POST /revoke: passive revocation; all it does is that the serial can no longer be renewed.
#include "step-ca/internal.h"

enum { REASON_CODE_MAX = 10 };

// Everything that is checked before anybody is asked who they are.
static enum err
check_body(const struct post *post, struct why *why)
{
	const struct post_body *body = &post->body;
	if (!post->is_read)
		return why_set(why, ERR_SYNTAX, "error decoding json");
	if (!body->serial || !*body->serial)
		return why_set(why, ERR_SYNTAX, "missing serial");
	if (body->reason_code < 0 || body->reason_code > REASON_CODE_MAX)
		return why_set(why, ERR_SYNTAX, "reasonCode out of bounds");
	if (!body->passive)
		return why_set(why, ERR_UNSUPPORTED, "non-passive revocation not implemented");
	return ERR_OK;
}

static enum err
check_client_certificate(const struct http_req *req, const char *serial, struct why *why)
{
	const X509 *cert = client_certificate(req);
	char own[CERT_SERIAL_CHARS + 1];
	if (!cert)
		return why_set(why, ERR_SYNTAX, "missing ott or client certificate");
	if (cert_serial(own, cert) || strcmp(own, serial) != 0)
		return why_set(why, ERR_SYNTAX,
			       "serial number in client certificate different than body");
	return ERR_OK;
}

static enum err
revoke_serial(struct authority *a, const char *serial, struct why *why)
{
	if (a->o.no_db)
		return why_set(why, ERR_UNSUPPORTED, "no persistence layer configured");
	enum err err = ledger_revoke(a->ledger, serial);
	if (err == ERR_CONFLICT)
		return why_set(why, ERR_SYNTAX,
			       "certificate with serial number '%s' is already revoked", serial);
	return err ? why_set(why, ERR_INTERNAL, "ledger: %s", err_text(err)) : ERR_OK;
}

void
revoke_post(struct http_req *req, void *ctx)
{
	struct authority *a = ctx;
	const struct post *post = http_req_priv(req);
	const struct post_body *body = &post->body;
	struct token token;
	struct why why = {0};
	enum err err = check_body(post, &why);
	if (!err && body->ott && *body->ott) {
		// It has replied when it fails.
		if (authorize_post(&token, a, req, post, TOKEN_FOR_REVOKE))
			return;
	} else if (!err) {
		err = check_client_certificate(req, body->serial, &why);
	}
	if (!err)
		err = revoke_serial(a, body->serial, &why);
	if (err)
		reply_error(req, err, &why);
	else
		reply_json_text(req, 200, BYTES_STR("{\"status\":\"ok\"}\n"));
}

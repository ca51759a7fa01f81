// SPDX-License-Identifier: Apache-2.0
// POST /sign, in the order of contracts/step-ca.md 4: it decides which failures burn the token.
#include "base/clock.h"
#include "step-ca/internal.h"
#include "step-ca/names.h"

// What Go's crypto/x509 can hold: it refuses other curves and key types while it parses.
static bool
go_knows_key(const struct csr *csr)
{
	static const char *const curves[] = {"P-224", "P-256", "P-384", "P-521"};
	if (csr->kind != KEY_KIND_EC)
		return csr->kind == KEY_KIND_ED25519 || csr->kind == KEY_KIND_RSA;
	for (size_t i = 0; i < N_ELEMENTS(curves); i++) {
		if (strcmp(csr->curve, curves[i]) == 0)
			return true;
	}
	return false;
}

static enum err
decoding_failed(struct why *why)
{
	return why_set(why, ERR_SYNTAX, "error decoding json");
}

enum err
read_post_csr(struct csr **out, const struct post *post, struct why *why)
{
	AUTO(csr_free) struct csr *csr = NULL;
	const char *text = post->body.csr;
	*out = NULL;
	if (!post->is_read)
		return decoding_failed(why);
	if (!text || !*text)
		return why_set(why, ERR_SYNTAX, "missing csr");
	// Bare DER is no text that Go would take.
	if (!strstr(text, "-----BEGIN") || csr_parse(&csr, BYTES_STR(text), NULL) ||
	    !go_knows_key(csr))
		return decoding_failed(why);
	if (csr_verify(csr, NULL))
		return why_set(why, ERR_SYNTAX, "invalid csr");
	*out = STEAL(csr);
	return ERR_OK;
}

struct sign_input {
	struct csr *csr;
	struct go_time not_before;
	struct go_time not_after;
};

// Step 1: nothing is burnt when it fails.
static enum err
read_input(struct sign_input *in, const struct post *post, struct why *why)
{
	// Times are decoded with the rest of the JSON, before anything is looked at.
	if (go_time_parse(&in->not_before, post->body.not_before) ||
	    go_time_parse(&in->not_after, post->body.not_after))
		return decoding_failed(why);
	TRY(read_post_csr(&in->csr, post, why));
	if (!post->body.ott || !*post->body.ott)
		return why_set(why, ERR_SYNTAX, "missing ott");
	return ERR_OK;
}

// The names of the leaf come from the token alone.
static enum err
read_sans(struct san_list *out, const struct token *token)
{
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	if (!token->sans)
		TRY(names_add(&sans, token->subject));
	for (size_t i = 0; i < json_array_size(token->sans); i++)
		TRY(names_add(&sans, json_string_value(json_array_get(token->sans, i))));
	return names_sort(out, &sans);
}

// Step 5. The token is burnt.
static enum err
decide(struct cert_template *t, const struct sign_input *in, const struct token *token,
       struct san_list *sans, uint64_t now_ns, struct why *why)
{
	struct validity life;
	if (read_sans(sans, token))
		return why_set(why, ERR_INTERNAL, "a name of the token cannot be encoded");
	TRY(names_check_csr(in->csr, token->subject, sans, why));
	TRY(validity_decide(&life, &in->not_before, &in->not_after, now_ns, &validity_defaults,
			    why));
	*t = (struct cert_template){
		.cn = token->subject,
		.key = in->csr->key,
		.not_before = life.not_before,
		.not_after = life.not_after,
		.sans = sans,
		.key_usage = KU_DIGITAL_SIGNATURE |
			     (in->csr->kind == KEY_KIND_RSA ? KU_KEY_ENCIPHERMENT : 0U),
		.ext_key_usage = XKU_SSL_SERVER | XKU_SSL_CLIENT,
	};
	return ERR_OK;
}

static void
sign(struct authority *a, struct http_req *req, const struct sign_input *in,
     const struct post *post)
{
	SAN_LIST_AUTO struct san_list sans;
	struct cert_template t;
	struct token token;
	struct why why = {0};
	san_list_init(&sans);
	enum err err = authorize_post(&token, a, req, post, TOKEN_FOR_SIGN);
	if (err)
		return;
	err = decide(&t, in, &token, &sans, clock_wall_ns(), &why);
	if (err) {
		reply_error(req, err, &why);
		return;
	}
	const struct cert_extension step = {
		.oid = step_extension_oid,
		.value = buf_bytes(&token.provisioner->step_extension),
	};
	t.extra = &step;
	t.n_extra = 1;
	issue_and_reply(a, req, "sign", token.subject, &t);
}

void
sign_post(struct http_req *req, void *ctx)
{
	const struct post *post = http_req_priv(req);
	struct sign_input in = {0};
	struct why why = {0};
	enum err err = read_input(&in, post, &why);
	if (err)
		reply_error(req, err, &why);
	else
		sign(ctx, req, &in, post);
	csr_free(in.csr);
}

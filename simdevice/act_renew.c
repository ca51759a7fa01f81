// SPDX-License-Identifier: Apache-2.0
// POST /1.0/renew at step-ca over mutual TLS: same key and names, new serial
// (contracts/step-ca.md). The device needs no password for it, its certificate is the proof.
#include <string.h>

#include "act.h"
#include "base/clock.h"

static const char what[] = "POST /1.0/renew";

static enum err
write_chain(struct buf *out, const struct identity *id)
{
	TRY(cert_to_pem(out, id->leaf));
	return cert_chain_to_pem(out, issuers_certs(id->issuers));
}

// crt is the new leaf; certChain repeats it and goes on with its issuers.
static enum err
join_chain(struct buf *out, const json_t *json, struct why *why)
{
	const json_t *chain = json_object_get(json, "certChain");
	for (size_t i = 0; i < json_array_size(chain); i++) {
		const char *pem = json_string_value(json_array_get(chain, i));
		if (!pem)
			return why_set(why, ERR_SYNTAX, "certChain holds something that is no PEM");
		TRY(buf_append_str(out, pem));
	}
	if (out->len == 0)
		return why_set(why, ERR_SYNTAX, "the answer has no certChain");
	return ERR_OK;
}

static enum err
adopt_renewed(struct sim_device *s, const struct http_answer *a, const char **kind, struct why *why)
{
	struct worker *w = s->worker;
	json_auto_t *json = http_answer_json(a, why);
	if (!json)
		return ERR_SYNTAX;
	BUF_AUTO struct buf chain;
	buf_init(&chain, FLASH_FILE_MAX);
	TRY(join_chain(&chain, json, why));
	struct enroll_job *job = calloc(1, sizeof(*job));
	if (!job)
		return ERR_NOMEM;
	buf_init(&job->csr, CSR_MAX_BYTES);
	enroll_job_free(s->job);
	s->job = job;
	struct identity_texts texts = {.key = s->identity.key,
				       .cert = buf_bytes(&chain),
				       .ca_chain = BYTES_STR(w->root_pem)};
	TRY(identity_build(&job->identity, &texts, s->dev.id, w->root, clock_wall_s(), w->issuers,
			   NULL, kind, why));
	return flash_image_set(&job->image, FLASH_CERT, buf_bytes(&chain));
}

static void
on_renewed(const struct http_answer *a, void *ctx)
{
	struct sim_device *s = ctx;
	act_http_ended(s);
	struct why why = {0};
	const char *kind = "bad-answer";
	enum dev_event event = EV_OK;
	if (a->err)
		event = act_http_failed(s, a, what);
	else if (a->status != 201)
		event = act_http_refused(s, a, what);
	else if (adopt_renewed(s, a, &kind, &why)) {
		device_fail(&s->dev, LAYER_HTTP, kind, 0, "%s: %s", what, why.text);
		event = EV_REFUSED;
	}
	sim_device_done(s, event, s->call_attempt);
}

static enum err
send_request(struct sim_device *s, struct why *why)
{
	const struct sim_config *c = s->worker->config;
	if (!c->step_ca)
		return why_set(why, ERR_INPUT, "the URL of step-ca is not configured");
	BUF_AUTO struct buf chain;
	buf_init(&chain, FLASH_FILE_MAX);
	TRY(write_chain(&chain, &s->identity));
	AUTO(tls_client_unref) struct tls_client *tls = NULL;
	TRY(tls_client_new(&tls,
			   &(struct tls_client_options){.roots_pem = BYTES_STR(s->worker->root_pem),
							.chain_pem = buf_bytes(&chain),
							.key = s->identity.key,
							.alpn = "http/1.1"},
			   why));
	BUF_AUTO struct buf url;
	buf_init(&url, 4096);
	TRY(buf_printf(&url, "%s/1.0/renew", c->step_ca));
	act_http_start(s,
		       &(struct http_request){.method = "POST",
					      .url = (const char *)url.data,
					      .tls = tls,
					      .content_type = "application/json",
					      .body = BYTES_STR("{}"),
					      .timeout_ms = c->limits.renew_ms + HTTP_GRACE_MS,
					      .fresh_connection = true},
		       on_renewed);
	return ERR_OK;
}

void
act_renew(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct why why = {0};
	enum err err = send_request(s, &why);
	if (err) {
		device_fail(d, err == ERR_INPUT ? LAYER_USAGE : LAYER_TLS, "not-configured", 0,
			    "%s: %s", what, why.text[0] ? why.text : err_text(err));
		device_post(d, EV_REFUSED);
	}
}

// SPDX-License-Identifier: Apache-2.0
// Key pair, CSR, POST enroll, and a distrustful look at what comes back. A retry sends the same CSR
// again.
#include <stdio.h>
#include <string.h>

#include "act.h"
#include "base/clock.h"
#include "enroll_answer.h"

static const char what[] = "POST enroll";

void
enroll_job_free(struct enroll_job *job)
{
	if (!job)
		return;
	EVP_PKEY_free(job->key);
	wg_key_wipe(&job->wg_private);
	buf_fini(&job->csr);
	identity_fini(&job->identity);
	flash_image_fini(&job->image);
	free(job);
}

AUTO_DEFINE(struct enroll_job *, enroll_job_free)

static enum err
make_job(struct sim_device *s)
{
	const struct sim_orders *orders = sim_device_orders_peek(s);
	AUTO(enroll_job_free) struct enroll_job *job = calloc(1, sizeof(*job));
	if (!job)
		return ERR_NOMEM;
	buf_init(&job->csr, CSR_MAX_BYTES);
	TRY(key_generate(&job->key));
	job->device_has_wg_key = !orders->bridge_makes_wg_key && orders->dialect != DIALECT_NATIVE;
	if (job->device_has_wg_key)
		TRY(wg_key_generate(&job->wg_private, &job->wg_public));
	// A wrong CN that was named is said as it is.
	bool named = orders->csr == CSR_WRONG_CN && orders->cn[0];
	TRY(csr_variant_make(&job->csr, named ? CSR_NORMAL : orders->csr, job->key,
			     orders->cn[0] ? orders->cn : s->dev.id));
	if (s->enroll_report) {
		s->enroll_report->has_csr = true;
		TRY(key_public_sha256(s->enroll_report->csr_public_sha256, job->key));
	}
	enroll_job_free(s->job);
	s->job = STEAL(job);
	return ERR_OK;
}

// wg0.conf as it will stand on flash: with the private key that only this device knows, where the
// bridge left the place open.
static enum err
complete_wg(struct buf *out, const struct enroll_job *job, struct bytes text, struct why *why)
{
	if (!job->device_has_wg_key)
		return buf_append(out, text.p, text.n);
	return wg_conf_substitute(out, text, &job->wg_private, why);
}

static enum err
note_time(struct flash_image *image)
{
	char now[CLOCK_RFC3339_BYTES + 1];
	clock_format_rfc3339(now, clock_wall_ns(), 0);
	size_t n = strlen(now);
	now[n] = '\n';
	return flash_image_set(image, FLASH_FLAG, BYTES(now, n + 1));
}

static bool
keeps_files(const struct sim_device *s)
{
	return s->flash_dir || s->worker->config->keep_flash;
}

static enum err
fill_image(struct enroll_job *job, const struct enroll_answer *answer, struct bytes wg)
{
	SECRET_AUTO struct secret key = SECRET_NONE;
	TRY(key_to_pem(&key, job->key));
	TRY(flash_image_set(&job->image, FLASH_KEY, BYTES(key.text, key.n)));
	TRY(flash_image_set(&job->image, FLASH_CERT, BYTES_STR(answer->cert)));
	TRY(flash_image_set(&job->image, FLASH_CHAIN, BYTES_STR(answer->ca_chain)));
	if (wg.n)
		TRY(flash_image_set(&job->image, FLASH_WG, wg));
	return note_time(&job->image);
}

static void
report_answer(struct sim_device *s, const struct enroll_answer *answer)
{
	struct enroll_report *r = s->enroll_report;
	if (!r)
		return;
	X509_free(r->leaf);
	r->leaf = NULL;
	if (cert_from_pem(&r->leaf, BYTES_STR(answer->cert), NULL))
		r->leaf = NULL;
	snprintf(r->wg_ip, sizeof(r->wg_ip), "%s", answer->wg_ip ? answer->wg_ip : "");
	r->wg_public_key[0] = '\0';
	if (s->job->device_has_wg_key)
		wg_key_print(r->wg_public_key, &s->job->wg_public);
}

static enum dev_event
refuse_answer(struct sim_device *s, const char *kind, const struct why *why)
{
	device_fail(&s->dev, LAYER_HTTP, kind, 0, "the bridge's answer is not usable: %s",
		    why->text[0] ? why->text : err_text(why->err));
	return EV_REFUSED;
}

static enum dev_event
accept_answer(struct sim_device *s, const struct http_answer *a)
{
	const struct sim_orders *orders = sim_device_orders_peek(s);
	struct worker *w = s->worker;
	struct enroll_job *job = s->job;
	struct why why = {0};
	ENROLL_ANSWER_AUTO struct enroll_answer answer = {0};
	if (enroll_answer_parse(&answer, a->body, orders->dialect, &why))
		return refuse_answer(s, "bad-answer", &why);
	report_answer(s, &answer);
	SECRET_AUTO struct secret wiped = SECRET_NONE;
	BUF_AUTO struct buf wg;
	buf_init(&wg, FLASH_FILE_MAX);
	if (answer.wg && complete_wg(&wg, job, BYTES_STR(answer.wg), &why))
		return refuse_answer(s, "bad-wg-config", &why);
	wiped = (struct secret){(char *)wg.data, wg.len};
	wg.data = NULL;
	struct bytes wg_text = wiped.text ? BYTES(wiped.text, wiped.n) : BYTES_NONE;
	struct identity_texts texts = {.key = job->key,
				       .cert = BYTES_STR(answer.cert),
				       .ca_chain = BYTES_STR(answer.ca_chain),
				       .wg = wg_text};
	const char *kind = "bad-answer";
	struct identity_facts *facts = s->enroll_report ? &s->enroll_report->facts : NULL;
	if (identity_build(&job->identity, &texts, s->dev.id, w->root, clock_wall_s(), w->issuers,
			   facts, &kind, &why))
		return refuse_answer(s, kind, &why);
	if (keeps_files(s) && fill_image(job, &answer, wg_text))
		return refuse_answer(s, "internal", &why);
	return EV_OK;
}

static void
report_reply(struct sim_device *s, const struct http_answer *a)
{
	struct enroll_report *r = s->enroll_report;
	if (!r)
		return;
	struct problem problem = {0};
	if (a->status != 200)
		problem_parse(&problem, a->body);
	r->status = a->status;
	r->time_ms = (double)a->total_ns / (double)NS_PER_MS;
	memcpy(r->type, problem.type, sizeof(r->type));
	memcpy(r->detail, problem.detail, sizeof(r->detail));
	r->has_retry_after = a->retry_after != NULL;
	r->retry_after_s = retry_after_ms(a->retry_after) / 1000;
}

static void
on_enrolled(const struct http_answer *a, void *ctx)
{
	struct sim_device *s = ctx;
	act_http_ended(s);
	report_reply(s, a);
	enum dev_event event;
	if (a->err)
		event = act_http_failed(s, a, what);
	else if (a->status != 200)
		event = act_http_refused(s, a, what);
	else
		event = accept_answer(s, a);
	sim_device_done(s, event, s->call_attempt);
}

static enum err
send_request(struct sim_device *s)
{
	const struct sim_config *c = s->worker->config;
	const struct enroll_job *job = s->job;
	const struct enroll_request request = {
		.dialect = sim_device_orders_peek(s)->dialect,
		.device_id = s->dev.id,
		.csr = job->csr.data ? (const char *)job->csr.data : "",
		.wg_public_key = job->device_has_wg_key ? &job->wg_public : NULL};
	BUF_AUTO struct buf url;
	buf_init(&url, 4096);
	BUF_AUTO struct buf body;
	buf_init(&body, 2 * CSR_MAX_BYTES);
	TRY(buf_append_str(&url, c->bridge));
	TRY(enroll_request_path(&url, &request));
	TRY(enroll_request_body(&body, &request));
	act_http_start(s,
		       &(struct http_request){.method = "POST",
					      .url = (const char *)url.data,
					      .tls = s->worker->https,
					      .content_type = "application/json",
					      .body = buf_bytes(&body),
					      .timeout_ms = c->limits.enroll_ms + HTTP_GRACE_MS,
					      .answer_max = 2 * FLASH_FILE_MAX,
					      .fresh_connection = true},
		       on_enrolled);
	return ERR_OK;
}

void
act_enroll(struct device *d, bool same_csr)
{
	struct sim_device *s = sim_device_of(d);
	enum err err = same_csr && s->job ? ERR_OK : make_job(s);
	if (!err)
		err = send_request(s);
	if (err) {
		device_fail(d, LAYER_HTTP, "internal", 0, "the CSR cannot be made: %s",
			    err_text(err));
		device_post(d, EV_REFUSED);
	}
}

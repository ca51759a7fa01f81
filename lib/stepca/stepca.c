// SPDX-License-Identifier: Apache-2.0
// The life of a call: wait for trust and key (shared by all), send with a fresh token, and on a
// failure decide between another attempt and giving up. A call ends exactly once, from the loop,
// and its budget runs from the start whatever it waits for.
#include "stepca/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/encode.h"

enum {
	// A refused connection is answered by the kernel at once: one more try covers a restart,
	// more would only keep the caller waiting for its 503.
	TRIES_WHEN_DOWN = 2,
	TRIES_WHEN_FAULTY = 3,
	BACKOFF_BASE_MS = 100,
};

static void call_attempt(struct stepca_call *call);

static void
free_strings(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static void
call_free(uv_handle_t *handle)
{
	struct stepca_call *call = CONTAINER_OF(handle, struct stepca_call, timer);
	struct stepca *ca = call->ca;
	checked_answer_fini(&call->answer);
	tls_client_unref(call->own_tls);
	csr_free(call->own_csr);
	EVP_PKEY_free(call->own_key);
	free_strings(call->sans);
	free(call->subject);
	free(call->not_after);
	free(call->reason);
	free(call);
	stepca_unref(ca);
}

struct stepca_call *
stepca_call_new(struct stepca *ca, const struct call_kind *kind, void *ctx)
{
	struct stepca_call *call = calloc(1, sizeof(*call));
	if (!call || uv_timer_init(ca->loop, &call->timer) != 0) {
		free(call);
		return NULL;
	}
	ca->refs++;
	call->ca = ca;
	call->kind = kind;
	call->ctx = ctx;
	call->deadline_ns = clock_mono_ns() + ca->budget_ms * NS_PER_MS;
	DL_APPEND(ca->calls, call);
	return call;
}

void
stepca_call_cancel(struct stepca_call *call)
{
	struct stepca *ca = call->ca;
	if (call->is_done)
		return;
	call->is_done = true;
	if (call->http)
		http_call_cancel(call->http);
	call->http = NULL;
	if (call->is_waiting)
		DL_DELETE2(ca->waiting, call, wait_prev, wait_next);
	call->is_waiting = false;
	DL_DELETE(ca->calls, call);
	uv_close((uv_handle_t *)&call->timer, call_free);
}

static void
call_finish(struct stepca_call *call, const struct stepca_outcome *outcome)
{
	const struct stepca_certificate *cert = outcome->err == ERR_OK ? &call->answer.cert : NULL;
	stepca_sign_fn *sign_done = call->sign_done;
	stepca_ready_fn *ready_done = call->ready_done;
	void *ctx = call->ctx;
	// Cancelled first (its memory lives until the timer is closed), so that done may start or
	// cancel calls or free the client.
	stepca_call_cancel(call);
	if (sign_done)
		sign_done(outcome, cert, ctx);
	else
		ready_done(outcome, ctx);
}

static void
finish_timeout(struct stepca_call *call)
{
	struct stepca_outcome outcome = {.err = ERR_TIMEOUT};
	why_set(&outcome.why, ERR_TIMEOUT, "step-ca at %s did not answer within %u ms (%s)",
		call->ca->url, call->ca->budget_ms, call->kind->name);
	call_finish(call, &outcome);
}

static uint64_t
remaining_ms(const struct stepca_call *call)
{
	uint64_t now = clock_mono_ns();
	return now < call->deadline_ns ? (call->deadline_ns - now) / NS_PER_MS : 0;
}

static void
on_budget(uv_timer_t *timer)
{
	finish_timeout(CONTAINER_OF(timer, struct stepca_call, timer));
}

static void
on_backoff(uv_timer_t *timer)
{
	call_attempt(CONTAINER_OF(timer, struct stepca_call, timer));
}

static unsigned
tries_for(enum err err)
{
	return err == ERR_UPSTREAM_DOWN	   ? TRIES_WHEN_DOWN
	       : err == ERR_UPSTREAM_FAULT ? TRIES_WHEN_FAULTY
					   : 0;
}

// Another attempt after a pause, or the end.
static void
call_failed(struct stepca_call *call, const struct stepca_outcome *outcome)
{
	struct stepca *ca = call->ca;
	call->failures++;
	uint64_t base = (uint64_t)BACKOFF_BASE_MS << (call->failures - 1);
	uint64_t pause = base / 2 + rng_below(&ca->rng, base);
	if (call->failures >= tries_for(outcome->err) || pause >= remaining_ms(call)) {
		call_finish(call, outcome);
		return;
	}
	log_info(&ca->log, "stepca.retry", KV_STR("call", call->kind->name),
		 KV_U64("attempt", call->failures), KV_U64("pause_ms", pause), KV_ERR(outcome->err),
		 KV_STR("why", outcome->why.text));
	uv_timer_start(&call->timer, on_backoff, pause, 0);
}

static void
call_failed_with(struct stepca_call *call, enum err err, const struct why *why)
{
	struct stepca_outcome outcome = {.err = err, .why = *why};
	if (!outcome.why.text[0])
		why_set(&outcome.why, err, "step-ca client: %s", err_text(err));
	call_failed(call, &outcome);
}

// 401 has many causes that look alike from here; a rotated provisioner key is the one that mends
// itself.
static bool
retry_with_new_key(struct stepca_call *call)
{
	struct stepca *ca = call->ca;
	if (!call->kind->needs_key || call->key_was_reloaded)
		return false;
	call->key_was_reloaded = true;
	if (call->key_version == ca->key_version)
		ca->key_doubted = true;
	call_attempt(call);
	return true;
}

static void
on_answer(const struct http_answer *answer, void *ctx)
{
	struct stepca_call *call = ctx;
	const struct call_kind *kind = call->kind;
	struct stepca_outcome outcome;
	call->http = NULL;
	stepca_judge(&outcome, call->ca->url, kind->name, kind->expected, answer);
	if (answer->err == ERR_CLOSED && answer->connect_ns == 0 && !call->reuse_failed) {
		// The CA closes idle connections after 15 s and at every reload
		// (contracts/step-ca.md 1).
		call->reuse_failed = true;
		call_attempt(call);
		return;
	}
	if (answer->status == 401 && retry_with_new_key(call))
		return;
	if (outcome.err != ERR_OK && answer->err == ERR_OK && kind->forgives &&
	    kind->forgives(call, answer))
		outcome = (struct stepca_outcome){.status = answer->status};
	if (outcome.err == ERR_OK && kind->read_answer)
		outcome.err = kind->read_answer(call, answer, &outcome.why);
	if (outcome.err == ERR_OK)
		call_finish(call, &outcome);
	else
		call_failed(call, &outcome);
}

static enum err
call_send(struct stepca_call *call)
{
	struct stepca *ca = call->ca;
	BUF_AUTO struct buf url;
	BUF_AUTO struct buf body;
	buf_init(&url, 4096);
	buf_init(&body, 128 * 1024);
	TRY(buf_printf(&url, "%s%s", ca->url, call->kind->path));
	TRY(call->kind->write_body(call, &body));
	call->key_version = ca->key_version;
	struct http_request request = {
		.method = "POST",
		.url = (const char *)url.data,
		.tls = call->own_tls ? call->own_tls : ca->tls,
		.content_type = "application/json",
		.body = buf_bytes(&body),
		.timeout_ms = ca->budget_ms + 1000, // the call's own timer ends it first
		.answer_max = STEPCA_ANSWER_MAX,
		.fresh_connection = call->reuse_failed || call->own_tls,
	};
	return http_call_start(&call->http, ca->http, &request, on_answer, call);
}

static void
wait_for_load(struct stepca_call *call)
{
	struct why why = {0};
	enum err err = load_start(call->ca, &why);
	if (err != ERR_OK) {
		call_failed_with(call, err, &why);
		return;
	}
	call->is_waiting = true;
	DL_APPEND2(call->ca->waiting, call, wait_prev, wait_next);
}

static void
call_attempt(struct stepca_call *call)
{
	struct stepca *ca = call->ca;
	struct why why = {0};
	uint64_t left = remaining_ms(call);
	if (left == 0) {
		finish_timeout(call);
		return;
	}
	uv_timer_start(&call->timer, on_budget, left, 0);
	if (!load_has_trust(ca) || (call->kind->needs_key && !load_has_key(ca))) {
		wait_for_load(call);
		return;
	}
	if (!call->kind->path) {
		struct stepca_outcome good = {0};
		call_finish(call, &good);
		return;
	}
	enum err err = call_send(call);
	if (err != ERR_OK)
		call_failed_with(call, err, &why);
}

// The first attempt comes from the loop, so that no callback comes from inside the call that starts
// it.
enum err
stepca_call_begin(struct stepca_call **out, struct stepca_call *call)
{
	uv_timer_start(&call->timer, on_backoff, 0, 0);
	if (out)
		*out = call;
	return ERR_OK;
}

void
stepca_wake_waiting(struct stepca *ca, const struct stepca_outcome *outcome)
{
	// A callback may end any other call, add new ones to the list or free the client.
	struct stepca_call *last = ca->waiting ? ca->waiting->wait_prev : NULL;
	bool more = last != NULL;
	ca->refs++;
	while (more && ca->waiting) {
		struct stepca_call *call = ca->waiting;
		more = call != last;
		DL_DELETE2(ca->waiting, call, wait_prev, wait_next);
		call->is_waiting = false;
		if (outcome->err == ERR_OK || (!call->kind->needs_key && load_has_trust(ca)))
			call_attempt(call);
		else
			call_failed(call, outcome);
	}
	stepca_unref(ca);
}

static bool
lower_host(char *url)
{
	if (strncmp(url, "https://", 8) != 0)
		return false;
	for (char *p = url + 8; *p && *p != '/'; p++)
		*p = (char)tolower((unsigned char)*p);
	size_t n = strlen(url);
	while (n > 8 && url[n - 1] == '/')
		url[--n] = '\0';
	return n > 8;
}

static char *
join(const char *a, const char *b)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 4096);
	return buf_printf(&text, "%s%s", a, b) == ERR_OK ? buf_steal_str(&text) : NULL;
}

static enum err
set_options(struct stepca *ca, const struct stepca_options *o, struct why *why)
{
	uint8_t digest[SHA256_BYTES];
	ca->password = o->password;
	ca->budget_ms = o->budget_ms ? o->budget_ms : STEPCA_BUDGET_MS;
	ca->log = o->log ? *o->log : (struct log){.fd = -1, .level = LOG_OFF};
	rng_init(&ca->rng, o->jitter_seed, 0);
	if (hex_decode(digest, sizeof(digest), BYTES_STR(o->fingerprint)) != ERR_OK)
		return why_set(why, ERR_INPUT, "\"%s\" is not a SHA-256 fingerprint in hex",
			       o->fingerprint);
	hex_encode(ca->pin, BYTES(digest, sizeof(digest)));
	ca->url = strdup(o->url);
	ca->provisioner = strdup(o->provisioner);
	if (!ca->url || !ca->provisioner)
		return why_set(why, ERR_NOMEM, "out of memory");
	if (!lower_host(ca->url))
		return why_set(why, ERR_INPUT, "\"%s\" is not an https URL", o->url);
	ca->sign_audience = join(ca->url, "/1.0/sign");
	ca->revoke_audience = join(ca->url, "/1.0/revoke");
	if (!ca->sign_audience || !ca->revoke_audience)
		return why_set(why, ERR_NOMEM, "the URL of step-ca is too long");
	return ERR_OK;
}

enum err
stepca_new(struct stepca **out, uv_loop_t *loop, struct http_client *http,
	   const struct stepca_options *o, struct why *why)
{
	struct stepca *ca = calloc(1, sizeof(*ca));
	if (!ca)
		return why_set(why, ERR_NOMEM, "out of memory");
	ca->refs = 1;
	ca->loop = loop;
	ca->http = http;
	enum err err = set_options(ca, o, why);
	if (err == ERR_OK)
		*out = ca;
	else
		stepca_unref(ca);
	return err;
}

void
stepca_unref(struct stepca *ca)
{
	if (--ca->refs > 0)
		return;
	issuers_fini(&ca->issuers);
	trust_free(ca->root);
	tls_client_unref(ca->tls);
	EVP_PKEY_free(ca->key);
	free(ca->root_pem);
	free(ca->kid);
	free(ca->encrypted_key);
	free(ca->url);
	free(ca->provisioner);
	free(ca->sign_audience);
	free(ca->revoke_audience);
	free(ca);
}

void
stepca_free(struct stepca *ca)
{
	if (!ca)
		return;
	ca->closing = true;
	while (ca->calls)
		stepca_call_cancel(ca->calls);
	load_cancel(ca);
	stepca_unref(ca);
}

bool
stepca_is_loaded(const struct stepca *ca)
{
	return load_has_trust(ca) && load_has_key(ca);
}

const char *
stepca_root_pem(const struct stepca *ca)
{
	return ca->root_pem;
}

const char *
stepca_root_fingerprint(const struct stepca *ca)
{
	return ca->root_pem ? ca->root_fingerprint : NULL;
}

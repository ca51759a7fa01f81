// SPDX-License-Identifier: Apache-2.0
#include <uthash.h>
#include <utlist.h>

#include "act.h"
#include "pki/trust.h"

// The root by fingerprint is the one thing that may come over an unverified connection: whatever
// arrives, it must hash to what the device was born with.
static enum dev_event
judge(struct sim_device *s, const struct http_answer *a)
{
	struct worker *w = s->worker;
	static const char what[] = "GET /pki/root";
	if (a->err)
		return act_http_failed(s, a, what);
	if (a->status != 200)
		return act_http_refused(s, a, what);
	struct why why = {0};
	json_auto_t *json = http_answer_json(a, &why);
	const char *pem = json_string_value(json_object_get(json, "ca"));
	AUTO(X509_free) X509 *root = NULL;
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	if (!pem || cert_from_pem(&root, BYTES_STR(pem), &why) ||
	    cert_fingerprint(fingerprint, root)) {
		device_fail(&s->dev, LAYER_TLS, "bad-root", 0,
			    "%s: the answer holds no certificate: %s", what, why.text);
		return EV_REFUSED;
	}
	if (strcmp(fingerprint, w->config->fingerprint) != 0) {
		device_fail(&s->dev, LAYER_TLS, "fingerprint-mismatch", 0,
			    "%s: the root's SHA-256 is %s, this device trusts %s: somebody is in "
			    "between, or the fingerprint is of another CA",
			    what, fingerprint, w->config->fingerprint);
		return EV_REFUSED;
	}
	BUF_AUTO struct buf clean; // only the certificate, without text around it
	buf_init(&clean, FLASH_FILE_MAX);
	if (cert_to_pem(&clean, root) || worker_set_root(w, (const char *)clean.data, &why)) {
		device_fail(&s->dev, LAYER_TLS, "bad-root", 0, "%s: %s", what, why.text);
		return EV_REFUSED;
	}
	return EV_OK;
}

void
trust_stop_waiting(struct sim_device *s)
{
	struct worker *w = s->worker;
	if (s->prev)
		DL_DELETE(w->waiting, s);
	s->prev = s->next = NULL;
}

static void
on_own_root(const struct http_answer *a, void *ctx)
{
	struct sim_device *s = ctx;
	act_http_ended(s);
	enum dev_event event = judge(s, a);
	s->trusted = event == EV_OK;
	sim_device_done(s, event, s->call_attempt);
}

// One fetch for all who wait; each of them gets the same verdict in its own words.
static void
on_shared_root(const struct http_answer *a, void *ctx)
{
	struct worker *w = ctx;
	w->fetch = NULL;
	struct sim_device *list = w->waiting, *s, *temp;
	w->waiting = NULL;
	DL_FOREACH_SAFE (list, s, temp) {
		DL_DELETE(list, s);
		s->prev = s->next = NULL;
		sim_device_done(s, judge(s, a), s->call_attempt);
	}
}

static void
start_shared(struct sim_device *s, const struct http_request *r)
{
	struct worker *w = s->worker;
	s->call_attempt = s->dev.attempt;
	if (!w->fetch && http_call_start(&w->fetch, w->http, r, on_shared_root, w)) {
		w->fetch = NULL;
		device_fail(&s->dev, LAYER_HTTP, "internal", 0, "GET /pki/root cannot be started");
		device_post(&s->dev, EV_REFUSED);
		return;
	}
	DL_APPEND(w->waiting, s);
}

void
act_fetch_root(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	const struct sim_config *c = s->worker->config;
	if (!c->fingerprint[0] || !c->bridge) {
		device_fail(d, LAYER_USAGE, "not-configured", 0,
			    "the bridge's URL and the root's fingerprint are needed to enroll");
		device_post(d, EV_REFUSED);
		return;
	}
	BUF_AUTO struct buf url;
	buf_init(&url, 4096);
	if (buf_printf(&url, "%s/pki/root/%s", c->bridge, c->fingerprint)) {
		device_fail(d, LAYER_USAGE, "not-configured", 0, "the bridge's URL is too long");
		device_post(d, EV_REFUSED);
		return;
	}
	struct http_request r = {.method = "GET",
				 .url = (const char *)url.data,
				 .tls = s->worker->bootstrap,
				 .timeout_ms = c->limits.trust_ms + HTTP_GRACE_MS,
				 .answer_max = FLASH_FILE_MAX,
				 .fresh_connection = true};
	if (c->share_trust)
		start_shared(s, &r);
	else
		act_http_start(s, &r, on_own_root);
}

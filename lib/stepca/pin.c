// SPDX-License-Identifier: Apache-2.0
// Trust from the fingerprint of a Sub-CA (the runbook configures this one).
//
// The Sub-CA's certificate comes with the server's own chain, and is authentic because its SHA-256
// is the fingerprint. The root is another matter. That some root verifies the Sub-CA does not make
// it the CA's root: anybody can put the intermediate's name and public key, which are no secrets,
// into a certificate of their own, and the Sub-CA verifies through that one up to their root just
// as well. A root taken from such a chain would be handed to devices as their anchor. So the root
// is only believed from the mouth of the CA itself:
//
// 1. a connection that verifies nothing and sends nothing; its chain must hold the pinned
// certificate, a CA;
// 2. GET /roots over a connection verified against that certificate as the anchor (so the server
// proves the key
//    of a leaf that the pinned Sub-CA issued for its host);
// 3. among these roots the one that the chain of step 1 leads to.
//
// Afterwards connections go on being verified against the Sub-CA: it is what was pinned.
#include "stepca/internal.h"

#include <curl/curl.h>

#include "base/clock.h"

struct pin_search {
	struct stepca *ca;
	pin_done_fn *done;
	struct stream *stream;
	struct http_call *http;
	uv_timer_t timer;
	STACK_OF(X509) * chain; // as presented
	X509 *pinned;		// points into it
	struct tls_client *tls; // anchored at it
	bool over;
};

static void
pin_search_free(uv_handle_t *handle)
{
	struct pin_search *s = CONTAINER_OF(handle, struct pin_search, timer);
	struct stepca *ca = s->ca;
	x509_stack_free(s->chain);
	tls_client_unref(s->tls);
	free(s);
	stepca_unref(ca);
}

void
pin_search_cancel(struct pin_search *s)
{
	if (s->over)
		return;
	s->over = true;
	if (s->http)
		http_call_cancel(s->http);
	if (s->stream)
		stream_reset(s->stream);
	uv_close((uv_handle_t *)&s->timer, pin_search_free);
}

static void
finish(struct pin_search *s, const struct stepca_outcome *outcome)
{
	struct stepca *ca = s->ca;
	pin_done_fn *done = s->done;
	pin_search_cancel(s);
	done(ca, outcome);
}

static void
fail(struct pin_search *s, enum err err, const struct why *why)
{
	struct stepca_outcome outcome = {.err = err, .why = *why};
	if (!outcome.why.text[0])
		why_set(&outcome.why, err, "step-ca client: %s", err_text(err));
	finish(s, &outcome);
}

static enum err
choose_root(struct pin_search *s, const json_t *list, struct why *why)
{
	int64_t now = clock_wall_s();
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		AUTO(X509_free) X509 *root = NULL;
		AUTO(trust_free) struct trust *trust = NULL;
		const char *pem = json_string_value(item);
		if (!pem || cert_from_pem(&root, BYTES_STR(pem), NULL) != ERR_OK ||
		    trust_new_from_cert(&trust, root) != ERR_OK)
			continue;
		if (trust_verify(trust, s->pinned, s->chain, now, TRUST_ANY, why) == ERR_OK)
			return load_set_root(s->ca, root, STEAL(s->tls), false, why);
	}
	return why_set(
		why, ERR_TLS,
		"none of step-ca's %zu roots is above the pinned Sub-CA: its `crt` file must hold "
		"the Sub-CA and every intermediate",
		json_array_size(list));
}

static void
on_roots(const struct http_answer *answer, void *ctx)
{
	struct pin_search *s = ctx;
	struct stepca_outcome outcome;
	s->http = NULL;
	stepca_judge(&outcome, s->ca->url, "list its roots", 201, answer);
	if (outcome.err == ERR_OK) {
		json_auto_t *body = http_answer_json(answer, NULL);
		outcome.err = choose_root(s, json_object_get(body, "crts"), &outcome.why);
	}
	finish(s, &outcome);
}

static enum err
ask_for_roots(struct pin_search *s, struct why *why)
{
	BUF_AUTO struct buf pem;
	BUF_AUTO struct buf url;
	buf_init(&pem, STEPCA_ANSWER_MAX);
	buf_init(&url, 4096);
	TRY(cert_to_pem(&pem, s->pinned));
	struct tls_client_options o = {.roots_pem = buf_bytes(&pem), .alpn = "http/1.1"};
	TRY(tls_client_new(&s->tls, &o, why));
	SSL_CTX *ctx = tls_client_ctx(s->tls);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
	TRY(buf_printf(&url, "%s/roots", s->ca->url));
	struct http_request request = {
		.method = "GET",
		.url = (const char *)url.data,
		.tls = s->tls,
		.timeout_ms = s->ca->budget_ms,
		.answer_max = STEPCA_ANSWER_MAX,
	};
	return http_call_start(&s->http, s->ca->http, &request, on_roots, s);
}

static enum err
take_chain(struct pin_search *s, SSL *ssl, struct why *why)
{
	STACK_OF(X509) *presented = SSL_get_peer_cert_chain(ssl);
	s->chain = presented ? X509_chain_up_ref(presented) : NULL;
	if (!s->chain || !trust_find_fingerprint(&s->pinned, s->chain, s->ca->pin))
		return why_set(
			why, ERR_TLS,
			"step-ca at %s knows no root with the configured fingerprint and its own "
			"chain holds no such Sub-CA: check the fingerprint, or somebody is in between",
			s->ca->url);
	if (X509_check_ca(s->pinned) == 0)
		return why_set(
			why, ERR_TLS,
			"the configured fingerprint is that of step-ca's server certificate, which "
			"changes at every start: configure the root's or the Sub-CA's");
	return ERR_OK;
}

static void
on_open(struct stream *stream, void *ctx)
{
	struct pin_search *s = ctx;
	struct why why = {0};
	enum err err = take_chain(s, stream_ssl(stream), &why);
	s->stream = NULL;
	stream_close(stream);
	if (err == ERR_OK)
		err = ask_for_roots(s, &why);
	if (err != ERR_OK)
		fail(s, err, &why);
}

static void
on_data(struct stream *stream, struct bytes data, void *ctx)
{
	(void)stream;
	(void)data;
	(void)ctx;
}

static void
on_close(struct stream *stream, const struct why *why, void *ctx)
{
	struct pin_search *s = ctx;
	struct why words = {0};
	(void)stream;
	s->stream = NULL;
	why_set(&words, ERR_UPSTREAM_DOWN, "step-ca at %s cannot be reached: %s", s->ca->url,
		why->text[0] ? why->text : "it closed the connection");
	fail(s, ERR_UPSTREAM_DOWN, &words);
}

static void
on_timeout(uv_timer_t *timer)
{
	struct pin_search *s = CONTAINER_OF(timer, struct pin_search, timer);
	struct why why = {0};
	why_set(&why, ERR_TIMEOUT, "step-ca at %s did not answer in time", s->ca->url);
	fail(s, ERR_TIMEOUT, &why);
}

static enum err
connect_unverified(struct pin_search *s, struct why *why)
{
	static const struct stream_events events = {
		.on_open = on_open, .on_data = on_data, .on_close = on_close};
	AUTO(tls_client_unref) struct tls_client *unverified = NULL;
	struct tls_client_options o = {.alpn = "http/1.1"};
	char *host = NULL;
	char *port = NULL;
	enum err err = ERR_INPUT;
	TRY(tls_client_new(&unverified, &o, why));
	CURLU *url = curl_url();
	if (url && curl_url_set(url, CURLUPART_URL, s->ca->url, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		size_t n = strlen(host);
		const char *bare = host;
		if (host[0] == '[' && host[n - 1] == ']') {
			host[n - 1] = '\0';
			bare = host + 1;
		}
		err = stream_connect(&s->stream, s->ca->loop, bare,
				     (uint16_t)strtoul(port, NULL, 10), unverified, &events, s);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	if (err == ERR_INPUT)
		return why_set(why, ERR_INPUT, "\"%s\" is not a usable URL", s->ca->url);
	return err;
}

enum err
pin_search_start(struct pin_search **out, struct stepca *ca, pin_done_fn *done, struct why *why)
{
	struct pin_search *s = calloc(1, sizeof(*s));
	if (!s || uv_timer_init(ca->loop, &s->timer) != 0) {
		free(s);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	ca->refs++;
	s->ca = ca;
	s->done = done;
	uv_timer_start(&s->timer, on_timeout, ca->budget_ms, 0);
	enum err err = connect_unverified(s, why);
	if (err == ERR_OK)
		*out = s;
	else
		pin_search_cancel(s);
	return err;
}

// SPDX-License-Identifier: Apache-2.0
// Brings what every call needs: trust (the root behind the fingerprint) and the provisioner's
// private key. One load runs at a time and everybody waits for it; a failed one is forgotten and
// the next call starts anew.
//
// Trust from a root's fingerprint: GET /root/{fp} over a connection that verifies nothing and
// carries nothing else; the certificate is authentic because its SHA-256 is the fingerprint. From
// then on every connection is verified against it. A 404 means that the fingerprint is not a
// root's: pin.c.
#include "stepca/internal.h"

#include <stdio.h>

#include "base/encode.h"
#include "pki/jose.h"

enum {
	PAGES_MAX = 100, // of 100 provisioners
	NAMES_MAX = 200, // bytes of names in an error
};

struct load_step {
	const char *name;
	int expected;
	// Starts the step; the answer goes to on_answer.
	enum err (*start)(struct stepca *ca, struct why *why);
	// Reads a good answer and goes on with the next step, or ends the load.
	enum err (*read)(struct stepca *ca, const struct http_answer *answer, struct why *why);
};

static const struct load_step step_root;
static const struct load_step step_provisioners;

static enum err begin_step(struct stepca *ca, const struct load_step *step, struct why *why);
static enum err open_key(struct stepca *ca, struct why *why);

bool
load_has_trust(const struct stepca *ca)
{
	return ca->tls != NULL && ca->root_pem != NULL;
}

bool
load_has_key(const struct stepca *ca)
{
	return ca->key != NULL && !ca->key_doubted;
}

static void
loader_clear(struct loader *l)
{
	free(l->cursor);
	free(l->encrypted_key);
	free(l->kid);
	EVP_PKEY_free(l->public_key);
	*l = (struct loader){0};
}

static void
loader_end(struct stepca *ca, const struct stepca_outcome *outcome)
{
	loader_clear(&ca->loader);
	stepca_wake_waiting(ca, outcome);
}

static void
loader_fail(struct stepca *ca, enum err err, const struct why *why)
{
	struct stepca_outcome outcome = {.err = err, .why = *why};
	if (!outcome.why.text[0])
		why_set(&outcome.why, err, "step-ca client: %s", err_text(err));
	loader_end(ca, &outcome);
}

static void
on_answer(const struct http_answer *answer, void *ctx)
{
	struct stepca *ca = ctx;
	const struct load_step *step = ca->loader.step;
	struct stepca_outcome outcome;
	struct why why = {0};
	ca->loader.http = NULL;
	// 404 for /root/{fp} is an answer, not a failure: pin.c takes over.
	bool not_a_root = step == &step_root && answer->err == ERR_OK && answer->status == 404;
	stepca_judge(&outcome, ca->url, step->name, not_a_root ? 404 : step->expected, answer);
	if (outcome.err != ERR_OK) {
		loader_end(ca, &outcome);
		return;
	}
	enum err err = step->read(ca, answer, &why);
	if (err != ERR_OK)
		loader_fail(ca, err, &why);
}

static enum err
get(struct stepca *ca, const char *path, struct tls_client *tls, bool alone, struct why *why)
{
	BUF_AUTO struct buf url;
	buf_init(&url, 8192);
	TRY(buf_printf(&url, "%s%s", ca->url, path));
	struct http_request request = {
		.method = "GET",
		.url = (const char *)url.data,
		.tls = tls,
		.timeout_ms = ca->budget_ms,
		.answer_max = STEPCA_ANSWER_MAX,
		.fresh_connection = alone,
	};
	enum err err = http_call_start(&ca->loader.http, ca->http, &request, on_answer, ca);
	return err == ERR_OK ? ERR_OK : why_set(why, err, "step-ca client: %s", err_text(err));
}

// --- trust ---

enum err
load_set_root(struct stepca *ca, X509 *root, struct tls_client *take_tls, bool pin_is_root,
	      struct why *why)
{
	AUTO(tls_client_unref) struct tls_client *tls = take_tls;
	AUTO(trust_free) struct trust *trust = NULL;
	BUF_AUTO struct buf pem;
	buf_init(&pem, STEPCA_ANSWER_MAX);
	TRY(cert_to_pem(&pem, root));
	TRY(cert_fingerprint(ca->root_fingerprint, root));
	TRY(trust_new_from_cert(&trust, root));
	if (!tls) {
		struct tls_client_options o = {.roots_pem = buf_bytes(&pem), .alpn = "http/1.1"};
		TRY(tls_client_new(&tls, &o, why));
	}
	ca->tls = STEAL(tls);
	ca->root = STEAL(trust);
	ca->root_pem = buf_steal_str(&pem);
	ca->pin_is_root = pin_is_root;
	ca->issuers =
		(struct issuers){.root = ca->root, .pin = ca->pin, .pin_is_root = pin_is_root};
	log_info(&ca->log, "stepca.trust", KV_STR("root", ca->root_fingerprint),
		 KV_STR("pinned", pin_is_root ? "root" : "sub-ca"));
	return ERR_OK;
}

static enum err
start_root(struct stepca *ca, struct why *why)
{
	AUTO(tls_client_unref) struct tls_client *unverified = NULL;
	struct tls_client_options o = {.alpn = "http/1.1"};
	char path[16 + CERT_FINGERPRINT_CHARS];
	snprintf(path, sizeof(path), "/root/%s", ca->pin);
	TRY(tls_client_new(&unverified, &o, why));
	return get(ca, path, unverified, true, why);
}

static void
on_pin_done(struct stepca *ca, const struct stepca_outcome *outcome)
{
	struct why why = {0};
	ca->loader.pin = NULL;
	if (outcome->err != ERR_OK) {
		loader_end(ca, outcome);
		return;
	}
	enum err err = begin_step(ca, &step_provisioners, &why);
	if (err != ERR_OK)
		loader_fail(ca, err, &why);
}

static enum err
read_root(struct stepca *ca, const struct http_answer *answer, struct why *why)
{
	AUTO(X509_free) X509 *root = NULL;
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	if (answer->status == 404)
		return pin_search_start(&ca->loader.pin, ca, on_pin_done, why);
	json_auto_t *body = http_answer_json(answer, why);
	const char *pem = json_string_value(json_object_get(body, "ca"));
	if (!pem || cert_from_pem(&root, BYTES_STR(pem), why) != ERR_OK)
		return why_set(
			why, ERR_UPSTREAM_FAULT,
			"step-ca's root answer holds no certificate: is the URL a step-ca's?");
	TRY(cert_fingerprint(fingerprint, root));
	if (strcmp(fingerprint, ca->pin) != 0)
		return why_set(
			why, ERR_TLS,
			"step-ca at %s handed out a root with another fingerprint (%s) than the "
			"configured one: somebody may be in between",
			ca->url, fingerprint);
	TRY(load_set_root(ca, root, NULL, true, why));
	return begin_step(ca, &step_provisioners, why);
}

// --- the provisioner ---

static enum err
start_provisioners(struct stepca *ca, struct why *why)
{
	struct loader *l = &ca->loader;
	BUF_AUTO struct buf path;
	buf_init(&path, 4096);
	TRY(buf_append_str(&path, "/1.0/provisioners?limit=100"));
	if (l->cursor) {
		TRY(buf_append_str(&path, "&cursor="));
		TRY(percent_encode(&path, l->cursor));
	}
	return get(ca, (const char *)path.data, ca->tls, false, why);
}

static const json_t *
find_provisioner(const json_t *list, const char *name)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		const char *type = json_string_value(json_object_get(item, "type"));
		const char *its_name = json_string_value(json_object_get(item, "name"));
		if (type && its_name && strcmp(type, "JWK") == 0 && strcmp(its_name, name) == 0)
			return item;
	}
	return NULL;
}

static enum err
not_found(const struct stepca *ca, const json_t *list, struct why *why)
{
	char names[NAMES_MAX] = "";
	size_t used = 0;
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		if (name && used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.40s",
						 used ? ", " : "", name);
	}
	return why_set(why, ERR_NOT_FOUND, "step-ca has no JWK provisioner \"%s\"; it has: %s",
		       ca->provisioner, names[0] ? names : "none");
}

static enum err
use_provisioner(struct stepca *ca, const json_t *found, struct why *why)
{
	struct loader *l = &ca->loader;
	const json_t *jwk = json_object_get(found, "key");
	const char *kid = json_string_value(json_object_get(jwk, "kid"));
	const char *encrypted = json_string_value(json_object_get(found, "encryptedKey"));
	if (!kid)
		return why_set(why, ERR_UPSTREAM_FAULT, "provisioner \"%s\" of step-ca has no kid",
			       ca->provisioner);
	if (!encrypted)
		return why_set(why, ERR_NOT_FOUND,
			       "provisioner \"%s\" of step-ca publishes no encryptedKey",
			       ca->provisioner);
	if (ca->key && strcmp(kid, ca->kid) == 0 && strcmp(encrypted, ca->encrypted_key) == 0) {
		struct stepca_outcome same = {0};
		ca->key_doubted = false;
		ca->key_version++;
		loader_end(ca, &same);
		return ERR_OK;
	}
	if (jwk_to_key(&l->public_key, jwk, why) != ERR_OK) {
		why_prefix(why, "provisioner \"%s\" of step-ca", ca->provisioner);
		return ERR_UNSUPPORTED;
	}
	l->kid = strdup(kid);
	l->encrypted_key = strdup(encrypted);
	return l->kid && l->encrypted_key ? open_key(ca, why) : ERR_NOMEM;
}

static enum err
read_provisioners(struct stepca *ca, const struct http_answer *answer, struct why *why)
{
	struct loader *l = &ca->loader;
	json_auto_t *body = http_answer_json(answer, why);
	const json_t *list = json_object_get(body, "provisioners");
	const char *next = json_string_value(json_object_get(body, "nextCursor"));
	if (!body || !(json_is_array(list) || json_is_null(list)))
		return why_set(why, ERR_UPSTREAM_FAULT,
			       "step-ca's list of provisioners cannot be read");
	const json_t *found = find_provisioner(list, ca->provisioner);
	if (found)
		return use_provisioner(ca, found, why);
	if (!next || !*next || ++l->pages >= PAGES_MAX)
		return not_found(ca, list, why);
	char *cursor = strdup(next);
	if (!cursor)
		return ERR_NOMEM;
	free(l->cursor);
	l->cursor = cursor;
	return begin_step(ca, &step_provisioners, why);
}

// --- opening its key, off the loop ---

struct key_job {
	uv_work_t work;
	struct stepca *ca; // referenced
	bool cancelled;
	char *encrypted_key;
	struct secret password;
	EVP_PKEY *key;
	enum err err;
	struct why why;
};

static void
key_job_free(struct key_job *job)
{
	secret_fini(&job->password);
	EVP_PKEY_free(job->key);
	free(job->encrypted_key);
	free(job);
}

static void
key_job_run(uv_work_t *work)
{
	struct key_job *job = CONTAINER_OF(work, struct key_job, work);
	SECRET_AUTO struct secret text = SECRET_NONE;
	struct bytes password = BYTES(job->password.text, job->password.n);
	job->err = jwe_open(&text, BYTES_STR(job->encrypted_key), password, &job->why);
	if (job->err == ERR_OK)
		job->err = jwk_private_from_text(&job->key, &text, &job->why);
}

static void
key_job_take(struct stepca *ca, struct key_job *job)
{
	struct loader *l = &ca->loader;
	if (job->err == ERR_OK && !key_public_equal(job->key, l->public_key))
		job->err = why_set(&job->why, ERR_UPSTREAM_FAULT,
				   "its encryptedKey does not belong to its public key");
	if (job->err != ERR_OK) {
		why_prefix(&job->why, "provisioner \"%s\" of step-ca", ca->provisioner);
		loader_fail(ca, job->err, &job->why);
		return;
	}
	EVP_PKEY_free(ca->key);
	free(ca->kid);
	free(ca->encrypted_key);
	ca->key = STEAL(job->key);
	ca->kid = STEAL(l->kid);
	ca->encrypted_key = STEAL(l->encrypted_key);
	ca->key_doubted = false;
	ca->key_version++;
	log_info(&ca->log, "stepca.key", KV_STR("provisioner", ca->provisioner),
		 KV_STR("kid", ca->kid));
	struct stepca_outcome good = {0};
	loader_end(ca, &good);
}

static void
key_job_done(uv_work_t *work, int status)
{
	struct key_job *job = CONTAINER_OF(work, struct key_job, work);
	struct stepca *ca = job->ca;
	if (!job->cancelled) {
		ca->loader.job = NULL;
		if (status != 0)
			job->err = ERR_CANCELLED;
		key_job_take(ca, job);
	}
	key_job_free(job);
	stepca_unref(ca);
}

static enum err
open_key(struct stepca *ca, struct why *why)
{
	struct loader *l = &ca->loader;
	struct key_job *job = calloc(1, sizeof(*job));
	if (!job)
		return why_set(why, ERR_NOMEM, "out of memory");
	job->ca = ca;
	job->encrypted_key = strdup(l->encrypted_key);
	enum err err = secret_set(&job->password, BYTES(ca->password->text, ca->password->n));
	if (err != ERR_OK || !job->encrypted_key ||
	    uv_queue_work(ca->loop, &job->work, key_job_run, key_job_done) != 0) {
		key_job_free(job);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	ca->refs++;
	l->job = job;
	return ERR_OK;
}

// --- the run ---

static const struct load_step step_root = {"fetch its root", 200, start_root, read_root};
static const struct load_step step_provisioners = {"list its provisioners", 200, start_provisioners,
						   read_provisioners};

static enum err
begin_step(struct stepca *ca, const struct load_step *step, struct why *why)
{
	ca->loader.step = step;
	return step->start(ca, why);
}

enum err
load_start(struct stepca *ca, struct why *why)
{
	if (ca->loader.step)
		return ERR_OK;
	enum err err = begin_step(ca, load_has_trust(ca) ? &step_provisioners : &step_root, why);
	if (err != ERR_OK)
		loader_clear(&ca->loader);
	return err;
}

void
load_cancel(struct stepca *ca)
{
	struct loader *l = &ca->loader;
	if (l->http)
		http_call_cancel(l->http);
	if (l->pin)
		pin_search_cancel(l->pin);
	if (l->job)
		l->job->cancelled = true;
	loader_clear(l);
}

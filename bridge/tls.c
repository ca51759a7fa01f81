// SPDX-License-Identifier: Apache-2.0
#include "bridge/tls.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "pki/cert.h"
#include "pki/csr.h"

enum {
	BACKOFF_BASE_MS = 500,
	BACKOFF_MAX_MS = 30000,
	RENEW_MIN_MS = 1000,
	PEM_MAX_BYTES = 256 * 1024,
	CHECK_MAX_S = 24 * 3600, // a timer never sleeps longer: clocks jump
};

struct own_tls {
	struct bridge *bridge;
	void (*on_ready)(struct bridge *b);
	struct tls_server *server;
	struct own_tls_names names;
	uv_timer_t timer;
	struct rng rng;
	struct stepca_call *call;
	EVP_PKEY *next_key; // of the certificate that is being asked for
	unsigned failures;
	int64_t not_before;
	int64_t not_after;
	char problem[512];
};

static void ask(struct own_tls *t);

int64_t
own_tls_renew_in_s(int64_t now, int64_t not_before, int64_t not_after)
{
	int64_t due = not_before + (not_after - not_before) / 3 * 2;
	return due > now ? due - now : 0;
}

static bool
add_name(struct own_tls_names *out, size_t *n, size_t *used, const char *text, size_t length)
{
	for (size_t i = 0; i < *n; i++)
		if (strlen(out->names[i]) == length && strncmp(out->names[i], text, length) == 0)
			return true;
	if (*n == OWN_TLS_NAMES_MAX || *used + length + 1 > sizeof(out->storage))
		return false;
	char *copy = out->storage + *used;
	memcpy(copy, text, length);
	copy[length] = '\0';
	*used += length + 1;
	out->names[(*n)++] = copy;
	return true;
}

enum err
own_tls_names_parse(struct own_tls_names *out, const char *list, const char *listen)
{
	size_t n = 0;
	size_t used = 0;
	*out = (struct own_tls_names){0};
	while (list && *list) {
		size_t length = strcspn(list, ", ");
		if (length > 0 && !add_name(out, &n, &used, list, length))
			return ERR_TOO_LARGE;
		list += length;
		list += strspn(list, ", ");
	}
	const char *colon = strrchr(listen, ':');
	size_t host = colon ? (size_t)(colon - listen) : 0;
	if (host > 2 && listen[0] == '[') {
		listen++;
		host -= 2;
	}
	// An address that stands for all of them names none.
	bool any = host == 0 || (host == 7 && strncmp(listen, "0.0.0.0", 7) == 0) ||
		   (host == 2 && strncmp(listen, "::", 2) == 0);
	if (!any && !add_name(out, &n, &used, listen, host))
		return ERR_TOO_LARGE;
	return n > 0 ? ERR_OK : ERR_INPUT;
}

static void
on_timer(uv_timer_t *timer)
{
	struct own_tls *t = CONTAINER_OF(timer, struct own_tls, timer);
	int64_t left = own_tls_renew_in_s(clock_wall_s(), t->not_before, t->not_after);
	if (t->failures == 0 && left > 0)
		uv_timer_start(&t->timer, on_timer,
			       (uint64_t)(left < CHECK_MAX_S ? left : CHECK_MAX_S) * 1000, 0);
	else
		ask(t);
}

static void
try_later(struct own_tls *t, enum err err, const struct why *why)
{
	unsigned doublings = t->failures < 8 ? t->failures : 8;
	uint64_t ceiling = (uint64_t)BACKOFF_BASE_MS << doublings;
	if (ceiling > BACKOFF_MAX_MS)
		ceiling = BACKOFF_MAX_MS;
	uint64_t pause = ceiling / 2 + rng_below(&t->rng, ceiling / 2 + 1);
	t->failures++;
	if (!t->server)
		memcpy(t->problem, why->text, sizeof(t->problem));
	log_warn(&t->bridge->log, t->server ? "tls.not_renewed" : "tls.waiting", KV_ERR(err),
		 KV_STR("why", why->text), KV_U64("retry_ms", pause));
	uv_timer_start(&t->timer, on_timer, pause, 0);
}

static enum err
install(struct own_tls *t, struct bytes chain_pem, EVP_PKEY *key, struct why *why)
{
	if (t->server)
		return tls_server_set_identity(t->server, chain_pem, key, why);
	struct tls_server_options o = {.chain_pem = chain_pem, .key = key, .alpn_http = true};
	return tls_server_new(&t->server, &o, why);
}

static void
on_signed(const struct stepca_outcome *outcome, const struct stepca_certificate *cert, void *ctx)
{
	struct own_tls *t = ctx;
	struct why why = outcome->why;
	bool first = t->server == NULL;
	enum err err = outcome->err;
	t->call = NULL;
	if (err == ERR_OK)
		err = install(t, cert->chain_pem, t->next_key, &why);
	EVP_PKEY_free(t->next_key);
	t->next_key = NULL;
	if (err != ERR_OK) {
		try_later(t, err, &why);
		return;
	}
	t->failures = 0;
	t->problem[0] = '\0';
	t->not_before = cert->not_before;
	t->not_after = cert->not_after;
	int64_t left = own_tls_renew_in_s(clock_wall_s(), t->not_before, t->not_after);
	log_info(&t->bridge->log, first ? "tls.identity" : "tls.renewed",
		 KV_STR("serial", cert->serial), KV_I64("renew_in_s", left));
	uint64_t pause = (uint64_t)(left < CHECK_MAX_S ? left : CHECK_MAX_S) * 1000;
	uv_timer_start(&t->timer, on_timer, pause > RENEW_MIN_MS ? pause : RENEW_MIN_MS, 0);
	if (first)
		t->on_ready(t->bridge);
}

static enum err
begin_request(struct own_tls *t)
{
	BUF_AUTO struct buf pem;
	struct csr_options o = {.cn = t->names.names[0]};
	buf_init(&pem, PEM_MAX_BYTES);
	TRY(key_generate(&t->next_key));
	TRY(csr_create_pem(&pem, t->next_key, &o));
	struct stepca_sign_request request = {
		.csr_pem = buf_bytes(&pem),
		.subject = t->names.names[0],
		.sans = t->names.names,
	};
	return stepca_sign(&t->call, t->bridge->stepca, &request, on_signed, t);
}

static void
ask(struct own_tls *t)
{
	struct why why = {0};
	enum err err = begin_request(t);
	if (err == ERR_OK)
		return;
	EVP_PKEY_free(t->next_key);
	t->next_key = NULL;
	why_set(&why, err, "cannot ask for a certificate: %s", err_text(err));
	try_later(t, err, &why);
}

static enum err
read_files(struct own_tls *t, struct why *why)
{
	const struct config *c = &t->bridge->config;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	BUF_AUTO struct buf chain;
	BUF_AUTO struct buf key_pem;
	buf_init(&chain, PEM_MAX_BYTES);
	buf_init(&key_pem, PEM_MAX_BYTES);
	TRY(file_read(&chain, c->tls_cert_file, why));
	TRY(file_read(&key_pem, c->tls_key_file, why));
	enum err err = key_from_pem(&key, buf_bytes(&key_pem), why);
	OPENSSL_cleanse(key_pem.data, key_pem.len);
	if (err != ERR_OK) {
		why_prefix(why, "%s", c->tls_key_file);
		return err;
	}
	AUTO(X509_free) X509 *leaf = NULL;
	err = cert_from_pem(&leaf, buf_bytes(&chain), why);
	if (err == ERR_OK)
		err = install(t, buf_bytes(&chain), key, why);
	if (err == ERR_OK)
		err = cert_validity(&t->not_before, &t->not_after, leaf);
	if (err != ERR_OK)
		why_prefix(why, "%s", c->tls_cert_file);
	return err;
}

enum err
own_tls_reload(struct own_tls *t, struct why *why)
{
	return t->bridge->config.tls == CONFIG_TLS_FILES ? read_files(t, why) : ERR_OK;
}

static void
on_files_ready(uv_timer_t *timer)
{
	struct own_tls *t = CONTAINER_OF(timer, struct own_tls, timer);
	t->on_ready(t->bridge);
}

static enum err
begin(struct own_tls *t, struct why *why)
{
	const struct config *c = &t->bridge->config;
	if (c->tls == CONFIG_TLS_FILES) {
		enum err err = read_files(t, why);
		if (err == ERR_OK)
			uv_timer_start(&t->timer, on_files_ready, 0, 0);
		else
			why_prefix(why, "BRIDGE_TLS");
		return err;
	}
	if (own_tls_names_parse(&t->names, c->tls_names, c->listen_text) != ERR_OK)
		return why_set(why, ERR_INPUT,
			       "BRIDGE_TLS_NAMES: give one to %d names or addresses",
			       OWN_TLS_NAMES_MAX);
	memcpy(t->problem, "no TLS certificate from step-ca yet",
	       sizeof("no TLS certificate from step-ca yet"));
	ask(t);
	return ERR_OK;
}

enum err
own_tls_new(struct own_tls **out, struct bridge *b, void (*on_ready)(struct bridge *b),
	    struct why *why)
{
	struct own_tls *t = calloc(1, sizeof(*t));
	if (!t || uv_timer_init(b->loop, &t->timer) != 0) {
		free(t);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	t->bridge = b;
	t->on_ready = on_ready;
	rng_init(&t->rng, rng_system_seed(), 0);
	enum err err = begin(t, why);
	if (err == ERR_OK)
		*out = t;
	else
		own_tls_free(t);
	return err;
}

static void
on_closed(uv_handle_t *handle)
{
	free(CONTAINER_OF(handle, struct own_tls, timer));
}

void
own_tls_free(struct own_tls *t)
{
	if (!t)
		return;
	if (t->call)
		stepca_call_cancel(t->call);
	EVP_PKEY_free(t->next_key);
	tls_server_unref(t->server);
	uv_close((uv_handle_t *)&t->timer, on_closed);
}

struct tls_server *
own_tls_server(const struct own_tls *t)
{
	return t->server;
}

int64_t
own_tls_not_after(const struct own_tls *t)
{
	return t->server ? t->not_after : 0;
}

const char *
own_tls_problem(const struct own_tls *t)
{
	return t->server ? "" : t->problem;
}

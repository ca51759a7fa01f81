// SPDX-License-Identifier: Apache-2.0
#include "step-ca/authority.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "step-ca/internal.h"
#include "step-ca/names.h"

enum {
	PATH_BYTES = 4096,
	PEM_MAX = 256 * 1024,
	SERVER_LIFE_S = 24 * SECONDS_PER_HOUR,
	SERVER_RENEWAL_MS = 16 * SECONDS_PER_HOUR * 1000, // two thirds of its life
	IDLE_S = 15,
};

// step-ca's default for TLS 1.2.
static const char tls12_ciphers[] = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256";
static const char ca_name[] = "provsim";

// --- what is kept in the folder ---

static enum err
path_in(char out[static PATH_BYTES], const struct authority *a, const char *file, struct why *why)
{
	int n = snprintf(out, PATH_BYTES, "%s/%s", a->o.state_dir, file);
	return n < PATH_BYTES ? ERR_OK : why_set(why, ERR_INPUT, "the path of --state is too long");
}

static enum err
open_provisioners(struct authority *a, struct why *why)
{
	char path[PATH_BYTES];
	if (a->o.state_dir) {
		TRY(path_in(path, a, "provisioner.json", why));
		if (access(path, F_OK) == 0)
			TRY(provisioners_load(&a->provisioners, path, a->o.password, why));
	}
	size_t loaded = a->provisioners.n;
	for (size_t i = 0; i < a->o.n_provisioners; i++) {
		const char *name = a->o.provisioners[i];
		if (!provisioners_by_name(&a->provisioners, BYTES_STR(name)))
			TRY(provisioners_add(&a->provisioners, name, a->o.password, why));
	}
	if (!a->o.state_dir || a->provisioners.n == loaded)
		return ERR_OK;
	return provisioners_save(&a->provisioners, path, why);
}

static enum err
open_ledger(struct authority *a, struct why *why)
{
	char path[PATH_BYTES];
	if (!a->o.state_dir || a->o.no_db)
		return ledger_open(&a->ledger, NULL, why);
	TRY(path_in(path, a, "ledger.jsonl", why));
	return ledger_open(&a->ledger, path, why);
}

static enum err
open_state(struct authority *a, struct why *why)
{
	int64_t now = clock_wall_s();
	if (a->o.state_dir)
		TRY(ca_open(&a->ca, a->o.state_dir, ca_name, now, why));
	else
		TRY(ca_new(&a->ca, ca_name, now));
	TRY(open_provisioners(a, why));
	return open_ledger(a, why);
}

// --- TLS ---

// A new key and certificate of the server, with the chain behind it.
static enum err
make_server_identity(struct buf *chain_pem, EVP_PKEY **key, const struct authority *a)
{
	SAN_LIST_AUTO struct san_list sans;
	AUTO(X509_free) X509 *leaf = NULL;
	san_list_init(&sans);
	for (size_t i = 0; i < a->o.n_dns_names; i++)
		TRY(names_add(&sans, a->o.dns_names[i]));
	TRY(key_generate(key));
	int64_t now = clock_wall_s();
	const struct cert_template t = {
		.cn = "Step Online CA",
		.key = *key,
		.not_before = now - validity_defaults.backdate,
		.not_after = now + SERVER_LIFE_S,
		.sans = &sans,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = XKU_SSL_SERVER | XKU_SSL_CLIENT,
	};
	TRY(cert_issue(&leaf, a->ca->issuer, &t));
	TRY(cert_to_pem(chain_pem, leaf));
	return ca_write_issuers_pem(chain_pem, a->ca);
}

// Go has one alert for everything that can be wrong with a client's chain.
static int
judge_client(int ok, X509_STORE_CTX *store)
{
	if (!ok)
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); // bad_certificate
	return ok;
}

static enum err
start_tls(struct authority *a, struct why *why)
{
	BUF_AUTO struct buf chain;
	BUF_AUTO struct buf anchors;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	buf_init(&chain, PEM_MAX);
	buf_init(&anchors, PEM_MAX);
	TRY(make_server_identity(&chain, &key, a));
	// Clients may send their leaf alone, so the CA knows all issuers.
	TRY(buf_append(&anchors, a->ca->root.pem.data, a->ca->root.pem.len));
	TRY(ca_write_issuers_pem(&anchors, a->ca));
	const struct tls_server_options o = {
		.chain_pem = buf_bytes(&chain),
		.key = key,
		.client_auth = TLS_CLIENT_VERIFY_IF_GIVEN,
		.client_ca_pem = buf_bytes(&anchors),
		.alpn_http = true,
	};
	TRY(tls_server_new(&a->tls, &o, why));
	SSL_CTX_set_verify(tls_server_ctx(a->tls), SSL_VERIFY_PEER, judge_client);
	if (SSL_CTX_set_cipher_list(tls_server_ctx(a->tls), tls12_ciphers) != 1)
		return ossl_fail(why, ERR_INTERNAL, "TLS 1.2 ciphers");
	return ERR_OK;
}

static void
on_renewal(uv_timer_t *timer)
{
	struct authority *a = timer->data;
	BUF_AUTO struct buf chain;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	struct why why = {0};
	buf_init(&chain, PEM_MAX);
	enum err err = make_server_identity(&chain, &key, a);
	if (!err)
		err = tls_server_set_identity(a->tls, buf_bytes(&chain), key, &why);
	if (err)
		log_error(a->o.log, "server.renewal_failed", KV_ERR(err), KV_STR("why", why.text));
	else
		log_info(a->o.log, "server.renewed");
}

// --- the server ---

static enum err
start_server(struct authority *a, uv_loop_t *loop, struct why *why)
{
	a->http = (struct http_faults){.plan = a->o.faults,
				       .journal = a->o.journal,
				       .routes = authority_routes,
				       .n_routes = authority_n_routes,
				       .device = authority_device,
				       .ctx = a};
	const struct http_server_options o = {.server_name = "step-ca",
					      .addr = a->o.addr,
					      .tls = a->tls,
					      .routes = authority_routes,
					      .n_routes = authority_n_routes,
					      .ctx = a,
					      .errors = &authority_errors,
					      .log = a->o.log,
					      .idle_timeout_s = IDLE_S,
					      .before = authority_before,
					      .after = authority_after,
					      .on_finish = authority_on_finish};
	TRY(http_server_new(&a->server, loop, &o, why));
	uv_timer_init(loop, &a->renewal);
	a->renewal.data = a;
	a->renewal_runs = true;
	uv_timer_start(&a->renewal, on_renewal, SERVER_RENEWAL_MS, SERVER_RENEWAL_MS);
	return ERR_OK;
}

AUTO_DEFINE(struct authority *, authority_free)

enum err
authority_new(struct authority **out, uv_loop_t *loop, const struct authority_options *o,
	      struct why *why)
{
	*out = NULL;
	AUTO(authority_free) struct authority *a = calloc(1, sizeof(*a));
	if (!a)
		return why_set(why, ERR_NOMEM, "out of memory");
	a->o = *o;
	a->start_s = clock_wall_s();
	TRY(open_state(a, why));
	TRY(token_rules_init(&a->rules, o->dns_names, o->n_dns_names, a->start_s));
	a->rules.provisioners = &a->provisioners;
	a->rules.ledger = a->ledger;
	TRY(start_tls(a, why));
	TRY(start_server(a, loop, why));
	*out = STEAL(a);
	return ERR_OK;
}

void
authority_stop(struct authority *a)
{
	http_server_free(a->server);
	a->server = NULL;
	if (a->renewal_runs)
		uv_close((uv_handle_t *)&a->renewal, NULL);
	a->renewal_runs = false;
}

void
authority_free(struct authority *a)
{
	if (!a)
		return;
	tls_server_unref(a->tls);
	token_rules_fini(&a->rules);
	provisioners_fini(&a->provisioners);
	ledger_free(a->ledger);
	ca_free(a->stranger);
	ca_free(a->ca);
	free(a);
}

struct addr
authority_addr(const struct authority *a)
{
	return http_server_addr(a->server);
}

const char *
authority_root_fingerprint(const struct authority *a)
{
	return a->ca->root_fingerprint;
}

const char *
authority_sub_fingerprint(const struct authority *a)
{
	return a->ca->sub_fingerprint;
}

// --- tokens ---

enum err
authorize_post(struct token *out, struct authority *a, struct http_req *req,
	       const struct post *post, enum token_use use)
{
	struct why why = {0};
	enum token_verdict verdict =
		token_authorize(out, &a->rules, post->token, use, clock_wall_ns(), &why);
	a->tokens[verdict]++;
	if (verdict == TOKEN_ACCEPTED)
		return ERR_OK;
	why_prefix(&why, "token");
	reply_error(req, ERR_UNAUTHORIZED, &why);
	return ERR_UNAUTHORIZED;
}

// --- admin API ---

json_t *
authority_state(void *authority, const char *device)
{
	const struct authority *a = authority;
	char started_at[CLOCK_RFC3339_BYTES];
	json_t *requests = json_object();
	for (int i = 0; i < N_ENDPOINTS; i++)
		json_object_set_new(requests, authority_endpoint_name((enum endpoint)i),
				    json_integer((json_int_t)a->requests[i]));
	clock_format_rfc3339(started_at, (uint64_t)a->start_s * NS_PER_S, 0);
	return json_pack("{s:o, s:o, s:{s:I, s:I, s:I}, s:s, s:s, s:s}", "requests", requests,
			 "certificates", ledger_certificates(a->ledger, device), "tokens",
			 "accepted", (json_int_t)a->tokens[TOKEN_ACCEPTED], "replayed",
			 (json_int_t)a->tokens[TOKEN_REPLAYED], "rejected",
			 (json_int_t)a->tokens[TOKEN_REJECTED], "started_at", started_at,
			 "root_fingerprint", a->ca->root_fingerprint, "subca_fingerprint",
			 a->ca->sub_fingerprint);
}

void
authority_reset(void *authority)
{
	struct authority *a = authority;
	ledger_clear(a->ledger);
	memset(a->requests, 0, sizeof(a->requests));
	memset(a->tokens, 0, sizeof(a->tokens));
}

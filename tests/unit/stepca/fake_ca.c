// SPDX-License-Identifier: Apache-2.0
#include "fake_ca.h"

#include <assert.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/clock.h"
#include "pki/csr.h"
#include "pki/jose.h"

static void
must(enum err err)
{
	assert(err == ERR_OK);
}

static void
make_authority(struct fake_authority *a, const char *cn, const struct fake_authority *issuer)
{
	int64_t now = clock_wall_s();
	must(key_generate(&a->key));
	struct cert_template t = {
		.cn = cn,
		.key = a->key,
		.not_before = now - 60,
		.not_after = now + 3600,
		.is_ca = true,
		.path_len = -1,
		.key_usage = KU_KEY_CERT_SIGN,
	};
	must(issuer ? cert_issue(&a->cert, issuer->ca, &t) : cert_issue_root(&a->cert, &t));
	must(cert_ca_new(&a->ca, a->cert, a->key, NULL));
	must(cert_fingerprint(a->fingerprint, a->cert));
}

static void
free_authority(struct fake_authority *a)
{
	cert_ca_free(a->ca);
	X509_free(a->cert);
	EVP_PKEY_free(a->key);
}

// --- answers ---

static void
reply_error(struct http_req *req, const struct fake_ca *ca, int status)
{
	const char *message = ca->message ? ca->message : "The request failed.";
	http_reply_json(req, status, json_pack("{s:i, s:s}", "status", status, "message", message));
}

static json_t *
pem_of(const X509 *cert)
{
	BUF_AUTO struct buf pem;
	buf_init(&pem, 64 * 1024);
	must(cert_to_pem(&pem, cert));
	return json_string((const char *)pem.data);
}

static void
get_root(struct http_req *req, void *ctx)
{
	struct fake_ca *ca = ctx;
	ca->n_root++;
	if (strcmp(http_req_param(req, "fp"), ca->root.fingerprint) != 0) {
		reply_error(req, ca, 404);
		return;
	}
	http_reply_json(req, 200, json_pack("{s:o}", "ca", pem_of(ca->root.cert)));
}

static void
get_roots(struct http_req *req, void *ctx)
{
	struct fake_ca *ca = ctx;
	json_t *list = json_array();
	json_array_append_new(list, pem_of(ca->rogue.cert));
	if (!ca->list_rogue_only)
		json_array_append_new(list, pem_of(ca->root.cert));
	http_reply_json(req, 201, json_pack("{s:o}", "crts", list));
}

static void
get_provisioners(struct http_req *req, void *ctx)
{
	struct fake_ca *ca = ctx;
	const char *cursor = http_req_query(req, "cursor");
	ca->n_provisioners++;
	if (ca->second_page && !cursor) {
		http_reply_json(req, 200,
				json_pack("{s:[{s:s, s:s}], s:s}", "provisioners", "type", "ACME",
					  "name", "iot-bridge", "nextCursor", "00 next&page"));
		return;
	}
	if (cursor && strcmp(cursor, "00 next&page") != 0) {
		reply_error(req, ca, 400);
		return;
	}
	json_t *jwk = jwk_from_key(ca->key);
	json_object_set_new(jwk, "kid", json_string(ca->kid));
	json_t *jwk_row =
		json_pack("{s:s, s:s, s:o, s:s}", "type", "JWK", "name", "iot-bridge", "key", jwk,
			  "encryptedKey", (const char *)ca->encrypted_key.data);
	http_reply_json(req, 200,
			json_pack("{s:[o], s:s}", "provisioners", jwk_row, "nextCursor", ""));
}

static void
note_token(struct fake_ca *ca, const char *ott)
{
	AUTO(jws_free) struct jws *jws = NULL;
	if (jws_parse(&jws, BYTES_STR(ott), NULL) != ERR_OK ||
	    jws_verify(jws, ca->key, NULL) != ERR_OK ||
	    strcmp(jws_header_str(jws, "kid"), ca->kid) != 0) {
		ca->n_bad_tokens++;
		return;
	}
	const char *jti = jws_claim_str(jws, "jti");
	for (unsigned i = 0; i < ca->n_jtis; i++)
		ca->n_repeated_jtis += strcmp(ca->jtis[i], jti) == 0;
	assert(ca->n_jtis < FAKE_TOKENS_MAX);
	ca->jtis[ca->n_jtis++] = strdup(jti);
	snprintf(ca->last_audience, sizeof(ca->last_audience), "%s", jws_claim_str(jws, "aud"));
	snprintf(ca->last_subject, sizeof(ca->last_subject), "%s", jws_claim_str(jws, "sub"));
}

static void
sign(struct http_req *req, struct fake_ca *ca, enum fake_answer how, const char *csr_pem)
{
	AUTO(csr_free) struct csr *csr = NULL;
	AUTO(X509_free) X509 *leaf = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	must(csr_parse(&csr, BYTES_STR(csr_pem), NULL));
	must(key_generate(&other));
	const char *name = how == FAKE_OTHER_NAME ? "dev-2" : ca->last_subject;
	must(san_list_add(&sans, SAN_DNS, name));
	int64_t now = clock_wall_s();
	struct cert_template t = {
		.cn = name,
		.key = how == FAKE_OTHER_KEY ? other : csr->key,
		.not_before = now - 60,
		.not_after = now + 600,
		.sans = &sans,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = XKU_SSL_CLIENT | XKU_SSL_SERVER,
	};
	must(cert_issue(&leaf, how == FAKE_OTHER_ROOT ? ca->rogue.ca : ca->sub.ca, &t));
	http_reply_json(req, 201,
			json_pack("{s:[o,o,o]}", "certChain", pem_of(leaf), pem_of(ca->sub.cert),
				  pem_of(ca->intermediate.cert)));
}

static void
post_sign(struct http_req *req, void *ctx)
{
	struct fake_ca *ca = ctx;
	struct bytes body = http_req_body(req);
	json_auto_t *json = json_loadb((const char *)body.p, body.n, 0, NULL);
	const char *csr = json_string_value(json_object_get(json, "csr"));
	const char *ott = json_string_value(json_object_get(json, "ott"));
	int how = ca->n_sign < FAKE_SCRIPT_MAX ? ca->sign_script[ca->n_sign] : FAKE_GOOD;
	ca->n_sign++;
	note_token(ca, ott);
	if (how == 401 && ca->rotate_on_401)
		fake_ca_rotate(ca);
	if (how == FAKE_NOT_JSON)
		http_reply(req, 201, "text/html", BYTES_STR("<html>"));
	else if (how >= FAKE_STATUS)
		reply_error(req, ca, how);
	else if (how != FAKE_HANG)
		sign(req, ca, (enum fake_answer)how, csr);
}

static void
post_revoke(struct http_req *req, void *ctx)
{
	struct fake_ca *ca = ctx;
	struct bytes body = http_req_body(req);
	json_auto_t *json = json_loadb((const char *)body.p, body.n, 0, NULL);
	ca->n_revoke++;
	note_token(ca, json_string_value(json_object_get(json, "ott")));
	if (!json_is_true(json_object_get(json, "passive")))
		reply_error(req, ca, 501);
	else if (ca->revoke_status == 200)
		http_reply_json(req, 200, json_pack("{s:s}", "status", "ok"));
	else
		reply_error(req, ca, ca->revoke_status);
}

static const struct http_route routes[] = {
	{"GET",	"/root/{fp}",	      get_root,		1024,  "root"	    },
	{"GET",	"/roots",		  get_roots,	     1024,  "roots"	  },
	{"GET",	"/1.0/provisioners", get_provisioners, 1024,  "provisioners"},
	{"POST", "/1.0/sign",	      post_sign,	 65536, "sign"	      },
	{"POST", "/1.0/revoke",	post_revoke,	     65536, "revoke"	    },
};

// --- start and stop ---

void
fake_ca_rotate(struct fake_ca *ca)
{
	SECRET_AUTO struct secret text = SECRET_NONE;
	EVP_PKEY_free(ca->key);
	ca->key = NULL;
	buf_clear(&ca->encrypted_key);
	must(key_generate(&ca->key));
	must(jwk_thumbprint(ca->kid, ca->key));
	must(jwk_private_to_text(&text, ca->key));
	must(jwe_seal(&ca->encrypted_key, BYTES(text.text, text.n), BYTES_STR(FAKE_PASSWORD),
		      JWE_P2C_MIN, "jwk+json"));
}

static void
make_server_identity(struct fake_ca *ca, const char *chain)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(X509_free) X509 *leaf = NULL;
	SAN_LIST_AUTO struct san_list sans;
	BUF_AUTO struct buf pem;
	san_list_init(&sans);
	buf_init(&pem, 64 * 1024);
	must(key_generate(&key));
	must(san_list_add_host(&sans, "127.0.0.1"));
	int64_t now = clock_wall_s();
	struct cert_template t = {
		.cn = "Step Online CA",
		.key = key,
		.not_before = now - 60,
		.not_after = now + 600,
		.sans = &sans,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = XKU_SSL_SERVER,
	};
	for (; *chain; chain++) {
		if (*chain == 's' || *chain == 'r') {
			must(cert_issue(&leaf, *chain == 's' ? ca->sub.ca : ca->rogue.ca, &t));
			must(cert_to_pem(&pem, leaf));
		} else {
			must(cert_to_pem(&pem,
					 *chain == 'S' ? ca->sub.cert : ca->intermediate.cert));
		}
	}
	struct tls_server_options o = {.chain_pem = buf_bytes(&pem), .key = key, .alpn_http = true};
	must(tls_server_new(&ca->tls, &o, NULL));
}

void
fake_ca_start(struct fake_ca *ca, uv_loop_t *loop, const char *chain)
{
	static const struct log silent = {.fd = -1, .level = LOG_OFF};
	char address[ADDR_TEXT_BYTES];
	*ca = (struct fake_ca){.loop = loop, .revoke_status = 200};
	buf_init(&ca->encrypted_key, 16 * 1024);
	make_authority(&ca->root, "Test Root", NULL);
	make_authority(&ca->intermediate, "Test Intermediate", &ca->root);
	make_authority(&ca->sub, "Test Sub-CA", &ca->intermediate);
	make_authority(&ca->rogue, "Rogue Root", NULL);
	fake_ca_rotate(ca);
	make_server_identity(ca, chain);
	struct http_server_options o = {
		.server_name = "fake-ca",
		.tls = ca->tls,
		.routes = routes,
		.n_routes = N_ELEMENTS(routes),
		.ctx = ca,
		.log = &silent,
	};
	must(addr_parse(&o.addr, "127.0.0.1:0", NULL));
	must(http_server_new(&ca->server, loop, &o, NULL));
	struct addr addr = http_server_addr(ca->server);
	addr_format(address, &addr);
	snprintf(ca->url, sizeof(ca->url), "https://%s", address);
}

void
fake_ca_stop(struct fake_ca *ca)
{
	http_server_free(ca->server);
	tls_server_unref(ca->tls);
	free_authority(&ca->root);
	free_authority(&ca->intermediate);
	free_authority(&ca->sub);
	free_authority(&ca->rogue);
	EVP_PKEY_free(ca->key);
	buf_fini(&ca->encrypted_key);
	for (unsigned i = 0; i < ca->n_jtis; i++)
		free(ca->jtis[i]);
}

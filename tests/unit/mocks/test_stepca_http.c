// SPDX-License-Identifier: Apache-2.0
// mock-step-ca over TLS, as a client sees it.
#include "stepca_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "pki/trust.h"
#include "step-ca/authority.h"

static struct {
	uv_loop_t loop;
	struct log log;
	struct secret password;
	struct fault_plan *faults;
	struct journal *journal;
	struct authority *authority;
	struct http_client *client;
	struct tls_client *tls;
	char url[128];
	char *root_pem;
	EVP_PKEY *key; // the provisioner's
	char *kid;
} f;

struct answer {
	bool done;
	enum err err;
	int status;
	char *body;
	char content_type[64];
};

static void
on_answer(const struct http_answer *a, void *ctx)
{
	struct answer *out = ctx;
	out->done = true;
	out->err = a->err;
	out->status = a->status;
	out->body = bytes_to_str(a->body);
	snprintf(out->content_type, sizeof(out->content_type), "%s",
		 a->content_type ? a->content_type : "");
}

static void
answer_fini(struct answer *a)
{
	free(a->body);
}
#define ANSWER_AUTO __attribute__((cleanup(answer_fini)))

static struct answer
call_as(struct tls_client *tls, const char *method, const char *path, const char *body)
{
	struct answer a = {0};
	char url[512];
	snprintf(url, sizeof(url), "%s%s", f.url, path);
	const struct http_request r = {.method = method,
				       .url = url,
				       .tls = tls,
				       .content_type = body ? "text/plain" : NULL,
				       .body = body ? BYTES_STR(body) : BYTES_NONE};
	cr_assert(http_call_start(NULL, f.client, &r, on_answer, &a) == ERR_OK);
	while (!a.done)
		uv_run(&f.loop, UV_RUN_ONCE);
	return a;
}

static struct answer
call(const char *method, const char *path, const char *body)
{
	return call_as(f.tls, method, path, body);
}

static json_t *
json_of(const struct answer *a)
{
	json_t *json = json_loads(a->body, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(json != NULL, "no JSON: %s", a->body);
	return json;
}

static const char *
text_at(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));
	return text ? text : "";
}

// --- start and end ---

static void
start_authority(const char *state_dir, bool no_db)
{
	static const char *const dns_names[] = {"localhost", "127.0.0.1"};
	static const char *const provisioners[] = {"iot-bridge", "other"};
	struct why why = {0};
	char addr[ADDR_TEXT_BYTES];
	struct authority_options o = {.dns_names = dns_names,
				      .n_dns_names = 2,
				      .provisioners = provisioners,
				      .n_provisioners = 2,
				      .password = &f.password,
				      .state_dir = state_dir,
				      .no_db = no_db,
				      .log = &f.log,
				      .faults = f.faults,
				      .journal = f.journal};
	cr_assert(addr_parse(&o.addr, "127.0.0.1:0", &why) == ERR_OK);
	cr_assert(authority_new(&f.authority, &f.loop, &o, &why) == ERR_OK, "%s", why.text);
	const struct addr real = authority_addr(f.authority);
	addr_format(addr, &real);
	snprintf(f.url, sizeof(f.url), "https://%s", addr);
}

// Root by fingerprint over an unverified connection, then everything verified.
static void
bootstrap(void)
{
	char path[128];
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	AUTO(tls_client_unref) struct tls_client *blind = NULL;
	AUTO(X509_free) X509 *root = NULL;
	cr_assert(tls_client_new(&blind, &(struct tls_client_options){0}, NULL) == ERR_OK);
	snprintf(path, sizeof(path), "/root/%s", authority_root_fingerprint(f.authority));
	ANSWER_AUTO struct answer a = call_as(blind, "GET", path, NULL);
	cr_assert(eq(int, a.status, 200));
	json_auto_t *json = json_of(&a);
	f.root_pem = strdup(text_at(json, "ca"));
	cr_assert(cert_from_pem(&root, BYTES_STR(f.root_pem), NULL) == ERR_OK);
	cr_assert(cert_fingerprint(fingerprint, root) == ERR_OK);
	cr_assert(eq(str, fingerprint, (char *)(uintptr_t)authority_root_fingerprint(f.authority)));
	const struct tls_client_options o = {.roots_pem = BYTES_STR(f.root_pem)};
	cr_assert(tls_client_new(&f.tls, &o, NULL) == ERR_OK);
}

static void
load_provisioner(void)
{
	ANSWER_AUTO struct answer a = call("GET", "/1.0/provisioners?limit=100", NULL);
	cr_assert(eq(int, a.status, 200));
	json_auto_t *json = json_of(&a);
	const json_t *p = json_array_get(json_object_get(json, "provisioners"), 0);
	cr_assert(eq(str, (char *)(uintptr_t)text_at(p, "name"), "iot-bridge"));
	f.kid = strdup(text_at(json_object_get(p, "key"), "kid"));
	f.key = stepca_open_key(text_at(p, "encryptedKey"));
}

static void
start_all(const char *state_dir, bool no_db)
{
	start_authority(state_dir, no_db);
	bootstrap();
	load_provisioner();
}

static void
stop_all(void)
{
	tls_client_unref(f.tls);
	f.tls = NULL;
	free(f.root_pem);
	free(f.kid);
	EVP_PKEY_free(f.key);
	authority_stop(f.authority);
	// The client's connections end by themselves once the server is gone.
	for (int i = 0; i < 100 && uv_run(&f.loop, UV_RUN_NOWAIT); i++)
		;
	authority_free(f.authority);
}

static void
setup(void)
{
	f.log = log_new("test", LOG_OFF);
	uv_loop_init(&f.loop);
	f.password = stepca_password();
	cr_assert(fault_plan_new(&f.faults, &authority_vocabulary, 1) == ERR_OK);
	cr_assert(journal_new(&f.journal, NULL) == ERR_OK);
	cr_assert(http_client_new(&f.client, &f.loop, NULL) == ERR_OK);
}

static void
teardown(void)
{
	http_client_free(f.client);
	uv_run(&f.loop, UV_RUN_DEFAULT);
	cr_expect(eq(int, uv_loop_close(&f.loop), 0), "handles were left open");
	fault_plan_free(f.faults);
	journal_free(f.journal);
	secret_fini(&f.password);
}

TestSuite(stepca_http, .init = setup, .fini = teardown);

// --- requests ---

static char *
token(const char *sub, const char *path, const char *jti, int64_t iat)
{
	char aud[256];
	int64_t now = clock_wall_s();
	snprintf(aud, sizeof(aud), "%s%s", f.url, path);
	json_t *claims =
		json_pack("{s:s, s:I, s:s, s:s, s:s}", "aud", aud, "exp", (json_int_t)now + 300,
			  "iss", "iot-bridge", "jti", jti, "sub", sub);
	if (iat)
		json_object_set_new(claims, "iat", json_integer(iat));
	return stepca_token(f.key, f.kid, claims);
}

static char *
csr_pem(const char *cn, EVP_PKEY *key)
{
	struct buf pem;
	buf_init(&pem, CSR_MAX_BYTES);
	const struct csr_options o = {.cn = cn};
	cr_assert(csr_create_pem(&pem, key, &o) == ERR_OK);
	return buf_steal_str(&pem);
}

static struct answer
sign_with(const char *cn, const char *ott, EVP_PKEY *key)
{
	AUTO(free) char *csr = csr_pem(cn, key);
	json_auto_t *json = json_pack("{s:s, s:s}", "csr", csr, "ott", ott);
	AUTO(free) char *body = json_dumps(json, 0);
	return call("POST", "/1.0/sign", body);
}

static struct answer
sign(const char *cn, const char *jti, EVP_PKEY *key)
{
	AUTO(free) char *ott = token("dev-1", "/1.0/sign", jti, 0);
	return sign_with(cn, ott, key);
}

// The chain of a sign, renew or rekey answer as PEM, leaf first.
static char *
chain_of(const struct answer *a)
{
	json_auto_t *json = json_of(a);
	struct buf pem;
	size_t i;
	json_t *cert;
	buf_init(&pem, 100000);
	json_array_foreach (json_object_get(json, "certChain"), i, cert)
		cr_assert(buf_append_str(&pem, json_string_value(cert)) == ERR_OK);
	return buf_steal_str(&pem);
}

static struct tls_client *
client_with(const char *chain, EVP_PKEY *key)
{
	struct tls_client *tls = NULL;
	struct why why = {0};
	const struct tls_client_options o = {
		.roots_pem = BYTES_STR(f.root_pem), .chain_pem = BYTES_STR(chain), .key = key};
	cr_assert(tls_client_new(&tls, &o, &why) == ERR_OK, "%s", why.text);
	return tls;
}

static char *
serial_of(const char *chain)
{
	char serial[CERT_SERIAL_CHARS + 1];
	AUTO(X509_free) X509 *leaf = NULL;
	cr_assert(cert_from_pem(&leaf, BYTES_STR(chain), NULL) == ERR_OK);
	cr_assert(cert_serial(serial, leaf) == ERR_OK);
	return strdup(serial);
}

static const char unauthorized[] =
	"{\"status\":401,\"message\":\"The request lacked necessary authorization to be completed. "
	"Please see the certificate authority logs for more info.\"}\n";

// --- tests ---

Test(stepca_http, public_endpoints_and_the_router)
{
	static const struct {
		const char *method, *path;
		int status;
		const char *content_type, *body; // body: beginning
	} rows[] = {
		{"GET",	"/health",			   200, "application/json",	    "{\"status\":\"ok\"}\n"	   },
		{"GET",	"/1.0/version",			200, "application/json",		 "{\"version\":\"0.19.0\"}\n"},
		{"GET",	"/roots",			  201, "application/json",	   "{\"crts\":[\"-----BEGIN"   },
		{"GET",	"/federation",		       201, "application/json",		"{\"crts\":[\"-----BEGIN"	 },
		{"GET",	"/1.0/roots.pem",		  200, "application/x-pem-file",	 "-----BEGIN"		     },
		{"GET",	"/root/00",			    404, "application/json",	     "{\"status\":404,"	       },
		{"GET",	"/provisioners/AA/encrypted-key", 404, "application/json",
		 "{\"status\":404,"										      },
		{"GET",	"/provisioners?limit=abc",	   400, "application/json",
		 "{\"status\":400,\"message\":\"The request could not be completed: limit 'abc' is "
		 "not an integer.\"}\n"										  },
		{"GET",	"/nope",				 404, "text/plain; charset=utf-8", "404 page not found\n"	 },
		{"GET",	"/health/",			    404, "text/plain; charset=utf-8", "404 page not found\n"	    },
		{"GET",	"//health",			    404, "text/plain; charset=utf-8", "404 page not found\n"	    },
		{"GET",	"/root",				 404, "text/plain; charset=utf-8", "404 page not found\n"	 },
		{"GET",	"/sign",				 405, "",			  ""			    },
		{"POST", "/health",			    405, "",			     ""			       },
		{"POST", "/sign",			  400, "application/json",
		 "{\"status\":400,\"message\":\"The request could not be completed: error decoding "
		 "json.\"}\n"											    },
	};
	start_all(NULL, false);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		ANSWER_AUTO struct answer a = call(rows[i].method, rows[i].path, NULL);
		cr_expect(eq(int, a.status, rows[i].status), "%s", rows[i].path);
		cr_expect(eq(str, a.content_type, (char *)(uintptr_t)rows[i].content_type), "%s",
			  rows[i].path);
		cr_expect(strncmp(a.body, rows[i].body, strlen(rows[i].body)) == 0, "%s: %s",
			  rows[i].path, a.body);
	}
	stop_all();
}

Test(stepca_http, sign_gives_a_chain_to_the_root)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	start_all(NULL, false);
	cr_assert(key_generate(&key) == ERR_OK);
	ANSWER_AUTO struct answer a = sign("dev-1", "j1", key);
	cr_assert(eq(int, a.status, 201), "%s", a.body);
	AUTO(free) char *pem = chain_of(&a);
	AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
	AUTO(trust_free) struct trust *trust = NULL;
	struct why why = {0};
	cr_assert(cert_chain_from_pem(&chain, BYTES_STR(pem), NULL) == ERR_OK);
	cr_assert(eq(int, sk_X509_num(chain), 3));
	X509 *leaf = sk_X509_value(chain, 0);
	cr_assert(trust_new(&trust, BYTES_STR(f.root_pem), NULL) == ERR_OK);
	cr_expect(trust_verify(trust, leaf, chain, clock_wall_s(), TRUST_CLIENT, &why) == ERR_OK,
		  "%s", why.text);
	cr_expect(cert_matches_key(leaf, key));
	int64_t from;
	int64_t until;
	cr_assert(cert_validity(&from, &until, leaf) == ERR_OK);
	cr_expect(eq(i64, until - from, 86460));
	json_auto_t *json = json_of(&a);
	json_auto_t *options = json_loads("{\"cipherSuites\":"
					  "[\"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256\","
					  "\"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\"],"
					  "\"minVersion\":1.2,\"maxVersion\":1.3,"
					  "\"renegotiation\":false}",
					  0, NULL);
	const json_t *list = json_object_get(json, "certChain");
	cr_expect(json_equal(json_object_get(json, "tlsOptions"), options) == 1);
	cr_expect(json_equal(json_object_get(json, "crt"), json_array_get(list, 0)) == 1);
	cr_expect(json_equal(json_object_get(json, "ca"), json_array_get(list, 1)) == 1);
	json_auto_t *state = authority_state(f.authority, "dev-1");
	const json_t *dev = json_object_get(json_object_get(state, "certificates"), "dev-1");
	cr_expect(eq(i64, json_integer_value(json_object_get(dev, "issued")), 1));
	stop_all();
}

Test(stepca_http, tokens_burn_on_403_but_not_on_400)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	start_all(NULL, false);
	cr_assert(key_generate(&key) == ERR_OK);
	ANSWER_AUTO struct answer refused = sign("dev-2", "a", key);
	cr_expect(eq(int, refused.status, 403));
	cr_expect(strstr(refused.body, "got dev-2, want dev-1.") != NULL);
	ANSWER_AUTO struct answer again = sign("dev-1", "a", key);
	cr_expect(eq(int, again.status, 401));
	cr_expect(eq(str, again.body, (char *)(uintptr_t)unauthorized));
	AUTO(free) char *ott = token("dev-1", "/1.0/sign", "b", 0);
	json_auto_t *json = json_pack("{s:s, s:s}", "csr", "garbage", "ott", ott);
	AUTO(free) char *body = json_dumps(json, 0);
	ANSWER_AUTO struct answer bad = call("POST", "/sign", body);
	cr_expect(eq(int, bad.status, 400));
	ANSWER_AUTO struct answer good = sign("dev-1", "b", key);
	cr_expect(eq(int, good.status, 201));
	stop_all();
}

Test(stepca_http, renew_rekey_and_revoke)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *new_key = NULL;
	start_all(NULL, false);
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(key_generate(&new_key) == ERR_OK);
	ANSWER_AUTO struct answer nobody = call("POST", "/renew", "");
	cr_expect(strstr(nobody.body, "missing client certificate.") != NULL, "%s", nobody.body);
	ANSWER_AUTO struct answer issued = sign("dev-1", "a", key);
	AUTO(free) char *chain = chain_of(&issued);
	AUTO(free) char *serial = serial_of(chain);
	AUTO(tls_client_unref) struct tls_client *tls = client_with(chain, key);

	ANSWER_AUTO struct answer renewed = call_as(tls, "POST", "/1.0/renew", "ignored");
	cr_assert(eq(int, renewed.status, 201), "%s", renewed.body);
	AUTO(free) char *renewed_chain = chain_of(&renewed);
	AUTO(X509_free) X509 *leaf = NULL;
	cr_assert(cert_from_pem(&leaf, BYTES_STR(renewed_chain), NULL) == ERR_OK);
	cr_expect(cert_matches_key(leaf, key));

	AUTO(free) char *csr = csr_pem("names-are-ignored", new_key);
	json_auto_t *json = json_pack("{s:s}", "csr", csr);
	AUTO(free) char *body = json_dumps(json, 0);
	ANSWER_AUTO struct answer rekeyed = call_as(tls, "POST", "/rekey", body);
	cr_assert(eq(int, rekeyed.status, 201), "%s", rekeyed.body);
	AUTO(free) char *rekeyed_chain = chain_of(&rekeyed);
	AUTO(X509_free) X509 *other = NULL;
	AUTO(free) char *cn = NULL;
	cr_assert(cert_from_pem(&other, BYTES_STR(rekeyed_chain), NULL) == ERR_OK);
	cr_assert(cert_cn(&cn, other) == ERR_OK);
	cr_expect(eq(str, cn, "dev-1"));
	cr_expect(cert_matches_key(other, new_key));

	AUTO(free) char *ott = token(serial, "/1.0/revoke", "r1", 0);
	AUTO(free) char *ott2 = token(serial, "/1.0/revoke", "r2", 0);
	json_auto_t *r1 = json_pack("{s:s, s:s, s:b}", "serial", serial, "ott", ott, "passive", 1);
	json_auto_t *r2 = json_pack("{s:s, s:s, s:b}", "serial", serial, "ott", ott2, "passive", 1);
	AUTO(free) char *revoke1 = json_dumps(r1, 0);
	AUTO(free) char *revoke2 = json_dumps(r2, 0);
	ANSWER_AUTO struct answer revoked = call("POST", "/1.0/revoke", revoke1);
	cr_expect(eq(str, revoked.body, "{\"status\":\"ok\"}\n"));
	ANSWER_AUTO struct answer twice = call("POST", "/1.0/revoke", revoke2);
	cr_expect(eq(int, twice.status, 400));
	cr_expect(strstr(twice.body, "is already revoked.") != NULL);
	// Passive: only renewal ends; TLS and a new certificate go on.
	ANSWER_AUTO struct answer dead = call_as(tls, "POST", "/renew", "");
	cr_expect(eq(int, dead.status, 401));
	ANSWER_AUTO struct answer alive = call_as(tls, "GET", "/health", NULL);
	cr_expect(eq(int, alive.status, 200));
	ANSWER_AUTO struct answer fresh = sign("dev-1", "z", key);
	cr_expect(eq(int, fresh.status, 201));
	json_auto_t *state = authority_state(f.authority, NULL);
	const json_t *dev = json_object_get(json_object_get(state, "certificates"), "dev-1");
	cr_expect(eq(i64, json_integer_value(json_object_get(dev, "issued")), 4));
	cr_expect(eq(i64, json_integer_value(json_object_get(dev, "revoked")), 1));
	stop_all();
}

Test(stepca_http, revoke_checks_in_the_real_order)
{
	static const struct {
		const char *body;
		int status;
		const char *message;
	} rows[] = {
		{"[]",						400, "error decoding json."		  },
		{"{}",						400, "missing serial."		     },
		{"{\"serial\":\"1\",\"reasonCode\":11}",		 400, "reasonCode out of bounds."	 },
		{"{\"serial\":\"1\",\"reasonCode\":-1}",		 400, "reasonCode out of bounds."	 },
		{"{\"serial\":\"1\"}",				       501, "not implemented"		     },
		{"{\"serial\":\"1\",\"ott\":\"x\"}",		     501, "not implemented"		   },
		{"{\"serial\":\"1\",\"passive\":true,\"ott\":\"x\"}", 401, "authorization"			  },
		{"{\"serial\":\"1\",\"passive\":true}",		400, "missing ott or client certificate."},
	};
	start_all(NULL, false);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		ANSWER_AUTO struct answer a = call("POST", "/revoke", rows[i].body);
		cr_expect(eq(int, a.status, rows[i].status), "%s", rows[i].body);
		cr_expect(strstr(a.body, rows[i].message) != NULL, "%s: %s", rows[i].body, a.body);
	}
	stop_all();
}

Test(stepca_http, without_a_database_revocation_is_not_implemented)
{
	start_all(NULL, true);
	AUTO(free) char *ott = token("1", "/revoke", "x", 0);
	json_auto_t *json = json_pack("{s:s, s:s, s:b}", "serial", "1", "ott", ott, "passive", 1);
	AUTO(free) char *body = json_dumps(json, 0);
	ANSWER_AUTO struct answer a = call("POST", "/revoke", body);
	cr_expect(eq(int, a.status, 501));
	ANSWER_AUTO struct answer burnt = call("POST", "/revoke", body);
	cr_expect(eq(int, burnt.status, 401));
	stop_all();
}

Test(stepca_http, a_bad_client_certificate_ends_every_request)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(X509_free) X509 *self = NULL;
	BUF_AUTO struct buf pem;
	buf_init(&pem, 10000);
	start_all(NULL, false);
	cr_assert(key_generate(&key) == ERR_OK);
	const struct cert_template t = {.cn = "dev-1",
					.key = key,
					.not_before = clock_wall_s() - 100,
					.not_after = clock_wall_s() + 100};
	cr_assert(cert_issue_root(&self, &t) == ERR_OK);
	cr_assert(cert_to_pem(&pem, self) == ERR_OK);
	AUTO(tls_client_unref) struct tls_client *tls = client_with((char *)pem.data, key);
	ANSWER_AUTO struct answer a = call_as(tls, "GET", "/health", NULL);
	cr_expect(a.err != ERR_OK && a.status == 0);
	stop_all();
}

Test(stepca_http, a_restart_keeps_chain_tokens_and_revocations)
{
	char dir[] = "/tmp/stepca-http-XXXXXX";
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	cr_assert(mkdtemp(dir) != NULL);
	cr_assert(key_generate(&key) == ERR_OK);
	start_all(dir, false);
	snprintf(fingerprint, sizeof(fingerprint), "%s", authority_root_fingerprint(f.authority));
	ANSWER_AUTO struct answer first = sign("dev-1", "used", key);
	cr_assert(eq(int, first.status, 201));
	stop_all();
	start_all(dir, false);
	cr_expect(eq(str, (char *)(uintptr_t)authority_root_fingerprint(f.authority), fingerprint));
	ANSWER_AUTO struct answer replay = sign("dev-1", "used", key);
	cr_expect(eq(int, replay.status, 401));
	AUTO(free) char *old = token("dev-1", "/1.0/sign", "old", clock_wall_s() - 100);
	ANSWER_AUTO struct answer stale = sign_with("dev-1", old, key);
	cr_expect(eq(int, stale.status, 401), "a token from before the start");
	ANSWER_AUTO struct answer fresh = sign("dev-1", "fresh", key);
	cr_expect(eq(int, fresh.status, 201));
	stop_all();
	char command_path[512];
	static const char *const files[] = {"root_ca.crt",	"intermediate_ca.crt", "sub_ca.crt",
					    "root_ca_key",	"intermediate_ca_key", "sub_ca_key",
					    "provisioner.json", "ledger.jsonl"};
	for (size_t i = 0; i < N_ELEMENTS(files); i++) {
		snprintf(command_path, sizeof(command_path), "%s/%s", dir, files[i]);
		cr_expect(eq(int, unlink(command_path), 0), "%s", files[i]);
	}
	cr_expect(eq(int, rmdir(dir), 0));
}

// What each semantic fault does to the answer.
Test(stepca_http, semantic_faults_spoil_the_certificate)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	start_all(NULL, false);
	AUTO(trust_free) struct trust *trust = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(trust_new(&trust, BYTES_STR(f.root_pem), NULL) == ERR_OK);
	static const struct {
		const char *name;
		bool key, cn, verifies, in_time;
		int chain;
	} rows[] = {
		{"wrong-key",	      false, true,  true,	 true,  3},
		{"wrong-cn",	     true,  false, true,	true,  3},
		{"expired",		    true,  true,	false, false, 3},
		{"missing-intermediate", true,  true,  false, true,  2},
		{"wrong-chain",		true,  true,  false, true,	 3},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char text[256];
		char jti[16];
		struct why why = {0};
		snprintf(
			text, sizeof(text),
			"{\"name\":\"f%zu\",\"on\":\"sign\",\"device\":\"dev-1\",\"when\":{\"first\":1},"
			"\"do\":{\"semantic\":\"%s\"}}",
			i, rows[i].name);
		snprintf(jti, sizeof(jti), "s%zu", i);
		json_auto_t *fault = json_loads(text, 0, NULL);
		cr_assert(fault_plan_add(f.faults, fault, NULL, &why) == ERR_OK, "%s", why.text);
		ANSWER_AUTO struct answer a = sign("dev-1", jti, key);
		cr_assert(eq(int, a.status, 201), "%s", rows[i].name);
		AUTO(free) char *pem = chain_of(&a);
		AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
		AUTO(free) char *cn = NULL;
		cr_assert(cert_chain_from_pem(&chain, BYTES_STR(pem), NULL) == ERR_OK);
		X509 *leaf = sk_X509_value(chain, 0);
		cr_assert(cert_cn(&cn, leaf) == ERR_OK);
		cr_expect(eq(int, sk_X509_num(chain), rows[i].chain), "%s", rows[i].name);
		cr_expect(cert_matches_key(leaf, key) == rows[i].key, "%s", rows[i].name);
		bool right_cn = strcmp(cn, "dev-1") == 0;
		cr_expect(right_cn == rows[i].cn, "%s", rows[i].name);
		cr_expect(cert_is_valid_at(leaf, clock_wall_s()) == rows[i].in_time, "%s",
			  rows[i].name);
		enum err err = trust_verify(trust, leaf, chain, clock_wall_s(), TRUST_ANY, &why);
		bool verifies = err == ERR_OK;
		cr_expect(verifies == rows[i].verifies, "%s: %s", rows[i].name, why.text);
	}
	ANSWER_AUTO struct answer good = sign("dev-1", "last", key);
	AUTO(free) char *pem = chain_of(&good);
	AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
	cr_assert(cert_chain_from_pem(&chain, BYTES_STR(pem), NULL) == ERR_OK);
	cr_expect(cert_matches_key(sk_X509_value(chain, 0), key));
	stop_all();
}

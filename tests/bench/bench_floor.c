// SPDX-License-Identifier: Apache-2.0
// The cryptographic floor of one device lifecycle: every leg that the protocols cannot do without,
// in memory, without sockets, HTTP, MQTT or processes. What the whole stack costs is quoted as a
// ratio to this figure, from the same run.
#include <openssl/ssl.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/tls.h"
#include "pki/cert.h"
#include "pki/csr.h"
#include "pki/fast_decode.h"
#include "pki/jose.h"
#include "wg/noise.h"

enum {
	ROUNDS = 11,
	PER_ROUND = 40,
};

struct stage {
	struct cert_ca *sub;
	EVP_PKEY *sub_key, *provisioner, *server_key, *device_key;
	struct buf root_pem, chain_pem; // chain: Sub-CA and intermediate
	struct buf server_pem, device_pem, csr;
	struct buf token;
	STACK_OF(X509) * device_chain;
	struct tls_server *https, *mqtts;
	struct tls_client *enroll;
	struct wg_identity wg_server;
};

static void
must(enum err err)
{
	if (err == ERR_OK)
		return;
	fprintf(stderr, "bench_floor: %s\n", err_text(err));
	exit(70);
}

static X509 *
make_ca(struct cert_ca *issuer, const char *cn, EVP_PKEY *key, int path_len)
{
	X509 *cert = NULL;
	const struct cert_template t = {.cn = cn,
					.key = key,
					.not_before = clock_wall_s() - 60,
					.not_after = clock_wall_s() + 86400,
					.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
					.is_ca = true,
					.path_len = path_len};
	must(issuer ? cert_issue(&cert, issuer, &t) : cert_issue_root(&cert, &t));
	return cert;
}

static void
issue_leaf(struct buf *out, const struct stage *s, const char *cn, EVP_PKEY *key)
{
	SAN_LIST_AUTO struct san_list sans;
	X509 *leaf = NULL;
	san_list_init(&sans);
	must(san_list_add_host(&sans, cn));
	const struct cert_template t = {.cn = cn,
					.key = key,
					.not_before = clock_wall_s() - 60,
					.not_after = clock_wall_s() + 86400,
					.sans = &sans,
					.key_usage = KU_DIGITAL_SIGNATURE,
					.ext_key_usage = XKU_SSL_SERVER | XKU_SSL_CLIENT};
	must(cert_issue(&leaf, s->sub, &t));
	must(cert_to_pem(out, leaf));
	must(buf_append(out, s->chain_pem.data, s->chain_pem.len));
	X509_free(leaf);
}

static void
stage_pki(struct stage *s)
{
	EVP_PKEY *root_key = NULL, *inter_key = NULL;
	struct cert_ca *root_ca = NULL, *inter_ca = NULL;
	must(key_generate(&root_key));
	must(key_generate(&inter_key));
	must(key_generate(&s->sub_key));
	must(key_generate(&s->provisioner));
	must(key_generate(&s->server_key));
	must(key_generate(&s->device_key));
	X509 *root = make_ca(NULL, "Bench Root", root_key, 2);
	must(cert_ca_new(&root_ca, root, root_key, NULL));
	X509 *inter = make_ca(root_ca, "Bench Intermediate", inter_key, 1);
	must(cert_ca_new(&inter_ca, inter, inter_key, NULL));
	X509 *sub = make_ca(inter_ca, "Bench Sub-CA", s->sub_key, 0);
	must(cert_ca_new(&s->sub, sub, s->sub_key, NULL));
	must(cert_to_pem(&s->root_pem, root));
	must(cert_to_pem(&s->chain_pem, sub));
	must(cert_to_pem(&s->chain_pem, inter));
	issue_leaf(&s->server_pem, s, "127.0.0.1", s->server_key);
	issue_leaf(&s->device_pem, s, "dev-1", s->device_key);
	must(cert_chain_from_pem(&s->device_chain, buf_bytes(&s->device_pem), NULL));
	must(csr_create_pem(&s->csr, s->device_key, &(struct csr_options){.cn = "dev-1"}));
	X509_free(root);
	X509_free(inter);
	X509_free(sub);
	cert_ca_free(root_ca);
	cert_ca_free(inter_ca);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(inter_key);
}

static void
stage_init(struct stage *s)
{
	struct wg_key private_key, public_key;
	struct buf *buffers[] = {&s->root_pem,	 &s->chain_pem, &s->server_pem,
				 &s->device_pem, &s->csr,	&s->token};
	for (size_t i = 0; i < N_ELEMENTS(buffers); i++)
		buf_init(buffers[i], 64 * 1024);
	stage_pki(s);
	struct tls_server_options so = {.chain_pem = buf_bytes(&s->server_pem),
					.key = s->server_key};
	must(tls_server_new(&s->https, &so, NULL));
	so.client_auth = TLS_CLIENT_VERIFY_IF_GIVEN;
	so.client_ca_pem = buf_bytes(&s->root_pem);
	must(tls_server_new(&s->mqtts, &so, NULL));
	const struct tls_client_options co = {.roots_pem = buf_bytes(&s->root_pem)};
	must(tls_client_new(&s->enroll, &co, NULL));
	must(wg_key_generate(&private_key, &public_key));
	must(wg_identity_init(&s->wg_server, &private_key));
}

// --- the legs ---

static void
leg_device_key(struct stage *s)
{
	EVP_PKEY *key = NULL;
	BUF_AUTO struct buf csr;
	(void)s;
	buf_init(&csr, 8192);
	must(key_generate(&key));
	must(csr_create_pem(&csr, key, &(struct csr_options){.cn = "dev-1"}));
	EVP_PKEY_free(key);
}

static void
pump(SSL *a, SSL *b)
{
	int done_a = 0, done_b = 0;
	for (int i = 0; i < 16 && !(done_a && done_b); i++) {
		done_a = done_a || SSL_do_handshake(a) == 1;
		done_b = done_b || SSL_do_handshake(b) == 1;
	}
	must(done_a && done_b ? ERR_OK : ERR_TLS);
}

static void
handshake(struct stage *s, struct tls_server *server, bool mutual)
{
	SSL *c = SSL_new(tls_client_ctx(s->enroll));
	SSL *v = SSL_new(tls_server_ctx(server));
	BIO *to_server = NULL, *to_client = NULL;
	must(BIO_new_bio_pair(&to_server, 65536, &to_client, 65536) == 1 ? ERR_OK : ERR_NOMEM);
	SSL_set_bio(c, to_server, to_server);
	SSL_set_bio(v, to_client, to_client);
	SSL_set_connect_state(c);
	SSL_set_accept_state(v);
	if (mutual) {
		SSL_use_cert_and_key(c, sk_X509_value(s->device_chain, 0), s->device_key, NULL, 1);
		for (int i = 1; i < sk_X509_num(s->device_chain); i++)
			SSL_add1_chain_cert(c, sk_X509_value(s->device_chain, i));
	}
	pump(c, v);
	SSL_free(c);
	SSL_free(v);
}

static void
leg_https(struct stage *s)
{
	handshake(s, s->https, false);
}

static void
leg_mqtts(struct stage *s)
{
	handshake(s, s->mqtts, true);
}

static void
leg_bridge(struct stage *s)
{
	AUTO(csr_free) struct csr *csr = NULL;
	must(csr_open_for_device(&csr, buf_bytes(&s->csr), "dev-1", NULL));
	json_auto_t *claims =
		json_pack("{s:s, s:s, s:I, s:I}", "iss", "iot-bridge", "sub", "dev-1", "exp",
			  (json_int_t)clock_wall_s() + 300, "iat", (json_int_t)clock_wall_s());
	buf_clear(&s->token);
	must(jws_sign_token(&s->token, "kid", claims, s->provisioner));
}

static void
leg_ca(struct stage *s)
{
	AUTO(csr_free) struct csr *csr = NULL;
	AUTO(jws_free) struct jws *jws = NULL;
	BUF_AUTO struct buf pem;
	buf_init(&pem, 16384);
	must(jws_parse(&jws, buf_bytes(&s->token), NULL));
	must(jws_verify(jws, s->provisioner, NULL));
	must(csr_parse(&csr, buf_bytes(&s->csr), NULL));
	must(csr_verify(csr, NULL));
	const struct cert_template t = {.cn = "dev-1",
					.key = csr->key,
					.not_before = clock_wall_s() - 60,
					.not_after = clock_wall_s() + 86400,
					.key_usage = KU_DIGITAL_SIGNATURE,
					.ext_key_usage = XKU_SSL_SERVER | XKU_SSL_CLIENT};
	must(cert_issue_der(&pem, s->sub, &t));
}

static void
leg_wireguard(struct stage *s)
{
	struct wg_key device_private, device_public, seen;
	struct wg_identity device;
	struct wg_remote to_server, to_device;
	struct wg_handshake hi = {0}, hr = {0};
	struct wg_session_keys ki, kr;
	struct wg_tai64n now, got;
	uint8_t m1[WG_INITIATION_BYTES], m2[WG_RESPONSE_BYTES];
	must(wg_key_generate(&device_private, &device_public));
	must(wg_identity_init(&device, &device_private));
	must(wg_remote_init(&to_server, &device, &s->wg_server.public_key, NULL));
	must(wg_remote_init(&to_device, &s->wg_server, &device_public, NULL));
	wg_tai64n_set(&now, clock_wall_ns());
	must(wg_initiation_create(m1, &hi, &to_server, &device, &now, 1, NULL, NULL));
	must(wg_initiation_open(&hr, &seen, &s->wg_server, m1) == WG_DROP_NONE ? ERR_OK
									       : ERR_CRYPTO);
	must(wg_initiation_authenticate(&hr, &got, &to_device, m1) == WG_DROP_NONE ? ERR_OK
										   : ERR_CRYPTO);
	must(wg_response_create(m2, &kr, &hr, &to_device, 2, NULL, NULL));
	must(wg_response_open(&ki, &hi, &device, &to_server, m2) == WG_DROP_NONE ? ERR_OK
										 : ERR_CRYPTO);
}

static const struct leg {
	const char *name;
	void (*run)(struct stage *s);
} legs[] = {
	{"device: key pair and CSR",			     leg_device_key},
	{"enroll: TLS handshake, 3 certificates, both ends", leg_https     },
	{"bridge: CSR check and token",			leg_bridge	  },
	{"step-ca: token check, CSR check, leaf",		  leg_ca	},
	{"MQTT: mutual TLS handshake, both ends",		  leg_mqtts	   },
	{"WireGuard: new device, handshake, both ends",	leg_wireguard },
};

static int
by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static double
median_us(struct stage *s, const struct leg *leg)
{
	uint64_t rounds[ROUNDS];
	leg->run(s); // what OpenSSL does once only
	for (size_t i = 0; i < ROUNDS; i++) {
		uint64_t start = clock_thread_cpu_ns();
		for (size_t k = 0; k < PER_ROUND; k++)
			leg->run(s);
		rounds[i] = clock_thread_cpu_ns() - start;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
	return (double)rounds[ROUNDS / 2] / PER_ROUND / 1000.0;
}

int
main(int argc, char **argv)
{
	struct stage s = {0};
	double total = 0;
	bool plain = argc > 1 && strcmp(argv[1], "--total") == 0;
	if (argc > 1 && strcmp(argv[1], "--fast-decoders") == 0)
		must(pki_use_fast_decoders());
	stage_init(&s);
	for (size_t i = 0; i < N_ELEMENTS(legs); i++) {
		double us = median_us(&s, &legs[i]);
		total += us;
		if (!plain)
			printf("%-52s %7.0f us\n", legs[i].name, us);
	}
	if (plain)
		printf("%.0f\n", total);
	else
		printf("%-52s %7.0f us  (CPU, one thread, median of %d rounds)\n",
		       "floor of one lifecycle", total, ROUNDS);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "verify_cache.h"

#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "pki/cert.h"

struct verify_cache {
	bool has_key;
	uint8_t key[SHA256_BYTES];
	int64_t until; // first expiry in the chain
	unsigned long known;
	unsigned long verified;
};

static int ctx_index;

static void
on_ctx_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)parent, (void)data, (void)index, (void)argl, (void)argp;
	free(ptr);
}

static void
make_index(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_ctx_free);
}

// Everything that the verdict depends on, but the time: host and chain as the peer sent it.
static bool
make_key(uint8_t key[static SHA256_BYTES], X509_STORE_CTX *x, const STACK_OF(X509) * chain)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(x);
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
	char *ip = X509_VERIFY_PARAM_get1_ip_asc(param);
	BUF_AUTO struct buf text;
	buf_init(&text, 64 * 1024);
	enum err err = buf_printf(&text, "%s %s ", host ? host : "", ip ? ip : "");
	OPENSSL_free(ip);
	for (int i = 0; !err && i < sk_X509_num(chain); i++) {
		uint8_t sha[SHA256_BYTES];
		err = cert_sha256(sha, sk_X509_value(chain, i));
		if (!err)
			err = buf_append(&text, sha, sizeof(sha));
	}
	return !err && sha256(key, buf_bytes(&text)) == ERR_OK;
}

static int64_t
first_expiry(const STACK_OF(X509) * chain)
{
	int64_t first = INT64_MAX;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t from = 0, until = 0;
		if (cert_validity(&from, &until, sk_X509_value(chain, i)))
			return 0;
		first = until < first ? until : first;
	}
	return first;
}

static int
on_verify(X509_STORE_CTX *x, void *arg)
{
	struct verify_cache *c = arg;
	uint8_t key[SHA256_BYTES];
	const STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(x);
	bool has_key = make_key(key, x, sent);
	if (has_key && c->has_key && memcmp(key, c->key, sizeof(key)) == 0 &&
	    clock_wall_s() < c->until) {
		c->known++;
		X509_STORE_CTX_set_error(x, X509_V_OK);
		return 1;
	}
	c->verified++;
	int ok = X509_verify_cert(x);
	if (ok == 1 && has_key) {
		memcpy(c->key, key, sizeof(key));
		c->until = first_expiry(X509_STORE_CTX_get0_chain(x));
		c->has_key = true;
	}
	return ok;
}

enum err
verify_cache_attach(SSL_CTX *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_index);
	struct verify_cache *c = calloc(1, sizeof(*c));
	if (!c || SSL_CTX_set_ex_data(ctx, ctx_index, c) != 1) {
		free(c);
		return ERR_NOMEM;
	}
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, c);
	return ERR_OK;
}

void
verify_cache_counts(SSL_CTX *ctx, unsigned long *known, unsigned long *verified)
{
	const struct verify_cache *c = SSL_CTX_get_ex_data(ctx, ctx_index);
	*known = c ? c->known : 0;
	*verified = c ? c->verified : 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "mqtt_pool.h"

#include <pthread.h>
#include <string.h>
#include <utlist.h>

#include "verify_cache.h"

static _Thread_local struct mqtt_link *current;

void
mqtt_link_enter(struct mqtt_link *link)
{
	current = link;
}

void
mqtt_link_leave(void)
{
	current = NULL;
}

// OpenSSL wants the client's certificate: only now it is known whose connection this is.
static int
on_cert(SSL *ssl, void *ctx)
{
	(void)ctx;
	if (!current || !current->identity.key)
		return 1;
	const struct mqtt_identity *id = &current->identity;
	if (SSL_use_certificate(ssl, id->leaf) != 1 || SSL_use_PrivateKey(ssl, id->key) != 1)
		return 0;
	SSL_clear_chain_certs(ssl);
	for (int i = 0; i < sk_X509_num(id->chain); i++)
		if (SSL_add1_chain_cert(ssl, sk_X509_value(id->chain, i)) != 1)
			return 0;
	return 1;
}

static void
on_tls_info(const SSL *ssl, int where, int value)
{
	if (!current || !(where & SSL_CB_ALERT))
		return;
	int alert = value & 0xff;
	if (alert == SSL_AD_CLOSE_NOTIFY)
		return;
	if (where & SSL_CB_READ)
		current->alert = alert;
	else
		current->verify_error = SSL_get_verify_result(ssl);
}

static bool
set_host(SSL_CTX *ctx, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ||
	       X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static enum err
make_context(SSL_CTX **out, X509 *root, const char *host)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return ERR_NOMEM;
	*out = ctx;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_cb(ctx, on_cert, NULL);
	SSL_CTX_set_info_callback(ctx, on_tls_info);
	if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root) != 1 || !set_host(ctx, host))
		return ERR_CRYPTO;
	return ERR_OK;
}

static void
on_misc(uv_timer_t *timer)
{
	struct mqtt_pool *p = timer->data;
	struct mqtt_link *link, *temp;
	DL_FOREACH_SAFE (p->links, link, temp)
		mqtt_link_misc(link);
}

static void
library_init(void)
{
	mosquitto_lib_init();
}

enum err
mqtt_pool_new(struct mqtt_pool **out, struct worker *w, X509 *root, struct why *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, library_init);
	struct mqtt_pool *p = calloc(1, sizeof(*p));
	if (!p)
		return why_set(why, ERR_NOMEM, "out of memory");
	p->refs = 1;
	p->worker = w;
	p->port = w->config->mqtt_port;
	p->host = strdup(w->config->mqtt_host);
	enum err err = p->host ? make_context(&p->ctx, root, p->host) : ERR_NOMEM;
	if (!err && w->config->share_trust)
		err = verify_cache_attach(p->ctx);
	if (err) {
		SSL_CTX_free(p->ctx);
		free(p->host);
		free(p);
		return why_set(why, err, "the TLS context for MQTT cannot be made");
	}
	uv_timer_init(w->loop, &p->misc);
	p->misc.data = p;
	uv_timer_start(&p->misc, on_misc, 1000, 1000);
	uv_unref((uv_handle_t *)&p->misc);
	*out = p;
	return ERR_OK;
}

static void
on_misc_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
mqtt_pool_unref(struct mqtt_pool *p)
{
	if (--p->refs > 0)
		return;
	SSL_CTX_free(p->ctx);
	free(p->host);
	uv_close((uv_handle_t *)&p->misc, on_misc_closed);
}

void
mqtt_pool_free(struct mqtt_pool *p)
{
	if (p)
		mqtt_pool_unref(p);
}

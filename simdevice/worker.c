// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <string.h>

#include "act_mqtt.h"
#include "act_wireguard.h"
#include "verify_cache.h"

enum err
worker_init(struct worker *w, uv_loop_t *loop, const struct sim_config *config, uint64_t seed,
	    uint64_t stream, const struct log *log, struct why *why)
{
	*w = (struct worker){
		.loop = loop, .config = config, .log = log, .seed = seed, .stream = stream};
	rng_init(&w->rng, seed, stream);
	enum err err = issuers_cache_new(&w->issuers);
	if (!err)
		err = tls_client_new(&w->bootstrap,
				     &(struct tls_client_options){.alpn = "http/1.1"}, why);
	if (!err)
		err = http_client_new(&w->http, loop, why);
	if (err)
		worker_fini(w);
	return err;
}

void
worker_fini(struct worker *w)
{
	http_client_free(w->http);
	mqtt_pool_free(w->mqtt);
	wg_pool_free(w->wg);
	tls_client_unref(w->bootstrap);
	tls_client_unref(w->https);
	X509_free(w->root);
	free(w->root_pem);
	issuers_cache_free(w->issuers);
	w->http = NULL;
}

enum err
worker_set_root(struct worker *w, const char *root_pem, struct why *why)
{
	if (w->root_pem && strcmp(w->root_pem, root_pem) == 0)
		return ERR_OK;
	AUTO(X509_free) X509 *root = NULL;
	TRY(cert_from_pem(&root, BYTES_STR(root_pem), why));
	AUTO(free) char *copy = strdup(root_pem);
	if (!copy)
		return why_set(why, ERR_NOMEM, "out of memory");
	AUTO(tls_client_unref) struct tls_client *https = NULL;
	TRY(tls_client_new(
		&https,
		&(struct tls_client_options){.roots_pem = BYTES_STR(root_pem), .alpn = "http/1.1"},
		why));
	if (w->config->share_trust)
		TRY(verify_cache_attach(tls_client_ctx(https)));
	struct mqtt_pool *mqtt = NULL;
	if (w->config->mqtt_host)
		TRY(mqtt_pool_new(&mqtt, w, root, why));
	mqtt_pool_free(w->mqtt);
	w->mqtt = mqtt;
	tls_client_unref(w->https);
	w->https = STEAL(https);
	X509_free(w->root);
	w->root = STEAL(root);
	free(w->root_pem);
	w->root_pem = STEAL(copy);
	return ERR_OK;
}

enum err
worker_reconfigure(struct worker *w, bool keep_root, struct why *why)
{
	AUTO(free) char *root_pem = STEAL(w->root_pem);
	if (keep_root && root_pem)
		return worker_set_root(w, root_pem, why);
	mqtt_pool_free(w->mqtt);
	w->mqtt = NULL;
	tls_client_unref(w->https);
	w->https = NULL;
	return ERR_OK;
}

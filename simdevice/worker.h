// SPDX-License-Identifier: Apache-2.0
// What the devices of one thread share: loop, HTTP client, trust, parsed issuers, the MQTT clients'
// SSL_CTX, UDP sockets, random stream. Workers share nothing with each other but the read-only
// configuration.
#pragma once

#include <uv.h>

#include "base/log.h"
#include "config.h"
#include "identity.h"
#include "net/http_client.h"

struct mqtt_pool;
struct wg_pool;
struct sim_device;

struct worker {
	uv_loop_t *loop;		 // borrowed
	const struct sim_config *config; // borrowed
	const struct log *log;		 // borrowed
	struct http_client *http;
	struct rng rng;
	uint64_t seed;
	uint64_t stream;
	struct tls_client *bootstrap; // verifies nothing: only for GET /pki/root
	struct tls_client *https;     // verifies against the root; NULL until it is known
	X509 *root;
	char *root_pem;
	struct issuers_cache *issuers;
	struct mqtt_pool *mqtt; // NULL until the root is known
	struct wg_pool *wg;	// made at the first tunnel
	// A fetch of the root that several devices wait for.
	struct http_call *fetch;
	struct sim_device *waiting;
	size_t unexpected; // events without a row in the table
};

// seed, stream: random numbers of this worker (base/rng.h). loop, config and log outlive it.
enum err ERR_MUST_CHECK worker_init(struct worker *w, uv_loop_t *loop,
				    const struct sim_config *config, uint64_t seed, uint64_t stream,
				    const struct log *log, struct why *why);
// Its devices are gone. Handles close on the next loop turns.
void worker_fini(struct worker *w);

// The root is known: builds what stands on it. The same root again is fine; another one replaces it
// for what comes.
enum err ERR_MUST_CHECK worker_set_root(struct worker *w, const char *root_pem, struct why *why);
// The configuration was changed in place: links to come use it. keep_root: what is known about the
// root still holds.
enum err ERR_MUST_CHECK worker_reconfigure(struct worker *w, bool keep_root, struct why *why);

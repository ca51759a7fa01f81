// SPDX-License-Identifier: Apache-2.0
// Start and stop. Everything stands on what was opened before it and goes in the opposite order;
// the listening socket comes last, when there is a TLS identity to serve with.
#include "bridge/bridge.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "bridge/decommission.h"
#include "bridge/enroll.h"
#include "bridge/hawkbit.h"
#include "bridge/meters.h"
#include "bridge/peers_file.h"
#include "bridge/reconcile.h"
#include "bridge/routes.h"
#include "bridge/store.h"
#include "bridge/task.h"
#include "bridge/thingsboard.h"
#include "bridge/tls.h"
#include "bridge/webhook.h"
#include "bridge/wireguard.h"

enum {
	UPSTREAM_CONNECTIONS = 16, // to each system; a burst waits rather than shakes hands
	UPSTREAM_TIMEOUT_MS = 5000,
	ROOTS_MAX_BYTES = 4 * 1024 * 1024,
	LOAD_RETRY_BASE_MS = 500,
	LOAD_RETRY_MAX_MS = 30000,
};

static const char system_roots[] = "/etc/ssl/certs/ca-certificates.crt";

// --- step-ca ---

static enum err
open_stepca(struct bridge *b, struct why *why)
{
	const struct config *c = &b->config;
	struct stepca_options o = {
		.url = c->step_ca_url,
		.fingerprint = c->step_ca_fingerprint,
		.provisioner = c->step_ca_provisioner,
		.password = &c->step_ca_password,
		.budget_ms = c->step_ca_timeout_ms,
		.jitter_seed = rng_system_seed(),
		.log = &b->log,
	};
	return stepca_new(&b->stepca, b->loop, b->http, &o, why);
}

static void load_stepca(struct bridge *b);

static void
on_load_timer(uv_timer_t *timer)
{
	load_stepca(CONTAINER_OF(timer, struct bridge, load_timer));
}

static void
on_stepca_loaded(const struct stepca_outcome *outcome, void *ctx)
{
	struct bridge *b = ctx;
	if (outcome->err == ERR_OK)
		return;
	uint64_t pause = (uint64_t)LOAD_RETRY_BASE_MS
			 << (b->load_failures < 6 ? b->load_failures : 6);
	if (pause > LOAD_RETRY_MAX_MS)
		pause = LOAD_RETRY_MAX_MS;
	b->load_failures++;
	log_warn(&b->log, "stepca.waiting", KV_ERR(outcome->err), KV_STR("why", outcome->why.text),
		 KV_U64("retry_ms", pause));
	uv_timer_start(&b->load_timer, on_load_timer, pause, 0);
}

// Root and key are fetched before the first device asks: readiness stands on them.
static void
load_stepca(struct bridge *b)
{
	enum err err = stepca_load(NULL, b->stepca, on_stepca_loaded, b);
	if (err != ERR_OK) {
		struct stepca_outcome outcome = {.err = err};
		why_set(&outcome.why, err, "%s", err_text(err));
		on_stepca_loaded(&outcome, b);
	}
}

// --- the other systems ---

static enum err
open_upstream_tls(struct tls_client **out, const char *url, const char *ca_file, const char *name,
		  struct why *why)
{
	BUF_AUTO struct buf roots;
	buf_init(&roots, ROOTS_MAX_BYTES);
	if (strncmp(url, "https://", 8) != 0)
		return ERR_OK;
	enum err err = file_read(&roots, ca_file ? ca_file : system_roots, why);
	struct tls_client_options o = {.roots_pem = buf_bytes(&roots), .alpn = "http/1.1"};
	if (err == ERR_OK)
		err = tls_client_new(out, &o, why);
	if (err != ERR_OK)
		why_prefix(why, "%s_CA_FILE", name);
	return err;
}

static enum err
open_hawkbit(struct bridge *b, struct why *why)
{
	const struct config *c = &b->config;
	if (!c->hawkbit_url)
		return ERR_OK;
	TRY(open_upstream_tls(&b->hawkbit_tls, c->hawkbit_url, c->hawkbit_ca_file, "HAWKBIT", why));
	struct upstream u = {
		.http = b->http,
		.tls = b->hawkbit_tls,
		.name = "hawkBit",
		.url = c->hawkbit_url,
		.user = c->hawkbit_user,
		.password = &c->hawkbit_password,
		.timeout_ms = UPSTREAM_TIMEOUT_MS,
	};
	return hawkbit_new(&b->hawkbit, &u, &b->log);
}

static enum err
open_thingsboard(struct bridge *b, struct why *why)
{
	const struct config *c = &b->config;
	if (!c->thingsboard_url)
		return ERR_OK;
	TRY(open_upstream_tls(&b->thingsboard_tls, c->thingsboard_url, c->thingsboard_ca_file,
			      "THINGSBOARD", why));
	struct upstream u = {
		.http = b->http,
		.tls = b->thingsboard_tls,
		.name = "ThingsBoard",
		.url = c->thingsboard_url,
		.user = c->thingsboard_user,
		.password = &c->thingsboard_password,
		.timeout_ms = UPSTREAM_TIMEOUT_MS,
	};
	return thingsboard_new(&b->thingsboard, &u, &b->log);
}

static void
on_wireguard_connected(void *ctx)
{
	struct bridge *b = ctx;
	if (b->reconcile)
		reconcile_peers(b->reconcile);
}

static enum err
open_wireguard(struct bridge *b, struct why *why)
{
	if (!b->config.wg_server)
		return ERR_OK;
	struct wireguard_options o = {
		.loop = b->loop,
		.log = &b->log,
		.server = b->config.wg_server,
		.on_connected = on_wireguard_connected,
		.ctx = b,
	};
	return wireguard_new(&b->wireguard, &o, why);
}

// --- what is kept ---

static enum err
open_store(struct bridge *b, struct why *why)
{
	const struct config *c = &b->config;
	BUF_AUTO struct buf import;
	buf_init(&import, 4096);
	TRY(file_make_dirs(c->wg_data_dir, 0750, why));
	TRY(buf_printf(&import, "%s/" PEERS_FILE_NAME, c->wg_data_dir));
	struct store_options o = {
		.loop = b->loop,
		.log = &b->log,
		.database = c->db_path,
		.pool = c->wg_pool,
		.import_peers = (const char *)import.data,
	};
	TRY(store_open(&b->store, &o, why));
	struct peers_file_options p = {
		.loop = b->loop, .log = &b->log, .store = b->store, .folder = c->wg_data_dir};
	TRY(peers_file_new(&b->peers_file, &p, why));
	// The last process may have ended between a commit and its rewrite.
	peers_file_touch(b->peers_file);
	return ERR_OK;
}

static enum err
open_tasks(struct bridge *b, struct why *why)
{
	struct task_runner_options o = {
		.loop = b->loop,
		.log = &b->log,
		.store = b->store,
		.meters = b->meters,
		.systems = {.stepca = b->stepca,
			    .thingsboard = b->thingsboard,
			    .hawkbit = b->hawkbit,
			    .wireguard = b->wireguard,
			    .peers_file = b->peers_file},
		.seed = rng_system_seed(),
	};
	TRY(task_runner_new(&b->tasks, &o, why));
	struct reconcile_options r = {
		.loop = b->loop, .log = &b->log, .store = b->store, .wireguard = b->wireguard};
	TRY(reconcile_new(&b->reconcile, &r));
	task_runner_start(b->tasks);
	return ERR_OK;
}

static enum err
open_desks(struct bridge *b, struct why *why)
{
	struct webhook_options w = {
		.log = &b->log,
		.store = b->store,
		.tasks = b->tasks,
		.token = &b->config.webhook_token,
		.provision_unknown = b->config.unknown_devices == CONFIG_UNKNOWN_PROVISION,
	};
	struct decommission_options d = {.log = &b->log, .store = b->store, .tasks = b->tasks};
	TRY(webhook_new(&b->webhook, &w));
	TRY(decommission_new(&b->decommission, &d));
	return enroll_desk_new(&b->enroll, b, why);
}

// --- listening ---

static bool
add_request_id(struct http_req *req, int status, void *ctx)
{
	(void)status;
	(void)ctx;
	http_reply_header(req, "X-Request-Id", http_req_id(req));
	return false;
}

static void
count_request(struct http_req *req, int status, void *ctx)
{
	struct bridge *b = ctx;
	meters_request(b->meters, req, status);
}

static enum err
listen_now(struct bridge *b, struct why *why)
{
	struct http_server_options o = {
		.server_name = "iot-bridge",
		.addr = b->config.listen,
		.tls = b->own_tls ? own_tls_server(b->own_tls) : NULL,
		.routes = bridge_routes,
		.n_routes = n_bridge_routes,
		.ctx = b,
		.log = &b->log,
		.after = add_request_id,
		.on_finish = count_request,
	};
	return http_server_new(&b->server, b->loop, &o, why);
}

static void
on_identity(struct bridge *b)
{
	struct why why = {0};
	enum err err = listen_now(b, &why);
	if (err == ERR_OK)
		b->on_listening(b->owner);
	else
		b->on_fatal(err, &why, b->owner);
}

static void
on_start_timer(uv_timer_t *timer)
{
	on_identity(CONTAINER_OF(timer, struct bridge, start_timer));
}

static enum err
open_all(struct bridge *b, struct why *why)
{
	b->meters = meters_new();
	if (!b->meters)
		return ERR_NOMEM;
	TRY(http_client_new(&b->http, b->loop, why));
	http_client_limit_connections(b->http, UPSTREAM_CONNECTIONS);
	TRY(open_stepca(b, why));
	TRY(open_store(b, why));
	TRY(open_hawkbit(b, why));
	TRY(open_thingsboard(b, why));
	TRY(open_wireguard(b, why));
	TRY(open_tasks(b, why));
	TRY(open_desks(b, why));
	// Asking for the bridge's own certificate loads the same things.
	if (b->config.tls != CONFIG_TLS_AUTO)
		load_stepca(b);
	if (b->config.tls != CONFIG_TLS_OFF)
		return own_tls_new(&b->own_tls, b, on_identity, why);
	uv_timer_start(&b->start_timer, on_start_timer, 0, 0);
	return ERR_OK;
}

enum err
bridge_open(struct bridge *b, struct why *why)
{
	uv_timer_init(b->loop, &b->load_timer);
	uv_timer_init(b->loop, &b->start_timer);
	enum err err = open_all(b, why);
	if (err != ERR_OK && why && !why->text[0])
		why_set(why, err, "%s", err_text(err));
	return err;
}

bool
bridge_is_ready(const struct bridge *b)
{
	return stepca_is_loaded(b->stepca) && !b->draining;
}

void
bridge_reload(struct bridge *b)
{
	struct why why = {0};
	if (enroll_desk_reload(b->enroll, &why) != ERR_OK)
		log_error(&b->log, "reload.failed", KV_STR("why", why.text));
	if (b->own_tls && own_tls_reload(b->own_tls, &why) != ERR_OK)
		log_error(&b->log, "reload.failed", KV_STR("why", why.text));
}

void
bridge_drain(struct bridge *b, void (*on_idle)(void *ctx), void *ctx)
{
	b->draining = true;
	if (b->server)
		http_server_drain(b->server, on_idle, ctx);
	else
		on_idle(ctx);
}

// Whoever may still be called goes first: tasks, then the store (its callbacks answer the requests
// that wait for it), then the desks that hold requests, then the clients.
void
bridge_close(struct bridge *b)
{
	own_tls_free(b->own_tls);
	reconcile_free(b->reconcile);
	hawkbit_free(b->hawkbit);
	thingsboard_free(b->thingsboard);
	wireguard_free(b->wireguard);
	task_runner_free(b->tasks);
	if (b->peers_file)
		peers_file_free(b->peers_file);
	if (b->store)
		store_close(b->store);
	webhook_free(b->webhook);
	decommission_free(b->decommission);
	enroll_desk_free(b->enroll);
	stepca_free(b->stepca);
	if (b->server)
		http_server_free(b->server);
	if (b->http)
		http_client_free(b->http);
	tls_client_unref(b->hawkbit_tls);
	tls_client_unref(b->thingsboard_tls);
	uv_close((uv_handle_t *)&b->load_timer, NULL);
	uv_close((uv_handle_t *)&b->start_timer, NULL);
	meters_free(b->meters);
	b->meters = NULL;
}

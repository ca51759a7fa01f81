// SPDX-License-Identifier: Apache-2.0
// What all parts of the bridge share, and the order in which they start and stop. One loop thread;
// every HTTP handler gets the struct bridge as ctx. Blocking work (SQLite, PBKDF2, fsync) happens
// on helper threads that post back to the loop.
#pragma once

#include <uv.h>

#include "base/log.h"
#include "bridge/config.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "stepca/stepca.h"

struct decommission;
struct enroll_desk;
struct hawkbit;
struct meters;
struct own_tls;
struct peers_file;
struct reconcile;
struct store;
struct task_runner;
struct thingsboard;
struct webhook;
struct wireguard;

struct bridge {
	uv_loop_t *loop;
	struct log log;
	struct config config;
	struct meters *meters;
	struct http_client *http; // for step-ca, hawkBit and ThingsBoard
	struct stepca *stepca;
	struct store *store;
	struct peers_file *peers_file;
	struct tls_client *hawkbit_tls;	    // NULL: HAWKBIT_URL is unset or plain http
	struct tls_client *thingsboard_tls; // NULL: THINGSBOARD_URL is unset or plain http
	struct hawkbit *hawkbit;	    // NULL: HAWKBIT_URL is unset
	struct thingsboard *thingsboard;    // NULL: THINGSBOARD_URL is unset
	struct wireguard *wireguard;	    // NULL: WG_SERVER is unset
	struct task_runner *tasks;
	struct reconcile *reconcile;
	struct webhook *webhook;
	struct decommission *decommission;
	struct enroll_desk *enroll;
	struct own_tls *own_tls; // NULL: BRIDGE_TLS=off
	struct http_server *server;
	uv_timer_t load_timer;	// next try to load root and provisioner key
	uv_timer_t start_timer; // plain HTTP: listen on the first loop turn
	unsigned load_failures;
	bool draining; // a signal came: nothing new is begun

	// Set by the owner. The bridge listens: its real address is http_server_addr(server).
	void (*on_listening)(void *owner);
	// It cannot go on; the owner stops the loop.
	void (*on_fatal)(enum err err, const struct why *why, void *owner);
	void *owner;
};

// Opens everything that b->config (loaded), b->loop and b->log ask for; on_listening follows from
// the loop when there is a TLS identity. On an error the caller calls bridge_close all the same.
enum err ERR_MUST_CHECK bridge_open(struct bridge *b, struct why *why);
// An enrollment that came now would get its certificate.
bool bridge_is_ready(const struct bridge *b);
// Reads allow list and TLS files anew; what cannot be read stays as it was.
void bridge_reload(struct bridge *b);
// Stops listening, lets requests in flight end, then calls on_idle from the loop.
void bridge_drain(struct bridge *b, void (*on_idle)(void *ctx), void *ctx);
// Closes everything; handles go on the next loop turns. The configuration stays.
void bridge_close(struct bridge *b);

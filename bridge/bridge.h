// SPDX-License-Identifier: Apache-2.0
// What all parts of the bridge share. One loop thread; every HTTP handler gets the struct bridge as ctx.
// Blocking work (SQLite, PBKDF2, fsync) happens on helper threads that post back to the loop.
#pragma once

#include <uv.h>

#include "base/log.h"
#include "bridge/config.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "stepca/stepca.h"

struct enroll_queue; // enroll.h
struct store;	     // store.h
struct task_runner;  // task.h
struct wireguard;    // wireguard.h
struct own_tls;	     // tls.h

struct bridge {
	uv_loop_t *loop;
	struct log log;
	struct config config;
	struct http_client *http;	    // for hawkBit, ThingsBoard and step-ca
	struct tls_client *hawkbit_tls;	    // NULL: HAWKBIT_URL is unset or plain http
	struct tls_client *thingsboard_tls; // NULL: THINGSBOARD_URL is unset or plain http
	struct stepca *stepca;
	struct store *store;
	struct wireguard *wireguard; // NULL: WG_SERVER is unset
	struct task_runner *tasks;
	struct enroll_queue *enroll;
	struct own_tls *own_tls; // NULL: BRIDGE_TLS=off
	struct http_server *server;
	uint64_t started_wall_ns;
	bool draining; // SIGTERM came: nothing new is begun
};

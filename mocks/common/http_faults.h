// SPDX-License-Identifier: Apache-2.0
// Plugs a fault plan and a journal into a mock's HTTP server. The mock embeds a struct http_faults
// and calls the three functions below from http_server_options.before, .after and .on_finish:
//   static bool before(struct http_req *req, void *ctx) { return http_faults_before(&((struct mock
//   *)ctx)->http, req); }
// Each request gets one journal entry; what matched no route is noted with the nearest one.
#pragma once

#include "common/faults.h"
#include "common/journal.h"
#include "net/http_server.h"

struct http_faults_call;

struct http_faults {
	struct fault_plan *plan;	 // borrowed
	struct journal *journal;	 // borrowed
	const struct http_route *routes; // borrowed; for the nearest route
	size_t n_routes;
	// The device that a request is about, or NULL; called once a request, for the journal and
	// for faults with "device". What it returns lives as long as the request (path parameter,
	// arena). May be NULL.
	const char *(*device)(struct http_req *req, void *ctx);
	void *ctx;
	struct http_faults_call *calls; // requests in flight; NULL at the start
};

// Returns what http_server_options.before shall return.
bool http_faults_before(struct http_faults *f, struct http_req *req);
// The same for .after and .on_finish.
bool http_faults_after(struct http_faults *f, struct http_req *req, int status);
void http_faults_on_finish(struct http_faults *f, struct http_req *req, int status);
// Does what a transport fault says to a request that a handler holds (for faults that a handler
// matched itself): true = the request is taken care of. FAULT_DELAY is not for this function.
bool http_fault_apply(const struct fault *fault, struct http_req *req);

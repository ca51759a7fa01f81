// SPDX-License-Identifier: Apache-2.0
#include "common/http_faults.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "common/nearest_route.h"

// A request in flight.
struct http_faults_call {
	struct http_req *req;
	uint64_t seq; // in the journal
	const char *route;
	const char *device;
	uv_timer_t *delay; // running, or NULL
	bool replied;	   // the reply was made: a delay that runs holds it back
	bool by_fault;	   // the reply is a fault's own
	UT_hash_handle hh;
};

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
delay_end(struct http_faults_call *call)
{
	uv_close((uv_handle_t *)call->delay, on_timer_closed);
	call->delay = NULL;
}

static void
on_delay_over(uv_timer_t *timer)
{
	struct http_faults_call *call = timer->data;
	delay_end(call);
	// Either may end the request and with it the call.
	if (call->replied)
		http_req_release_reply(call->req);
	else
		http_req_dispatch(call->req);
}

static bool
delay_start(struct http_faults_call *call, uint64_t ms)
{
	call->delay = calloc(1, sizeof(*call->delay));
	if (!call->delay)
		return false;
	// The loop's clock may lag behind by what this turn has taken: a delay is never shorter
	// than asked.
	uv_update_time(http_req_loop(call->req));
	uv_timer_init(http_req_loop(call->req), call->delay);
	call->delay->data = call;
	uv_timer_start(call->delay, on_delay_over, ms, 0);
	return true;
}

bool
http_fault_apply(const struct fault *fault, struct http_req *req)
{
	switch (fault->kind) {
	case FAULT_STATUS:
		http_reply(req, fault->status, fault->content_type,
			   fault->body ? BYTES_STR(fault->body) : BYTES_NONE);
		return true;
	case FAULT_RESET:
	case FAULT_CLOSE:
		http_req_abort(req, fault->kind == FAULT_RESET);
		return true;
	case FAULT_HANG:
		return true;
	default:
		return false;
	}
}

static void
journal_request(struct http_faults *f, struct http_faults_call *call)
{
	char peer[ADDR_TEXT_BYTES];
	char text[512];
	char nearest[256];
	addr_format(peer, http_req_peer(call->req));
	snprintf(text, sizeof(text), "%s %s", http_req_method(call->req), http_req_path(call->req));
	bool known =
		call->route || !nearest_route(nearest, sizeof(nearest), f->routes, f->n_routes,
					      http_req_method(call->req), http_req_path(call->req));
	call->seq = journal_append(
		f->journal,
		&(struct journal_record){.wall_ns = clock_wall_ns(),
					 .event = call->route,
					 .device = call->device,
					 .peer = peer,
					 .call = text,
					 .auth = http_req_header(call->req, "Authorization"),
					 .nearest = known ? NULL : nearest,
					 .body = http_req_body(call->req)});
}

bool
http_faults_before(struct http_faults *f, struct http_req *req)
{
	struct http_faults_call *call = calloc(1, sizeof(*call));
	if (!call)
		return false;
	const struct http_route *route = http_req_route(req);
	call->req = req;
	call->route = route ? route->name : NULL;
	call->device = f->device ? f->device(req, f->ctx) : NULL;
	HASH_ADD_PTR(f->calls, req, call);
	journal_request(f, call);
	const struct fault *fault =
		fault_plan_match(f->plan, call->route, call->device, FAULT_REQUEST);
	if (!fault)
		return false;
	journal_set_fault(f->journal, call->seq, fault->name);
	if (fault->kind == FAULT_DELAY)
		return delay_start(call, fault->delay_ms);
	call->by_fault = true;
	return http_fault_apply(fault, req);
}

static struct http_faults_call *
find_call(struct http_faults *f, struct http_req *req)
{
	struct http_faults_call *call;
	HASH_FIND_PTR(f->calls, &req, call);
	return call;
}

bool
http_faults_after(struct http_faults *f, struct http_req *req, int status)
{
	struct http_faults_call *call = find_call(f, req);
	if (!call)
		return false;
	journal_set_status(f->journal, call->seq, status);
	if (call->by_fault || call->replied)
		return false;
	call->replied = true;
	const struct fault *fault =
		fault_plan_match(f->plan, call->route, call->device, FAULT_EFFECT);
	if (!fault)
		return false;
	journal_set_fault(f->journal, call->seq, fault->name);
	if (fault->kind == FAULT_DELAY)
		return delay_start(call, fault->delay_ms);
	call->by_fault = true;
	if (fault->kind == FAULT_STATUS)
		http_req_discard_reply(req);
	else
		journal_set_status(f->journal, call->seq, 0); // nobody will see the answer
	return http_fault_apply(fault, req);
}

void
http_faults_on_finish(struct http_faults *f, struct http_req *req, int status)
{
	struct http_faults_call *call = find_call(f, req);
	if (!call)
		return;
	journal_set_status(f->journal, call->seq, status);
	log_debug(http_req_log(req), "http.request", KV_STR("method", http_req_method(req)),
		  KV_STR("path", http_req_path(req)), KV_STR("route", call->route),
		  KV_STR("device", call->device), KV_I64("status", status),
		  KV_U64("us", (clock_mono_ns() - http_req_started_ns(req)) / 1000));
	if (call->delay)
		delay_end(call);
	HASH_DEL(f->calls, call);
	free(call);
}

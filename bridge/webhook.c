// SPDX-License-Identifier: Apache-2.0
// ThingsBoard may send an event twice, or once a session: the first request about a device does the
// work, those that come meanwhile wait and get its answer.
#include "bridge/webhook.h"

#include <stdio.h>
#include <uthash.h>
#include <utlist.h>

#include "bridge/reply.h"

enum {
	BUDGET_MS = 8000,
	KEY_BYTES = 3 * WEBHOOK_ID_BYTES + 3,
};

struct webhook {
	struct webhook_options o;
	struct flight *flights;
};

struct follower {
	struct follower *next;
	struct http_req *req;
};

// The work on one device, from the first request about it to the answer.
struct flight {
	char key[KEY_BYTES]; // the ids of the event
	struct webhook *w;
	struct http_req *req;
	struct follower *followers;
	struct webhook_event event;
	struct device_row device;
	UT_hash_handle hh;
};

enum err
webhook_new(struct webhook **out, const struct webhook_options *o)
{
	struct webhook *w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	w->o = *o;
	if (!w->o.budget_ms)
		w->o.budget_ms = BUDGET_MS;
	*out = w;
	return ERR_OK;
}

static void
flight_free(struct flight *f)
{
	struct follower *o, *next;
	HASH_DEL(f->w->flights, f);
	LL_FOREACH_SAFE (f->followers, o, next)
		free(o);
	free(f);
}

void
webhook_free(struct webhook *w)
{
	struct flight *f, *next;
	if (!w)
		return;
	HASH_ITER (hh, w->flights, f, next)
		flight_free(f);
	free(w);
}

// --- answers ---

static void
reply_status(struct http_req *req, const char *status, const struct device_row *device,
	     const char *reason)
{
	char ip[IP4_TEXT_BYTES] = "";
	if (device && device->wg_ip)
		ip4_print(ip, device->wg_ip);
	json_t *body = json_pack("{s:s,s:s*,s:s*,s:s*}", "status", status, "device_id",
				 device && device->id[0] ? device->id : NULL, "wireguard_ip",
				 ip[0] ? ip : NULL, "reason", reason);
	if (body)
		http_reply_json(req, 200, body);
	else
		reply_problem(req, PROBLEM_INTERNAL, "out of memory", NULL);
}

static void
reply_failure(struct http_req *req, const struct why *why, const char *device)
{
	switch (why->err) {
	case ERR_UPSTREAM_REFUSED:
	case ERR_NOT_FOUND:
	case ERR_CONFLICT:
	case ERR_INPUT:
		reply_problem(req, PROBLEM_UPSTREAM_REFUSED, why->text, device);
		break;
	case ERR_EXHAUSTED:
	case ERR_CANCELLED:
		reply_problem(req, PROBLEM_OVERLOADED, why->text, device);
		break;
	case ERR_IO:
	case ERR_NOMEM:
	case ERR_INTERNAL:
		reply_problem(req, PROBLEM_STORE_FAILED, why->text, device);
		break;
	default:
		reply_problem(req, PROBLEM_UPSTREAM_UNREACHABLE, why->text, device);
		break;
	}
}

// status NULL: it failed, why says how. Followers learn of a success that it was somebody else's.
static void
finish(struct flight *f, const char *status, const char *reason, const struct why *why)
{
	const struct device_row *d = &f->device;
	const char *id = d->id[0] ? d->id : NULL;
	struct log log = log_for(http_req_log(f->req), id, NULL);
	log_debug(&log, "webhook.done", KV_STR("status", status ? status : "failed"),
		  KV_STR("why", why ? why->text : ""));
	if (status)
		reply_status(f->req, status, d, reason);
	else
		reply_failure(f->req, why, id);
	bool shared = status && strcmp(status, "provisioned") == 0;
	struct follower *o;
	LL_FOREACH (f->followers, o) {
		if (status)
			reply_status(o->req, shared ? "already_provisioned" : status, d, reason);
		else
			reply_failure(o->req, why, id);
	}
	flight_free(f);
}

// --- the work ---

static void
on_tried(const struct task_outcome *outcome, void *ctx)
{
	struct flight *f = ctx;
	if (outcome->all_done)
		finish(f, "provisioned", NULL, NULL);
	else
		finish(f, NULL, NULL, &outcome->why);
}

static void
on_begun(const struct store_answer *answer, void *ctx)
{
	struct flight *f = ctx;
	if (answer->err == ERR_NOT_FOUND) {
		snprintf(f->device.id, sizeof(f->device.id), "%s", f->event.fallback);
		finish(f, "ignored", "no device with this id was enrolled", NULL);
		return;
	}
	if (answer->err != ERR_OK) {
		finish(f, NULL, NULL, &answer->why);
		return;
	}
	f->device = answer->device;
	if (f->device.state == DEVICE_DECOMMISSIONING || f->device.state == DEVICE_DECOMMISSIONED) {
		finish(f, "ignored", "the device is decommissioned", NULL);
		return;
	}
	if (answer->n_tasks == 0) {
		finish(f, "already_provisioned", NULL, NULL);
		return;
	}
	struct why why = {0};
	why.err = task_run(f->w->o.tasks, answer->tasks, answer->n_tasks, f->w->o.budget_ms,
			   on_tried, f);
	if (why.err == ERR_OK)
		return;
	why_set(&why, why.err, "%s", err_text(why.err));
	finish(f, NULL, NULL, &why);
}

static enum err
take_off(struct flight *f)
{
	const struct webhook_event *e = &f->event;
	bool unknown_too = f->w->o.provision_unknown && e->fallback[0];
	struct provisioning_request r = {
		.fallback = unknown_too ? e->fallback : NULL,
		.device_type = e->device_type[0] ? e->device_type : NULL,
	};
	for (size_t i = 0; i < N_ELEMENTS(e->candidates) && e->candidates[i][0]; i++)
		r.candidates[i] = e->candidates[i];
	return store_begin_provisioning(f->w->o.store, &r, on_begun, f);
}

static enum err
follow(struct flight *f, struct http_req *req)
{
	struct follower *o = calloc(1, sizeof(*o));
	if (!o)
		return ERR_NOMEM;
	o->req = req;
	LL_PREPEND(f->followers, o);
	return ERR_OK;
}

static enum err
join_or_take_off(struct webhook *w, const struct webhook_event *event, struct http_req *req)
{
	char key[KEY_BYTES];
	snprintf(key, sizeof(key), "%s/%s/%s", event->candidates[0], event->candidates[1],
		 event->candidates[2]);
	struct flight *f;
	HASH_FIND_STR(w->flights, key, f);
	if (f)
		return follow(f, req);
	f = calloc(1, sizeof(*f));
	if (!f)
		return ERR_NOMEM;
	*f = (struct flight){.w = w, .req = req, .event = *event};
	memcpy(f->key, key, sizeof(key));
	HASH_ADD_STR(w->flights, key, f);
	enum err err = take_off(f);
	if (err != ERR_OK)
		flight_free(f);
	return err;
}

// True when the request may go on; else it was answered.
static bool
is_admitted(struct webhook *w, struct http_req *req)
{
	const struct secret *token = w->o.token;
	if (token && secret_is_set(token) &&
	    !bearer_matches(http_req_header(req, "Authorization"), token)) {
		http_reply_header(req, "WWW-Authenticate", "Bearer");
		reply_problem(req, PROBLEM_UNAUTHORIZED,
			      "this webhook needs \"Authorization: Bearer <BRIDGE_WEBHOOK_TOKEN>\"",
			      NULL);
		return false;
	}
	if (!content_type_is_json(http_req_header(req, "Content-Type"))) {
		reply_problem(req, PROBLEM_MEDIA_TYPE, "Content-Type must be application/json",
			      NULL);
		return false;
	}
	return true;
}

void
webhook_post(struct webhook *w, struct http_req *req)
{
	struct webhook_event event;
	struct why why = {0};
	if (!is_admitted(w, req))
		return;
	enum err err = webhook_event_parse(&event, http_req_body(req), &why);
	if (err != ERR_OK) {
		reply_problem(req, err == ERR_SYNTAX ? PROBLEM_BAD_JSON : PROBLEM_INVALID_REQUEST,
			      why.text, NULL);
		return;
	}
	if (!event.is_connect) {
		reply_status(req, "ignored", NULL, "msgType is not a connect event");
		return;
	}
	if (!event.candidates[0][0]) {
		reply_status(req, "ignored", NULL, "metadata holds no usable device id");
		return;
	}
	err = join_or_take_off(w, &event, req);
	if (err != ERR_OK)
		reply_problem(req, PROBLEM_OVERLOADED, err_text(err), NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/rules.h"

#include <stdio.h>
#include <utlist.h>

#include "base/clock.h"
#include "net/http_client.h"

enum {
	TIMEOUT_MS = 10000, // readTimeoutMs of the platform's node
	// Connections that a reconnect storm may open to the webhook.
	PARALLEL_MAX = 64,
	INACTIVITY_MS = 600000, // inactivityTimeout's default
	LATE_MS = 1000,		// semantic fault "late" without a delay of its own
};

struct rules_event {
	struct rules *rules;
	char *body;
	char *device;
	rules_done_fn *done; // NULL: nobody waits
	void *ctx;
	uint64_t journal_seq;
	uv_timer_t *late; // while it is held back
	struct rules_event *prev;
	struct rules_event *next;
};

struct rules {
	uv_loop_t *loop;
	uv_timer_t kick; // starts calls on the next turn, so that done never comes from inside
	struct rules_options o;
	struct http_client *client;
	struct tls_client *tls; // NULL: the webhook is plain HTTP
	char *url;		// NULL: no webhook
	struct secret token;
	struct rules_event *waiting;
	struct rules_event *held;   // by the fault "late"
	struct rules_event *flying; // posted, not answered
	unsigned in_flight;
	uint64_t sent;
	uint64_t ok;
	uint64_t failed;
	int last_status;
	char last_error[256];
};

enum err
rules_new(struct rules **out, uv_loop_t *loop, const struct rules_options *o, struct why *why)
{
	AUTO(rules_free) struct rules *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->loop = loop;
	r->o = *o;
	TRY(http_client_new(&r->client, loop, why));
	uv_timer_init(loop, &r->kick);
	r->kick.data = r;
	*out = STEAL(r);
	return ERR_OK;
}

static void
event_free(struct rules_event *event)
{
	free(event->body);
	free(event->device);
	free(event);
}
AUTO_DEFINE(struct rules_event *, event_free)

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
drop_events(struct rules *r)
{
	struct rules_event *event;
	struct rules_event *next;
	DL_FOREACH_SAFE (r->waiting, event, next) {
		DL_DELETE(r->waiting, event);
		event_free(event);
	}
	DL_FOREACH_SAFE (r->held, event, next) {
		DL_DELETE(r->held, event);
		uv_close((uv_handle_t *)event->late, on_timer_closed);
		event_free(event);
	}
}

void
rules_stop(struct rules *r)
{
	drop_events(r);
	uv_close((uv_handle_t *)&r->kick, NULL);
	http_client_free(r->client);
	r->client = NULL;
	struct rules_event *event;
	struct rules_event *next;
	DL_FOREACH_SAFE (r->flying, event, next) {
		DL_DELETE(r->flying, event);
		event_free(event);
	}
}

void
rules_free(struct rules *r)
{
	if (!r)
		return;
	tls_client_unref(r->tls);
	secret_fini(&r->token);
	free(r->url);
	free(r);
}

static enum err
check_url(const char *url, struct bytes ca_pem, struct why *why)
{
	bool https = strncmp(url, "https://", 8) == 0;
	if (!https && strncmp(url, "http://", 7) != 0)
		return why_set(why, ERR_INPUT, "webhook URL \"%s\": must be http:// or https://",
			       url);
	if (https && !ca_pem.n)
		return why_set(why, ERR_INPUT,
			       "webhook URL \"%s\": https needs the CA file that its certificate "
			       "chains to",
			       url);
	return ERR_OK;
}

enum err
rules_set_webhook(struct rules *r, const char *url, struct bytes ca_pem, struct bytes token,
		  struct why *why)
{
	AUTO(free) char *copy = NULL;
	AUTO(tls_client_unref) struct tls_client *tls = NULL;
	SECRET_AUTO struct secret secret = SECRET_NONE;
	if (url) {
		TRY(check_url(url, ca_pem, why));
		copy = strdup(url);
		if (!copy)
			return ERR_NOMEM;
	}
	if (url && ca_pem.n) {
		struct tls_client_options o = {.roots_pem = ca_pem, .alpn = "http/1.1"};
		TRY(tls_client_new(&tls, &o, why));
	}
	if (token.n)
		TRY(secret_set(&secret, token));
	free(r->url);
	tls_client_unref(r->tls);
	secret_fini(&r->token);
	r->url = STEAL(copy);
	r->tls = STEAL(tls);
	r->token = secret;
	secret = SECRET_NONE;
	return ERR_OK;
}

static char *
connect_event_text(const struct device *device)
{
	uint64_t now_ms = clock_wall_ns() / NS_PER_MS;
	char ts[24];
	snprintf(ts, sizeof(ts), "%llu", (unsigned long long)now_ms);
	const struct value *last =
		values_find(&device->attributes[SCOPE_SERVER], "lastDisconnectTime");
	json_auto_t *event = json_pack(
		"{s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s}, s:{s:I, s:I, s:I, s:I, s:I}}", "msgType",
		"POST_CONNECT", "metadata", "deviceName", device->name, "deviceType", device->type,
		"deviceId", device->id, "deviceLabel", device->label ? device->label : "", "scope",
		"SERVER_SCOPE", "ts", ts, "data", "lastConnectTime", (json_int_t)now_ms,
		"lastActivityTime", (json_int_t)now_ms, "lastDisconnectTime",
		last ? json_integer_value(last->json) : (json_int_t)0, "lastInactivityAlarmTime",
		(json_int_t)0, "inactivityTimeout", (json_int_t)INACTIVITY_MS);
	return event ? json_dumps(event, JSON_COMPACT) : NULL;
}

static struct rules_event *
event_new(struct rules *r, const struct device *device)
{
	AUTO(event_free) struct rules_event *event = calloc(1, sizeof(*event));
	if (!event)
		return NULL;
	event->rules = r;
	event->device = strdup(device->name);
	event->body = connect_event_text(device);
	return event->device && event->body ? STEAL(event) : NULL;
}

static void start_waiting(struct rules *r);

static void
finish(struct rules_event *event, bool ok, const char *why)
{
	if (event->done)
		event->done(event->ctx, ok, why);
	event_free(event);
}

static void
record(struct rules *r, const struct rules_event *event, const struct http_answer *answer, bool ok)
{
	r->last_status = answer->status;
	if (ok)
		r->ok++;
	else
		r->failed++;
	if (answer->err)
		snprintf(r->last_error, sizeof(r->last_error), "%.250s", answer->why.text);
	else if (!ok)
		snprintf(r->last_error, sizeof(r->last_error), "the webhook answered %d",
			 answer->status);
	else
		r->last_error[0] = '\0';
	journal_set_status(r->o.journal, event->journal_seq, answer->status);
	struct log log = log_for(r->o.log, event->device, NULL);
	if (ok)
		log_debug(&log, "webhook.answered", KV_I64("status", answer->status));
	else
		log_warn(&log, "webhook.failed", KV_I64("status", answer->status),
			 KV_STR("why", r->last_error));
}

static void
on_answer(const struct http_answer *answer, void *ctx)
{
	struct rules_event *event = ctx;
	struct rules *r = event->rules;
	bool ok = answer->err == ERR_OK && answer->status >= 200 && answer->status < 300;
	r->in_flight--;
	DL_DELETE(r->flying, event);
	record(r, event, answer, ok);
	char error[sizeof(r->last_error)];
	memcpy(error, r->last_error, sizeof(error));
	finish(event, ok, error);
	start_waiting(r);
}

static void
start_call(struct rules *r, struct rules_event *event)
{
	struct http_request request = {
		.method = "POST",
		.url = r->url,
		.tls = r->tls,
		.content_type = "application/json",
		.body = BYTES_STR(event->body),
		.bearer = secret_is_set(&r->token) ? &r->token : NULL,
		.timeout_ms = TIMEOUT_MS,
	};
	event->journal_seq = journal_append(r->o.journal, &(struct journal_record){
								  .wall_ns = clock_wall_ns(),
								  .event = "webhook",
								  .device = event->device,
								  .call = "POST webhook",
								  .body = request.body,
							  });
	r->sent++;
	if (http_call_start(NULL, r->client, &request, on_answer, event) == ERR_OK) {
		r->in_flight++;
		DL_APPEND(r->flying, event);
		return;
	}
	r->failed++;
	snprintf(r->last_error, sizeof(r->last_error), "the webhook call could not be started");
	finish(event, false, r->last_error);
}

static void
start_waiting(struct rules *r)
{
	while (r->client && r->waiting && r->in_flight < PARALLEL_MAX) {
		struct rules_event *event = r->waiting;
		DL_DELETE(r->waiting, event);
		if (r->url)
			start_call(r, event);
		else
			finish(event, true, "");
	}
}

static void
on_kick(uv_timer_t *timer)
{
	start_waiting(timer->data);
}

static void
put_in_line(struct rules *r, struct rules_event *event)
{
	DL_APPEND(r->waiting, event);
	uv_timer_start(&r->kick, on_kick, 0, 0);
}

static void
on_late(uv_timer_t *timer)
{
	struct rules_event *event = timer->data;
	struct rules *r = event->rules;
	DL_DELETE(r->held, event);
	event->late = NULL;
	uv_close((uv_handle_t *)timer, on_timer_closed);
	put_in_line(r, event);
}

static void
hold(struct rules *r, struct rules_event *event, const struct fault *fault)
{
	json_int_t ms = json_integer_value(json_object_get(fault->params, "delay_ms"));
	event->late = calloc(1, sizeof(*event->late));
	if (!event->late) {
		event_free(event);
		return;
	}
	uv_timer_init(r->loop, event->late);
	event->late->data = event;
	uv_timer_start(event->late, on_late, ms > 0 ? (uint64_t)ms : LATE_MS, 0);
	DL_APPEND(r->held, event);
}

static const struct fault *
deviates(struct rules *r, const struct device *device, const char *semantic)
{
	return fault_plan_match_semantic(r->o.faults, "webhook", device->name, semantic);
}

bool
rules_post_connect(struct rules_event **out, struct rules *r, const struct device *device,
		   rules_done_fn *done, void *ctx)
{
	if (!r->url || deviates(r, device, "never"))
		return false;
	struct rules_event *event = event_new(r, device);
	if (!event)
		return false;
	const struct fault *late = deviates(r, device, "late");
	if (late) {
		hold(r, event, late);
		return false;
	}
	event->done = done;
	event->ctx = ctx;
	put_in_line(r, event);
	*out = event;
	if (deviates(r, device, "twice")) {
		struct rules_event *again = event_new(r, device);
		if (again)
			put_in_line(r, again);
	}
	return true;
}

void
rules_event_forget(struct rules_event *event)
{
	event->done = NULL;
}

json_t *
rules_state(const struct rules *r)
{
	return json_pack("{s:I, s:I, s:I, s:i, s:s}", "sent", (json_int_t)r->sent, "ok",
			 (json_int_t)r->ok, "failed", (json_int_t)r->failed, "last_status",
			 r->last_status, "last_error", r->last_error);
}

void
rules_reset(struct rules *r)
{
	drop_events(r);
	r->sent = 0;
	r->ok = 0;
	r->failed = 0;
	r->last_status = 0;
	r->last_error[0] = '\0';
}

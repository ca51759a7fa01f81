// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/encode.h"
#include "runner/mem.h"
#include "runner/schema.h"
#include "runner/steps_device.h"
#include "runner/steps_service.h"

enum {
	CALL_MS = 30000,
	DECOMMISSION_MS = 20000,
	DECOMMISSION_POLL_MS = 100,
};

// {"status","type","detail","retry_after","time_ms","content_type","body"}; members that a problem
// document has are lifted beside the body, as in a device's replies.
static json_t *
reply_json(const struct bench_answer *answer)
{
	json_t *body = bench_answer_json(answer);
	json_t *reply = json_pack("{s:i,s:f,s:s?,s:s?}", "status", answer->status, "time_ms",
				  answer->time_ms, "content_type", answer->content_type,
				  "retry_after", answer->retry_after);
	static const char *const lifted[] = {"type", "detail"};
	for (size_t i = 0; i < N_ELEMENTS(lifted); i++) {
		json_t *value = json_object_get(body, lifted[i]);
		json_object_set(reply, lifted[i], value ? value : json_null());
	}
	if (!body && answer->body)
		body = json_string(answer->body);
	json_object_set_new(reply, "body", body ? body : json_null());
	return reply;
}

static json_t *
error_json(const struct bench_answer *answer)
{
	const char *layer = answer->err == ERR_TLS ? "tls" : "http";
	if (answer->err == ERR_OK)
		return json_pack("{s:s,s:s,s:s}", "layer", layer, "kind", "status", "text",
				 "the answer says no");
	return json_pack("{s:s,s:s,s:s}", "layer", layer, "kind", err_name(answer->err), "text",
			 answer->why.text);
}

static void
settle(struct run *run, const struct node *step, bool ok, const struct bench_answer *answer)
{
	json_t *result = json_pack("{s:o}", "reply", reply_json(answer));
	if (run->bench->interrupts) {
		json_decref(result);
		run_find(run, VERDICT_INTERRUPTED, step->at, "interrupted");
		return;
	}
	step_settle(run, step, NULL, ok, result, ok ? NULL : error_json(answer), answer->time_ms);
}

static void
delete_device(struct run *run, const char *id, bool force, struct bench_answer *answer)
{
	struct stack *s = run->stack;
	BUF_AUTO struct buf url;
	SECRET_AUTO struct secret token = SECRET_NONE;
	const char *admin_token = stack_fact(s, "BRIDGE_ADMIN_TOKEN");
	*answer = (struct bench_answer){0};
	buf_init(&url, 4096);
	answer->err = secret_set(&token, BYTES_STR(admin_token ? admin_token : ""));
	if (answer->err == ERR_OK)
		answer->err = buf_printf(&url, "%s/devices/", stack_fact(s, "BRIDGE_URL"));
	if (answer->err == ERR_OK)
		answer->err = percent_encode(&url, id);
	if (answer->err == ERR_OK)
		answer->err = buf_append_str(&url, force ? "?force=true" : "");
	if (answer->err != ERR_OK)
		return;
	const struct http_request request = {
		.method = "DELETE",
		.url = (const char *)url.data,
		.tls = stack_tls_for(s, (const char *)url.data),
		.bearer = &token,
		.timeout_ms = CALL_MS,
	};
	bench_http(run->bench, &request, answer);
}

// 202 means that some of the five steps wait for a retry: it is asked again until they are done.
static void
decommission_one(struct run *run, const struct node *step, const char *id, bool force)
{
	uint64_t began = clock_mono_ns();
	uint64_t deadline = bench_deadline(DECOMMISSION_MS);
	bool patient = !node_get(step, "fails");
	for (;;) {
		BENCH_ANSWER_AUTO struct bench_answer answer = {0};
		delete_device(run, id, force, &answer);
		bool waits = answer.err == ERR_OK && answer.status == 202 && patient;
		if (waits && clock_mono_ns() < deadline &&
		    bench_wait(run->bench, NULL, NULL, bench_deadline(DECOMMISSION_POLL_MS)) !=
			    ERR_CANCELLED &&
		    !run_time_is_up(run))
			continue;
		answer.time_ms = (double)(clock_mono_ns() - began) / 1e6;
		bool ok = answer.err == ERR_OK && answer.status == 200;
		if (ok)
			json_object_set_new(run->decommissioned, id, json_true());
		settle(run, step, ok, &answer);
		return;
	}
}

void
step_decommission(struct run *run, const struct node *step, const struct node *args)
{
	const struct node *single[1];
	size_t n;
	const struct node *const *devices = step_devices(args, &n, single);
	for (size_t i = 0; i < n && !run_is_over(run); i++)
		decommission_one(run, step, devices[i]->text,
				 schema_get_bool(args, "decommission", "force"));
}

void
devices_remove_all(struct run *run)
{
	const char *id;
	json_t *device;
	if (run->stack->services[SERVICE_BRIDGE].state != SERVICE_EXTERNAL ||
	    !stack_fact(run->stack, "BRIDGE_ADMIN_TOKEN"))
		return;
	json_object_foreach (run->devices, id, device) {
		BENCH_ANSWER_AUTO struct bench_answer answer = {0};
		if (json_object_get(run->decommissioned, id))
			continue;
		delete_device(run, id, false, &answer);
		// 404: it never got that far.
		if (answer.err != ERR_OK || (answer.status != 200 && answer.status != 404))
			run_note(run, "%s may still be enrolled: %s", id,
				 answer.err == ERR_OK ? answer.body : answer.why.text);
	}
}

// NULL = none.
static const char *
bearer_token(struct run *run, const char *authorization)
{
	static const char *const kinds[][2] = {
		{"admin",	  "BRIDGE_ADMIN_TOKEN"  },
		 {"webhook", "BRIDGE_WEBHOOK_TOKEN"}
	    };
	for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
		if (strcmp(authorization, kinds[i][0]) == 0)
			return stack_fact(run->stack, kinds[i][1]);
	return strcmp(authorization, "none") == 0 ? NULL : "not-the-token";
}

static char *
body_text(const struct node *body)
{
	if (!body)
		return NULL;
	if (body->type == NODE_TEXT)
		return mem_dup(body->text);
	json_t *json = node_to_json(body);
	char *text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}

static const char *
base_url(struct run *run, const char *service)
{
	const char *fact = stack_service(run->stack, service)->spec->url_fact;
	return strcmp(service, "wireguard") == 0 ? NULL : stack_fact(run->stack, fact);
}

void
step_request(struct run *run, const struct node *step, const struct node *args)
{
	const char *to = schema_get_text(args, "request", "to");
	const char *base = base_url(run, to);
	if (!base) {
		run_find(run, VERDICT_BAD_FILE, step->at, "%s has no HTTP address in this stack",
			 to);
		return;
	}
	SECRET_AUTO struct secret token = SECRET_NONE;
	AUTO(free) char *url = mem_printf("%s%s", base, node_text(args, "path", "/"));
	AUTO(free) char *body = body_text(node_get(args, "body"));
	const char *authorization = schema_get_text(args, "request", "authorization");
	bool basic = strcmp(authorization, "hawkbit") == 0;
	const char *secret = basic ? stack_fact(run->stack, "HAWKBIT_PASSWORD")
				   : bearer_token(run, authorization);
	if (secret && secret_set(&token, BYTES_STR(secret)) != ERR_OK)
		return;
	const struct http_request request = {
		.method = schema_get_text(args, "request", "method"),
		.url = url,
		.tls = stack_tls_for(run->stack, url),
		.content_type = body ? schema_get_text(args, "request", "content-type") : NULL,
		.body = body ? BYTES_STR(body) : BYTES_NONE,
		.basic_user = basic ? stack_fact(run->stack, "HAWKBIT_USER") : NULL,
		.basic_password = &token,
		.bearer = secret_is_set(&token) && !basic ? &token : NULL,
		.timeout_ms = CALL_MS,
	};
	BENCH_ANSWER_AUTO struct bench_answer answer = {0};
	bench_http(run->bench, &request, &answer);
	// Any answer is an answer: whether it is the right one, an expect says.
	settle(run, step, answer.err == ERR_OK, &answer);
}

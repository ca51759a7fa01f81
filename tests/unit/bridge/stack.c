// SPDX-License-Identifier: Apache-2.0
#include "stack.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void
post_webhook(struct http_req *req, void *ctx)
{
	webhook_post(((struct stack *)ctx)->webhook, req);
}

static void
delete_device(struct http_req *req, void *ctx)
{
	decommission_delete(((struct stack *)ctx)->decommission, req);
}

static const struct http_route routes[] = {
	{"POST",	 "/webhooks/thingsboard", post_webhook,	65536, "webhook"},
	{"DELETE", "/devices/{device_id}",  delete_device, 0,     "delete" },
};

static void
on_connected(void *ctx)
{
	struct stack *s = ctx;
	if (s->reconcile)
		reconcile_peers(s->reconcile);
}

void
stack_init(struct stack *s)
{
	*s = (struct stack){0};
	fx_init(&s->fx, "10.8.0.0/24");
	s->fx.wall_clock = true;
	snprintf(s->socket, sizeof(s->socket), "%.80s/wg.sock", s->fx.folder);
	fake_http_start(&s->web, &s->fx.loop, &s->fx.log);
	cr_assert(secret_set(&s->password, BYTES_STR("pw")) == ERR_OK);
}

static void
open_clients(struct stack *s)
{
	struct why why = {0};
	char server[128];
	struct upstream u = {
		.http = s->http,
		.name = "hawkBit",
		.url = s->web.url,
		.user = "admin",
		.password = &s->password,
		.timeout_ms = 5000,
	};
	cr_assert(hawkbit_new(&s->hawkbit, &u, &s->fx.log) == ERR_OK);
	u.name = "ThingsBoard";
	u.user = "tenant@thingsboard.org";
	cr_assert(thingsboard_new(&s->thingsboard, &u, &s->fx.log) == ERR_OK);
	snprintf(server, sizeof(server), "uapi:%s", s->socket);
	struct wireguard_options w = {
		.loop = &s->fx.loop,
		.log = &s->fx.log,
		.server = server,
		.timeout_ms = 1000,
		.on_connected = on_connected,
		.ctx = s,
	};
	cr_assert(wireguard_new(&s->wireguard, &w, &why) == ERR_OK, "%s", why.text);
}

static void
open_work(struct stack *s)
{
	struct why why = {0};
	struct peers_file_options p = {&s->fx.loop, &s->fx.log, s->fx.store, s->fx.folder, 0};
	cr_assert(peers_file_new(&s->peers_file, &p, &why) == ERR_OK, "%s", why.text);
	struct task_runner_options t = {
		.loop = &s->fx.loop,
		.log = &s->fx.log,
		.store = s->fx.store,
		.systems = {.thingsboard = s->thingsboard,
			    .hawkbit = s->hawkbit,
			    .wireguard = s->wireguard,
			    .peers_file = s->peers_file},
		.seed = 1,
	};
	cr_assert(task_runner_new(&s->tasks, &t, &why) == ERR_OK, "%s", why.text);
	struct reconcile_options r = {&s->fx.loop, &s->fx.log, s->fx.store, s->wireguard, 0};
	cr_assert(reconcile_new(&s->reconcile, &r) == ERR_OK);
	task_runner_start(s->tasks);
}

static void
open_front(struct stack *s)
{
	struct why why = {0};
	char text[ADDR_TEXT_BYTES];
	unsigned budget_ms = s->budget_ms ? s->budget_ms : 2000;
	struct webhook_options w = {
		.log = &s->fx.log,
		.store = s->fx.store,
		.tasks = s->tasks,
		.token = &s->webhook_token,
		.provision_unknown = !s->ignore_unknown,
		.budget_ms = budget_ms,
	};
	struct decommission_options d = {&s->fx.log, s->fx.store, s->tasks, budget_ms};
	struct http_server_options o = {
		.server_name = "front",
		.routes = routes,
		.n_routes = N_ELEMENTS(routes),
		.ctx = s,
		.log = &s->fx.log,
	};
	cr_assert(webhook_new(&s->webhook, &w) == ERR_OK);
	cr_assert(decommission_new(&s->decommission, &d) == ERR_OK);
	cr_assert(addr_parse(&o.addr, "127.0.0.1:0", &why) == ERR_OK);
	cr_assert(http_server_new(&s->front, &s->fx.loop, &o, &why) == ERR_OK, "%s", why.text);
	struct addr real = http_server_addr(s->front);
	addr_format(text, &real);
	snprintf(s->front_url, sizeof(s->front_url), "http://%.50s", text);
}

void
stack_open(struct stack *s)
{
	struct why why = {0};
	cr_assert(http_client_new(&s->http, &s->fx.loop, &why) == ERR_OK, "%s", why.text);
	fx_must_open(&s->fx);
	open_clients(s);
	open_work(s);
	open_front(s);
}

void
stack_close(struct stack *s)
{
	reconcile_free(s->reconcile);
	s->reconcile = NULL;
	hawkbit_free(s->hawkbit);
	thingsboard_free(s->thingsboard);
	wireguard_free(s->wireguard);
	task_runner_free(s->tasks);
	peers_file_free(s->peers_file);
	store_close(s->fx.store);
	s->fx.store = NULL;
	webhook_free(s->webhook);
	decommission_free(s->decommission);
	http_server_free(s->front);
	http_client_free(s->http);
}

static struct reply last;

void
stack_fini(struct stack *s)
{
	stack_close(s);
	fake_http_stop(&s->web);
	fake_uapi_stop(&s->wg, false);
	uv_run(&s->fx.loop, UV_RUN_DEFAULT);
	secret_fini(&s->password);
	secret_fini(&s->webhook_token);
	json_decref(last.body);
	last.body = NULL;
	fx_fini(&s->fx);
}

// Texts that rules point to live as long as the test.
static const char *
keep_text(const char *before, const char *id, const char *after)
{
	static char texts[64][128];
	static size_t n;
	char *text = texts[n++ % N_ELEMENTS(texts)];
	snprintf(text, sizeof(texts[0]), "%s%s%s", before, id, after);
	return text;
}

#define TB_ID "784f394c-42b6-11ee-be56-0242ac120002"

void
stack_rules_for(struct stack *s, const char *id)
{
	struct fake_http *f = &s->web;
	fake_http_rule(f, "POST /rest/v1/targets", 201, "[{}]", 0);
	fake_http_rule(f, keep_text("POST /rest/v1/targets/", id, "/metadata"), 201, "[]", 0);
	fake_http_rule(f, keep_text("DELETE /rest/v1/targets/", id, ""), 204, NULL, 0);
	fake_http_rule(f, "POST /api/auth/login", 200, "{\"token\":\"t1\",\"refreshToken\":\"r\"}",
		       0);
	fake_http_rule(f, keep_text("GET /api/tenant/devices?deviceName=", id, ""), 200,
		       "{\"id\":{\"entityType\":\"DEVICE\",\"id\":\"" TB_ID "\"}}", 0);
	fake_http_rule(f, "POST /api/plugins/telemetry/DEVICE/" TB_ID "/SERVER_SCOPE", 200, NULL,
		       0);
	fake_http_rule(f, "DELETE /api/device/" TB_ID, 200, NULL, 0);
}

static void
on_reply(const struct http_answer *a, void *ctx)
{
	struct reply *r = ctx;
	cr_assert(a->err == ERR_OK, "%s", a->why.text);
	r->status = a->status;
	r->body = http_answer_json(a, NULL);
	snprintf(r->retry_after, sizeof(r->retry_after), "%s",
		 a->retry_after ? a->retry_after : "");
	r->done = true;
}

void
stack_start(struct stack *s, struct reply *reply, const char *method, const char *path,
	    const char *authorization, const char *body)
{
	char url[256], header[256];
	const char *headers[] = {NULL, NULL};
	snprintf(url, sizeof(url), "%s%s", s->front_url, path);
	snprintf(header, sizeof(header), "Authorization: %s", authorization ? authorization : "");
	if (authorization)
		headers[0] = header;
	struct http_request r = {
		.method = method,
		.url = url,
		.headers = headers,
		.content_type = body ? "application/json" : NULL,
		.body = body ? BYTES_STR(body) : BYTES_NONE,
		.timeout_ms = 30000,
	};
	*reply = (struct reply){0};
	cr_assert(http_call_start(NULL, s->http, &r, on_reply, reply) == ERR_OK);
}

void
stack_wait(struct stack *s, const bool *flag)
{
	while (!*flag)
		uv_run(&s->fx.loop, UV_RUN_ONCE);
}

struct reply *
stack_call(struct stack *s, const char *method, const char *path, const char *body)
{
	json_decref(last.body);
	stack_start(s, &last, method, path, NULL, body);
	stack_wait(s, &last.done);
	return &last;
}

struct reply *
stack_webhook(struct stack *s, const char *id)
{
	char body[512];
	snprintf(body, sizeof(body),
		 "{\"msgType\":\"POST_CONNECT\",\"metadata\":{\"deviceName\":\"%s\",\"deviceType\":"
		 "\"gateway\"},\"data\":{}}",
		 id);
	return stack_call(s, "POST", "/webhooks/thingsboard", body);
}

const char *
reply_text(const struct reply *r, const char *key)
{
	const char *text = json_string_value(json_object_get(r->body, key));
	return text ? text : "";
}

void
stack_wait_state(struct stack *s, const char *id, enum device_state state)
{
	do {
		cr_assert(fx_get(&s->fx, id) == ERR_OK, "%s", s->fx.r.why.text);
	} while (s->fx.r.device.state != state);
}

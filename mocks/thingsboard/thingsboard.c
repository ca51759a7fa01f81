// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/thingsboard.h"

#include <stdio.h>

#include "base/file.h"
#include "pki/key.h"
#include "thingsboard/broker.h"
#include "thingsboard/rest.h"

struct thingsboard {
	struct devices devices;
	struct chains *chains;
	struct rules *rules;
	struct broker broker;
	struct rest rest;
};

enum {
	CA_FILE_MAX = 1 << 20,
	VOCABULARY_MAX = 40,
};

// --- what can go wrong on purpose ---

const struct fault_vocabulary *
thingsboard_vocabulary(void)
{
	static const struct fault_term mqtt[] = {
		{"CONNECT",   "a device's MQTT CONNECT; status: the CONNACK code (3.1.1 or v5)" },
		{"PUBLISH",   "a device's message; status: the PUBACK reason, nothing is stored"},
		{"SUBSCRIBE", "a device's subscription; status: the SUBACK code"		},
		{"PINGREQ",   "a device's keep-alive ping"					},
		{"webhook",   "the first-connect event to the bridge; semantic faults only"	 },
	};
	static const struct fault_term semantic[] = {
		{"ca-not-loaded", "on CONNECT: no device certificate is accepted (CONNACK 5)"	     },
		{"never",	  "on webhook: the event is not posted; CONNACK follows at once"	},
		{"twice",	  "on webhook: the event is posted twice"				 },
		{"late",		 "on webhook: CONNACK at once, the event after \"delay_ms\" (1000)"},
		{"token-expired", "on a REST call: its token counts as expired (401, code 11)"      },
	};
	static struct fault_term on[VOCABULARY_MAX];
	static struct fault_vocabulary vocabulary = {
		.on = on,
		.semantic = semantic,
		.n_semantic = N_ELEMENTS(semantic),
		.kinds = FAULT_KINDS_HTTP | FAULT_SEMANTIC,
		.status_min = 1,
		.status_max = 599,
	};
	if (vocabulary.n_on)
		return &vocabulary;
	size_t n = 0;
	for (size_t i = 0; i < N_ELEMENTS(mqtt); i++)
		on[n++] = mqtt[i];
	for (size_t i = 0; i < rest_route_count() && n < VOCABULARY_MAX; i++)
		if (strcmp(on[n - 1].name, rest_route_name(i)) != 0)
			on[n++] = (struct fault_term){rest_route_name(i), "a call of the REST API"};
	vocabulary.n_on = n;
	return &vocabulary;
}

// --- life ---

// A certificate or key that cannot be used is the caller's, whatever OpenSSL calls it.
static enum err
make_tls(struct tls_server **out, const struct thingsboard_options *o, struct why *why)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	// A want, not a need, and any certificate passes TLS: CONNECT decides.
	struct tls_server_options options = {
		.chain_pem = o->chain_pem,
		.client_auth = TLS_CLIENT_ANY_IF_GIVEN,
	};
	enum err err = key_from_pem(&key, o->key_pem, why);
	options.key = key;
	if (err == ERR_OK)
		err = tls_server_new(out, &options, why);
	if (err == ERR_OK || err == ERR_NOMEM)
		return err;
	why_prefix(why, "the broker's certificate and key");
	return ERR_INPUT;
}

static enum err
start_broker(struct thingsboard *tb, uv_loop_t *loop, const struct thingsboard_options *o,
	     struct why *why)
{
	AUTO(tls_server_unref) struct tls_server *tls = NULL;
	TRY(make_tls(&tls, o, why));
	tb->broker = (struct broker){
		.loop = loop,
		.log = o->log,
		.faults = o->faults,
		.journal = o->journal,
		.devices = &tb->devices,
		.chains = tb->chains,
		.rules = tb->rules,
	};
	return broker_start(&tb->broker, &o->mqtt, tls, why);
}

static enum err
start_rules(struct thingsboard *tb, uv_loop_t *loop, const struct thingsboard_options *o,
	    struct why *why)
{
	struct rules_options options = {o->log, o->faults, o->journal};
	TRY(rules_new(&tb->rules, loop, &options, why));
	if (!o->webhook_url)
		return ERR_OK;
	struct bytes token = BYTES_NONE;
	if (o->webhook_token && secret_is_set(o->webhook_token))
		token = BYTES(o->webhook_token->text, o->webhook_token->n);
	return rules_set_webhook(tb->rules, o->webhook_url, o->webhook_ca_pem, token, why);
}

static enum err
start(struct thingsboard *tb, uv_loop_t *loop, const struct thingsboard_options *o, struct why *why)
{
	devices_init(&tb->devices, o->seed);
	if (o->ca_pem.n)
		TRY(chains_new(&tb->chains, o->ca_pem, why));
	TRY(start_rules(tb, loop, o, why));
	TRY(start_broker(tb, loop, o, why));
	struct rest_options rest = {
		.addr = o->http,
		.log = o->log,
		.devices = &tb->devices,
		.plan = o->faults,
		.journal = o->journal,
		.user = o->user,
		.password = o->password,
		.seed = o->seed,
	};
	return rest_start(&tb->rest, loop, &rest, why);
}

enum err
thingsboard_new(struct thingsboard **out, uv_loop_t *loop, const struct thingsboard_options *o,
		struct why *why)
{
	struct thingsboard *tb = calloc(1, sizeof(*tb));
	if (!tb)
		return ERR_NOMEM;
	enum err err = start(tb, loop, o, why);
	// Also after an error: handles of what had started must close before the memory goes.
	*out = tb;
	return err;
}

void
thingsboard_stop(struct thingsboard *tb)
{
	rest_stop(&tb->rest);
	broker_stop(&tb->broker);
	if (tb->rules)
		rules_stop(tb->rules);
}

void
thingsboard_free(struct thingsboard *tb)
{
	if (!tb)
		return;
	rest_fini(&tb->rest);
	rules_free(tb->rules);
	chains_free(tb->chains);
	devices_fini(&tb->devices);
	free(tb);
}

struct addr
thingsboard_http_addr(const struct thingsboard *tb)
{
	return http_server_addr(tb->rest.server);
}

struct addr
thingsboard_mqtt_addr(const struct thingsboard *tb)
{
	return listener_addr(tb->broker.listener);
}

// --- admin ---

static json_t *
device_state(const struct device *device)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o}", "id", device->id, "type",
			 device->type, "credentials_id", device->credentials_id, "attributes",
			 values_to_json(&device->attributes[SCOPE_SERVER]), "telemetry",
			 values_to_json(&device->telemetry), "connects",
			 (json_int_t)device->connects, "session", broker_session_json(device));
}

static json_t *
connack_state(const struct broker *b)
{
	json_t *codes = json_object();
	for (size_t i = 0; i < N_ELEMENTS(b->connack); i++) {
		char code[8];
		snprintf(code, sizeof(code), "%zu", i);
		if (b->connack[i])
			json_object_set_new(codes, code, json_integer((json_int_t)b->connack[i]));
	}
	return codes;
}

json_t *
thingsboard_state(const struct thingsboard *tb, const char *name)
{
	json_t *list = json_object();
	struct device *device;
	struct device *next;
	if (name) {
		device = devices_by_name(&tb->devices, name);
		if (device)
			json_object_set_new(list, name, device_state(device));
	} else {
		HASH_ITER (by_name, tb->devices.by_name, device, next)
			json_object_set_new(list, device->name, device_state(device));
	}
	return json_pack("{s:o, s:o, s:I, s:o}", "devices", list, "connack",
			 connack_state(&tb->broker), "tls_failed",
			 (json_int_t)tb->broker.tls_failed, "webhook", rules_state(tb->rules));
}

void
thingsboard_reset(struct thingsboard *tb)
{
	broker_reset(&tb->broker);
	rules_reset(tb->rules);
	devices_clear(&tb->devices);
}

struct webhook_input {
	const char *url;
	const char *ca_file;
	const char *token;
};

static enum err
read_webhook(struct webhook_input *in, const json_t *json, struct why *why)
{
	const struct {
		const char *key;
		const char **text;
	} known[] = {
		{"url",	&in->url	},
		   {"ca_file", &in->ca_file},
		      {"token",	&in->token  }
	   };
	size_t n = 0;
	for (size_t i = 0; i < N_ELEMENTS(known); i++) {
		const json_t *value = json_object_get(json, known[i].key);
		if (value && !json_is_null(value) && !json_is_string(value))
			return why_set(why, ERR_INPUT, "%s must be a text or null", known[i].key);
		*known[i].text = json_string_value(value);
		n += value != NULL;
	}
	if (!json_object_get(json, "url"))
		return why_set(why, ERR_INPUT, "url is missing: a text, or null for no webhook");
	if (n != json_object_size(json))
		return why_set(why, ERR_INPUT, "unknown field; known are url, ca_file, token");
	return ERR_OK;
}

static enum err
set_webhook(struct thingsboard *tb, const json_t *json, struct why *why)
{
	struct webhook_input in = {0};
	BUF_AUTO struct buf ca;
	buf_init(&ca, CA_FILE_MAX);
	TRY(read_webhook(&in, json, why));
	if (in.ca_file)
		TRY(file_read(&ca, in.ca_file, why));
	return rules_set_webhook(tb->rules, in.url, buf_bytes(&ca),
				 in.token ? BYTES_STR(in.token) : BYTES_NONE, why);
}

void
thingsboard_put_webhook(struct http_req *req, void *ctx)
{
	struct bytes body = http_req_body(req);
	struct why why = {0};
	json_auto_t *json = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		http_reply_problem(req, 400, "bad-json", "the body is not JSON", NULL);
	else if (set_webhook(ctx, json, &why) != ERR_OK)
		http_reply_problem(req, 400, "invalid-webhook", why.text, NULL);
	else
		http_reply(req, 204, NULL, BYTES_NONE);
}

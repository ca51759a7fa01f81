// SPDX-License-Identifier: Apache-2.0
// The table of commands, and what each reads from "with".
#include <stdio.h>
#include <string.h>

#include "control_internal.h"

static const char *
get_text(const struct control_call *call, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(call->with, name));
	return text ? text : fallback;
}

// The position of a word in a list; control_refuse() names the list otherwise.
static enum err
get_word(struct control_call *call, const char *name, const char *const *words, size_t n,
	 unsigned *out)
{
	const json_t *v = json_object_get(call->with, name);
	const char *text = v ? json_string_value(v) : words[0];
	char list[256] = "";
	for (size_t i = 0; i < n; i++) {
		if (text && strcmp(words[i], text) == 0) {
			*out = (unsigned)i;
			return ERR_OK;
		}
		size_t used = strlen(list);
		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return control_refuse(call, LAYER_USAGE, "bad-value", "'%s' must be one of %s", name, list);
}

static enum err
set_copy(char **out, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		abort();
	free(*out);
	*out = copy;
	return ERR_OK;
}

// --- configure ---

static enum err
configure_urls(struct control_call *call, struct why *why)
{
	struct sim_config *c = &call->control->config;
	const char *text;
	if ((text = get_text(call, "bridge", NULL)))
		TRY(sim_config_set_url(&c->bridge, "bridge", text, why));
	if ((text = get_text(call, "step_ca", NULL)))
		TRY(sim_config_set_url(&c->step_ca, "step_ca", text, why));
	if ((text = get_text(call, "fingerprint", NULL)))
		TRY(sim_config_set_fingerprint(c, text, why));
	if ((text = get_text(call, "mqtt", NULL)))
		TRY(sim_config_set_mqtt(c, text, why));
	if ((text = get_text(call, "flash", NULL)))
		TRY(set_copy(&c->flash_dir, text));
	if ((text = get_text(call, "admin_token_file", NULL)))
		TRY(secret_from_file(&c->admin_token, text, why));
	return ERR_OK;
}

static enum err
configure_limits(struct control_call *call)
{
	static const struct {
		const char *name;
		size_t offset;
	} rows[] = {
		{"trust_ms",	     offsetof(struct device_limits, trust_ms)	     },
		{"enroll_ms",	      offsetof(struct device_limits, enroll_ms)	       },
		{"connect_ms",	       offsetof(struct device_limits, connect_ms)	 },
		{"publish_ms",	       offsetof(struct device_limits, publish_ms)	 },
		{"handshake_ms",	 offsetof(struct device_limits, handshake_ms)	     },
		{"renew_ms",	     offsetof(struct device_limits, renew_ms)	     },
		{"backoff_base_ms",    offsetof(struct device_limits, backoff_base_ms)   },
		{"backoff_cap_ms",	   offsetof(struct device_limits, backoff_cap_ms)	 },
		{"retry_after_cap_ms", offsetof(struct device_limits, retry_after_cap_ms)},
	};
	char *limits = (char *)&call->control->config.limits;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		uint32_t *limit = (uint32_t *)(void *)(limits + rows[i].offset);
		TRY(control_get_uint(call, rows[i].name, *limit, 3600000, limit));
	}
	return ERR_OK;
}

static enum err
configure(struct control_call *call)
{
	struct control *c = call->control;
	struct why why = {0};
	char before[FINGERPRINT_CHARS + 1];
	memcpy(before, c->config.fingerprint, sizeof(before));
	TRY(configure_limits(call));
	enum err err = configure_urls(call, &why);
	bool same_root = strcmp(before, c->config.fingerprint) == 0;
	if (!err)
		err = worker_reconfigure(&c->worker, same_root, &why);
	for (struct control_device *cd = c->devices; cd; cd = cd->hh.next)
		cd->sim->trusted &= same_root;
	if (err)
		return control_refuse(call, LAYER_USAGE, "bad-value", "%s", why.text);
	return ERR_OK;
}

// --- what a device shall do differently ---

static enum err
prepare_enroll(struct control_call *call)
{
	static const char *const variants[] = {
#define X(id, name) name,
		CSR_VARIANTS(X)
#undef X
	};
	static const char *const wg_keys[] = {"device", "bridge"};
	static const char *const dialects[] = {"runbook", "cdm", "native"};
	static const char *const cuts[] = {"none",	   "device.key", "device.crt",
					   "ca-chain.crt", "wg0.conf",	 "enrolled"};
	struct sim_orders *o = sim_device_orders(call->device->sim);
	unsigned csr, wg_key, dialect, cut;
	TRY(get_word(call, "csr", variants, N_ELEMENTS(variants), &csr));
	TRY(get_word(call, "wg_key", wg_keys, N_ELEMENTS(wg_keys), &wg_key));
	TRY(get_word(call, "dialect", dialects, N_ELEMENTS(dialects), &dialect));
	TRY(get_word(call, "power_cut_after", cuts, N_ELEMENTS(cuts), &cut));
	const char *cn = get_text(call, "cn", "");
	if (strlen(cn) >= sizeof(o->cn))
		return control_refuse(call, LAYER_USAGE, "bad-value", "'cn' is too long");
	memcpy(o->cn, cn, strlen(cn) + 1);
	o->csr = (enum csr_variant)csr;
	o->bridge_makes_wg_key = wg_key == 1;
	o->dialect = (enum dialect)dialect;
	o->cut_after = cut ? flash_file_by_name(cuts[cut]) : FLASH_FILES;
	struct enroll_report *r = call->device->sim->enroll_report;
	X509_free(r->leaf);
	*r = (struct enroll_report){.skipped = call->device->sim->dev.enrolled};
	return ERR_OK;
}

static enum err
prepare_connect(struct control_call *call)
{
	static const char *const chains[] = {"full", "leaf-only", "reversed", "none"};
	static const char *const certs[] = {
#define X(id, name) name,
		MQTT_CERTS(X)
#undef X
	};
	static const char *const protocols[] = {"3.1.1", "5"};
	struct sim_orders *o = sim_device_orders(call->device->sim);
	unsigned chain, cert, protocol;
	TRY(get_word(call, "chain", chains, N_ELEMENTS(chains), &chain));
	TRY(get_word(call, "cert", certs, N_ELEMENTS(certs), &cert));
	TRY(get_word(call, "protocol", protocols, N_ELEMENTS(protocols), &protocol));
	o->chain = (enum mqtt_chain)chain;
	o->cert = (enum mqtt_cert)cert;
	o->mqtt5 = protocol == 1;
	call->device->sim->dev.keep_session =
		json_is_true(json_object_get(call->with, "keep_session"));
	return ERR_OK;
}

static enum err
prepare_publish(struct control_call *call)
{
	struct sim_orders *o = sim_device_orders(call->device->sim);
	uint32_t qos;
	TRY(control_get_uint(call, "qos", 1, 2, &qos));
	o->qos = (int)qos;
	TRY(set_copy(&o->topic, get_text(call, "topic", "v1/devices/me/telemetry")));
	const json_t *payload = json_object_get(call->with, "payload");
	if (!payload || json_is_string(payload))
		return set_copy(&o->payload, payload ? json_string_value(payload) : "{}");
	free(o->payload);
	o->payload = json_dumps(payload, JSON_COMPACT | JSON_ENCODE_ANY);
	return ERR_OK;
}

static enum err
prepare_tunnel(struct control_call *call)
{
	return control_get_uint(call, "timeout_ms", 0, 3600000, &call->device->sim->dev.wait_ms);
}

static enum err
prepare_ping(struct control_call *call)
{
	struct sim_orders *o = sim_device_orders(call->device->sim);
	uint32_t count;
	TRY(control_get_uint(call, "count", 1, 10000, &count));
	o->ping_count = count ? count : 1;
	return control_get_uint(call, "timeout_ms", 1000, 60000, &o->ping_timeout_ms);
}

static enum err
prepare_renew(struct control_call *call)
{
	sim_device_orders(call->device->sim)->cut_after = FLASH_FILES;
	return ERR_OK;
}

static enum err
quit(struct control_call *call)
{
	call->control->quit = true;
	return ERR_OK;
}

// clang-format off
static const struct control_command commands[] = {
	/* name              answered       device  event           reads "with"     result */
	{"configure",        COMMAND_NOW,   false,  EV_NONE,        configure,       NULL},
	{"enroll",           COMMAND_PHASE, true,   EV_ENROLL,      prepare_enroll,  result_enroll},
	{"forget",           COMMAND_PHASE, true,   EV_FORGET,      NULL,            result_flash},
	{"mqtt.connect",     COMMAND_PHASE, true,   EV_CONNECT,     prepare_connect, result_connect},
	{"mqtt.publish",     COMMAND_PHASE, true,   EV_PUBLISH,     prepare_publish, NULL},
	{"mqtt.disconnect",  COMMAND_PHASE, true,   EV_DISCONNECT,  NULL,            NULL},
	{"wireguard.up",     COMMAND_PHASE, true,   EV_TUNNEL,      prepare_tunnel,  result_tunnel},
	{"wireguard.down",   COMMAND_PHASE, true,   EV_TUNNEL_DOWN, NULL,            NULL},
	{"ping",             COMMAND_PHASE, true,   EV_PING,        prepare_ping,    result_ping},
	{"renew",            COMMAND_PHASE, true,   EV_RENEW,       prepare_renew,   result_renew},
	{"decommission",     COMMAND_PHASE, true,   EV_RETIRE,      NULL,            NULL},
	{"state",            COMMAND_NOW,   true,   EV_NONE,        NULL,            result_state},
	{"quit",             COMMAND_NOW,   false,  EV_NONE,        quit,            NULL},
};
// clang-format on

const struct control_command *
control_command_find(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void
control_command_names(char *out, size_t size)
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < N_ELEMENTS(commands) && used < size; i++) {
		int n = snprintf(out + used, size - used, "%s%s", i ? ", " : "", commands[i].name);
		used += n > 0 ? (size_t)n : 0;
	}
}

// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/file.h"
#include "common/mock_main.h"
#include "thingsboard/thingsboard.h"
#include "pki/fast_decode.h"

const char *argp_program_version = "mock-thingsboard " PROVSIM_VERSION;

#define DEFAULT_USER	 "tenant@thingsboard.org"
#define DEFAULT_PASSWORD "tenant"

enum {
	OPT_HTTP = 1,
	OPT_MQTT,
	OPT_CERT,
	OPT_KEY,
	OPT_CA,
	OPT_WEBHOOK,
	OPT_WEBHOOK_CA,
	FILE_MAX_BYTES = 1 << 20,
};

struct args {
	struct mock_args common;
	struct addr http;
	struct addr mqtt;
	const char *cert;
	const char *key;
	const char *ca;
	const char *webhook;
	const char *webhook_ca;
};

static const struct argp_option options[] = {
	{"http",				    OPT_HTTP, "ADDR:PORT", 0, "REST API (127.0.0.1:9090; port 0: any)", 0},
	{"mqtt",			      OPT_MQTT, "ADDR:PORT", 0, "MQTT over TLS (127.0.0.1:8883; port 0: any)", 0},
	{"cert", OPT_CERT, "FILE", 0, "the broker's certificate, PEM, leaf first, then its issuers",
	 0},
	{"key",					 OPT_KEY, "FILE", 0, "its private key, PEM", 0},
	{"ca",    OPT_CA, "FILE", 0,
	 "PEM bundle that device certificates must chain to; without it every one is refused with "
	 "CONNACK 5", 0},
	{"webhook",					OPT_WEBHOOK, "URL", 0,
	 "where the rule engine posts a device's first-connect event; CONNACK waits for the answer", 0},
	{"webhook-ca",					OPT_WEBHOOK_CA, "FILE", 0, "PEM roots for an https webhook", 0},
	{0				   },
};

static const char doc[] =
	"Mock ThingsBoard: login, devices and attributes over REST, MQTT 3.1, 3.1.1 and 5 with mutual "
	"TLS, and a rule engine that tells the IoT Bridge about a device's first connect."
	"\vA device is the CN of its certificate; it must send the certificate with its issuers.\n\n"
	"Environment: THINGSBOARD_USER (" DEFAULT_USER "), THINGSBOARD_PASSWORD (" DEFAULT_PASSWORD
	"), TB_WEBHOOK_TOKEN (bearer token for the webhook); the secrets also as NAME_FILE.\n\n"
	"Example:\n"
	"  mock-thingsboard --cert broker.pem --key broker.key --ca device-ca.pem \\\n"
	"      --webhook http://127.0.0.1:8443/webhooks/thingsboard --admin 127.0.0.1:9191\n"
	"  mosquitto_pub -h 127.0.0.1 -p 8883 --cafile root.pem --cert device-chain.pem \\\n"
	"      --key device.key -i dev-1 -q 1 -t v1/devices/me/telemetry -m '{\"cpu\":42}'\n";

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &a->common;
		return 0;
	case OPT_HTTP:
		mock_args_parse_addr(&a->http, arg, "--http", state);
		return 0;
	case OPT_MQTT:
		mock_args_parse_addr(&a->mqtt, arg, "--mqtt", state);
		return 0;
	case OPT_CERT:
		a->cert = arg;
		return 0;
	case OPT_KEY:
		a->key = arg;
		return 0;
	case OPT_CA:
		a->ca = arg;
		return 0;
	case OPT_WEBHOOK:
		a->webhook = arg;
		return 0;
	case OPT_WEBHOOK_CA:
		a->webhook_ca = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument \"%s\"", arg);
		return 0;
	case ARGP_KEY_END:
		if (!a->cert || !a->key)
			argp_error(state,
				   "--cert and --key are needed: the broker speaks only TLS");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// What the environment and the files say; lives as long as start() runs, the secrets longer.
struct inputs {
	struct buf cert;
	struct buf key;
	struct buf ca;
	struct buf webhook_ca;
};

static struct secret password;
static struct secret webhook_token;

static void
inputs_fini(struct inputs *in)
{
	buf_fini(&in->cert);
	if (in->key.data)
		explicit_bzero(in->key.data, in->key.len);
	buf_fini(&in->key);
	buf_fini(&in->ca);
	buf_fini(&in->webhook_ca);
}

static enum err
read_option(struct buf *out, const char *path, const char *option, struct why *why)
{
	buf_init(out, FILE_MAX_BYTES);
	if (!path)
		return ERR_OK;
	if (file_read(out, path, why) == ERR_OK)
		return ERR_OK;
	why_prefix(why, "%s", option);
	return ERR_INPUT;
}

static enum err
read_inputs(struct inputs *in, const struct args *a, struct why *why)
{
	TRY(read_option(&in->cert, a->cert, "--cert", why));
	TRY(read_option(&in->key, a->key, "--key", why));
	TRY(read_option(&in->ca, a->ca, "--ca", why));
	TRY(read_option(&in->webhook_ca, a->webhook_ca, "--webhook-ca", why));
	TRY(secret_from_env(&webhook_token, "TB_WEBHOOK_TOKEN", why));
	TRY(secret_from_env(&password, "THINGSBOARD_PASSWORD", why));
	return secret_is_set(&password) ? ERR_OK
					: secret_set(&password, BYTES_STR(DEFAULT_PASSWORD));
}

static enum err
start_with(struct mock *m, const struct args *a, const struct inputs *in, struct why *why)
{
	const char *user = getenv("THINGSBOARD_USER");
	struct thingsboard_options o = {
		.http = a->http,
		.mqtt = a->mqtt,
		.chain_pem = buf_bytes(&in->cert),
		.key_pem = buf_bytes(&in->key),
		.ca_pem = buf_bytes(&in->ca),
		.user = user && *user ? user : DEFAULT_USER,
		.password = &password,
		.webhook_url = a->webhook,
		.webhook_ca_pem = buf_bytes(&in->webhook_ca),
		.webhook_token = &webhook_token,
		.seed = a->common.seed,
		.log = &m->log,
		.faults = m->faults,
		.journal = m->journal,
	};
	struct thingsboard *tb = NULL;
	enum err err = thingsboard_new(&tb, m->loop, &o, why);
	m->ctx = tb;
	if (err != ERR_OK)
		return err;
	if (!in->ca.len)
		log_warn(&m->log, "mqtt.no_ca",
			 KV_STR("text", "no --ca: every device certificate will be refused"));
	mock_announce_addr(m, "X_HTTP", thingsboard_http_addr(tb));
	mock_announce_addr(m, "X_MQTTS", thingsboard_mqtt_addr(tb));
	return ERR_OK;
}

static enum err
start(struct mock *m, struct why *why)
{
	struct inputs in = {0};
	enum err err = read_inputs(&in, m->input, why);
	if (err == ERR_OK)
		err = start_with(m, m->input, &in, why);
	inputs_fini(&in);
	return err;
}

static void
stop(struct mock *m)
{
	if (m->ctx)
		thingsboard_stop(m->ctx);
}

static void
fini(struct mock *m)
{
	thingsboard_free(m->ctx);
	secret_fini(&password);
	secret_fini(&webhook_token);
}

static json_t *
state(void *ctx, const char *device)
{
	return thingsboard_state(ctx, device);
}

static void
reset(void *ctx)
{
	thingsboard_reset(ctx);
}

static void
default_addr(struct addr *out, const char *text)
{
	if (addr_parse(out, text, NULL) != ERR_OK)
		abort();
}

int
main(int argc, char **argv)
{
	static const struct http_route admin_routes[] = {
		{"PUT", "/webhook", thingsboard_put_webhook, 64 * 1024, "webhook.put"},
	};
	static const struct argp_child children[] = {
		{&mock_argp,	     0, "Common options:", 0},
		{0},
	};
	static const struct argp argp = {options, parse_option, NULL, doc, children, NULL, NULL};
	struct args a = {0};
	default_addr(&a.http, "127.0.0.1:9090");
	default_addr(&a.mqtt, "127.0.0.1:8883");
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	pki_use_fast_decoders();
	const struct mock_program program = {
		.name = "mock-thingsboard",
		.vocabulary = thingsboard_vocabulary(),
		.start = start,
		.stop = stop,
		.fini = fini,
		.state = state,
		.reset = reset,
		.admin_extra = admin_routes,
		.n_admin_extra = N_ELEMENTS(admin_routes),
	};
	return mock_run(&program, &a.common, &a);
}

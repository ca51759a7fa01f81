// SPDX-License-Identifier: Apache-2.0
// The services as a table: program, arguments, environment, and what their announcements mean.
#include <string.h>

#include "runner/mem.h"
#include "runner/stack.h"

#define ANY_PORT	  "127.0.0.1:0"
#define WG_SUBNET_DEFAULT "10.8.0.0/24"

// The address of an earlier start, so that a restarted child is found where it was.
static const char *
old_address(const struct stack *s, enum service_id id, const char *variable)
{
	const char *old = json_string_value(json_object_get(s->services[id].announced, variable));
	return old ? old : ANY_PORT;
}

static const char *
said(const json_t *announced, const char *variable)
{
	const char *value = json_string_value(json_object_get(announced, variable));
	return value ? value : "";
}

static void
common_arguments(struct stack *s, struct words *argv, enum service_id id)
{
	words_add(argv, "--admin");
	words_add(argv, "%s", old_address(s, id, "X_ADMIN"));
	words_add(argv, "--seed");
	words_add(argv, "%llu", (unsigned long long)s->seed);
	words_add(argv, "--log-level");
	words_add(argv, "%s", s->child_log_level);
}

static void
step_ca_command(struct stack *s, struct words *argv, struct words *env)
{
	words_add(argv, "--listen");
	words_add(argv, "%s", old_address(s, SERVICE_STEP_CA, "X_HTTPS"));
	words_add(argv, "--state");
	words_add(argv, "%s/step-ca", s->private_dir);
	common_arguments(s, argv, SERVICE_STEP_CA);
	words_set_env(env, "STEP_CA_PROVISIONER_PASSWORD", s->secrets.provisioner_password);
}

static void
step_ca_learn(struct stack *s, const json_t *announced)
{
	stack_set_fact(s, "STEP_CA_URL", "https://%s", said(announced, "X_HTTPS"));
	stack_set_fact(s, "STEP_CA_ADMIN_URL", "http://%s", said(announced, "X_ADMIN"));
	stack_set_fact(s, "STEP_CA_FINGERPRINT", "%s", said(announced, "X_FINGERPRINT"));
	stack_set_fact(s, "STEP_CA_PROVISIONER_NAME", "iot-bridge");
	stack_set_fact(s, "STEP_CA_PROVISIONER_PASSWORD", "%s", s->secrets.provisioner_password);
}

static void
hawkbit_command(struct stack *s, struct words *argv, struct words *env)
{
	words_add(argv, "--listen");
	words_add(argv, "%s", old_address(s, SERVICE_HAWKBIT, "X_HTTP"));
	common_arguments(s, argv, SERVICE_HAWKBIT);
	words_set_env(env, "HAWKBIT_USER", "admin");
	words_set_env(env, "HAWKBIT_PASSWORD", s->secrets.hawkbit_password);
}

static void
hawkbit_learn(struct stack *s, const json_t *announced)
{
	stack_set_fact(s, "HAWKBIT_URL", "http://%s", said(announced, "X_HTTP"));
	stack_set_fact(s, "HAWKBIT_ADMIN_URL", "http://%s", said(announced, "X_ADMIN"));
	stack_set_fact(s, "HAWKBIT_USER", "admin");
	stack_set_fact(s, "HAWKBIT_PASSWORD", "%s", s->secrets.hawkbit_password);
}

static void
wireguard_command(struct stack *s, struct words *argv, struct words *env)
{
	(void)env;
	words_add(argv, "--listen");
	words_add(argv, "%s", old_address(s, SERVICE_WIREGUARD, "X_UDP"));
	words_add(argv, "--uapi");
	words_add(argv, "%s/wg0.sock", s->private_dir);
	words_add(argv, "--address");
	words_add(argv, "10.8.0.1/24");
	words_add(argv, "--private-key");
	words_add(argv, "%s/wg-server.key", s->private_dir);
	common_arguments(s, argv, SERVICE_WIREGUARD);
}

static void
wireguard_learn(struct stack *s, const json_t *announced)
{
	stack_set_fact(s, "WG_SERVER_ENDPOINT", "%s", said(announced, "X_UDP"));
	stack_set_fact(s, "WG_SERVER_PUBLIC_KEY", "%s", said(announced, "X_PUBLIC_KEY"));
	stack_set_fact(s, "WG_UAPI", "%s", said(announced, "X_UAPI"));
	stack_set_fact(s, "WG_ADMIN_URL", "http://%s", said(announced, "X_ADMIN"));
	stack_set_fact(s, "WG_SUBNET", WG_SUBNET_DEFAULT);
}

static void
thingsboard_command(struct stack *s, struct words *argv, struct words *env)
{
	words_add(argv, "--http");
	words_add(argv, "%s", old_address(s, SERVICE_THINGSBOARD, "X_HTTP"));
	words_add(argv, "--mqtt");
	words_add(argv, "%s", old_address(s, SERVICE_THINGSBOARD, "X_MQTTS"));
	words_add(argv, "--cert");
	words_add(argv, "%s/broker.crt", s->private_dir);
	words_add(argv, "--key");
	words_add(argv, "%s/broker.key", s->private_dir);
	words_add(argv, "--ca");
	words_add(argv, "%s/devices-ca.pem", s->private_dir);
	common_arguments(s, argv, SERVICE_THINGSBOARD);
	words_set_env(env, "THINGSBOARD_USER", "tenant@thingsboard.org");
	words_set_env(env, "THINGSBOARD_PASSWORD", s->secrets.thingsboard_password);
	words_set_env(env, "TB_WEBHOOK_TOKEN", s->secrets.webhook_token);
}

static void
thingsboard_learn(struct stack *s, const json_t *announced)
{
	stack_set_fact(s, "THINGSBOARD_URL", "http://%s", said(announced, "X_HTTP"));
	stack_set_fact(s, "THINGSBOARD_MQTT_URL", "mqtts://%s", said(announced, "X_MQTTS"));
	stack_set_fact(s, "THINGSBOARD_ADMIN_URL", "http://%s", said(announced, "X_ADMIN"));
	stack_set_fact(s, "THINGSBOARD_USER", "tenant@thingsboard.org");
	stack_set_fact(s, "THINGSBOARD_PASSWORD", "%s", s->secrets.thingsboard_password);
}

static void
bridge_command(struct stack *s, struct words *argv, struct words *env)
{
	// These carry the same name on both sides.
	static const char *const passed[] = {"STEP_CA_URL",
					     "STEP_CA_FINGERPRINT",
					     "STEP_CA_PROVISIONER_NAME",
					     "STEP_CA_PROVISIONER_PASSWORD",
					     "HAWKBIT_URL",
					     "HAWKBIT_USER",
					     "HAWKBIT_PASSWORD",
					     "THINGSBOARD_URL",
					     "THINGSBOARD_USER",
					     "THINGSBOARD_PASSWORD",
					     "WG_SERVER_ENDPOINT",
					     "WG_SERVER_PUBLIC_KEY"};
	words_add(argv, "--log-level");
	words_add(argv, "%s", s->child_log_level);
	for (size_t i = 0; i < N_ELEMENTS(passed); i++)
		words_set_env(env, passed[i], stack_fact(s, passed[i]));
	const char *subnet = stack_fact(s, "WG_SUBNET");
	const char *uapi = stack_fact(s, "WG_UAPI");
	AUTO(free) char *wg_server = uapi ? mem_printf("uapi:%s", uapi) : NULL;
	AUTO(free) char *db = mem_printf("%s/state/bridge.db", s->dir);
	AUTO(free) char *data = mem_printf("%s/state", s->dir);
	const char *old =
		json_string_value(json_object_get(s->services[SERVICE_BRIDGE].announced, "X_HTTP"));
	words_set_env(env, "BRIDGE_LISTEN", old ? old : old_address(s, SERVICE_BRIDGE, "X_HTTPS"));
	words_set_env(env, "BRIDGE_TLS", "auto");
	words_set_env(env, "BRIDGE_DB", db);
	words_set_env(env, "WG_DATA_DIR", data);
	words_set_env(env, "WG_SUBNET", subnet ? subnet : WG_SUBNET_DEFAULT);
	words_set_env(env, "WG_SERVER", wg_server);
	words_set_env(env, "BRIDGE_ADMIN_TOKEN", s->secrets.admin_token);
	words_set_env(env, "BRIDGE_WEBHOOK_TOKEN", s->secrets.webhook_token);
	const struct node *own = node_get(s->config, "bridge.env");
	for (size_t i = 0; own && i < own->n; i++)
		if (own->pairs[i].value->type == NODE_TEXT)
			words_set_env(env, own->pairs[i].key, own->pairs[i].value->text);
}

static void
bridge_learn(struct stack *s, const json_t *announced)
{
	const char *plain = said(announced, "X_HTTP");
	if (*plain)
		stack_set_fact(s, "BRIDGE_URL", "http://%s", plain);
	else
		stack_set_fact(s, "BRIDGE_URL", "https://%s", said(announced, "X_HTTPS"));
	stack_set_fact(s, "BRIDGE_ADMIN_TOKEN", "%s", s->secrets.admin_token);
	stack_set_fact(s, "BRIDGE_WEBHOOK_TOKEN", "%s", s->secrets.webhook_token);
}

static void
simdevice_command(struct stack *s, struct words *argv, struct words *env)
{
	(void)s;
	(void)env;
	words_add(argv, "--control");
	words_add(argv, "3");
}

static const struct service_spec specs[SERVICES] = {
	[SERVICE_STEP_CA] =
		{
				   .name = "step-ca",
				   .program = "mock-step-ca",
				   .url_fact = "STEP_CA_URL",
				   .admin_fact = "STEP_CA_ADMIN_URL",
				   .options_key = "step-ca.options",
				   .notifies = true,
				   .command = step_ca_command,
				   .learn = step_ca_learn,
				   },
	[SERVICE_HAWKBIT] =
		{
				   .name = "hawkbit",
				   .program = "mock-hawkbit",
				   .url_fact = "HAWKBIT_URL",
				   .admin_fact = "HAWKBIT_ADMIN_URL",
				   .options_key = "hawkbit.options",
				   .notifies = true,
				   .command = hawkbit_command,
				   .learn = hawkbit_learn,
				   },
	[SERVICE_WIREGUARD] =
		{
				   .name = "wireguard",
				   .program = "mock-wireguard",
				   .url_fact = "WG_SERVER_ENDPOINT",
				   .admin_fact = "WG_ADMIN_URL",
				   .options_key = "wireguard.options",
				   .notifies = true,
				   .command = wireguard_command,
				   .learn = wireguard_learn,
				   },
	[SERVICE_THINGSBOARD] =
		{
				   .name = "thingsboard",
				   .program = "mock-thingsboard",
				   .url_fact = "THINGSBOARD_URL",
				   .admin_fact = "THINGSBOARD_ADMIN_URL",
				   .options_key = "thingsboard.options",
				   .notifies = true,
				   .command = thingsboard_command,
				   .learn = thingsboard_learn,
				   },
	[SERVICE_BRIDGE] =
		{
				   .name = "bridge",
				   .program = "iot-bridge",
				   .url_fact = "BRIDGE_URL",
				   .notifies = true,
				   .under_test = true,
				   .command = bridge_command,
				   .learn = bridge_learn,
				   },
	[SERVICE_SIMDEVICE] =
		{
				   .name = "simdevice",
				   .program = "simdevice",
				   .command = simdevice_command,
				   },
};

const struct service_spec *
service_specs(void)
{
	return specs;
}

// SPDX-License-Identifier: Apache-2.0
#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "runner/cli.h"
#include "runner/mem.h"
#include "runner/schema.h"
#include "runner/stack.h"
#include "runner/tree.h"
#include "runner/yaml.h"

enum {
	ENV_MAX_BYTES = 65536,
};

struct options {
	const char *out;
	const char *stack;
	const char *log_level;
	uint64_t seed;
	bool has_seed;
	struct words given;
};

// clang-format off
static const struct argp_option argp_options[] = {
	{"out",       'o', "DIR",   0, "Write DIR/env and DIR/root.pem, keep logs and state there (default: a folder that goes away)", 0},
	{"stack",     'f', "FILE",  0, "A stack file: what differs from the standard stack", 0},
	{"against",   'a', "FILE",  0, "Use the systems that FILE names; what it does not name is started", 0},
	{"seed",      's', "N",     0, "Seed of the mocks' dice", 0},
	{"log-level", 'l', "LEVEL", 0, "Log level of the started programs (default: info)", 0},
	{0},
};
// clang-format on

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct why why = {0};
	char *end = NULL;
	switch (key) {
	case 'o':
		o->out = arg;
		return 0;
	case 'f':
		o->stack = arg;
		return 0;
	case 'a':
		if (facts_read(&o->given, arg, &why) != ERR_OK)
			argp_error(state, "--against: %s", why.text);
		return 0;
	case 's':
		o->seed = strtoull(arg, &end, 10);
		o->has_seed = true;
		if (*arg < '0' || *arg > '9' || *end)
			argp_error(state, "--seed: '%s' is not a whole number", arg);
		return 0;
	case 'l':
		o->log_level = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char doc[] =
	"Starts step-ca, hawkBit, ThingsBoard, a WireGuard server (all mocks) and the IoT Bridge, prints where they are and "
	"commands that work with them, and keeps them up until Ctrl-C."
	"\v"
	"Examples:\n"
	"  provsim up --out demo         then, in another shell: . demo/env\n"
	"  provsim run scenarios/lifecycle.yaml --against demo/env\n";

// The device simulator is for scenarios.
static struct node *
stack_config(const struct options *o, struct source **source, struct diags *diags)
{
	struct node *config = o->stack ? yaml_read_file(source, o->stack, diags)
				       : node_new(NODE_MAP, (struct place){0});
	if (!config)
		return NULL;
	schema_check(config, "stack", diags);
	struct pair *without = node_pair(config, "without");
	struct node *list = node_new(NODE_LIST, (struct place){0});
	node_list_add(list, node_new_text("simdevice", list->at));
	if (without && without->value->type == NODE_LIST)
		for (size_t i = 0; i < without->value->n; i++)
			node_list_add(list, node_clone(without->value->items[i]));
	else if (without)
		node_list_add(list, node_clone(without->value));
	node_map_remove(config, "without");
	node_map_add(config, "without", list->at, list);
	return config;
}

static enum err
write_files(struct stack *s, const char *dir, struct why *why)
{
	BUF_AUTO struct buf env;
	AUTO(free) char *env_path = mem_printf("%s/env", dir);
	AUTO(free) char *root_path = mem_printf("%s/root.pem", dir);
	buf_init(&env, ENV_MAX_BYTES);
	TRY(facts_print(&env, &s->facts));
	if (s->root_pem)
		TRY(file_replace_nosync(root_path, BYTES_STR(s->root_pem), 0644, why));
	// Last: whoever waits for it finds everything ready. It holds passwords.
	return file_replace_nosync(env_path, buf_bytes(&env), 0600, why);
}

static void
print_facts(const struct cli *cli, const struct stack *s)
{
	size_t n;
	const struct fact_name *names = facts_names(&n);
	for (size_t i = 0; i < n; i++) {
		const char *value = stack_fact(s, names[i].name);
		if (value)
			fprintf(cli->out, "  %-29s %-50s # %s\n", names[i].name,
				names[i].secret ? "(in the file env)" : value, names[i].doc);
	}
}

static void
print_enroll(const struct cli *cli)
{
	fprintf(cli->out,
		"\nEnroll a device by hand (in another shell; needs openssl, curl and jq):\n"
		"  openssl ecparam -name prime256v1 -genkey -noout -out dev-1.key\n"
		"  openssl req -new -key dev-1.key -subj /CN=dev-1 -out dev-1.csr\n"
		"  jq -n --rawfile csr dev-1.csr '{csr_pem: $csr}' |\n"
		"      curl -sS --cacert root.pem -H 'Content-Type: application/json' -d @- $BRIDGE_URL/devices/dev-1/enroll |\n"
		"      tee dev-1.json\n"
		"  jq -r .cert dev-1.json > dev-1.crt; jq -r .ca_chain dev-1.json > ca-chain.crt; jq -r .wg dev-1.json > wg0.conf\n"
		"  openssl verify -CAfile root.pem -untrusted ca-chain.crt dev-1.crt\n");
}

static void
print_use(const struct cli *cli, const struct stack *s)
{
	const char *mqtt = stack_fact(s, "THINGSBOARD_MQTT_URL");
	const char *port = mqtt ? strrchr(mqtt, ':') : NULL;
	if (port)
		fprintf(cli->out,
			"\nConnect and publish; the first connect makes the hawkBit target:\n"
			"  mosquitto_pub -h 127.0.0.1 -p %s --cafile root.pem --cert dev-1.crt --key dev-1.key \\\n"
			"      -i dev-1 -q 1 -t v1/devices/me/telemetry -m '{\"temperature\": 21.5}'\n"
			"  curl -sS -u \"$HAWKBIT_USER:$HAWKBIT_PASSWORD\" $HAWKBIT_URL/rest/v1/targets/dev-1\n"
			"  curl -sS $THINGSBOARD_ADMIN_URL/state | jq .\n",
			port + 1);
	if (stack_fact(s, "WG_UAPI"))
		fprintf(cli->out,
			"\nThe WireGuard server's peers, over its userspace API (`wg show` looks for it in /var/run/wireguard):\n"
			"  printf 'get=1\\n\\n' | nc -U -N $WG_UAPI\n"
			"  sudo ln -sf $WG_UAPI /var/run/wireguard/wg0.sock && sudo wg show wg0\n");
	fprintf(cli->out,
		"\nOr let the simulator do all of it:\n"
		"  simdevice run --bridge $BRIDGE_URL --fingerprint $STEP_CA_FINGERPRINT --mqtt $THINGSBOARD_MQTT_URL \\\n"
		"      --id dev-2 --dir dev-2\n"
		"\nLook at a device, then decommission it:\n"
		"  curl -sS --cacert root.pem -H \"Authorization: Bearer $BRIDGE_ADMIN_TOKEN\" $BRIDGE_URL/devices/dev-1\n"
		"  curl -sS --cacert root.pem -H \"Authorization: Bearer $BRIDGE_ADMIN_TOKEN\" -X DELETE $BRIDGE_URL/devices/dev-1\n"
		"\nMake the CA fail for the next two requests, then see what the bridge answers:\n"
		"  curl -sS -d '{\"name\":\"ca\",\"on\":\"sign\",\"when\":{\"first\":2},\"do\":{\"status\":503}}' $STEP_CA_ADMIN_URL/faults\n");
}

static void
print_all(const struct cli *cli, const struct stack *s, const char *dir)
{
	fprintf(cli->out, "The stack is up.\n\n");
	print_facts(cli, s);
	fprintf(cli->out,
		"\nTake the addresses into a shell:  cd %s && set -a && . ./env && set +a\n", dir);
	print_enroll(cli);
	print_use(cli, s);
	fprintf(cli->out, "\nLogs: %s/logs. Ctrl-C stops everything.\n", dir);
	fflush(cli->out);
}

static bool
somebody_died(void *ctx)
{
	return stack_find_dead(ctx) != NULL;
}

static int
keep_up(const struct cli *cli, struct bench *bench, struct stack *s, const char *dir)
{
	struct why why = {0};
	enum err err = stack_start(s);
	if (err == ERR_OK)
		err = write_files(s, dir, &why);
	if (bench->interrupts) {
		fprintf(cli->err,
			"provsim: interrupted before the stack was up; everything is stopped\n");
		return EXIT_INTERRUPTED;
	}
	if (err != ERR_OK) {
		fprintf(cli->err, "provsim: the stack does not start: %s\n",
			s->trouble ? s->trouble : why.text);
		return EXIT_BROKEN;
	}
	print_all(cli, s, dir);
	if (bench_wait(bench, somebody_died, s, UINT64_MAX) == ERR_CANCELLED) {
		fprintf(cli->out, "\nstopping\n");
		return EXIT_PASSED;
	}
	const struct service *dead = stack_find_dead(s);
	AUTO(free) char *words = service_obituary(dead);
	fprintf(cli->err, "provsim: %s ended by itself: %s\n", dead->spec->name, words);
	return EXIT_BROKEN;
}

static int
up(const struct cli *cli, const struct options *o, const struct node *config, const char *dir)
{
	struct bench bench;
	struct stack *s = NULL;
	struct why why = {0};
	AUTO(free) char *bin_dir = cli_bin_dir();
	const struct stack_options so = {
		.bench = &bench,
		.config = config,
		.bin_dir = bin_dir,
		.dir = dir,
		.seed = o->has_seed ? o->seed : rng_system_seed(),
		.child_log_level = o->log_level,
		.given = &o->given,
	};
	int code = EXIT_BROKEN;
	if (bench_init(&bench, &why) == ERR_OK && stack_new(&s, &so, &why) == ERR_OK)
		code = keep_up(cli, &bench, s, dir);
	else
		fprintf(cli->err, "provsim: %s\n", why.text);
	stack_free(s);
	bench_fini(&bench);
	return code;
}

static int
up_in(const struct cli *cli, const struct options *o, const struct node *config, const char *dir)
{
	static const char *const old[] = {"logs", "state", "devices", "env"};
	struct why why = {0};
	if (tree_claim(dir, &why) != ERR_OK) {
		fprintf(cli->err, "provsim: %s\n", why.text);
		return EXIT_USAGE;
	}
	AUTO(free) char *full = realpath(dir, NULL);
	for (size_t i = 0; i < N_ELEMENTS(old); i++) {
		AUTO(free) char *path = mem_printf("%s/%s", full, old[i]);
		tree_remove(path);
	}
	child_adopt_orphans();
	return up(cli, o, config, full);
}

int
cmd_up(const struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {argp_options, parse, "", doc, NULL, NULL, NULL};
	struct options o = {.log_level = "info"};
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	DIAGS_AUTO struct diags diags = {0};
	AUTO(source_free) struct source *source = NULL;
	AUTO(node_free) struct node *config = stack_config(&o, &source, &diags);
	char temporary[] = "/tmp/provsim-up-XXXXXX";
	int code = EXIT_BAD_FILE;
	if (diags.n) {
		BUF_AUTO struct buf text;
		buf_init(&text, 1 << 20);
		if (diags_print(&text, &diags, cli->colour) == ERR_OK)
			fwrite(text.data, 1, text.len, cli->err);
	} else if (o.out || mkdtemp(temporary)) {
		code = up_in(cli, &o, config, o.out ? o.out : temporary);
		if (!o.out)
			tree_remove(temporary);
	}
	words_fini(&o.given);
	return code;
}

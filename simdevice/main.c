// SPDX-License-Identifier: Apache-2.0
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "pki/fast_decode.h"
#include "base/log.h"
#include "control.h"
#include "fleet.h"
#include "lifecycle.h"
#include "single.h"

enum { EXIT_USAGE = 2 };

const char *argp_program_version = "simdevice " PROVSIM_VERSION;

enum option_key {
	OPT_BRIDGE = 256,
	OPT_FINGERPRINT,
	OPT_ID,
	OPT_DIR,
	OPT_MQTT,
	OPT_STEP_CA,
	OPT_NO_WIREGUARD,
	OPT_NO_MQTT,
	OPT_DIALECT,
	OPT_WG_KEY,
	OPT_ADMIN_TOKEN_FILE,
	OPT_RETRIES,
	OPT_HOLD,
	OPT_DEVICES,
	OPT_RATE,
	OPT_ARRIVALS,
	OPT_RAMP,
	OPT_WORKERS,
	OPT_PREFIX,
	OPT_PHASES,
	OPT_SEED,
	OPT_JSON,
	OPT_IN_FLIGHT,
	OPT_SHARD,
	OPT_DUMP,
	OPT_LOG_LEVEL,
	OPT_TIMEOUT,
};

// What all subcommands read into.
struct args {
	struct sim_config config;
	struct single_options single;
	struct fleet_options fleet;
	struct log log;
	bool no_wireguard;
	bool no_mqtt;
	bool has_seed;
	bool dump;
};

// clang-format off
static const struct argp_option common_options[] = {
	{"bridge",           OPT_BRIDGE,           "URL",  0, "The IoT Bridge, e.g. https://bridge.example:8443", 1},
	{"fingerprint",      OPT_FINGERPRINT,      "HEX",  0, "SHA-256 of the root certificate: all that a new device trusts", 1},
	{"mqtt",             OPT_MQTT,             "URL",  0, "The broker, mqtts://host[:8883]", 1},
	{"step-ca",          OPT_STEP_CA,          "URL",  0, "step-ca, for the renew phase", 1},
	{"dir",              OPT_DIR,              "DIR",  0, "Flash: device.key device.crt ca-chain.crt wg0.conf enrolled (a fleet: one folder a device in it)", 2},
	{"dialect",          OPT_DIALECT,          "NAME", 0, "runbook (default), cdm or native", 2},
	{"wg-key",           OPT_WG_KEY,           "WHO",  0, "Who makes the tunnel's key pair: device (default) or bridge", 2},
	{"retries",          OPT_RETRIES,          "N",    0, "Further tries after failures that may pass (default 3)", 2},
	{"timeout",          OPT_TIMEOUT,          "S",    0, "Seconds for each enroll, connect, handshake and decommission (default 20, 15, 20, 20)", 2},
	{"hold",             OPT_HOLD,             "S",    0, "Keep session and tunnel up this long before the end", 2},
	{"admin-token-file", OPT_ADMIN_TOKEN_FILE, "FILE", 0, "The bridge's admin token, for the decommission phase", 2},
	{"log-level",        OPT_LOG_LEVEL,        "NAME", 0, "debug info warn error off (default warn); JSON lines on stderr", 3},
	{0},
};

static const struct argp_option single_options_table[] = {
	{"id",           OPT_ID,           "ID", 0, "The device's id: CN of its certificate, MQTT client id", 1},
	{"no-mqtt",      OPT_NO_MQTT,      NULL, 0, "Leave the MQTT phase out", 2},
	{"no-wireguard", OPT_NO_WIREGUARD, NULL, 0, "Leave the tunnel out", 2},
	{0},
};

static const struct argp_option fleet_options_table[] = {
	{"devices",   OPT_DEVICES,   "N",      0, "How many (default 100)", 1},
	{"rate",      OPT_RATE,      "R",      0, "Arrivals per second (default 10)", 1},
	{"arrivals",  OPT_ARRIVALS,  "SHAPE",  0, "constant (default), poisson or ramp", 1},
	{"ramp",      OPT_RAMP,      "S",      0, "Seconds in which the rate grows from 0 to R (implies --arrivals ramp)", 1},
	{"workers",   OPT_WORKERS,   "W",      0, "Threads (default 1)", 2},
	{"prefix",    OPT_PREFIX,    "TEXT",   0, "Device ids are TEXT1, TEXT2, ... (default dev-)", 2},
	{"phases",    OPT_PHASES,    "LIST",   0, "Of enroll,mqtt,publish,wireguard,renew,decommission (default enroll,mqtt,wireguard)", 2},
	{"seed",      OPT_SEED,      "N",      0, "For arrivals and jitter (default: random, printed)", 2},
	{"in-flight", OPT_IN_FLIGHT, "N",      0, "At most N lifecycles at once, 0 = no limit (default 1000)", 2},
	{"shard",     OPT_SHARD,     "I/N",    0, "Run only every N-th device of the plan, from the I-th (0..N-1); auto or auto/N takes I from Open MPI, Slurm or a Kubernetes Indexed Job", 2},
	{"json",      OPT_JSON,      "FILE",   0, "Write the report with its histograms as JSON", 3},
	{"dump-lifecycle", OPT_DUMP, NULL,     0, "Print the table of states and transitions as Markdown and exit", 3},
	{0},
};
// clang-format on

static uint64_t
get_number(const struct argp_state *state, const char *text, uint64_t max, const char *option)
{
	char *end = NULL;
	unsigned long long n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > max)
		argp_error(state, "--%s: '%s' is not a whole number from 0 to %llu", option, text,
			   (unsigned long long)max);
	return n;
}

static double
get_double(const struct argp_state *state, const char *text, const char *option)
{
	char *end = NULL;
	double v = strtod(text, &end);
	if (end == text || *end || !(v >= 0) || v > 1e9)
		argp_error(state, "--%s: '%s' is not a number from 0 to 1000000000", option, text);
	return v;
}

static void
check(const struct argp_state *state, enum err err, const struct why *why)
{
	if (err)
		argp_error(state, "%s", why->text[0] ? why->text : err_text(err));
}

static void
set_timeouts(struct device_limits *l, double s)
{
	uint32_t ms = (uint32_t)(s * 1000);
	l->enroll_ms = l->connect_ms = l->handshake_ms = l->leave_ms = ms ? ms : 1;
}

static void
set_wg_key(struct args *a, const char *arg, const struct argp_state *state)
{
	a->config.bridge_makes_wg_key = strcmp(arg, "bridge") == 0;
	if (!a->config.bridge_makes_wg_key && strcmp(arg, "device") != 0)
		argp_error(state, "--wg-key: '%s' is neither device nor bridge", arg);
}

static error_t
parse_common(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	struct sim_config *c = &a->config;
	struct why why = {0};
	switch (key) {
	case OPT_BRIDGE:
		check(state, sim_config_set_url(&c->bridge, "--bridge", arg, &why), &why);
		break;
	case OPT_STEP_CA:
		check(state, sim_config_set_url(&c->step_ca, "--step-ca", arg, &why), &why);
		break;
	case OPT_FINGERPRINT:
		check(state, sim_config_set_fingerprint(c, arg, &why), &why);
		break;
	case OPT_MQTT:
		check(state, sim_config_set_mqtt(c, arg, &why), &why);
		break;
	case OPT_DIR:
		free(c->flash_dir);
		c->flash_dir = strdup(arg);
		break;
	case OPT_DIALECT:
		if (dialect_parse(&c->dialect, arg))
			argp_error(state, "--dialect: '%s' is not runbook, cdm or native", arg);
		break;
	case OPT_WG_KEY:
		set_wg_key(a, arg, state);
		break;
	case OPT_ADMIN_TOKEN_FILE:
		check(state, secret_from_file(&c->admin_token, arg, &why), &why);
		break;
	case OPT_RETRIES:
		a->single.retries = a->fleet.retries =
			(uint32_t)get_number(state, arg, 1000, "retries");
		break;
	case OPT_TIMEOUT:
		set_timeouts(&c->limits, get_double(state, arg, "timeout"));
		break;
	case OPT_HOLD:
		a->single.hold_s = a->fleet.hold_s = get_double(state, arg, "hold");
		break;
	case OPT_LOG_LEVEL:
		if (log_level_parse(&a->log.level, arg))
			argp_error(state, "--log-level: '%s' is not a level", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp common_argp = {common_options, parse_common, 0, 0, 0, 0, 0};
static const struct argp_child children[] = {
	{&common_argp,	       0, "Stack and device:", 5},
	   {0}
};

static error_t
parse_single(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a;
		break;
	case OPT_ID:
		a->single.id = arg;
		break;
	case OPT_NO_WIREGUARD:
		a->no_wireguard = true;
		break;
	case OPT_NO_MQTT:
		a->no_mqtt = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t
parse_fleet(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	struct fleet_options *o = &a->fleet;
	struct why why = {0};
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a;
		break;
	case OPT_DEVICES:
		o->devices = get_number(state, arg, 100000000, "devices");
		break;
	case OPT_RATE:
		o->rate = get_double(state, arg, "rate");
		break;
	case OPT_ARRIVALS:
		if (arrival_shape_parse(&o->shape, arg))
			argp_error(state, "--arrivals: '%s' is not constant, poisson or ramp", arg);
		break;
	case OPT_RAMP:
		o->shape = ARRIVAL_RAMP;
		o->ramp_s = get_double(state, arg, "ramp");
		break;
	case OPT_WORKERS:
		o->workers = (unsigned)get_number(state, arg, FLEET_WORKERS_MAX, "workers");
		if (o->workers == 0)
			argp_error(state, "--workers: at least one");
		break;
	case OPT_PREFIX:
		o->prefix = arg;
		break;
	case OPT_PHASES:
		check(state, fleet_phases_parse(o, arg, &why), &why);
		break;
	case OPT_SEED:
		o->seed = get_number(state, arg, UINT64_MAX, "seed");
		a->has_seed = true;
		break;
	case OPT_IN_FLIGHT:
		o->in_flight = (unsigned)get_number(state, arg, 1000000, "in-flight");
		break;
	case OPT_SHARD:
		check(state, shard_parse(&o->shard, arg, &why), &why);
		break;
	case OPT_JSON:
		o->json = arg;
		break;
	case OPT_DUMP:
		a->dump = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int
usage(const char *text)
{
	fprintf(stderr, "simdevice: %s\n", text);
	return EXIT_USAGE;
}

// What a list of phases needs; NULL = all is there.
static const char *
missing(const struct sim_config *c, const enum dev_phase *phases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (phases[i] == PHASE_ENROLL && (!c->bridge || !c->fingerprint[0]))
			return "enrolling needs --bridge and --fingerprint";
		if (phases[i] == PHASE_CONNECT && !c->mqtt_host)
			return "the MQTT phase needs --mqtt mqtts://host:port (or leave the phase out)";
		if (phases[i] == PHASE_RENEW && !c->step_ca)
			return "the renew phase needs --step-ca";
		if (phases[i] == PHASE_RETIRE && (!c->bridge || !secret_is_set(&c->admin_token)))
			return "decommissioning needs --bridge and --admin-token-file";
	}
	return NULL;
}

static int
dump(void)
{
	struct why why = {0};
	BUF_AUTO struct buf text;
	buf_init(&text, 64 * 1024);
	if (lifecycle_check(&why) || lifecycle_dump(&text)) {
		fprintf(stderr, "simdevice: %s\n", why.text);
		return 1;
	}
	fwrite(text.data, 1, text.len, stdout);
	return 0;
}

static void
add_phases(struct single_options *o, const char *command, const struct args *a)
{
	bool all = strcmp(command, "run") == 0;
	if (all || strcmp(command, "enroll") == 0)
		o->phases[o->n_phases++] = PHASE_ENROLL;
	if ((all && !a->no_mqtt) || strcmp(command, "connect") == 0)
		o->phases[o->n_phases++] = PHASE_CONNECT;
	if ((all && !a->no_wireguard) || strcmp(command, "up") == 0) {
		o->phases[o->n_phases++] = PHASE_TUNNEL;
		o->phases[o->n_phases++] = PHASE_PING;
	}
}

static int
main_single(int argc, char **argv, struct args *a, const char *command)
{
	static const char doc[] =
		"One device, with its flash in a folder: simdevice run does what a real device's "
		"enroll script does, then connects, brings the tunnel up and pings through it. A folder "
		"that holds the file 'enrolled' is not enrolled again; delete that file to re-enroll with "
		"a new key pair."
		"\v"
		"Subcommands: run (all phases), enroll, connect, up (one phase).\n\n"
		"Example:\n  simdevice run --bridge https://127.0.0.1:8443 --fingerprint 3f1c... --id dev-1 \\\n"
		"      --dir ./dev-1 --mqtt mqtts://127.0.0.1:8883\n\n"
		"Exit codes: 0 done, 1 a phase failed (the message says which, why and what to check), 2 usage.";
	static const struct argp argp = {
		single_options_table, parse_single, "", doc, children, 0, 0};
	argp_parse(&argp, argc, argv, 0, NULL, a);
	add_phases(&a->single, command, a);
	const char *lack = missing(&a->config, a->single.phases, a->single.n_phases);
	struct why why = {0};
	if (!a->single.id || !a->config.flash_dir)
		lack = "--id and --dir are needed";
	if (lack)
		return usage(lack);
	if (device_id_check(a->single.id, &why))
		return usage(why.text);
	a->config.flash_is_dir = true;
	a->single.log = &a->log;
	a->single.complaints = stderr;
	return single_run(&a->config, &a->single);
}

static int
main_fleet(int argc, char **argv, struct args *a)
{
	static const char doc[] =
		"Thousands of devices. Arrivals are planned in advance (open model) and latencies are measured "
		"from the planned start, so a slow target shows. Flash is in memory unless --dir is given."
		"\v"
		"Example:\n  simdevice fleet --devices 5000 --rate 200 --workers 2 --bridge https://127.0.0.1:8443 \\\n"
		"      --fingerprint 3f1c... --mqtt mqtts://127.0.0.1:8883 --json out.json\n\n"
		"Exit codes: 0 every lifecycle succeeded, 1 some failed, 2 usage, 4 this generator was overloaded: "
		"more than 1 % of the starts were 100 ms late or more although the window of --in-flight was open, "
		"or its own loops were busy for more than 95 % of 100 ms slices that make more than a second and "
		"20 % of the run.";
	static const struct argp argp = {fleet_options_table, parse_fleet, "", doc, children, 0, 0};
	argp_parse(&argp, argc, argv, 0, NULL, a);
	if (a->dump)
		return dump();
	const char *lack = missing(&a->config, a->fleet.phases, a->fleet.n_phases);
	if (lack)
		return usage(lack);
	if (!a->has_seed)
		a->fleet.seed = rng_system_seed();
	a->config.share_trust = true;
	a->config.flash_sync = false;
	a->config.n_udp_sockets = 4;
	struct why why = {0};
	int code = fleet_run(&a->config, &a->fleet, &why);
	if (why.text[0])
		fprintf(stderr, "simdevice: %s\n", why.text);
	return code;
}

static int
main_control(const char *text)
{
	char *end = NULL;
	long fd = text ? strtol(text, &end, 10) : -1;
	if (!text || end == text || *end || fd < 0 || fd > 1 << 20)
		return usage("--control needs the number of an open socket");
	return control_run((int)fd);
}

static const char top_help[] =
	"Usage: simdevice run|enroll|connect|up --id ID --dir DIR [OPTION...]\n"
	"  or:  simdevice fleet --devices N --rate R [OPTION...]\n"
	"  or:  simdevice --control FD          commands as JSON lines over a socket\n"
	"  or:  simdevice --dump-lifecycle      the table of states and transitions as Markdown\n\n"
	"simdevice run --help and simdevice fleet --help tell the options.\n";

static int
dispatch(int argc, char **argv, struct args *a)
{
	static const char *const singles[] = {"run", "enroll", "connect", "up"};
	const char *command = argc > 1 ? argv[1] : "";
	static char name[64]; // what argp calls the program in its messages
	snprintf(name, sizeof(name), "simdevice %s", command);
	if (argc > 1)
		argv[1] = name;
	for (size_t i = 0; i < N_ELEMENTS(singles); i++)
		if (strcmp(command, singles[i]) == 0)
			return main_single(argc - 1, argv + 1, a, command);
	if (strcmp(command, "fleet") == 0)
		return main_fleet(argc - 1, argv + 1, a);
	if (strcmp(command, "--control") == 0)
		return main_control(argc > 2 ? argv[2] : NULL);
	if (strcmp(command, "--dump-lifecycle") == 0)
		return dump();
	if (strcmp(command, "--help") == 0) {
		fputs(top_help, stdout);
		return 0;
	}
	if (strcmp(command, "--version") == 0) {
		puts(argp_program_version);
		return 0;
	}
	if (command[0])
		fprintf(stderr, "simdevice: no such command '%s'\n", command);
	fputs(top_help, stderr);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct args a = {
		.log = log_new("simdevice", LOG_WARN),
		.single = {.retries = 3 },
		.fleet = { .devices = 100,
			   .rate = 10,
			   .workers = 1,
			   .prefix = "dev-",
			   .in_flight = 1000,
			   .retries = 3,
			   .shard = {.count = 1},
			   .phases = {PHASE_ENROLL, PHASE_CONNECT, PHASE_TUNNEL, PHASE_PING},
			   .n_phases = 4},
	};
	argp_err_exit_status = EXIT_USAGE;
	pki_use_fast_decoders();
	sim_config_init(&a.config);
	int code = dispatch(argc, argv, &a);
	sim_config_fini(&a.config);
	return code;
}

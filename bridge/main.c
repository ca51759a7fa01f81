// SPDX-License-Identifier: Apache-2.0
// iot-bridge: the IoT Bridge API service.
#include <argp.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/admin_cli.h"
#include "bridge/bridge.h"
#include "loop/daemon.h"
#include "pki/fast_decode.h"

const char *argp_program_version = "iot-bridge " PROVSIM_VERSION;

static const char doc[] =
	"IoT Bridge: enrolls devices at a tenant's step-ca, gives them a WireGuard tunnel, and makes them known to "
	"hawkBit and ThingsBoard.\v"
	"All settings come from environment variables; --help-config lists them. `iot-bridge admin --help` tells\n"
	"how to look at the devices of a running bridge.\n\n"
	"Example:\n"
	"  export STEP_CA_URL=https://tenant-step-ca:9000 STEP_CA_FINGERPRINT=abc123...\n"
	"  export STEP_CA_PROVISIONER_PASSWORD_FILE=/run/secrets/provisioner\n"
	"  export WG_SUBNET=10.8.0.0/24 WG_SERVER_ENDPOINT=vpn.example.com:51820\n"
	"  export WG_SERVER_PUBLIC_KEY=... WG_DATA_DIR=/wg-data\n"
	"  iot-bridge --check-config && iot-bridge\n\n"
	"Signals: TERM and INT stop it after the requests in flight; HUP reads allow list and TLS files anew.\n"
	"Exit: 0 stopped, 64 usage, 69 address in use, 70 internal, 71 a file or the database, 78 configuration.";

enum {
	OPTION_HELP_CONFIG = 1000,
	OPTION_CHECK_CONFIG,
	OPTION_LOG_LEVEL,
	PROBLEMS_MAX_BYTES = 64 * 1024,
};

static const struct argp_option options[] = {
	{"help-config",				  OPTION_HELP_CONFIG, NULL, 0, "Explain every environment variable and exit",
	 0},
	{"check-config",					  OPTION_CHECK_CONFIG, NULL, 0,
	 "Check the environment, print the values in force and exit", 0},
	{"log-level", OPTION_LOG_LEVEL, "LEVEL", 0, "debug, info (default), warn, error or off", 0},
	{0					     },
};

struct arguments {
	bool help_config;
	bool check_config;
	enum log_level level;
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	switch (key) {
	case OPTION_HELP_CONFIG:
		args->help_config = true;
		return 0;
	case OPTION_CHECK_CONFIG:
		args->check_config = true;
		return 0;
	case OPTION_LOG_LEVEL:
		if (log_level_parse(&args->level, arg) != ERR_OK)
			argp_error(state,
				   "--log-level: \"%s\" is not debug, info, warn, error or off",
				   arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state,
			   "unexpected argument \"%s\": settings are environment variables, see "
			   "--help-config",
			   arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct program {
	uv_loop_t loop;
	struct daemon daemon;
	struct bridge bridge;
	uv_timer_t close_timer;
	bool closing;
	int exit_code;
};

static int
exit_code_of(enum err err)
{
	switch (err) {
	case ERR_CONFLICT:
		return EX_UNAVAILABLE;
	case ERR_INPUT:
	case ERR_SYNTAX:
	case ERR_NOT_FOUND:
		return EX_CONFIG;
	case ERR_IO:
		return EX_OSERR;
	default:
		return EX_SOFTWARE;
	}
}

static void
on_close_timer(uv_timer_t *timer)
{
	struct program *p = CONTAINER_OF(timer, struct program, close_timer);
	bridge_close(&p->bridge);
	daemon_fini(&p->daemon);
	uv_close((uv_handle_t *)timer, NULL);
}

// On the next loop turn: the end may be called for from inside a callback of what is to be closed.
static void
close_all(void *ctx)
{
	struct program *p = ctx;
	if (p->closing)
		return;
	p->closing = true;
	uv_timer_start(&p->close_timer, on_close_timer, 0, 0);
}

static void
on_listening(void *owner)
{
	struct program *p = owner;
	char address[ADDR_TEXT_BYTES];
	char variable[ADDR_TEXT_BYTES + 16];
	bool tls = p->bridge.config.tls != CONFIG_TLS_OFF;
	struct addr addr = http_server_addr(p->bridge.server);
	addr_format(address, &addr);
	snprintf(variable, sizeof(variable), "%s=%s", tls ? "X_HTTPS" : "X_HTTP", address);
	log_info(&p->bridge.log, "bridge.listening", KV_STR("address", address),
		 KV_BOOL("tls", tls));
	notify_ready((const char *const[]){variable, NULL});
}

static void
on_fatal(enum err err, const struct why *why, void *owner)
{
	struct program *p = owner;
	log_error(&p->bridge.log, "bridge.fatal", KV_ERR(err), KV_STR("why", why->text));
	p->exit_code = exit_code_of(err);
	close_all(p);
}

static void
on_stop(void *ctx)
{
	struct program *p = ctx;
	if (p->closing)
		return;
	log_info(&p->bridge.log, "bridge.stopping");
	bridge_drain(&p->bridge, close_all, p);
}

static void
on_reload(void *ctx)
{
	struct program *p = ctx;
	bridge_reload(&p->bridge);
}

static int
run(struct program *p)
{
	struct why why = {0};
	if (uv_loop_init(&p->loop) != 0) {
		fprintf(stderr, "iot-bridge: cannot make an event loop\n");
		return EX_OSERR;
	}
	uv_timer_init(&p->loop, &p->close_timer);
	p->bridge.loop = &p->loop;
	p->bridge.owner = p;
	p->bridge.on_listening = on_listening;
	p->bridge.on_fatal = on_fatal;
	p->daemon = (struct daemon){.loop = &p->loop,
				    .log = &p->bridge.log,
				    .stop = on_stop,
				    .reload = on_reload,
				    .ctx = p};
	daemon_init(&p->daemon);
	enum err err = bridge_open(&p->bridge, &why);
	if (err != ERR_OK)
		on_fatal(err, &why, p);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	log_info(&p->bridge.log, "bridge.stopped");
	return uv_loop_close(&p->loop) == 0 ? p->exit_code : EX_SOFTWARE;
}

static int
load_config(struct config *config)
{
	BUF_AUTO struct buf problems;
	buf_init(&problems, PROBLEMS_MAX_BYTES);
	size_t n = config_load(config, (const char *const *)environ, &problems);
	if (n == 0)
		return 0;
	fprintf(stderr, "%siot-bridge: %zu problem%s in the configuration\n",
		problems.data ? (const char *)problems.data : "", n, n == 1 ? "" : "s");
	return EX_CONFIG;
}

int
main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, NULL, doc, NULL, NULL, NULL};
	static struct program program;
	struct arguments args = {.level = LOG_INFO};
	argp_err_exit_status = EX_USAGE;
	pki_use_fast_decoders();
	if (argc > 1 && strcmp(argv[1], "admin") == 0)
		return admin_main(argc - 1, argv + 1);
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	if (args.help_config) {
		config_print_help(stdout);
		return 0;
	}
	program.bridge.log = log_new("iot-bridge", args.level);
	int code = load_config(&program.bridge.config);
	if (code == 0 && args.check_config)
		config_print_values(stdout, &program.bridge.config);
	else if (code == 0) {
		daemon_protect_secrets();
		daemon_raise_fd_limit();
		code = run(&program);
	}
	config_fini(&program.bridge.config);
	return code;
}

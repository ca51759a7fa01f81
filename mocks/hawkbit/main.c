// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "common/mock_main.h"
#include "hawkbit/hawkbit.h"

const char *argp_program_version = "mock-hawkbit " PROVSIM_VERSION;

enum {
	OPT_LISTEN = 'l',
	OPT_CONTEXT_PATH = 'c',
	OPT_RELEASE = 'r',
};

struct args {
	struct mock_args common;
	struct addr listen;
	const char *context_path;
	const struct release *release;
	char user[256];
	struct secret password;
};

static const struct argp_option options[] = {
	{"listen",										 OPT_LISTEN, "ADDR:PORT", 0,
	 "Where the Management API listens; port 0: the kernel chooses (default: 127.0.0.1:8070)", 0},
	{"context-path",									     OPT_CONTEXT_PATH, "PATH", 0,
	 "Prefix of all paths, as server.servlet.context-path sets it (default: none)", 0},
	{"release", OPT_RELEASE, "X.Y", 0,
	 "Answer as this hawkBit release does: 0.6, 0.9, 0.10, 1.0 or 1.1 (default: 1.1)", 0},
	{0										       }
};

static const char doc[] =
	"A hawkBit update server for tests: the Management API's targets, metadata and attributes, "
	"with basic authentication and hawkBit's own error bodies. State is in memory."
	"\v"
	"Environment: HAWKBIT_USER (admin), HAWKBIT_PASSWORD or HAWKBIT_PASSWORD_FILE (admin).\n\n"
	"Examples:\n"
	"  mock-hawkbit --listen 127.0.0.1:8070 --admin 127.0.0.1:8071\n"
	"  curl -u admin:admin -H 'Content-Type: application/json' \\\n"
	"       -d '[{\"controllerId\":\"dev-1\"}]' http://127.0.0.1:8070/rest/v1/targets\n"
	"  curl -d '{\"on\":\"targets.create\",\"when\":{\"first\":2},\"do\":{\"status\":503}}' \\\n"
	"       http://127.0.0.1:8071/faults\n";

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	struct why why = {0};
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->common;
		return 0;
	case OPT_LISTEN:
		mock_args_parse_addr(&args->listen, arg, "--listen", state);
		return 0;
	case OPT_CONTEXT_PATH:
		args->context_path = arg;
		return 0;
	case OPT_RELEASE:
		if (release_parse(&args->release, arg, &why) != ERR_OK)
			argp_error(state, "--release %s: %s", arg, why.text);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum err
read_credentials(struct args *args, struct why *why)
{
	const char *user = getenv("HAWKBIT_USER");
	snprintf(args->user, sizeof(args->user), "%s", user && *user ? user : "admin");
	TRY(secret_from_env(&args->password, "HAWKBIT_PASSWORD", why));
	if (!secret_is_set(&args->password))
		return secret_set(&args->password, BYTES_STR("admin"));
	return ERR_OK;
}

static enum err
start(struct mock *m, struct why *why)
{
	struct args *args = m->input;
	struct hawkbit *h = NULL;
	TRY(read_credentials(args, why));
	const struct hawkbit_options o = {.addr = args->listen,
					  .user = args->user,
					  .password = &args->password,
					  .context_path = args->context_path,
					  .release = args->release,
					  .log = &m->log,
					  .faults = m->faults,
					  .journal = m->journal};
	TRY(hawkbit_new(&h, m->loop, &o, why));
	m->ctx = h;
	mock_announce_addr(m, "X_HTTP", hawkbit_addr(h));
	return ERR_OK;
}

static void
stop(struct mock *m)
{
	if (m->ctx)
		hawkbit_stop(m->ctx);
}

static void
fini(struct mock *m)
{
	struct args *args = m->input;
	hawkbit_free(m->ctx);
	secret_fini(&args->password);
}

static const struct mock_program program = {
	.name = "mock-hawkbit",
	.vocabulary = &hawkbit_vocabulary,
	.start = start,
	.stop = stop,
	.fini = fini,
	.state = hawkbit_state,
	.reset = hawkbit_reset,
};

int
main(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&mock_argp,	     0, "Common options:", 0},
		       {0}
	  };
	static const struct argp argp = {options, parse, NULL, doc, children, NULL, NULL};
	struct args args = {.context_path = "", .release = release_latest()};
	if (addr_parse(&args.listen, "127.0.0.1:8070", NULL) != ERR_OK)
		return EX_SOFTWARE;
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	return mock_run(&program, &args.common, &args);
}

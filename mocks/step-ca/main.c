// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "common/mock_main.h"
#include "step-ca/authority.h"
#include "pki/fast_decode.h"

const char *argp_program_version = "mock-step-ca " PROVSIM_VERSION;

enum {
	OPT_LISTEN = 'l',
	OPT_DNS_NAME = 'd',
	OPT_PROVISIONER = 'p',
	OPT_STATE = 's',
	OPT_NO_DB = 0x100,
	NAMES_MAX = 64,
};

struct names {
	const char *at[NAMES_MAX];
	size_t n;
};

struct args {
	struct mock_args common;
	struct addr listen;
	struct names dns_names;
	struct names provisioners;
	const char *state_dir;
	bool no_db;
	struct secret password;
};

static const struct argp_option options[] = {
	{"listen",								     OPT_LISTEN, "ADDR:PORT", 0,
	 "Where the CA listens; port 0: the kernel chooses (default: 127.0.0.1:9000)", 0},
	{"dns-name",								 OPT_DNS_NAME, "NAME", 0,
	 "Name or IP address of the CA, in its certificate and in token audiences; repeatable (default: localhost and 127.0.0.1)",
	 0},
	{"provisioner", OPT_PROVISIONER, "NAME", 0,
	 "Name of a JWK provisioner; repeatable (default: iot-bridge)", 0},
	{"state",									    OPT_STATE, "DIR", 0,
	 "Keep CA, provisioners, used tokens and revocations there, so that they survive a restart (default: in memory)",
	 0},
	{"no-db",OPT_NO_DB, NULL, 0,
	 "Behave as a step-ca without a database: used tokens are forgotten at a restart, revocation answers 501",
	 0},
	{0									  }
};

static const char doc[] =
	"A step-ca 0.19 for tests: root, intermediate and tenant Sub-CA, JWK provisioners, one-time "
	"tokens, sign, renew, rekey and revoke over TLS, with step-ca's own answers."
	"\v"
	"Environment: STEP_CA_PROVISIONER_PASSWORD or STEP_CA_PROVISIONER_PASSWORD_FILE, the password of "
	"the provisioners' keys (required).\n\n"
	"Examples:\n"
	"  STEP_CA_PROVISIONER_PASSWORD=secret mock-step-ca --admin 127.0.0.1:9001\n"
	"  STEP_CA_PROVISIONER_PASSWORD_FILE=pw mock-step-ca --listen 127.0.0.1:0 --state ./ca\n"
	"  curl -k https://127.0.0.1:9000/roots\n"
	"  curl -d '{\"on\":\"sign\",\"when\":{\"first\":1},\"do\":{\"semantic\":\"wrong-key\"}}' \\\n"
	"       http://127.0.0.1:9001/faults\n";

static void
add_name(struct names *names, const char *name, const char *option, struct argp_state *state)
{
	if (names->n == NAMES_MAX)
		argp_error(state, "%s: at most %d", option, NAMES_MAX);
	else if (!*name || strlen(name) > 200)
		argp_error(state, "%s \"%s\": must have 1 to 200 characters", option, name);
	else
		names->at[names->n++] = name;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->common;
		return 0;
	case OPT_LISTEN:
		mock_args_parse_addr(&args->listen, arg, "--listen", state);
		return 0;
	case OPT_DNS_NAME:
		add_name(&args->dns_names, arg, "--dns-name", state);
		return 0;
	case OPT_PROVISIONER:
		add_name(&args->provisioners, arg, "--provisioner", state);
		return 0;
	case OPT_STATE:
		args->state_dir = arg;
		return 0;
	case OPT_NO_DB:
		args->no_db = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void
use_defaults(struct args *args)
{
	if (args->dns_names.n == 0)
		args->dns_names = (struct names){
			{"localhost", "127.0.0.1"},
			    2
		     };
	if (args->provisioners.n == 0)
		args->provisioners = (struct names){{"iot-bridge"}, 1};
}

static enum err
start(struct mock *m, struct why *why)
{
	struct args *args = m->input;
	struct authority *a = NULL;
	TRY(secret_from_env(&args->password, "STEP_CA_PROVISIONER_PASSWORD", why));
	if (!secret_is_set(&args->password))
		return why_set(why, ERR_INPUT,
			       "set STEP_CA_PROVISIONER_PASSWORD or "
			       "STEP_CA_PROVISIONER_PASSWORD_FILE: it protects the provisioner's "
			       "key");
	const struct authority_options o = {.addr = args->listen,
					    .dns_names = args->dns_names.at,
					    .n_dns_names = args->dns_names.n,
					    .provisioners = args->provisioners.at,
					    .n_provisioners = args->provisioners.n,
					    .password = &args->password,
					    .state_dir = args->state_dir,
					    .no_db = args->no_db,
					    .log = &m->log,
					    .faults = m->faults,
					    .journal = m->journal};
	TRY(authority_new(&a, m->loop, &o, why));
	m->ctx = a;
	mock_announce_addr(m, "X_HTTPS", authority_addr(a));
	mock_announce(m, "X_FINGERPRINT", authority_root_fingerprint(a));
	mock_announce(m, "X_SUBCA_FINGERPRINT", authority_sub_fingerprint(a));
	return ERR_OK;
}

static void
stop(struct mock *m)
{
	if (m->ctx)
		authority_stop(m->ctx);
}

static void
fini(struct mock *m)
{
	struct args *args = m->input;
	authority_free(m->ctx);
	secret_fini(&args->password);
}

static const struct mock_program program = {
	.name = "mock-step-ca",
	.vocabulary = &authority_vocabulary,
	.start = start,
	.stop = stop,
	.fini = fini,
	.state = authority_state,
	.reset = authority_reset,
};

int
main(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&mock_argp,	     0, "Common options:", 0},
		       {0}
	  };
	static const struct argp argp = {options, parse, NULL, doc, children, NULL, NULL};
	struct args args = {0};
	if (addr_parse(&args.listen, "127.0.0.1:9000", NULL) != ERR_OK)
		return EX_SOFTWARE;
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	pki_use_fast_decoders();
	use_defaults(&args);
	return mock_run(&program, &args.common, &args);
}

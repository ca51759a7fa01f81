// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/rng.h"
#include "common/mock_main.h"

enum {
	OPT_ADMIN = 0x1000,
	OPT_SEED,
	OPT_LOG_LEVEL,
};

static const struct argp_option options[] = {
	{"admin",											 OPT_ADMIN, "ADDR:PORT", 0,
	 "Serve the admin API there: GET /state, GET /journal, POST /faults, POST /reset (default: off)",
	 0},
	{"seed",										    OPT_SEED, "N", 0,
	 "Seed of everything random, so that a run can be repeated (default: a new one)", 0},
	{"log-level", OPT_LOG_LEVEL, "LEVEL", 0,
	 "debug, info, warn, error or off; requests are logged at debug (default: info)", 0},
	{0											      }
};

void
mock_args_parse_addr(struct addr *out, const char *text, const char *option,
		     struct argp_state *state)
{
	struct why why = {0};
	if (addr_parse(out, text, &why) != ERR_OK)
		argp_error(state, "%s %s: %s", option, text, why.text);
}

uint64_t
mock_args_parse_number(const char *text, const char *option, uint64_t max, struct argp_state *state)
{
	errno = 0;
	size_t digits = strspn(text, "0123456789");
	unsigned long long n = strtoull(text, NULL, 10);
	if (digits == 0 || text[digits] || errno || n > max)
		argp_error(state, "%s %s: must be a number from 0 to %llu", option, text,
			   (unsigned long long)max);
	return n;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct mock_args *args = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		*args = (struct mock_args){.seed = rng_system_seed(), .log_level = LOG_INFO};
		return 0;
	case OPT_ADMIN:
		mock_args_parse_addr(&args->admin, arg, "--admin", state);
		args->admin_on = true;
		return 0;
	case OPT_SEED:
		args->seed = mock_args_parse_number(arg, "--seed", UINT64_MAX, state);
		return 0;
	case OPT_LOG_LEVEL:
		if (log_level_parse(&args->log_level, arg) != ERR_OK)
			argp_error(state, "--log-level %s: must be debug, info, warn, error or off",
				   arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp mock_argp = {.options = options, .parser = parse};

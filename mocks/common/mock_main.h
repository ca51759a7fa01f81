// SPDX-License-Identifier: Apache-2.0
// What the mains of the mocks share: the common options and the life of the daemon (loop, signals,
// fault plan, journal, admin server, readiness).
//
//   static const struct mock_program program = {.name = "mock-x", .vocabulary = &vocabulary, .start
//   = start, ...}; int main(int argc, char **argv) { struct args a = {...}; argp_parse(...); return
//   mock_run(&program, &a.common, &a); }
#pragma once

#include <argp.h>

#include "common/admin.h"
#include "loop/daemon.h"

// --admin ADDR:PORT, --seed N, --log-level LEVEL
struct mock_args {
	struct addr admin;
	bool admin_on;
	uint64_t seed; // of the system when --seed was not given
	enum log_level log_level;
};

// argp child: {&mock_argp, 0, "Common options:", 0} among the parent's children; at ARGP_KEY_INIT
// the parent sets state->child_inputs[i] = &its_args.common.
extern const struct argp mock_argp;
// For an option that takes ADDR:PORT: parses or ends the program with usage (EX_USAGE) and the
// reason.
void mock_args_parse_addr(struct addr *out, const char *text, const char *option,
			  struct argp_state *state);
// The same for a decimal number up to max.
uint64_t mock_args_parse_number(const char *text, const char *option, uint64_t max,
				struct argp_state *state);

// A running mock, as its callbacks see it.
struct mock {
	uv_loop_t *loop;
	struct log log;
	const struct mock_args *args;
	struct fault_plan *faults;
	struct journal *journal;
	void *input; // what mock_run was given: the program's own arguments
	void *ctx;   // for the program: set by start, handed to state, reset and extra routes
	struct mock_private *priv;
};

struct mock_program {
	const char *name;
	const struct fault_vocabulary *vocabulary;
	// Starts the servers and names their addresses by mock_announce(). On error mock_run ends
	// the program: ERR_INPUT and ERR_SYNTAX with 78, ERR_CONFLICT with 69, ERR_IO with 71,
	// others with 70. stop is called in that case too.
	enum err (*start)(struct mock *m, struct why *why);
	// Ends the servers: every handle is closed on the next loop turns. Called once.
	void (*stop)(struct mock *m);
	// Frees memory after the loop has ended. May be NULL.
	void (*fini)(struct mock *m);
	json_t *(*state)(void *ctx, const char *device);
	void (*reset)(void *ctx);
	const struct http_route *admin_extra;
	size_t n_admin_extra;
};

// Adds a variable to the readiness message, e.g. ("X_HTTP", "127.0.0.1:4123").
void mock_announce(struct mock *m, const char *name, const char *value);
void mock_announce_addr(struct mock *m, const char *name, struct addr addr);
// Runs until SIGTERM or SIGINT; returns the exit code.
int mock_run(const struct mock_program *program, const struct mock_args *args, void *input);

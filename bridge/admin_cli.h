// SPDX-License-Identifier: Apache-2.0
// `iot-bridge admin list | show ID | decommission ID`: an operator's hand on a running bridge.
#pragma once

#include <stdio.h>

#include "bridge/admin_client.h"

// How it ends, beside sysexits' EX_USAGE and EX_CONFIG.
enum admin_exit {
	ADMIN_OK = 0,
	ADMIN_FAILED = 1,	// the bridge answered something else
	ADMIN_NOT_FOUND = 66,	// EX_NOINPUT: no such device, or the admin API is off
	ADMIN_UNREACHABLE = 69, // EX_UNAVAILABLE
	ADMIN_LATER = 75,	// EX_TEMPFAIL: busy, or steps of a decommission wait for a retry
	ADMIN_REFUSED = 77,	// EX_NOPERM: the token
};

struct admin_options {
	struct admin_client_options client;
	const char *command;
	const char *id;	   // NULL = none given
	const char *state; // list: only these; NULL = all
	bool force;	   // decommission: give up on systems that stay unreachable
	bool json;
	FILE *out;
	FILE *err;
};

// Runs the command that the options name; the exit code.
int admin_run(const struct admin_options *o);
// The same from a command line behind "iot-bridge": argv[0] is "admin". Reads BRIDGE_URL and
// BRIDGE_ADMIN_TOKEN (or _FILE).
int admin_main(int argc, char **argv);

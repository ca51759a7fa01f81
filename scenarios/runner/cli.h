// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each parses its own arguments (argp) and returns the exit code of the program.
#pragma once

#include <stdio.h>

#include "base/err.h"

// What main gives to them.
struct cli {
	FILE *out;
	FILE *err;
	bool colour;
};

enum exit_code {
	EXIT_PASSED = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_BAD_FILE = 3,
	EXIT_INCONCLUSIVE = 4,
	EXIT_BROKEN = 5,
	EXIT_ALL_SKIPPED = 77,
	EXIT_INTERRUPTED = 130,
};

int cmd_run(const struct cli *cli, int argc, char **argv);
int cmd_up(const struct cli *cli, int argc, char **argv);
int cmd_lint(const struct cli *cli, int argc, char **argv);
int cmd_list(const struct cli *cli, int argc, char **argv);
int cmd_explain(const struct cli *cli, int argc, char **argv);
int cmd_schema(const struct cli *cli, int argc, char **argv);

// The folder where the sibling programs are: PROVSIM_BIN_DIR, or our own executable's. Heap.
char *cli_bin_dir(void);

// SPDX-License-Identifier: Apache-2.0
#include <argp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runner/cli.h"
#include "runner/mem.h"

const char *argp_program_version = "provsim " PROVSIM_VERSION;

struct command {
	const char *name;
	int (*run)(const struct cli *cli, int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{"run",	cmd_run,	 "play scenario files and check what comes out"	       },
	{"up",      cmd_up,      "start the whole stack and keep it up to work with by hand"},
	{"lint",	 cmd_lint,	   "check scenario files without running them"		      },
	{"list",	 cmd_list,	   "print the scenarios that run would play"		    },
	{"explain", cmd_explain, "say what a key of the scenario language means"		},
	{"schema",  cmd_schema,  "print the JSON Schema for editors"			  },
};

static const char exit_codes[] =
	"Exit codes: 0 passed, 1 failed, 2 wrong usage, 3 bad scenario file, 4 inconclusive (a fault never fired,\n"
	"the load generator was overloaded), 5 the bench itself broke, 77 everything was skipped, 130 interrupted.\n";

static int
print_usage(FILE *out, int code)
{
	fprintf(out, "Usage: provsim COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < N_ELEMENTS(commands); i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
	fprintf(out,
		"\n`provsim COMMAND --help` says more. To begin:\n"
		"  provsim run scenarios/\n"
		"  provsim up\n\n%s",
		exit_codes);
	return code;
}

char *
cli_bin_dir(void)
{
	char path[PATH_MAX];
	const char *given = getenv("PROVSIM_BIN_DIR");
	if (given && *given)
		return mem_dup(given);
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return mem_dup(slash ? path : ".");
}

int
main(int argc, char **argv)
{
	const struct cli cli = {
		.out = stdout,
		.err = stderr,
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	argp_err_exit_status = EXIT_USAGE;
	if (argc < 2)
		return print_usage(stderr, EXIT_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return print_usage(stdout, EXIT_PASSED);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("%s\n", argp_program_version);
		return EXIT_PASSED;
	}
	for (size_t i = 0; i < N_ELEMENTS(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		// argp names the program by argv[0] in its messages.
		char name[64];
		snprintf(name, sizeof(name), "provsim %s", commands[i].name);
		argv[1] = name;
		return commands[i].run(&cli, argc - 1, argv + 1);
	}
	fprintf(stderr, "provsim: there is no command '%s'\n\n", argv[1]);
	return print_usage(stderr, EXIT_USAGE);
}

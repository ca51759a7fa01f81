// SPDX-License-Identifier: Apache-2.0
// lint, list, explain, schema: what can be said without starting anything.
#include <argp.h>
#include <string.h>

#include "runner/cli.h"
#include "runner/plan.h"
#include "runner/schema.h"

enum {
	TEXT_MAX_BYTES = 16 << 20,
};

struct paths {
	const char *const *items;
	size_t n;
	const char *tag;
};

static error_t
parse_paths(int key, char *arg, struct argp_state *state)
{
	struct paths *paths = state->input;
	switch (key) {
	case 't':
		paths->tag = arg;
		return 0;
	case ARGP_KEY_ARGS:
		paths->items = (const char *const *)state->argv + state->next;
		paths->n = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which files? e.g. scenarios/");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option tag_option[] = {
	{"tag",	't', "EXPR", 0, "Only scenarios with these tags, e.g. 'smoke and not load'", 0},
	{0}
};

static void
print_diags(const struct cli *cli, struct diags *diags)
{
	BUF_AUTO struct buf text;
	buf_init(&text, TEXT_MAX_BYTES);
	if (diags_print(&text, diags, cli->colour) == ERR_OK && text.len)
		fwrite(text.data, 1, text.len, cli->err);
}

static int
load(const struct cli *cli, struct plan *plan, struct paths *paths)
{
	DIAGS_AUTO struct diags diags = {0};
	struct why why = {0};
	enum err err = plan_load(plan, paths->items, paths->n, paths->tag, &diags, &why);
	print_diags(cli, &diags);
	if (err != ERR_OK)
		fprintf(cli->err, "provsim: %s\n", why.text);
	if (err == ERR_SYNTAX || err == ERR_NOT_FOUND)
		return EXIT_USAGE;
	return err != ERR_OK || diags.n ? EXIT_BAD_FILE : EXIT_PASSED;
}

int
cmd_lint(const struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		NULL,
		parse_paths,
		"FILE|FOLDER...",
		"Checks scenario files: unknown keys, wrong values, variables without a source. All errors are told, "
		"each with file, line and column.\vExit codes: 0 all well, 2 wrong usage, 3 something is wrong.",
		NULL,
		NULL,
		NULL};
	struct paths paths = {0};
	struct plan plan = {0};
	argp_parse(&argp, argc, argv, 0, NULL, &paths);
	int code = load(cli, &plan, &paths);
	if (code == EXIT_PASSED)
		fprintf(cli->out, "%zu file%s, %zu scenario%s: all well\n", plan.n_scenarios,
			plan.n_scenarios == 1 ? "" : "s", plan.n_instances,
			plan.n_instances == 1 ? "" : "s");
	plan_fini(&plan);
	return code;
}

int
cmd_list(const struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		tag_option,
		parse_paths,
		"FILE|FOLDER...",
		"Prints file and name of every scenario, matrices expanded.",
		NULL,
		NULL,
		NULL};
	struct paths paths = {0};
	struct plan plan = {0};
	argp_parse(&argp, argc, argv, 0, NULL, &paths);
	int code = load(cli, &plan, &paths);
	for (size_t i = 0; i < plan.n_instances; i++)
		fprintf(cli->out, "%s: %s\n", plan.instances[i]->scenario->path,
			plan.instances[i]->name);
	plan_fini(&plan);
	return code;
}

static error_t
parse_word(int key, char *arg, struct argp_state *state)
{
	const char **word = state->input;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (*word)
		argp_error(state, "one key at a time");
	*word = arg;
	return 0;
}

int
cmd_explain(const struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		NULL,
		parse_word,
		"[KEY]",
		"Says what a key of the scenario language means, e.g. provsim explain enroll. Without KEY: all keys.",
		NULL,
		NULL,
		NULL};
	const char *word = NULL;
	BUF_AUTO struct buf text;
	argp_parse(&argp, argc, argv, 0, NULL, &word);
	buf_init(&text, TEXT_MAX_BYTES);
	enum err err = word ? schema_explain(&text, word) : schema_explain_all(&text);
	if (err != ERR_OK) {
		fprintf(cli->err,
			"provsim: there is no key '%s'; `provsim explain` lists them all\n", word);
		return EXIT_USAGE;
	}
	fwrite(text.data, 1, text.len, cli->out);
	return EXIT_PASSED;
}

int
cmd_schema(const struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		NULL,
		NULL,
		"",
		"Prints the JSON Schema (draft-07) of scenario files. An editor with a YAML "
		"language server then completes and checks keys.",
		NULL,
		NULL,
		NULL};
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	json_t *schema = schema_to_json();
	json_dumpf(schema, cli->out, JSON_INDENT(2));
	fprintf(cli->out, "\n");
	json_decref(schema);
	return EXIT_PASSED;
}

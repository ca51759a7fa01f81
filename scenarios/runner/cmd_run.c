// SPDX-License-Identifier: Apache-2.0
#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "runner/cli.h"
#include "runner/mem.h"
#include "runner/report.h"
#include "runner/schema.h"
#include "runner/tree.h"

enum {
	OPT_AGAINST = 256,
	OPT_ONLY,
	OPT_JUNIT,
	OPT_KEEP,
	OPT_CHILD_LOG,
	OPT_FAIL_FAST,
	TEXT_MAX_BYTES = 64 << 20,
};

enum keep {
	KEEP_ALL,
	KEEP_FAILED,
	KEEP_NONE,
};

struct options {
	const char *const *paths;
	size_t n_paths;
	const char *tag;
	const char *only;
	const char *out;
	const char *junit;
	const char *child_log_level;
	enum keep keep;
	bool has_seed;
	bool quiet;
	bool fail_fast;
	uint64_t seed;
	struct words given; // facts
};

// clang-format off
static const struct argp_option argp_options[] = {
	{"tag",             't',           "EXPR",            0, "Only scenarios with these tags, e.g. 'smoke and not load'", 1},
	{"only",            OPT_ONLY,      "TEXT",            0, "Only scenarios whose name holds TEXT, e.g. 'csr=not-pem'", 1},
	{"seed",            's',           "N",               0, "Seed of all dice (default: the scenario's, or a new one, printed)", 1},
	{"against",         OPT_AGAINST,   "FILE",            0, "Use the systems that FILE names (NAME=value lines as `up --out` writes them); what it does not name is started", 2},
	{"out",             'o',           "DIR",             0, "Run folder (default: runs/<time>)", 3},
	{"junit",           OPT_JUNIT,     "FILE",            0, "Write JUnit XML there, too", 3},
	{"keep",            OPT_KEEP,      "all|failed|none", 0, "Which scenarios' files stay in the run folder (default: all)", 3},
	{"quiet",           'q',           NULL,              0, "Only what did not go well", 3},
	{"fail-fast",       OPT_FAIL_FAST, NULL,              0, "Stop after the first scenario that did not pass", 1},
	{"child-log-level", OPT_CHILD_LOG, "LEVEL",           0, "Log level of the started programs: debug, info, warn, error (default: info)", 3},
	{0},
};
// clang-format on

static void
set_keep(struct options *o, const char *arg, const struct argp_state *state)
{
	static const char *const words[] = {"all", "failed", "none"};
	for (size_t i = 0; i < N_ELEMENTS(words); i++) {
		if (strcmp(words[i], arg) != 0)
			continue;
		o->keep = (enum keep)i;
		return;
	}
	argp_error(state, "--keep: '%s' is not all, failed or none", arg);
}

static void
set_seed(struct options *o, const char *arg, const struct argp_state *state)
{
	char *end = NULL;
	o->seed = strtoull(arg, &end, 10);
	o->has_seed = true;
	if (*arg < '0' || *arg > '9' || *end)
		argp_error(state, "--seed: '%s' is not a whole number", arg);
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct why why = {0};
	enum log_level level;
	switch (key) {
	case 't':
		o->tag = arg;
		return 0;
	case OPT_ONLY:
		o->only = arg;
		return 0;
	case 's':
		set_seed(o, arg, state);
		return 0;
	case OPT_AGAINST:
		if (facts_read(&o->given, arg, &why) != ERR_OK)
			argp_error(state, "--against: %s", why.text);
		return 0;
	case 'o':
		o->out = arg;
		return 0;
	case OPT_JUNIT:
		o->junit = arg;
		return 0;
	case OPT_KEEP:
		set_keep(o, arg, state);
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case OPT_FAIL_FAST:
		o->fail_fast = true;
		return 0;
	case OPT_CHILD_LOG:
		if (log_level_parse(&level, arg) != ERR_OK)
			argp_error(state,
				   "--child-log-level: '%s' is not debug, info, warn or error",
				   arg);
		o->child_log_level = arg;
		return 0;
	case ARGP_KEY_ARGS:
		o->paths = (const char *const *)state->argv + state->next;
		o->n_paths = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which scenarios? e.g. scenarios/");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char doc[] =
	"Plays scenarios: starts bridge and mocks for each one, drives simulated devices through its steps, checks what "
	"came out and the invariants, stops everything."
	"\v"
	"Folders are walked for *.yaml, except for must_fail/ and stacks/.\n\n"
	"Examples:\n"
	"  provsim run scenarios/\n"
	"  provsim run scenarios/troubleshooting --tag 'not slow' --junit junit.xml\n"
	"  provsim run scenarios/lifecycle.yaml --seed 42 --child-log-level debug\n"
	"  provsim run scenarios/lifecycle.yaml --against real-step-ca.env\n\n"
	"Exit codes: 0 passed, 1 failed, 2 wrong usage, 3 bad scenario file, 4 inconclusive, 5 the bench broke, 77 all "
	"skipped, 130 interrupted.";

struct session {
	const struct cli *cli;
	const struct options *options;
	struct bench bench;
	struct plan plan;
	struct results results;
	struct report_text text;
	char *bin_dir;
	char *dir;
	struct rng seeds;
};

static int
load_plan(struct session *s)
{
	const struct options *o = s->options;
	DIAGS_AUTO struct diags diags = {0};
	BUF_AUTO struct buf text;
	struct why why = {0};
	buf_init(&text, TEXT_MAX_BYTES);
	enum err err = plan_load(&s->plan, o->paths, o->n_paths, o->tag, &diags, &why);
	if (diags_print(&text, &diags, s->cli->colour) == ERR_OK && text.len)
		fwrite(text.data, 1, text.len, s->cli->err);
	if (err != ERR_OK)
		fprintf(s->cli->err, "provsim: %s\n", why.text);
	if (err == ERR_SYNTAX || err == ERR_NOT_FOUND)
		return EXIT_USAGE;
	if (err != ERR_OK || diags.n) {
		fprintf(s->cli->err, "provsim: nothing was run\n");
		return EXIT_BAD_FILE;
	}
	return EXIT_PASSED;
}

static bool
is_wanted(const struct session *s, const struct instance *instance)
{
	return !s->options->only || strstr(instance->name, s->options->only);
}

static size_t
count_wanted(const struct session *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->plan.n_instances; i++)
		n += is_wanted(s, s->plan.instances[i]);
	return n;
}

// "runs/20261123-213420", with a number behind it when that is taken.
static enum err
make_run_folder(struct session *s, struct why *why)
{
	char stamp[CLOCK_RFC3339_BYTES], digits[CLOCK_RFC3339_BYTES];
	size_t n = 0;
	if (s->options->out) {
		s->dir = mem_dup(s->options->out);
		return tree_claim(s->dir, why);
	}
	clock_format_rfc3339(stamp, clock_wall_ns(), 0);
	for (const char *p = stamp; *p; p++)
		if (strchr("0123456789T", *p))
			digits[n++] = *p == 'T' ? '-' : *p;
	digits[n] = '\0';
	TRY(file_make_dirs("runs", 0755, why));
	s->dir = mem_printf("runs/%s", digits);
	for (int i = 2; mkdir(s->dir, 0755) < 0; i++) {
		if (i > 1000)
			return why_set(why, ERR_IO, "%s: cannot make the run folder", s->dir);
		free(s->dir);
		s->dir = mem_printf("runs/%s-%d", digits, i);
	}
	return tree_claim(s->dir, why);
}

static uint64_t
seed_for(struct session *s, const struct instance *instance)
{
	// Drawn for every instance, so that those behind one with its own seed do not shift.
	uint64_t drawn = rng_u64(&s->seeds) >> 11;
	if (s->options->has_seed)
		return s->options->seed;
	if (node_get(instance->root, "seed"))
		return (uint64_t)schema_get_int(instance->root, "scenario", "seed");
	return drawn;
}

static void
write_rerun(const struct session *s, const struct run *run, const char *dir)
{
	AUTO(free) char *path = mem_printf("%s/rerun", dir);
	AUTO(free)
	char *text = mem_printf("provsim run '%s' --only '%s' --seed %llu\n",
				run->instance->scenario->path, run->instance->name,
				(unsigned long long)run->seed);
	struct why why = {0};
	if (file_replace_nosync(path, BYTES_STR(text), 0644, &why) != ERR_OK)
		fprintf(s->cli->err, "provsim: %s\n", why.text);
}

static void
on_step(void *ctx, const struct step_record *record)
{
	const struct session *s = ctx;
	report_text_step(&s->text, record);
}

static void
play(struct session *s, const struct instance *instance, size_t number, size_t total)
{
	AUTO(free) char *dir = mem_printf("%s/%s", s->dir, instance->slug);
	struct run run;
	const struct run_listener listener = {on_step, s};
	const struct run_options o = {
		.bench = &s->bench,
		.instance = instance,
		.bin_dir = s->bin_dir,
		.dir = dir,
		.seed = seed_for(s, instance),
		.child_log_level = s->options->child_log_level,
		.given = &s->options->given,
		.listener = &listener,
	};
	tree_remove(dir); // of an earlier run in the same folder
	report_text_begin(&s->text, instance, number, total, o.seed);
	run_play(&run, &o);
	write_rerun(s, &run, dir);
	results_add(&s->results, &run);
	report_text_end(&s->text, &s->results.items[s->results.n - 1]);
	bool keep = s->options->keep == KEEP_ALL ||
		    (s->options->keep == KEEP_FAILED && run.verdict != VERDICT_PASSED);
	run_fini(&run);
	if (!keep)
		tree_remove(dir);
}

static void
play_all(struct session *s)
{
	size_t total = count_wanted(s), number = 0;
	for (size_t i = 0; i < s->plan.n_instances; i++) {
		const struct instance *instance = s->plan.instances[i];
		const struct result *last = number ? &s->results.items[s->results.n - 1] : NULL;
		if (!is_wanted(s, instance))
			continue;
		bool stop = s->bench.interrupts ||
			    (s->options->fail_fast && last && last->verdict != VERDICT_PASSED);
		number++;
		if (stop)
			results_add_unplayed(&s->results, instance, VERDICT_SKIPPED,
					     s->bench.interrupts
						     ? "the run was interrupted before"
						     : "an earlier scenario did not pass");
		else
			play(s, instance, number, total);
	}
}

static void
write_junit(const struct session *s)
{
	BUF_AUTO struct buf text;
	struct why why = {0};
	AUTO(free) char *path = mem_printf("%s/junit.xml", s->dir);
	buf_init(&text, TEXT_MAX_BYTES);
	enum err err = report_junit(&text, &s->results, s->dir);
	if (err == ERR_OK)
		err = file_replace_nosync(path, buf_bytes(&text), 0644, &why);
	if (err == ERR_OK && s->options->junit)
		err = file_replace_nosync(s->options->junit, buf_bytes(&text), 0644, &why);
	if (err != ERR_OK)
		fprintf(s->cli->err, "provsim: JUnit report: %s\n",
			why.text[0] ? why.text : err_text(err));
}

static int
play_plan(struct session *s)
{
	struct why why = {0};
	uint64_t seed = s->options->has_seed ? s->options->seed : rng_system_seed();
	rng_init(&s->seeds, seed, 0);
	if (count_wanted(s) == 0) {
		fprintf(s->cli->err, "provsim: no scenario is left after --tag and --only\n");
		return EXIT_ALL_SKIPPED;
	}
	enum err err = make_run_folder(s, &why);
	if (err == ERR_OK)
		err = bench_init(&s->bench, &why);
	if (err != ERR_OK) {
		fprintf(s->cli->err, "provsim: %s\n", why.text);
		return err == ERR_CONFLICT ? EXIT_USAGE : EXIT_BROKEN;
	}
	child_adopt_orphans();
	play_all(s);
	bench_fini(&s->bench);
	write_junit(s);
	if (s->results.count[VERDICT_INTERRUPTED])
		fprintf(s->cli->err,
			"provsim: interrupted; everything that was started is stopped\n");
	fprintf(s->cli->out, "files: %s\n", s->dir);
	report_text_summary(&s->text, &s->results);
	return results_exit_code(&s->results);
}

int
cmd_run(const struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {argp_options, parse, "FILE|FOLDER...", doc, NULL,
					 NULL,	       NULL};
	struct options options = {.child_log_level = "info"};
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	struct session s = {
		.cli = cli,
		.options = &options,
		.text = {.out = cli->out, .colour = cli->colour, .quiet = options.quiet},
		.bin_dir = cli_bin_dir(),
	};
	int code = load_plan(&s);
	if (code == EXIT_PASSED)
		code = play_plan(&s);
	results_fini(&s.results);
	plan_fini(&s.plan);
	words_fini(&options.given);
	free(s.bin_dir);
	free(s.dir);
	return code;
}

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
#include "runner/player.h"
#include "runner/schema.h"
#include "runner/tree.h"

enum {
	OPT_AGAINST = 256,
	OPT_ONLY,
	OPT_JUNIT,
	OPT_KEEP,
	OPT_CHILD_LOG,
	OPT_FAIL_FAST,
	OPT_WORKER_FD,
	OPT_WORKER_NAME,
	OPT_WORKER_SLUG,
	OPT_WORKER_TURN,
	TEXT_MAX_BYTES = 64 << 20,
	JOBS_MAX = 256,
};

// A process that plays one instance for a parent (jobs.c).
struct worker {
	int fd; // where the result goes; 0 = this is no worker
	const char *name;
	const char *slug;
	size_t number;
	size_t total;
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
	unsigned jobs;
	struct words given; // facts
	struct words given_files;
	struct worker worker;
};

// clang-format off
static const struct argp_option argp_options[] = {
	{"tag",             't',           "EXPR",            0, "Only scenarios with these tags, e.g. 'smoke and not load'", 1},
	{"only",            OPT_ONLY,      "TEXT",            0, "Only scenarios whose name holds TEXT, e.g. 'csr=not-pem'", 1},
	{"seed",            's',           "N",               0, "Seed of all dice (default: the scenario's, or a new one, printed)", 1},
	{"jobs",            'j',           "N",               0, "Play N scenarios at a time, each on its own stack (default: 1); load runs alone", 1},
	{"worker-fd",       OPT_WORKER_FD,   "FD",            OPTION_HIDDEN, NULL, 0},
	{"worker-name",     OPT_WORKER_NAME, "NAME",          OPTION_HIDDEN, NULL, 0},
	{"worker-slug",     OPT_WORKER_SLUG, "SLUG",          OPTION_HIDDEN, NULL, 0},
	{"worker-turn",     OPT_WORKER_TURN, "I/N",           OPTION_HIDDEN, NULL, 0},
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

static unsigned
get_number(const char *arg, unsigned max, const char *option, const struct argp_state *state)
{
	char *end = NULL;
	unsigned long n = strtoul(arg, &end, 10);
	if (*arg < '0' || *arg > '9' || *end || n < 1 || n > max)
		argp_error(state, "--%s: '%s' is not a whole number from 1 to %u", option, arg,
			   max);
	return (unsigned)n;
}

static error_t
parse_worker(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	switch (key) {
	case OPT_WORKER_FD:
		o->worker.fd = (int)get_number(arg, 1024, "worker-fd", state);
		return 0;
	case OPT_WORKER_NAME:
		o->worker.name = arg;
		return 0;
	case OPT_WORKER_SLUG:
		o->worker.slug = arg;
		return 0;
	case OPT_WORKER_TURN:
		if (sscanf(arg, "%zu/%zu", &o->worker.number, &o->worker.total) != 2)
			argp_error(state, "--worker-turn: '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
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
		words_add(&o->given_files, "%s", arg);
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
	case 'j':
		o->jobs = get_number(arg, JOBS_MAX, "jobs", state);
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
		return parse_worker(key, arg, state);
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
	struct player player;
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
	const struct options *o = s->options;
	if (o->worker.fd)
		return o->worker.name && strcmp(instance->name, o->worker.name) == 0;
	return !o->only || strstr(instance->name, o->only);
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

// The instances that are wanted, with their seeds. Heap; *n of them.
static struct turn *
make_turns(struct session *s, size_t *n)
{
	size_t total = count_wanted(s);
	struct turn *turns = mem_new((total + 1) * sizeof(*turns));
	*n = 0;
	for (size_t i = 0; i < s->plan.n_instances; i++) {
		const struct instance *instance = s->plan.instances[i];
		uint64_t seed = seed_for(s, instance);
		if (!is_wanted(s, instance))
			continue;
		turns[*n] = (struct turn){instance, instance->slug, seed, *n + 1, total};
		++*n;
	}
	return turns;
}

static void
play_worker(struct session *s, const struct turn *turns)
{
	const struct worker *w = &s->options->worker;
	struct turn turn = turns[0];
	turn.slug = w->slug ? w->slug : turn.slug;
	turn.number = w->number;
	turn.total = w->total;
	player_play(&s->player, &s->bench, &turn, &s->results);
	json_t *json = result_to_json(&s->results.items[0]);
	if (!json || json_dumpfd(json, w->fd, 0) != 0)
		fprintf(s->cli->err, "provsim: the result cannot be written\n");
	json_decref(json);
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
conclude(struct session *s)
{
	write_junit(s);
	if (s->results.count[VERDICT_INTERRUPTED])
		fprintf(s->cli->err,
			"provsim: interrupted; everything that was started is stopped\n");
	fprintf(s->cli->out, "files: %s\n", s->dir);
	report_text_summary(&s->player.text, &s->results);
	return results_exit_code(&s->results);
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
	size_t n;
	struct turn *turns = make_turns(s, &n);
	child_adopt_orphans();
	s->player.dir = s->dir;
	if (s->options->worker.fd)
		play_worker(s, turns);
	else
		player_play_all(&s->player, &s->bench, turns, n, s->options->jobs, &s->results);
	bench_fini(&s->bench);
	free(turns);
	if (s->options->worker.fd)
		return EXIT_PASSED;
	return conclude(s);
}

int
cmd_run(const struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {argp_options, parse, "FILE|FOLDER...", doc, NULL,
					 NULL,	       NULL};
	struct options options = {.child_log_level = "info", .jobs = 1};
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	struct session s = {
		.cli = cli,
		.options = &options,
		.bin_dir = cli_bin_dir(),
	};
	s.player = (struct player){
		.text = {.out = cli->out, .colour = cli->colour, .quiet = options.quiet},
		.err = cli->err,
		.bin_dir = s.bin_dir,
		.child_log_level = options.child_log_level,
		.given = &options.given,
		.given_files = &options.given_files,
		.keep = options.keep,
		.fail_fast = options.fail_fast,
	};
	int code = load_plan(&s);
	if (code == EXIT_PASSED)
		code = play_plan(&s);
	results_fini(&s.results);
	plan_fini(&s.plan);
	words_fini(&options.given);
	words_fini(&options.given_files);
	free(s.bin_dir);
	free(s.dir);
	return code;
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/run.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "runner/mem.h"
#include "runner/schema.h"
#include "runner/steps_device.h"
#include "runner/steps_service.h"
#include "runner/vars.h"
#include "wg/key.h"

enum {
	INVARIANT_GRACE_MS = 3000,
	SHORT_GRACE_MS = 300, // it has failed already; only what settles at once is waited for
	COST_MAX_BYTES = 1024,
	SCENARIO_MAX_BYTES = 1 << 20,
};

const char *
verdict_text(enum verdict verdict)
{
	static const char *const text[VERDICTS] = {
		[VERDICT_PASSED] = "passed",
		[VERDICT_SKIPPED] = "skipped",
		[VERDICT_INCONCLUSIVE] = "inconclusive",
		[VERDICT_FAILED] = "failed",
		[VERDICT_BAD_FILE] = "bad scenario",
		[VERDICT_BROKEN] = "bench broken",
		[VERDICT_INTERRUPTED] = "interrupted",
	};
	return text[verdict];
}

bool
run_time_is_up(const struct run *run)
{
	return run->bench->limit_ns && clock_mono_ns() >= run->bench->limit_ns;
}

void
run_find(struct run *run, enum verdict verdict, struct place at, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	run_note(run, "%s", text);
	if (verdict <= run->verdict) {
		free(text);
		return;
	}
	free(run->reason);
	run->verdict = verdict;
	run->reason = text;
	run->at = at;
}

void
run_note(struct run *run, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	char *longer = run->note ? mem_printf("%s\n%s", run->note, text) : mem_dup(text);
	free(run->note);
	free(text);
	run->note = longer;
}

// Closes the line of the report that was in progress.
static void
record(struct run *run, char *take_text, uint64_t began_ns, enum verdict before)
{
	struct step_record r = {
		.text = take_text,
		.ms = (double)(clock_mono_ns() - began_ns) / 1e6,
		.verdict = run->verdict > before ? run->verdict : VERDICT_PASSED,
		.note = STEAL(run->note),
	};
	run->records = mem_grow(run->records, run->n_records, sizeof(r));
	run->records[run->n_records++] = r;
	if (run->listener)
		run->listener->on_step(run->listener->ctx, &r);
}

// --- variables ---

static const struct node *
saved_lookup(void *ctx, const char *name)
{
	return node_get(ctx, name);
}

static void
save_text(struct run *run, const char *name, const char *text, bool quoted)
{
	struct node *value = node_new_text(text, (struct place){0});
	value->quoted = quoted;
	node_map_remove(run->saved, name);
	node_map_add(run->saved, name, value->at, value);
}

static void
make_builtin_variables(struct run *run)
{
	struct wg_key private_key, public_key;
	char text[WG_KEY_CHARS + 1];
	AUTO(free) char *seed = mem_printf("%llu", (unsigned long long)run->seed);
	save_text(run, "seed", seed, false);
	if (wg_key_generate(&private_key, &public_key) != ERR_OK)
		return;
	wg_key_print(text, &public_key);
	wg_key_wipe(&private_key);
	save_text(run, "keys.other.public", text, true);
}

static void
save_results(struct run *run, const struct node *step)
{
	const struct node *save = node_get(step, "save");
	if (!save)
		return;
	world_forget(run->world);
	for (size_t i = 0; i < save->n; i++) {
		const struct pair *pair = &save->pairs[i];
		const json_t *value = NULL;
		struct why why = {0};
		const char *path = pair->value->type == NODE_TEXT ? pair->value->text : "";
		enum world_sight sight = world_look(run->world, path, &value, &why);
		if (sight == WORLD_HIDDEN && why.err == ERR_UNSUPPORTED) {
			run_note(run, "%s is not known: %s", pair->key, why.text);
			continue;
		}
		if (sight != WORLD_SEEN || !value) {
			run_find(run, sight == WORLD_UNKNOWN ? VERDICT_BAD_FILE : VERDICT_FAILED,
				 pair->value->at, "save %s: there is nothing at '%s' %s", pair->key,
				 path, why.text);
			continue;
		}
		AUTO(free)
		char *text = json_is_string(value)
				     ? mem_dup(json_string_value(value))
				     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		save_text(run, pair->key, text, json_is_string(value));
	}
}

// --- steps ---

static void
report_diags(struct run *run, struct diags *diags, const struct node *step)
{
	for (size_t i = 0; i < diags->n; i++)
		run_find(run, VERDICT_BAD_FILE, step->at, "%s", diags->items[i].text);
}

// A bridge that dies has failed; a mock that dies is a broken bench.
static void
check_children(struct run *run, const struct node *step)
{
	struct service *dead = stack_find_dead(run->stack);
	if (!dead)
		return;
	dead->end_expected = true; // said once
	AUTO(free) char *words = service_obituary(dead);
	run_find(run, dead->spec->under_test ? VERDICT_FAILED : VERDICT_BROKEN, step->at,
		 "%s ended by itself: %s", dead->spec->name, words);
}

static void
play_step(struct run *run, const struct node *written)
{
	uint64_t began = clock_mono_ns();
	enum verdict before = run->verdict;
	DIAGS_AUTO struct diags diags = {0};
	AUTO(node_free) struct node *step = node_clone(written);
	vars_replace(step, saved_lookup, run->saved, &diags);
	schema_check(step, "step", &diags);
	report_diags(run, &diags, step);
	const struct pair *verb = schema_verb(step);
	const struct step_kind *kind = verb ? step_kind_find(verb->key) : NULL;
	if (kind && diags.n == 0) {
		kind->play(run, step, verb->value);
		if (!run_is_over(run))
			save_results(run, step);
		check_children(run, step);
	}
	if (run->bench->interrupts)
		run_find(run, VERDICT_INTERRUPTED, step->at, "interrupted");
	record(run, step_describe(step), began, before);
}

static void
play_steps(struct run *run)
{
	const struct node *steps = node_get(run->instance->root, "steps");
	for (size_t i = 0; steps && i < steps->n && !run_is_over(run); i++) {
		if (run_time_is_up(run)) {
			run_find(run, VERDICT_FAILED, steps->items[i]->at,
				 "the scenario's timeout of %s is over before this step",
				 schema_get_text(run->instance->root, "scenario", "timeout"));
			return;
		}
		play_step(run, steps->items[i]);
	}
}

static void
play_load(struct run *run)
{
	uint64_t began = clock_mono_ns();
	enum verdict before = run->verdict;
	const struct node *load = node_get(run->instance->root, "load");
	load_play(run);
	check_children(run, load);
	record(run, mem_printf("load: %s devices", node_text(load, "devices", "?")), began, before);
}

// --- before and after ---

static bool
start(struct run *run, const struct run_options *o)
{
	struct why why = {0};
	const struct node *config = node_get(run->instance->root, "stack");
	const struct stack_options so = {
		.bench = o->bench,
		.config = config,
		.bin_dir = o->bin_dir,
		.dir = o->dir,
		.seed = o->seed,
		.child_log_level = o->child_log_level,
		.given = o->given,
	};
	enum err err = stack_new(&run->stack, &so, &why);
	if (err != ERR_OK) {
		run_find(run, VERDICT_BROKEN, run->at, "%s", why.text);
		return false;
	}
	AUTO(free) char *obstacle = run_obstacle(run);
	if (obstacle) {
		run_find(run, VERDICT_SKIPPED, run->at, "%s", obstacle);
		return false;
	}
	err = stack_start(run->stack);
	if (err == ERR_OK) {
		err = device_configure(run, &why);
		if (err != ERR_OK)
			stack_trouble(run->stack, "%s", why.text);
	}
	if (err == ERR_CANCELLED)
		run_find(run, VERDICT_INTERRUPTED, run->at, "interrupted");
	else if (err != ERR_OK)
		run_find(run, VERDICT_BROKEN, run->at, "the stack does not start: %s",
			 run->stack->trouble);
	return err == ERR_OK;
}

// A step-ca that lives longer than the scenario has counted before.
static void
take_baseline(struct run *run)
{
	const json_t *replayed;
	if (run->stack->services[SERVICE_STEP_CA].state == SERVICE_EXTERNAL &&
	    world_look(run->world, "step-ca.tokens.replayed", &replayed, NULL) == WORLD_SEEN)
		run->replayed_before = json_integer_value(replayed);
}

static void
write_resolved(const struct run *run, const char *dir)
{
	BUF_AUTO struct buf text;
	AUTO(free) char *path = mem_printf("%s/scenario.yaml", dir);
	buf_init(&text, SCENARIO_MAX_BYTES);
	enum err err =
		buf_printf(&text, "# %s\n# resolved from %s, seed %llu\n", run->instance->name,
			   run->instance->scenario->path, (unsigned long long)run->seed);
	if (err == ERR_OK)
		err = node_print(&text, run->instance->root);
	// The run folder is a convenience: a full disk shows elsewhere.
	if (err == ERR_OK)
		err = file_replace_nosync(path, buf_bytes(&text), 0644, NULL);
	(void)err;
}

static void
check_afterwards(struct run *run)
{
	uint64_t began = clock_mono_ns();
	enum verdict before = run->verdict;
	run->bench->limit_ns = 0;
	if (run->verdict != VERDICT_INTERRUPTED && run->verdict != VERDICT_BROKEN) {
		faults_check_all_fired(run);
		invariants_check(run, run_is_over(run) ? SHORT_GRACE_MS : INVARIANT_GRACE_MS);
	}
	faults_remove_all(run);
	devices_remove_all(run);
	record(run, mem_dup("look for what must always hold, and clean up"), began, before);
}

// Daemons end with 0 when they are asked to: anything else is a crash or a hang at the very end.
static void
check_ends(struct run *run)
{
	size_t at = 0;
	const struct service *service;
	uint64_t began = clock_mono_ns();
	while ((service = stack_find_unclean(run->stack, &at))) {
		enum verdict before = run->verdict;
		AUTO(free) char *words = service_obituary(service);
		run_find(run, service->spec->under_test ? VERDICT_FAILED : VERDICT_BROKEN, run->at,
			 "%s did not stop cleanly: %s", service->spec->name, words);
		record(run, mem_dup("stop the stack"), began, before);
	}
}

// What the run has cost, process by process; the runner's own share stands in the last line.
static void
note_cost(struct run *run, uint64_t began_ns)
{
	BUF_AUTO struct buf text;
	buf_init(&text, COST_MAX_BYTES);
	enum err err = buf_append_str(&text, "CPU ms:");
	for (size_t i = 0; i < SERVICES && err == ERR_OK; i++) {
		const struct service *service = &run->stack->services[i];
		if (service->starts > 0)
			err = buf_printf(&text, " %s %.0f", service->spec->name,
					 1000 * service_cpu_s(service));
	}
	if (err == ERR_OK)
		run_note(run, "%s", (const char *)text.data);
	record(run, mem_dup("stop the stack"), began_ns, run->verdict);
}

static void
check_leaks(struct run *run)
{
	uint64_t began = clock_mono_ns();
	enum verdict before = run->verdict;
	AUTO(free) char *leak = NULL;
	leaks_find(&leak, run);
	if (!leak)
		return;
	run_find(run, VERDICT_FAILED, run->at, "%s", leak);
	record(run, mem_dup("no secret in any log"), began, before);
}

void
run_play(struct run *run, const struct run_options *o)
{
	uint64_t began = clock_mono_ns(), cpu = clock_process_cpu_ns();
	*run = (struct run){
		.bench = o->bench,
		.instance = o->instance,
		.seed = o->seed,
		.saved = node_new(NODE_MAP, (struct place){0}),
		.devices = json_object(),
		.last = json_object(),
		.decommissioned = json_object(),
		.listener = o->listener,
		.at = o->instance->root->at,
	};
	run->world = world_new(run);
	make_builtin_variables(run);
	// The stack's own values may hold variables that only now have a value.
	DIAGS_AUTO struct diags diags = {0};
	const struct pair *stack = node_pair(o->instance->root, "stack");
	if (stack)
		vars_replace(stack->value, saved_lookup, run->saved, &diags);
	run->bench->limit_ns =
		bench_deadline(schema_get_ms(o->instance->root, "scenario", "timeout"));
	if (start(run, o)) {
		take_baseline(run);
		record(run, mem_dup("start the stack"), began, VERDICT_PASSED);
		play_steps(run);
		if (!run_is_over(run) && node_get(o->instance->root, "load"))
			play_load(run);
		check_afterwards(run);
	} else {
		record(run, mem_dup("start the stack"), began, VERDICT_PASSED);
	}
	run->bench->limit_ns = 0;
	uint64_t ended = clock_mono_ns();
	sim_free(run->sim);
	run->sim = NULL;
	if (run->stack) {
		stack_stop(run->stack);
		note_cost(run, ended);
	}
	write_resolved(run, o->dir);
	if (run->stack && run->verdict != VERDICT_INTERRUPTED) {
		check_ends(run);
		check_leaks(run);
	}
	run->wall_ms = (double)(clock_mono_ns() - began) / 1e6;
	run->cpu_ms = (double)(clock_process_cpu_ns() - cpu) / 1e6;
}

void
run_fini(struct run *run)
{
	stack_free(run->stack);
	world_free(run->world);
	node_free(run->saved);
	json_decref(run->devices);
	json_decref(run->last);
	json_decref(run->decommissioned);
	faults_fini(run);
	for (size_t i = 0; i < run->n_records; i++) {
		free(run->records[i].text);
		free(run->records[i].note);
	}
	free(run->records);
	free(run->note);
	free(run->reason);
}

// SPDX-License-Identifier: Apache-2.0
// The `load:` part of a scenario: `simdevice fleet` against the stack, its report against the
// thresholds, and a look at what is left behind.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "base/file.h"
#include "runner/jpath.h"
#include "runner/mem.h"
#include "runner/run.h"
#include "runner/schema.h"
#include "runner/thresholds.h"

enum {
	EXIT_FLEET_USAGE = 2,
	EXIT_FLEET_OVERLOADED = 4,
	GRACE_MS = 5000,
	REPORT_MAX_BYTES = 64 << 20,
	LEFT_MS = 5000,
};

struct fleet {
	struct run *run;
	struct child *child;
	struct child_status status;
	char *log_path;
	char *json_path;
	char *token_path;
	json_t *report; // NULL: none was written
	double cpu_before[SERVICES];
};

static void
on_exit_seen(struct child *child, const struct child_status *status, void *ctx)
{
	struct fleet *fleet = ctx;
	fleet->status = *status;
	fleet->child = NULL;
	child_free(child);
}

static bool
has_ended(void *ctx)
{
	return ((struct fleet *)ctx)->child == NULL;
}

static bool
has_phase(const struct node *load, const char *phase)
{
	const struct node *phases = node_get(load, "phases");
	for (size_t i = 0; phases && phases->type == NODE_LIST && i < phases->n; i++)
		if (strcmp(phases->items[i]->text, phase) == 0)
			return true;
	return phases && phases->type == NODE_TEXT && strstr(phases->text, phase);
}

static void
add_pair(struct words *argv, const char *option, const char *value)
{
	if (!value)
		return;
	words_add(argv, "--%s", option);
	words_add(argv, "%s", value);
}

static void
add_phases(struct words *argv, const struct node *load)
{
	const struct node *phases = node_get(load, "phases");
	if (!phases)
		return;
	char *list = mem_dup(phases->type == NODE_TEXT ? phases->text : "");
	for (size_t i = 0; phases->type == NODE_LIST && i < phases->n; i++) {
		char *longer = mem_printf("%s%s%s", list, i ? "," : "", phases->items[i]->text);
		free(list);
		list = longer;
	}
	add_pair(argv, "phases", list);
	free(list);
}

static void
arguments(struct fleet *fleet, struct words *argv, const struct node *load)
{
	static const char *const same_name[] = {"devices", "rate",	"arrivals",
						"workers", "in-flight", "retries"};
	struct stack *s = fleet->run->stack;
	words_add(argv, "simdevice");
	words_add(argv, "fleet");
	add_pair(argv, "bridge", stack_fact(s, "BRIDGE_URL"));
	add_pair(argv, "fingerprint", stack_fact(s, "STEP_CA_FINGERPRINT"));
	add_pair(argv, "mqtt", stack_fact(s, "THINGSBOARD_MQTT_URL"));
	add_pair(argv, "step-ca", stack_fact(s, "STEP_CA_URL"));
	add_pair(argv, "json", fleet->json_path);
	if (stack_fact(s, "BRIDGE_ADMIN_TOKEN"))
		add_pair(argv, "admin-token-file", fleet->token_path);
	add_pair(argv, "log-level", "warn");
	words_add(argv, "--seed");
	words_add(argv, "%llu", (unsigned long long)fleet->run->seed);
	for (size_t i = 0; i < N_ELEMENTS(same_name); i++)
		add_pair(argv, same_name[i], schema_get_text(load, "load", same_name[i]));
	if (node_get(load, "hold")) {
		words_add(argv, "--hold");
		words_add(argv, "%.3f", (double)schema_get_ms(load, "load", "hold") / 1000);
	}
	add_phases(argv, load);
	const struct node *options = node_get(load, "options");
	for (size_t i = 0; options && i < options->n; i++)
		if (options->pairs[i].value->type == NODE_TEXT)
			add_pair(argv, options->pairs[i].key, options->pairs[i].value->text);
}

static enum err
start(struct fleet *fleet, const struct node *load, struct why *why)
{
	struct stack *s = fleet->run->stack;
	const char *token = stack_fact(s, "BRIDGE_ADMIN_TOKEN");
	AUTO(free) char *program = mem_printf("%s/simdevice", s->bin_dir);
	WORDS_AUTO struct words argv = {0};
	WORDS_AUTO struct words env = {0};
	static const char *const passed[] = {"PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS",
					     "UBSAN_OPTIONS"};
	for (size_t i = 0; i < N_ELEMENTS(passed); i++)
		words_set_env(&env, passed[i], getenv(passed[i]));
	TRY(file_replace_nosync(fleet->token_path, BYTES_STR(token ? token : ""), 0600, why));
	FD_AUTO int log_fd = open(fleet->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	arguments(fleet, &argv, load);
	const struct child_options o = {
		.program = program,
		.argv = words_vector(&argv),
		.envp = words_vector(&env),
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.on_exit = on_exit_seen,
		.ctx = fleet,
	};
	return child_spawn(&fleet->child, &fleet->run->bench->loop, &o, why);
}

static void
end_fleet(struct fleet *fleet)
{
	if (!fleet->child)
		return;
	child_terminate(fleet->child, GRACE_MS);
	if (bench_wait_through(fleet->run->bench, has_ended, fleet, bench_deadline(2 * GRACE_MS)) !=
	    ERR_OK)
		child_free(STEAL(fleet->child));
}

static void
read_report(struct fleet *fleet)
{
	BUF_AUTO struct buf text;
	buf_init(&text, REPORT_MAX_BYTES);
	if (file_read(&text, fleet->json_path, NULL) == ERR_OK)
		fleet->report = json_loads((char *)text.data, 0, NULL);
}

// --- figures ---

static double
number_at(const json_t *document, const char *path)
{
	return json_number_value(jpath_get(document, path));
}

static double
percent_of(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static json_t *
latency_figure(const json_t *latency)
{
	static const char *const copied[][2] = {
		{"max_ms",	   "max"	},
		{"min_ms",	   "min"	},
		{"mean_ms",    "mean"	  },
		{"count",	  "count"	 },
		{"buckets_us", "buckets_us"},
		{"max_us",	   "max_us"	   }
	    };
	json_t *figure = json_object();
	for (size_t i = 0; i < N_ELEMENTS(copied); i++)
		json_object_set(figure, copied[i][1], json_object_get(latency, copied[i][0]));
	return figure;
}

static void
add_figure(json_t *figures, const char *name, const char *suffix, json_t *take_figure)
{
	AUTO(free) char *full = mem_printf("%s%s", name, suffix);
	json_object_set_new(figures, full, take_figure);
}

static double
service_cpu_ms(const struct fleet *fleet, size_t id)
{
	return 1000 * (service_cpu_s(&fleet->run->stack->services[id]) - fleet->cpu_before[id]);
}

static void
add_process_figures(const struct fleet *fleet, json_t *figures, double lifecycles)
{
	for (size_t i = 0; i < SERVICES; i++) {
		const struct service *service = &fleet->run->stack->services[i];
		if (!service->starts || i == SERVICE_SIMDEVICE)
			continue;
		double cpu = service_cpu_ms(fleet, i);
		add_figure(figures, service->spec->name, ".rss",
			   json_pack("{s:f}", "max", (double)service_peak_kib(service) / 1024));
		add_figure(figures, service->spec->name, ".cpu",
			   json_pack("{s:f,s:f}", "count", cpu, "per-lifecycle",
				     lifecycles > 0 ? cpu / lifecycles : 0));
	}
}

static json_t *
figures_of(const struct fleet *fleet)
{
	const char *phase;
	json_t *item;
	const json_t *report = fleet->report;
	json_t *figures = json_object();
	double started = number_at(report, "started");
	double ended = number_at(report, "done") + number_at(report, "failed");
	json_object_foreach (json_object_get(report, "phases"), phase, item) {
		double failed = number_at(item, "failed");
		add_figure(figures, phase, ".latency",
			   latency_figure(json_object_get(item, "latency")));
		add_figure(figures, phase, ".errors",
			   json_pack("{s:f,s:f}", "count", failed, "rate",
				     percent_of(failed, failed + number_at(item, "ok"))));
	}
	add_figure(figures, "lifecycle", ".latency",
		   latency_figure(json_object_get(report, "lifecycle")));
	add_figure(figures, "errors", "",
		   json_pack("{s:f,s:f}", "count", number_at(report, "failed"), "rate",
			     percent_of(number_at(report, "failed"), started)));
	add_figure(figures, "late-starts", "",
		   json_pack("{s:f,s:f}", "count", number_at(report, "generator.late_starts"),
			     "rate",
			     percent_of(number_at(report, "generator.late_starts"), started)));
	add_figure(figures, "throughput", "",
		   json_pack("{s:f}", "rate", number_at(report, "rate_reached")));
	add_figure(figures, "generator", ".cpu",
		   json_pack("{s:f,s:f}", "count", number_at(report, "generator.cpu_ms"),
			     "per-lifecycle", number_at(report, "generator.cpu_ms_per_lifecycle")));
	add_process_figures(fleet, figures, ended);
	return figures;
}

// "bridge.rss" of a bridge that somebody else runs.
static bool
is_of_external_process(struct run *run, const char *metric)
{
	AUTO(free) char *name = mem_ndup(metric, strcspn(metric, "."));
	const struct service *service = stack_service(run->stack, name);
	return service && !service->starts;
}

static void
evaluate(struct fleet *fleet, const char *key, enum verdict broken, const json_t *figures)
{
	struct run *run = fleet->run;
	const struct node *list = node_get(run->instance->root, key);
	for (size_t i = 0; list && i < list->n; i++) {
		const struct pair *pair = &list->items[i]->pairs[0];
		struct threshold_result r;
		threshold_eval(&r, pair->key, pair->value->text, figures);
		if (!r.known && is_of_external_process(run, pair->key))
			run_note(run, "%s: %s not checked: the process is not ours", pair->key,
				 pair->value->text);
		else if (!r.known)
			run_find(run, VERDICT_BAD_FILE, pair->at, "%s: %s: %s", pair->key,
				 pair->value->text, r.actual);
		else if (!r.met)
			run_find(run, broken, pair->at,
				 "%s: %s\n    - expected %s\n    + actual   %s", key, pair->key,
				 pair->value->text, r.actual);
		else
			run_note(run, "%s: %s (%s)", pair->key, pair->value->text, r.actual);
		threshold_result_fini(&r);
	}
}

static void
note_figures(struct fleet *fleet)
{
	const char *phase;
	json_t *item;
	const json_t *report = fleet->report;
	struct run *run = fleet->run;
	double ended = number_at(report, "done") + number_at(report, "failed");
	run_note(run, "%.0f of %.0f lifecycles succeeded in %.1f s: %.1f/s reached, %.1f/s planned",
		 number_at(report, "done"), number_at(report, "started"),
		 number_at(report, "seconds"), number_at(report, "rate_reached"),
		 number_at(report, "rate_planned"));
	run_note(run, "%-14s %8s %8s %9s %9s %9s %9s", "phase", "ok", "failed", "p50 ms", "p90 ms",
		 "p99 ms", "max ms");
	json_object_foreach (json_object_get(report, "phases"), phase, item) {
		const json_t *l = json_object_get(item, "latency");
		run_note(run, "%-14s %8.0f %8.0f %9.1f %9.1f %9.1f %9.1f", phase,
			 number_at(item, "ok"), number_at(item, "failed"), number_at(l, "p50_ms"),
			 number_at(l, "p90_ms"), number_at(l, "p99_ms"), number_at(l, "max_ms"));
	}
	char *cpu = mem_printf("CPU per lifecycle: generator %.2f ms",
			       number_at(report, "generator.cpu_ms_per_lifecycle"));
	for (size_t i = 0; i < SERVICES; i++) {
		const struct service *service = &run->stack->services[i];
		if (!service->starts || i == SERVICE_SIMDEVICE || ended <= 0)
			continue;
		char *longer = mem_printf("%s, %s %.2f ms", cpu, service->spec->name,
					  service_cpu_ms(fleet, i) / ended);
		free(cpu);
		cpu = longer;
	}
	run_note(run, "%s", cpu);
	free(cpu);
}

static void
note_causes(struct fleet *fleet)
{
	size_t i;
	json_t *cause;
	json_array_foreach (json_object_get(fleet->report, "errors"), i, cause) {
		const char *phase = json_string_value(json_object_get(cause, "phase"));
		const char *example = json_string_value(json_object_get(cause, "example"));
		run_note(fleet->run, "%.0f x %s: %s", number_at(cause, "count"),
			 phase ? phase : "?", example ? example : "?");
	}
}

// --- what is left ---

static size_t
count_left(struct run *run, char **what)
{
	static const struct {
		const char *path, *name;
	} places[] = {
		{"thingsboard.devices", "ThingsBoard devices"},
		{"hawkbit.targets",	    "hawkBit targets"    },
		{"wireguard.by_key",    "WireGuard peers"    }
	       };
	const char *id;
	json_t *item;
	const json_t *value;
	size_t alive = 0, left = 0;
	world_forget(run->world);
	free(*what);
	*what = mem_dup("");
	for (size_t i = 0; i < N_ELEMENTS(places); i++) {
		size_t n = world_look(run->world, places[i].path, &value, NULL) == WORLD_SEEN
				   ? json_object_size(value)
				   : 0;
		left += n;
		if (!n)
			continue;
		char *longer =
			mem_printf("%s%s%zu %s", *what, **what ? ", " : "", n, places[i].name);
		free(*what);
		*what = longer;
	}
	const json_t *devices =
		json_object_get(world_system(run->world, "bridge", NULL), "devices");
	json_object_foreach ((json_t *)(uintptr_t)devices, id, item) {
		const char *state = json_string_value(json_object_get(item, "state"));
		alive += !state || strcmp(state, "decommissioned") != 0;
	}
	if (alive) {
		char *longer = mem_printf("%s%s%zu devices at the bridge", *what,
					  **what ? ", " : "", alive);
		free(*what);
		*what = longer;
	}
	return left + alive;
}

static void
check_nothing_left(struct run *run, const struct node *load)
{
	uint64_t deadline = bench_deadline(LEFT_MS);
	AUTO(free) char *what = NULL;
	size_t left = count_left(run, &what);
	while (left && bench_wait(run->bench, NULL, NULL, bench_deadline(100)) != ERR_CANCELLED &&
	       bench_deadline(0) < deadline)
		left = count_left(run, &what);
	if (left)
		run_find(run, VERDICT_FAILED, load->at,
			 "every device was decommissioned, but there still are: %s", what);
	else
		run_note(run, "nothing is left in any system");
}

static void
judge(struct fleet *fleet, const struct node *load)
{
	struct run *run = fleet->run;
	char status[128];
	child_status_text(status, sizeof(status), &fleet->status);
	if (!fleet->report || fleet->status.code == EXIT_FLEET_USAGE || fleet->status.signal) {
		run_find(run, VERDICT_BROKEN, load->at,
			 "simdevice fleet %s without a report; see %s", status, fleet->log_path);
		return;
	}
	json_t *figures = figures_of(fleet);
	note_figures(fleet);
	note_causes(fleet);
	// The generator's own limit counts unless the scenario has one of its own.
	if (fleet->status.code == EXIT_FLEET_OVERLOADED &&
	    !node_get(run->instance->root, "generator"))
		run_find(
			run, VERDICT_INCONCLUSIVE, load->at,
			"the generator was overloaded (%.0f of %.0f starts were late): the figures say more about "
			"this machine than about the target",
			number_at(fleet->report, "generator.late_starts"),
			number_at(fleet->report, "started"));
	evaluate(fleet, "generator", VERDICT_INCONCLUSIVE, figures);
	evaluate(fleet, "thresholds", VERDICT_FAILED, figures);
	json_decref(figures);
	if (!node_get(run->instance->root, "thresholds") && number_at(fleet->report, "failed") > 0)
		run_find(run, VERDICT_FAILED, load->at,
			 "%.0f lifecycles failed and no threshold allows that",
			 number_at(fleet->report, "failed"));
	if (has_phase(load, "decommission") && number_at(fleet->report, "failed") == 0)
		check_nothing_left(run, load);
}

void
load_play(struct run *run)
{
	const struct node *load = node_get(run->instance->root, "load");
	struct why why = {0};
	struct fleet fleet = {
		.run = run,
		.log_path = mem_printf("%s/logs/fleet.log", run->stack->dir),
		.json_path = mem_printf("%s/load.json", run->stack->dir),
		.token_path = mem_printf("%s/admin-token", run->stack->private_dir),
	};
	for (size_t i = 0; i < SERVICES; i++)
		fleet.cpu_before[i] = service_cpu_s(&run->stack->services[i]);
	enum err err = start(&fleet, load, &why);
	if (err == ERR_OK)
		err = bench_wait(run->bench, has_ended, &fleet,
				 bench_deadline(schema_get_ms(load, "load", "timeout")));
	end_fleet(&fleet);
	if (err == ERR_OK) {
		read_report(&fleet);
		judge(&fleet, load);
	} else {
		enum verdict verdict = err == ERR_CANCELLED ? VERDICT_INTERRUPTED
				       : err == ERR_TIMEOUT ? VERDICT_FAILED
							    : VERDICT_BROKEN;
		run_find(run, verdict, load->at, "load: %s",
			 why.text[0] ? why.text : err_text(err));
	}
	json_decref(fleet.report);
	free(fleet.log_path);
	free(fleet.json_path);
	free(fleet.token_path);
}

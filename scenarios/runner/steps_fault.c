// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "base/encode.h"
#include "runner/jpath.h"
#include "runner/mem.h"
#include "runner/schema.h"
#include "runner/steps_service.h"

enum {
	ADMIN_MS = 5000,
};

// --- faults ---

static json_t *
action_json(const struct node *action)
{
	static const char *const words[] = {"reset", "close", "hang", "drop"};
	json_t *out = json_object();
	const char *semantic = node_text(action, "semantic", NULL);
	for (size_t i = 0; i < N_ELEMENTS(words); i++) {
		bool alone = semantic && strcmp(semantic, words[i]) == 0;
		if (alone || schema_get_bool(action, "fault-do", words[i]))
			json_object_set_new(out, words[i], json_true());
		if (alone)
			semantic = NULL;
	}
	if (semantic)
		json_object_set_new(out, "semantic", json_string(semantic));
	if (node_get(action, "status"))
		json_object_set_new(out, "status",
				    json_integer(schema_get_int(action, "fault-do", "status")));
	if (node_get(action, "delay"))
		json_object_set_new(
			out, "delay_ms",
			json_integer((json_int_t)schema_get_ms(action, "fault-do", "delay")));
	if (node_get(action, "body"))
		json_object_set_new(out, "body", node_to_json(node_get(action, "body")));
	const struct node *with = node_get(action, "with");
	for (size_t i = 0; with && i < with->n; i++)
		json_object_set_new(out, with->pairs[i].key, node_to_json(with->pairs[i].value));
	return out;
}

static json_t *
fault_json(const struct node *args)
{
	static const char *const passed[][2] = {
		{"name",	 "name"  },
		  {"at",	 "on"    },
		{"device", "device"},
		      {"phase",	"phase" }
	};
	json_t *fault = json_object();
	for (size_t i = 0; i < N_ELEMENTS(passed); i++) {
		const char *text = node_text(args, passed[i][0], NULL);
		if (text)
			json_object_set_new(fault, passed[i][1], json_string(text));
	}
	if (node_get(args, "when"))
		json_object_set_new(fault, "when", node_to_json(node_get(args, "when")));
	json_object_set_new(fault, "do", action_json(node_get(args, "do")));
	return fault;
}

static void
admin_call(struct run *run, enum service_id id, const char *method, const char *path,
	   json_t *take_body, struct bench_answer *answer)
{
	const char *admin = stack_fact(run->stack, service_specs()[id].admin_fact);
	AUTO(free) char *url = mem_printf("%s%s", admin ? admin : "", path);
	AUTO(free) char *body = take_body ? json_dumps(take_body, JSON_COMPACT) : NULL;
	json_decref(take_body);
	const struct http_request request = {
		.method = method,
		.url = url,
		.content_type = body ? "application/json" : NULL,
		.body = body ? BYTES_STR(body) : BYTES_NONE,
		.timeout_ms = ADMIN_MS,
	};
	bench_http(run->bench, &request, answer);
}

// What a mock says against it: the detail of its problem document. Heap.
static char *
words_of(const struct bench_answer *answer)
{
	json_t *problem = bench_answer_json(answer);
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	char *words = mem_dup(answer->err != ERR_OK ? answer->why.text
			      : detail		    ? detail
						    : answer->body);
	json_decref(problem);
	return words;
}

void
step_fault(struct run *run, const struct node *step, const struct node *args)
{
	BENCH_ANSWER_AUTO struct bench_answer answer = {0};
	const struct service *service = stack_service(run->stack, node_text(args, "on", ""));
	enum service_id id = (enum service_id)(service - run->stack->services);
	admin_call(run, id, "POST", "/faults", fault_json(args), &answer);
	if (answer.err != ERR_OK || answer.status / 100 != 2) {
		// A 400 names what the mock does not know: the file asks for something that there
		// is not.
		AUTO(free) char *words = words_of(&answer);
		run_find(run, answer.status == 400 ? VERDICT_BAD_FILE : VERDICT_BROKEN, step->at,
			 "%s does not take the fault: %s", service->spec->name, words);
		return;
	}
	run->faults = mem_grow(run->faults, run->n_faults, sizeof(*run->faults));
	run->faults[run->n_faults++] =
		(struct armed_fault){mem_dup(node_text(args, "name", "")), id, step->at};
}

static void
check_fired(struct run *run, const struct armed_fault *fault)
{
	BENCH_ANSWER_AUTO struct bench_answer answer = {0};
	size_t i;
	json_t *item;
	struct service *service = &run->stack->services[fault->service];
	if (service->state != SERVICE_READY && service->state != SERVICE_EXTERNAL) {
		run_note(run, "whether fault '%s' fired is not known: %s is not running",
			 fault->name, service->spec->name);
		return;
	}
	admin_call(run, fault->service, "GET", "/faults", NULL, &answer);
	json_t *list = bench_answer_json(&answer);
	bool fired = false;
	json_array_foreach (list, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		if (name && strcmp(name, fault->name) == 0)
			fired |= json_integer_value(json_object_get(item, "fired")) > 0;
	}
	json_decref(list);
	if (!fired)
		run_find(run, VERDICT_INCONCLUSIVE, fault->at,
			 "fault '%s' never fired: what this scenario is about did not happen",
			 fault->name);
}

static void
drop_fault(struct run *run, size_t at)
{
	free(run->faults[at].name);
	run->faults[at] = run->faults[--run->n_faults];
}

static enum err
remove_fault(struct run *run, const struct armed_fault *fault, struct why *why)
{
	BENCH_ANSWER_AUTO struct bench_answer answer = {0};
	BUF_AUTO struct buf path;
	buf_init(&path, 4096);
	TRY(buf_append_str(&path, "/faults/"));
	TRY(percent_encode(&path, fault->name));
	admin_call(run, fault->service, "DELETE", (char *)path.data, NULL, &answer);
	if (answer.err == ERR_OK && answer.status / 100 == 2)
		return ERR_OK;
	AUTO(free) char *words = words_of(&answer);
	return why_set(why, ERR_UPSTREAM_REFUSED, "%s", words);
}

void
step_heal(struct run *run, const struct node *step, const struct node *args)
{
	for (size_t i = 0; i < run->n_faults; i++) {
		struct why why = {0};
		if (strcmp(run->faults[i].name, args->text) != 0)
			continue;
		check_fired(run, &run->faults[i]);
		if (remove_fault(run, &run->faults[i], &why) != ERR_OK)
			run_find(run, VERDICT_BROKEN, step->at, "fault '%s' cannot be removed: %s",
				 args->text, why.text);
		drop_fault(run, i);
		return;
	}
	run_find(run, VERDICT_BAD_FILE, step->at, "no fault called '%s' is armed here", args->text);
}

void
faults_check_all_fired(struct run *run)
{
	for (size_t i = 0; i < run->n_faults; i++)
		check_fired(run, &run->faults[i]);
}

void
faults_remove_all(struct run *run)
{
	while (run->n_faults) {
		const struct armed_fault *fault = &run->faults[run->n_faults - 1];
		struct why why = {0};
		bool external = run->stack->services[fault->service].state == SERVICE_EXTERNAL;
		if (external && remove_fault(run, fault, &why) != ERR_OK)
			run_note(run, "fault '%s' is still armed: %s", fault->name, why.text);
		drop_fault(run, run->n_faults - 1);
	}
}

void
faults_fini(struct run *run)
{
	while (run->n_faults)
		drop_fault(run, run->n_faults - 1);
	free(run->faults);
	run->faults = NULL;
}

// --- processes ---

static struct service *
service_of(struct run *run, const struct node *step, const struct node *args)
{
	struct service *service = stack_service(run->stack, args->text);
	if (service && service->state != SERVICE_OFF && service->state != SERVICE_EXTERNAL)
		return service;
	run_find(run, VERDICT_BAD_FILE, step->at, "%s is not a process of this stack", args->text);
	return NULL;
}

void
step_kill(struct run *run, const struct node *step, const struct node *args)
{
	struct service *service = service_of(run, step, args);
	if (service)
		service_end(service, SIGKILL);
}

void
step_stop(struct run *run, const struct node *step, const struct node *args)
{
	struct service *service = service_of(run, step, args);
	if (service && service->state != SERVICE_READY)
		run_find(run, VERDICT_BAD_FILE, step->at, "%s is not running", args->text);
	else if (service)
		service_pause(service);
}

void
step_cont(struct run *run, const struct node *step, const struct node *args)
{
	struct service *service = service_of(run, step, args);
	if (service && service->state != SERVICE_PAUSED)
		run_find(run, VERDICT_BAD_FILE, step->at, "%s was not stopped", args->text);
	else if (service)
		service_resume(service);
}

void
step_restart(struct run *run, const struct node *step, const struct node *args)
{
	struct service *service = service_of(run, step, args);
	if (!service)
		return;
	service_end(service, SIGTERM);
	enum err err = service_start(service);
	if (err == ERR_OK)
		return;
	enum verdict verdict = service->spec->under_test ? VERDICT_FAILED : VERDICT_BROKEN;
	run_find(run, err == ERR_CANCELLED ? VERDICT_INTERRUPTED : verdict, step->at, "%s",
		 run->stack->trouble ? run->stack->trouble : err_text(err));
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/steps_device.h"

#include "base/clock.h"
#include "base/file.h"
#include "runner/jpath.h"
#include "runner/matcher.h"
#include "runner/mem.h"
#include "runner/schema.h"

enum {
	COMMAND_MS = 60000,
};

const struct node *const *
step_devices(const struct node *args, size_t *n, const struct node *single[1])
{
	const struct node *device = node_get(args, "device");
	if (device && device->type == NODE_LIST) {
		*n = device->n;
		return (const struct node *const *)device->items;
	}
	single[0] = device;
	*n = device ? 1 : 0;
	return single;
}

// --- judging ---

// What `fails` can ask about, by its names.
static json_t *
failure_document(const json_t *result, const json_t *error)
{
	static const struct {
		const char *name, *path;
	} members[] = {
		{"status",  "reply.status"},
		    {"type",    "reply.type"	 },
		    {"detail",  "reply.detail"},
		{"connack", "connack"     },
		    {"alert",   "alert"	     },
	};
	json_t *document = error ? json_deep_copy(error) : json_object();
	for (size_t i = 0; i < N_ELEMENTS(members); i++) {
		json_t *value = jpath_get(result, members[i].path);
		if (value)
			json_object_set(document, members[i].name, value);
	}
	return document;
}

static void
judge_failure(struct run *run, const struct node *fails, const json_t *result, const json_t *error,
	      double ms)
{
	json_t *document = failure_document(result, error);
	for (size_t i = 0; i < fails->n; i++) {
		const struct pair *pair = &fails->pairs[i];
		struct mismatch m = {0};
		if (strcmp(pair->key, "within") == 0) {
			uint64_t within = schema_get_ms(fails, "fails", "within");
			if (ms > (double)within)
				run_find(run, VERDICT_FAILED, pair->at,
					 "it failed after %.0f ms; at most %llu ms were allowed",
					 ms, (unsigned long long)within);
			continue;
		}
		if (matcher_eval(pair->value, pair->key, json_object_get(document, pair->key), NULL,
				 NULL, &m))
			continue;
		AUTO(free) char *whole = matcher_show(document);
		run_find(
			run, VERDICT_FAILED, pair->at,
			"it failed in another way: %s\n    - expected %s\n    + actual   %s\n      all of it: %s",
			pair->key, m.expected, m.actual, whole);
		mismatch_fini(&m);
	}
	json_decref(document);
}

// Does an expect that follows look at how this step ended?
static bool
next_step_judges(const struct run *run, const struct node *step)
{
	const struct node *steps = node_get(run->instance->root, "steps");
	for (size_t i = 0; steps && i + 1 < steps->n; i++) {
		if (steps->items[i]->at.line != step->at.line ||
		    steps->items[i]->at.col != step->at.col)
			continue;
		const struct node *expect = node_get(steps->items[i + 1], "expect");
		for (size_t k = 0; expect && k < expect->n; k++)
			if (strncmp(expect->pairs[k].key, "reply.", 6) == 0 ||
			    strncmp(expect->pairs[k].key, "error", 5) == 0 ||
			    strcmp(expect->pairs[k].key, "connack") == 0)
				return true;
	}
	return false;
}

static void
remember(struct run *run, const char *device, json_t *take_result, const json_t *error)
{
	if (device) {
		json_t *known = json_object_get(run->devices, device);
		if (!known) {
			known = json_object();
			json_object_set_new(run->devices, device, known);
		}
		json_object_update(known, take_result);
	}
	if (error)
		json_object_set(take_result, "error", (json_t *)(uintptr_t)error);
	json_decref(run->last);
	run->last = take_result;
}

static void
find_failure(struct run *run, const struct node *step, const char *device, const json_t *result,
	     const json_t *error)
{
	const char *layer = json_string_value(json_object_get(error, "layer"));
	const char *text = json_string_value(json_object_get(error, "text"));
	const json_t *status = jpath_get(result, "reply.status");
	const char *detail = json_string_value(jpath_get(result, "reply.detail"));
	AUTO(free)
	char *answer = json_integer_value(status)
			       ? mem_printf("; the answer was %lld%s%s",
					    (long long)json_integer_value(status),
					    detail ? ": " : "", detail ? detail : "")
			       : mem_dup("");
	run_find(run, VERDICT_FAILED, step->at, "%s%s%s%s%s%s", device ? device : "",
		 device ? ": " : "", layer ? layer : "", layer ? ": " : "",
		 text ? text : "it failed without words", answer);
}

void
step_settle(struct run *run, const struct node *step, const char *device, bool ok,
	    json_t *take_result, json_t *take_error, double ms)
{
	const struct node *fails = node_get(step, "fails");
	json_t *result = json_is_object(take_result) ? take_result
						     : (json_decref(take_result), json_object());
	if (!ok && fails)
		judge_failure(run, fails, result, take_error, ms);
	else if (!ok && !next_step_judges(run, step))
		find_failure(run, step, device, result, take_error);
	else if (ok && fails)
		run_find(run, VERDICT_FAILED, fails->at, "%s%sit was to fail, and succeeded",
			 device ? device : "", device ? ": " : "");
	remember(run, device, result, take_error);
	json_decref(take_error);
}

// --- commands ---

static void
on_no_answer(struct run *run, const struct node *step, const struct why *why)
{
	const char *text = run_time_is_up(run)
				   ? "the scenario's timeout is over; the step was still waiting"
				   : why->text;
	enum verdict verdict = why->err == ERR_CANCELLED ? VERDICT_INTERRUPTED
			       : why->err == ERR_TIMEOUT ? VERDICT_FAILED
							 : VERDICT_BROKEN;
	run_find(run, verdict, step->at, "%s", text);
}

static bool
has_simdevice(struct run *run, const struct node *step)
{
	if (!run->sim)
		run_find(run, VERDICT_BROKEN, step->at,
			 "there are no simulated devices in this stack");
	return run->sim != NULL;
}

// Sends the command for all devices of the step at once, then settles the answers in their order.
static void
command(struct run *run, const struct node *step, const struct node *args, const char *cmd,
	const json_t *with)
{
	const struct node *single[1];
	size_t n;
	const struct node *const *devices = step_devices(args, &n, single);
	if (!has_simdevice(run, step))
		return;
	AUTO(free) char *memory = mem_new((n + 1) * sizeof(int));
	int *ids = (int *)(void *)memory;
	uint64_t began = clock_mono_ns();
	for (size_t i = 0; i < n; i++)
		ids[i] = sim_send(run->sim, cmd, devices[i]->text, json_deep_copy(with));
	for (size_t i = 0; i < n; i++) {
		struct why why = {0};
		json_t *answer = sim_wait(run->sim, ids[i], COMMAND_MS, &why);
		if (!answer) {
			on_no_answer(run, step, &why);
			return;
		}
		step_settle(run, step, devices[i]->text,
			    json_is_true(json_object_get(answer, "ok")),
			    json_incref(json_object_get(answer, "result")),
			    json_incref(json_object_get(answer, "error")),
			    (double)(clock_mono_ns() - began) / 1e6);
		json_decref(answer);
	}
}

// The keys of an object as command parameters: '-' becomes '_', durations become <name>_ms.
static json_t *
parameters(const struct node *args, const char *object)
{
	json_t *with = json_object();
	size_t n;
	const struct schema_key *keys = schema_keys(&n);
	for (size_t i = 0; i < n; i++) {
		const struct schema_key *key = &keys[i];
		if (strcmp(key->object, object) != 0 || strcmp(key->name, "device") == 0 ||
		    (!node_get(args, key->name) && !key->fallback))
			continue;
		bool duration = key->type == SCHEMA_DURATION;
		char *name = mem_printf("%s%s", key->name, duration ? "_ms" : "");
		for (char *p = name; *p; p++)
			*p = *p == '-' ? '_' : *p;
		json_t *value;
		if (duration)
			value = json_integer((json_int_t)schema_get_ms(args, object, key->name));
		else if (key->type == SCHEMA_INT)
			value = json_integer((json_int_t)schema_get_int(args, object, key->name));
		else if (key->type == SCHEMA_BOOL)
			value = json_boolean(schema_get_bool(args, object, key->name));
		else if (key->type == SCHEMA_ANY)
			value = node_to_json(node_get(args, key->name));
		else
			value = json_string(schema_get_text(args, object, key->name));
		json_object_set_new(with, name, value);
		free(name);
	}
	return with;
}

static void
simple(struct run *run, const struct node *step, const struct node *args, const char *cmd,
       const char *object)
{
	json_t *with = parameters(args, object);
	command(run, step, args, cmd, with);
	json_decref(with);
}

void
step_enroll(struct run *run, const struct node *step, const struct node *args)
{
	const struct node *single[1];
	size_t n;
	const struct node *const *devices = step_devices(args, &n, single);
	simple(run, step, args, "enroll", "enroll");
	for (size_t i = 0; i < n; i++)
		if (json_integer_value(jpath_get(run->last, "reply.status")) == 200)
			json_object_del(run->decommissioned, devices[i]->text);
}

void
step_re_enroll(struct run *run, const struct node *step, const struct node *args)
{
	const struct node *single[1];
	size_t n;
	const struct node *const *devices = step_devices(args, &n, single);
	if (!has_simdevice(run, step))
		return;
	for (size_t i = 0; i < n; i++) {
		struct why why = {0};
		int id = sim_send(run->sim, "forget", devices[i]->text, NULL);
		json_t *answer = sim_wait(run->sim, id, COMMAND_MS, &why);
		if (!answer) {
			on_no_answer(run, step, &why);
			return;
		}
		json_decref(answer);
	}
	step_enroll(run, step, args);
}

void
step_renew(struct run *run, const struct node *step, const struct node *args)
{
	simple(run, step, args, "renew", "device-only");
}

void
step_mqtt_connect(struct run *run, const struct node *step, const struct node *args)
{
	simple(run, step, args, "mqtt.connect", "mqtt-connect");
}

void
step_mqtt_publish(struct run *run, const struct node *step, const struct node *args)
{
	simple(run, step, args, "mqtt.publish", "mqtt-publish");
}

void
step_mqtt_disconnect(struct run *run, const struct node *step, const struct node *args)
{
	simple(run, step, args, "mqtt.disconnect", "device-only");
}

void
step_wireguard_up(struct run *run, const struct node *step, const struct node *args)
{
	simple(run, step, args, "wireguard.up", "wireguard-up");
}

void
step_wireguard_down(struct run *run, const struct node *step, const struct node *args)
{
	simple(run, step, args, "wireguard.down", "device-only");
}

void
step_ping(struct run *run, const struct node *step, const struct node *args)
{
	simple(run, step, args, "ping", "ping");
}

enum err
device_configure(struct run *run, struct why *why)
{
	static const struct {
		const char *name, *fact;
	} facts[] = {
		{"bridge",	   "BRIDGE_URL"	       },
		{"fingerprint", "STEP_CA_FINGERPRINT" },
		{"mqtt",	 "THINGSBOARD_MQTT_URL"},
		{"step_ca",	    "STEP_CA_URL"	 },
	};
	struct stack *s = run->stack;
	int fd = s->control_fd;
	s->control_fd = -1;
	TRY(sim_new(&run->sim, run->bench, fd, why));
	json_t *with = json_object();
	for (size_t i = 0; i < N_ELEMENTS(facts); i++)
		if (stack_fact(s, facts[i].fact))
			json_object_set_new(with, facts[i].name,
					    json_string(stack_fact(s, facts[i].fact)));
	AUTO(free) char *flash = mem_printf("%s/devices", s->dir);
	AUTO(free) char *full = realpath(flash, NULL);
	json_object_set_new(with, "flash", json_string(full ? full : flash));
	json_t *answer =
		sim_wait(run->sim, sim_send(run->sim, "configure", NULL, with), COMMAND_MS, why);
	if (!answer)
		return why->err;
	bool ok = json_is_true(json_object_get(answer, "ok"));
	if (!ok)
		why_set(why, ERR_INPUT, "simdevice refuses its configuration: %s",
			json_string_value(jpath_get(answer, "error.text")));
	json_decref(answer);
	return ok ? ERR_OK : ERR_INPUT;
}

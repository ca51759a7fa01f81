// SPDX-License-Identifier: Apache-2.0
// The verbs of the scenario language as a table, and what can be said about a step without playing
// it.
#include "runner/checks.h"
#include "runner/mem.h"
#include "runner/schema.h"
#include "runner/steps_device.h"
#include "runner/steps_service.h"

static const struct step_kind kinds[] = {
	{"enroll",	   step_enroll	      },
	{"re-enroll",	      step_re_enroll	    },
	{"renew",		  step_renew	    },
	{"mqtt.connect",	 step_mqtt_connect	  },
	{"mqtt.publish",	 step_mqtt_publish	  },
	{"mqtt.disconnect", step_mqtt_disconnect},
	{"wireguard.up",	 step_wireguard_up	  },
	{"wireguard.down",  step_wireguard_down },
	{"ping",		 step_ping		  },
	{"decommission",	 step_decommission	  },
	{"request",	    step_request	},
	{"fault",		  step_fault	    },
	{"heal",		 step_heal		  },
	{"kill",		 step_kill		  },
	{"stop",		 step_stop		  },
	{"cont",		 step_cont		  },
	{"restart",	    step_restart	},
	{"expect",	   step_expect	      },
	{"eventually",      step_eventually     },
	{"never",		  step_never	    },
};

const struct step_kind *
step_kinds(size_t *n)
{
	*n = N_ELEMENTS(kinds);
	return kinds;
}

const struct step_kind *
step_kind_find(const char *verb)
{
	for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].verb, verb) == 0)
			return &kinds[i];
	return NULL;
}

// A value on one line: lists as "a, b", maps as their number of entries.
static char *
brief(const struct node *value)
{
	if (value->type == NODE_TEXT)
		return mem_dup(value->text);
	if (value->type == NODE_MAP) {
		json_t *json = node_to_json(value);
		char *text = json_dumps(json, JSON_COMPACT);
		json_decref(json);
		return text;
	}
	char *text = mem_dup("");
	for (size_t i = 0; i < value->n; i++) {
		AUTO(free) char *item = brief(value->items[i]);
		char *longer = mem_printf("%s%s%s", text, i ? ", " : "", item);
		free(text);
		text = longer;
	}
	return text;
}

static char *
describe_matchers(const char *verb, const struct node *that, const char *when)
{
	char *text = mem_printf("%s%s%s", verb, *when ? " " : "", when);
	for (size_t i = 0; i < that->n; i++) {
		AUTO(free) char *value = brief(that->pairs[i].value);
		char *longer =
			mem_printf("%s%s %s %s", text, i ? "," : "", that->pairs[i].key, value);
		free(text);
		text = longer;
	}
	return text;
}

static char *
describe_arguments(const char *verb, const struct node *args)
{
	char *text = mem_dup(verb);
	for (size_t i = 0; i < args->n; i++) {
		const struct pair *pair = &args->pairs[i];
		AUTO(free) char *value = brief(pair->value);
		bool bare = strcmp(pair->key, "device") == 0 || strcmp(pair->key, "name") == 0;
		char *longer = mem_printf("%s %s%s%s", text, bare ? "" : pair->key, bare ? "" : "=",
					  value);
		free(text);
		text = longer;
	}
	return text;
}

char *
step_describe(const struct node *step)
{
	const char *say = node_text(step, "say", NULL);
	const struct pair *verb = schema_verb(step);
	if (say)
		return mem_dup(say);
	if (!verb)
		return mem_dup("?");
	const struct node *args = verb->value;
	if (strcmp(verb->key, "expect") == 0)
		return describe_matchers(verb->key, args, "");
	if (strcmp(verb->key, "eventually") == 0)
		return describe_matchers(verb->key, node_get(args, "that"),
					 node_text(args, "within", ""));
	if (strcmp(verb->key, "never") == 0)
		return describe_matchers(verb->key, node_get(args, "that"),
					 node_text(args, "for", ""));
	if (args->type == NODE_TEXT)
		return mem_printf("%s %s", verb->key, args->text);
	return describe_arguments(verb->key, args);
}

// --- what cannot be done to systems that somebody else runs ---

static char *
obstacle_of(struct run *run, const struct pair *verb)
{
	static const char *const signals[] = {"kill", "stop", "cont", "restart"};
	for (size_t i = 0; i < N_ELEMENTS(signals); i++) {
		if (strcmp(verb->key, signals[i]) != 0 || verb->value->type != NODE_TEXT)
			continue;
		const struct service *service = stack_service(run->stack, verb->value->text);
		if (service && service->state == SERVICE_EXTERNAL)
			return mem_printf("%s is external: it cannot be sent a signal",
					  verb->value->text);
	}
	if (strcmp(verb->key, "fault") == 0) {
		const struct service *service =
			stack_service(run->stack, node_text(verb->value, "on", ""));
		if (service && service->state == SERVICE_EXTERNAL &&
		    !stack_fact(run->stack, service->spec->admin_fact))
			return mem_printf("%s is external and has no admin API: it takes no faults",
					  service->spec->name);
	}
	if (strcmp(verb->key, "decommission") == 0 &&
	    run->stack->services[SERVICE_BRIDGE].state == SERVICE_EXTERNAL &&
	    !stack_fact(run->stack, "BRIDGE_ADMIN_TOKEN"))
		return mem_dup("the bridge is external and BRIDGE_ADMIN_TOKEN was not given");
	return NULL;
}

char *
run_obstacle(struct run *run)
{
	const struct node *steps = node_get(run->instance->root, "steps");
	const struct node *stack = node_get(run->instance->root, "stack");
	if (node_get(stack, "bridge.env") &&
	    run->stack->services[SERVICE_BRIDGE].state == SERVICE_EXTERNAL)
		return mem_dup("the bridge is external: its environment cannot be changed");
	for (size_t i = 0; steps && i < steps->n; i++) {
		const struct pair *verb = schema_verb(steps->items[i]);
		char *obstacle = verb ? obstacle_of(run, verb) : NULL;
		if (obstacle)
			return obstacle;
	}
	return NULL;
}

// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lifecycle.h"

const struct device_limits device_limits_default = {
	.trust_ms = 10000,
	.enroll_ms = 20000,
	.store_ms = 10000,
	.connect_ms = 15000,
	.publish_ms = 10000,
	.handshake_ms = 20000,
	.ping_ms = 5000,
	.renew_ms = 10000,
	.leave_ms = 20000,
	.backoff_base_ms = 500,
	.backoff_cap_ms = 30000,
	.retry_after_cap_ms = 60000,
};

// clang-format 14 falls over these tables.
// clang-format off
static const struct {
	const char *name;
	bool resting;
	bool final;
	const char *text;
} states[] = {
#define X(id, resting, final, text) [ST_##id] = {#id, resting, final, text},
	DEVICE_STATES(X)
#undef X
	[ST_ANY] = {"any", 0, 0, ""},
	[ST_RESTING] = {"any resting", 0, 0, ""},
	[ST_IDENTIFIED] = {"any identified", 0, 0, ""},
	[ST_REST] = {"at rest", 0, 0, ""},
	[ST_SAME] = {"same", 0, 0, ""},
};

static const struct {
	const char *name;
	const char *text;
} events[] = {
#define X(id, text) [EV_##id] = {#id, text},
	DEVICE_EVENTS(X)
#undef X
};

static const struct {
	enum dev_event event;
	const char *name;
} phases[] = {
#define X(id, event, name) [PHASE_##id] = {event, name},
	DEVICE_PHASES(X)
#undef X
};

static const char *const layers[LAYER_COUNT] = {
	[LAYER_NONE] = "none",
	[LAYER_HTTP] = "http",
	[LAYER_TLS] = "tls",
	[LAYER_MQTT] = "mqtt",
	[LAYER_WIREGUARD] = "wireguard",
	[LAYER_FLASH] = "flash",
	[LAYER_USAGE] = "usage",
};
// clang-format on

const char *
dev_state_name(enum dev_state s)
{
	return states[s].name;
}

const char *
dev_state_text(enum dev_state s)
{
	return states[s].text;
}

bool
dev_state_is_resting(enum dev_state s)
{
	return states[s].resting;
}

bool
dev_state_is_final(enum dev_state s)
{
	return states[s].final;
}

const char *
dev_event_name(enum dev_event e)
{
	return events[e].name;
}

const char *
dev_event_text(enum dev_event e)
{
	return events[e].text;
}

const char *
dev_phase_name(enum dev_phase p)
{
	return phases[p].name;
}

const char *
layer_name(enum layer l)
{
	return layers[l];
}

enum dev_phase
dev_phase_of_event(enum dev_event e)
{
	for (size_t i = PHASE_NONE + 1; i < PHASE_COUNT; i++)
		if (phases[i].event == e)
			return (enum dev_phase)i;
	return PHASE_NONE;
}

enum err
device_init(struct device *d, const char *id, const struct device_ops *ops,
	    const struct device_limits *limits, struct rng *rng, struct why *why)
{
	TRY(device_id_check(id, why));
	*d = (struct device){.ops = ops, .limits = limits, .rng = rng};
	memcpy(d->id, id, strlen(id) + 1);
	return ERR_OK;
}

void
device_fini(struct device *d)
{
	free(d->failure);
	d->failure = NULL;
}

void
device_post(struct device *d, enum dev_event event)
{
	assert(d->stepping && d->posted == EV_NONE);
	d->posted = event;
}

void
device_set_retries(struct device *d, uint32_t retries)
{
	d->tries_left = retries;
}

struct failure *
device_fail(struct device *d, enum layer layer, const char *kind, int code, const char *fmt, ...)
{
	if (!d->failure)
		d->failure = calloc(1, sizeof(*d->failure));
	struct failure *f = d->failure;
	assert(f); // the simulator does not live on without memory
	*f = (struct failure){.layer = layer, .code = code, .why = {.err = ERR_INTERNAL}};
	snprintf(f->kind, sizeof(f->kind), "%s", kind);
	va_list args;
	va_start(args, fmt);
	vsnprintf(f->why.text, sizeof(f->why.text), fmt, args);
	va_end(args);
	return f;
}

enum dev_state
device_rest_state(const struct device *d)
{
	if (d->tunnel_up)
		return ST_REACHABLE;
	if (d->session_up)
		return ST_ONLINE;
	return d->has_identity ? ST_ENROLLED : ST_NEW;
}

static bool
event_is_completion(enum dev_event e)
{
	return e == EV_OK || e == EV_RETRY || e == EV_REFUSED || e == EV_TIMEOUT;
}

// A command begins a phase; what the last one left behind is no longer true.
static void
begin_phase(struct device *d, enum dev_event event)
{
	enum dev_phase phase = dev_phase_of_event(event);
	if (phase == PHASE_NONE)
		return;
	d->phase = phase;
	d->phase_failed = false;
	d->tries = 0;
	d->backoff_ms = 0;
}

static void
move(struct device *d, enum dev_event event, enum dev_state next)
{
	enum dev_state from = d->state;
	d->state = next == ST_REST ? device_rest_state(d) : next;
	d->armed_ms = lifecycle_timeout_ms(d, d->state);
	d->ops->arm(d, d->armed_ms);
	d->wait_ms = 0;
	d->ops->on_step(d, from, event);
	if (!dev_state_is_resting(d->state) && !dev_state_is_final(d->state))
		return;
	enum dev_phase ended = d->phase;
	d->phase = PHASE_NONE;
	if (ended != PHASE_NONE)
		d->ops->on_phase_end(d, ended, d->phase_failed);
}

static enum step
step_once(struct device *d, enum dev_event event)
{
	const struct rule *rule = lifecycle_find(d, event);
	if (!rule) {
		d->ops->on_unexpected(d, event);
		return STEP_UNEXPECTED;
	}
	begin_phase(d, event);
	if (rule->next != ST_SAME)
		d->attempt++;
	if (rule->action)
		rule->action(d);
	if (rule->next != ST_SAME)
		move(d, event, rule->next);
	return STEP_MOVED;
}

enum step
device_step(struct device *d, enum dev_event event, uint32_t attempt)
{
	assert(!d->stepping);
	if (event_is_completion(event) && attempt != d->attempt)
		return STEP_STALE;
	d->stepping = true;
	enum step first = step_once(d, event);
	while (d->posted != EV_NONE) {
		enum dev_event next = d->posted;
		d->posted = EV_NONE;
		(void)step_once(d, next);
	}
	d->stepping = false;
	return first;
}

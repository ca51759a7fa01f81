// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct world *
world_of(struct device *d)
{
	return CONTAINER_OF(d, struct world, d);
}

static const struct world *
world_of_const(const struct device *d)
{
	return (const struct world *)((const char *)d - offsetof(struct world, d));
}

__attribute__((format(printf, 2, 3))) static void
note(struct world *w, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(w->transcript + w->transcript_len,
			  sizeof(w->transcript) - w->transcript_len, fmt, args);
	va_end(args);
	if (n > 0 && w->transcript_len + (size_t)n < sizeof(w->transcript))
		w->transcript_len += (size_t)n;
}

static void
push(struct world *w, struct pending entry)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (!w->pending[i].used) {
			entry.used = true;
			entry.order = w->order++;
			w->pending[i] = entry;
			return;
		}
	abort();
}

static void
drop_timers(struct world *w)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (w->pending[i].is_timer)
			w->pending[i].used = false;
}

// The network's answer to a call, at its time.
static void
call(struct world *w, enum world_op op)
{
	unsigned n = w->calls[op]++;
	struct script s = {.event = EV_OK, .delay_ms = 10};
	if (n < w->n_scripts[op])
		s = w->scripts[op][n];
	if (n < SCRIPT_MAX)
		w->call_at_ms[op][n] = w->now_ms;
	if (s.event != EV_NONE)
		push(w, (struct pending){.at_ms = w->now_ms + s.delay_ms,
					 .event = s.event,
					 .attempt = w->d.attempt,
					 .retry_after_ms = s.retry_after_ms});
}

static void
op_fetch_root(struct device *d)
{
	call(world_of(d), OP_FETCH_ROOT);
}

static void
op_enroll(struct device *d, bool same_csr)
{
	struct world *w = world_of(d);
	w->keys_made += !same_csr;
	w->csr_reused += same_csr;
	call(w, OP_ENROLL);
}

static void
op_store(struct device *d)
{
	struct world *w = world_of(d);
	FLASH_IMAGE_AUTO struct flash_image image = {0};
	for (unsigned i = 0; i < FLASH_FILES; i++)
		if (flash_image_set(&image, (enum flash_file)i, BYTES_STR("new")))
			abort();
	enum err err = flash_write_memory(&w->flash, &image, w->cut_after, NULL);
	if (err == ERR_CANCELLED)
		device_post(d, EV_POWER_CUT);
	else
		call(w, OP_STORE);
}

static void
op_connect(struct device *d)
{
	world_of(d)->link_up = false;
	call(world_of(d), OP_CONNECT);
}

static void
op_disconnect(struct device *d)
{
	world_of(d)->link_up = false;
}

static void
op_publish(struct device *d)
{
	call(world_of(d), OP_PUBLISH);
}

static void
op_handshake(struct device *d)
{
	call(world_of(d), OP_HANDSHAKE);
}

static void
op_ping(struct device *d)
{
	call(world_of(d), OP_PING);
}

static void
op_tunnel_down(struct device *d)
{
	world_of(d)->tunnel_open = false;
}

static void
op_renew(struct device *d)
{
	call(world_of(d), OP_RENEW);
}

static void
op_retire(struct device *d)
{
	call(world_of(d), OP_RETIRE);
}

static void
op_forget(struct device *d)
{
	struct world *w = world_of(d);
	free(w->flash.text[FLASH_FLAG]);
	w->flash.text[FLASH_FLAG] = NULL;
}

// The network goes on regardless: late answers come and must be dropped as stale.
static void
op_cancel(struct device *d)
{
	note(world_of(d), "%8llu cancel\n", (unsigned long long)world_of(d)->now_ms);
}

static void
op_explain_timeout(struct device *d)
{
	(void)d;
}

static void
op_reboot(struct device *d)
{
	struct world *w = world_of(d);
	w->link_up = false;
	w->knows_root = false;
	d->enrolled = d->has_identity = w->flash.text[FLASH_FLAG] != NULL;
	w->knows_root = d->enrolled;
}

static bool
op_has_trust(const struct device *d)
{
	return world_of_const(d)->knows_root;
}

static bool
op_has_tunnel_config(const struct device *d)
{
	return world_of_const(d)->tunnel_config && d->has_identity;
}

static bool
op_can_connect(const struct device *d)
{
	return d->has_identity;
}

static void
op_arm(struct device *d, uint32_t ms)
{
	struct world *w = world_of(d);
	drop_timers(w);
	if (ms)
		push(w, (struct pending){.at_ms = w->now_ms + ms,
					 .event = EV_TIMEOUT,
					 .attempt = d->attempt,
					 .is_timer = true});
}

static void
op_on_step(struct device *d, enum dev_state from, enum dev_event event)
{
	struct world *w = world_of(d);
	note(w, "%8llu %s %s %s\n", (unsigned long long)w->now_ms, dev_state_name(from),
	     dev_event_name(event), dev_state_name(d->state));
	if (d->state == ST_ENROLLING)
		w->knows_root = true;
}

static void
op_on_phase_end(struct device *d, enum dev_phase phase, bool failed)
{
	struct world *w = world_of(d);
	if (w->n_ended < PHASES_SEEN_MAX) {
		w->ended[w->n_ended] = phase;
		w->ended_failed[w->n_ended++] = failed;
	}
	if (w->next_command != EV_NONE && !failed) {
		device_post(d, w->next_command);
		w->next_command = EV_NONE;
	}
}

static void
op_on_unexpected(struct device *d, enum dev_event event)
{
	(void)event;
	world_of(d)->unexpected++;
}

static const struct device_ops ops = {
	.fetch_root = op_fetch_root,
	.enroll = op_enroll,
	.store = op_store,
	.connect = op_connect,
	.disconnect = op_disconnect,
	.publish = op_publish,
	.handshake = op_handshake,
	.ping = op_ping,
	.tunnel_down = op_tunnel_down,
	.renew = op_renew,
	.retire = op_retire,
	.forget = op_forget,
	.cancel = op_cancel,
	.explain_timeout = op_explain_timeout,
	.reboot = op_reboot,
	.has_trust = op_has_trust,
	.has_tunnel_config = op_has_tunnel_config,
	.can_connect = op_can_connect,
	.arm = op_arm,
	.on_step = op_on_step,
	.on_phase_end = op_on_phase_end,
	.on_unexpected = op_on_unexpected,
};

void
world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	rng_init(&w->rng, seed, 0);
	w->limits = device_limits_default;
	w->tunnel_config = true;
	w->cut_after = FLASH_FILES;
	if (device_init(&w->d, "dev-1", &ops, &w->limits, &w->rng, NULL))
		abort();
	(void)device_step(&w->d, EV_BOOT, 0);
}

void
world_fini(struct world *w)
{
	device_fini(&w->d);
	flash_image_fini(&w->flash);
}

void
world_say(struct world *w, enum world_op op, enum dev_event event, uint32_t delay_ms)
{
	w->scripts[op][w->n_scripts[op]++] = (struct script){.event = event, .delay_ms = delay_ms};
}

static struct pending *
next_due(struct world *w)
{
	struct pending *best = NULL;
	for (size_t i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &w->pending[i];
		if (p->used && (!best || p->at_ms < best->at_ms ||
				(p->at_ms == best->at_ms && p->order < best->order)))
			best = p;
	}
	return best;
}

void
world_run(struct world *w, uint64_t until_ms)
{
	struct pending *p;
	while ((p = next_due(w)) && p->at_ms <= until_ms) {
		struct pending due = *p;
		p->used = false;
		w->now_ms = due.at_ms;
		if (due.event == EV_RETRY)
			device_fail(&w->d, LAYER_HTTP, "scripted", 503, "scripted")
				->retry_after_ms = due.retry_after_ms;
		else if (due.event == EV_REFUSED)
			device_fail(&w->d, LAYER_HTTP, "scripted", 422, "scripted");
		w->stale += device_step(&w->d, due.event, due.attempt) == STEP_STALE;
	}
	w->now_ms = until_ms;
}

enum step
world_command(struct world *w, enum dev_event command, uint32_t retries)
{
	device_set_retries(&w->d, retries);
	enum step s = device_step(&w->d, command, 0);
	world_run(w, w->now_ms + 3600000);
	return s;
}

void
world_event(struct world *w, enum dev_event event)
{
	(void)device_step(&w->d, event, 0);
}

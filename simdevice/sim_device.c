// SPDX-License-Identifier: Apache-2.0
#include "sim_device.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "act.h"
#include "act_mqtt.h"
#include "act_wireguard.h"
#include "base/clock.h"

static const struct sim_orders plain_orders = {.cut_after = FLASH_FILES, .qos = 1};

struct sim_device *
sim_device_of(struct device *d)
{
	return CONTAINER_OF(d, struct sim_device, dev);
}

const struct sim_device *
sim_device_of_const(const struct device *d)
{
	return (const struct sim_device *)((const char *)d - offsetof(struct sim_device, dev));
}

double
ms_since(uint64_t start_mono_ns)
{
	return (double)(clock_mono_ns() - start_mono_ns) / (double)NS_PER_MS;
}

const struct sim_orders *
sim_device_orders_peek(const struct sim_device *s)
{
	return s->orders ? s->orders : &plain_orders;
}

struct sim_orders *
sim_device_orders(struct sim_device *s)
{
	if (s->orders)
		return s->orders;
	s->orders = calloc(1, sizeof(*s->orders));
	if (!s->orders)
		abort();
	*s->orders = plain_orders;
	s->orders->dialect = s->worker->config->dialect;
	s->orders->bridge_makes_wg_key = s->worker->config->bridge_makes_wg_key;
	return s->orders;
}

// --- struct device_ops ---

static void
cancel(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	if (s->call)
		http_call_cancel(s->call);
	s->call = NULL;
	trust_stop_waiting(s);
	store_abandon(s);
	mqtt_cancel(s);
	wg_cancel(s);
}

static void
explain_timeout(struct device *d)
{
	wg_explain_timeout(sim_device_of(d));
}

static void
reboot(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct why why = {0};
	mqtt_drop(s);
	enroll_job_free(s->job);
	s->job = NULL;
	s->trusted = false;
	enum err err = store_load(s, &why);
	d->enrolled = err == ERR_OK;
	d->has_identity = err == ERR_OK;
	if (err && err != ERR_NOT_FOUND)
		device_fail(d, LAYER_FLASH, "unusable", 0,
			    "the flash says `enrolled`, but it cannot be used: %s", why.text);
}

static bool
has_trust(const struct device *d)
{
	const struct sim_device *s = sim_device_of_const(d);
	return s->worker->https && (s->trusted || s->worker->config->share_trust);
}

static void
on_timer(uv_timer_t *timer)
{
	struct sim_device *s = timer->data;
	sim_device_done(s, EV_TIMEOUT, s->timer_attempt);
}

static void
arm(struct device *d, uint32_t ms)
{
	struct sim_device *s = sim_device_of(d);
	s->timer_attempt = d->attempt;
	if (ms)
		uv_timer_start(&s->timer, on_timer, ms, 0);
	else if (uv_is_active((uv_handle_t *)&s->timer))
		uv_timer_stop(&s->timer);
}

static void
on_step(struct device *d, enum dev_state from, enum dev_event event)
{
	struct sim_device *s = sim_device_of(d);
	s->next_given = false;
	log_debug(s->worker->log, "device.state", KV_STR("dev", d->id),
		  KV_STR("from", dev_state_name(from)), KV_STR("event", dev_event_name(event)),
		  KV_STR("state", dev_state_name(d->state)));
	if (s->owner->on_state && from != d->state)
		s->owner->on_state(s, from);
}

static void
on_phase_end(struct device *d, enum dev_phase phase, bool failed)
{
	struct sim_device *s = sim_device_of(d);
	s->owner->on_phase_end(s, phase, failed);
}

static void
on_unexpected(struct device *d, enum dev_event event)
{
	struct sim_device *s = sim_device_of(d);
	s->worker->unexpected++;
	log_debug(s->worker->log, "device.unexpected", KV_STR("dev", d->id),
		  KV_STR("event", dev_event_name(event)),
		  KV_STR("state", dev_state_name(d->state)));
	if (!s->next_given)
		return;
	// Whoever gave the command has no other way to hear that it was not possible.
	s->next_given = false;
	device_fail(d, LAYER_USAGE, "wrong-state", 0, "%s is not possible in state %s (%s)",
		    dev_event_name(event), dev_state_name(d->state), dev_state_text(d->state));
	s->owner->on_phase_end(s, dev_phase_of_event(event), true);
}

static const struct device_ops ops = {
	.fetch_root = act_fetch_root,
	.enroll = act_enroll,
	.store = act_store,
	.connect = act_connect,
	.disconnect = act_disconnect,
	.publish = act_publish,
	.handshake = act_handshake,
	.ping = act_ping,
	.tunnel_down = act_tunnel_down,
	.renew = act_renew,
	.retire = act_retire,
	.forget = act_forget,
	.cancel = cancel,
	.explain_timeout = explain_timeout,
	.reboot = reboot,
	.has_trust = has_trust,
	.has_tunnel_config = wg_has_config,
	.can_connect = mqtt_can_connect,
	.arm = arm,
	.on_step = on_step,
	.on_phase_end = on_phase_end,
	.on_unexpected = on_unexpected,
};

// --- life ---

static enum err
set_flash_dir(struct sim_device *s, struct why *why)
{
	const struct sim_config *c = s->worker->config;
	if (!c->flash_dir)
		return ERR_OK;
	char path[PATH_MAX];
	int n = c->flash_is_dir ? snprintf(path, sizeof(path), "%s", c->flash_dir)
				: snprintf(path, sizeof(path), "%s/%s", c->flash_dir, s->dev.id);
	if (n < 0 || n >= (int)sizeof(path))
		return why_set(why, ERR_TOO_LARGE, "%s: the path is too long", c->flash_dir);
	s->flash_dir = strdup(path);
	return s->flash_dir ? ERR_OK : why_set(why, ERR_NOMEM, "out of memory");
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct sim_device *s = handle->data;
	free(s->flash_dir);
	free(s);
}

enum err
sim_device_new(struct sim_device **out, struct worker *w, const char *id,
	       const struct sim_owner *owner, void *owner_ctx, struct why *why)
{
	struct sim_device *s = calloc(1, sizeof(*s));
	if (!s)
		return why_set(why, ERR_NOMEM, "out of memory");
	enum err err = device_init(&s->dev, id, &ops, &w->config->limits, &w->rng, why);
	s->worker = w;
	s->owner = owner;
	s->owner_ctx = owner_ctx;
	s->mqtt_report = (struct mqtt_report){.connack = -1, .alert = -1};
	if (!err)
		err = set_flash_dir(s, why);
	if (!err && w->config->keep_reports) {
		s->enroll_report = calloc(1, sizeof(*s->enroll_report));
		err = s->enroll_report ? ERR_OK : why_set(why, ERR_NOMEM, "out of memory");
	}
	if (err) {
		free(s->flash_dir);
		free(s);
		return err;
	}
	if (w->config->dialect != DIALECT_RUNBOOK || w->config->bridge_makes_wg_key)
		(void)sim_device_orders(s);
	uv_timer_init(w->loop, &s->timer);
	s->timer.data = s;
	(void)device_step(&s->dev, EV_BOOT, 0);
	*out = s;
	return ERR_OK;
}

static void
orders_free(struct sim_orders *orders)
{
	if (!orders)
		return;
	free(orders->topic);
	free(orders->payload);
	free(orders);
}

void
sim_device_free(struct sim_device *s)
{
	if (!s || s->closing)
		return;
	s->closing = true;
	cancel(&s->dev);
	mqtt_drop(s);
	act_tunnel_down(&s->dev);
	enroll_job_free(s->job);
	identity_fini(&s->identity);
	flash_image_fini(&s->memory);
	orders_free(s->orders);
	if (s->enroll_report)
		X509_free(s->enroll_report->leaf);
	free(s->enroll_report);
	device_fini(&s->dev);
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

bool
sim_device_command(struct sim_device *s, enum dev_event command, uint32_t retries)
{
	if (s->dev.phase != PHASE_NONE)
		return false;
	device_set_retries(&s->dev, retries);
	return device_step(&s->dev, command, 0) == STEP_MOVED;
}

void
sim_device_next(struct sim_device *s, enum dev_event command, uint32_t retries)
{
	s->next_given = true;
	device_set_retries(&s->dev, retries);
	device_post(&s->dev, command);
}

void
sim_device_done(struct sim_device *s, enum dev_event event, uint32_t attempt)
{
	if (!s->closing)
		(void)device_step(&s->dev, event, attempt);
}

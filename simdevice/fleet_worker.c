// SPDX-License-Identifier: Apache-2.0
// One thread of the fleet. Device i of the plan belongs to worker i % workers, so a seed replays.
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "fleet.h"
#include "sim_device.h"

enum { SLICE_MS = 100 };

struct fleet_device {
	struct sim_device *sim;
	struct fleet_worker *worker;
	uint64_t planned_ns;
	uint64_t phase_began_ns; // the planned start, then the end of the phase before
	uint64_t release_ns;	 // end of its hold
	size_t phase;		 // index into the options' phases
	struct fleet_device *prev, *next;
};

struct fleet_worker {
	struct fleet *fleet;
	unsigned number;
	void (*done)(void *ctx);
	void *done_ctx;
	pthread_t thread;
	uv_loop_t loop;
	uv_timer_t slice_timer; // looks whether all shall stop, and how busy the loop was
	uint64_t slice_start_ns;
	uint64_t slice_idle_ns;
	uv_timer_t arrival_timer;
	uv_timer_t hold_timer;
	uv_check_t reaper;
	struct log log;
	struct worker worker;
	struct fleet_stats *stats;
	uint64_t next; // in the plan
	unsigned in_flight;
	unsigned window; // 0 = no limit
	bool window_was_full;
	bool stopping;
	bool closed;
	struct why why; // the worker could not start
	struct fleet_device *running;
	struct fleet_device *holding; // in the order of their release
	struct fleet_device *dead;
};

static void on_arrival(uv_timer_t *timer);

static uint64_t
stride(const struct fleet_worker *w)
{
	return w->fleet->options->workers * w->fleet->options->shard.count;
}

static bool
all_launched(const struct fleet_worker *w)
{
	return w->stopping || w->next >= w->fleet->options->devices;
}

static void
close_if_done(struct fleet_worker *w)
{
	if (w->closed || !all_launched(w) || w->running || w->holding || w->dead)
		return;
	w->closed = true;
	w->stats->unexpected = w->worker.unexpected;
	worker_fini(&w->worker);
	uv_close((uv_handle_t *)&w->slice_timer, NULL);
	uv_close((uv_handle_t *)&w->arrival_timer, NULL);
	uv_close((uv_handle_t *)&w->hold_timer, NULL);
	uv_close((uv_handle_t *)&w->reaper, NULL);
}

// Devices end inside their own callbacks; they are freed after them.
static void
on_reap(uv_check_t *check)
{
	struct fleet_worker *w = check->data;
	struct fleet_device *fd, *temp;
	DL_FOREACH_SAFE (w->dead, fd, temp) {
		DL_DELETE(w->dead, fd);
		sim_device_free(fd->sim);
		free(fd);
	}
	uv_check_stop(check);
	close_if_done(w);
}

static void
bury(struct fleet_device *fd)
{
	struct fleet_worker *w = fd->worker;
	DL_APPEND(w->dead, fd);
	uv_check_start(&w->reaper, on_reap);
}

// The device is through, for better or worse.
static void
end(struct fleet_device *fd, bool failed)
{
	struct fleet_worker *w = fd->worker;
	DL_DELETE(w->running, fd);
	w->stats->done += !failed;
	w->stats->failed += failed;
	atomic_fetch_add(failed ? &w->fleet->failed : &w->fleet->done, 1);
	bury(fd);
}

// Its place in the window is free.
static void
leave_window(struct fleet_worker *w)
{
	w->in_flight--;
	if (w->window_was_full)
		uv_timer_start(&w->arrival_timer, on_arrival, 0, 0);
}

static void on_hold_over(uv_timer_t *timer);

static void
arm_hold(struct fleet_worker *w)
{
	if (!w->holding)
		return;
	uint64_t now = clock_mono_ns();
	uint64_t at = w->holding->release_ns;
	uv_timer_start(&w->hold_timer, on_hold_over, at > now ? (at - now) / NS_PER_MS + 1 : 0, 0);
}

static void
run_phase(struct fleet_device *fd, bool inside)
{
	const struct fleet_options *o = fd->worker->fleet->options;
	static const enum dev_event event_of[PHASE_COUNT] = {
#define X(id, event, name) [PHASE_##id] = event,
		DEVICE_PHASES(X)
#undef X
	};
	enum dev_event event = event_of[o->phases[fd->phase]];
	if (inside)
		sim_device_next(fd->sim, event, o->retries);
	else
		(void)sim_device_command(fd->sim, event, o->retries);
}

static void
lifecycle_done(struct fleet_device *fd, uint64_t now)
{
	struct fleet_worker *w = fd->worker;
	w->stats->last_end_ns = now;
	hist_record(&w->stats->lifecycle, (now - fd->planned_ns) / 1000);
}

// The links are up. With a hold, decommissioning (if asked for) comes after it.
static void
hold(struct fleet_device *fd)
{
	struct fleet_worker *w = fd->worker;
	fd->release_ns = clock_mono_ns() + (uint64_t)(w->fleet->options->hold_s * 1e9);
	DL_DELETE(w->running, fd);
	DL_APPEND(w->holding, fd);
	leave_window(w);
	if (w->holding == fd)
		arm_hold(w);
}

static void
on_hold_over(uv_timer_t *timer)
{
	struct fleet_worker *w = timer->data;
	uint64_t now = clock_mono_ns();
	const struct fleet_options *o = w->fleet->options;
	bool wants_session = false;
	for (size_t i = 0; i < o->n_phases; i++)
		wants_session |= o->phases[i] == PHASE_CONNECT;
	while (w->holding && (w->holding->release_ns <= now || w->stopping)) {
		struct fleet_device *fd = w->holding;
		DL_DELETE(w->holding, fd);
		DL_APPEND(w->running, fd);
		fd->phase_began_ns = now;
		w->stats->sessions_down += wants_session && !fd->sim->dev.session_up;
		if (fd->phase < o->n_phases && !w->stopping) {
			w->in_flight++;
			run_phase(fd, false);
		} else {
			(void)device_step(&fd->sim->dev, EV_STOP, 0);
			end(fd, false);
		}
	}
	arm_hold(w);
}

static bool
holds_now(const struct fleet_device *fd)
{
	const struct fleet_options *o = fd->worker->fleet->options;
	if (o->hold_s <= 0 || fd->release_ns)
		return false;
	return fd->phase >= o->n_phases || o->phases[fd->phase] == PHASE_RETIRE;
}

static void
on_phase_end(struct sim_device *s, enum dev_phase phase, bool failed)
{
	struct fleet_device *fd = s->owner_ctx;
	struct fleet_worker *w = fd->worker;
	uint64_t now = clock_mono_ns();
	w->stats->retries += s->dev.tries > 1 ? s->dev.tries - 1 : 0;
	if (failed) {
		fleet_stats_add_failure(w->stats, phase, s->dev.failure);
		w->stats->last_end_ns = now;
		leave_window(w);
		end(fd, true);
		return;
	}
	hist_record(&w->stats->phases[phase], (now - fd->phase_began_ns) / 1000);
	fd->phase_began_ns = now;
	fd->phase++;
	bool holds = holds_now(fd);
	if (holds || (fd->phase >= w->fleet->options->n_phases && !fd->release_ns))
		lifecycle_done(fd, now);
	if (holds) {
		hold(fd);
	} else if (fd->phase < w->fleet->options->n_phases) {
		run_phase(fd, true);
	} else {
		leave_window(w);
		end(fd, false);
	}
}

static void
on_state(struct sim_device *s, enum dev_state from)
{
	struct fleet_device *fd = s->owner_ctx;
	bool was_up = from == ST_ONLINE || from == ST_REACHABLE;
	if (was_up && s->dev.state == ST_BACKOFF_CONNECT)
		fd->worker->stats->sessions_lost++;
}

static const struct sim_owner owner = {
	.on_phase_end = on_phase_end,
	.on_state = on_state,
};

static void
launch(struct fleet_worker *w, uint64_t index, uint64_t planned_ns)
{
	const struct fleet_options *o = w->fleet->options;
	char id[DEVICE_ID_MAX + 32];
	struct why why = {0};
	snprintf(id, sizeof(id), "%s%llu", o->prefix, (unsigned long long)index + 1);
	struct fleet_device *fd = calloc(1, sizeof(*fd));
	w->stats->started++;
	atomic_fetch_add(&w->fleet->started, 1);
	if (!fd || sim_device_new(&fd->sim, &w->worker, id, &owner, fd, &why)) {
		struct failure f = {.layer = LAYER_USAGE, .kind = "device", .why = why};
		fleet_stats_add_failure(w->stats, o->phases[0], &f);
		w->stats->failed++;
		atomic_fetch_add(&w->fleet->failed, 1);
		free(fd);
		return;
	}
	fd->worker = w;
	fd->planned_ns = fd->phase_began_ns = planned_ns;
	fd->sim->dev.keep_session = o->hold_s > 0;
	DL_APPEND(w->running, fd);
	w->in_flight++;
	run_phase(fd, false);
}

static void
count_start(struct fleet_worker *w, uint64_t lag_ns)
{
	if (w->window_was_full) {
		w->stats->held_back++;
		return;
	}
	hist_record(&w->stats->lag, lag_ns / 1000);
	w->stats->late += lag_ns / 1000 >= LATE_START_US;
}

// Starts everything whose time has come, as far as the window allows.
static void
launch_due(struct fleet_worker *w)
{
	while (!all_launched(w)) {
		uint64_t now = clock_mono_ns();
		uint64_t planned = w->fleet->start_ns + w->fleet->arrivals[w->next];
		if (planned > now) {
			w->window_was_full = false;
			uv_timer_start(&w->arrival_timer, on_arrival, (planned - now) / NS_PER_MS,
				       0);
			return;
		}
		if (w->window && w->in_flight >= w->window) {
			w->window_was_full = true;
			return;
		}
		count_start(w, now - planned);
		uint64_t index = w->next;
		w->next += stride(w);
		launch(w, index, planned);
	}
	close_if_done(w);
}

static void
on_arrival(uv_timer_t *timer)
{
	launch_due(timer->data);
}

static void
judge_slice(struct fleet_worker *w)
{
	uint64_t now = clock_mono_ns(), idle = uv_metrics_idle_time(&w->loop);
	uint64_t lasted = now - w->slice_start_ns, waited = idle - w->slice_idle_ns;
	bool watched = w->slice_start_ns && (w->in_flight || !all_launched(w));
	w->slice_start_ns = now;
	w->slice_idle_ns = idle;
	if (!watched)
		return;
	w->stats->watched_us += lasted / 1000;
	if (waited * 100 < lasted * SATURATED_IDLE_PERCENT)
		w->stats->saturated_us += lasted / 1000;
}

static void
on_slice(uv_timer_t *timer)
{
	struct fleet_worker *w = timer->data;
	judge_slice(w);
	if (!atomic_load(&w->fleet->stop) || w->stopping)
		return;
	w->stopping = true;
	struct fleet_device *fd, *temp;
	DL_FOREACH_SAFE (w->running, fd, temp)
		(void)device_step(&fd->sim->dev, EV_STOP, 0);
	uv_timer_start(&w->hold_timer, on_hold_over, 0, 0);
	close_if_done(w);
}

static void
init_handles(struct fleet_worker *w)
{
	uv_timer_init(&w->loop, &w->slice_timer);
	uv_timer_init(&w->loop, &w->arrival_timer);
	uv_timer_init(&w->loop, &w->hold_timer);
	uv_check_init(&w->loop, &w->reaper);
	w->slice_timer.data = w->arrival_timer.data = w->hold_timer.data = w->reaper.data = w;
}

static void *
run(void *arg)
{
	struct fleet_worker *w = arg;
	const struct fleet_options *o = w->fleet->options;
	enum err err =
		worker_init(&w->worker, &w->loop, w->fleet->config, o->seed,
			    o->shard.index * FLEET_WORKERS_MAX + w->number, &w->log, &w->why);
	if (!err) {
		uv_timer_start(&w->slice_timer, on_slice, 0, SLICE_MS);
		uv_timer_start(&w->arrival_timer, on_arrival, 0, 0);
		uv_run(&w->loop, UV_RUN_DEFAULT);
	}
	w->done(w->done_ctx);
	return NULL;
}

enum err
fleet_worker_start(struct fleet_worker **out, struct fleet *fleet, unsigned number,
		   void (*done)(void *ctx), void *ctx, struct why *why)
{
	const struct fleet_options *o = fleet->options;
	struct fleet_worker *w = calloc(1, sizeof(*w));
	if (!w || !(w->stats = fleet_stats_new()) || uv_loop_init(&w->loop) != 0) {
		free(w ? w->stats : NULL);
		free(w);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	w->fleet = fleet;
	w->number = number;
	w->done = done;
	w->done_ctx = ctx;
	w->log = log_new("simdevice", LOG_WARN);
	w->next = o->shard.index + number * o->shard.count;
	// Rounded up, so that no worker is left without a place.
	w->window = (o->in_flight + o->workers - 1) / o->workers;
	uv_loop_configure(&w->loop, UV_METRICS_IDLE_TIME);
	init_handles(w);
	if (pthread_create(&w->thread, NULL, run, w) != 0) {
		free(w->stats);
		free(w);
		return why_set(why, ERR_IO, "a worker thread cannot be made");
	}
	*out = w;
	return ERR_OK;
}

struct fleet_stats *
fleet_worker_join(struct fleet_worker *w, struct why *why)
{
	pthread_join(w->thread, NULL);
	struct fleet_stats *stats = w->stats;
	if (why && w->why.err)
		*why = w->why;
	uv_loop_close(&w->loop);
	free(w);
	return stats;
}

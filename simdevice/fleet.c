// SPDX-License-Identifier: Apache-2.0
#include "fleet.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "loop/daemon.h"

enum { PROGRESS_MS = 500 };

enum err
fleet_phases_parse(struct fleet_options *o, const char *list, struct why *why)
{
	static const enum dev_phase known[] = {PHASE_ENROLL, PHASE_CONNECT, PHASE_PUBLISH,
					       PHASE_TUNNEL, PHASE_RENEW,   PHASE_RETIRE};
	o->n_phases = 0;
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",");
		size_t k = 0;
		while (k < N_ELEMENTS(known) && (strlen(dev_phase_name(known[k])) != n ||
						 strncmp(dev_phase_name(known[k]), p, n) != 0))
			k++;
		if (k == N_ELEMENTS(known))
			return why_set(why, ERR_INPUT,
				       "no phase '%.*s'; there are enroll, mqtt, publish, "
				       "wireguard, renew, decommission",
				       (int)n, p);
		if (o->n_phases + 2 > FLEET_PHASES_MAX)
			return why_set(why, ERR_INPUT, "too many phases");
		o->phases[o->n_phases++] = known[k];
		if (known[k] == PHASE_TUNNEL) // up is up when an echo came back
			o->phases[o->n_phases++] = PHASE_PING;
		p += n + (p[n] == ',');
	}
	return o->n_phases ? ERR_OK : why_set(why, ERR_INPUT, "no phases");
}

struct run {
	struct fleet fleet;
	uv_loop_t loop;
	uv_signal_t on_int;
	uv_signal_t on_term;
	uv_timer_t progress;
	uv_async_t worker_done;
	bool interrupted;
};

static void
on_signal(uv_signal_t *handle, int number)
{
	struct run *r = handle->data;
	(void)number;
	r->interrupted = true;
	atomic_store(&r->fleet.stop, true);
}

static void
on_progress(uv_timer_t *timer)
{
	struct run *r = timer->data;
	uint64_t now = clock_mono_ns();
	double s = now > r->fleet.start_ns ? (double)(now - r->fleet.start_ns) / 1e9 : 0;
	unsigned long long done = atomic_load(&r->fleet.done);
	fprintf(stdout, "\r%6.1f s  started %llu  done %llu  failed %llu  %.1f/s   ", s,
		(unsigned long long)atomic_load(&r->fleet.started), done,
		(unsigned long long)atomic_load(&r->fleet.failed), s > 0 ? (double)done / s : 0.0);
	fflush(stdout);
}

static void
on_worker_done(uv_async_t *async)
{
	struct run *r = async->data;
	if (atomic_load(&r->fleet.finished) < r->fleet.options->workers)
		return;
	uv_close((uv_handle_t *)&r->on_int, NULL);
	uv_close((uv_handle_t *)&r->on_term, NULL);
	uv_close((uv_handle_t *)&r->progress, NULL);
	uv_close((uv_handle_t *)&r->worker_done, NULL);
}

// On the worker's thread.
static void
tell_done(void *ctx)
{
	struct run *r = ctx;
	atomic_fetch_add(&r->fleet.finished, 1);
	uv_async_send(&r->worker_done);
}

static void
init_handles(struct run *r)
{
	uv_loop_init(&r->loop);
	uv_signal_init(&r->loop, &r->on_int);
	uv_signal_init(&r->loop, &r->on_term);
	uv_timer_init(&r->loop, &r->progress);
	uv_async_init(&r->loop, &r->worker_done, on_worker_done);
	r->on_int.data = r->on_term.data = r->progress.data = r->worker_done.data = r;
	uv_signal_start(&r->on_int, on_signal, SIGINT);
	uv_signal_start(&r->on_term, on_signal, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	if (isatty(STDOUT_FILENO))
		uv_timer_start(&r->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
}

static enum err
run_workers(struct run *r, struct fleet_stats *total, struct why *why)
{
	struct fleet_worker *workers[FLEET_WORKERS_MAX];
	unsigned n = 0;
	enum err err = ERR_OK;
	while (!err && n < r->fleet.options->workers) {
		err = fleet_worker_start(&workers[n], &r->fleet, n, tell_done, r, why);
		n += !err;
	}
	if (err) { // those that run are told to stop; the loop waits for as many as there are
		atomic_store(&r->fleet.stop, true);
		atomic_fetch_add(&r->fleet.finished, r->fleet.options->workers - n);
		uv_async_send(&r->worker_done);
	}
	uv_run(&r->loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < n; i++) {
		struct fleet_stats *stats = fleet_worker_join(workers[i], why);
		fleet_stats_merge(total, stats);
		free(stats);
	}
	uv_loop_close(&r->loop);
	return err || why->err ? ERR_INTERNAL : ERR_OK;
}

int
fleet_verdict(const struct fleet_result *r)
{
	const struct fleet_stats *s = r->stats;
	bool saturated = s->saturated_us >= SATURATED_US_MIN &&
			 s->saturated_us * 100 > s->watched_us * SATURATED_PERCENT_MAX;
	if (s->late * 100 > s->started || saturated)
		return 4;
	return s->failed || r->interrupted ? 1 : 0;
}

int
fleet_run(const struct sim_config *config, const struct fleet_options *options, struct why *why)
{
	struct run r = {
		.fleet = {.options = options, .config = config}
	       };
	struct arrival_plan plan = {.shape = options->shape,
				    .n = options->devices,
				    .rate = options->rate,
				    .ramp_s = options->ramp_s,
				    .seed = options->seed};
	struct fleet_stats *total = fleet_stats_new();
	if (!total || arrivals_plan(&r.fleet.arrivals, &plan, why)) {
		free(total);
		return 2;
	}
	(void)daemon_raise_fd_limit();
	init_handles(&r);
	uint64_t cpu = clock_process_cpu_ns();
	r.fleet.start_ns = clock_mono_ns();
	enum err err = run_workers(&r, total, why);
	uint64_t end = total->last_end_ns ? total->last_end_ns : clock_mono_ns();
	struct fleet_result result = {.options = options,
				      .stats = total,
				      .seconds = (double)(end - r.fleet.start_ns) / 1e9,
				      .cpu_ms = (double)(clock_process_cpu_ns() - cpu) / 1e6,
				      .interrupted = r.interrupted};
	int code = err ? 1 : fleet_verdict(&result);
	if (!err)
		fleet_report_print(stdout, &result);
	if (!err && options->json && fleet_report_write(&result, options->json, why))
		code = 1;
	free(total);
	free(r.fleet.arrivals);
	return code;
}

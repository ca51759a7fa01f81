// SPDX-License-Identifier: Apache-2.0
#include "single.h"

#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "hint.h"
#include "sim_device.h"

struct single {
	const struct single_options *options;
	uv_loop_t loop;
	uv_timer_t hold;
	uv_check_t reaper;
	uv_signal_t on_int;
	uv_signal_t on_term;
	struct worker worker;
	struct sim_device *sim;
	size_t phase;
	uint64_t began_ns;
	int code;
	bool closing;
};

static void
close_all(struct single *s)
{
	if (s->closing)
		return;
	s->closing = true;
	sim_device_free(s->sim);
	worker_fini(&s->worker);
	uv_close((uv_handle_t *)&s->hold, NULL);
	uv_close((uv_handle_t *)&s->reaper, NULL);
	uv_close((uv_handle_t *)&s->on_int, NULL);
	uv_close((uv_handle_t *)&s->on_term, NULL);
}

// The end comes inside the device's own callback; it is freed after it.
static void
on_reap(uv_check_t *check)
{
	close_all(check->data);
}

static void
on_hold_over(uv_timer_t *timer)
{
	close_all(timer->data);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	close_all(handle->data);
}

static void
print_identity(const struct sim_device *s, double ms)
{
	char serial[CERT_SERIAL_CHARS + 1] = "";
	int64_t from = 0, until = 0;
	char until_text[CLOCK_RFC3339_BYTES] = "";
	if (!cert_serial(serial, s->identity.leaf) &&
	    !cert_validity(&from, &until, s->identity.leaf))
		clock_format_rfc3339(until_text, (uint64_t)until * NS_PER_S, 0);
	char address[IP4_TEXT_BYTES] = "none";
	if (s->identity.tunnel)
		ip4_print(address, ip4_of_prefix(&s->identity.tunnel->address));
	printf("enroll: %s%s: certificate %s until %s, tunnel address %s (%.0f ms)\n", s->dev.id,
	       s->dev.tries ? "" : " was enrolled already", serial, until_text, address, ms);
}

static void
print_success(const struct single *single, enum dev_phase phase)
{
	const struct sim_device *s = single->sim;
	double ms = ms_since(single->began_ns);
	if (phase == PHASE_ENROLL) {
		print_identity(s, ms);
	} else if (phase == PHASE_CONNECT) {
		printf("mqtt: connected to %s port %u (%.0f ms)\n", s->worker->config->mqtt_host,
		       s->worker->config->mqtt_port, ms);
	} else if (phase == PHASE_PING) {
		char server[IP4_TEXT_BYTES];
		ip4_print(server, tunnel_server_address(s->identity.tunnel));
		printf("ping: %s answered through the tunnel in %.2f ms\n", server,
		       s->tunnel_report.rtt_ms);
	} else {
		printf("%s: done (%.0f ms)\n", dev_phase_name(phase), ms);
	}
	fflush(stdout);
}

static void
print_failure(const struct single *single, enum dev_phase phase)
{
	const struct failure *f = single->sim->dev.failure;
	fprintf(single->options->complaints,
		"simdevice: %s failed for %s: %s\n  what to check: %s\n", dev_phase_name(phase),
		single->sim->dev.id, f->why.text, hint_for(phase, f));
}

static enum dev_event
event_of(enum dev_phase phase)
{
	static const enum dev_event events[PHASE_COUNT] = {
#define X(id, event, name) [PHASE_##id] = event,
		DEVICE_PHASES(X)
#undef X
	};
	return events[phase];
}

static void
finish(struct single *single)
{
	if (single->code == 0 && single->options->hold_s > 0)
		uv_timer_start(&single->hold, on_hold_over,
			       (uint64_t)(single->options->hold_s * 1000), 0);
	else
		uv_check_start(&single->reaper, on_reap);
}

static void
on_phase_end(struct sim_device *s, enum dev_phase phase, bool failed)
{
	struct single *single = s->owner_ctx;
	const struct single_options *o = single->options;
	if (failed) {
		print_failure(single, phase);
		single->code = 1;
		finish(single);
		return;
	}
	if (!o->quiet)
		print_success(single, phase);
	single->began_ns = clock_mono_ns();
	if (++single->phase < o->n_phases)
		sim_device_next(s, event_of(o->phases[single->phase]), o->retries);
	else
		finish(single);
}

static const struct sim_owner owner = {
	.on_phase_end = on_phase_end,
};

static void
on_start(uv_timer_t *timer)
{
	struct single *single = timer->data;
	const struct single_options *o = single->options;
	struct sim_device *s = single->sim;
	single->began_ns = clock_mono_ns();
	if (sim_device_command(s, event_of(o->phases[0]), o->retries))
		return;
	const struct failure *f = s->dev.failure;
	fprintf(o->complaints, "simdevice: %s is not possible: %s\n  what to check: %s\n",
		dev_phase_name(o->phases[0]), f ? f->why.text : dev_state_text(s->dev.state),
		"the device must be enrolled first: simdevice enroll --dir the same folder");
	single->code = 1;
	close_all(single);
}

static void
init_handles(struct single *s)
{
	uv_timer_init(&s->loop, &s->hold);
	uv_check_init(&s->loop, &s->reaper);
	uv_signal_init(&s->loop, &s->on_int);
	uv_signal_init(&s->loop, &s->on_term);
	s->hold.data = s->reaper.data = s->on_int.data = s->on_term.data = s;
	uv_signal_start(&s->on_int, on_signal, SIGINT);
	uv_signal_start(&s->on_term, on_signal, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
}

int
single_run(const struct sim_config *config, const struct single_options *options)
{
	struct single single = {.options = options};
	struct single *s = &single;
	struct why why = {0};
	uv_loop_init(&s->loop);
	enum err err =
		worker_init(&s->worker, &s->loop, config, rng_system_seed(), 0, options->log, &why);
	if (!err)
		err = sim_device_new(&s->sim, &s->worker, options->id, &owner, s, &why);
	if (err) {
		fprintf(options->complaints, "simdevice: %s\n", why.text);
		return 1;
	}
	init_handles(s);
	uv_timer_start(&s->hold, on_start, 0, 0);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	uv_loop_close(&s->loop);
	return s->code;
}

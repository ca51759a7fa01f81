// SPDX-License-Identifier: Apache-2.0
#include "runner/bench.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "runner/mem.h"

enum {
	EXIT_BY_SECOND_SIGNAL = 130,
	CLOSE_TURNS = 200,
};

static void
on_signal(uv_signal_t *handle, int signum)
{
	(void)signum;
	struct bench *b = handle->data;
	// Children die with us (PR_SET_PDEATHSIG).
	if (++b->interrupts > 1)
		_exit(EXIT_BY_SECOND_SIGNAL);
}

static void
on_timer(uv_timer_t *timer)
{
	(void)timer; // its purpose is to wake the loop up
}

// A timer of this very turn may have done what is waited for: the loop must not go to sleep then.
static void
on_before_poll(uv_prepare_t *prepare)
{
	const struct bench *b = prepare->data;
	if (b->done && b->done(b->done_ctx))
		uv_stop(prepare->loop);
}

static void
watch_signal(struct bench *b, uv_signal_t *handle, int signum)
{
	uv_signal_init(&b->loop, handle);
	handle->data = b;
	uv_signal_start(handle, on_signal, signum);
	uv_unref((uv_handle_t *)handle);
}

enum err
bench_init(struct bench *b, struct why *why)
{
	*b = (struct bench){0};
	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&b->loop) < 0)
		return why_set(why, ERR_IO, "cannot make an event loop");
	uv_timer_init(&b->loop, &b->timer);
	uv_prepare_init(&b->loop, &b->before_poll);
	b->before_poll.data = b;
	uv_prepare_start(&b->before_poll, on_before_poll);
	uv_unref((uv_handle_t *)&b->before_poll);
	watch_signal(b, &b->on_int, SIGINT);
	watch_signal(b, &b->on_term, SIGTERM);
	return http_client_new(&b->http, &b->loop, why);
}

void
bench_fini(struct bench *b)
{
	if (b->http)
		http_client_free(b->http);
	uv_close((uv_handle_t *)&b->timer, NULL);
	uv_close((uv_handle_t *)&b->before_poll, NULL);
	uv_close((uv_handle_t *)&b->on_int, NULL);
	uv_close((uv_handle_t *)&b->on_term, NULL);
	// Whoever was freed before closes its handles on the next turns.
	for (int i = 0; i < CLOSE_TURNS && uv_loop_close(&b->loop) == UV_EBUSY; i++)
		uv_run(&b->loop, UV_RUN_NOWAIT);
}

uint64_t
bench_deadline(uint64_t ms)
{
	return clock_mono_ns() + ms * NS_PER_MS;
}

enum err
bench_wait_through(struct bench *b, bool (*done)(void *ctx), void *ctx, uint64_t deadline_ns)
{
	for (;;) {
		if (done && done(ctx))
			return ERR_OK;
		uint64_t now = clock_mono_ns();
		if (now >= deadline_ns)
			return ERR_TIMEOUT;
		uv_update_time(&b->loop);
		uv_timer_start(&b->timer, on_timer, (deadline_ns - now) / NS_PER_MS + 1, 0);
		b->done = done;
		b->done_ctx = ctx;
		uv_run(&b->loop, UV_RUN_ONCE);
		b->done = NULL;
		uv_timer_stop(&b->timer);
	}
}

struct wait {
	struct bench *bench;
	bool (*done)(void *ctx);
	void *ctx;
};

static bool
done_or_interrupted(void *ctx)
{
	const struct wait *w = ctx;
	return w->bench->interrupts || (w->done && w->done(w->ctx));
}

enum err
bench_wait(struct bench *b, bool (*done)(void *ctx), void *ctx, uint64_t deadline_ns)
{
	struct wait wait = {b, done, ctx};
	if (b->limit_ns && b->limit_ns < deadline_ns)
		deadline_ns = b->limit_ns;
	enum err err = bench_wait_through(b, done_or_interrupted, &wait, deadline_ns);
	return b->interrupts ? ERR_CANCELLED : err;
}

// --- HTTP ---

struct pending {
	struct bench_answer *out;
	bool done;
};

static void
on_answer(const struct http_answer *a, void *ctx)
{
	struct pending *p = ctx;
	p->done = true;
	p->out->err = a->err;
	p->out->why = a->why;
	p->out->status = a->status;
	p->out->time_ms = (double)a->total_ns / 1e6;
	if (a->err != ERR_OK)
		return;
	p->out->body = mem_ndup(a->body.n ? (const char *)a->body.p : "", a->body.n);
	p->out->n = a->body.n;
	p->out->content_type = a->content_type ? mem_dup(a->content_type) : NULL;
	p->out->retry_after = a->retry_after ? mem_dup(a->retry_after) : NULL;
}

static bool
is_done(void *ctx)
{
	return ((struct pending *)ctx)->done;
}

void
bench_http(struct bench *b, const struct http_request *r, struct bench_answer *out)
{
	struct pending pending = {.out = out};
	struct http_call *call;
	*out = (struct bench_answer){0};
	out->err = http_call_start(&call, b->http, r, on_answer, &pending);
	if (out->err != ERR_OK) {
		why_set(&out->why, out->err, "%s %s cannot be started: %s", r->method, r->url,
			err_text(out->err));
		return;
	}
	// The call has its own timeout; this one only guards against a client that forgets to call
	// back.
	enum err err = bench_wait(b, is_done, &pending, bench_deadline(r->timeout_ms + 15000));
	if (err == ERR_OK)
		return;
	http_call_cancel(call);
	out->err = why_set(&out->why, err, "%s %s: %s", r->method, r->url, err_text(err));
}

void
bench_answer_fini(struct bench_answer *a)
{
	free(a->body);
	free(a->content_type);
	free(a->retry_after);
	*a = (struct bench_answer){0};
}

json_t *
bench_answer_json(const struct bench_answer *a)
{
	return a->body ? json_loadb(a->body, a->n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)
		       : NULL;
}

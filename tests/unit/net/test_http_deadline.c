// SPDX-License-Identifier: Apache-2.0
// Clients whose requests never end: a byte now and then, in the head or in the body.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "net/stream.h"
#include "net_fixture.h"

enum {
	BODY_BYTES = 30000,
	PAUSE_MS = 5,
};

struct dribbler {
	struct stream *stream;
	const char *head; // sent at once
	uv_timer_t timer;
	size_t sent;
	bool closed;
};

static void
on_tick(uv_timer_t *timer)
{
	struct dribbler *d = timer->data;
	if (d->sent++ < BODY_BYTES)
		cr_assert(stream_write(d->stream, BYTES("a", 1)) == ERR_OK);
}

static void
on_open(struct stream *s, void *ctx)
{
	struct dribbler *d = ctx;
	cr_assert(stream_write(s, BYTES_STR(d->head)) == ERR_OK);
	uv_timer_start(&d->timer, on_tick, PAUSE_MS, PAUSE_MS);
}

static void
on_data(struct stream *s, struct bytes data, void *ctx)
{
	(void)s;
	(void)data;
	(void)ctx;
}

static void
on_close(struct stream *s, const struct why *why, void *ctx)
{
	struct dribbler *d = ctx;
	(void)s;
	(void)why;
	d->closed = true;
	uv_timer_stop(&d->timer);
}

static const struct stream_events events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_close,
};

static void
start(struct dribbler *d, struct net_fixture *f, const char *head)
{
	struct addr addr = http_server_addr(f->server);
	*d = (struct dribbler){.head = head};
	uv_timer_init(&f->loop, &d->timer);
	d->timer.data = d;
	cr_assert(stream_connect(&d->stream, &f->loop, "127.0.0.1", addr_port(&addr), f->tls_client,
				 &events, d) == ERR_OK);
}

static void
finish(struct dribbler *d, struct net_fixture *f)
{
	while (!d->closed)
		uv_run(&f->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&d->timer, NULL);
}

static const char endless_body[] =
	"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n";
static const char endless_head[] = "GET /later HTTP/1.1\r\nHost: x\r\nX-Long: ";

static void
is_cut_off(bool tls, const char *head)
{
	struct net_fixture f;
	struct dribbler d;
	net_fixture_init_impatient(&f, tls, 100);
	start(&d, &f, head);
	finish(&d, &f);
	cr_expect(d.sent > 0 && d.sent < BODY_BYTES, "%zu bytes", d.sent);
	net_fixture_fini(&f);
}

Test(http_deadline, a_trickling_body_is_cut_off, .timeout = 60)
{
	is_cut_off(false, endless_body);
	is_cut_off(true, endless_body);
}

Test(http_deadline, a_trickling_head_is_cut_off, .timeout = 60)
{
	is_cut_off(false, endless_head);
	is_cut_off(true, endless_head);
}

// An answer in between does not buy more time for the next request.
Test(http_deadline, a_kept_connection_is_watched_again, .timeout = 60)
{
	is_cut_off(false, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
			  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n");
}

Test(http_deadline, others_are_served_meanwhile, .timeout = 60)
{
	enum { N = 100 };
	static struct dribbler d[N];
	struct net_fixture f;
	net_fixture_init_impatient(&f, false, 100);
	for (size_t i = 0; i < N; i++)
		start(&d[i], &f, i % 2 ? endless_body : endless_head);
	while (http_server_connections(f.server) < N)
		uv_run(&f.loop, UV_RUN_ONCE);
	net_fixture_get(&f, "/later");
	cr_expect(eq(int, f.answer.status, 202), "%s", f.answer.why.text);
	for (size_t i = 0; i < N; i++)
		finish(&d[i], &f);
	net_fixture_get(&f, "/later");
	cr_expect(eq(int, f.answer.status, 202), "%s", f.answer.why.text);
	net_fixture_fini(&f);
}

// The deadline is the client's: how long the handler takes is its own affair.
Test(http_deadline, a_slow_handler_is_not_cut_off, .timeout = 60)
{
	struct net_fixture f;
	net_fixture_init_impatient(&f, false, 1);
	net_fixture_get(&f, "/slow");
	cr_expect(eq(int, f.answer.status, 202), "%s", f.answer.why.text);
	net_fixture_fini(&f);
}

Test(http_deadline, a_flood_that_does_not_tell_its_size_is_cut_off, .timeout = 60)
{
	static char chunk[64 * 1024];
	struct net_fixture f;
	struct dribbler d;
	net_fixture_init(&f, false);
	start(&d, &f,
	      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n");
	size_t sent = 0;
	while (!d.closed) {
		uv_run(&f.loop, UV_RUN_NOWAIT);
		if (!d.closed && uv_is_active((uv_handle_t *)&d.timer) &&
		    stream_pending(d.stream) < sizeof(chunk)) {
			cr_assert(stream_write(d.stream, BYTES(chunk, sizeof(chunk))) == ERR_OK);
			sent += sizeof(chunk);
		}
		cr_assert(sent < 256U * 1024 * 1024, "nobody stops it");
	}
	finish(&d, &f);
	net_fixture_fini(&f);
}

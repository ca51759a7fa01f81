// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream.h"

enum { BULK_BYTES = 3 * 1024 * 1024 };

// Both ends of one plain connection on one loop, with what each has seen.
struct end {
	struct stream *stream;
	struct buf got;
	struct why why;
	bool opened, drained, closed;
	bool echo;
};

struct pair {
	uv_loop_t loop;
	struct listener *listener;
	struct end server, client;
};

static void
on_open(struct stream *s, void *ctx)
{
	(void)s;
	struct end *e = ctx;
	e->opened = true;
}

static void
on_data(struct stream *s, struct bytes data, void *ctx)
{
	struct end *e = ctx;
	cr_assert(buf_append(&e->got, data.p, data.n) == ERR_OK);
	if (e->echo)
		cr_assert(stream_write(s, data) == ERR_OK);
}

static void
on_drain(struct stream *s, void *ctx)
{
	(void)s;
	((struct end *)ctx)->drained = true;
}

static void
on_close(struct stream *s, const struct why *why, void *ctx)
{
	(void)s;
	struct end *e = ctx;
	e->closed = true;
	e->stream = NULL;
	e->why = *why;
}

static const struct stream_events events = {on_open, on_data, on_drain, on_close};

static void *
on_accept(struct stream *s, void *owner)
{
	struct pair *p = owner;
	p->server.stream = s;
	return &p->server;
}

static void
run_until(struct pair *p, const bool *flag)
{
	while (!*flag)
		uv_run(&p->loop, UV_RUN_ONCE);
}

static void
pair_init(struct pair *p)
{
	*p = (struct pair){0};
	uv_loop_init(&p->loop);
	signal(SIGPIPE, SIG_IGN);
	buf_init(&p->server.got, BULK_BYTES);
	buf_init(&p->client.got, BULK_BYTES);
	struct listener_options o = {.events = events, .on_accept = on_accept, .owner = p};
	cr_assert(addr_parse(&o.addr, "127.0.0.1:0", NULL) == ERR_OK);
	cr_assert(listener_new(&p->listener, &p->loop, &o, NULL) == ERR_OK);
	struct addr addr = listener_addr(p->listener);
	cr_assert(stream_connect(&p->client.stream, &p->loop, "127.0.0.1", addr_port(&addr), NULL,
				 &events, &p->client) == ERR_OK);
	run_until(p, &p->client.opened);
	run_until(p, &p->server.opened);
}

static void
pair_fini(struct pair *p)
{
	if (p->server.stream)
		stream_reset(p->server.stream);
	if (p->client.stream)
		stream_reset(p->client.stream);
	listener_free(p->listener);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&p->loop) == 0, "a handle was left open");
	buf_fini(&p->server.got);
	buf_fini(&p->client.got);
}

Test(stream, bulk_comes_back_whole_from_an_echo)
{
	struct pair p;
	pair_init(&p);
	p.server.echo = true;
	uint8_t *bulk = malloc(BULK_BYTES);
	for (size_t i = 0; i < BULK_BYTES; i++)
		bulk[i] = (uint8_t)(i * 31 >> 3);
	cr_assert(stream_write(p.client.stream, BYTES(bulk, BULK_BYTES)) == ERR_OK);
	bool blocked = stream_pending(p.client.stream) > 0; // the kernel may take it all at once
	while (p.client.got.len < BULK_BYTES)
		uv_run(&p.loop, UV_RUN_ONCE);
	cr_assert(memcmp(p.client.got.data, bulk, BULK_BYTES) == 0);
	cr_assert(p.client.drained == blocked, "a blocked write is reported as drained, once");
	cr_assert(stream_pending(p.client.stream) == 0);
	free(bulk);
	pair_fini(&p);
}

Test(stream, close_delivers_what_was_written)
{
	struct pair p;
	pair_init(&p);
	uint8_t *bulk = calloc(1, BULK_BYTES);
	cr_assert(stream_write(p.client.stream, BYTES(bulk, BULK_BYTES)) == ERR_OK);
	stream_close(p.client.stream);
	p.client.stream = NULL;
	run_until(&p, &p.server.closed);
	cr_assert(p.server.why.err == ERR_OK, "%s", p.server.why.text);
	cr_assert(eq(sz, p.server.got.len, BULK_BYTES));
	cr_assert(not(p.client.closed), "the side that closes is not told so");
	free(bulk);
	pair_fini(&p);
}

Test(stream, reset_is_told_as_such)
{
	struct pair p;
	pair_init(&p);
	stream_reset(p.client.stream);
	p.client.stream = NULL;
	run_until(&p, &p.server.closed);
	cr_assert(p.server.why.err == ERR_CLOSED);
	cr_assert(eq(str, p.server.why.text, "Connection reset by peer"));
	pair_fini(&p);
}

Test(stream, a_paused_reader_reads_later)
{
	struct pair p;
	pair_init(&p);
	stream_pause(p.server.stream);
	cr_assert(stream_write(p.client.stream, BYTES_STR("hello")) == ERR_OK);
	for (int i = 0; i < 20; i++)
		uv_run(&p.loop, UV_RUN_NOWAIT);
	cr_assert(p.server.got.len == 0, "%zu bytes were read", p.server.got.len);
	stream_resume(p.server.stream);
	while (p.server.got.len < 5) // ONCE would wait for more after the resume's own turn
		uv_run(&p.loop, UV_RUN_NOWAIT);
	pair_fini(&p);
}

Test(stream, nobody_listens)
{
	struct pair p;
	pair_init(&p);
	struct end lonely = {0};
	cr_assert(stream_connect(&lonely.stream, &p.loop, "127.0.0.1", 1, NULL, &events, &lonely) ==
		  ERR_OK);
	cr_assert(not(lonely.closed), "a callback came from inside stream_connect");
	run_until(&p, &lonely.closed);
	cr_assert(lonely.why.err == ERR_UPSTREAM_DOWN);
	pair_fini(&p);
}

Test(stream, a_name_with_two_addresses_finds_the_one_that_listens)
{
	struct pair p;
	pair_init(&p);
	struct end second = {0};
	struct addr addr = listener_addr(p.listener);
	buf_init(&second.got, 16);
	cr_assert(stream_connect(&second.stream, &p.loop, "localhost", addr_port(&addr), NULL,
				 &events, &second) == ERR_OK);
	while (!second.opened && !second.closed)
		uv_run(&p.loop, UV_RUN_ONCE);
	cr_assert(second.opened, "localhost: %s", second.why.text);
	stream_reset(second.stream);
	pair_fini(&p);
}

Test(stream, closing_before_the_connection_stands_is_safe)
{
	struct pair p;
	pair_init(&p);
	struct end gone = {0};
	struct addr addr = listener_addr(p.listener);
	cr_assert(stream_connect(&gone.stream, &p.loop, "127.0.0.1", addr_port(&addr), NULL,
				 &events, &gone) == ERR_OK);
	stream_close(gone.stream);
	struct end resolving = {0};
	cr_assert(stream_connect(&resolving.stream, &p.loop, "localhost", addr_port(&addr), NULL,
				 &events, &resolving) == ERR_OK);
	stream_close(resolving.stream);
	pair_fini(&p);
	cr_assert(not(gone.closed));
	cr_assert(not(resolving.closed));
}

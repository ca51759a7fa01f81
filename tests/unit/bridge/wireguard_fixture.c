// SPDX-License-Identifier: Apache-2.0
#include "wireguard_fixture.h"

#include <criterion/criterion.h>

#include "base/file.h"

void
wgfx_init(struct wireguard_fixture *w)
{
	*w = (struct wireguard_fixture){0};
	fx_init(&w->fx, "10.8.0.0/24");
	w->fx.wall_clock = true;
	fx_must_open(&w->fx);
}

static void
on_connected(void *ctx)
{
	struct wireguard_fixture *w = ctx;
	w->connected++;
	reconcile_peers(w->reconcile);
}

void
wgfx_open(struct wireguard_fixture *w, const char *server)
{
	struct why why = {0};
	struct wireguard_options o = {
		.loop = &w->fx.loop,
		.log = &w->fx.log,
		.server = server,
		.timeout_ms = w->timeout_ms,
		.on_connected = on_connected,
		.ctx = w,
	};
	cr_assert(wireguard_new(&w->wireguard, &o, &why) == ERR_OK, "%s", why.text);
	struct reconcile_options r = {&w->fx.loop, &w->fx.log, w->fx.store, w->wireguard, 0};
	cr_assert(reconcile_new(&w->reconcile, &r) == ERR_OK);
}

void
wgfx_fini(struct wireguard_fixture *w)
{
	reconcile_free(w->reconcile);
	wireguard_free(w->wireguard);
	store_close(w->fx.store);
	w->fx.store = NULL;
	uv_run(&w->fx.loop, UV_RUN_DEFAULT);
	fx_fini(&w->fx);
}

static void
keep_why(const struct why *why, void *ctx)
{
	*(struct why *)ctx = *why;
}

enum err
wgfx_apply(struct wireguard_fixture *w, const struct wireguard_change *change, struct why *why)
{
	*why = (struct why){.err = ERR_COUNT};
	enum err err = wireguard_apply(w->wireguard, change, keep_why, why);
	while (err == ERR_OK && why->err == ERR_COUNT)
		uv_run(&w->fx.loop, UV_RUN_ONCE);
	return err == ERR_OK ? why->err : err;
}

void
wgfx_wait_connected(struct wireguard_fixture *w, int times)
{
	while (w->connected < times)
		uv_run(&w->fx.loop, UV_RUN_ONCE);
}

char *
wgfx_read(const char *path)
{
	BUF_AUTO struct buf text;
	struct why why = {0};
	buf_init(&text, 64 * 1024 * 1024);
	cr_assert(file_read(&text, path, &why) == ERR_OK, "%s", why.text);
	return buf_steal_str(&text);
}

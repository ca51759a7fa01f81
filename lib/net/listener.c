// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "net/acceptor.h"
#include "net/stream.h"

struct listener {
	struct acceptor *acceptor;
	struct listener_options o;
	uv_loop_t *loop;
};

static void
on_accepted(int take_fd, const struct addr *peer, void *ctx)
{
	struct listener *l = ctx;
	struct stream *s = NULL;
	(void)peer;
	if (stream_accept(&s, l->loop, take_fd, l->o.tls, &l->o.events, NULL) != ERR_OK)
		return;
	void *owner = l->o.on_accept(s, l->o.owner);
	if (owner)
		stream_set_ctx(s, &l->o.events, owner);
	else
		stream_reset(s);
}

enum err
listener_new(struct listener **out, uv_loop_t *loop, const struct listener_options *o,
	     struct why *why)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_NOMEM;
	*l = (struct listener){.o = *o, .loop = loop};
	enum err err = acceptor_new(&l->acceptor, loop, &o->addr, on_accepted, l, why);
	if (err != ERR_OK) {
		free(l);
		return err;
	}
	tls_server_ref(l->o.tls);
	*out = l;
	return ERR_OK;
}

struct addr
listener_addr(const struct listener *l)
{
	return acceptor_addr(l->acceptor);
}

void
listener_free(struct listener *l)
{
	if (!l)
		return;
	acceptor_free(l->acceptor);
	tls_server_unref(l->o.tls);
	free(l);
}

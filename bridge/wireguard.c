// SPDX-License-Identifier: Apache-2.0
#include "bridge/wireguard_backend.h"

#include <assert.h>
#include <stdio.h>

static const struct wireguard_backend *const backends[] = {
	&wireguard_uapi,
	&wireguard_tool,
	&wireguard_file,
};

static const struct wireguard_backend *
find_backend(const char *server, const char **where)
{
	for (size_t i = 0; i < N_ELEMENTS(backends); i++) {
		size_t n = strlen(backends[i]->scheme);
		if (strncmp(server, backends[i]->scheme, n) == 0) {
			*where = server + n;
			return backends[i];
		}
	}
	return NULL;
}

enum err
wireguard_server_check(const char *server, struct why *why)
{
	const char *where;
	const struct wireguard_backend *backend = find_backend(server, &where);
	if (!backend)
		return why_set(why, ERR_INPUT, "must be one of " WIREGUARD_SERVER_FORMS);
	return backend->check(where, why);
}

void
wireguard_init(struct wireguard *w, const struct wireguard_options *o, unsigned default_timeout_ms)
{
	w->loop = o->loop;
	w->log = o->log;
	w->timeout_ms = o->timeout_ms ? o->timeout_ms : default_timeout_ms;
	w->on_connected = o->on_connected;
	w->ctx = o->ctx;
}

enum err
wireguard_new(struct wireguard **out, const struct wireguard_options *o, struct why *why)
{
	const char *where = NULL;
	enum err err = wireguard_server_check(o->server, why);
	if (err != ERR_OK) {
		why_prefix(why, "WG_SERVER=%s", o->server);
		return err;
	}
	const struct wireguard_backend *backend = find_backend(o->server, &where);
	assert(backend);
	TRY(backend->open(out, o, where));
	(*out)->backend = backend;
	return ERR_OK;
}

void
wireguard_free(struct wireguard *w)
{
	if (w)
		w->backend->close(w);
}

bool
wireguard_is_connected(const struct wireguard *w)
{
	return w->connected;
}

void
wireguard_note_connected(struct wireguard *w, const char *where, bool changed)
{
	bool was_connected = w->connected;
	w->connected = true;
	w->complained = false;
	if (!was_connected)
		log_info(w->log, "wireguard.connected", KV_STR("path", where));
	if (w->on_connected && (changed || !was_connected))
		w->on_connected(w->ctx);
}

void
wireguard_note_lost(struct wireguard *w, const struct why *why)
{
	if (!w->complained)
		log_warn(w->log, "wireguard.disconnected", KV_ERR(why->err),
			 KV_STR("why", why->text));
	w->complained = true;
	w->connected = false;
}

// --- requests ---

enum err
wireguard_each_key(const char *keys, enum err (*fn)(const struct wg_key *key, void *ctx), void *ctx)
{
	while (*keys) {
		size_t n = strcspn(keys, " ");
		if (n > 0) {
			struct wg_key key;
			TRY(wg_key_parse(&key, BYTES(keys, n)));
			TRY(fn(&key, ctx));
		}
		keys += n + (keys[n] == ' ');
	}
	return ERR_OK;
}

static enum err
is_a_key(const struct wg_key *key, void *ctx)
{
	(void)key;
	(void)ctx;
	return ERR_OK;
}

// They were checked where they came in. What passes here ends up in command lines and files that
// run as root, so they are checked again.
enum err
wireguard_apply(struct wireguard *w, const struct wireguard_change *change, wireguard_done_fn *done,
		void *ctx)
{
	struct wg_key key;
	TRY(device_id_check(change->device, NULL));
	TRY(wireguard_each_key(change->remove, is_a_key, NULL));
	if (change->public_key) {
		TRY(wg_key_parse(&key, BYTES_STR(change->public_key)));
		if (change->ip == 0)
			return ERR_INPUT;
	}
	return w->backend->apply(w, change, done, ctx);
}

enum err
wireguard_get_peers(struct wireguard *w, wireguard_peers_fn *done, void *ctx)
{
	return w->backend->get(w, done, ctx);
}

// --- lists of peers ---

static int
by_key(const void *a, const void *b)
{
	const struct wireguard_peer *x = a, *y = b;
	return strcmp(x->public_key, y->public_key);
}

void
wireguard_sort_peers(struct wireguard_peer *peers, size_t n)
{
	if (n > 0)
		qsort(peers, n, sizeof(*peers), by_key);
}

struct wireguard_peer *
wireguard_find_peer(struct wireguard_peer *peers, size_t n, const char *public_key)
{
	struct wireguard_peer key;
	snprintf(key.public_key, sizeof(key.public_key), "%s", public_key);
	return n ? bsearch(&key, peers, n, sizeof(key), by_key) : NULL;
}

// SPDX-License-Identifier: Apache-2.0
// WG_SERVER=wg:wg0: runs wg(8), which knows the kernel's interfaces and userspace ones. One run at
// a time; it takes along what has come meanwhile. Keys and addresses are all that ever reaches a
// command line: both may be seen by everybody on the machine.
#include "bridge/wireguard_backend.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/stat.h>
#include <utlist.h>

#include "bridge/wireguard_dump.h"
#include "bridge/wireguard_program.h"
#include "bridge/wireguard_queue.h"
#include "wg/ip.h"

enum {
	TIMEOUT_MS = 10000,
	CHANGES_AT_ONCE = 100,
	ARGUMENTS_BYTES_MAX = 1024 * 1024, // far below what a command line may have (execve(2))
	RETRY_MIN_MS = 100,
	RETRY_MAX_MS = 5000,
	WATCH_MS = 2000,
};

// What tells an interface from another of the same name.
struct identity {
	unsigned index;	       // 0: not in this network namespace
	ino_t socket;	       // of a userspace implementation; 0: none
	struct timespec since; // inode numbers come back
};

struct tool {
	struct wireguard base;
	char interface[IFNAMSIZ];
	struct wireguard_request *queue;
	struct wireguard_request *running;
	size_t alone;			   // so many at the front of the queue go one by one
	struct wireguard_program *program; // NULL: none runs
	bool probe;			   // owed: look whether it is there and tell
	bool probing;			   // the run that runs is that look
	struct identity identity;
	uv_timer_t kick;
	uv_timer_t watch; // looks again for a lost interface, and whether it is another by now
	unsigned retry_ms;
	int open_handles;
};

static void kick(struct tool *t);

// --- command lines ---

// Arguments in a row, each with its terminator.
struct arguments {
	struct buf *text;
	size_t n;
};

static enum err
add_argument(struct arguments *a, const char *text)
{
	a->n++;
	return buf_append(a->text, text, strlen(text) + 1);
}

static enum err
add_removal(const struct wg_key *key, void *ctx)
{
	char text[WG_KEY_CHARS + 1];
	wg_key_print(text, key);
	TRY(add_argument(ctx, "peer"));
	TRY(add_argument(ctx, text));
	return add_argument(ctx, "remove");
}

static enum err
add_change(struct arguments *a, const struct wireguard_change *c)
{
	char address[IP4_TEXT_BYTES], allowed[IP4_TEXT_BYTES + 4];
	TRY(wireguard_each_key(c->remove, add_removal, a));
	if (!c->public_key)
		return ERR_OK;
	ip4_print(address, c->ip);
	snprintf(allowed, sizeof(allowed), "%s/32", address);
	TRY(add_argument(a, "peer"));
	TRY(add_argument(a, c->public_key));
	TRY(add_argument(a, "allowed-ips"));
	return add_argument(a, allowed);
}

static enum err
write_set(struct arguments *a, const struct tool *t)
{
	TRY(add_argument(a, "wg"));
	TRY(add_argument(a, "set"));
	TRY(add_argument(a, t->interface));
	for (const struct wireguard_request *r = t->running; r; r = r->next)
		TRY(add_change(a, &r->change));
	return ERR_OK;
}

static enum err
write_show(struct arguments *a, const struct tool *t)
{
	TRY(add_argument(a, "wg"));
	TRY(add_argument(a, "show"));
	TRY(add_argument(a, t->interface));
	return add_argument(a, "dump");
}

// --- runs ---

static struct identity
identify(const struct tool *t)
{
	char path[64 + IFNAMSIZ];
	struct stat st;
	struct identity id = {.index = if_nametoindex(t->interface)};
	snprintf(path, sizeof(path), "/var/run/wireguard/%s.sock", t->interface);
	if (stat(path, &st) == 0) {
		id.socket = st.st_ino;
		id.since = st.st_ctim;
	}
	return id;
}

static bool
is_same(const struct identity *a, const struct identity *b)
{
	return a->index == b->index && a->socket == b->socket &&
	       a->since.tv_sec == b->since.tv_sec && a->since.tv_nsec == b->since.tv_nsec;
}

// wg(8) has refused something among many: those that it does not mean must not suffer.
static bool
separate(struct tool *t, const struct why *why)
{
	struct wireguard_request *list = t->running, *r;
	if (why->err != ERR_UPSTREAM_REFUSED || !list || list->peers || !list->next)
		return false;
	DL_COUNT(list, r, t->alone);
	DL_CONCAT(list, t->queue);
	t->queue = list;
	t->running = NULL;
	return true;
}

static void
conclude(struct tool *t, const struct why *why, struct wireguard_peer *peers, size_t n)
{
	bool probed = t->probing;
	t->program = NULL;
	t->probing = false;
	if (why->err == ERR_OK) {
		t->retry_ms = RETRY_MIN_MS;
		wireguard_note_connected(&t->base, t->interface, probed);
	} else if (probed || why->err != ERR_UPSTREAM_REFUSED) {
		wireguard_note_lost(&t->base, why);
		t->probe = false;
	}
	if (!separate(t, why))
		wireguard_queue_finish(STEAL(t->running), why, peers, n);
	kick(t);
}

static void
on_run_done(const struct why *why, struct bytes output, void *ctx)
{
	struct tool *t = ctx;
	struct why result = *why;
	struct wireguard_peer *peers = NULL;
	size_t n = 0;
	bool shown = t->probing || t->running->peers;
	if (result.err == ERR_OK && shown)
		result.err = wireguard_dump_parse(&peers, &n, output, &result);
	conclude(t, &result, peers, n);
	free(peers);
}

static enum err
start_program(struct tool *t, struct why *why)
{
	BUF_AUTO struct buf text;
	struct arguments a = {.text = &text};
	buf_init(&text, ARGUMENTS_BYTES_MAX);
	bool shows = !t->running || t->running->peers;
	TRY(shows ? write_show(&a, t) : write_set(&a, t));
	AUTO(free) char *memory = calloc(a.n + 1, sizeof(char *));
	const char **argv = (const char **)(void *)memory;
	if (!argv)
		return ERR_NOMEM;
	const char *argument = (const char *)text.data;
	for (size_t i = 0; i < a.n; i++, argument += strlen(argument) + 1)
		argv[i] = argument;
	return wireguard_program_start(&t->program, t->base.loop, argv, t->base.timeout_ms,
				       on_run_done, t, why);
}

static void
begin_run(struct tool *t)
{
	struct why why = {0};
	t->probing = t->probe;
	t->probe = false;
	if (t->probing)
		t->identity = identify(t);
	else
		t->running = wireguard_queue_take(&t->queue, t->alone ? 1 : CHANGES_AT_ONCE);
	t->alone -= !t->probing && t->alone > 0;
	enum err err = start_program(t, &why);
	if (err == ERR_OK)
		return;
	if (!why.text[0])
		why_set(&why, err, "wg: %s", err_text(err));
	why.err = err;
	conclude(t, &why, NULL, 0);
}

static void
on_kick(uv_timer_t *timer)
{
	struct tool *t = timer->data;
	if (!t->program && (t->queue || t->probe))
		begin_run(t);
}

static void
kick(struct tool *t)
{
	if (!t->program && (t->queue || t->probe))
		uv_timer_start(&t->kick, on_kick, 0, 0);
}

static void
on_watch(uv_timer_t *timer)
{
	struct tool *t = timer->data;
	struct identity now = identify(t);
	unsigned next_ms = WATCH_MS;
	if (!t->base.connected) {
		next_ms = t->retry_ms;
		t->retry_ms = next_ms * 2 < RETRY_MAX_MS ? next_ms * 2 : RETRY_MAX_MS;
	}
	if (!t->base.connected || !is_same(&now, &t->identity)) {
		t->probe = true;
		kick(t);
	}
	uv_timer_start(&t->watch, on_watch, next_ms, 0);
}

// --- the backend ---

// As wg-quick(8) has it, without what wg(8) takes for a word of its own.
static enum err
tool_check(const char *where, struct why *why)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-";
	size_t n = strlen(where);
	if (n == 0 || n >= IFNAMSIZ || strspn(where, allowed) != n || where[0] == '-' ||
	    strcmp(where, ".") == 0 || strcmp(where, "..") == 0)
		return why_set(why, ERR_INPUT,
			       "must be wg:INTERFACE, a name of 1 to %d letters, digits and _=+.- "
			       "such as wg:wg0",
			       IFNAMSIZ - 1);
	if (strcmp(where, "all") == 0 || strcmp(where, "interfaces") == 0)
		return why_set(why, ERR_INPUT, "must be wg:INTERFACE; \"%s\" is a word of wg(8)",
			       where);
	return ERR_OK;
}

static enum err
tool_open(struct wireguard **out, const struct wireguard_options *o, const char *where)
{
	struct tool *t = calloc(1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	wireguard_init(&t->base, o, TIMEOUT_MS);
	snprintf(t->interface, sizeof(t->interface), "%s", where);
	uv_timer_init(t->base.loop, &t->kick);
	uv_timer_init(t->base.loop, &t->watch);
	t->kick.data = t->watch.data = t;
	t->open_handles = 2;
	t->retry_ms = RETRY_MIN_MS;
	// The first look comes from the loop, when everything else is built.
	uv_timer_start(&t->watch, on_watch, 0, 0);
	*out = &t->base;
	return ERR_OK;
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct tool *t = handle->data;
	if (--t->open_handles == 0)
		free(t);
}

static void
tool_close(struct wireguard *base)
{
	struct tool *t = CONTAINER_OF(base, struct tool, base);
	wireguard_program_cancel(STEAL(t->program));
	wireguard_queue_drop(STEAL(t->running));
	wireguard_queue_drop(STEAL(t->queue));
	uv_close((uv_handle_t *)&t->kick, on_handle_closed);
	uv_close((uv_handle_t *)&t->watch, on_handle_closed);
}

static enum err
tool_apply(struct wireguard *base, const struct wireguard_change *change, wireguard_done_fn *done,
	   void *ctx)
{
	struct tool *t = CONTAINER_OF(base, struct tool, base);
	TRY(wireguard_queue_change(&t->queue, change, done, ctx));
	kick(t);
	return ERR_OK;
}

static enum err
tool_get(struct wireguard *base, wireguard_peers_fn *done, void *ctx)
{
	struct tool *t = CONTAINER_OF(base, struct tool, base);
	TRY(wireguard_queue_get(&t->queue, done, ctx));
	kick(t);
	return ERR_OK;
}

const struct wireguard_backend wireguard_tool = {"wg:",	     tool_check, tool_open,
						 tool_close, tool_apply, tool_get};

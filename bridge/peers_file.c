// SPDX-License-Identifier: Apache-2.0
#include "bridge/peers_file.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"

enum {
	CONTENT_MAX = 1024 * 1024 * 1024,
	// After a rewrite nothing is done for this many times its duration, at least PAUSE_MIN_MS:
	// a fleet that enrolls must not spend the machine on rewriting the file.
	PAUSE_FACTOR = 20,
	PAUSE_MIN_MS = 20,
	PAUSE_MAX_MS = 30000,
	PAUSE_FAILED_MS = 5000,
	LOOK_MS = 10000,
};

struct waiter {
	struct waiter *next;
	void (*done)(const struct why *why, void *ctx);
	void *ctx;
};

struct peers_file {
	uv_loop_t *loop;
	const struct log *log;
	struct store *store;
	char path[PATH_MAX];
	uv_work_t work;
	uv_timer_t pause;
	uv_timer_t look; // runs when others change the store too
	bool running;
	bool wanted; // something changed since the running rewrite began
	bool closing;
	unsigned open_timers;
	bool written;
	size_t n_written;	// entries in the file
	struct waiter *served;	// by the rewrite that runs
	struct waiter *waiting; // for the next one
	uv_sem_t rewritten;	// posted by the helper thread at its end
	// Of the rewrite that runs; the helper thread's while it does.
	bool if_changed; // leave the file alone when it would become the same again
	uint64_t digest; // of what was written last; 0 = unknown
	struct why why;
	size_t n_peers;
	uint64_t took_ns;
};

static void start_rewrite(struct peers_file *p);

// --- on the helper thread ---

struct content {
	struct buf text;
	size_t n;
};

static enum err
add_peer(const char *id, uint32_t ip, void *ctx)
{
	struct content *c = ctx;
	char address[IP4_TEXT_BYTES];
	ip4_print(address, ip);
	// Ids are letters, digits and . _ - only (base/id.h): nothing to escape.
	return buf_printf(&c->text, "%s\n  \"%s\": \"%s\"", c->n++ ? "," : "", id, address);
}

static enum err
render(struct peers_file *p, struct content *c)
{
	TRY(buf_append_str(&c->text, "{"));
	TRY(store_scan_peers(p->store, add_peer, c, &p->why));
	return buf_append_str(&c->text, c->n ? "\n}\n" : "}\n");
}

// FNV-1a: tells whether anything has changed, no more.
static uint64_t
digest_of(struct bytes text)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ text.p[i]) * 0x100000001b3;
	return hash;
}

static enum err
replace(struct peers_file *p, struct bytes text)
{
	uint64_t digest = digest_of(text);
	if (p->if_changed && digest == p->digest)
		return ERR_OK;
	p->digest = 0;
	TRY(file_replace(p->path, text, 0644, &p->why));
	p->digest = digest;
	return ERR_OK;
}

static void
rewrite(uv_work_t *work)
{
	struct peers_file *p = CONTAINER_OF(work, struct peers_file, work);
	uint64_t begun = clock_mono_ns();
	struct content c = {0};
	buf_init(&c.text, CONTENT_MAX);
	p->why = (struct why){0};
	enum err err = render(p, &c);
	if (err == ERR_OK)
		err = replace(p, buf_bytes(&c.text));
	if (err != ERR_OK && !p->why.text[0])
		why_set(&p->why, err, "%s: %s", p->path, err_text(err));
	p->why.err = err;
	p->n_peers = c.n;
	buf_fini(&c.text);
	p->took_ns = clock_mono_ns() - begun;
	uv_sem_post(&p->rewritten);
}

// --- on the loop thread ---

static void
free_when_unused(struct peers_file *p)
{
	if (p->open_timers > 0 || p->running)
		return;
	uv_sem_destroy(&p->rewritten);
	free(p);
}

static void
on_closed(uv_handle_t *handle)
{
	struct peers_file *p = handle->data;
	p->open_timers--;
	free_when_unused(p);
}

static void
call_waiters(struct waiter *list, const struct why *why)
{
	while (list) {
		struct waiter *next = list->next;
		list->done(why, list->ctx);
		free(list);
		list = next;
	}
}

static void
on_pause_over(uv_timer_t *timer)
{
	struct peers_file *p = timer->data;
	if (p->wanted && !p->running)
		start_rewrite(p);
}

static void
on_look(uv_timer_t *timer)
{
	struct peers_file *p = timer->data;
	if (!p->running && !uv_is_active((uv_handle_t *)&p->pause))
		start_rewrite(p);
}

static void
pause_before_next(struct peers_file *p)
{
	uint64_t ms = p->took_ns / NS_PER_MS * PAUSE_FACTOR;
	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	if (p->why.err != ERR_OK)
		ms = PAUSE_FAILED_MS;
	if (ms < PAUSE_MIN_MS)
		ms = PAUSE_MIN_MS;
	uv_timer_start(&p->pause, on_pause_over, ms, 0);
}

static void
on_rewritten(uv_work_t *work, int status)
{
	(void)status; // only peers_file_free cancels
	struct peers_file *p = CONTAINER_OF(work, struct peers_file, work);
	p->running = false;
	if (p->closing) {
		free_when_unused(p);
		return;
	}
	uv_sem_wait(&p->rewritten); // it was posted: nothing waits for the next one
	if (p->why.err != ERR_OK) {
		log_error(p->log, "peers_file.failed", KV_STR("why", p->why.text));
		p->wanted = true;
	} else {
		p->written = true;
		p->n_written = p->n_peers;
		log_debug(p->log, "peers_file.written", KV_U64("peers", p->n_peers));
	}
	call_waiters(STEAL(p->served), &p->why);
	pause_before_next(p);
	if (p->waiting)
		start_rewrite(p);
}

static void
start_rewrite(struct peers_file *p)
{
	if (p->closing)
		return;
	p->if_changed = !p->wanted;
	p->running = true;
	p->wanted = false;
	p->served = STEAL(p->waiting);
	uv_timer_stop(&p->pause);
	uv_queue_work(p->loop, &p->work, rewrite, on_rewritten);
}

enum err
peers_file_new(struct peers_file **out, const struct peers_file_options *o, struct why *why)
{
	struct peers_file *p = calloc(1, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	if (snprintf(p->path, sizeof(p->path), "%s/%s", o->folder, PEERS_FILE_NAME) >=
	    (int)sizeof(p->path)) {
		free(p);
		return why_set(why, ERR_INPUT, "WG_DATA_DIR: the path is too long");
	}
	p->loop = o->loop;
	p->log = o->log;
	p->store = o->store;
	int rc = uv_sem_init(&p->rewritten, 0);
	assert(rc == 0);
	uv_timer_init(p->loop, &p->pause);
	uv_timer_init(p->loop, &p->look);
	p->pause.data = p->look.data = p;
	p->open_timers = 2;
	unsigned look_ms = o->look_ms ? o->look_ms : LOOK_MS;
	if (store_is_shared(p->store))
		uv_timer_start(&p->look, on_look, look_ms, look_ms);
	*out = p;
	return ERR_OK;
}

void
peers_file_free(struct peers_file *p)
{
	if (!p)
		return;
	p->closing = true;
	// The helper thread reads the store, which may be gone next.
	if (p->running && uv_cancel((uv_req_t *)&p->work) != 0)
		uv_sem_wait(&p->rewritten);
	struct why why = {.err = ERR_CANCELLED, .text = "the bridge stops"};
	call_waiters(STEAL(p->served), &why);
	call_waiters(STEAL(p->waiting), &why);
	uv_close((uv_handle_t *)&p->pause, on_closed);
	uv_close((uv_handle_t *)&p->look, on_closed);
}

void
peers_file_touch(struct peers_file *p)
{
	p->wanted = true;
	if (!p->running && !uv_is_active((uv_handle_t *)&p->pause))
		uv_timer_start(&p->pause, on_pause_over, 0, 0);
}

void
peers_file_sync(struct peers_file *p, void (*done)(const struct why *why, void *ctx), void *ctx)
{
	struct waiter *w = calloc(1, sizeof(*w));
	if (!w) {
		done(&(struct why){.err = ERR_NOMEM, .text = "out of memory"}, ctx);
		return;
	}
	*w = (struct waiter){.next = p->waiting, .done = done, .ctx = ctx};
	p->waiting = w;
	p->wanted = true;
	// From the timer, so that calls of one loop turn share a rewrite.
	if (!p->running)
		uv_timer_start(&p->pause, on_pause_over, 0, 0);
}

bool
peers_file_count(const struct peers_file *p, size_t *n)
{
	*n = p->n_written;
	return p->written;
}

// --- reading a file of the original bridge ---

static int
by_address(const void *a, const void *b)
{
	const struct peer_entry *x = a, *y = b;
	return x->ip < y->ip ? -1 : x->ip > y->ip;
}

static enum err
read_entry(struct peer_entry *out, const char *id, const json_t *value, const struct pool *pool,
	   struct why *why)
{
	const char *text = json_string_value(value);
	if (!device_id_is_valid(id))
		return why_set(why, ERR_INPUT, "\"%s\" is no device id", id);
	if (!text || ip4_parse(&out->ip, BYTES_STR(text)) != ERR_OK)
		return why_set(why, ERR_INPUT, "\"%s\" has no IPv4 address", id);
	if (!pool_is_assignable(pool, out->ip))
		return why_set(
			why, ERR_INPUT,
			"\"%s\" has %s, which WG_SUBNET cannot give to a device; set WG_SUBNET to "
			"the subnet in use",
			id, text);
	snprintf(out->id, sizeof(out->id), "%s", id);
	return ERR_OK;
}

static enum err
check_unique(struct peer_entry *list, size_t n, struct why *why)
{
	qsort(list, n, sizeof(*list), by_address);
	for (size_t i = 1; i < n; i++) {
		char ip[IP4_TEXT_BYTES];
		ip4_print(ip, list[i].ip);
		if (list[i].ip == list[i - 1].ip)
			return why_set(why, ERR_INPUT, "\"%s\" and \"%s\" both have %s",
				       list[i - 1].id, list[i].id, ip);
	}
	return ERR_OK;
}

static enum err
read_entries(struct peer_entry **out, size_t *n, json_t *root, const struct pool *pool,
	     struct why *why)
{
	AUTO(free) char *memory = calloc(json_object_size(root) + 1, sizeof(struct peer_entry));
	struct peer_entry *list = (struct peer_entry *)(void *)memory;
	const char *id;
	json_t *value;
	size_t count = 0;
	if (!list)
		return ERR_NOMEM;
	json_object_foreach (root, id, value)
		TRY(read_entry(&list[count++], id, value, pool, why));
	TRY(check_unique(list, count, why));
	*n = count;
	*out = list;
	memory = NULL;
	return ERR_OK;
}

enum err
peers_file_read(struct peer_entry **out, size_t *n, const char *path, const struct pool *pool,
		struct why *why)
{
	BUF_AUTO struct buf text;
	buf_init(&text, CONTENT_MAX);
	*out = NULL;
	*n = 0;
	enum err err = file_read(&text, path, why);
	if (err == ERR_NOT_FOUND)
		return ERR_OK;
	TRY(err);
	json_error_t where;
	json_auto_t *root =
		json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(root))
		return why_set(
			why, ERR_INPUT,
			"%s:%d: %s; it must read {\"device-001\": \"10.8.0.2\"}; repair it or move "
			"it away",
			path, where.line, root ? "not an object" : where.text);
	err = read_entries(out, n, root, pool, why);
	if (err == ERR_INPUT)
		why_prefix(why, "%s", path);
	return err;
}

// SPDX-License-Identifier: Apache-2.0
// WG_SERVER=file:/path: the [Peer] blocks of a wg-quick file. One job at a time runs on a helper
// thread and takes along everything that has come meanwhile, so a fleet that enrolls costs few
// rewrites. The file is watched: when somebody else has changed it, whoever listens compares.
#include "bridge/wireguard_backend.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <strings.h>

#include "bridge/wireguard_disk.h"
#include "bridge/wireguard_edit.h"
#include "bridge/wireguard_line.h"
#include "bridge/wireguard_queue.h"

enum {
	TRIES = 10, // while somebody else edits the file too
	CHANGES_AT_ONCE = 4096,
	WATCH_MS = 2000,
	RETRY_MS = 5000, // when it cannot be used although nothing about it changes
	TEMP_CHARS = 8,	 // of the temporary file's suffix
};

// What runs on the helper thread; outlives its owner when that ends meanwhile.
struct job {
	uv_work_t work;
	struct file *owner; // NULL: abandoned
	char path[PATH_MAX];
	bool probe; // reads without being asked by a request
	struct wireguard_request *requests;
	// Results.
	struct why why;
	struct stat seen;
	struct wireguard_peer *peers;
	size_t n_peers;
};

struct file {
	struct wireguard base;
	char path[PATH_MAX];
	struct wireguard_request *queue;
	struct job *job;  // that runs
	bool probe;	  // owed: look whether it is there and tell
	struct stat seen; // as we last read or wrote it
	uv_timer_t kick;  // so that the calls of one loop turn share a job
	uv_fs_poll_t watch;
	int open_handles;
};

// --- on the helper thread ---

// Without one it is no server's file, or somebody is just writing it: what is not there yet must
// not be lost.
static bool
has_interface(struct bytes text)
{
	struct wireguard_line l;
	while (wireguard_line_next(&l, &text))
		if (l.kind == LINE_SECTION && strcasecmp(l.compact, "[Interface]") == 0)
			return true;
	return false;
}

static enum err
make_changes(struct job *j, struct wireguard_disk *d)
{
	AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
	BUF_AUTO struct buf text;
	buf_init(&text, WIREGUARD_EDIT_BYTES_MAX);
	if (!has_interface(buf_bytes(&d->text)))
		return why_set(&j->why, ERR_UPSTREAM_FAULT,
			       "%s has no [Interface]: it is not a server's wg-quick file",
			       j->path);
	TRY(wireguard_edit_new(&e, buf_bytes(&d->text), &j->why));
	for (struct wireguard_request *r = j->requests; r; r = r->next) {
		r->why = (struct why){0};
		r->why.err = wireguard_edit_apply(e, &r->change, &r->why);
		if (r->why.err == ERR_CONFLICT)
			why_prefix(&r->why, "%s", j->path);
		else if (r->why.err != ERR_OK)
			return r->why.err;
	}
	if (!wireguard_edit_is_changed(e))
		return ERR_OK;
	enum err err = wireguard_edit_render(&text, e);
	if (err == ERR_OK)
		err = wireguard_disk_replace(d, buf_bytes(&text), &j->why);
	if (text.data)
		OPENSSL_cleanse(text.data, text.cap);
	return err;
}

static enum err
list_peers(struct job *j, const struct wireguard_disk *d)
{
	AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
	TRY(wireguard_edit_new(&e, buf_bytes(&d->text), &j->why));
	return wireguard_edit_peers(&j->peers, &j->n_peers, e);
}

static void
run_job(uv_work_t *work)
{
	struct job *j = CONTAINER_OF(work, struct job, work);
	WIREGUARD_DISK_AUTO struct wireguard_disk d;
	wireguard_disk_init(&d, WIREGUARD_EDIT_BYTES_MAX);
	bool changes = j->requests && !j->requests->peers;
	enum err err = ERR_CONFLICT;
	for (int i = 0; i < TRIES && err == ERR_CONFLICT; i++) {
		j->why = (struct why){0};
		err = wireguard_disk_read(&d, j->path, &j->why);
		if (err == ERR_OK && changes)
			err = make_changes(j, &d);
		else if (err == ERR_OK && j->requests)
			err = list_peers(j, &d);
	}
	if (err != ERR_OK && !j->why.text[0])
		why_set(&j->why, err, "%s: %s", j->path, err_text(err));
	j->why.err = err;
	j->seen = d.seen;
}

// --- on the loop thread ---

static void begin_job(struct file *f);

static void
job_free(struct job *j)
{
	wireguard_queue_drop(j->requests);
	free(j->peers);
	free(j);
}

static void
on_kick(uv_timer_t *timer)
{
	struct file *f = timer->data;
	if (!f->job && (f->queue || f->probe))
		begin_job(f);
}

static void
kick(struct file *f)
{
	if (!f->job)
		uv_timer_start(&f->kick, on_kick, 0, 0);
}

static void
on_job_done(uv_work_t *work, int status)
{
	(void)status; // nobody cancels
	struct job *j = CONTAINER_OF(work, struct job, work);
	struct file *f = j->owner;
	if (!f) {
		job_free(j);
		return;
	}
	f->job = NULL;
	if (j->why.err == ERR_OK) {
		f->seen = j->seen;
		wireguard_note_connected(&f->base, f->path, j->probe);
	} else {
		wireguard_note_lost(&f->base, &j->why);
		f->probe = true;
	}
	wireguard_queue_finish(STEAL(j->requests), &j->why, j->peers, j->n_peers);
	job_free(j);
	if (f->queue || f->base.connected)
		kick(f);
	else
		uv_timer_start(&f->kick, on_kick, RETRY_MS, 0);
}

static void
begin_job(struct file *f)
{
	struct job *j = calloc(1, sizeof(*j));
	if (!j) {
		struct why why = {.err = ERR_NOMEM, .text = "out of memory"};
		wireguard_queue_finish(STEAL(f->queue), &why, NULL, 0);
		return;
	}
	j->owner = f;
	memcpy(j->path, f->path, sizeof(j->path));
	j->probe = f->probe;
	f->probe = false;
	j->requests = wireguard_queue_take(&f->queue, CHANGES_AT_ONCE);
	f->job = j;
	uv_queue_work(f->base.loop, &j->work, run_job, on_job_done);
}

static bool
is_what_we_saw(const struct file *f, const uv_stat_t *now)
{
	return now->st_ino == f->seen.st_ino && now->st_size == (uint64_t)f->seen.st_size &&
	       now->st_mtim.tv_sec == f->seen.st_mtim.tv_sec &&
	       now->st_mtim.tv_nsec == f->seen.st_mtim.tv_nsec;
}

static void
on_watch(uv_fs_poll_t *watch, int status, const uv_stat_t *before, const uv_stat_t *now)
{
	(void)before;
	struct file *f = watch->data;
	if (status == 0 && is_what_we_saw(f, now))
		return;
	f->probe = true;
	kick(f);
}

static enum err
file_check(const char *where, struct why *why)
{
	size_t n = strlen(where);
	if (where[0] != '/' || where[n - 1] == '/')
		return why_set(
			why, ERR_INPUT,
			"must be file:/path of the WireGuard server's wg-quick file, such as "
			"file:/wg-config/wg0.conf");
	if (n + TEMP_CHARS >= PATH_MAX)
		return why_set(why, ERR_INPUT, "is too long for a path");
	return ERR_OK;
}

static enum err
file_open(struct wireguard **out, const struct wireguard_options *o, const char *where)
{
	struct file *f = calloc(1, sizeof(*f));
	if (!f)
		return ERR_NOMEM;
	wireguard_init(&f->base, o, 0);
	snprintf(f->path, sizeof(f->path), "%s", where);
	uv_timer_init(f->base.loop, &f->kick);
	uv_fs_poll_init(f->base.loop, &f->watch);
	f->kick.data = f->watch.data = f;
	f->open_handles = 2;
	uv_fs_poll_start(&f->watch, on_watch, f->path, WATCH_MS);
	// The first look comes from the loop, when everything else is built.
	f->probe = true;
	kick(f);
	*out = &f->base;
	return ERR_OK;
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct file *f = handle->data;
	if (--f->open_handles == 0)
		free(f);
}

static void
file_close(struct wireguard *base)
{
	struct file *f = CONTAINER_OF(base, struct file, base);
	// A job that runs ends by itself: it replaces the file whole or not at all.
	if (f->job)
		f->job->owner = NULL;
	wireguard_queue_drop(STEAL(f->queue));
	uv_close((uv_handle_t *)&f->kick, on_handle_closed);
	uv_close((uv_handle_t *)&f->watch, on_handle_closed);
}

static enum err
file_apply(struct wireguard *base, const struct wireguard_change *change, wireguard_done_fn *done,
	   void *ctx)
{
	struct file *f = CONTAINER_OF(base, struct file, base);
	TRY(wireguard_queue_change(&f->queue, change, done, ctx));
	kick(f);
	return ERR_OK;
}

static enum err
file_get(struct wireguard *base, wireguard_peers_fn *done, void *ctx)
{
	struct file *f = CONTAINER_OF(base, struct file, base);
	TRY(wireguard_queue_get(&f->queue, done, ctx));
	kick(f);
	return ERR_OK;
}

const struct wireguard_backend wireguard_file = {"file:",    file_check, file_open,
						 file_close, file_apply, file_get};

// SPDX-License-Identifier: Apache-2.0
// Flash: a folder is written on a helper thread (fsync blocks), memory at once. The job goes with
// the write; a device that was freed or rebooted meanwhile is not touched by its end.
#include <stdio.h>
#include <string.h>

#include "act.h"
#include "base/clock.h"

struct write {
	uv_work_t work;
	struct sim_device *s; // NULL: nobody waits any more
	uint32_t attempt;
	char *dir;
	bool sync;
	enum flash_file cut_after;
	struct flash_image image;
	enum err err;
	struct why why;
};

static void
write_free(struct write *w)
{
	flash_image_fini(&w->image);
	free(w->dir);
	free(w);
}

// A renewal and the native dialect bring no tunnel: the old one stays, as its file on flash does.
static void
adopt(struct sim_device *s)
{
	if (!s->job->identity.tunnel)
		s->job->identity.tunnel = STEAL(s->identity.tunnel);
	identity_move(&s->identity, &s->job->identity);
	enroll_job_free(s->job);
	s->job = NULL;
}

// What the write came to. A cut power is told as such: the device then reboots.
static enum dev_event
judge(struct sim_device *s, enum err err, const struct why *why)
{
	if (!err) {
		adopt(s);
		return EV_OK;
	}
	if (err == ERR_CANCELLED)
		return EV_POWER_CUT;
	device_fail(&s->dev, LAYER_FLASH, "write", 0, "%s", why->text);
	return EV_REFUSED;
}

static void
on_write(uv_work_t *work)
{
	struct write *w = CONTAINER_OF(work, struct write, work);
	w->err = flash_write(w->dir, &w->image, w->sync, w->cut_after, &w->why);
}

static void
on_written(uv_work_t *work, int status)
{
	struct write *w = CONTAINER_OF(work, struct write, work);
	struct sim_device *s = w->s;
	if (s)
		s->write = NULL;
	if (s && status == 0 && w->attempt == s->dev.attempt)
		sim_device_done(s, judge(s, w->err, &w->why), w->attempt);
	write_free(w);
}

static enum err
start_write(struct sim_device *s)
{
	struct write *w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	w->s = s;
	w->attempt = s->dev.attempt;
	w->dir = strdup(s->flash_dir);
	w->sync = s->worker->config->flash_sync;
	w->cut_after = sim_device_orders_peek(s)->cut_after;
	w->image = s->job->image;
	s->job->image = (struct flash_image){0};
	if (!w->dir || uv_queue_work(s->worker->loop, &w->work, on_write, on_written) != 0) {
		write_free(w);
		return ERR_NOMEM;
	}
	s->write = w;
	return ERR_OK;
}

void
act_store(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct why why = {0};
	enum err err = ERR_OK;
	if (s->flash_dir) {
		err = start_write(s);
		if (!err)
			return;
	} else if (s->worker->config->keep_flash) {
		err = flash_write_memory(&s->memory, &s->job->image,
					 sim_device_orders_peek(s)->cut_after, &why);
	}
	device_post(d, judge(s, err, &why));
}

void
store_abandon(struct sim_device *s)
{
	if (s->write)
		s->write->s = NULL;
	s->write = NULL;
}

void
act_forget(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct why why = {0};
	free(s->memory.text[FLASH_FLAG]);
	s->memory.text[FLASH_FLAG] = NULL;
	// A flag that stays would keep the device from enrolling again: say so in the log.
	if (s->flash_dir && flash_forget(s->flash_dir, &why))
		log_warn(s->worker->log, "device.forget", KV_STR("dev", d->id),
			 KV_STR("text", why.text));
}

static enum err
load_image(struct sim_device *s, const struct flash_image *flash, struct why *why)
{
	struct worker *w = s->worker;
	if (!flash->text[FLASH_FLAG])
		return ERR_NOT_FOUND;
	AUTO(free) char *root_pem = NULL;
	TRY(identity_load(&s->identity, flash, s->dev.id, w->config->fingerprint, clock_wall_s(),
			  w->issuers, &root_pem, why));
	TRY(worker_set_root(w, root_pem, why));
	s->trusted = true;
	return ERR_OK;
}

enum err
store_load(struct sim_device *s, struct why *why)
{
	identity_fini(&s->identity);
	if (!s->flash_dir)
		return load_image(s, &s->memory, why);
	FLASH_IMAGE_AUTO struct flash_image flash = {0};
	TRY(flash_read(&flash, s->flash_dir, why));
	return load_image(s, &flash, why);
}

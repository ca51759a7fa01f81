// SPDX-License-Identifier: Apache-2.0
#include "bridge/hawkbit.h"

#include <stdio.h>
#include <utlist.h>

#include "base/encode.h"
#include "bridge/store.h"

#define SOURCE "iot-bridge" // who made the target, as target metadata

struct hawkbit {
	struct upstream u;
	const struct log *log;
	struct operation *operations;
};

struct operation {
	struct operation *next, *prev;
	struct hawkbit *h;
	struct http_call *call;
	char id[DEVICE_ID_MAX + 1];
	char device_type[DEVICE_TYPE_CHARS + 1];
	upstream_done_fn *done;
	void *ctx;
};

enum err
hawkbit_new(struct hawkbit **out, const struct upstream *u, const struct log *log)
{
	struct hawkbit *h = calloc(1, sizeof(*h));
	if (!h)
		return ERR_NOMEM;
	h->u = *u;
	h->log = log;
	*out = h;
	return ERR_OK;
}

static void
operation_free(struct operation *o)
{
	DL_DELETE(o->h->operations, o);
	free(o);
}

void
hawkbit_free(struct hawkbit *h)
{
	struct operation *o, *next;
	if (!h)
		return;
	DL_FOREACH_SAFE (h->operations, o, next) {
		http_call_cancel(o->call);
		operation_free(o);
	}
	free(h);
}

static void
finish(struct operation *o, const struct why *why)
{
	upstream_done_fn *done = o->done;
	void *ctx = o->ctx;
	operation_free(o);
	done(why, ctx);
}

static void
finish_ok(struct operation *o)
{
	finish(o, &(struct why){0});
}

static enum err
call(struct operation *o, const char *method, const char *suffix, json_t *take_body,
     http_done_fn *done)
{
	char path[512];
	BUF_AUTO struct buf id;
	buf_init(&id, sizeof(path) / 2);
	enum err err = percent_encode(&id, o->id);
	if (err != ERR_OK) {
		json_decref(take_body);
		return err;
	}
	bool collection = !suffix;
	snprintf(path, sizeof(path), "/rest/v1/targets%s%s%s", collection ? "" : "/",
		 collection ? "" : (const char *)id.data, collection ? "" : suffix);
	return upstream_call(&o->call, &o->h->u, method, path, take_body, NULL, done, o);
}

static enum err
start(struct hawkbit *h, const char *id, const char *device_type, const char *method,
      http_done_fn *first, upstream_done_fn *done, void *ctx)
{
	struct operation *o = calloc(1, sizeof(*o));
	if (!o)
		return ERR_NOMEM;
	*o = (struct operation){.h = h, .done = done, .ctx = ctx};
	snprintf(o->id, sizeof(o->id), "%s", id);
	snprintf(o->device_type, sizeof(o->device_type), "%s", device_type ? device_type : "");
	DL_APPEND(h->operations, o);
	enum err err = call(o, method, "", NULL, first);
	if (err != ERR_OK)
		operation_free(o);
	return err;
}

// Goes on with another call, or ends with the reason why it could not be made.
static void
proceed(struct operation *o, const char *what, enum err started)
{
	struct why why = {0};
	if (started == ERR_OK)
		return;
	why_set(&why, started, "%s: %s: %s", o->h->u.name, what, err_text(started));
	finish(o, &why);
}

static void
on_metadata(const struct http_answer *answer, void *ctx)
{
	struct operation *o = ctx;
	struct why why;
	enum err err = upstream_judge(&why, &o->h->u, "write target metadata", answer);
	if (err != ERR_OK && err != ERR_CONFLICT)
		log_warn(o->h->log, "hawkbit.metadata_failed", KV_STR("controller", o->id),
			 KV_STR("why", why.text));
	finish_ok(o);
}

static void
write_metadata(struct operation *o)
{
	json_t *list = json_pack("[{s:s,s:s}]", "key", "source", "value", SOURCE);
	if (list && o->device_type[0])
		json_array_append_new(list, json_pack("{s:s,s:s}", "key", "device_type", "value",
						      o->device_type));
	enum err err = list ? call(o, "POST", "/metadata", list, on_metadata) : ERR_NOMEM;
	if (err == ERR_OK)
		return;
	log_warn(o->h->log, "hawkbit.metadata_failed", KV_STR("controller", o->id), KV_ERR(err));
	finish_ok(o);
}

static void
on_created(const struct http_answer *answer, void *ctx)
{
	struct operation *o = ctx;
	struct why why;
	enum err err = upstream_judge(&why, &o->h->u, "create target", answer);
	if (err == ERR_OK)
		write_metadata(o);
	else if (err == ERR_CONFLICT)
		finish_ok(o);
	else
		finish(o, &why);
}

static void
on_looked_up(const struct http_answer *answer, void *ctx)
{
	struct operation *o = ctx;
	struct why why;
	enum err err = upstream_judge(&why, &o->h->u, "look up target", answer);
	if (err != ERR_NOT_FOUND) {
		finish(o, &why);
		return;
	}
	json_t *body = json_pack("[{s:s,s:s}]", "controllerId", o->id, "name", o->id);
	proceed(o, "create target", body ? call(o, "POST", NULL, body, on_created) : ERR_NOMEM);
}

static void
on_deleted(const struct http_answer *answer, void *ctx)
{
	struct operation *o = ctx;
	struct why why;
	enum err err = upstream_judge(&why, &o->h->u, "delete target", answer);
	if (err == ERR_NOT_FOUND)
		finish_ok(o);
	else
		finish(o, &why);
}

enum err
hawkbit_ensure_target(struct hawkbit *h, const char *controller_id, const char *device_type,
		      upstream_done_fn *done, void *ctx)
{
	return start(h, controller_id, device_type, "GET", on_looked_up, done, ctx);
}

enum err
hawkbit_delete_target(struct hawkbit *h, const char *controller_id, upstream_done_fn *done,
		      void *ctx)
{
	return start(h, controller_id, NULL, "DELETE", on_deleted, done, ctx);
}

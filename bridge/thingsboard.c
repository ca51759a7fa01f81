// SPDX-License-Identifier: Apache-2.0
// An operation is two calls: find the device by its name, then act on its id. Each call first makes
// sure of a token; a 401 drops the token that was used and makes the call once more.
#include "bridge/thingsboard.h"

#include <stdio.h>
#include <utlist.h>

#include "base/encode.h"
#include "base/id.h"

struct operation;
typedef enum err step_fn(struct operation *o);

struct thingsboard {
	struct upstream u;
	const struct log *log;
	struct operation *operations;
	struct http_call *login; // in flight; NULL = none
	struct secret token;
	unsigned token_number; // which token it is
};

struct operation {
	struct operation *next, *prev;
	struct thingsboard *t;
	struct http_call *call;
	step_fn *step;	 // the call to make, or in flight
	step_fn *action; // after the device was found
	bool waits;	 // for the login
	bool renewed;	 // a 401 was answered with a new login already
	unsigned token_number;
	char *name;
	char device[UUID_CHARS + 1];
	json_t *attributes; // to write; NULL = delete the device
	upstream_done_fn *done;
	void *ctx;
};

enum err
thingsboard_new(struct thingsboard **out, const struct upstream *u, const struct log *log)
{
	struct thingsboard *t = calloc(1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	t->u = *u;
	t->log = log;
	*out = t;
	return ERR_OK;
}

static void
operation_free(struct operation *o)
{
	DL_DELETE(o->t->operations, o);
	json_decref(o->attributes);
	free(o->name);
	free(o);
}

void
thingsboard_free(struct thingsboard *t)
{
	struct operation *o, *next;
	if (!t)
		return;
	if (t->login)
		http_call_cancel(t->login);
	DL_FOREACH_SAFE (t->operations, o, next) {
		if (o->call)
			http_call_cancel(o->call);
		operation_free(o);
	}
	secret_fini(&t->token);
	free(t);
}

static void
finish(struct operation *o, const struct why *why)
{
	upstream_done_fn *done = o->done;
	void *ctx = o->ctx;
	operation_free(o);
	done(why, ctx);
}

// --- login ---

static void on_login(const struct http_answer *answer, void *ctx);

static enum err
start_login(struct thingsboard *t)
{
	if (t->login)
		return ERR_OK;
	if (!t->u.user || !t->u.password || !secret_is_set(t->u.password))
		return ERR_UNAUTHORIZED;
	json_t *body =
		json_pack("{s:s,s:s}", "username", t->u.user, "password", t->u.password->text);
	if (!body)
		return ERR_NOMEM;
	return upstream_call_anonymous(&t->login, &t->u, "POST", "/api/auth/login", body, on_login,
				       t);
}

// Makes the operation's next call, now or after the login.
static enum err
run_step(struct operation *o)
{
	struct thingsboard *t = o->t;
	o->waits = !secret_is_set(&t->token);
	if (o->waits)
		return start_login(t);
	o->token_number = t->token_number;
	return o->step(o);
}

// Like it, for the middle of an operation, where a failure ends it.
static void
continue_with(struct operation *o, step_fn *step)
{
	struct why why = {0};
	o->step = step;
	enum err err = run_step(o);
	if (err == ERR_OK)
		return;
	why_set(&why, err, "%s (%s): %s", o->t->u.name, o->t->u.url, err_text(err));
	finish(o, &why);
}

static enum err
take_token(struct thingsboard *t, const struct http_answer *answer, struct why *why)
{
	TRY(upstream_judge(why, &t->u, "log in", answer));
	json_auto_t *body = http_answer_json(answer, why);
	const char *token = json_string_value(json_object_get(body, "token"));
	if (json_object_get(body, "scope"))
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "%s (%s): the user needs a second factor; use one without",
			       t->u.name, t->u.url);
	if (!token || !token[0])
		return why_set(why, ERR_UPSTREAM_FAULT, "%s (%s): log in: no token in the answer",
			       t->u.name, t->u.url);
	t->token_number++;
	return secret_set(&t->token, BYTES_STR(token));
}

static void
on_login(const struct http_answer *answer, void *ctx)
{
	struct thingsboard *t = ctx;
	struct why why = {0};
	t->login = NULL;
	enum err err = take_token(t, answer, &why);
	if (err != ERR_OK && !why.text[0])
		why_set(&why, err, "%s: log in: %s", t->u.name, err_text(err));
	log_debug(t->log, "thingsboard.login", KV_ERR(err));
	// Callbacks may add operations that wait for a login of their own: mark ours first.
	struct operation *o, *next, *ready = NULL;
	DL_FOREACH_SAFE (t->operations, o, next) {
		if (!o->waits)
			continue;
		DL_DELETE(t->operations, o);
		DL_APPEND(ready, o);
	}
	while ((o = ready)) {
		DL_DELETE(ready, o);
		DL_APPEND(t->operations, o);
		if (err == ERR_OK)
			continue_with(o, o->step);
		else
			finish(o, &why);
	}
}

// True when the answer was a 401 that a new token may cure: the call is made again.
static bool
renewed_after(struct operation *o, const struct http_answer *answer)
{
	struct thingsboard *t = o->t;
	if (answer->err != ERR_OK || answer->status != 401 || o->renewed)
		return false;
	o->renewed = true;
	// Unless somebody else has renewed it meanwhile.
	if (o->token_number == t->token_number)
		secret_fini(&t->token);
	continue_with(o, o->step);
	return true;
}

// --- the calls ---

static void
on_acted(const struct http_answer *answer, void *ctx)
{
	struct operation *o = ctx;
	struct why why;
	o->call = NULL;
	if (renewed_after(o, answer))
		return;
	enum err err = upstream_judge(&why, &o->t->u,
				      o->attributes ? "write attributes" : "delete device", answer);
	if (err == ERR_NOT_FOUND && !o->attributes)
		why = (struct why){0};
	finish(o, &why);
}

static enum err
write_attributes(struct operation *o)
{
	char path[128];
	snprintf(path, sizeof(path), "/api/plugins/telemetry/DEVICE/%s/SERVER_SCOPE", o->device);
	return upstream_call(&o->call, &o->t->u, "POST", path, json_incref(o->attributes),
			     &o->t->token, on_acted, o);
}

static enum err
delete_device(struct operation *o)
{
	char path[128];
	snprintf(path, sizeof(path), "/api/device/%s", o->device);
	return upstream_call(&o->call, &o->t->u, "DELETE", path, NULL, &o->t->token, on_acted, o);
}

static enum err
read_device_id(struct operation *o, const struct http_answer *answer, struct why *why)
{
	const struct upstream *u = &o->t->u;
	TRY(upstream_judge(why, u, "find device", answer));
	json_auto_t *body = http_answer_json(answer, why);
	const char *id = json_string_value(json_object_get(json_object_get(body, "id"), "id"));
	if (!id || !uuid_is_valid(id))
		return why_set(why, ERR_UPSTREAM_FAULT, "%s (%s): find device: no id in the answer",
			       u->name, u->url);
	memcpy(o->device, id, sizeof(o->device));
	return ERR_OK;
}

static void
on_found(const struct http_answer *answer, void *ctx)
{
	struct operation *o = ctx;
	struct why why = {0};
	o->call = NULL;
	if (renewed_after(o, answer))
		return;
	enum err err = read_device_id(o, answer, &why);
	if (err == ERR_OK) {
		continue_with(o, o->action);
		return;
	}
	if (err == ERR_NOT_FOUND && !o->attributes)
		why = (struct why){0};
	else if (err == ERR_NOT_FOUND)
		why_set(&why, err, "%s (%s) has no device \"%s\"", o->t->u.name, o->t->u.url,
			o->name);
	finish(o, &why);
}

static enum err
find_device(struct operation *o)
{
	BUF_AUTO struct buf path;
	buf_init(&path, 1024);
	TRY(buf_append_str(&path, "/api/tenant/devices?deviceName="));
	TRY(percent_encode(&path, o->name));
	return upstream_call(&o->call, &o->t->u, "GET", (const char *)path.data, NULL, &o->t->token,
			     on_found, o);
}

static enum err
start(struct thingsboard *t, const char *name, json_t *take_attributes, step_fn *action,
      upstream_done_fn *done, void *ctx)
{
	struct operation *o = calloc(1, sizeof(*o));
	if (!o) {
		json_decref(take_attributes);
		return ERR_NOMEM;
	}
	*o = (struct operation){.t = t,
				.name = strdup(name),
				.step = find_device,
				.action = action,
				.attributes = take_attributes,
				.done = done,
				.ctx = ctx};
	DL_APPEND(t->operations, o);
	enum err err = o->name ? run_step(o) : ERR_NOMEM;
	if (err != ERR_OK)
		operation_free(o);
	return err;
}

enum err
thingsboard_set_attributes(struct thingsboard *t, const char *device_name, const char *wg_ip,
			   const char *wg_public_key, upstream_done_fn *done, void *ctx)
{
	json_t *attributes =
		json_pack("{s:s*,s:s*}", "wg_ip", wg_ip, "wg_public_key", wg_public_key);
	if (!attributes)
		return ERR_NOMEM;
	return start(t, device_name, attributes, write_attributes, done, ctx);
}

enum err
thingsboard_delete_device(struct thingsboard *t, const char *device_name, upstream_done_fn *done,
			  void *ctx)
{
	return start(t, device_name, NULL, delete_device, done, ctx);
}

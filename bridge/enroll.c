// SPDX-License-Identifier: Apache-2.0
// The run of an enrollment: one loop over the table of steps, a line per device id so that two
// requests for one device never overlap, one answer.
#include "bridge/enroll.h"

#include <utlist.h>

#include "base/clock.h"
#include "bridge/enroll_internal.h"
#include "bridge/meters.h"

static void enroll_run(struct enroll *e);

static enum err
prepare_conf(struct wg_conf *conf, const struct config *config)
{
	*conf = (struct wg_conf){
		.public_key_state = WG_CONF_KEY_PRESENT,
		.n_addresses = 1,
		.n_allowed_ips = 1,
		.keepalive_s =
			25, // keeps the mapping of a NAT alive, as WireGuard's manual advises
	};
	if (strlen(config->wg_server_endpoint) >= sizeof(conf->endpoint))
		return ERR_TOO_LARGE;
	memcpy(conf->endpoint, config->wg_server_endpoint, strlen(config->wg_server_endpoint));
	TRY(wg_key_parse(&conf->public_key, BYTES_STR(config->wg_server_public_key)));
	return ip_prefix_parse(&conf->allowed_ips[0], BYTES_STR(config->wg_subnet));
}

enum err
enroll_desk_reload(struct enroll_desk *d, struct why *why)
{
	struct allowlist *allowed = NULL;
	const char *path = d->bridge->config.enroll_allowlist;
	if (!path)
		return ERR_OK;
	enum err err = allowlist_load(&allowed, path, why);
	if (err != ERR_OK) {
		why_prefix(why, "ENROLL_ALLOWLIST");
		return err;
	}
	allowlist_free(d->allowed);
	d->allowed = allowed;
	log_info(&d->bridge->log, "allowlist.loaded", KV_U64("devices", allowlist_count(allowed)));
	return ERR_OK;
}

enum err
enroll_desk_new(struct enroll_desk **out, struct bridge *b, struct why *why)
{
	struct enroll_desk *d = calloc(1, sizeof(*d));
	if (!d)
		return why_set(why, ERR_NOMEM, "out of memory");
	d->bridge = b;
	rate_init(&d->rate, b->config.enroll_rate, clock_mono_ns());
	enum err err = prepare_conf(&d->conf_template, &b->config);
	if (err != ERR_OK)
		why_set(why, err, "WG_SERVER_ENDPOINT, WG_SERVER_PUBLIC_KEY or WG_SUBNET: %s",
			err_text(err));
	else
		err = enroll_desk_reload(d, why);
	if (err == ERR_OK)
		*out = d;
	else
		enroll_desk_free(d);
	return err;
}

static void
enroll_free(struct enroll *e)
{
	if (e->sign)
		stepca_call_cancel(e->sign);
	DL_DELETE(e->desk->active, e);
	e->desk->n_active--;
	enroll_input_fini(&e->input);
	csr_free(e->csr);
	buf_fini(&e->chain_pem);
	wg_key_wipe(&e->private_key);
	free(e);
}

void
enroll_desk_free(struct enroll_desk *d)
{
	if (!d)
		return;
	HASH_CLEAR(hh, d->lines);
	while (d->active)
		enroll_free(d->active);
	allowlist_free(d->allowed);
	free(d);
}

bool
enroll_take_place(struct enroll *e)
{
	struct enroll *first;
	HASH_FIND_STR(e->desk->lines, e->id, first);
	e->in_line = true;
	if (!first) {
		HASH_ADD_STR(e->desk->lines, id, e);
		return true;
	}
	while (first->behind)
		first = first->behind;
	first->behind = e;
	return false;
}

// Gives the place to the next in line; comes back with it, or NULL.
static struct enroll *
leave_place(struct enroll *e)
{
	struct enroll *next = e->behind;
	if (!e->in_line)
		return NULL;
	HASH_DEL(e->desk->lines, e);
	if (next)
		HASH_ADD_STR(next->desk->lines, id, next);
	return next;
}

static void
enroll_end(struct enroll *e)
{
	struct enroll *next = leave_place(e);
	enroll_free(e);
	if (next)
		enroll_resume(next);
}

static void
answer_problem(struct enroll *e)
{
	if (!e->why.text[0])
		why_set(&e->why, ERR_INTERNAL, "%s", problem_kind(e->problem));
	if (problem_status(e->problem) >= 500)
		log_warn(&e->log, "enroll.failed", KV_STR("step", enroll_steps[e->step].event),
			 KV_STR("kind", problem_kind(e->problem)), KV_STR("why", e->why.text));
	else
		log_debug(&e->log, "enroll.refused", KV_STR("step", enroll_steps[e->step].event),
			  KV_STR("kind", problem_kind(e->problem)), KV_STR("why", e->why.text));
	meters_not_enrolled(e->desk->bridge->meters, e->problem);
	reply_problem(e->req, e->problem, e->why.text, e->id[0] ? e->id : NULL);
	enroll_end(e);
}

const char *
enroll_step_name(size_t step)
{
	// What follows "enroll.", which all events have in common.
	return step < n_enroll_steps ? enroll_steps[step].event + sizeof("enroll.") - 1 : NULL;
}

static void
step_done(struct enroll *e)
{
	uint64_t now = clock_mono_ns();
	meters_enroll_step(e->desk->bridge->meters, e->step, now - e->step_began_ns);
	log_debug(&e->log, enroll_steps[e->step].event,
		  KV_U64("us", (now - e->step_began_ns) / 1000));
	e->step_began_ns = now;
	e->step++;
}

static void
enroll_run(struct enroll *e)
{
	for (;;) {
		switch (enroll_steps[e->step].run(e)) {
		case STEP_NEXT:
			step_done(e);
			break;
		case STEP_WAIT:
			return;
		case STEP_FAIL:
			answer_problem(e);
			return;
		case STEP_END:
			step_done(e);
			meters_enrolled(e->desk->bridge->meters);
			enroll_end(e);
			return;
		}
	}
}

void
enroll_resume(struct enroll *e)
{
	step_done(e);
	enroll_run(e);
}

void
enroll_fail(struct enroll *e)
{
	answer_problem(e);
}

static void
enroll_begin(struct http_req *req, struct bridge *b)
{
	struct enroll_desk *d = b->enroll;
	if (!rate_take(&d->rate, http_req_started_ns(req))) {
		meters_not_enrolled(b->meters, PROBLEM_RATE_LIMITED);
		reply_problem(req, PROBLEM_RATE_LIMITED,
			      "more enrollments than this bridge accepts in a second (ENROLL_RATE)",
			      NULL);
		return;
	}
	struct enroll *e = d->n_active < ENROLL_ACTIVE_MAX ? calloc(1, sizeof(*e)) : NULL;
	if (!e) {
		meters_not_enrolled(b->meters, PROBLEM_OVERLOADED);
		reply_problem(req, PROBLEM_OVERLOADED,
			      "too many enrollments at once; try again shortly", NULL);
		return;
	}
	e->desk = d;
	e->req = req;
	e->log = *http_req_log(req);
	e->step_began_ns = clock_mono_ns();
	buf_init(&e->chain_pem, ENROLL_CHAIN_MAX);
	DL_APPEND(d->active, e);
	d->n_active++;
	enroll_run(e);
}

void
enroll_post(struct http_req *req, void *ctx)
{
	enroll_begin(req, ctx);
}

void
enroll_post_native(struct http_req *req, void *ctx)
{
	enroll_begin(req, ctx);
}

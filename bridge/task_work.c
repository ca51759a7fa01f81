// SPDX-License-Identifier: Apache-2.0
#include "bridge/task_work.h"

#include <stdio.h>

#include "base/clock.h"
#include "bridge/hawkbit.h"
#include "bridge/peers_file.h"
#include "bridge/thingsboard.h"
#include "bridge/wireguard.h"
#include "stepca/stepca.h"

struct task_work {
	struct task_systems systems;
	struct store *store;
	const struct log *log;
	struct task_row row;
	task_work_fn *done; // NULL: abandoned
	void *ctx;
	// Callbacks of the store and of peers_file that are still owed: they come even when the
	// work was abandoned.
	unsigned owed;
	// Of TASK_REVOKE.
	struct stepca_call *call;
	char (*serials)[STORE_SERIAL_CHARS + 1];
	size_t n_serials;
	size_t next_serial;
};

static void
work_free(struct task_work *w)
{
	free(w->serials);
	free(w);
}

static void
finish(struct task_work *w, const struct why *why)
{
	task_work_fn *done = w->done;
	void *ctx = w->ctx;
	work_free(w);
	done(why, ctx);
}

static void
on_upstream(const struct why *why, void *ctx)
{
	finish(ctx, why);
}

// For the callbacks that are always made: false when the work is over by now.
static bool
take_owed(struct task_work *w)
{
	w->owed--;
	if (w->done)
		return true;
	if (w->owed == 0)
		work_free(w);
	return false;
}

// --- WireGuard ---

static enum err
set_peer(struct task_work *w)
{
	const struct wireguard_change change = {w->row.device, w->row.wg_public_key, w->row.wg_ip,
						w->row.payload};
	return wireguard_apply(w->systems.wireguard, &change, on_upstream, w);
}

static enum err
remove_peer(struct task_work *w)
{
	const struct wireguard_change change = {w->row.device, NULL, w->row.wg_ip, w->row.payload};
	return wireguard_apply(w->systems.wireguard, &change, on_upstream, w);
}

// --- hawkBit and ThingsBoard ---

static enum err
ensure_target(struct task_work *w)
{
	return hawkbit_ensure_target(w->systems.hawkbit, w->row.device, w->row.device_type,
				     on_upstream, w);
}

static enum err
delete_target(struct task_work *w)
{
	return hawkbit_delete_target(w->systems.hawkbit, w->row.device, on_upstream, w);
}

static enum err
set_attributes(struct task_work *w)
{
	char ip[IP4_TEXT_BYTES];
	ip4_print(ip, w->row.wg_ip);
	return thingsboard_set_attributes(w->systems.thingsboard, w->row.device, ip,
					  w->row.wg_public_key[0] ? w->row.wg_public_key : NULL,
					  on_upstream, w);
}

static enum err
delete_tb_device(struct task_work *w)
{
	return thingsboard_delete_device(w->systems.thingsboard, w->row.device, on_upstream, w);
}

// --- step-ca: every certificate of this life and those before that is neither expired nor revoked
// ---

static void revoke_next(struct task_work *w);

static void
on_marked(const struct store_answer *answer, void *ctx)
{
	struct task_work *w = ctx;
	if (!take_owed(w))
		return;
	if (answer->err != ERR_OK)
		finish(w, &answer->why);
	else
		revoke_next(w);
}

static void
on_revoked(const struct stepca_outcome *outcome, void *ctx)
{
	struct task_work *w = ctx;
	w->call = NULL;
	if (outcome->err != ERR_OK) {
		finish(w, &outcome->why);
		return;
	}
	log_info(w->log, "certificate.revoked", KV_STR("device", w->row.device),
		 KV_STR("serial", w->serials[w->next_serial]));
	enum err err = store_mark_revoked(w->store, w->serials[w->next_serial++], on_marked, w);
	struct why why = {.err = err};
	if (err == ERR_OK)
		w->owed++;
	else
		finish(w, &why);
}

static void
revoke_next(struct task_work *w)
{
	struct why why = {0};
	if (w->next_serial == w->n_serials) {
		finish(w, &why);
		return;
	}
	why.err = stepca_revoke(&w->call, w->systems.stepca, w->serials[w->next_serial],
				"device decommissioned", on_revoked, w);
	if (why.err != ERR_OK)
		finish(w, &why);
}

static bool
must_be_revoked(const struct certificate_row *c, const struct task_row *row, int64_t now_ms)
{
	return !c->revoked && c->not_after_ms > now_ms && c->generation <= row->generation;
}

static void
on_certificates(const struct store_answer *answer, void *ctx)
{
	struct task_work *w = ctx;
	if (!take_owed(w))
		return;
	struct why why = answer->why;
	int64_t now_ms = clock_wall_s() * 1000;
	// An id whose row is gone has no certificates either.
	if (answer->err == ERR_NOT_FOUND)
		why = (struct why){0};
	w->serials = calloc(answer->n_certificates + 1, sizeof(*w->serials));
	if (!w->serials)
		why_set(&why, ERR_NOMEM, "out of memory");
	if (why.err != ERR_OK) {
		finish(w, &why);
		return;
	}
	for (size_t i = 0; i < answer->n_certificates; i++) {
		const struct certificate_row *c = &answer->certificates[i];
		if (must_be_revoked(c, &w->row, now_ms))
			memcpy(w->serials[w->n_serials++], c->serial, sizeof(c->serial));
	}
	revoke_next(w);
}

static enum err
revoke_certificates(struct task_work *w)
{
	TRY(store_get_device(w->store, w->row.device, on_certificates, w));
	w->owed++;
	return ERR_OK;
}

// --- the last step ---

static void
on_file_written(const struct why *why, void *ctx)
{
	struct task_work *w = ctx;
	(void)why; // the file logs its failures and is written again by itself
	if (take_owed(w))
		finish(w, &(struct why){0});
}

static void
on_life_ended(const struct store_answer *answer, void *ctx)
{
	struct task_work *w = ctx;
	if (!take_owed(w))
		return;
	if (answer->err != ERR_OK || !w->systems.peers_file) {
		finish(w, &answer->why);
		return;
	}
	w->owed++;
	peers_file_sync(w->systems.peers_file, on_file_written, w);
}

static enum err
delete_peer_entry(struct task_work *w)
{
	TRY(store_finish_decommission(w->store, &w->row, on_life_ended, w));
	w->owed++;
	return ERR_OK;
}

static enum err (*const starts[TASK_KIND_COUNT])(struct task_work *w) = {
	[TASK_SET_WG_PEER] = set_peer,
	[TASK_ENSURE_TARGET] = ensure_target,
	[TASK_SET_ATTRIBUTES] = set_attributes,
	[TASK_REVOKE] = revoke_certificates,
	[TASK_DELETE_TB_DEVICE] = delete_tb_device,
	[TASK_DELETE_TARGET] = delete_target,
	[TASK_REMOVE_WG_PEER] = remove_peer,
	[TASK_DELETE_PEER_ENTRY] = delete_peer_entry,
};

static bool
is_configured(const struct task_systems *s, enum task_system system)
{
	switch (system) {
	case SYSTEM_STEP_CA:
		return s->stepca != NULL;
	case SYSTEM_THINGSBOARD:
		return s->thingsboard != NULL;
	case SYSTEM_HAWKBIT:
		return s->hawkbit != NULL;
	case SYSTEM_WIREGUARD:
		return s->wireguard != NULL;
	case SYSTEM_STORE:
	case SYSTEM_COUNT:
		break;
	}
	return true;
}

bool
task_work_is_needed(const struct task_systems *systems, const struct task_row *row)
{
	if (!is_configured(systems, task_kind_system(row->kind)))
		return false;
	switch (row->kind) {
	case TASK_SET_WG_PEER:
		return row->wg_ip && row->wg_public_key[0];
	case TASK_SET_ATTRIBUTES:
		return row->wg_ip != 0;
	case TASK_REMOVE_WG_PEER:
		return row->payload[0] != '\0';
	default:
		return true;
	}
}

enum err
task_work_start(struct task_work **out, const struct task_systems *systems, struct store *store,
		const struct log *log, const struct task_row *row, task_work_fn *done, void *ctx)
{
	struct task_work *w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	*w = (struct task_work){.systems = *systems,
				.store = store,
				.log = log,
				.row = *row,
				.done = done,
				.ctx = ctx};
	enum err err = starts[row->kind](w);
	if (err == ERR_OK)
		*out = w;
	else
		work_free(w);
	return err;
}

void
task_work_abandon(struct task_work *w)
{
	w->done = NULL;
	if (w->call)
		stepca_call_cancel(w->call);
	w->call = NULL;
	if (w->owed == 0)
		work_free(w);
}

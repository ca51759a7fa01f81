// SPDX-License-Identifier: Apache-2.0
// What the operations of the store mean, on rows, whatever database holds them: devices, addresses
// and certificates. Tasks and the decommission are in store_tasks.c.
#include "bridge/store_logic.h"

#include <stdio.h>

#include "bridge/peers_file.h"

enum {
	// Expired certificates stay visible for a month.
	KEEP_EXPIRED_MS = 30 * 24 * 3600 * 1000LL,
	RECLAIM_BATCH = 1000,
};

// --- enrollment ---

static enum err
check_key_owner(const struct store_session *s, const char *key, const char *id, struct why *why)
{
	char owner[DEVICE_ID_MAX + 1];
	if (!key[0])
		return ERR_OK;
	TRY(s->backend->device_of_key(s->db, key, owner, why));
	if (owner[0] && strcmp(owner, id) != 0)
		return why_set(why, ERR_INPUT,
			       "wg_public_key belongs to another device; generate a new key pair");
	return ERR_OK;
}

static void
begin_life(const struct store_session *s, struct device_row *d, const char *id)
{
	uint32_t generation = d->generation + 1;
	*d = (struct device_row){.state = DEVICE_RESERVED,
				 .generation = generation,
				 .created_ms = d->created_ms ? d->created_ms : s->now_ms};
	snprintf(d->id, sizeof(d->id), "%s", id);
}

static enum err
op_reserve(const struct store_session *s, struct store_op *op)
{
	struct device_row *d = &op->answer.device;
	struct why *why = &op->answer.why;
	enum err err = s->backend->device_get(s->db, op->id, d, why);
	if (err != ERR_OK && err != ERR_NOT_FOUND)
		return err;
	if (err == ERR_OK && d->state == DEVICE_DECOMMISSIONING)
		return why_set(why, ERR_CONFLICT, "device %s is being decommissioned", op->id);
	TRY(check_key_owner(s, op->wg_public_key, op->id, why));
	bool new_life = err == ERR_NOT_FOUND || d->state == DEVICE_DECOMMISSIONED;
	if (!new_life && d->wg_ip)
		return ERR_OK;
	uint32_t ip;
	TRY(store_range_take_lowest(s, &ip, why));
	if (new_life)
		begin_life(s, d, op->id);
	d->wg_ip = ip;
	d->updated_ms = s->now_ms;
	TRY(s->backend->device_put(s->db, d, why));
	return new_life ? store_tasks_forget_past(s, d, why) : ERR_OK;
}

static enum err
put_certificate(const struct store_session *s, struct store_op *op)
{
	struct certificate_row row = {
		.generation = op->generation, .issued_ms = s->now_ms, .not_after_ms = op->when_ms};
	memcpy(row.serial, op->serial, sizeof(row.serial));
	TRY(s->backend->certificates_prune(s->db, op->id, s->now_ms - KEEP_EXPIRED_MS,
					   &op->answer.why));
	return s->backend->certificate_put(s->db, op->id, &row, &op->answer.why);
}

// The certificate exists although the device may not have it: note it and have it revoked.
static enum err
disown_certificate(const struct store_session *s, struct store_op *op, enum err cause)
{
	struct why cause_why = op->answer.why;
	TRY(put_certificate(s, op));
	TRY(store_tasks_reopen(s, op, TASK_REVOKE));
	op->answer.why = cause_why;
	return cause;
}

static bool
same_life(const struct device_row *d, const struct store_op *op)
{
	return d->generation == op->generation && d->state != DEVICE_DECOMMISSIONING &&
	       d->state != DEVICE_DECOMMISSIONED;
}

static enum err
follow_enrollment(const struct store_session *s, struct store_op *op, const char *old_key)
{
	struct device_row *d = &op->answer.device;
	bool changed = strcmp(old_key, d->wg_public_key) != 0;
	if (op->flag && d->wg_public_key[0])
		TRY(store_tasks_set_peer(s, op, changed ? old_key : ""));
	// ThingsBoard holds the old key, or nothing yet.
	if (d->state == DEVICE_PROVISIONED && changed)
		TRY(store_tasks_reopen(s, op, TASK_SET_ATTRIBUTES));
	return ERR_OK;
}

static enum err
op_record(const struct store_session *s, struct store_op *op)
{
	struct device_row *d = &op->answer.device;
	struct why *why = &op->answer.why;
	enum err err = s->backend->device_get(s->db, op->id, d, why);
	if (err != ERR_OK && err != ERR_NOT_FOUND)
		return err;
	if (err == ERR_NOT_FOUND || !same_life(d, op))
		return disown_certificate(s, op,
					  why_set(why, ERR_CONFLICT,
						  "device %s was decommissioned meanwhile",
						  op->id));
	err = check_key_owner(s, op->wg_public_key, op->id, why);
	if (err == ERR_INPUT)
		return disown_certificate(s, op, err);
	TRY(err);
	TRY(put_certificate(s, op));
	char old_key[WG_KEY_CHARS + 1];
	memcpy(old_key, d->wg_public_key, sizeof(old_key));
	if (op->wg_public_key[0])
		memcpy(d->wg_public_key, op->wg_public_key, sizeof(d->wg_public_key));
	if (op->device_type[0])
		memcpy(d->device_type, op->device_type, sizeof(d->device_type));
	if (d->state == DEVICE_RESERVED)
		d->state = DEVICE_ENROLLED;
	d->enrolled_ms = d->updated_ms = s->now_ms;
	TRY(s->backend->device_put(s->db, d, why));
	return follow_enrollment(s, op, old_key);
}

// --- looking ---

static enum err
op_get(const struct store_session *s, struct store_op *op)
{
	struct why *why = &op->answer.why;
	enum err err = s->backend->device_get(s->db, op->id, &op->answer.device, why);
	if (err == ERR_NOT_FOUND)
		return why_set(why, err, "device %s is not known", op->id);
	TRY(err);
	TRY(s->backend->certificates_of(s->db, op->id, &op->certificates, why));
	return store_tasks_visible(s, op);
}

static enum err
op_list(const struct store_session *s, struct store_op *op)
{
	struct store_list list = {.after = op->id, .limit = op->limit + 1, .states = op->states};
	TRY(s->backend->devices_after(s->db, &list, &op->devices, &op->answer.why));
	op->answer.more = op->devices.n > op->limit;
	if (op->answer.more)
		op->devices.n = op->limit;
	return ERR_OK;
}

static enum err
op_revoked(const struct store_session *s, struct store_op *op)
{
	return s->backend->certificate_revoked(s->db, op->serial, &op->answer.why);
}

// --- first connect ---

static enum err
find_candidate(const struct store_session *s, struct store_op *op)
{
	struct device_row *d = &op->answer.device;
	for (size_t i = 0; i < STORE_CANDIDATES && op->candidates[i][0]; i++) {
		enum err err = s->backend->device_get(s->db, op->candidates[i], d, &op->answer.why);
		// A reserved id has no certificate yet: nobody can connect as it.
		if (err == ERR_OK && d->state != DEVICE_RESERVED)
			return ERR_OK;
		if (err != ERR_OK && err != ERR_NOT_FOUND)
			return err;
	}
	*d = (struct device_row){0};
	if (!op->id[0])
		return why_set(&op->answer.why, ERR_NOT_FOUND, "no such device was enrolled");
	enum err err = s->backend->device_get(s->db, op->id, d, &op->answer.why);
	if (err != ERR_NOT_FOUND)
		return err;
	begin_life(s, d, op->id);
	d->updated_ms = s->now_ms;
	return s->backend->device_put(s->db, d, &op->answer.why);
}

static enum err
op_provision(const struct store_session *s, struct store_op *op)
{
	struct device_row *d = &op->answer.device;
	TRY(find_candidate(s, op));
	if (d->state != DEVICE_RESERVED && d->state != DEVICE_ENROLLED)
		return ERR_OK;
	if (op->device_type[0] && !d->device_type[0]) {
		memcpy(d->device_type, op->device_type, sizeof(d->device_type));
		TRY(s->backend->device_put(s->db, d, &op->answer.why));
	}
	TRY(store_tasks_claim_kind(s, op, TASK_ENSURE_TARGET));
	return store_tasks_claim_kind(s, op, TASK_SET_ATTRIBUTES);
}

// --- housekeeping ---

static enum err
reclaim_one(const struct store_session *s, struct device_row *d, struct why *why)
{
	if (d->wg_ip)
		TRY(store_range_give_back(s, d->wg_ip, why));
	if (d->generation == 1)
		return s->backend->device_delete(s->db, d->id, why);
	// An id that lived before keeps its row, so that generations never repeat.
	d->wg_ip = 0;
	d->state = DEVICE_DECOMMISSIONED;
	d->updated_ms = s->now_ms;
	return s->backend->device_put(s->db, d, why);
}

static enum err
op_reclaim(const struct store_session *s, struct store_op *op)
{
	struct why *why = &op->answer.why;
	TRY(s->backend->devices_stale(s->db, op->when_ms, RECLAIM_BATCH, &op->devices, why));
	for (size_t i = 0; i < op->devices.n; i++)
		TRY(reclaim_one(s, &op->devices.rows[i], why));
	op->answer.more = op->devices.n == RECLAIM_BATCH;
	return ERR_OK;
}

typedef enum err logic_fn(const struct store_session *s, struct store_op *op);

static logic_fn *const logic[STORE_OP_COUNT] = {
	[STORE_OP_RESERVE] = op_reserve,
	[STORE_OP_RECORD] = op_record,
	[STORE_OP_GET] = op_get,
	[STORE_OP_LIST] = op_list,
	[STORE_OP_PROVISION] = op_provision,
	[STORE_OP_DECOMMISSION] = store_tasks_decommission,
	[STORE_OP_FINISH] = store_tasks_finish,
	[STORE_OP_REVOKED] = op_revoked,
	[STORE_OP_CLAIM] = store_tasks_claim,
	[STORE_OP_TASK_DONE] = store_tasks_done,
	[STORE_OP_TASK_FAILED] = store_tasks_failed,
	[STORE_OP_RECLAIM] = op_reclaim,
};

void
store_logic_run(const struct store_session *s, struct store_op *op)
{
	op->answer = (struct store_answer){.next_ms = INT64_MAX};
	op->tasks.n = op->certificates.n = op->devices.n = 0;
	op->due = false;
	op->answer.err = logic[op->kind](s, op);
}

// --- start ---

#define META_SUBNET "wg_subnet"

static void
pool_text(const struct pool *p, char out[static 32])
{
	char ip[IP4_TEXT_BYTES];
	ip4_print(ip, p->network);
	snprintf(out, 32, "%s/%u", ip, p->prefix);
}

static enum err
take_in_use(const struct store_session *s, const struct device_row *d, const char *old,
	    const char *new, struct why *why)
{
	if (!d->wg_ip)
		return ERR_OK;
	if (!pool_is_assignable(&s->pool, d->wg_ip)) {
		char ip[IP4_TEXT_BYTES];
		ip4_print(ip, d->wg_ip);
		return why_set(
			why, ERR_CONFLICT,
			"WG_SUBNET is %s but device %s has %s from %s; set WG_SUBNET to a subnet "
			"that holds all addresses in use, or decommission those devices first",
			new, d->id, ip, old);
	}
	return store_range_take(s, d->wg_ip, why);
}

enum err
store_logic_adopt_pool(const struct store_session *s, struct why *why)
{
	char old[64], new[32];
	pool_text(&s->pool, new);
	TRY(s->backend->meta_get(s->db, META_SUBNET, old, sizeof(old), why));
	if (strcmp(old, new) == 0)
		return ERR_OK;
	TRY(s->backend->range_clear(s->db, why));
	struct address_range all = {pool_first(&s->pool), pool_last(&s->pool)};
	TRY(s->backend->range_put(s->db, &all, why));
	char after[DEVICE_ID_MAX + 1] = "";
	for (;;) {
		STORE_ROWS_DEVICES_AUTO struct store_rows_devices page = {0};
		struct store_list list = {.after = after, .limit = 1000};
		TRY(s->backend->devices_after(s->db, &list, &page, why));
		if (page.n == 0)
			break;
		for (size_t i = 0; i < page.n; i++)
			TRY(take_in_use(s, &page.rows[i], old, new, why));
		memcpy(after, page.rows[page.n - 1].id, sizeof(after));
	}
	return s->backend->meta_put(s->db, META_SUBNET, new, why);
}

enum err
store_logic_import(const struct store_session *s, const struct peer_entry *peers, size_t n,
		   struct why *why)
{
	for (size_t i = 0; i < n; i++) {
		// The original bridge kept neither certificates nor keys.
		struct device_row d = {.state = DEVICE_ENROLLED,
				       .generation = 1,
				       .wg_ip = peers[i].ip,
				       .created_ms = s->now_ms,
				       .updated_ms = s->now_ms};
		memcpy(d.id, peers[i].id, sizeof(d.id));
		TRY(store_range_take(s, d.wg_ip, why));
		TRY(s->backend->device_put(s->db, &d, why));
	}
	return ERR_OK;
}

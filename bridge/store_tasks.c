// SPDX-License-Identifier: Apache-2.0
// The store's operations on tasks. A row is (device, life, kind): work of the same kind joins the
// row that is there and raises its revision, so that whoever is at it notices that there is more to
// do.
#include "bridge/store_logic.h"

#include <stdio.h>

enum {
	// Long enough for any attempt; when several bridges share a database, the work of one that
	// died is taken over after it.
	LEASE_MS = 120000,
	// When several bridges share a database: how often each looks for work that others left.
	LOOK_AROUND_MS = 30000,
};

static const enum task_kind steps[] = {TASK_REVOKE, TASK_DELETE_TB_DEVICE, TASK_DELETE_TARGET,
				       TASK_REMOVE_WG_PEER, TASK_DELETE_PEER_ENTRY};

static int64_t
lease(const struct store_session *s)
{
	return s->now_ms + LEASE_MS;
}

static enum err
copy_out(struct store_op *op, const struct task_row *row)
{
	struct task_row *out = store_rows_add_task(&op->tasks);
	if (!out)
		return ERR_NOMEM;
	*out = *row;
	return ERR_OK;
}

static void
fill_device(struct task_row *row, const struct device_row *d)
{
	row->wg_ip = d->wg_ip;
	memcpy(row->wg_public_key, d->wg_public_key, sizeof(row->wg_public_key));
	memcpy(row->device_type, d->device_type, sizeof(row->device_type));
}

static struct task_row
new_row(const struct store_session *s, const char *device, uint32_t generation, enum task_kind kind)
{
	struct task_row row = {.generation = generation, .kind = kind, .next_ms = s->now_ms};
	snprintf(row.device, sizeof(row.device), "%s", device);
	return row;
}

static enum err
put_claimed(const struct store_session *s, struct store_op *op, struct task_row *row)
{
	row->next_ms = s->now_ms;
	TRY(s->backend->task_put(s->db, row, lease(s), &op->answer.why));
	return copy_out(op, row);
}

enum err
store_tasks_forget_past(const struct store_session *s, const struct device_row *d, struct why *why)
{
	STORE_ROWS_TASKS_AUTO struct store_rows_tasks all = {0};
	TRY(s->backend->tasks_of(s->db, d->id, &all, why));
	for (size_t i = 0; i < all.n; i++) {
		if (all.rows[i].generation < d->generation && all.rows[i].status != TASK_OPEN)
			TRY(s->backend->task_delete(s->db, all.rows[i].id, why));
	}
	return ERR_OK;
}

enum err
store_tasks_visible(const struct store_session *s, struct store_op *op)
{
	const struct device_row *d = &op->answer.device;
	STORE_ROWS_TASKS_AUTO struct store_rows_tasks all = {0};
	TRY(s->backend->tasks_of(s->db, d->id, &all, &op->answer.why));
	for (size_t i = 0; i < all.n; i++) {
		if (all.rows[i].status == TASK_OPEN || all.rows[i].generation == d->generation)
			TRY(copy_out(op, &all.rows[i]));
	}
	return ERR_OK;
}

enum err
store_tasks_reopen(const struct store_session *s, struct store_op *op, enum task_kind kind)
{
	struct why *why = &op->answer.why;
	struct task_row row;
	enum err err = s->backend->task_find(s->db, op->id, op->generation, kind, &row, why);
	if (err == ERR_NOT_FOUND)
		row = new_row(s, op->id, op->generation, kind);
	else if (err != ERR_OK)
		return err;
	row.status = TASK_OPEN;
	row.revision++;
	row.give_up = false;
	row.next_ms = s->now_ms;
	op->due = true;
	return s->backend->task_put(s->db, &row, 0, why);
}

// --- the WireGuard keys that must go, separated by blanks ---

static bool
list_next(const char **list, char key[static WG_KEY_CHARS + 1])
{
	while (**list == ' ')
		(*list)++;
	size_t n = strcspn(*list, " ");
	if (n == 0 || n > WG_KEY_CHARS)
		return false;
	memcpy(key, *list, n);
	key[n] = '\0';
	*list += n;
	return true;
}

// Appends the keys of `list` that are neither `except` nor there yet. Keys beyond the room are left
// out: the oldest ones stay, and a key without AllowedIPs does no harm.
static void
list_add(char out[static TASK_PAYLOAD_BYTES], const char *list, const char *except)
{
	char key[WG_KEY_CHARS + 1];
	while (list_next(&list, key)) {
		size_t n = strlen(out);
		if (strcmp(key, except) == 0 || strstr(out, key) ||
		    n + 1 + strlen(key) >= TASK_PAYLOAD_BYTES)
			continue;
		snprintf(out + n, TASK_PAYLOAD_BYTES - n, "%s%s", n ? " " : "", key);
	}
}

enum err
store_tasks_set_peer(const struct store_session *s, struct store_op *op, const char *old_key)
{
	const struct device_row *d = &op->answer.device;
	struct task_row row;
	enum err err = s->backend->task_find(s->db, op->id, op->generation, TASK_SET_WG_PEER, &row,
					     &op->answer.why);
	if (err == ERR_NOT_FOUND)
		row = new_row(s, op->id, op->generation, TASK_SET_WG_PEER);
	else if (err != ERR_OK)
		return err;
	char keys[TASK_PAYLOAD_BYTES] = "";
	list_add(keys, row.payload, d->wg_public_key);
	list_add(keys, old_key, d->wg_public_key);
	memcpy(row.payload, keys, sizeof(row.payload));
	row.revision++;
	fill_device(&row, d);
	return put_claimed(s, op, &row);
}

enum err
store_tasks_claim_kind(const struct store_session *s, struct store_op *op, enum task_kind kind)
{
	const struct device_row *d = &op->answer.device;
	struct task_row row;
	enum err err =
		s->backend->task_find(s->db, d->id, d->generation, kind, &row, &op->answer.why);
	if (err == ERR_NOT_FOUND)
		row = new_row(s, d->id, d->generation, kind);
	else if (err != ERR_OK)
		return err;
	fill_device(&row, d);
	return put_claimed(s, op, &row);
}

// --- decommission ---

// Deletes what was still to be done for the device; keys that an open SET_WG_PEER should have
// removed go to `keys`.
static enum err
cancel_others(const struct store_session *s, struct store_op *op,
	      char keys[static TASK_PAYLOAD_BYTES])
{
	struct why *why = &op->answer.why;
	STORE_ROWS_TASKS_AUTO struct store_rows_tasks all = {0};
	TRY(s->backend->tasks_of(s->db, op->id, &all, why));
	for (size_t i = 0; i < all.n; i++) {
		const struct task_row *row = &all.rows[i];
		if (task_kind_is_decommission(row->kind))
			continue;
		if (row->kind == TASK_SET_WG_PEER)
			list_add(keys, row->payload, "");
		TRY(s->backend->task_delete(s->db, row->id, why));
	}
	return ERR_OK;
}

static enum err
begin_decommission(const struct store_session *s, struct store_op *op)
{
	struct device_row *d = &op->answer.device;
	struct why *why = &op->answer.why;
	char keys[TASK_PAYLOAD_BYTES] = "";
	list_add(keys, d->wg_public_key, "");
	TRY(cancel_others(s, op, keys));
	d->state = DEVICE_DECOMMISSIONING;
	d->updated_ms = s->now_ms;
	TRY(s->backend->device_put(s->db, d, why));
	for (size_t i = 0; i < N_ELEMENTS(steps); i++) {
		struct task_row row = new_row(s, d->id, d->generation, steps[i]);
		if (steps[i] == TASK_REMOVE_WG_PEER)
			memcpy(row.payload, keys, sizeof(row.payload));
		if (steps[i] == TASK_DELETE_PEER_ENTRY)
			row.next_ms = INT64_MAX;
		TRY(s->backend->task_put(s->db, &row, 0, why));
	}
	return ERR_OK;
}

static enum err
hand_out_step(const struct store_session *s, struct store_op *op, struct task_row *row)
{
	if (row->status != TASK_OPEN || row->next_ms == INT64_MAX)
		return copy_out(op, row);
	// The last step is ours alone: it cannot be given up.
	if (op->flag && row->kind != TASK_DELETE_PEER_ENTRY)
		row->give_up = true;
	return put_claimed(s, op, row);
}

enum err
store_tasks_decommission(const struct store_session *s, struct store_op *op)
{
	struct device_row *d = &op->answer.device;
	struct why *why = &op->answer.why;
	enum err err = s->backend->device_get(s->db, op->id, d, why);
	if (err == ERR_NOT_FOUND ||
	    (err == ERR_OK && d->state == DEVICE_RESERVED && d->generation == 1))
		return why_set(why, ERR_NOT_FOUND, "device %s was never enrolled", op->id);
	TRY(err);
	if (d->state != DEVICE_DECOMMISSIONING && d->state != DEVICE_DECOMMISSIONED)
		TRY(begin_decommission(s, op));
	STORE_ROWS_TASKS_AUTO struct store_rows_tasks all = {0};
	TRY(s->backend->tasks_of(s->db, op->id, &all, why));
	for (size_t i = 0; i < all.n; i++) {
		if (all.rows[i].generation == d->generation &&
		    task_kind_is_decommission(all.rows[i].kind))
			TRY(hand_out_step(s, op, &all.rows[i]));
	}
	return ERR_OK;
}

// Finds the last step of row's decommission; *open tells whether others are still to be done.
static enum err
look_at_steps(const struct store_session *s, const struct task_row *row, struct task_row *last,
	      bool *open, struct why *why)
{
	STORE_ROWS_TASKS_AUTO struct store_rows_tasks all = {0};
	*open = false;
	last->id = 0;
	TRY(s->backend->tasks_of(s->db, row->device, &all, why));
	for (size_t i = 0; i < all.n; i++) {
		const struct task_row *t = &all.rows[i];
		if (t->generation != row->generation || !task_kind_is_decommission(t->kind))
			continue;
		if (t->kind == TASK_DELETE_PEER_ENTRY)
			*last = *t;
		else if (t->status == TASK_OPEN)
			*open = true;
	}
	return ERR_OK;
}

// After a step ended: the last step becomes due when it was the last but one.
static enum err
unblock(const struct store_session *s, struct store_op *op, const struct task_row *row)
{
	struct task_row last;
	bool open;
	TRY(look_at_steps(s, row, &last, &open, &op->answer.why));
	if (open || !last.id || last.status != TASK_OPEN)
		return ERR_OK;
	return put_claimed(s, op, &last);
}

static enum err
end_life(const struct store_session *s, struct store_op *op)
{
	struct device_row *d = &op->answer.device;
	struct why *why = &op->answer.why;
	if (d->wg_ip)
		TRY(store_range_give_back(s, d->wg_ip, why));
	d->wg_ip = 0;
	d->wg_public_key[0] = '\0';
	d->state = DEVICE_DECOMMISSIONED;
	d->decommissioned_ms = d->updated_ms = s->now_ms;
	return s->backend->device_put(s->db, d, why);
}

enum err
store_tasks_finish(const struct store_session *s, struct store_op *op)
{
	struct why *why = &op->answer.why;
	struct task_row row;
	bool open;
	TRY(s->backend->task_get(s->db, op->task_id, &row, why));
	struct task_row last;
	TRY(look_at_steps(s, &row, &last, &open, why));
	if (open) {
		row.next_ms = INT64_MAX;
		TRY(s->backend->task_put(s->db, &row, 0, why));
		return why_set(why, ERR_WRONG_STATE, "other steps of %s are open again",
			       row.device);
	}
	TRY(s->backend->device_get(s->db, row.device, &op->answer.device, why));
	if (op->answer.device.state == DEVICE_DECOMMISSIONING)
		TRY(end_life(s, op));
	row.status = TASK_DONE;
	row.attempts++;
	row.last_error[0] = '\0';
	return s->backend->task_put(s->db, &row, 0, why);
}

// --- the runner's reports ---

static enum err
note_provisioned(const struct store_session *s, struct store_op *op, const struct task_row *row)
{
	struct device_row *d = &op->answer.device;
	struct why *why = &op->answer.why;
	enum task_kind other =
		row->kind == TASK_ENSURE_TARGET ? TASK_SET_ATTRIBUTES : TASK_ENSURE_TARGET;
	struct task_row sibling;
	enum err err =
		s->backend->task_find(s->db, row->device, row->generation, other, &sibling, why);
	if (err != ERR_NOT_FOUND)
		return err;
	TRY(s->backend->device_get(s->db, row->device, d, why));
	if (d->state != DEVICE_RESERVED && d->state != DEVICE_ENROLLED)
		return ERR_OK;
	d->state = DEVICE_PROVISIONED;
	d->provisioned_ms = d->updated_ms = s->now_ms;
	return s->backend->device_put(s->db, d, why);
}

enum err
store_tasks_done(const struct store_session *s, struct store_op *op)
{
	struct why *why = &op->answer.why;
	struct task_row row;
	TRY(s->backend->task_get(s->db, op->task_id, &row, why));
	if (row.revision != op->revision) {
		TRY(put_claimed(s, op, &row));
		return why_set(why, ERR_CONFLICT, "the work has changed meanwhile");
	}
	if (task_kind_is_decommission(row.kind)) {
		row.status = TASK_DONE;
		row.attempts++;
		row.last_error[0] = '\0';
		TRY(s->backend->task_put(s->db, &row, 0, why));
		return unblock(s, op, &row);
	}
	TRY(s->backend->task_delete(s->db, row.id, why));
	if (row.kind == TASK_ENSURE_TARGET || row.kind == TASK_SET_ATTRIBUTES)
		return note_provisioned(s, op, &row);
	return ERR_OK;
}

enum err
store_tasks_failed(const struct store_session *s, struct store_op *op)
{
	struct why *why = &op->answer.why;
	struct task_row row;
	TRY(s->backend->task_get(s->db, op->task_id, &row, why));
	row.attempts++;
	memcpy(row.last_error, op->error, sizeof(row.last_error));
	if (row.give_up)
		row.status = TASK_GIVEN_UP;
	else
		row.next_ms = op->when_ms;
	TRY(s->backend->task_put(s->db, &row, 0, why));
	return row.give_up ? unblock(s, op, &row) : ERR_OK;
}

enum err
store_tasks_claim(const struct store_session *s, struct store_op *op)
{
	struct why *why = &op->answer.why;
	TRY(s->backend->tasks_due(s->db, s->now_ms, op->limit, &op->tasks, why));
	for (size_t i = 0; i < op->tasks.n; i++)
		TRY(s->backend->task_claim(s->db, op->tasks.rows[i].id, lease(s), why));
	if (op->tasks.n == op->limit) {
		op->answer.next_ms = s->now_ms;
		return ERR_OK;
	}
	TRY(s->backend->task_next(s->db, &op->answer.next_ms, why));
	if (s->backend->shared && op->answer.next_ms > s->now_ms + LOOK_AROUND_MS)
		op->answer.next_ms = s->now_ms + LOOK_AROUND_MS;
	return ERR_OK;
}

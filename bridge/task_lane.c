// SPDX-License-Identifier: Apache-2.0
// The tasks in the runner's hands and the two lines that each waits in.
#include <stdio.h>
#include <utlist.h>

#include "bridge/task_internal.h"

struct task_counts *
task_entry_counts(struct task_entry *e)
{
	return &e->runner->counts[task_kind_system(e->row.kind)];
}

static struct task_lane *
lane_of(struct task_runner *r, const char *device)
{
	struct task_lane *lane;
	HASH_FIND_STR(r->lanes, device, lane);
	if (lane)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	snprintf(lane->device, sizeof(lane->device), "%s", device);
	HASH_ADD_STR(r->lanes, device, lane);
	return lane;
}

void
task_entry_wait(struct task_entry *e)
{
	e->state = ENTRY_WAITING;
	task_entry_counts(e)->waiting++;
	DL_APPEND(e->runner->waiting[task_kind_system(e->row.kind)], e);
}

void
task_entry_start(struct task_entry *e)
{
	task_entry_counts(e)->waiting--;
	DL_DELETE(e->runner->waiting[task_kind_system(e->row.kind)], e);
}

static struct task_entry *
find_entry(struct task_runner *r, uint64_t id)
{
	struct task_entry *e;
	HASH_FIND(hh, r->entries, &id, sizeof(id), e);
	return e;
}

struct task_entry *
task_entry_hold(struct task_runner *r, const struct task_row *row)
{
	struct task_entry *e = find_entry(r, row->id);
	if (e) {
		if (e->state == ENTRY_WAITING)
			e->row = *row;
		return e;
	}
	struct task_lane *lane = lane_of(r, row->device);
	e = calloc(1, sizeof(*e));
	if (!lane || !e) {
		free(e);
		return NULL;
	}
	e->row = *row;
	e->runner = r;
	e->lane = lane;
	HASH_ADD(hh, r->entries, row.id, sizeof(e->row.id), e);
	DL_APPEND2(lane->entries, e, lane_prev, lane_next);
	task_entry_wait(e);
	return e;
}

void
task_entry_free(struct task_entry *e)
{
	struct task_runner *r = e->runner;
	struct task_lane *lane = e->lane;
	HASH_DEL(r->entries, e);
	DL_DELETE2(lane->entries, e, lane_prev, lane_next);
	if (!lane->entries) {
		HASH_DEL(r->lanes, lane);
		free(lane);
	}
	task_links_free(e);
	free(e);
}

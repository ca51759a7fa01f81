// SPDX-License-Identifier: Apache-2.0
#include <utlist.h>

#include "bridge/task_internal.h"

static void
on_timer_closed(uv_handle_t *handle)
{
	struct task_group *g = handle->data;
	struct task_runner *r = g->runner;
	free(g);
	r->owed--;
	task_runner_release(r);
}

static void
answer(struct task_group *g)
{
	task_outcome_fn *done = STEAL(g->done);
	if (!done)
		return;
	uv_timer_stop(&g->timer);
	g->outcome.failed = g->outcome.err != ERR_OK && g->failed.id ? &g->failed : NULL;
	g->outcome.why.err = g->outcome.err;
	done(&g->outcome, g->ctx);
}

static void
close_group(struct task_group *g)
{
	DL_DELETE(g->runner->groups, g);
	uv_close((uv_handle_t *)&g->timer, on_timer_closed);
}

static void
on_budget_over(uv_timer_t *timer)
{
	struct task_group *g = timer->data;
	if (g->pending == 0) {
		g->outcome.all_done = g->outcome.err == ERR_OK;
		answer(g);
		close_group(g);
		return;
	}
	// Entries still point here; the last of them closes the group.
	if (g->outcome.err == ERR_OK) {
		g->outcome.err = ERR_TIMEOUT;
		why_set(&g->outcome.why, ERR_TIMEOUT, "no answer yet; it goes on being tried");
	}
	answer(g);
}

enum err
task_group_new(struct task_group **out, struct task_runner *r, unsigned budget_ms,
	       task_outcome_fn *done, void *ctx)
{
	struct task_group *g = calloc(1, sizeof(*g));
	if (!g)
		return ERR_NOMEM;
	*g = (struct task_group){.runner = r, .done = done, .ctx = ctx};
	uv_timer_init(r->loop, &g->timer);
	g->timer.data = g;
	uv_timer_start(&g->timer, on_budget_over, budget_ms, 0);
	DL_APPEND(r->groups, g);
	r->owed++;
	*out = g;
	return ERR_OK;
}

void
task_group_seal(struct task_group *g)
{
	if (g->pending == 0)
		uv_timer_start(&g->timer, on_budget_over, 0, 0);
}

void
task_group_cancel(struct task_group *g)
{
	g->outcome.err = ERR_CANCELLED;
	why_set(&g->outcome.why, ERR_CANCELLED, "the bridge stops");
	answer(g);
	close_group(g);
}

enum err
task_link_add(struct task_entry *entry, struct task_group *group, uint32_t revision)
{
	struct task_link *link = calloc(1, sizeof(*link));
	if (!link)
		return ERR_NOMEM;
	link->group = group;
	link->revision = revision;
	LL_PREPEND(entry->links, link);
	group->pending++;
	return ERR_OK;
}

// Of several failures the one that was first is told, but "refused" outweighs "not reachable": it
// will not mend by itself.
static void
note_failure(struct task_group *g, const struct task_entry *entry, const struct why *why)
{
	struct task_outcome *o = &g->outcome;
	if (o->err != ERR_OK && (err_is_retryable(why->err) || !err_is_retryable(o->err)))
		return;
	o->err = why->err;
	o->why = *why;
	g->failed = entry->row;
}

static void
report_to(struct task_group *g, const struct task_entry *entry, const struct why *why)
{
	if (why->err != ERR_OK)
		note_failure(g, entry, why);
	if (--g->pending > 0)
		return;
	g->outcome.all_done = g->outcome.err == ERR_OK;
	answer(g);
	close_group(g);
}

void
task_links_report(struct task_entry *entry, uint32_t revision, const struct why *why)
{
	struct task_link *link, *next, *told = NULL;
	// A callback may add links: take ours out first.
	LL_FOREACH_SAFE (entry->links, link, next) {
		if (link->revision > revision)
			continue;
		LL_DELETE(entry->links, link);
		LL_PREPEND(told, link);
	}
	LL_FOREACH_SAFE (told, link, next) {
		report_to(link->group, entry, why);
		free(link);
	}
}

void
task_links_free(struct task_entry *entry)
{
	struct task_link *link, *next;
	LL_FOREACH_SAFE (entry->links, link, next)
		free(link);
	entry->links = NULL;
}

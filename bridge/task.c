// SPDX-License-Identifier: Apache-2.0
// The runner holds tasks that it claimed from the store or was handed by a request. Each waits in
// two lines: its device's lane, whose first one alone may run, and its system's, of which so many
// may run at a time. When an attempt ends the store is told, and only its answer, after the commit,
// takes the task out of the lane: whoever waits for it is told what will survive a crash.
#include "bridge/task_internal.h"

#include <utlist.h>

#include "base/clock.h"
#include "bridge/meters.h"

enum {
	CONCURRENCY = 32,
	BACKLOG_MAX = 2048,    // waiting for one system
	HOLD_MAX = 256,	       // claimed from the store at a time
	POLL_MAX_MS = 60000,   // look even when nothing is known: another bridge may have died
	CLAIM_RETRY_MS = 1000, // after the store failed
};

static void claim(struct task_runner *r);
static void pump(struct task_runner *r);
static void schedule_claim(struct task_runner *r, int64_t at_ms);

// --- telling the store ---

// Tasks that the entry's end made due go to the same waiters.
static void
hold_followers(struct task_entry *e, const struct store_answer *answer)
{
	for (size_t i = 0; i < answer->n_tasks; i++) {
		struct task_entry *follower = task_entry_hold(e->runner, &answer->tasks[i]);
		struct task_link *link;
		if (!follower)
			continue;
		LL_FOREACH (e->links, link) {
			if (task_link_add(follower, link->group, answer->tasks[i].revision) !=
			    ERR_OK)
				break;
		}
	}
}

static void
end_entry(struct task_entry *e)
{
	struct task_runner *r = e->runner;
	struct why why = e->why;
	task_links_report(e, UINT32_MAX, &why);
	task_entry_free(e);
	pump(r);
	if (r->claim_again && HASH_COUNT(r->entries) < HOLD_MAX / 2)
		claim(r);
}

// False: the runner was freed meanwhile and so is the entry now.
static bool
take_report(struct task_entry *e)
{
	struct task_runner *r = e->runner;
	r->owed--;
	if (!r->closing)
		return true;
	free(e);
	task_runner_release(r);
	return false;
}

static void
on_done_stored(const struct store_answer *answer, void *ctx)
{
	struct task_entry *e = ctx;
	if (!take_report(e))
		return;
	if (answer->err == ERR_CONFLICT && answer->n_tasks == 1) {
		// There is new work of the same kind: once more, for the same waiters.
		e->row = answer->tasks[0];
		task_entry_wait(e);
		pump(e->runner);
		return;
	}
	if (answer->err == ERR_OK) {
		task_entry_counts(e)->done++;
		hold_followers(e, answer);
	} else {
		e->why = answer->why;
		if (answer->err == ERR_NOT_FOUND)
			why_set(&e->why, ERR_CANCELLED, "the device is being decommissioned");
	}
	end_entry(e);
}

static void
on_failure_stored(const struct store_answer *answer, void *ctx)
{
	struct task_entry *e = ctx;
	if (!take_report(e))
		return;
	if (answer->err == ERR_OK)
		hold_followers(e, answer);
	end_entry(e);
}

// The store could not even be asked: the claim runs out and the task comes back.
static void
report_failed(struct task_entry *e, enum err err)
{
	log_error(e->runner->log, "task.report_failed", KV_STR("device", e->row.device),
		  KV_STR("task", task_kind_name(e->row.kind)), KV_ERR(err));
	if (e->why.err == ERR_OK)
		why_set(&e->why, err, "%s", err_text(err));
	end_entry(e);
}

static bool
is_power_of_two(unsigned n)
{
	return (n & (n - 1)) == 0;
}

static void
log_failure(const struct task_entry *e, uint64_t pause)
{
	const struct task_row *row = &e->row;
	// An outage must not fill the disk with one line for each attempt of each device.
	enum log_level level = is_power_of_two(row->attempts + 1) ? LOG_WARN : LOG_DEBUG;
	struct log log = log_for(e->runner->log, row->device, NULL);
	log_at(&log, level, row->give_up ? "task.given_up" : "task.failed",
	       KV_STR("task", task_kind_name(row->kind)), KV_U64("attempt", row->attempts + 1),
	       KV_U64("retry_ms", row->give_up ? 0 : pause), KV_ERR(e->why.err),
	       KV_STR("why", e->why.text));
}

static void
report_failure(struct task_entry *e)
{
	struct task_runner *r = e->runner;
	uint64_t pause = task_backoff_ms(e->row.attempts + 1, &r->rng);
	int64_t next_ms = (int64_t)(clock_wall_ns() / NS_PER_MS + pause);
	log_failure(e, pause);
	if (e->row.give_up)
		task_entry_counts(e)->given_up++;
	else
		task_entry_counts(e)->retried++;
	r->owed++;
	enum err err =
		store_task_failed(r->store, &e->row, e->why.text, next_ms, on_failure_stored, e);
	if (err == ERR_OK) {
		schedule_claim(r, next_ms);
		return;
	}
	r->owed--;
	report_failed(e, err);
}

static void
report_done(struct task_entry *e)
{
	struct task_runner *r = e->runner;
	struct log log = log_for(r->log, e->row.device, NULL);
	log_debug(&log, "task.done", KV_STR("task", task_kind_name(e->row.kind)),
		  KV_U64("attempt", e->row.attempts + 1));
	// The last step has told the store itself, in the transaction that freed the address.
	if (e->row.kind == TASK_DELETE_PEER_ENTRY) {
		task_entry_counts(e)->done++;
		log_info(&log, "device.decommissioned");
		end_entry(e);
		return;
	}
	r->owed++;
	enum err err = store_task_done(r->store, &e->row, on_done_stored, e);
	if (err == ERR_OK)
		return;
	r->owed--;
	report_failed(e, err);
}

// --- running ---

static void
on_attempted(const struct why *why, void *ctx)
{
	struct task_entry *e = ctx;
	// Without work nothing was called.
	if (e->work)
		meters_attempt(e->runner->meters, e->row.kind, why->err,
			       clock_mono_ns() - e->began_ns);
	e->work = NULL;
	e->state = ENTRY_REPORTING;
	task_entry_counts(e)->running--;
	e->why = *why;
	if (why->err != ERR_OK && !e->why.text[0])
		why_set(&e->why, why->err, "%s", err_text(why->err));
	// Setting a peer again does no harm: who waits for it need not wait for the commit.
	if (why->err == ERR_OK && e->row.kind == TASK_SET_WG_PEER)
		task_links_report(e, e->row.revision, &e->why);
	if (why->err == ERR_OK)
		report_done(e);
	else if (why->err == ERR_WRONG_STATE && e->row.kind == TASK_DELETE_PEER_ENTRY)
		end_entry(e); // it waits for the other steps again
	else
		report_failure(e);
}

static void
start_attempt(struct task_entry *e)
{
	struct task_runner *r = e->runner;
	struct why why = {0};
	task_entry_start(e);
	e->state = ENTRY_RUNNING;
	e->began_ns = clock_mono_ns();
	task_entry_counts(e)->running++;
	if (task_work_is_needed(&r->systems, &e->row)) {
		why.err = task_work_start(&e->work, &r->systems, r->store, r->log, &e->row,
					  on_attempted, e);
		if (why.err == ERR_OK)
			return;
	}
	on_attempted(&why, e);
}

static struct task_entry *
find_startable(struct task_runner *r)
{
	for (int system = 0; system < SYSTEM_COUNT; system++) {
		struct task_entry *e;
		if (r->counts[system].running >= r->concurrency)
			continue;
		DL_FOREACH (r->waiting[system], e) {
			if (e->lane->entries == e)
				return e;
		}
	}
	return NULL;
}

static void
pump(struct task_runner *r)
{
	struct task_entry *e;
	while (!r->closing && (e = find_startable(r)))
		start_attempt(e);
}

// --- claiming ---

static void
on_timer(uv_timer_t *timer)
{
	struct task_runner *r = timer->data;
	r->next_ms = INT64_MAX;
	claim(r);
}

static void
schedule_claim(struct task_runner *r, int64_t at_ms)
{
	int64_t now = (int64_t)(clock_wall_ns() / NS_PER_MS);
	if (at_ms > now + POLL_MAX_MS)
		at_ms = now + POLL_MAX_MS;
	if (at_ms >= r->next_ms || r->closing || !r->started)
		return;
	r->next_ms = at_ms;
	uv_timer_start(&r->timer, on_timer, at_ms > now ? (uint64_t)(at_ms - now) : 0, 0);
}

static void
on_claimed(const struct store_answer *answer, void *ctx)
{
	struct task_runner *r = ctx;
	r->owed--;
	if (r->closing) {
		task_runner_release(r);
		return;
	}
	r->claiming = false;
	int64_t now = (int64_t)(clock_wall_ns() / NS_PER_MS);
	for (size_t i = 0; i < answer->n_tasks; i++) {
		if (!task_entry_hold(r, &answer->tasks[i]))
			log_error(r->log, "task.lost", KV_STR("device", answer->tasks[i].device));
	}
	if (answer->err != ERR_OK)
		schedule_claim(r, now + CLAIM_RETRY_MS);
	else if (r->claim_again)
		claim(r);
	else if (answer->n_tasks == r->claim_limit)
		r->claim_again = true; // there are more, when these are done
	else
		schedule_claim(r, answer->next_ms);
	pump(r);
}

static void
claim(struct task_runner *r)
{
	size_t held = HASH_COUNT(r->entries);
	r->claim_again = r->claiming || held >= HOLD_MAX;
	if (r->claim_again || r->closing)
		return;
	r->claiming = true;
	r->owed++;
	r->claim_limit = HOLD_MAX - held;
	enum err err = store_claim_tasks(r->store, r->claim_limit, on_claimed, r);
	if (err == ERR_OK)
		return;
	r->owed--;
	r->claiming = false;
	schedule_claim(r, (int64_t)(clock_wall_ns() / NS_PER_MS) + CLAIM_RETRY_MS);
}

static void
on_due(void *ctx)
{
	claim(ctx);
}

// --- the runner ---

static void
on_pump_now(uv_timer_t *timer)
{
	pump(timer->data);
}

enum err
task_runner_new(struct task_runner **out, const struct task_runner_options *o, struct why *why)
{
	struct task_runner *r = calloc(1, sizeof(*r));
	if (!r)
		return why_set(why, ERR_NOMEM, "out of memory");
	r->loop = o->loop;
	r->log = o->log;
	r->store = o->store;
	r->systems = o->systems;
	r->meters = o->meters;
	r->concurrency = o->concurrency ? o->concurrency : CONCURRENCY;
	r->next_ms = INT64_MAX;
	rng_init(&r->rng, o->seed, 0);
	uv_timer_init(r->loop, &r->timer);
	uv_timer_init(r->loop, &r->pump_now);
	r->timer.data = r->pump_now.data = r;
	r->owed = 2;
	*out = r;
	return ERR_OK;
}

void
task_runner_start(struct task_runner *r)
{
	r->started = true;
	store_on_due(r->store, on_due, r);
	claim(r);
}

static enum err
take_over(struct task_runner *r, const struct task_row *row, struct task_group *g)
{
	// A system that hangs must not fill our memory: the claim runs out and the task comes back.
	if (r->counts[task_kind_system(row->kind)].waiting >= BACKLOG_MAX)
		return ERR_EXHAUSTED;
	struct task_entry *e = task_entry_hold(r, row);
	if (!e)
		return ERR_NOMEM;
	return g ? task_link_add(e, g, row->revision) : ERR_OK;
}

enum err
task_run(struct task_runner *r, const struct task_row *tasks, size_t n, unsigned budget_ms,
	 task_outcome_fn *done, void *ctx)
{
	struct task_group *g = NULL;
	if (r->closing)
		return ERR_CANCELLED;
	if (done)
		TRY(task_group_new(&g, r, budget_ms, done, ctx));
	for (size_t i = 0; i < n; i++) {
		if (tasks[i].status != TASK_OPEN || tasks[i].next_ms == INT64_MAX)
			continue;
		enum err err = take_over(r, &tasks[i], g);
		if (err != ERR_OK && g)
			g->outcome.err = why_set(&g->outcome.why, err, "%s", err_text(err));
	}
	if (g)
		task_group_seal(g);
	// From the loop, so that done is never called from inside.
	uv_timer_start(&r->pump_now, on_pump_now, 0, 0);
	return ERR_OK;
}

struct task_counts
task_runner_counts(const struct task_runner *r, enum task_system system)
{
	return r->counts[system];
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct task_runner *r = handle->data;
	r->owed--;
	task_runner_release(r);
}

void
task_runner_release(struct task_runner *r)
{
	if (r->closing && r->owed == 0)
		free(r);
}

void
task_runner_free(struct task_runner *r)
{
	struct task_entry *e, *next_entry;
	struct task_lane *lane, *next_lane;
	struct task_group *g, *next_group;
	if (!r)
		return;
	r->closing = true;
	store_on_due(r->store, NULL, NULL);
	HASH_ITER (hh, r->entries, e, next_entry) {
		HASH_DEL(r->entries, e);
		task_links_free(e);
		if (e->work)
			task_work_abandon(e->work);
		// One that reports is freed by its callback.
		if (e->state != ENTRY_REPORTING)
			free(e);
	}
	HASH_ITER (hh, r->lanes, lane, next_lane) {
		HASH_DEL(r->lanes, lane);
		free(lane);
	}
	DL_FOREACH_SAFE (r->groups, g, next_group)
		task_group_cancel(g);
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
	uv_close((uv_handle_t *)&r->pump_now, on_timer_closed);
}

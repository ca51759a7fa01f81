// SPDX-License-Identifier: Apache-2.0
#include "runner/checks.h"

#include "base/clock.h"
#include "runner/jpath.h"
#include "runner/matcher.h"
#include "runner/mem.h"
#include "runner/schema.h"

enum {
	POLL_FIRST_MS = 5,
	POLL_LAST_MS = 100,
	KNOWN_MAX_BYTES = 4000,
};

void
checks_fini(struct checks *c)
{
	free(c->report);
	free(c->hidden_report);
	*c = (struct checks){0};
}

static void
append(char **text, char *take_more)
{
	char *longer =
		mem_printf("%s%s%s", *text ? *text : "", *text && **text ? "\n" : "", take_more);
	free(*text);
	free(take_more);
	*text = longer;
}

static const json_t *
look_up(void *ctx, const char *path)
{
	const json_t *value;
	return world_look(ctx, path, &value, NULL) == WORLD_SEEN ? value : NULL;
}

// For a path that is absent: what stands there instead.
static char *
say_what_is_there(struct run *run, const char *path)
{
	BUF_AUTO struct buf known;
	const json_t *root;
	size_t head = strcspn(path, ".");
	AUTO(free) char *name = mem_ndup(path, head);
	buf_init(&known, KNOWN_MAX_BYTES);
	if (world_look(run->world, name, &root, NULL) != WORLD_SEEN || !root || !path[head])
		return mem_dup("");
	const char *missing = jpath_missing(root, path + head + 1, &known);
	if (!missing || !known.len)
		return mem_dup("");
	return mem_printf("\n      where '%s' was looked for there is: %.*s", missing,
			  (int)known.len, (const char *)known.data);
}

static void
eval_one(struct checks *out, struct run *run, const struct pair *pair)
{
	const json_t *actual;
	struct why why = {0};
	struct mismatch m = {0};
	char place[512];
	place_text(place, sizeof(place), pair->at);
	enum world_sight sight = world_look(run->world, pair->key, &actual, &why);
	if (sight == WORLD_HIDDEN && why.err == ERR_UNSUPPORTED) {
		out->hidden++;
		append(&out->hidden_report,
		       mem_printf("%s: %s cannot be seen: %s", place, pair->key, why.text));
		return;
	}
	if (sight == WORLD_UNKNOWN) {
		out->unknown = true;
		out->broken++;
		out->at = pair->at;
		append(&out->report, mem_printf("%s: %s", place, why.text));
		return;
	}
	if (sight == WORLD_HIDDEN) {
		m.expected = mem_dup("something to look at");
		m.actual = mem_dup(why.text);
	} else if (matcher_eval(pair->value, pair->key, actual, look_up, run->world, &m)) {
		out->held++;
		return;
	}
	if (!out->broken++)
		out->at = pair->at;
	AUTO(free)
	char *there =
		actual || sight != WORLD_SEEN ? mem_dup("") : say_what_is_there(run, pair->key);
	append(&out->report, mem_printf("%s: %s\n    - expected %s\n    + actual   %s%s", place,
					pair->key, m.expected, m.actual, there));
	mismatch_fini(&m);
}

void
checks_eval(struct checks *out, struct run *run, const struct node *matchers)
{
	*out = (struct checks){.report = mem_dup(""), .hidden_report = mem_dup("")};
	world_forget(run->world);
	for (size_t i = 0; i < matchers->n; i++)
		eval_one(out, run, &matchers->pairs[i]);
}

static void
note_hidden(struct run *run, const struct checks *c)
{
	if (c->hidden)
		run_note(run, "not checked: %s", c->hidden_report);
}

static void
judge(struct run *run, const struct checks *c, const char *prefix)
{
	if (c->broken)
		run_find(run, c->unknown ? VERDICT_BAD_FILE : VERDICT_FAILED, c->at, "%s%s", prefix,
			 c->report);
	note_hidden(run, c);
}

void
step_expect(struct run *run, const struct node *step, const struct node *args)
{
	CHECKS_AUTO struct checks c = {0};
	(void)step;
	checks_eval(&c, run, args);
	judge(run, &c, "");
}

static uint64_t
next_pause(uint64_t ms)
{
	return 2 * ms > POLL_LAST_MS ? POLL_LAST_MS : 2 * ms;
}

// Waits ms, or until the deadline when that is sooner. False: it is over (deadline, interrupt).
static bool
pause_until(struct run *run, uint64_t ms, uint64_t deadline_ns)
{
	uint64_t now = clock_mono_ns();
	uint64_t limit = run->bench->limit_ns;
	if (now >= deadline_ns || run->bench->interrupts || (limit && now >= limit))
		return false;
	uint64_t until = now + ms * NS_PER_MS;
	enum err err =
		bench_wait(run->bench, NULL, NULL, until < deadline_ns ? until : deadline_ns);
	return err != ERR_CANCELLED;
}

void
step_eventually(struct run *run, const struct node *step, const struct node *args)
{
	uint64_t within = schema_get_ms(args, "eventually", "within");
	uint64_t deadline = bench_deadline(within);
	uint64_t pause = POLL_FIRST_MS;
	const struct node *that = node_get(args, "that");
	(void)step;
	for (;;) {
		CHECKS_AUTO struct checks c = {0};
		checks_eval(&c, run, that);
		bool more = c.broken && !c.unknown && pause_until(run, pause, deadline);
		pause = next_pause(pause);
		if (more)
			continue;
		AUTO(free)
		char *prefix = mem_printf("not within %llu ms:\n", (unsigned long long)within);
		judge(run, &c, c.unknown ? "" : prefix);
		return;
	}
}

void
step_never(struct run *run, const struct node *step, const struct node *args)
{
	uint64_t began = clock_mono_ns();
	uint64_t deadline = bench_deadline(schema_get_ms(args, "never", "for"));
	uint64_t pause = POLL_FIRST_MS;
	const struct node *that = node_get(args, "that");
	(void)step;
	for (;;) {
		CHECKS_AUTO struct checks c = {0};
		checks_eval(&c, run, that);
		if (c.unknown) {
			judge(run, &c, "");
			return;
		}
		if (c.held == that->n) {
			run_find(run, VERDICT_FAILED, that->at,
				 "it happened after %.0f ms, and was never to happen",
				 (double)(clock_mono_ns() - began) / 1e6);
			return;
		}
		if (!pause_until(run, pause, deadline)) {
			note_hidden(run, &c);
			return;
		}
		pause = next_pause(pause);
	}
}

// SPDX-License-Identifier: Apache-2.0
#include "fleet_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fleet_stats *
fleet_stats_new(void)
{
	struct fleet_stats *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	for (size_t i = 0; i < PHASE_COUNT; i++)
		hist_init(&s->phases[i]);
	hist_init(&s->lifecycle);
	hist_init(&s->lag);
	return s;
}

static struct cause *
find_cause(struct fleet_stats *s, enum dev_phase phase, enum layer layer, const char *kind,
	   int code)
{
	for (size_t i = 0; i < s->n_causes; i++) {
		struct cause *c = &s->causes[i];
		if (c->phase == phase && c->layer == layer && c->code == code &&
		    strcmp(c->kind, kind) == 0)
			return c;
	}
	if (s->n_causes == CAUSES_MAX)
		return NULL;
	struct cause *c = &s->causes[s->n_causes++];
	*c = (struct cause){.phase = phase, .layer = layer, .code = code};
	snprintf(c->kind, sizeof(c->kind), "%s", kind);
	return c;
}

static void
count_cause(struct fleet_stats *s, const struct cause *cause)
{
	struct cause *c = find_cause(s, cause->phase, cause->layer, cause->kind, cause->code);
	if (!c) {
		s->other_causes += cause->count;
		return;
	}
	if (c->count == 0)
		memcpy(c->example, cause->example, sizeof(c->example));
	c->count += cause->count;
}

void
fleet_stats_add_failure(struct fleet_stats *s, enum dev_phase phase, const struct failure *failure)
{
	struct cause c = {
		.phase = phase, .layer = failure->layer, .code = failure->code, .count = 1};
	snprintf(c.kind, sizeof(c.kind), "%s", failure->kind);
	snprintf(c.example, sizeof(c.example), "%.255s", failure->why.text);
	count_cause(s, &c);
	s->phase_failed[phase]++;
}

void
fleet_stats_merge(struct fleet_stats *into, const struct fleet_stats *from)
{
	for (size_t i = 0; i < PHASE_COUNT; i++) {
		hist_merge(&into->phases[i], &from->phases[i]);
		into->phase_failed[i] += from->phase_failed[i];
	}
	hist_merge(&into->lifecycle, &from->lifecycle);
	hist_merge(&into->lag, &from->lag);
	into->started += from->started;
	into->done += from->done;
	into->failed += from->failed;
	into->retries += from->retries;
	into->late += from->late;
	into->held_back += from->held_back;
	into->watched_us += from->watched_us;
	into->saturated_us += from->saturated_us;
	into->sessions_lost += from->sessions_lost;
	into->sessions_down += from->sessions_down;
	into->unexpected += from->unexpected;
	into->other_causes += from->other_causes;
	if (from->last_end_ns > into->last_end_ns)
		into->last_end_ns = from->last_end_ns;
	for (size_t i = 0; i < from->n_causes; i++)
		count_cause(into, &from->causes[i]);
}

// SPDX-License-Identifier: Apache-2.0
#include "common/faults.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "common/fault_row.h"

struct fault_plan {
	const struct fault_vocabulary *vocabulary;
	struct fault_row *rows; // in the order added
	struct rng rng;
	unsigned n_named; // for names that we give
};

enum err
fault_plan_new(struct fault_plan **out, const struct fault_vocabulary *v, uint64_t seed)
{
	struct fault_plan *p = calloc(1, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	p->vocabulary = v;
	rng_init(&p->rng, seed, 0);
	*out = p;
	return ERR_OK;
}

void
fault_plan_free(struct fault_plan *p)
{
	if (!p)
		return;
	fault_plan_clear(p);
	free(p);
}

static struct fault_row *
find_row(const struct fault_plan *p, const char *name)
{
	struct fault_row *row;
	DL_FOREACH (p->rows, row) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

// "fault-1", "fault-2"...: the first that is free.
static enum err
give_name(struct fault_plan *p, struct fault_row *row)
{
	do {
		free(row->name);
		row->name = NULL;
		if (asprintf(&row->name, "fault-%u", ++p->n_named) < 0) {
			row->name = NULL;
			return ERR_NOMEM;
		}
	} while (find_row(p, row->name));
	return ERR_OK;
}

enum err
fault_plan_add(struct fault_plan *p, json_t *json, const char **name, struct why *why)
{
	AUTO(fault_row_free) struct fault_row *row = NULL;
	TRY(fault_row_parse(&row, json, p->vocabulary, why));
	if (!row->name && give_name(p, row) != ERR_OK)
		return why_set(why, ERR_NOMEM, "out of memory");
	if (find_row(p, row->name))
		return why_set(why, ERR_CONFLICT,
			       "a fault named \"%s\" is armed already; delete it first or choose "
			       "another name",
			       row->name);
	row->fault.name = row->name;
	if (name)
		*name = row->name;
	DL_APPEND(p->rows, row);
	row = NULL;
	return ERR_OK;
}

enum err
fault_plan_delete(struct fault_plan *p, const char *name, struct why *why)
{
	struct fault_row *row = find_row(p, name);
	if (!row)
		return why_set(why, ERR_NOT_FOUND, "no fault is named \"%.64s\"", name);
	DL_DELETE(p->rows, row);
	fault_row_free(row);
	return ERR_OK;
}

void
fault_plan_clear(struct fault_plan *p)
{
	struct fault_row *row;
	struct fault_row *next;
	DL_FOREACH_SAFE (p->rows, row, next) {
		DL_DELETE(p->rows, row);
		fault_row_free(row);
	}
}

bool
fault_plan_is_empty(const struct fault_plan *p)
{
	return p->rows == NULL;
}

static bool
fits(const struct fault_row *row, const char *on, const char *device)
{
	if (row->on && (!on || strcmp(row->on, on) != 0))
		return false;
	return !row->device || (device && strcmp(row->device, device) == 0);
}

// Counts the occasion and says whether the fault fires on it.
static bool
occasion(struct fault_plan *p, struct fault_row *row)
{
	row->seen++;
	switch (row->when) {
	case WHEN_ALWAYS:
		return true;
	case WHEN_NTH:
		return row->seen == row->when_n;
	case WHEN_FIRST:
		return row->seen <= row->when_n;
	case WHEN_EVERY:
		return row->seen % row->when_n == 0;
	case WHEN_PROBABILITY:
		return rng_double(&p->rng) < row->when_p;
	}
	return false;
}

static const struct fault *
fire(struct fault_plan *p, struct fault_row *row)
{
	row->fired++;
	row->fault.delay_ms =
		row->delay_min_ms + rng_below(&p->rng, row->delay_max_ms - row->delay_min_ms + 1);
	return &row->fault;
}

const struct fault *
fault_plan_match(struct fault_plan *p, const char *on, const char *device, enum fault_phase phase)
{
	struct fault_row *first = NULL;
	struct fault_row *row;
	DL_FOREACH (p->rows, row) {
		if (row->fault.kind == FAULT_SEMANTIC || row->phase != phase ||
		    !fits(row, on, device))
			continue;
		if (occasion(p, row) && !first)
			first = row;
	}
	return first ? fire(p, first) : NULL;
}

const struct fault *
fault_plan_match_semantic(struct fault_plan *p, const char *on, const char *device,
			  const char *semantic)
{
	struct fault_row *first = NULL;
	struct fault_row *row;
	DL_FOREACH (p->rows, row) {
		if (row->fault.kind != FAULT_SEMANTIC || !fits(row, on, device) ||
		    strcmp(row->fault.semantic, semantic) != 0)
			continue;
		if (occasion(p, row) && !first)
			first = row;
	}
	return first ? fire(p, first) : NULL;
}

static bool
is_armed(const struct fault_row *row)
{
	switch (row->when) {
	case WHEN_NTH:
	case WHEN_FIRST:
		return row->seen < row->when_n;
	case WHEN_PROBABILITY:
		return row->when_p > 0;
	case WHEN_ALWAYS:
	case WHEN_EVERY:
		break;
	}
	return true;
}

static json_t *
row_to_json(const struct fault_row *row)
{
	return json_pack("{s:s, s:s*, s:s*, s:s, s:O*, s:O, s:I, s:I, s:b}", "name", row->name,
			 "on", row->on, "device", row->device, "phase",
			 row->phase == FAULT_EFFECT ? "effect" : "request", "when", row->json_when,
			 "do", row->json_do, "seen", (json_int_t)row->seen, "fired",
			 (json_int_t)row->fired, "armed", (int)is_armed(row));
}

json_t *
fault_plan_list(const struct fault_plan *p)
{
	json_t *list = json_array();
	const struct fault_row *row;
	DL_FOREACH (p->rows, row) {
		json_array_append_new(list, row_to_json(row));
	}
	return list;
}

json_t *
fault_plan_get(const struct fault_plan *p, const char *name)
{
	const struct fault_row *row = find_row(p, name);
	return row ? row_to_json(row) : NULL;
}

static json_t *
terms_to_json(const struct fault_term *terms, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s*}", "name", terms[i].name, "doc", terms[i].doc));
	return list;
}

json_t *
fault_plan_vocabulary(const struct fault_plan *p)
{
	const struct fault_vocabulary *v = p->vocabulary;
	json_t *kinds = json_array();
	for (unsigned bit = 1; bit <= FAULT_SEMANTIC; bit <<= 1) {
		if (v->kinds & bit)
			json_array_append_new(kinds,
					      json_string(fault_kind_name((enum fault_kind)bit)));
	}
	return json_pack("{s:o, s:o, s:o}", "on", terms_to_json(v->on, v->n_on), "semantic",
			 terms_to_json(v->semantic, v->n_semantic), "do", kinds);
}

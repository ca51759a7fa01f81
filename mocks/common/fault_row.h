// SPDX-License-Identifier: Apache-2.0
// One armed fault; shared by the plan (faults.c) and the reader of its JSON form (fault_parse.c).
#pragma once

#include "common/faults.h"

enum when_kind {
	WHEN_ALWAYS,
	WHEN_NTH,
	WHEN_FIRST,
	WHEN_EVERY,
	WHEN_PROBABILITY,
};

struct fault_row {
	struct fault fault; // what fault_plan_match hands out; points into this row
	char *name;
	char *on;     // NULL: any
	char *device; // NULL: any
	enum fault_phase phase;
	enum when_kind when;
	uint64_t when_n;
	double when_p;
	uint64_t delay_min_ms;
	uint64_t delay_max_ms;
	char *body;
	char *content_type;
	json_t *json_when; // as given, for listing; NULL: absent
	json_t *json_do;
	uint64_t seen;
	uint64_t fired;
	struct fault_row *prev;
	struct fault_row *next;
};

// A row from its JSON form, checked against the vocabulary; name stays NULL when the JSON has none.
enum err ERR_MUST_CHECK fault_row_parse(struct fault_row **out, json_t *json,
					const struct fault_vocabulary *v, struct why *why);
void fault_row_free(struct fault_row *row);
AUTO_DEFINE(struct fault_row *, fault_row_free)
// The names of the action kinds in bit order of enum fault_kind.
const char *fault_kind_name(enum fault_kind kind);

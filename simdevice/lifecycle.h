// SPDX-License-Identifier: Apache-2.0
// The table of transitions, its guards and actions, and what can be asked of it.
#pragma once

#include "base/buf.h"
#include "device.h"

struct rule {
	enum dev_state state; // a state or a group
	enum dev_event event;
	bool (*guard)(const struct device *d); // NULL = always
	void (*action)(struct device *d);      // NULL = none
	enum dev_state next;		       // a state, ST_REST or ST_SAME
	const char *guard_text;		       // "" without a guard
	const char *action_text;
};

// The table.
const struct rule *lifecycle_rules(size_t *n);
// s is `group`, or one of the states that this group stands for.
bool lifecycle_covers(enum dev_state group, enum dev_state s);
// The first row that fits; NULL when the event is unexpected. Rows for the state itself come before
// rows for groups.
const struct rule *lifecycle_find(const struct device *d, enum dev_event event);
// How long state s may last for d, in milliseconds; 0 = for ever.
uint32_t lifecycle_timeout_ms(const struct device *d, enum dev_state s);
// No two rows for the same pair and guard, no row behind one that always fits, every state
// reachable from NEW, every state that is not final leaves, every state with work in flight knows
// OK and TIMEOUT. ERR_INTERNAL names the row.
enum err ERR_MUST_CHECK lifecycle_check(struct why *why);
// Checks any table of this form; for the test of the checker.
enum err ERR_MUST_CHECK lifecycle_check_rules(const struct rule *rules, size_t n, struct why *why);
// States, and the table itself, as Markdown.
enum err ERR_MUST_CHECK lifecycle_dump(struct buf *out);

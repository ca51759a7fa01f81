// SPDX-License-Identifier: Apache-2.0
// What can be asked of a table of transitions: is it sound, and how does it read.
#include "lifecycle.h"

static enum err
check_pairs(const struct rule *table, size_t n, struct why *why)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++) {
			const struct rule *a = &table[i], *b = &table[j];
			if (a->state != b->state || a->event != b->event)
				continue;
			if (a->guard == b->guard || !a->guard)
				return why_set(
					why, ERR_INTERNAL,
					"row %zu (%s, %s) can never be taken: row %zu is first", j,
					dev_state_name(b->state), dev_event_name(b->event), i);
		}
	return ERR_OK;
}

static bool
leads_to(const struct rule *r, enum dev_state s)
{
	return r->next == s || (r->next == ST_REST && dev_state_is_resting(s));
}

static enum err
check_reachable(const struct rule *table, size_t n, struct why *why)
{
	bool reached[ST_COUNT] = {[ST_NEW] = true};
	for (size_t round = 0; round < ST_COUNT; round++)
		for (size_t i = 0; i < n; i++)
			for (unsigned from = 0; from < ST_COUNT; from++) {
				if (!reached[from] ||
				    !lifecycle_covers(table[i].state, (enum dev_state)from))
					continue;
				for (unsigned to = 0; to < ST_COUNT; to++)
					reached[to] |= leads_to(&table[i], (enum dev_state)to);
			}
	for (unsigned s = 0; s < ST_COUNT; s++)
		if (!reached[s])
			return why_set(why, ERR_INTERNAL, "no row leads to %s",
				       dev_state_name((enum dev_state)s));
	return ERR_OK;
}

static bool
has_row(const struct rule *table, size_t n, enum dev_state s, enum dev_event e, bool any_event)
{
	for (size_t i = 0; i < n; i++) {
		bool event_fits = any_event ? table[i].next != ST_SAME && table[i].state == s
					    : table[i].event == e && !table[i].guard;
		if (event_fits && lifecycle_covers(table[i].state, s))
			return true;
	}
	return false;
}

// A state that works must end: by success or by its timeout, without a guard in the way. A backoff
// only waits.
static enum err
check_leaves(const struct rule *table, size_t n, struct why *why)
{
	for (unsigned i = 0; i < ST_COUNT; i++) {
		enum dev_state s = (enum dev_state)i;
		if (dev_state_is_final(s) || dev_state_is_resting(s))
			continue;
		if (!has_row(table, n, s, EV_TIMEOUT, false))
			return why_set(why, ERR_INTERNAL, "%s does not end on TIMEOUT",
				       dev_state_name(s));
		if (!has_row(table, n, s, EV_NONE, true))
			return why_set(why, ERR_INTERNAL, "%s never leaves", dev_state_name(s));
	}
	return ERR_OK;
}

enum err
lifecycle_check_rules(const struct rule *table, size_t n, struct why *why)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].state >= ST_REST || table[i].event == EV_NONE ||
		    table[i].next == ST_ANY || table[i].next == ST_RESTING ||
		    table[i].next == ST_IDENTIFIED)
			return why_set(why, ERR_INTERNAL, "row %zu has a group in a wrong column",
				       i);
	TRY(check_pairs(table, n, why));
	TRY(check_reachable(table, n, why));
	return check_leaves(table, n, why);
}

enum err
lifecycle_check(struct why *why)
{
	size_t n;
	const struct rule *rules = lifecycle_rules(&n);
	return lifecycle_check_rules(rules, n, why);
}

static enum err
put_words(struct buf *out, const char *identifier)
{
	for (const char *p = identifier; *p; p++)
		TRY(buf_put_u8(out, *p == '_' ? ' ' : (uint8_t)*p));
	return ERR_OK;
}

enum err
lifecycle_dump(struct buf *out)
{
	TRY(buf_append_str(out, "| state | meaning |\n|---|---|\n"));
	for (unsigned s = 0; s < ST_COUNT; s++)
		TRY(buf_printf(out, "| %s | %s |\n", dev_state_name((enum dev_state)s),
			       dev_state_text((enum dev_state)s)));
	TRY(buf_append_str(out, "\n| state | event | action | next |\n|---|---|---|---|\n"));
	size_t n;
	const struct rule *rules = lifecycle_rules(&n);
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = &rules[i];
		TRY(buf_printf(out, "| %s | %s", dev_state_name(r->state),
			       dev_event_name(r->event)));
		if (r->guard) {
			TRY(buf_append_str(out, " ["));
			TRY(put_words(out, r->guard_text));
			TRY(buf_append_str(out, "]"));
		}
		TRY(buf_append_str(out, " | "));
		TRY(put_words(out, r->action ? r->action_text : "-"));
		TRY(buf_printf(out, " | %s |\n", dev_state_name(r->next)));
	}
	return ERR_OK;
}

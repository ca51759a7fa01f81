// SPDX-License-Identifier: Apache-2.0
// Free addresses are kept as ranges: a fresh pool is one row, whatever its size; taking the lowest
// address, taking a given one and giving one back touch at most three rows found by key, so none of
// them ever looks at the rest of the subnet.
#include "bridge/store_backend.h"

// Replaces range r by what remains of it without ip.
static enum err
cut_out(const struct store_session *s, struct address_range r, uint32_t ip, struct why *why)
{
	TRY(s->backend->range_delete(s->db, r.first, why));
	if (r.first < ip)
		TRY(s->backend->range_put(s->db, &(struct address_range){r.first, ip - 1}, why));
	if (ip < r.last)
		TRY(s->backend->range_put(s->db, &(struct address_range){ip + 1, r.last}, why));
	return ERR_OK;
}

enum err
store_range_take_lowest(const struct store_session *s, uint32_t *ip, struct why *why)
{
	struct address_range r;
	bool found;
	TRY(s->backend->range_lowest(s->db, &r, &found, why));
	if (!found)
		return why_set(why, ERR_EXHAUSTED,
			       "all %u addresses of WG_SUBNET are in use; decommission devices or "
			       "widen WG_SUBNET",
			       pool_size(&s->pool));
	*ip = r.first;
	return cut_out(s, r, r.first, why);
}

enum err
store_range_take(const struct store_session *s, uint32_t ip, struct why *why)
{
	struct address_range r;
	bool found;
	TRY(s->backend->range_at_or_below(s->db, ip, &r, &found, why));
	if (!found || ip > r.last) {
		char text[IP4_TEXT_BYTES];
		ip4_print(text, ip);
		return why_set(why, ERR_CONFLICT, "address %s is not free", text);
	}
	return cut_out(s, r, ip, why);
}

enum err
store_range_give_back(const struct store_session *s, uint32_t ip, struct why *why)
{
	struct address_range joined = {ip, ip};
	struct address_range neighbour;
	bool found;
	TRY(s->backend->range_at_or_below(s->db, ip, &neighbour, &found, why));
	if (found && ip <= neighbour.last)
		return why_set(why, ERR_INTERNAL, "an address was given back twice");
	if (found && neighbour.last + 1 == ip) {
		TRY(s->backend->range_delete(s->db, neighbour.first, why));
		joined.first = neighbour.first;
	}
	TRY(s->backend->range_at_or_below(s->db, ip + 1, &neighbour, &found, why));
	if (found && neighbour.first == ip + 1) {
		TRY(s->backend->range_delete(s->db, neighbour.first, why));
		joined.last = neighbour.last;
	}
	return s->backend->range_put(s->db, &joined, why);
}

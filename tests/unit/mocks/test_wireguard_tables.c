// SPDX-License-Identifier: Apache-2.0
// The mock WireGuard server's look-up structures against simple models.
#include <criterion/criterion.h>

#include "base/rng.h"
#include "wireguard/deadlines.h"
#include "wireguard/held.h"
#include "wireguard/peers.h"

// --- AllowedIPs ---

enum { OWNERS = 5, MODEL_MAX = 400 };

struct model_entry {
	struct ip_prefix prefix;
	struct peer *owner;
};

static struct ip_prefix
random_prefix(struct rng *r)
{
	struct ip_prefix p = {.family = rng_below(r, 2) ? 4 : 6};
	size_t n = p.family == 4 ? 4 : 16;
	// few bits in use, so that prefixes nest
	for (size_t i = 0; i < n; i++)
		p.addr[i] = rng_below(r, 3) ? 0 : (uint8_t)(0x80u >> rng_below(r, 8));
	p.bits = (uint8_t)rng_below(r, n * 8 + 1);
	ip_prefix_mask(&p);
	return p;
}

static struct peer *
model_find(const struct model_entry *model, size_t n, uint8_t family, const uint8_t *addr)
{
	const struct model_entry *best = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct model_entry *e = &model[i];
		if (e->owner && ip_prefix_contains(&e->prefix, family, addr) &&
		    (!best || e->prefix.bits > best->prefix.bits))
			best = e;
	}
	return best ? best->owner : NULL;
}

static size_t
model_add(struct model_entry *model, size_t n, const struct ip_prefix *p, struct peer *owner)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_prefix_equal(&model[i].prefix, p)) {
			model[i].owner = owner;
			return n;
		}
	}
	model[n] = (struct model_entry){*p, owner};
	return n + 1;
}

Test(wireguard_tables, the_longest_prefix_wins_as_in_the_model)
{
	static struct peer owners[OWNERS];
	static struct model_entry model[MODEL_MAX];
	static struct allowed_ips table;
	struct rng r;
	size_t n = 0;
	rng_init(&r, 3, 3);
	for (int step = 0; step < 3000; step++) {
		struct ip_prefix p = random_prefix(&r);
		struct peer *owner = &owners[rng_below(&r, OWNERS)];
		if (step % 200 == 199) {
			allowed_ips_remove_all(&table, owner);
			cr_expect(owner->allowed == NULL);
			for (size_t i = 0; i < n; i++)
				model[i].owner = model[i].owner == owner ? NULL : model[i].owner;
		} else if (step % 5 == 0 && n < MODEL_MAX) {
			cr_assert(allowed_ips_add(&table, &p, owner) == ERR_OK);
			n = model_add(model, n, &p, owner);
		}
		struct ip_prefix probe = random_prefix(&r);
		cr_expect(allowed_ips_find(&table, probe.family, probe.addr) ==
				  model_find(model, n, probe.family, probe.addr),
			  "step %d", step);
	}
	for (size_t i = 0; i < OWNERS; i++)
		allowed_ips_remove_all(&table, &owners[i]);
	cr_expect(table.table == NULL);
}

Test(wireguard_tables, an_address_set_twice_belongs_to_the_last)
{
	static struct peer a;
	static struct peer b;
	static struct allowed_ips table;
	struct ip_prefix p = ip4_prefix(0x0a080005, 24);
	struct ip_prefix inside = ip4_prefix(0x0a0800fe, 32);
	cr_assert(allowed_ips_add(&table, &p, &a) == ERR_OK);
	cr_expect(allowed_ips_find(&table, 4, inside.addr) == &a);
	cr_assert(allowed_ips_add(&table, &p, &b) == ERR_OK);
	cr_expect(allowed_ips_find(&table, 4, inside.addr) == &b);
	cr_expect(a.allowed == NULL, "the first shows (none)");
	allowed_ips_remove_all(&table, &b);
	cr_expect(allowed_ips_find(&table, 4, inside.addr) == NULL);
}

// --- deadlines ---

static uint64_t
model_first(const struct deadline *nodes, size_t n)
{
	uint64_t first = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		if (nodes[i].pos && nodes[i].at < first)
			first = nodes[i].at;
	}
	return first;
}

Test(wireguard_tables, the_first_deadline_is_the_smallest)
{
	enum { N = 100 };
	static struct deadline nodes[N];
	struct deadlines d = {0};
	struct rng r;
	rng_init(&r, 5, 5);
	cr_assert(deadlines_reserve(&d, N) == ERR_OK);
	cr_expect(deadlines_first(&d) == NULL);
	for (int step = 0; step < 50000; step++) {
		struct deadline *node = &nodes[rng_below(&r, N)];
		uint64_t at = rng_below(&r, 4) ? rng_below(&r, 1000) : UINT64_MAX;
		deadlines_set(&d, node, at);
		cr_assert((node->pos == 0) == (at == UINT64_MAX));
		const struct deadline *first = deadlines_first(&d);
		cr_assert((first ? first->at : UINT64_MAX) == model_first(nodes, N), "step %d",
			  step);
	}
	for (size_t i = 0; i < N; i++)
		deadlines_set(&d, &nodes[i], UINT64_MAX);
	cr_expect(d.n == 0 && deadlines_first(&d) == NULL);
	deadlines_fini(&d);
}

// --- delayed datagrams ---

Test(wireguard_tables, delayed_datagrams_leave_in_the_order_of_time)
{
	static const uint64_t times[] = {50, 10, 50, 30, 10, 70, 1, 50};
	struct held *list = NULL;
	struct addr to = {0};
	for (size_t i = 0; i < N_ELEMENTS(times); i++) {
		uint8_t name = (uint8_t)('a' + i);
		cr_assert(held_add(&list, times[i], true, &to, BYTES(&name, 1)) == ERR_OK);
	}
	static const char want[] = "gbedachf";
	cr_expect(held_take(&list, 0) == NULL);
	for (size_t i = 0; i < N_ELEMENTS(times); i++) {
		struct held *h = held_take(&list, 100);
		cr_assert(h != NULL);
		cr_expect(h->bytes[0] == (uint8_t)want[i], "place %zu: %c", i, h->bytes[0]);
		free(h);
	}
	cr_expect(list == NULL);
	cr_assert(held_add(&list, 5, false, &to, BYTES("x", 1)) == ERR_OK);
	held_clear(&list);
	cr_expect(list == NULL);
}

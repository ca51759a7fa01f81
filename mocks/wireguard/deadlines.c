// SPDX-License-Identifier: Apache-2.0
#include "wireguard/deadlines.h"

enum err
deadlines_reserve(struct deadlines *d, size_t n)
{
	if (n + 1 <= d->cap)
		return ERR_OK;
	size_t cap = d->cap ? d->cap * 2 : 16;
	while (cap < n + 1)
		cap *= 2;
	struct deadline **heap = reallocarray(d->heap, cap, sizeof(struct deadline *));
	if (!heap)
		return ERR_NOMEM;
	d->heap = heap;
	d->cap = cap;
	return ERR_OK;
}

void
deadlines_fini(struct deadlines *d)
{
	free(d->heap);
	*d = (struct deadlines){0};
}

static void
place(struct deadlines *d, size_t pos, struct deadline *node)
{
	d->heap[pos] = node;
	node->pos = pos;
}

static void
sift_up(struct deadlines *d, struct deadline *node, size_t pos)
{
	while (pos > 1 && d->heap[pos / 2]->at > node->at) {
		place(d, pos, d->heap[pos / 2]);
		pos /= 2;
	}
	place(d, pos, node);
}

static void
sift_down(struct deadlines *d, struct deadline *node, size_t pos)
{
	for (;;) {
		size_t child = pos * 2;
		if (child < d->n && d->heap[child + 1]->at < d->heap[child]->at)
			child++;
		if (child > d->n || d->heap[child]->at >= node->at)
			break;
		place(d, pos, d->heap[child]);
		pos = child;
	}
	place(d, pos, node);
}

// Puts node where it belongs, beginning at a position that is free or its own.
static void
settle(struct deadlines *d, struct deadline *node, size_t pos)
{
	if (pos > 1 && d->heap[pos / 2]->at > node->at)
		sift_up(d, node, pos);
	else
		sift_down(d, node, pos);
}

static void
take_out(struct deadlines *d, struct deadline *node)
{
	size_t pos = node->pos;
	struct deadline *last = d->heap[d->n--];
	node->pos = 0;
	if (last != node)
		settle(d, last, pos);
}

void
deadlines_set(struct deadlines *d, struct deadline *node, uint64_t at)
{
	if (node->pos && node->at == at)
		return;
	node->at = at;
	if (at == UINT64_MAX) {
		if (node->pos)
			take_out(d, node);
		return;
	}
	settle(d, node, node->pos ? node->pos : ++d->n);
}

struct deadline *
deadlines_first(const struct deadlines *d)
{
	return d->n ? d->heap[1] : NULL;
}

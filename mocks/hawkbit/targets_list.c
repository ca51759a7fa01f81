// SPDX-License-Identifier: Apache-2.0
// GET /targets: paging, sorting and searching. A page of the default order costs the page; anything
// else looks at every target.
#include <strings.h>

#include "hawkbit/mgmt.h"
#include "hawkbit/rsql.h"
#include "hawkbit/target_field.h"
#include "hawkbit/target_view.h"

enum {
	LIMIT_DEFAULT = 50,
	LIMIT_MAX = 500,
	SORT_FIELDS_MAX = 8,
};

struct sort {
	struct {
		const struct target_field *field;
		bool descending;
	} by[SORT_FIELDS_MAX];
	size_t n;
};

struct page {
	size_t offset;
	size_t limit;
	struct sort sort;
	struct rsql *query; // NULL: all
};

// A Java int; false: it is something else.
static bool
parse_int(const char *text, int64_t *out)
{
	char *end = NULL;
	if (!text || !*text)
		return true; // absent: the default stays
	if (strlen(text) > 11)
		return false;
	long long n = strtoll(text, &end, 10);
	*out = n;
	return end != text && *end == 0 && n >= INT32_MIN && n <= INT32_MAX;
}

static enum err
parse_sort_entry(struct sort *sort, char *entry, struct refusal *r)
{
	const char *key = NULL;
	char *colon = strchr(entry, ':');
	if (!colon)
		return refuse(r, REFUSE_SORT_SYNTAX, "%s", "");
	*colon = 0;
	const struct target_field *field = target_field_find(entry, &key);
	if (!field || !field->sortable)
		return refuse(r, REFUSE_SORT_FIELD, "%s", "");
	bool descending = strcasecmp(colon + 1, "DESC") == 0;
	if (!descending && strcasecmp(colon + 1, "ASC") != 0)
		return refuse(r, REFUSE_SORT_DIRECTION, "%s", "");
	if (sort->n == SORT_FIELDS_MAX)
		return refuse(r, REFUSE_SORT_SYNTAX, "%s", "");
	sort->by[sort->n].field = field;
	sort->by[sort->n++].descending = descending;
	return ERR_OK;
}

static enum err
parse_sort(struct sort *sort, const char *text, struct arena *arena, struct refusal *r)
{
	char *rest = text && *text ? arena_strndup(arena, text, strlen(text)) : NULL;
	while (rest) {
		char *entry = strsep(&rest, ",");
		TRY(parse_sort_entry(sort, entry, r));
	}
	return ERR_OK;
}

static bool
is_default_order(const struct sort *sort)
{
	return sort->n == 0 ||
	       (strcmp(sort->by[0].field->name, "controllerId") == 0 && !sort->by[0].descending);
}

static int
compare_values(const struct target_value *a, const struct target_value *b)
{
	if (a->is_number)
		return a->number < b->number ? -1 : a->number > b->number;
	if (!a->text || !b->text)
		return (a->text != NULL) - (b->text != NULL);
	return strcmp(a->text, b->text);
}

static int
compare_targets(const void *a, const void *b, void *ctx)
{
	const struct target *const *x = a;
	const struct target *const *y = b;
	const struct sort *sort = ctx;
	for (size_t i = 0; i < sort->n; i++) {
		struct target_value vx = sort->by[i].field->read(*x, NULL);
		struct target_value vy = sort->by[i].field->read(*y, NULL);
		int cmp = compare_values(&vx, &vy);
		if (cmp)
			return sort->by[i].descending ? -cmp : cmp;
	}
	return 0;
}

static void
reply_page(struct hawkbit *h, struct http_req *req, const struct page *page,
	   struct target *const *all, size_t total)
{
	json_t *content = json_array();
	const char *base_url = mgmt_base_url(h, req);
	for (size_t i = page->offset; i < total && i - page->offset < page->limit; i++)
		json_array_append_new(content, target_to_json(all[i], VIEW_ROW, base_url, true));
	json_int_t size = (json_int_t)json_array_size(content);
	reply_hal(req, 200,
		  json_pack("{s:o, s:I, s:I}", "content", content, "total", (json_int_t)total,
			    "size", size));
}

// Those that the query finds, in the wanted order; *out is the caller's to free.
static enum err
select_targets(struct hawkbit *h, struct page *page, struct target ***out, size_t *total)
{
	struct target *const *all = target_store_ordered(&h->targets);
	size_t n = target_store_count(&h->targets);
	struct target **found = calloc(n + 1, sizeof(struct target *));
	if (!found)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!page->query || rsql_matches(page->query, all[i]))
			found[(*total)++] = all[i];
	}
	if (!is_default_order(&page->sort))
		qsort_r(found, *total, sizeof(struct target *), compare_targets, &page->sort);
	*out = found;
	return ERR_OK;
}

static void
list_selected(struct hawkbit *h, struct http_req *req, struct page *page)
{
	struct target **found = NULL;
	size_t total = 0;
	if (select_targets(h, page, &found, &total) != ERR_OK)
		reply_spring(req, 500);
	else
		reply_page(h, req, page, found, total);
	free(found);
}

void
targets_list(struct hawkbit *h, struct http_req *req)
{
	AUTO(rsql_free) struct rsql *query = NULL;
	struct page page = {0};
	struct refusal refusal = {0};
	int64_t offset = 0;
	int64_t limit = LIMIT_DEFAULT;
	const char *q = http_req_query(req, "q");
	if (!parse_int(http_req_query(req, "offset"), &offset) ||
	    !parse_int(http_req_query(req, "limit"), &limit)) {
		reply_spring(req, 400);
		return;
	}
	page.offset = offset < 0 ? 0 : (size_t)offset;
	page.limit = limit < 1 ? LIMIT_DEFAULT : limit > LIMIT_MAX ? LIMIT_MAX : (size_t)limit;
	enum err err =
		parse_sort(&page.sort, http_req_query(req, "sort"), http_req_arena(req), &refusal);
	if (err == ERR_OK && q)
		err = rsql_parse(&query, q, &refusal);
	page.query = query;
	if (err == ERR_INPUT)
		reply_refusal(req, h->o.release, &refusal);
	else if (err != ERR_OK)
		reply_spring(req, 500);
	else if (!query && is_default_order(&page.sort))
		reply_page(h, req, &page, target_store_ordered(&h->targets),
			   target_store_count(&h->targets));
	else
		list_selected(h, req, &page);
}

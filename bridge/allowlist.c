// SPDX-License-Identifier: Apache-2.0
#include "bridge/allowlist.h"

#include "base/file.h"
#include "base/id.h"

enum {
	FILE_MAX_BYTES = 256 * 1024 * 1024,
};

typedef char device_id[DEVICE_ID_MAX + 1];

struct allowlist {
	device_id *ids; // sorted
	size_t n;
	size_t room;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum err
add(struct allowlist *l, const char *id)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 256;
		device_id *ids = reallocarray(l->ids, room, sizeof(*ids));
		if (!ids)
			return ERR_NOMEM;
		l->ids = ids;
		l->room = room;
	}
	memcpy(l->ids[l->n++], id, strlen(id) + 1);
	return ERR_OK;
}

static enum err
add_line(struct allowlist *l, struct bytes line, unsigned number, struct why *why)
{
	char id[DEVICE_ID_MAX + 2];
	const char *text = (const char *)line.p;
	const char *remark = memchr(text, '#', line.n);
	size_t n = remark ? (size_t)(remark - text) : line.n;
	while (n > 0 && strchr(" \t\r", text[n - 1]))
		n--;
	while (n > 0 && strchr(" \t", *text)) {
		text++;
		n--;
	}
	if (n == 0)
		return ERR_OK;
	if (n >= sizeof(id))
		n = sizeof(id) - 1; // one too long for an id: refused below
	memcpy(id, text, n);
	id[n] = '\0';
	if (device_id_check(id, why) != ERR_OK) {
		why_prefix(why, "line %u", number);
		return ERR_INPUT;
	}
	return add(l, id);
}

enum err
allowlist_parse(struct allowlist **out, struct bytes text, struct why *why)
{
	AUTO(allowlist_free) struct allowlist *l = calloc(1, sizeof(*l));
	if (!l)
		return why_set(why, ERR_NOMEM, "out of memory");
	for (unsigned number = 1; text.n > 0; number++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		TRY(add_line(l, BYTES(text.p, n), number, why));
		n += end != NULL;
		text = BYTES(text.p + n, text.n - n);
	}
	if (l->n > 0)
		qsort(l->ids, l->n, sizeof(*l->ids), compare);
	*out = STEAL(l);
	return ERR_OK;
}

enum err
allowlist_load(struct allowlist **out, const char *path, struct why *why)
{
	BUF_AUTO struct buf text;
	buf_init(&text, FILE_MAX_BYTES);
	TRY(file_read(&text, path, why));
	enum err err = allowlist_parse(out, buf_bytes(&text), why);
	if (err != ERR_OK)
		why_prefix(why, "%s", path);
	return err;
}

void
allowlist_free(struct allowlist *l)
{
	if (!l)
		return;
	free(l->ids);
	free(l);
}

bool
allowlist_has(const struct allowlist *l, const char *id)
{
	return l->n > 0 && bsearch(id, l->ids, l->n, sizeof(*l->ids), compare) != NULL;
}

size_t
allowlist_count(const struct allowlist *l)
{
	return l->n;
}

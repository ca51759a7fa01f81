// SPDX-License-Identifier: Apache-2.0
#include "runner/jpath.h"

#include "runner/value.h"

// The longest key of the object that is a whole leading part of path; *rest is what follows it.
static json_t *
step_into(const json_t *object, const char *path, const char **rest)
{
	const char *key;
	json_t *value, *found = NULL;
	size_t best = 0;
	json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
		size_t n = strlen(key);
		if (n < best || strncmp(key, path, n) != 0 || (path[n] && path[n] != '.'))
			continue;
		best = n;
		found = value;
	}
	if (found)
		*rest = path + best + (path[best] == '.');
	return found;
}

static json_t *
item_of(const json_t *list, const char *path, const char **rest)
{
	char digits[24];
	int64_t index;
	size_t n = strcspn(path, ".");
	if (n == 0 || n >= sizeof(digits))
		return NULL;
	memcpy(digits, path, n);
	digits[n] = '\0';
	if (value_int(&index, digits) != ERR_OK || index < 0)
		return NULL;
	json_t *item = json_array_get(list, (size_t)index);
	if (item)
		*rest = path + n + (path[n] == '.');
	return item;
}

// Walks as far as possible; returns where it stopped and, in *rest, what is left of the path.
static json_t *
walk(const json_t *document, const char **rest)
{
	json_t *at = (json_t *)(uintptr_t)document;
	while (at && **rest) {
		json_t *next = json_is_object(at)  ? step_into(at, *rest, rest)
			       : json_is_array(at) ? item_of(at, *rest, rest)
						   : NULL;
		if (!next)
			break;
		at = next;
	}
	return at;
}

json_t *
jpath_get(const json_t *document, const char *path)
{
	const char *rest = path;
	json_t *at = walk(document, &rest);
	return *rest ? NULL : at;
}

const char *
jpath_missing(const json_t *document, const char *path, struct buf *known)
{
	const char *rest = path;
	const char *key;
	json_t *value;
	json_t *at = walk(document, &rest);
	if (!*rest)
		return NULL;
	json_object_foreach (at, key, value) {
		if (buf_printf(known, "%s%s", known->len ? ", " : "", key) != ERR_OK)
			break;
	}
	return rest;
}

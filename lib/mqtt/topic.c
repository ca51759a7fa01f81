// SPDX-License-Identifier: Apache-2.0
#include "mqtt/topic.h"

#define SHARE	"$share/"
#define SHARE_N (sizeof(SHARE) - 1)

// Cuts the next level off *rest. False when there is none. An empty level is a level ("a//b").
static bool
level_next(struct bytes *level, struct bytes *rest)
{
	if (!rest->p)
		return false;
	const uint8_t *slash = rest->n ? memchr(rest->p, '/', rest->n) : NULL;
	if (slash) {
		*level = BYTES(rest->p, (size_t)(slash - rest->p));
		*rest = BYTES(slash + 1, rest->n - level->n - 1);
	} else {
		*level = *rest;
		*rest = BYTES_NONE;
	}
	return true;
}

static bool
has_wildcard(struct bytes text)
{
	return text.n && (memchr(text.p, '+', text.n) || memchr(text.p, '#', text.n));
}

bool
mqtt_topic_name_is_valid(struct bytes name)
{
	return name.n && !has_wildcard(name);
}

bool
mqtt_topic_filter_is_shared(struct bytes filter)
{
	return filter.n >= SHARE_N && memcmp(filter.p, SHARE, SHARE_N) == 0;
}

// The filter proper of a shared subscription; BYTES_NONE when the prefix is not well formed.
static struct bytes
share_strip(struct bytes filter)
{
	struct bytes rest = BYTES(filter.p + SHARE_N, filter.n - SHARE_N);
	struct bytes group;
	if (!level_next(&group, &rest) || !group.n || has_wildcard(group))
		return BYTES_NONE;
	return rest;
}

bool
mqtt_topic_filter_is_valid(struct bytes filter)
{
	if (mqtt_topic_filter_is_shared(filter))
		filter = share_strip(filter);
	if (!filter.n)
		return false;
	struct bytes level;
	while (level_next(&level, &filter)) {
		if (has_wildcard(level) && level.n != 1)
			return false;
		if (bytes_is(level, "#") && filter.p)
			return false;
	}
	return true;
}

bool
mqtt_topic_matches(struct bytes filter, struct bytes name)
{
	if (mqtt_topic_filter_is_shared(filter))
		filter = share_strip(filter);
	if (!filter.n || !name.n)
		return false;
	if (name.p[0] == '$' && (filter.p[0] == '+' || filter.p[0] == '#'))
		return false;
	struct bytes want;
	struct bytes have;
	while (level_next(&want, &filter)) {
		// "sport/#" also matches its parent "sport" (4.7.1.2).
		if (bytes_is(want, "#"))
			return true;
		if (!level_next(&have, &name))
			return false;
		if (!bytes_is(want, "+") && !bytes_equal(want, have))
			return false;
	}
	return !name.p;
}

// SPDX-License-Identifier: Apache-2.0
// A topic filter, a NUL, a topic name: checked against a plain reading of OASIS mqtt-v5.0, 4.7.
#include "fuzz.h"
#include "mqtt/topic.h"
#include "mqtt/wire.h"

static bool
levels_match(struct bytes filter, struct bytes name)
{
	bool more_filter = true;
	bool more_name = true;
	while (more_filter && more_name) {
		more_filter = filter.n && memchr(filter.p, '/', filter.n);
		more_name = name.n && memchr(name.p, '/', name.n);
		struct bytes want = fuzz_take_until(&filter, '/');
		struct bytes have = fuzz_take_until(&name, '/');
		if (bytes_is(want, "#"))
			return true;
		if (!bytes_is(want, "+") && !bytes_equal(want, have))
			return false;
	}
	if (more_filter) // "a/#" matches "a" too
		return bytes_is(filter, "#");
	return !more_name;
}

static bool
matches(struct bytes filter, struct bytes name)
{
	if (mqtt_topic_filter_is_shared(filter)) {
		(void)fuzz_take_until(&filter, '/');
		(void)fuzz_take_until(&filter, '/');
	}
	if (name.p[0] == '$' && (filter.p[0] == '+' || filter.p[0] == '#'))
		return false;
	return levels_match(filter, name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes name = BYTES(data, size);
	struct bytes filter = fuzz_take_until(&name, 0);
	if (!wire_utf8_is_valid(filter) || !wire_utf8_is_valid(name))
		return 0;
	bool name_is_valid = mqtt_topic_name_is_valid(name);
	bool filter_is_valid = mqtt_topic_filter_is_valid(filter);
	if (name_is_valid)
		FUZZ_CHECK(name.n > 0 && mqtt_topic_name_is_valid(name));
	if (filter_is_valid && name_is_valid)
		FUZZ_CHECK(mqtt_topic_matches(filter, name) == matches(filter, name));
	if (name_is_valid && mqtt_topic_filter_is_valid(name) && !mqtt_topic_filter_is_shared(name))
		FUZZ_CHECK(mqtt_topic_matches(name, name));
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Topic names and topic filters (OASIS mqtt-v3.1.1 and mqtt-v5.0, 4.7; shared subscriptions 4.8.2).
// The text is taken to be valid UTF-8 without U+0000: the codec has checked it.
#pragma once

#include "base/buf.h"

// A name one can publish to: not empty, no wildcard.
bool mqtt_topic_name_is_valid(struct bytes name);
// A filter one can subscribe to: '+' and '#' alone in their level, '#' only at the end;
// "$share/{group}/{filter}" with a group of at least one character and no wildcard in it.
bool mqtt_topic_filter_is_valid(struct bytes filter);
bool mqtt_topic_filter_is_shared(struct bytes filter);
// Both valid. Wildcards at the first level do not match names that begin with '$' (4.7.2). The
// share prefix of a shared filter is skipped.
bool mqtt_topic_matches(struct bytes filter, struct bytes name);

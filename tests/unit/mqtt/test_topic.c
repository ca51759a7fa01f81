// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "mqtt/topic.h"

struct match_row {
	const char *filter;
	const char *name;
	bool matches;
};

// Mostly the examples of OASIS mqtt-v5.0, 4.7.1 to 4.7.3.
static const struct match_row rows[] = {
	{"sport/tennis/player1/#",	   "sport/tennis/player1",		   true },
	{"sport/tennis/player1/#",	   "sport/tennis/player1/ranking",	   true },
	{"sport/tennis/player1/#",	   "sport/tennis/player1/score/wimbledon", true },
	{"sport/tennis/player1/#",	   "sport/tennis/player2",		   false},
	{"sport/#",		     "sport",				true },
	{"#",			   "a/b/c",				true },
	{"sport/tennis/+",		   "sport/tennis/player1",		   true },
	{"sport/tennis/+",		   "sport/tennis/player1/ranking",	   false},
	{"sport/+",		     "sport",				false},
	{"sport/+",		     "sport/",			       true },
	{"+/+",			 "/finance",			     true },
	{"/+",			  "/finance",			     true },
	{"+",			   "/finance",			     false},
	{"#",			   "$SYS/monitor",			      false},
	{"+/monitor/Clients",	      "$SYS/monitor/Clients",		      false},
	{"$SYS/#",		      "$SYS/",				true },
	{"$SYS/monitor/+",		   "$SYS/monitor/Clients",		   true },
	{"ACCOUNTS",		     "Accounts",				 false},
	{"a/b",			 "a/b",				  true },
	{"a/b",			 "a/bc",				 false},
	{"a/b",			 "a",				    false},
	{"a",			   "a/b",				  false},
	{"a//b",			"a//b",				 true },
	{"a/+/b",		       "a//b",				 true },
	{"a/",			  "a",				    false},
	{"$share/group/a/+",	     "a/b",				    true },
	{"$share/group/a/+",	     "group/a/b",				  false},
	{"v1/devices/me/rpc/request/+", "v1/devices/me/rpc/request/7",	       true },
	{"a",			   "",				     false},
	{"",			    "a",				    false},
};

Test(mqtt_topic, matching)
{
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		cr_expect(eq(int,
			     mqtt_topic_matches(BYTES_STR(rows[i].filter), BYTES_STR(rows[i].name)),
			     rows[i].matches),
			  "%s against %s", rows[i].name, rows[i].filter);
}

Test(mqtt_topic, filters)
{
	static const char *const good[] = {"a",
					   "#",
					   "+",
					   "a/#",
					   "+/a/+",
					   "/",
					   "/a",
					   "a//b",
					   "$SYS",
					   "$share/g/#",
					   "a b",
					   "$shar",
					   "$share/g/"
					   "/"};
	static const char *const bad[] = {
		"",   "a#",	 "#/a",	     "a/#/b",	  "a+",	       "+a",	     "a/+b/c",
		"##", "$share/", "$share/g", "$share//a", "$share/g/", "$share/+/a", "$share/#"};
	for (size_t i = 0; i < N_ELEMENTS(good); i++)
		cr_expect(mqtt_topic_filter_is_valid(BYTES_STR(good[i])), "%s", good[i]);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		cr_expect(not(mqtt_topic_filter_is_valid(BYTES_STR(bad[i]))), "%s", bad[i]);
	cr_expect(not(mqtt_topic_filter_is_valid(BYTES_NONE)));
	cr_expect(mqtt_topic_filter_is_shared(BYTES_STR("$share/g/a")));
	cr_expect(not(mqtt_topic_filter_is_shared(BYTES_STR("$shares"))));
}

Test(mqtt_topic, names)
{
	static const char *const good[] = {"a",	     "/", "a/b", "v1/devices/me/telemetry",
					   "$SYS/x", " "};
	static const char *const bad[] = {"", "+", "a/+", "#", "a/#", "a#b"};
	for (size_t i = 0; i < N_ELEMENTS(good); i++)
		cr_expect(mqtt_topic_name_is_valid(BYTES_STR(good[i])), "%s", good[i]);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		cr_expect(not(mqtt_topic_name_is_valid(BYTES_STR(bad[i]))), "%s", bad[i]);
}

// The matcher gets text that the codec has passed, whatever its bytes are.
Test(mqtt_topic, every_short_text_terminates)
{
	static const uint8_t alphabet[] = {'a', '/', '+', '#', '$', 0xc3};
	uint8_t text[2][4];
	for (size_t code = 0; code < 6 * 6 * 6 * 6; code++) {
		size_t rest = code;
		for (size_t i = 0; i < 4; i++, rest /= 6)
			text[0][i] = text[1][3 - i] = alphabet[rest % 6];
		for (size_t n = 0; n <= 4; n++) {
			struct bytes filter = BYTES(text[0], n);
			struct bytes name = BYTES(text[1], 4 - n);
			if (mqtt_topic_matches(filter, name) && mqtt_topic_filter_is_valid(filter))
				cr_expect(gt(sz, n, 0));
			if (mqtt_topic_name_is_valid(filter) && mqtt_topic_filter_is_valid(filter))
				cr_expect(mqtt_topic_matches(filter, filter));
		}
	}
}

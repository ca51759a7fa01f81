// SPDX-License-Identifier: Apache-2.0
// How long a certificate lives: what a request may ask (RFC 3339 times and Go durations) and what
// the provisioner's limits make of it (contracts/step-ca.md 4 and 7).
#pragma once

#include "base/buf.h"

#define SECONDS_PER_MINUTE 60
#define SECONDS_PER_HOUR   3600

// notBefore or notAfter of a request.
struct go_time {
	enum {
		GO_TIME_UNSET,
		GO_TIME_ABSOLUTE,
		GO_TIME_RELATIVE,
	} kind;
	int64_t s;  // since the epoch; GO_TIME_RELATIVE: distance
	int64_t ns; // 0 .. 999999999, added to s
};

// NULL and "" are unset. ERR_SYNTAX: neither a time nor a duration.
enum err ERR_MUST_CHECK go_time_parse(struct go_time *out, const char *text);

// A provisioner's claims, in seconds.
struct validity_limits {
	int64_t min;
	int64_t max;
	int64_t standard;
	int64_t backdate;
};
extern const struct validity_limits validity_defaults;

struct validity {
	int64_t not_before;
	int64_t not_after;
};

// ERR_SYNTAX or ERR_FORBIDDEN with step-ca's text.
enum err ERR_MUST_CHECK validity_decide(struct validity *out, const struct go_time *not_before,
					const struct go_time *not_after, uint64_t now_ns,
					const struct validity_limits *limits, struct why *why);

#define GO_DURATION_BYTES 32
// "24h1m0s", as Go prints a duration of whole seconds.
void go_duration_format(char out[static GO_DURATION_BYTES], int64_t seconds);

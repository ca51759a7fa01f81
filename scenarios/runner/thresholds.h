// SPDX-License-Identifier: Apache-2.0
// What a load run must meet: `enroll.latency: p99 < 800ms`, `errors: rate < 0.1%`, `bridge.rss: max
// < 120MiB`.
#pragma once

#include <jansson.h>

#include "runner/diag.h"

// A list of one-entry maps. All problems go to diags.
void thresholds_check(const struct node *list, struct diags *diags);

// One condition against the figures of a run.
struct threshold_result {
	bool met;
	bool known;   // false: the run has no such figure
	char *actual; // heap, e.g. "812.4 ms"
};
void threshold_result_fini(struct threshold_result *r);

// figures: {"<metric>": {"unit":"ms"|"%"|"MiB"|"", "<stat>": number, ... , "buckets_us":
// [[index,count],...]}}; percentiles of any number come from the buckets.
void threshold_eval(struct threshold_result *out, const char *metric, const char *condition,
		    const json_t *figures);

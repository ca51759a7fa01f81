// SPDX-License-Identifier: Apache-2.0
// A strict reader of Prometheus' text exposition format 0.0.4: whatever it takes, Prometheus takes.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	PROM_SERIES_MAX = 4096,
	PROM_TEXT = 256,
};

struct prom_series {
	char name[PROM_TEXT];	// with suffix: "x_bucket"
	char labels[PROM_TEXT]; // as written, without le and the braces: a="1",b="2"
	char le[32];		// "" = no such label
	double value;
};

struct prom {
	struct prom_series series[PROM_SERIES_MAX];
	size_t n;
	char error[512]; // "" = everything is well
};

// False with p->error when any rule is broken: grammar, HELP and TYPE once and before the samples,
// samples of a family together, no series twice, counters that end in _total and are not negative,
// histograms whose buckets grow up to +Inf = _count and that have a _sum.
bool prom_parse(struct prom *p, const char *text);
// The value of "name{labels}" (labels in the order written) or "name"; NAN when there is none.
double prom_value(const struct prom *p, const char *series);

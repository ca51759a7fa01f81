// SPDX-License-Identifier: Apache-2.0
// Writes metrics in Prometheus' text exposition format 0.0.4. What is counted lives with whoever
// counts it: plain numbers and struct hist of one thread, without locks; they meet this writer only
// when somebody asks for /metrics.
#pragma once

#include "base/buf.h"
#include "base/hist.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
};

// One family; programs keep theirs in a table. Names: [a-zA-Z_:][a-zA-Z0-9_:]*, counters end in
// _total, units are Prometheus' base units (seconds, bytes).
struct metric {
	const char *name;
	enum metric_type type;
	const char *help;
};

// Arrays of labels end with a row whose name is NULL; NULL stands for no labels. Values may hold
// any UTF-8: they are escaped.
struct metric_label {
	const char *name;
	const char *value;
};

// The first error stays and makes the rest do nothing, so only metrics_end() needs a check.
struct metrics_writer {
	struct buf *out; // borrowed
	const struct metric *family;
	enum err err;
};

void metrics_begin(struct metrics_writer *w, struct buf *out);
// Begins a family: its HELP and TYPE. The samples of a family follow each other.
void metrics_family(struct metrics_writer *w, const struct metric *m);
void metrics_put_u64(struct metrics_writer *w, const struct metric_label *labels, uint64_t value);
void metrics_put_f64(struct metrics_writer *w, const struct metric_label *labels, double value);
// A histogram of microseconds as seconds in fixed buckets. A record lies in the first bucket that
// is sure to hold it: one that is less than 0.8 % below a bound may count in the next.
void metrics_put_hist(struct metrics_writer *w, const struct metric_label *labels,
		      const struct hist *h);
// ERR_TOO_LARGE, ERR_NOMEM: of the buffer.
enum err ERR_MUST_CHECK metrics_end(const struct metrics_writer *w);

// What Prometheus' clients tell about their process: CPU, memory, start. started_s: seconds since
// the epoch. What /proc does not tell is left out.
void metrics_put_process(struct metrics_writer *w, double started_s);

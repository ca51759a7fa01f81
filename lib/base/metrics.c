// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

static const char *const type_names[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

static const struct bound {
	uint64_t us;
	const char *seconds;
} bounds[] = {
	{100,      "0.0001" },
	  {250,	"0.00025"},
	    {500,	  "0.0005" },
	      {1000,     "0.001"  },
	{2500,     "0.0025" },
	{5000,     "0.005"  },
	  {10000,	  "0.01"	},
	    {25000,    "0.025"  },
	      {50000,    "0.05"   },
	{100000,	 "0.1"    },
	{250000,	 "0.25"   },
	  {500000,   "0.5"	},
	    {1000000,  "1"	 },
	      {2500000,	"2.5"    },
	{5000000,  "5"	     },
	{10000000, "10"     },
	  {30000000, "30"	 },
};

static void
put(struct metrics_writer *w, enum err err)
{
	if (w->err == ERR_OK)
		w->err = err;
}

void
metrics_begin(struct metrics_writer *w, struct buf *out)
{
	*w = (struct metrics_writer){.out = out};
}

enum err
metrics_end(const struct metrics_writer *w)
{
	return w->err;
}

// quote: the quotation mark is escaped too, as label values ask for.
static void
put_escaped(struct metrics_writer *w, const char *text, bool quote)
{
	while (*text && w->err == ERR_OK) {
		size_t n = strcspn(text, quote ? "\\\n\"" : "\\\n");
		put(w, buf_append(w->out, text, n));
		text += n;
		if (!*text)
			return;
		put(w, buf_printf(w->out, "\\%c", *text == '\n' ? 'n' : *text));
		text++;
	}
}

void
metrics_family(struct metrics_writer *w, const struct metric *m)
{
	w->family = m;
	if (w->err != ERR_OK)
		return;
	put(w, buf_printf(w->out, "# HELP %s ", m->name));
	put_escaped(w, m->help, false);
	put(w, buf_printf(w->out, "\n# TYPE %s %s\n", m->name, type_names[m->type]));
}

// Name and labels of a sample; le NULL = no such label.
static void
put_series(struct metrics_writer *w, const char *suffix, const struct metric_label *labels,
	   const char *le)
{
	char before = '{';
	if (w->err != ERR_OK)
		return;
	put(w, buf_printf(w->out, "%s%s", w->family->name, suffix));
	for (; labels && labels->name; labels++) {
		put(w, buf_printf(w->out, "%c%s=\"", before, labels->name));
		put_escaped(w, labels->value, true);
		put(w, buf_append_str(w->out, "\""));
		before = ',';
	}
	if (le) {
		put(w, buf_printf(w->out, "%cle=\"%s\"", before, le));
		before = ',';
	}
	put(w, buf_append_str(w->out, before == ',' ? "} " : " "));
}

void
metrics_put_u64(struct metrics_writer *w, const struct metric_label *labels, uint64_t value)
{
	put_series(w, "", labels, NULL);
	put(w, buf_printf(w->out, "%llu\n", (unsigned long long)value));
}

void
metrics_put_f64(struct metrics_writer *w, const struct metric_label *labels, double value)
{
	put_series(w, "", labels, NULL);
	if (isnan(value))
		put(w, buf_append_str(w->out, "NaN\n"));
	else if (isinf(value))
		put(w, buf_append_str(w->out, value > 0 ? "+Inf\n" : "-Inf\n"));
	else
		put(w, buf_printf(w->out, "%.17g\n", value));
}

static void
put_part(struct metrics_writer *w, const char *suffix, const struct metric_label *labels,
	 const char *le, uint64_t value)
{
	put_series(w, suffix, labels, le);
	put(w, buf_printf(w->out, "%llu\n", (unsigned long long)value));
}

void
metrics_put_hist(struct metrics_writer *w, const struct metric_label *labels, const struct hist *h)
{
	uint64_t below = 0;
	size_t i = 0;
	for (size_t b = 0; b < N_ELEMENTS(bounds); b++) {
		for (; i < HIST_BUCKETS && hist_upper(i) <= bounds[b].us; i++)
			below += h->buckets[i];
		put_part(w, "_bucket", labels, bounds[b].seconds, below);
	}
	put_part(w, "_bucket", labels, "+Inf", h->count);
	put_series(w, "_sum", labels, NULL);
	put(w, buf_printf(w->out, "%llu.%06llu\n", (unsigned long long)(h->sum / 1000000),
			  (unsigned long long)(h->sum % 1000000)));
	put_part(w, "_count", labels, NULL, h->count);
}

// /proc/self/statm: total and resident size in pages (proc(5)).
static bool
read_memory(uint64_t *virtual_bytes, uint64_t *resident_bytes)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 256);
	unsigned long long total, resident;
	long page = sysconf(_SC_PAGESIZE);
	if (page <= 0 || file_read(&text, "/proc/self/statm", NULL) != ERR_OK ||
	    sscanf((const char *)text.data, "%llu %llu", &total, &resident) != 2)
		return false;
	*virtual_bytes = total * (uint64_t)page;
	*resident_bytes = resident * (uint64_t)page;
	return true;
}

void
metrics_put_process(struct metrics_writer *w, double started_s)
{
	static const struct metric cpu = {"process_cpu_seconds_total", METRIC_COUNTER,
					  "CPU time of all threads, user and system."};
	static const struct metric started = {"process_start_time_seconds", METRIC_GAUGE,
					      "When the process started, since the epoch."};
	static const struct metric virtual_size = {"process_virtual_memory_bytes", METRIC_GAUGE,
						   "Size of the address space."};
	static const struct metric resident_size = {"process_resident_memory_bytes", METRIC_GAUGE,
						    "Memory that is resident."};
	uint64_t virtual_bytes, resident_bytes;
	metrics_family(w, &cpu);
	metrics_put_f64(w, NULL, (double)clock_process_cpu_ns() / (double)NS_PER_S);
	metrics_family(w, &started);
	metrics_put_f64(w, NULL, started_s);
	if (!read_memory(&virtual_bytes, &resident_bytes))
		return;
	metrics_family(w, &virtual_size);
	metrics_put_u64(w, NULL, virtual_bytes);
	metrics_family(w, &resident_size);
	metrics_put_u64(w, NULL, resident_bytes);
}

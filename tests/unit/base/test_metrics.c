// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "base/metrics.h"
#include "prom.h"

static const struct metric requests = {"app_requests_total", METRIC_COUNTER, "Requests."};
static const struct metric depth = {"app_depth", METRIC_GAUGE, "Back\\slash and\nnew line."};
static const struct metric latency = {"app_latency_seconds", METRIC_HISTOGRAM, "How long."};

static struct buf out;
static struct metrics_writer w;
static struct prom prom;

static void
setup(void)
{
	buf_init(&out, 256 * 1024);
	metrics_begin(&w, &out);
}

static void
teardown(void)
{
	buf_fini(&out);
}

TestSuite(metrics, .init = setup, .fini = teardown);

static void
must_parse(void)
{
	cr_assert(metrics_end(&w) == ERR_OK);
	cr_assert(prom_parse(&prom, (const char *)out.data), "%s\n%s", prom.error,
		  (const char *)out.data);
}

Test(metrics, counters_and_gauges_are_written_exactly)
{
	metrics_family(&w, &requests);
	metrics_put_u64(&w,
			(const struct metric_label[]){
				{"route", "enroll"},
				     {"code",  "200"   },
				      {NULL,    NULL	 }
	  },
			18446744073709551615ULL);
	metrics_family(&w, &depth);
	metrics_put_f64(&w, NULL, -1.5);
	must_parse();
	cr_assert(eq(str, (char *)out.data,
		     "# HELP app_requests_total Requests.\n"
		     "# TYPE app_requests_total counter\n"
		     "app_requests_total{route=\"enroll\",code=\"200\"} 18446744073709551615\n"
		     "# HELP app_depth Back\\\\slash and\\nnew line.\n"
		     "# TYPE app_depth gauge\n"
		     "app_depth -1.5\n"));
}

Test(metrics, label_values_cannot_break_out)
{
	metrics_family(&w, &requests);
	metrics_put_u64(&w,
			(const struct metric_label[]){
				{"route", "a\"} 1\napp_requests_total{x=\"\\"},
				{NULL,    NULL				   }
	    },
			7);
	must_parse();
	cr_assert(eq(sz, prom.n, 1));
	cr_assert(eq(str, prom.series[0].labels,
		     "route=\"a\\\"} 1\\napp_requests_total{x=\\\"\\\\\""));
	cr_assert(prom.series[0].value == 7);
}

Test(metrics, numbers_beyond_the_numbers)
{
	static const struct metric_label a[] = {
		{"v",  "nan"},
		      {NULL, NULL }
	  };
	static const struct metric_label b[] = {
		{"v",  "inf"},
		      {NULL, NULL }
	  };
	metrics_family(&w, &depth);
	metrics_put_f64(&w, a, NAN);
	metrics_put_f64(&w, b, -INFINITY);
	must_parse();
	cr_assert(strstr((char *)out.data, "app_depth{v=\"nan\"} NaN\n") != NULL);
	cr_assert(strstr((char *)out.data, "app_depth{v=\"inf\"} -Inf\n") != NULL);
}

Test(metrics, a_histogram_keeps_every_record)
{
	static struct hist h;
	hist_init(&h);
	hist_record(&h, 0);
	hist_record(&h, 90);   // 0.0001
	hist_record(&h, 3000); // 0.005
	hist_record(&h, 3000);
	hist_record(&h, 99999999); // beyond all bounds
	metrics_family(&w, &latency);
	metrics_put_hist(&w,
			 (const struct metric_label[]){
				 {"step", "sign"},
				   {NULL,	  NULL  }
	       },
			 &h);
	must_parse();
	const char *text = (const char *)out.data;
	cr_assert(strstr(text, "app_latency_seconds_bucket{step=\"sign\",le=\"0.0001\"} 2\n") !=
		  NULL);
	cr_assert(strstr(text, "app_latency_seconds_bucket{step=\"sign\",le=\"0.0025\"} 2\n") !=
		  NULL);
	cr_assert(strstr(text, "app_latency_seconds_bucket{step=\"sign\",le=\"0.005\"} 4\n") !=
		  NULL);
	cr_assert(strstr(text, "app_latency_seconds_bucket{step=\"sign\",le=\"30\"} 4\n") != NULL);
	cr_assert(strstr(text, "app_latency_seconds_bucket{step=\"sign\",le=\"+Inf\"} 5\n") !=
		  NULL);
	cr_assert(strstr(text, "app_latency_seconds_sum{step=\"sign\"} 100.006089\n") != NULL);
	cr_assert(strstr(text, "app_latency_seconds_count{step=\"sign\"} 5\n") != NULL);
}

Test(metrics, an_empty_histogram_is_one_too)
{
	static struct hist h;
	hist_init(&h);
	metrics_family(&w, &latency);
	metrics_put_hist(&w, NULL, &h);
	must_parse();
	cr_assert(prom_value(&prom, "app_latency_seconds_count") == 0);
}

Test(metrics, a_buffer_that_is_full_is_told)
{
	buf_fini(&out);
	buf_init(&out, 64);
	metrics_family(&w, &requests);
	metrics_put_u64(&w, NULL, 1);
	cr_assert(metrics_end(&w) == ERR_TOO_LARGE);
}

Test(metrics, the_process_is_described)
{
	metrics_put_process(&w, 1764000000.25);
	must_parse();
	cr_assert(prom_value(&prom, "process_resident_memory_bytes") > 100000);
	cr_assert(prom_value(&prom, "process_cpu_seconds_total") > 0);
	cr_assert(prom_value(&prom, "process_start_time_seconds") == 1764000000.25);
}

// The reader is what the bridge's test stands on: it must be able to say no.
Test(metrics, the_reader_refuses_what_prometheus_would)
{
	static const char *const texts[] = {
		"a 1\n",
		"# HELP a x\n# TYPE a gauge\na 1",
		"# HELP a x\n# TYPE a gauge\na{b=\"1} 1\n",
		"# HELP a x\n# TYPE a gauge\na{b=\"1\"}  1\n",
		"# HELP a x\n# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n",
		"# HELP a x\n# TYPE a gauge\na 1\na 2\n",
		"# HELP a x\n# TYPE a gauge\na 1x\n",
		"# HELP a x\n# TYPE a counter\na 1\n",
		"# HELP a_total x\n# TYPE a_total counter\na_total -1\n",
		"# HELP a x\n# TYPE a gauge\nb 1\n",
		"# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} "
		"1\na_sum 0\na_count 1\n",
		"# HELP a x\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1\n",
	};
	for (size_t i = 0; i < N_ELEMENTS(texts); i++)
		cr_expect(prom_parse(&prom, texts[i]) == false, "row %zu", i);
}

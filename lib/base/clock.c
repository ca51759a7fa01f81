// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t
read_clock(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t
clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t
clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
clock_wall_s(void)
{
	return (int64_t)(clock_wall_ns() / NS_PER_S);
}

uint64_t
clock_process_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t
clock_thread_cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t
clock_cpu_ns_of(int pid)
{
	clockid_t id;
	struct timespec ts;
	if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void
clock_format_rfc3339(char out[static CLOCK_RFC3339_BYTES], uint64_t wall_ns, int digits)
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	unsigned micros = (unsigned)(wall_ns % NS_PER_S / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	char fraction[8] = "";
	if (digits == 3)
		snprintf(fraction, sizeof(fraction), ".%03u", micros / 1000 % 1000);
	else if (digits == 6)
		snprintf(fraction, sizeof(fraction), ".%06u", micros % 1000000);
	snprintf(out, CLOCK_RFC3339_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d%sZ",
		 (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		 tm.tm_sec, fraction);
}

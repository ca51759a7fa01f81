// SPDX-License-Identifier: Apache-2.0
// The only place that asks the system for the time. Protocol engines never call it: they are told.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

// CLOCK_MONOTONIC: the same in every process of a machine. For durations and deadlines.
uint64_t clock_mono_ns(void);
// CLOCK_REALTIME since the epoch. For certificates, tokens and log lines.
uint64_t clock_wall_ns(void);
// Seconds since the epoch.
int64_t clock_wall_s(void);
// CPU time that this process has used, all threads.
uint64_t clock_process_cpu_ns(void);
// CPU time that the calling thread has used.
uint64_t clock_thread_cpu_ns(void);
// CPU time that another running process has used; 0 when it is gone.
uint64_t clock_cpu_ns_of(int pid);

#define CLOCK_RFC3339_BYTES 80
// "2026-11-23T21:34:20.123456Z" (digits: 0, 3 or 6 decimals) into out.
void clock_format_rfc3339(char out[static CLOCK_RFC3339_BYTES], uint64_t wall_ns, int digits);

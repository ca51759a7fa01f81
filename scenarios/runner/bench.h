// SPDX-License-Identifier: Apache-2.0
// The runner's loop, used in straight lines: a step starts something and waits on the loop until it
// is done, a deadline passes or the person presses Ctrl-C. One thread. Waits do not nest inside
// callbacks.
#pragma once

#include <jansson.h>
#include <uv.h>

#include "net/http_client.h"

struct bench {
	uv_loop_t loop;
	struct http_client *http;
	uv_timer_t timer;
	uv_prepare_t before_poll;
	bool (*done)(void *ctx); // of the wait in progress
	void *done_ctx;
	uv_signal_t on_int;
	uv_signal_t on_term;
	uint64_t limit_ns; // no wait goes beyond it; 0 = none
	int interrupts;	   // SIGINT and SIGTERM so far; the second one ends the process
};

enum err ERR_MUST_CHECK bench_init(struct bench *b, struct why *why);
// Closes what is left on the loop.
void bench_fini(struct bench *b);

// Runs the loop until done(ctx) says true. deadline_ns: clock_mono_ns() at the latest. ERR_TIMEOUT,
// or ERR_CANCELLED when the person interrupted. done may be NULL: wait for the deadline.
enum err ERR_MUST_CHECK bench_wait(struct bench *b, bool (*done)(void *ctx), void *ctx,
				   uint64_t deadline_ns);
// The same, not to be interrupted: for cleaning up.
enum err ERR_MUST_CHECK bench_wait_through(struct bench *b, bool (*done)(void *ctx), void *ctx,
					   uint64_t deadline_ns);
// clock_mono_ns() in ms milliseconds.
uint64_t bench_deadline(uint64_t ms);

// A whole answer, owned.
struct bench_answer {
	enum err err; // ERR_OK: an answer came, whatever its status
	struct why why;
	int status;
	char *body; // terminated; never NULL after ERR_OK
	size_t n;
	char *content_type; // or NULL
	char *retry_after;  // or NULL
	double time_ms;
};
// Makes the call and waits for it. out is filled in any case; bench_answer_fini frees it.
void bench_http(struct bench *b, const struct http_request *r, struct bench_answer *out);
void bench_answer_fini(struct bench_answer *a);
#define BENCH_ANSWER_AUTO __attribute__((cleanup(bench_answer_fini)))
// The body as JSON, or NULL. New reference.
json_t *bench_answer_json(const struct bench_answer *a);

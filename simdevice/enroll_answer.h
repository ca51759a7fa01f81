// SPDX-License-Identifier: Apache-2.0
// Reading what the bridge answered; no I/O. Everything in it is a stranger's until identity_build()
// has checked it.
#pragma once

#include <jansson.h>

#include "config.h"

struct enroll_answer {
	json_t *json; // owns what the pointers show
	const char *cert;
	const char *ca_chain;
	const char *wg;	   // NULL: the dialect has none
	const char *wg_ip; // or NULL
};

void enroll_answer_fini(struct enroll_answer *a);
#define ENROLL_ANSWER_AUTO __attribute__((cleanup(enroll_answer_fini)))
// ERR_SYNTAX names the member that is missing or of a wrong type.
enum err ERR_MUST_CHECK enroll_answer_parse(struct enroll_answer *out, struct bytes body,
					    enum dialect dialect, struct why *why);

// What an answer other than 200 says: problem JSON (RFC 9457) or whatever it was.
struct problem {
	char type[96];	  // "urn:provsim:ca-unreachable"; "" when the body is no problem JSON
	char detail[512]; // or the beginning of the body
};

void problem_parse(struct problem *out, struct bytes body);
// "ca-unreachable" of the type, or "http-503".
void problem_kind(char *out, size_t size, const struct problem *p, int status);
// Retry-After in milliseconds: seconds only (RFC 9110 section 10.2.3; dates are not used by the
// bridge). 0: none.
uint32_t retry_after_ms(const char *value);
// True for statuses that may pass: 408, 429, 503, 504.
bool http_status_is_retryable(int status);

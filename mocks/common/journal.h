// SPDX-License-Identifier: Apache-2.0
// What a mock was asked, by whom, when and with which body: a bounded ring of packed records.
// Appending copies a few hundred bytes and allocates nothing; JSON is made, and secrets are masked,
// only when somebody reads. One loop thread.
#pragma once

#include <jansson.h>

#include "base/buf.h"

struct journal;

// One entry to append; everything is copied, texts may be NULL. Long texts and bodies are cut
// (body_max).
struct journal_record {
	uint64_t wall_ns;    // when it arrived
	const char *event;   // route name or message type; NULL: matched nothing
	const char *device;  // as far as it is known
	const char *peer;    // "127.0.0.1:40112"
	const char *call;    // what was asked, e.g. "POST /rest/v1/targets", "CONNECT"
	const char *auth;    // an Authorization header's value; only its scheme word is kept
	const char *fault;   // name of the fault that fired on it
	const char *nearest; // for what matched nothing: the known thing that it may have meant
	const char *note;    // anything else worth reading, e.g. why it was refused
	int status;	     // answered with; 0: not answered (yet)
	struct bytes body;
};

struct journal_options {
	size_t bytes;	 // memory of the ring; 0 = 8 MiB
	size_t body_max; // bytes of a body that are kept; 0 = 4096
};

enum err ERR_MUST_CHECK journal_new(struct journal **out, const struct journal_options *o);
void journal_free(struct journal *j);
AUTO_DEFINE(struct journal *, journal_free)
void journal_clear(struct journal *j);

// Never fails: the oldest entries make room. Returns the entry's sequence number (from 1).
uint64_t journal_append(struct journal *j, const struct journal_record *r);
// Completes an entry that is still in the ring; a gone one is ignored.
void journal_set_status(struct journal *j, uint64_t seq, int status);
// The same with the name of a fault that fired later.
void journal_set_fault(struct journal *j, uint64_t seq, const char *fault);

struct journal_filter {
	const char *device; // NULL: all
	const char *event;  // NULL: all
	uint64_t since;	    // only entries with a larger sequence number
	size_t last;	    // at most so many, the newest; 0: all
};

// {"entries":[{"seq","t","event"?,"device"?,"peer"?,"call"?,"auth"?,"fault"?,"nearest"?,"note"?,
//   "status"?,"body"?,"body_bytes"?}],"last":newest seq,"dropped":entries lost to the ring}.
// body is JSON where it is JSON, else text; body_bytes its full length when it was cut. Secrets
// read
// "***" (journal_mask). New reference; NULL when memory is out.
json_t *journal_list(const struct journal *j, const struct journal_filter *filter);

// Appends text with the string values of secret-sounding JSON keys, and PEM private keys, replaced
// by ***. Works on cut and broken JSON too.
enum err ERR_MUST_CHECK journal_mask(struct buf *out, struct bytes text);

// SPDX-License-Identifier: Apache-2.0
// The fault plan of a mock: what shall go wrong, where, when and how often (design.md 3). A mock
// registers its vocabulary (what faults can sit on, which semantic faults it knows) and asks the
// plan at the places where it could fail; with nothing armed a question costs one comparison. No
// I/O, no clock: dice come from a seeded generator. One loop thread.
#pragma once

#include <jansson.h>

#include "base/rng.h"
#include "base/err.h"

enum fault_phase {
	FAULT_REQUEST, // read, not acted on yet
	FAULT_EFFECT,  // acted, not answered yet
};

// Bits, so that a vocabulary can say which of them a mock is able to do.
enum fault_kind {
	FAULT_STATUS =
		1
		<< 0, // answer this status (HTTP) or reason code (CONNACK), optionally with a body
	FAULT_DELAY = 1 << 1, // go on after delay_ms
	FAULT_RESET = 1 << 2, // RST
	FAULT_CLOSE = 1 << 3, // clean close without an answer
	FAULT_HANG = 1 << 4,  // never answer, keep the connection
	FAULT_DROP = 1 << 5,  // a datagram is thrown away
	FAULT_SEMANTIC = 1 << 6,
	FAULT_KINDS_HTTP = FAULT_STATUS | FAULT_DELAY | FAULT_RESET | FAULT_CLOSE | FAULT_HANG,
};

// A word of a mock's vocabulary; both texts are static.
struct fault_term {
	const char *name;
	const char *doc; // one phrase: shown in error messages and by GET /faults/vocabulary
};

struct fault_vocabulary {
	const struct fault_term *on; // route names, message types
	size_t n_on;
	const struct fault_term *semantic;
	size_t n_semantic;
	unsigned kinds; // enum fault_kind bits that this mock can do
	int status_min; // accepted range of "status"
	int status_max;
};

// One firing. Valid until the plan is changed; params is the whole "do" object, so that a semantic
// fault can carry settings of its own (which the mock reads leniently).
struct fault {
	const char *name;
	enum fault_kind kind;
	int status;
	const char *body;	  // status: text to send instead of the mock's own, or NULL
	const char *content_type; // of body
	uint64_t delay_ms;	  // delay: drawn for this firing
	const char *semantic;	  // pointer into the vocabulary, or NULL
	const json_t *params;
};

struct fault_plan;

// vocabulary is borrowed and outlives the plan. seed feeds "probability" and delays with a range.
enum err ERR_MUST_CHECK fault_plan_new(struct fault_plan **out, const struct fault_vocabulary *v,
				       uint64_t seed);
void fault_plan_free(struct fault_plan *p);
AUTO_DEFINE(struct fault_plan *, fault_plan_free)

// Adds one fault from its JSON form:
// {"name"?, "on"?, "device"?, "phase"?: "request"|"effect", "when"?: {"nth"|"first"|"every": n} |
// {"probability": p},
//  "do": {"status": n, "body"?: text or JSON} | {"delay_ms": n or {"min","max"}} |
//  {"reset"|"close"|"hang"|"drop": true}
//        | {"semantic": name, ...}}.
// Without a name it gets one ("fault-3"). ERR_INPUT: something unknown or out of range, why lists
// what is known; ERR_CONFLICT: the name is taken. *name (borrowed, may be NULL) is the fault's
// name.
enum err ERR_MUST_CHECK fault_plan_add(struct fault_plan *p, json_t *json, const char **name,
				       struct why *why);
// ERR_NOT_FOUND with why when there is none of that name.
enum err ERR_MUST_CHECK fault_plan_delete(struct fault_plan *p, const char *name, struct why *why);
void fault_plan_clear(struct fault_plan *p);
bool fault_plan_is_empty(const struct fault_plan *p);

// The first transport fault (any kind but semantic) that fires here and now, counted as fired;
// NULL: none. Every fault that fits counts the occasion, also those behind the one that fires. on:
// a word of the vocabulary, NULL: unknown (only faults without "on" fit); device: NULL = not known.
const struct fault *fault_plan_match(struct fault_plan *p, const char *on, const char *device,
				     enum fault_phase phase);
// The same for the semantic fault `semantic`: asked where the mock would deviate. Phase is ignored.
const struct fault *fault_plan_match_semantic(struct fault_plan *p, const char *on,
					      const char *device, const char *semantic);

// [{"name","on"?,"device"?,"phase","when"?,"do","seen":n,"fired":n,"armed":bool}] in the order
// added. armed: it can still fire. New reference.
json_t *fault_plan_list(const struct fault_plan *p);
// One of them; NULL: none of that name. New reference.
json_t *fault_plan_get(const struct fault_plan *p, const char *name);
// {"on":[{"name","doc"}],"semantic":[...],"do":[...]}. New reference.
json_t *fault_plan_vocabulary(const struct fault_plan *p);

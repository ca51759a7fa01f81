// SPDX-License-Identifier: Apache-2.0
// The three dialects of an enrollment request (contracts/bridge.md): which fields each has, and
// which it answers with. Pure.
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/id.h"
#include "bridge/reply.h"

// Names of fields; NULL = the dialect has no such field.
struct enroll_dialect {
	const char *name;
	struct {
		const char *device_id;	 // required; others take the id from the path
		const char *csr;	 // required
		const char *device_name; // required
		const char *device_type;
		const char *wg_public_key;
	} request;
	struct {
		const char *device_id;
		const char *certificate;
		const char *ca_chain;
		const char *wg_conf;
		const char *wg_ip;
	} reply;
};

extern const struct enroll_dialect enroll_dialect_runbook;
extern const struct enroll_dialect enroll_dialect_cdm;
extern const struct enroll_dialect enroll_dialect_native;

struct enroll_input {
	const struct enroll_dialect *dialect;
	json_t *body;	       // owned; the strings below are its
	const char *device_id; // from the path or the body; not checked yet
	const char *csr;
	const char *device_type;   // NULL = not told
	const char *wg_public_key; // NULL = not given
};

void enroll_input_fini(struct enroll_input *in);

// path_id: from the URL; NULL means that the native dialect is spoken, otherwise the fields decide
// between the other two. On failure *problem says which answer, why says the rest.
enum err ERR_MUST_CHECK enroll_input_parse(struct enroll_input *out, const char *path_id,
					   struct bytes body, enum problem *problem,
					   struct why *why);

// What a device gets. Texts are borrowed.
struct enroll_result {
	const char *device_id;
	const char *certificate; // leaf, Sub-CA, intermediate
	const char *ca_chain;	 // Sub-CA, intermediate, root
	const char *wg_conf;
	const char *wg_ip;
};
// The body of a 200 in the dialect's words; NULL when memory is out.
json_t *enroll_reply_body(const struct enroll_dialect *dialect, const struct enroll_result *r);

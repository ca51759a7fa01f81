// SPDX-License-Identifier: Apache-2.0
// A step-ca 0.19 for tests: its HTTP API over TLS with a chain root -> intermediate -> Sub-CA ->
// leaf, JWK provisioners, one-time tokens, renewal and revocation (contracts/step-ca.md). One loop
// thread.
#pragma once

#include "base/secret.h"
#include "common/http_faults.h"
#include "net/http_server.h"

struct authority;

struct authority_options {
	struct addr addr;
	const char *const *dns_names; // of the server certificate and of token audiences
	size_t n_dns_names;
	const char *const *provisioners; // names
	size_t n_provisioners;
	const struct secret *password; // of the provisioners' keys
	const char *state_dir;	       // NULL: everything in memory
	bool no_db;	       // like a step-ca without a "db": replay table in memory, revoke 501
	const struct log *log; // borrowed
	struct fault_plan *faults; // borrowed
	struct journal *journal;   // borrowed
};

enum err ERR_MUST_CHECK authority_new(struct authority **out, uv_loop_t *loop,
				      const struct authority_options *o, struct why *why);
// Ends the server; handles close on the next loop turns.
void authority_stop(struct authority *a);
// After the loop has ended.
void authority_free(struct authority *a);

struct addr authority_addr(const struct authority *a);
const char *authority_root_fingerprint(const struct authority *a);
const char *authority_sub_fingerprint(const struct authority *a);
// For the admin API.
json_t *authority_state(void *authority, const char *device);
void authority_reset(void *authority);
extern const struct fault_vocabulary authority_vocabulary;

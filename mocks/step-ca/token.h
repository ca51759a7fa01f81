// SPDX-License-Identifier: Apache-2.0
// One-time tokens: step-ca's rules in step-ca's order, which decides what burns a token
// (contracts/step-ca.md 4 and 5).
#pragma once

#include "step-ca/ledger.h"
#include "step-ca/provisioner.h"

// What an audience is good for; bits.
enum token_use {
	TOKEN_FOR_SIGN = 1 << 0,
	TOKEN_FOR_RENEW = 1 << 1,
	TOKEN_FOR_REVOKE = 1 << 2,
	TOKEN_FOR_SSH = 1 << 3, // known, but not served here
};

struct audience {
	char *text; // without port
	unsigned uses;
};

struct token_rules {
	const struct provisioners *provisioners; // borrowed
	struct ledger *ledger;			 // borrowed
	struct audience *audiences;
	size_t n_audiences;
	int64_t start_s; // tokens issued before are refused
};

// The audiences that follow from the CA's DNS names. provisioners and ledger are set by the caller.
enum err ERR_MUST_CHECK token_rules_init(struct token_rules *r, const char *const *dns_names,
					 size_t n_dns_names, int64_t start_s);
void token_rules_fini(struct token_rules *r);

// How it went; for counters and log.
enum token_verdict { TOKEN_ACCEPTED, TOKEN_REPLAYED, TOKEN_REJECTED };

struct token {
	const struct provisioner *provisioner;
	const char *subject; // borrowed from the JWS
	const json_t *sans;  // array of strings, or NULL: none given
};

// jws: NULL when the text could not even be taken apart. Burns the token as soon as its provisioner
// is known. why gets the cause, which the CA tells only its log.
enum token_verdict token_authorize(struct token *out, const struct token_rules *r,
				   const struct jws *jws, enum token_use use, uint64_t now_ns,
				   struct why *why);

// --- pieces that tokens for renewal share ---
enum token_time { TOKEN_TIME_GOOD, TOKEN_NOT_YET_VALID, TOKEN_EXPIRED, TOKEN_FROM_THE_FUTURE };
// nbf, exp and iat with 60 s of leeway, in this order.
enum token_time token_check_times(const struct jws *jws, uint64_t now_ns);
// One of the token's audiences is good for `use`.
bool token_has_audience(const struct token_rules *r, const struct jws *jws, unsigned uses);
// All claims that step-ca reads have their types. ERR_SYNTAX names the one that has not.
enum err ERR_MUST_CHECK token_check_types(const struct jws *jws, struct why *why);
// Uses the token up. ERR_CONFLICT: it was before.
enum err ERR_MUST_CHECK token_burn(const struct token_rules *r, const struct jws *jws);

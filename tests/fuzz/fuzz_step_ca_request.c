// SPDX-License-Identifier: Apache-2.0
// The body of a sign or revoke request as the mock of step-ca reads it, with the validity and the
// token in it.
#include "base/clock.h"
#include "fuzz.h"
#include "pki/jose.h"
#include "step-ca/go_json.h"
#include "step-ca/token.h"
#include "step-ca/validity.h"

struct request {
	const char *csr;
	const char *ott;
	const char *not_before;
	const char *not_after;
	bool passive;
	int64_t reason_code;
};

static const struct go_field fields[] = {
	{"csr",		    GO_STRING,   offsetof(struct request,			    csr)},
	{"ott",			GO_STRING,			       offsetof(struct request,						    ott)},
	{"notBefore",		      GO_STRING,				 offsetof(struct request,			  not_before)},
	{"notAfter", GO_STRING,offsetof(struct request,not_after)},
	{"passive",		    GO_BOOL,				 offsetof(struct request,									   passive)},
	{"reasonCode",		       GO_INT,      offsetof(struct request, reason_code)},
	{"templateData",			 GO_ANY,			 0						    },
};

static void
read_validity(const struct request *r)
{
	struct go_time not_before;
	struct go_time not_after;
	struct validity validity;
	struct why why = {0};
	if (go_time_parse(&not_before, r->not_before) != ERR_OK ||
	    go_time_parse(&not_after, r->not_after) != ERR_OK)
		return;
	FUZZ_CHECK(not_before.ns >= 0 && not_before.ns < (int64_t)NS_PER_S);
	enum err err = validity_decide(&validity, &not_before, &not_after, 1700000000 * NS_PER_S,
				       &validity_defaults, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err)
		FUZZ_CHECK(validity.not_before < validity.not_after &&
			   validity.not_after - validity.not_before <=
				   validity_defaults.max + validity_defaults.backdate);
}

static void
read_token(const char *text)
{
	AUTO(jws_free) struct jws *jws = NULL;
	struct why why = {0};
	struct token_rules rules;
	static const char *const names[] = {"localhost", "127.0.0.1"};
	if (jws_parse(&jws, BYTES_STR(text), NULL) != ERR_OK)
		return;
	enum err err = token_check_types(jws, &why);
	FUZZ_CHECK_WHY(err, why);
	if (err)
		return;
	(void)token_check_times(jws, 1700000000 * NS_PER_S);
	FUZZ_CHECK(token_rules_init(&rules, names, N_ELEMENTS(names), 0) == ERR_OK);
	(void)token_has_audience(&rules, jws, TOKEN_FOR_SIGN);
	token_rules_fini(&rules);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r = {0};
	json_t *keep = NULL;
	if (go_json_read(&r, &keep, BYTES(data, size), fields, N_ELEMENTS(fields)) == ERR_OK) {
		read_validity(&r);
		if (r.ott)
			read_token(r.ott);
	}
	json_decref(keep);
	return 0;
}

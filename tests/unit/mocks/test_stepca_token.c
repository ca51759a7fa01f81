// SPDX-License-Identifier: Apache-2.0
#include "stepca_fixture.h"

#include "base/clock.h"

#define NOW_S  ((int64_t)1795460351)
#define NOW_NS ((uint64_t)NOW_S * NS_PER_S + 500 * NS_PER_MS)

static struct provisioners provisioners;
static struct token_rules rules;
static struct ledger *ledger;
static EVP_PKEY *key;
static const char *kid;

static void
setup(void)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
	SECRET_AUTO struct secret password = stepca_password();
	cr_assert(provisioners_add(&provisioners, "iot-bridge", &password, NULL) == ERR_OK);
	key = stepca_open_key(provisioners.items[0].encrypted_key);
	kid = provisioners.items[0].kid;
	cr_assert(ledger_open(&ledger, NULL, NULL) == ERR_OK);
	cr_assert(token_rules_init(&rules, names, 3, NOW_S - 1000) == ERR_OK);
	rules.provisioners = &provisioners;
	rules.ledger = ledger;
}

static void
teardown(void)
{
	token_rules_fini(&rules);
	ledger_free(ledger);
	provisioners_fini(&provisioners);
	EVP_PKEY_free(key);
}

TestSuite(stepca_token, .init = setup, .fini = teardown);

// Good claims with one of them replaced (value consumed; NULL removes it).
static json_t *
claims_with(const char *jti, const char *name, json_t *value)
{
	json_t *claims = json_pack(
		"{s:s, s:I, s:I, s:s, s:s, s:I, s:s}", "aud", "https://127.0.0.1:9000/1.0/sign",
		"exp", (json_int_t)NOW_S + 300, "iat", (json_int_t)NOW_S, "iss", "iot-bridge",
		"jti", jti, "nbf", (json_int_t)NOW_S, "sub", "dev-1");
	if (name && value)
		json_object_set_new(claims, name, value);
	else if (name)
		json_object_del(claims, name);
	return claims;
}

static enum token_verdict
judge_text(const char *text, enum token_use use)
{
	AUTO(jws_free) struct jws *jws = NULL;
	struct token token;
	struct why why = {0};
	if (jws_parse(&jws, BYTES_STR(text), NULL))
		jws = NULL;
	enum token_verdict v = token_authorize(&token, &rules, jws, use, NOW_NS, &why);
	cr_expect(v == TOKEN_ACCEPTED || why.text[0]);
	return v;
}

static enum token_verdict
judge(json_t *claims, enum token_use use)
{
	AUTO(free) char *text = stepca_token(key, kid, claims);
	return judge_text(text, use);
}

Test(stepca_token, a_good_one_works_once)
{
	cr_expect(judge(claims_with("j1", NULL, NULL), TOKEN_FOR_SIGN) == TOKEN_ACCEPTED);
	cr_expect(judge(claims_with("j1", NULL, NULL), TOKEN_FOR_SIGN) == TOKEN_REPLAYED);
	cr_expect(judge(claims_with("j1", "sub", json_string("x")), TOKEN_FOR_SIGN) ==
		  TOKEN_REPLAYED);
	cr_expect(judge(claims_with("j2", NULL, NULL), TOKEN_FOR_SIGN) == TOKEN_ACCEPTED);
}

Test(stepca_token, without_jti_the_whole_token_counts)
{
	AUTO(free) char *text = stepca_token(key, kid, claims_with("", NULL, NULL));
	cr_expect(judge_text(text, TOKEN_FOR_SIGN) == TOKEN_ACCEPTED);
	cr_expect(judge_text(text, TOKEN_FOR_SIGN) == TOKEN_REPLAYED);
	cr_expect(judge(claims_with("x", "jti", NULL), TOKEN_FOR_SIGN) == TOKEN_ACCEPTED);
	cr_expect(judge(claims_with("x", "jti", NULL), TOKEN_FOR_SIGN) == TOKEN_ACCEPTED);
}

// Every rule, whether the token is good, and whether it is burnt when it is not.
Test(stepca_token, rules_and_what_burns)
{
	static const struct {
		const char *name; // of the claim
		const char *json; // its value; NULL: absent
		bool good, burns;
	} rows[] = {
		{"exp",	NULL,				 true,  true },
		{"nbf",	NULL,				 true,  true },
		{"iat",	NULL,				 true,  true },
		{"exp",	"1795460292",			      true,  true }, // now - 59
		{"exp",	"1795460291",			      false, true }, // now - 60, and half a second
		{"exp",	"1795460651.5",			true,  true },
		{"exp",	"\"1795460651\"",			  false, false},
		{"exp",	"1e300",				 false, true },
		{"nbf",	"1795460411",			      true,  true }, // now + 60
		{"nbf",	"1795460412",			      false, true },
		{"iat",	"1795460411",			      true,  true },
		{"iat",	"1795460412",			      false, true },
		{"iat",	"1795459351",			      true,  true }, // the CA's start
		{"iat",	"1795459350",			      false, false},
		{"iss",	"\"other\"",			     false, false},
		{"iss",	"\"IOT-BRIDGE\"",			  false, false},
		{"iss",	NULL,				 false, false},
		{"sub",	NULL,				 false, true },
		{"sub",	"\"\"",				false, true },
		{"sub",	"7",				  false, false},
		{"sans",	 "[]",				 true,  true },
		{"sans",	 "[\"a\",\"b\"]",			  true,	true },
		{"sans",	 "\"a\"",				  false, false},
		{"sans",	 "[1]",				false, false},
		{"email", "5",				  false, false},
		{"sha",	"\"00\"",				  true,	true },
		{"aud",	NULL,				 false, false},
		{"aud",	"3",				  false, false},
		{"aud",	"[\"x\",\"https://localhost/sign\"]", true,  true },
		{"aud",	"\"https://localhost:1/sign\"",	true,  true },
		{"aud",	"\"https://[::1]:9000/1.0/sign\"",	   true,	 true },
		{"aud",	"\"HTTPS://localhost/sign\"",	      true,  true },
		{"aud",	"\"https://localhost/1.0/ssh/sign\"", true,  true },
		{"aud",	"\"step-certificate-authority\"",	  true,	true },
		{"aud",	"\"https://localhost/1.0/renew\"",	   false, true },
		{"aud",	"\"https://localhost/revoke\"",	false, true },
		{"aud",	"\"https://localhost/ssh/rekey\"",	   false, true },
		{"aud",	"\"http://localhost/sign\"",	     false, false},
		{"aud",	"\"https://LOCALHOST/sign\"",	      false, false},
		{"aud",	"\"https://localhost/sign/\"",	       false, false},
		{"aud",	"\"https://localhost/sign?x\"",	false, false},
		{"aud",	"\"https://localhost/sign#x\"",	false, false},
		{"aud",	"\"https://localhost/sign#\"",	       true,  true },
		{"aud",	"\"https://localhost\"",		 false, false},
		{"aud",	"\"https://localhost.evil/sign\"",	   false, false},
		{"aud",	"\"https://u@localhost/sign\"",	false, false},
		{"aud",	"\"https://localhost:x/sign\"",	false, false},
		{"aud",	"\"https://evil/sign\"",		 false, false},
		{"aud",	"\"https://[::1/sign\"",		 false, false},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char jti[32];
		json_t *value =
			rows[i].json ? json_loads(rows[i].json, JSON_DECODE_ANY, NULL) : NULL;
		snprintf(jti, sizeof(jti), "rule-%zu", i);
		enum token_verdict v = judge(claims_with(jti, rows[i].name, value), TOKEN_FOR_SIGN);
		cr_expect(v == (rows[i].good ? TOKEN_ACCEPTED : TOKEN_REJECTED), "%s: %s",
			  rows[i].name, rows[i].json);
		v = judge(claims_with(jti, NULL, NULL), TOKEN_FOR_SIGN);
		cr_expect(v == (rows[i].burns ? TOKEN_REPLAYED : TOKEN_ACCEPTED),
			  "burning of %s: %s", rows[i].name, rows[i].json);
	}
}

Test(stepca_token, a_forged_signature_burns_the_jti_it_names)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	cr_assert(key_generate(&other) == ERR_OK);
	AUTO(free) char *forged = stepca_token(other, kid, claims_with("j", NULL, NULL));
	cr_expect(judge_text(forged, TOKEN_FOR_SIGN) == TOKEN_REJECTED);
	cr_expect(judge(claims_with("j", NULL, NULL), TOKEN_FOR_SIGN) == TOKEN_REPLAYED);
	AUTO(free) char *unknown = stepca_token(key, "other-kid", claims_with("k", NULL, NULL));
	cr_expect(judge_text(unknown, TOKEN_FOR_SIGN) == TOKEN_REJECTED);
	cr_expect(judge(claims_with("k", NULL, NULL), TOKEN_FOR_SIGN) == TOKEN_ACCEPTED);
}

Test(stepca_token, endpoints_share_the_jti_space)
{
	cr_expect(judge(claims_with("s", NULL, NULL), TOKEN_FOR_SIGN) == TOKEN_ACCEPTED);
	json_t *aud = json_string("https://localhost/1.0/revoke");
	cr_expect(judge(claims_with("s", "aud", aud), TOKEN_FOR_REVOKE) == TOKEN_REPLAYED);
	aud = json_string("https://localhost/1.0/revoke");
	cr_expect(judge(claims_with("t", "aud", aud), TOKEN_FOR_REVOKE) == TOKEN_ACCEPTED);
	aud = json_string("step-certificate-authority");
	cr_expect(judge(claims_with("u", "aud", aud), TOKEN_FOR_REVOKE) == TOKEN_ACCEPTED);
}

Test(stepca_token, cut_and_altered_tokens_are_rejected)
{
	AUTO(free) char *text = stepca_token(key, kid, claims_with("c", NULL, NULL));
	cr_expect(judge_text("", TOKEN_FOR_SIGN) == TOKEN_REJECTED);
	cr_expect(judge_text("a.b.c", TOKEN_FOR_SIGN) == TOKEN_REJECTED);
	for (size_t n = strlen(text); n-- > 0;) {
		char *cut = strndup(text, n);
		cr_expect(judge_text(cut, TOKEN_FOR_SIGN) != TOKEN_ACCEPTED, "cut at %zu", n);
		free(cut);
	}
}

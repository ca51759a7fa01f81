// SPDX-License-Identifier: Apache-2.0
// The parts that need no loop: values, payloads, devices, tokens, chains.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "thingsboard/chains.h"
#include "thingsboard/devices.h"
#include "thingsboard/gson.h"
#include "thingsboard/jwt.h"
#include "thingsboard/payload.h"
#include "thingsboard_fixture.h"

enum { DAY_S = 86400 };

Test(thingsboard_values, sorted_map)
{
	static const char *const keys[] = {"m", "a", "z", "b", "y", "a"};
	struct values v = {0};
	for (size_t i = 0; i < N_ELEMENTS(keys); i++)
		cr_assert(eq(int, values_set(&v, keys[i], json_integer((json_int_t)i), 1), ERR_OK));
	cr_expect(eq(sz, v.n, 5));
	cr_expect(eq(int, (int)json_integer_value(values_find(&v, "a")->json), 5), "replaced");
	cr_expect(eq(ptr, (void *)(uintptr_t)values_find(&v, "c"), NULL));
	cr_expect(values_delete(&v, "m"));
	cr_expect(not(values_delete(&v, "m")));
	cr_expect(eq(sz, v.n, 4));
	values_fini(&v);
}

Test(thingsboard_values, keys_are_limited)
{
	struct values v = {0};
	char key[16];
	for (int i = 0; i < VALUES_MAX; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		cr_assert(eq(int, values_set(&v, key, json_true(), 1), ERR_OK));
	}
	cr_expect(eq(int, values_set(&v, "one more", json_true(), 1), ERR_EXHAUSTED));
	cr_expect(eq(int, values_set(&v, "k7", json_false(), 1), ERR_OK));
	values_fini(&v);
}

// contracts/thingsboard.md 4: what Gson's lenient reader takes, next to the JSON it amounts to.
Test(thingsboard_gson, what_is_taken)
{
	static const struct {
		const char *text;
		const char *json;
	} rows[] = {
		{"{\"a\":1}",			      "{\"a\":1}"				 },
		{"{t:25}",			       "{\"t\":25}"			       },
		{"{'t':1}",			      "{\"t\":1}"			       },
		{"{a=1;b=2}",			      "{\"a\":1,\"b\":2}"			 },
		{"{a=>1}",			       "{\"a\":1}"			      },
		{"{\"t\":NaN}",				"{\"t\":\"NaN\"}"			 },
		{"{\"t\":-Infinity}",		      "{\"t\":\"-Infinity\"}"		     },
		{"{a:1,a:2}",			      "{\"a\":2}"				 },
		{"{}",				   "{}"				  },
		{" [ ] ",				"[]"				  },
		{"[1,,2]",			       "[1,null,2]"			       },
		{"[1,]",				 "[1,null]"				   },
		{"{a:TRUE,b:False,c:nUll}",		    "{\"a\":true,\"b\":false,\"c\":null}" },
		{"{a:1} // done",			  "{\"a\":1}"			     },
		{"/* x */ {a:1 # y\n}",			"{\"a\":1}"			   },
		{"{a:-1.5e3,b:007}",		     "{\"a\":-1500.0,\"b\":\"007\"}"	    },
		{"{a:99999999999999999999}",	     "{\"a\":1e20}"			   },
		{"{\"a\":\"\\u00e9\\n\\ud83d\\ude00\"}", "{\"a\":\"\\u00e9\\n\\ud83d\\ude00\"}"},
		{"{\"\":1}",			     "{\"\":1}"			       },
		{"{a:[{b:'c d'}]}",			    "{\"a\":[{\"b\":\"c d\"}]}"	       },
		{"garbage",			      "\"garbage\""			 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		json_auto_t *got = NULL;
		json_auto_t *want = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
		cr_expect(eq(int, gson_parse(&got, BYTES_STR(rows[i].text)), ERR_OK), "%s",
			  rows[i].text);
		cr_expect(json_equal(got, want), "%s", rows[i].text);
	}
}

Test(thingsboard_gson, what_is_not)
{
	static const char *const rows[] = {
		"",
		" ",
		"{",
		"{a",
		"{a:",
		"{a:1",
		"{a:1,",
		"{a:1,}",
		"{a:1}}",
		"{a:1} x",
		"{a 1}",
		"{,}",
		"{:1}",
		"[",
		"[1",
		"{'a",
		"\"\\",
		"\"\\q\"",
		"\"\\u12\"",
		"\"\\ud800\"",
		"/* x",
		"{\"a\\u0000\":1}",
		"{\"a\":\"\xff\"}",
		"}",
		"\\",
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		json_auto_t *got = NULL;
		cr_expect(eq(int, gson_parse(&got, BYTES_STR(rows[i])), ERR_SYNTAX), "%s", rows[i]);
	}
}

Test(thingsboard_gson, hostile_input_ends)
{
	static const char alphabet[] = "{}[]:,;='\"\\/*#ab1-. \n";
	BUF_AUTO struct buf deep;
	buf_init(&deep, 1 << 20);
	json_t *none = NULL;
	for (int i = 0; i < 60000; i++)
		cr_assert(eq(int, buf_append_str(&deep, "["), ERR_OK));
	cr_expect(eq(int, gson_parse(&none, buf_bytes(&deep)), ERR_SYNTAX));
	struct rng r;
	rng_init(&r, 99, 0);
	for (int i = 0; i < 50000; i++) {
		char *text = malloc(24);
		size_t n = rng_below(&r, 24);
		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[rng_below(&r, sizeof(alphabet) - 1)];
		json_auto_t *json = NULL;
		enum err err = gson_parse(&json, BYTES(text, n));
		cr_expect(eq(int, err == ERR_OK, json != NULL));
		free(text);
	}
}

Test(thingsboard_payload, numbers_in_quotes)
{
	static const struct {
		const char *text;
		double number;
		bool is_number;
	} rows[] = {
		{"42",		       42,   true },
		{"-7",		       -7,   true },
		     {"2.5",		     2.5,  true },
		{"10.8.0.2",	     0,	false},
		{"5.",		       0,	  false},
		     {"",			  0,    false},
		{"-",		      0,	 false},
		{"1e5",			0,	   false},
		     {"0x1f",		      0,	 false},
		{" 1",		       0,	  false},
		{"-.5",			-0.5, true },
		     {"99999999999999999999", 0,	 false},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		json_auto_t *number = payload_number(rows[i].text);
		cr_expect(eq(int, number != NULL, rows[i].is_number), "%s", rows[i].text);
		if (number && rows[i].is_number)
			cr_expect(epsilon_eq(dbl, json_number_value(number), rows[i].number, 1e-9));
	}
}

Test(thingsboard_devices, three_indices)
{
	struct devices d;
	struct device *a = NULL;
	struct device *b = NULL;
	devices_init(&d, 1);
	cr_assert(eq(int, devices_add(&a, &d, "a", NULL, NULL, 1), ERR_OK));
	cr_assert(eq(int, devices_add(&b, &d, "b", PROFILE_X509, "label", 1), ERR_OK));
	cr_expect(eq(int, devices_add(&b, &d, "b", NULL, NULL, 1), ERR_CONFLICT));
	cr_expect(eq(ptr, devices_by_name(&d, "a"), a));
	cr_expect(eq(ptr, devices_by_id(&d, b->id), b));
	cr_expect(eq(ptr, devices_by_credentials(&d, BYTES_STR(a->credentials_id)), a));
	cr_expect(eq(int, devices_set_credentials(&d, b, CREDENTIALS_X509, a->credentials_id, "x"),
		     ERR_CONFLICT));
	cr_expect(eq(int, devices_set_credentials(&d, b, CREDENTIALS_X509, "hash", "x"), ERR_OK));
	cr_expect(eq(ptr, devices_by_credentials(&d, BYTES_STR("hash")), b));
	cr_expect(eq(int, devices_update(&d, a, "b", NULL, NULL), ERR_CONFLICT));
	cr_expect(eq(ptr, devices_by_name(&d, "a"), a));
	cr_expect(eq(int, devices_update(&d, a, "c", NULL, NULL), ERR_OK));
	cr_expect(eq(ptr, devices_by_name(&d, "a"), NULL));
	devices_delete(&d, b);
	cr_expect(eq(ptr, devices_by_credentials(&d, BYTES_STR("hash")), NULL));
	cr_expect(eq(sz, devices_count(&d), 1));
	devices_fini(&d);
}

// printf QUJD | openssl dgst -sha3-256 (FIPS 202, not Keccak; of the text, not of the bytes)
Test(thingsboard_devices, certificate_hash)
{
	char hash[X509_HASH_CHARS + 1];
	cr_assert(eq(int, devices_hash_x509(hash, "QUJD"), ERR_OK));
	cr_expect(
		eq(str, hash, "1274ea04c4a8aae411792b8a74671c8375dcd4e152accdd4bf2329aee59deec5"));
}

Test(thingsboard_jwt, every_changed_character_is_noticed)
{
	struct jwt_key key;
	struct jwt_key other;
	BUF_AUTO struct buf token;
	buf_init(&token, 4096);
	json_auto_t *claims = json_pack("{s:s}", "sub", "someone");
	json_auto_t *back = NULL;
	cr_assert(eq(int, jwt_key_init(&key), ERR_OK));
	cr_assert(eq(int, jwt_key_init(&other), ERR_OK));
	cr_assert(eq(int, jwt_sign(&token, &key, claims), ERR_OK));
	cr_expect(eq(int, jwt_verify(&back, &key, buf_bytes(&token)), ERR_OK));
	cr_expect(json_equal(back, claims));
	json_t *none = NULL;
	cr_expect(eq(int, jwt_verify(&none, &other, buf_bytes(&token)), ERR_UNAUTHORIZED));
	for (size_t i = 0; i < token.len; i++) {
		uint8_t kept = token.data[i];
		token.data[i] = kept == 'Q' ? 'R' : 'Q';
		cr_expect(ne(int, jwt_verify(&none, &key, buf_bytes(&token)), ERR_OK), "at %zu", i);
		token.data[i] = kept;
		cr_expect(ne(int, jwt_verify(&none, &key, BYTES(token.data, i)), ERR_OK));
	}
}

// --- chains ---

static struct tb_pki pki;
static struct chains *chains;

static void
chains_setup(void)
{
	BUF_AUTO struct buf root;
	buf_init(&root, 65536);
	tb_pki_init(&pki);
	tb_chain(&root, &pki, NULL, "r");
	cr_assert(eq(int, chains_new(&chains, buf_bytes(&root), NULL), ERR_OK));
}

static void
chains_teardown(void)
{
	chains_free(chains);
	tb_pki_fini(&pki);
}

TestSuite(thingsboard_chains, .init = chains_setup, .fini = chains_teardown);

static enum err
check(const struct tb_identity *id, const char *issuers, int64_t now)
{
	struct why why = {0};
	AUTO(x509_stack_free) STACK_OF(X509) *stack = sk_X509_new_null();
	for (; *issuers; issuers++) {
		X509 *cert = cert_ca_cert(*issuers == 's'   ? pki.sub
					  : *issuers == 'i' ? pki.inter
							    : pki.root);
		X509_up_ref(cert);
		sk_X509_push(stack, cert);
	}
	enum err err = chains_check(chains, id->leaf, stack, now, &why);
	cr_expect(eq(int, err != ERR_OK, why.text[0] != '\0'), "%s", why.text);
	return err;
}

// The second check of each takes the shortcut, where there is one.
Test(thingsboard_chains, first_and_second_time_agree)
{
	struct tb_identity good;
	struct tb_identity short_lived;
	struct tb_identity of_inter;
	int64_t now = clock_wall_s();
	tb_identity_init(&good, pki.sub, "a", -60, DAY_S);
	tb_identity_init(&short_lived, pki.sub, "b", -60, 60);
	tb_identity_init(&of_inter, pki.inter, "c", -60, DAY_S);
	for (int round = 0; round < 2; round++) {
		cr_expect(eq(int, check(&good, "si", now), ERR_OK));
		cr_expect(eq(int, check(&short_lived, "si", now), ERR_OK));
		cr_expect(eq(int, check(&short_lived, "si", now + 61), ERR_FORBIDDEN));
		cr_expect(eq(int, check(&of_inter, "i", now), ERR_OK));
		cr_expect(eq(int, check(&of_inter, "si", now), ERR_FORBIDDEN));
		cr_expect(eq(int, check(&good, "", now), ERR_FORBIDDEN));
		cr_expect(eq(int, check(&good, "s", now), ERR_FORBIDDEN));
		cr_expect(eq(int, check(&good, "is", now), ERR_FORBIDDEN));
		cr_expect(eq(int, check(&good, "sr", now), ERR_FORBIDDEN), "a gap");
		cr_expect(eq(int, check(&good, "sir", now), ERR_OK));
		cr_expect(eq(int, check(&good, "sisisisis", now), ERR_FORBIDDEN));
	}
	// The issuers run out after ten days, the leaf's dates do not matter any more then.
	cr_expect(eq(int, check(&good, "si", now + 11 * DAY_S), ERR_FORBIDDEN));
	cr_expect(eq(int, check(&good, "si", now - 2 * DAY_S), ERR_FORBIDDEN));
	tb_identity_fini(&good);
	tb_identity_fini(&short_lived);
	tb_identity_fini(&of_inter);
}

// An issuer of the right name with another key, behind a chain that is remembered.
Test(thingsboard_chains, look_alike_issuer)
{
	struct tb_pki fake;
	struct tb_identity good;
	struct tb_identity forged;
	int64_t now = clock_wall_s();
	tb_pki_init(&fake);
	tb_identity_init(&good, pki.sub, "a", -60, DAY_S);
	tb_identity_init(&forged, fake.sub, "a", -60, DAY_S);
	cr_expect(eq(int, check(&good, "si", now), ERR_OK));
	cr_expect(eq(int, check(&forged, "si", now), ERR_FORBIDDEN));
	AUTO(x509_stack_free) STACK_OF(X509) *mixed = sk_X509_new_null();
	X509_up_ref(cert_ca_cert(fake.sub));
	X509_up_ref(cert_ca_cert(pki.inter));
	sk_X509_push(mixed, cert_ca_cert(fake.sub));
	sk_X509_push(mixed, cert_ca_cert(pki.inter));
	cr_expect(eq(int, chains_check(chains, forged.leaf, mixed, now, NULL), ERR_FORBIDDEN));
	cr_expect(eq(int, chains_check(chains, forged.leaf, mixed, now, NULL), ERR_FORBIDDEN));
	tb_identity_fini(&good);
	tb_identity_fini(&forged);
	tb_pki_fini(&fake);
}

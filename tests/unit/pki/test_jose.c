// SPDX-License-Identifier: Apache-2.0
#include "pki_fixture.h"

#include "base/encode.h"
#include "pki/jose.h"

// RFC 7515 appendix A.3.
static const char rfc7515_key[] =
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
	"\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";
static const char rfc7515_token[] =
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlL"
	"mNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSAp"
	"mWQxfKTUJqPP3-Kg6NU1Q";

static EVP_PKEY *
private_key(const char *jwk)
{
	SECRET_AUTO struct secret text = SECRET_NONE;
	EVP_PKEY *key = NULL;
	struct why why = {0};
	cr_assert(secret_set(&text, BYTES_STR(jwk)) == ERR_OK);
	cr_assert(jwk_private_from_text(&key, &text, &why) == ERR_OK, "%s", why.text);
	return key;
}

Test(jws, verifies_rfc7515_a3)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = private_key(rfc7515_key);
	AUTO(jws_free) struct jws *jws = NULL;
	struct why why = {0};
	cr_assert(jws_parse(&jws, BYTES_STR(rfc7515_token), &why) == ERR_OK, "%s", why.text);
	cr_expect(jws_verify(jws, key, &why) == ERR_OK, "%s", why.text);
	cr_expect(eq(str, (char *)(uintptr_t)jws_claim_str(jws, "iss"), "joe"));
	cr_expect(jws_claim_str(jws, "exp") == NULL);
	cr_expect(eq(i64, json_integer_value(json_object_get(jws->claims, "exp")), 1300819380));
}

Test(jws, what_we_sign_verifies_and_nothing_else_does)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(key_generate(&other) == ERR_OK);
	json_auto_t *claims = json_pack("{s:s, s:[s]}", "sub", "dev-1", "sans", "dev-1");
	// Many, because one signature in 256 has a short r or s.
	for (int i = 0; i < 600; i++) {
		BUF_AUTO struct buf token;
		buf_init(&token, JWS_MAX_BYTES);
		cr_assert(jws_sign_token(&token, "kid-1", claims, key) == ERR_OK);
		AUTO(jws_free) struct jws *jws = NULL;
		cr_assert(jws_parse(&jws, buf_bytes(&token), NULL) == ERR_OK);
		cr_assert(jws_verify(jws, key, NULL) == ERR_OK, "round %d", i);
		cr_assert(eq(sz, jws->signature.len, JWS_ES256_BYTES));
	}
	BUF_AUTO struct buf token;
	buf_init(&token, JWS_MAX_BYTES);
	cr_assert(jws_sign_token(&token, "kid-1", claims, key) == ERR_OK);
	AUTO(jws_free) struct jws *jws = NULL;
	cr_assert(jws_parse(&jws, buf_bytes(&token), NULL) == ERR_OK);
	cr_expect(jws_verify(jws, other, NULL) == ERR_UNAUTHORIZED);
	cr_expect(eq(str, (char *)(uintptr_t)jws_header_str(jws, "kid"), "kid-1"));
	cr_expect(eq(str, (char *)(uintptr_t)jws_header_str(jws, "typ"), "JWT"));
	jws->text.data[jws->n_signed - 1] ^= 1;
	cr_expect(jws_verify(jws, key, NULL) == ERR_UNAUTHORIZED);
}

Test(jws, every_cut_and_every_flip_fails)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = private_key(rfc7515_key);
	size_t whole = strlen(rfc7515_token);
	for (size_t n = 0; n < whole; n++) {
		AUTO(jws_free) struct jws *jws = NULL;
		char *cut = malloc(n ? n : 1);
		memcpy(cut, rfc7515_token, n);
		enum err err = jws_parse(&jws, BYTES(cut, n), NULL);
		if (!err)
			err = jws_verify(jws, key, NULL);
		cr_expect(err != ERR_OK, "cut at %zu", n);
		free(cut);
	}
	for (size_t i = 0; i < whole; i++) {
		AUTO(jws_free) struct jws *jws = NULL;
		char *text = strdup(rfc7515_token);
		text[i] = text[i] == 'A' ? 'Q' : 'A';
		enum err err = jws_parse(&jws, BYTES_STR(text), NULL);
		if (!err)
			err = jws_verify(jws, key, NULL);
		cr_expect(err != ERR_OK, "changed at %zu", i);
		free(text);
	}
}

Test(jws, other_algorithms_are_refused)
{
	// {"alg":"none"}, {"alg":"HS256"}, {"alg":1}, {}: payload {}
	static const char *const tokens[] = {"eyJhbGciOiJub25lIn0.e30.",
					     "eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
					     "eyJhbGciOjF9.e30.AAAA", "e30.e30.AAAA"};
	AUTO(EVP_PKEY_free) EVP_PKEY *key = private_key(rfc7515_key);
	for (size_t i = 0; i < N_ELEMENTS(tokens); i++) {
		AUTO(jws_free) struct jws *jws = NULL;
		cr_assert(jws_parse(&jws, BYTES_STR(tokens[i]), NULL) == ERR_OK, "token %zu", i);
		cr_expect(jws_verify(jws, key, NULL) == ERR_UNAUTHORIZED, "token %zu", i);
	}
}

Test(jws, malformed_tokens_say_what_is_wrong)
{
	static const struct {
		const char *token, *want;
	} rows[] = {
		{"",		     "three parts"},
		{"a.b",		"three parts"},
		{"e30.e30.AA.AA",	  "three parts"},
		{"e30=.e30.AAAA",	  "base64"	  },
		{"e30.e3+.AAAA",	 "base64"	 },
		{"W10.e30.AAAA",	 "header"	 },
		{"e30.W10.AAAA",	 "payload"	  },
		{"e30.bnVsbA.AAAA", "payload"    },
		{"AAAA.e30.AAAA",	  "header"	  },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct jws *jws = NULL;
		struct why why = {0};
		cr_expect(jws_parse(&jws, BYTES_STR(rows[i].token), &why) == ERR_SYNTAX, "row %zu",
			  i);
		cr_expect(strstr(why.text, rows[i].want) != NULL, "row %zu: %s", i, why.text);
	}
}

// RFC 9449 section 6.1, which gives the RFC 7638 thumbprint of a P-256 key.
Test(jwk, thumbprint_of_rfc9449)
{
	json_auto_t *jwk = json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x",
				     "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y",
				     "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA");
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	char print[JWK_THUMBPRINT_CHARS + 1];
	cr_assert(jwk_to_key(&key, jwk, NULL) == ERR_OK);
	cr_assert(jwk_thumbprint(print, key) == ERR_OK);
	cr_expect(eq(str, print, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
	json_auto_t *again = jwk_from_key(key);
	cr_expect(json_equal(jwk, again) == 1);
}

Test(jwk, refuses_what_is_no_p256_key)
{
	static const char *const texts[] = {
		"[]",
		"{}",
		"{\"kty\":\"RSA\",\"crv\":\"P-256\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"\",\"y\":\"\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":7,\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
		"\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
	};
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		json_auto_t *jwk = json_loads(texts[i], JSON_DECODE_ANY, NULL);
		EVP_PKEY *key = NULL;
		struct why why = {0};
		cr_expect(jwk_to_key(&key, jwk, &why) != ERR_OK, "text %zu", i);
		cr_expect(key == NULL && why.text[0], "text %zu", i);
	}
}

Test(jwk, private_text_round_trips_and_every_cut_fails)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *again = NULL;
	SECRET_AUTO struct secret text = SECRET_NONE;
	cr_assert(key_generate(&key) == ERR_OK);
	cr_assert(jwk_private_to_text(&text, key) == ERR_OK);
	cr_assert(jwk_private_from_text(&again, &text, NULL) == ERR_OK);
	cr_expect(key_public_equal(key, again));
	json_auto_t *json = json_loads(text.text, JSON_REJECT_DUPLICATES, NULL);
	cr_expect(eq(sz, json_object_size(json), 8));
	for (size_t n = 0; n < text.n; n++) {
		SECRET_AUTO struct secret cut = SECRET_NONE;
		EVP_PKEY *got = NULL;
		cr_assert(secret_set(&cut, BYTES(text.text, n)) == ERR_OK);
		cr_expect(jwk_private_from_text(&got, &cut, NULL) != ERR_OK, "cut at %zu", n);
	}
}

// RFC 7517 appendix C.4.
Test(jwe, derives_the_key_of_rfc7517)
{
	static const uint8_t p2s[] = {217, 96, 147, 112, 150, 117, 70, 247,
				      127, 8,  155, 137, 174, 42,  80, 215};
	static const uint8_t want[] = {110, 171, 169, 92,  129, 92, 109, 117,
				       233, 242, 116, 233, 170, 14, 24,	 75};
	uint8_t kek[JWE_KEK_BYTES];
	cr_assert(jwe_derive_kek(kek, BYTES_STR("Thus from my lips, by yours, my sin is purged."),
				 BYTES(p2s, sizeof(p2s)), 4096) == ERR_OK);
	cr_expect(memcmp(kek, want, sizeof(kek)) == 0);
}

Test(jwe, opens_a_key_that_a_real_step_ca_served)
{
	AUTO(free) char *text = data_read("stepca-encrypted-key.jwe");
	SECRET_AUTO struct secret jwk = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	struct why why = {0};
	char kid[JWK_THUMBPRINT_CHARS + 1];
	cr_assert(jwe_open(&jwk, BYTES_STR(text), BYTES_STR("bridge-secret"), &why) == ERR_OK, "%s",
		  why.text);
	cr_assert(jwk_private_from_text(&key, &jwk, &why) == ERR_OK, "%s", why.text);
	cr_assert(jwk_thumbprint(kid, key) == ERR_OK);
	cr_expect(eq(str, kid, "-jxl8z9iUNyKz4xJ9WcwG_QlqJnDOmlHHZ_JtEvS-Es"));
	cr_expect(jwe_open(&jwk, BYTES_STR(text), BYTES_STR("Bridge-secret"), &why) ==
		  ERR_UNAUTHORIZED);
	cr_expect(eq(str, why.text, "JWE: the password is wrong"));
}

static char *
sealed(const char *plain)
{
	struct buf out;
	buf_init(&out, JWE_MAX_BYTES);
	cr_assert(jwe_seal(&out, BYTES_STR(plain), BYTES_STR("pw"), JWE_P2C_MIN, "jwk+json") ==
		  ERR_OK);
	return buf_steal_str(&out);
}

Test(jwe, seals_and_opens)
{
	AUTO(free) char *a = sealed("the plaintext");
	AUTO(free) char *b = sealed("the plaintext");
	SECRET_AUTO struct secret plain = SECRET_NONE;
	cr_expect(strcmp(a, b) != 0);
	cr_assert(jwe_open(&plain, BYTES_STR(a), BYTES_STR("pw"), NULL) == ERR_OK);
	cr_expect(eq(str, plain.text, "the plaintext"));
	BUF_AUTO struct buf header;
	buf_init(&header, 1000);
	cr_assert(base64url_decode(&header, BYTES(a, strcspn(a, "."))) == ERR_OK);
	static const char head[] = "{\"alg\":\"PBES2-HS256+A128KW\",\"cty\":\"jwk+json\","
				   "\"enc\":\"A256GCM\",\"p2c\":1000,\"p2s\":\"";
	cr_expect(strncmp((char *)header.data, head, strlen(head)) == 0, "%s", (char *)header.data);
}

Test(jwe, every_cut_and_every_flip_fails)
{
	AUTO(free) char *text = sealed("x");
	for (size_t n = 0; n < strlen(text); n++) {
		SECRET_AUTO struct secret plain = SECRET_NONE;
		char *cut = malloc(n ? n : 1);
		memcpy(cut, text, n);
		cr_expect(jwe_open(&plain, BYTES(cut, n), BYTES_STR("pw"), NULL) != ERR_OK,
			  "cut at %zu", n);
		free(cut);
	}
	for (size_t i = 0; i < strlen(text); i++) {
		SECRET_AUTO struct secret plain = SECRET_NONE;
		char was = text[i];
		text[i] = was == 'A' ? 'Q' : 'A';
		cr_expect(jwe_open(&plain, BYTES_STR(text), BYTES_STR("pw"), NULL) != ERR_OK,
			  "changed at %zu", i);
		text[i] = was;
	}
}

Test(jwe, hostile_headers_are_refused_before_any_work)
{
	static const struct {
		const char *header, *want;
		enum err err;
	} rows[] = {
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":1000001,\"p2s\":"
		 "\"AAAAAAAAAAA\"}",				     "p2c must be",	ERR_UNSUPPORTED},
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":-1,\"p2s\":"
		 "\"AAAAAAAAAAA\"}",				     "p2c must be",	ERR_UNSUPPORTED},
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":\"1000\"}",
		 "p2c must be",										ERR_UNSUPPORTED},
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":1000,\"p2s\":"
		 "\"AAAA\"}",					    "p2s",		ERR_SYNTAX	  },
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"p2c\":1000}",     "p2s",
		 ERR_SYNTAX												   },
		{"{\"alg\":\"dir\",\"enc\":\"A256GCM\"}",				  "alg dir",	     ERR_UNSUPPORTED},
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A128CBC-HS256\"}",	       "enc A128CBC-HS256",
		 ERR_UNSUPPORTED											      },
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A256GCM\",\"zip\":\"DEF\"}",	 "zip",
		 ERR_UNSUPPORTED											      },
		{"[]",								    "header",		 ERR_SYNTAX	   },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		SECRET_AUTO struct secret plain = SECRET_NONE;
		struct why why = {0};
		BUF_AUTO struct buf text;
		buf_init(&text, 1000);
		cr_assert(base64url_append(&text, BYTES_STR(rows[i].header)) == ERR_OK);
		cr_assert(buf_append_str(&text, ".AAAA.AAAA.AAAA.AAAA") == ERR_OK);
		cr_expect(jwe_open(&plain, buf_bytes(&text), BYTES_STR("pw"), &why) == rows[i].err,
			  "row %zu: %s", i, why.text);
		cr_expect(strstr(why.text, rows[i].want) != NULL, "row %zu: %s", i, why.text);
	}
	BUF_AUTO struct buf out;
	buf_init(&out, 1000);
	cr_expect(jwe_seal(&out, BYTES_STR("x"), BYTES_STR("pw"), 1000001, "x") == ERR_INPUT);
}

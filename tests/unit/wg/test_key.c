// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <openssl/rand.h>
#include <pthread.h>

#include "base/encode.h"
#include "vectors.h"

Test(key, text_round_trips_and_agrees_with_the_general_encoders)
{
	for (int i = 0; i < 500; i++) {
		struct wg_key key;
		struct wg_key back;
		char text[WG_KEY_CHARS + 1];
		char reference[BASE64_CHARS(32) + 1];
		char hex[WG_KEY_HEX_CHARS + 1];
		char hex_reference[HEX_CHARS(32) + 1];
		cr_assert(RAND_bytes(key.b, sizeof(key.b)) == 1);
		wg_key_print(text, &key);
		base64_encode(reference, BYTES(key.b, 32));
		cr_assert_str_eq(text, reference);
		cr_assert(wg_key_parse(&back, BYTES_STR(text)) == ERR_OK);
		cr_assert(wg_key_equal(&key, &back));
		wg_key_print_hex(hex, &key);
		hex_encode(hex_reference, BYTES(key.b, 32));
		cr_assert_str_eq(hex, hex_reference);
		cr_assert(wg_key_parse_hex(&back, BYTES_STR(hex)) == ERR_OK);
		cr_assert(wg_key_equal(&key, &back));
	}
}

Test(key, only_44_canonical_characters_are_a_key)
{
	static const char good[] = "2J463pN3U9u2+dWEPvmUhGDwXHNOgf5KlXeoBMuTZ/8=";
	static const char *const bad[] = {
		"",
		"2J46",
		"2J463pN3U9u2+dWEPvmUhGDwXHNOgf5KlXeoBMuTZ/8",
		"2J463pN3U9u2+dWEPvmUhGDwXHNOgf5KlXeoBMuTZ/88=",
		"2J463pN3U9u2+dWEPvmUhGDwXHNOgf5KlXeoBMuTZ/9=", // trailing bits
		"2J463pN3U9u2+dWEPvmUhGDwXHNOgf5KlXeoBMuTZ===",
		"2J463pN3U9u2 dWEPvmUhGDwXHNOgf5KlXeoBMuTZ/8=",
		"2J463pN3U9u2-dWEPvmUhGDwXHNOgf5KlXeoBMuTZ_8=", // base64url
		"\xffJ463pN3U9u2+dWEPvmUhGDwXHNOgf5KlXeoBMuTZ/8=",
		"<REPLACE_WITH_DEVICE_PRIVATE_KEY>",
	};
	struct wg_key key;
	cr_assert(wg_key_parse(&key, BYTES_STR(good)) == ERR_OK);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		cr_expect(wg_key_parse(&key, BYTES_STR(bad[i])) == ERR_SYNTAX, "%s", bad[i]);
	cr_expect(wg_key_parse_hex(&key, BYTES_STR("00")) == ERR_SYNTAX);
	char hex[WG_KEY_HEX_CHARS + 1];
	memset(hex, 'a', sizeof(hex) - 1);
	hex[64] = '\0';
	cr_expect(wg_key_parse_hex(&key, BYTES_STR(hex)) == ERR_OK);
	hex[63] = 'g';
	cr_expect(wg_key_parse_hex(&key, BYTES_STR(hex)) == ERR_SYNTAX);
	cr_expect(wg_key_is_zero(&key));
}

Test(key, public_keys_and_dh_match_the_vectors)
{
	static const char *const pairs[][2] = {
		{"S_i_priv", "S_i_pub"},
		 {"S_r_priv", "S_r_pub"}
	};
	for (size_t i = 0; i < N_ELEMENTS(pairs); i++) {
		struct wg_key priv = vector_key(pairs[i][0]);
		struct wg_key want = vector_key(pairs[i][1]);
		struct wg_key got;
		cr_assert(wg_key_public(&got, &priv) == ERR_OK);
		cr_expect(wg_key_equal(&got, &want), "%s", pairs[i][0]);
	}
	struct wg_key si = vector_key("S_i_priv");
	struct wg_key sr_pub = vector_key("S_r_pub");
	struct wg_key want = vector_key("DH(S_i,S_r)");
	struct wg_key got;
	cr_assert(wg_key_dh(&got, &si, &sr_pub) == ERR_OK);
	cr_expect(wg_key_equal(&got, &want));
}

Test(key, generated_pairs_belong_together_and_differ)
{
	struct wg_key priv[2];
	struct wg_key pub[2];
	struct wg_key again;
	for (int i = 0; i < 2; i++) {
		cr_assert(wg_key_generate(&priv[i], &pub[i]) == ERR_OK);
		cr_assert(wg_key_public(&again, &priv[i]) == ERR_OK);
		cr_expect(wg_key_equal(&again, &pub[i]));
		cr_expect(wg_key_check_public(&pub[i], NULL) == ERR_OK);
	}
	cr_expect(!wg_key_equal(&priv[0], &priv[1]));
}

// The points of order 1, 2, 4 and 8 (RFC 7748 section 6.1 asks to refuse their results), also in
// the encodings that are not reduced.
Test(key, points_of_low_order_are_refused)
{
	static const char *const low[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	for (size_t i = 0; i < N_ELEMENTS(low); i++) {
		struct wg_key key;
		struct wg_key out;
		struct wg_key priv = vector_key("S_i_priv");
		struct why why = {0};
		cr_assert(wg_key_parse_hex(&key, BYTES_STR(low[i])) == ERR_OK);
		cr_expect(wg_key_check_public(&key, &why) == ERR_INPUT, "%s", low[i]);
		cr_expect(strstr(why.text, "low order") != NULL);
		cr_expect(wg_key_dh(&out, &priv, &key) == ERR_INPUT, "%s", low[i]);
	}
}

static void *
use_contexts(void *arg)
{
	struct wg_key priv;
	struct wg_key pub;
	*(enum err *)arg = wg_key_generate(&priv, &pub);
	return NULL;
}

// Under LeakSanitizer this fails when a thread's contexts outlive it.
Test(key, contexts_go_with_their_thread)
{
	for (int i = 0; i < 4; i++) {
		pthread_t thread;
		enum err err = ERR_INTERNAL;
		cr_assert(pthread_create(&thread, NULL, use_contexts, &err) == 0);
		cr_assert(pthread_join(thread, NULL) == 0);
		cr_expect(err == ERR_OK);
	}
}

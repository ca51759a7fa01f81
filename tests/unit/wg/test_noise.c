// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "base/encode.h"
#include "vectors.h"
#include "wg/crypto.h"
#include "wg/noise.h"

enum { INDEX_I = 0x01020304, INDEX_R = 0x0a0b0c0d };
#define TIMESTAMP_NS 1700000000500000000ULL

struct sides {
	struct wg_identity i;
	struct wg_identity r;
	struct wg_remote of_i; // what the initiator knows about the responder
	struct wg_remote of_r;
	struct wg_key psk;
	struct wg_key ei;
	struct wg_key er;
	struct wg_tai64n timestamp;
};

static void
setup(struct sides *s)
{
	struct wg_key si = vector_key("S_i_priv");
	struct wg_key sr = vector_key("S_r_priv");
	s->psk = vector_key("psk");
	s->ei = vector_key("E_i_priv");
	s->er = vector_key("E_r_priv");
	cr_assert(wg_identity_init(&s->i, &si) == ERR_OK);
	cr_assert(wg_identity_init(&s->r, &sr) == ERR_OK);
	cr_assert(wg_remote_init(&s->of_i, &s->i, &s->r.public_key, &s->psk) == ERR_OK);
	cr_assert(wg_remote_init(&s->of_r, &s->r, &s->i.public_key, &s->psk) == ERR_OK);
	// The recorded sender did not clear the low bits of its nanoseconds.
	BUF_AUTO struct buf stamp;
	buf_init(&stamp, 64);
	vector_load(&stamp, "tai64n");
	cr_assert(stamp.len == sizeof(s->timestamp.b));
	memcpy(s->timestamp.b, stamp.data, stamp.len);
}

static void
expect_vector(const char *name, const void *got, size_t n)
{
	BUF_AUTO struct buf want;
	buf_init(&want, 4096);
	vector_load(&want, name);
	cr_expect(bytes_equal(buf_bytes(&want), BYTES(got, n)), "%s differs", name);
}

static void
initiate(struct sides *s, uint8_t *msg, struct wg_handshake *hs)
{
	cr_assert(wg_initiation_create(msg, hs, &s->of_i, &s->i, &s->timestamp, INDEX_I, NULL,
				       &s->ei) == ERR_OK);
}

// The responder's way through message 1, up to the timestamp.
static enum wg_drop
respond(struct sides *s, const uint8_t *msg, struct wg_handshake *hs)
{
	struct wg_key who;
	struct wg_tai64n timestamp;
	enum wg_drop drop = wg_initiation_open(hs, &who, &s->r, msg);
	if (drop)
		return drop;
	cr_assert(wg_key_equal(&who, &s->i.public_key));
	drop = wg_initiation_authenticate(hs, &timestamp, &s->of_r, msg);
	if (!drop)
		cr_assert(memcmp(&timestamp, &s->timestamp, sizeof(timestamp)) == 0);
	return drop;
}

Test(noise, derived_keys_match_the_vectors)
{
	struct sides s;
	setup(&s);
	uint8_t h[WG_HASH_BYTES];
	cr_assert(wg_hash(h, BYTES_STR("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"), BYTES_NONE) ==
		  ERR_OK);
	expect_vector("initial_ck", h, sizeof(h));
	cr_assert(wg_hash(h, BYTES(h, 32), BYTES_STR("WireGuard v1 zx2c4 Jason@zx2c4.com")) ==
		  ERR_OK);
	expect_vector("initial_h", h, sizeof(h));
	expect_vector("mac1key(S_r)", s.r.mac1_key, 32);
	expect_vector("mac1key(S_r)", s.of_i.mac1_key, 32);
	expect_vector("mac1key(S_i)", s.i.mac1_key, 32);
	expect_vector("cookiekey(S_r)", s.r.cookie_key, 32);
	expect_vector("DH(S_i,S_r)", s.of_r.static_static.b, 32);
	struct wg_tai64n coarse;
	wg_tai64n_set(&coarse, TIMESTAMP_NS);
	cr_expect(memcmp(coarse.b, s.timestamp.b, 9) == 0,
		  "seconds and the top of the nanoseconds");
}

Test(noise, both_messages_match_the_vectors_byte_for_byte)
{
	struct sides s;
	setup(&s);
	uint8_t msg1[WG_INITIATION_BYTES];
	uint8_t msg2[WG_RESPONSE_BYTES];
	struct wg_handshake hi;
	struct wg_handshake hr;
	struct wg_session_keys keys_r;
	struct wg_session_keys keys_i;
	initiate(&s, msg1, &hi);
	expect_vector("msg1", msg1, sizeof(msg1));
	expect_vector("h_after_msg1", hi.hash, 32);
	expect_vector("ck_after_msg1", hi.chaining_key, 32);
	cr_assert(wg_mac1_is_valid(&s.r, BYTES(msg1, sizeof(msg1))));
	cr_assert(!wg_mac1_is_valid(&s.i, BYTES(msg1, sizeof(msg1))));

	cr_assert(respond(&s, msg1, &hr) == WG_DROP_NONE);
	expect_vector("h_after_msg1", hr.hash, 32);
	cr_assert(wg_response_create(msg2, &keys_r, &hr, &s.of_r, INDEX_R, NULL, &s.er) == ERR_OK);
	expect_vector("msg2", msg2, sizeof(msg2));
	cr_assert(wg_mac1_is_valid(&s.i, BYTES(msg2, sizeof(msg2))));

	cr_assert(wg_response_open(&keys_i, &hi, &s.i, &s.of_i, msg2) == WG_DROP_NONE);
	expect_vector("key_i_to_r", keys_i.send.b, 32);
	expect_vector("key_r_to_i", keys_i.receive.b, 32);
	expect_vector("key_i_to_r", keys_r.receive.b, 32);
	expect_vector("key_r_to_i", keys_r.send.b, 32);
	cr_expect(keys_i.local_index == INDEX_I && keys_i.remote_index == INDEX_R);
	cr_expect(keys_r.local_index == INDEX_R && keys_r.remote_index == INDEX_I);
}

Test(noise, fresh_ephemerals_make_different_messages_that_work)
{
	struct sides s;
	setup(&s);
	uint8_t msg1[2][WG_INITIATION_BYTES];
	uint8_t msg2[WG_RESPONSE_BYTES];
	struct wg_handshake hi;
	struct wg_handshake hr;
	struct wg_session_keys a;
	struct wg_session_keys b;
	for (int i = 0; i < 2; i++)
		cr_assert(wg_initiation_create(msg1[i], &hi, &s.of_i, &s.i, &s.timestamp, INDEX_I,
					       NULL, NULL) == ERR_OK);
	cr_expect(memcmp(msg1[0] + 8, msg1[1] + 8, 32) != 0);
	cr_assert(respond(&s, msg1[1], &hr) == WG_DROP_NONE);
	cr_assert(wg_response_create(msg2, &a, &hr, &s.of_r, INDEX_R, NULL, NULL) == ERR_OK);
	cr_assert(wg_response_open(&b, &hi, &s.i, &s.of_i, msg2) == WG_DROP_NONE);
	cr_expect(wg_key_equal(&a.send, &b.receive));
	cr_expect(wg_key_equal(&a.receive, &b.send));
}

// A flipped bit anywhere makes mac1 fail; behind it, every field is protected on its own.
Test(noise, every_flipped_bit_of_message_1_is_noticed)
{
	struct sides s;
	setup(&s);
	uint8_t msg[WG_INITIATION_BYTES];
	struct wg_handshake hs;
	initiate(&s, msg, &hs);
	for (size_t at = 0; at < 116; at++) {
		uint8_t bit = (uint8_t)(1u << (at % 8));
		msg[at] ^= bit;
		cr_expect(!wg_mac1_is_valid(&s.r, BYTES(msg, sizeof(msg))), "byte %zu", at);
		// bytes 0..7 (type, index) are guarded by mac1 alone; the top bit of the ephemeral
		// is ignored by X25519 but not by the hash
		if (at >= 8) {
			struct wg_handshake hr;
			cr_expect(respond(&s, msg, &hr) == WG_DROP_BAD_TAG, "byte %zu", at);
			cr_expect(hr.remote_index == 0, "state is wiped");
		}
		msg[at] ^= bit;
	}
}

Test(noise, every_flipped_bit_of_message_2_is_noticed_and_harmless)
{
	struct sides s;
	setup(&s);
	uint8_t msg1[WG_INITIATION_BYTES];
	uint8_t msg2[WG_RESPONSE_BYTES];
	struct wg_handshake hi;
	struct wg_handshake hr;
	struct wg_session_keys keys;
	initiate(&s, msg1, &hi);
	cr_assert(respond(&s, msg1, &hr) == WG_DROP_NONE);
	cr_assert(wg_response_create(msg2, &keys, &hr, &s.of_r, INDEX_R, NULL, NULL) == ERR_OK);
	for (size_t at = 12; at < 60; at++) {
		struct wg_handshake before = hi;
		msg2[at] ^= 0x80;
		cr_expect(wg_response_open(&keys, &hi, &s.i, &s.of_i, msg2) == WG_DROP_BAD_TAG,
			  "byte %zu", at);
		cr_expect(memcmp(&before, &hi, sizeof(hi)) == 0, "the handshake can still succeed");
		msg2[at] ^= 0x80;
	}
	cr_expect(wg_response_open(&keys, &hi, &s.i, &s.of_i, msg2) == WG_DROP_NONE);
}

Test(noise, another_preshared_key_shows_at_the_initiator)
{
	struct sides s;
	setup(&s);
	uint8_t msg1[WG_INITIATION_BYTES];
	uint8_t msg2[WG_RESPONSE_BYTES];
	struct wg_handshake hi;
	struct wg_handshake hr;
	struct wg_session_keys keys;
	s.of_r.preshared_key.b[0] ^= 1;
	initiate(&s, msg1, &hi);
	cr_assert(respond(&s, msg1, &hr) == WG_DROP_NONE);
	cr_assert(wg_response_create(msg2, &keys, &hr, &s.of_r, INDEX_R, NULL, NULL) == ERR_OK);
	cr_expect(wg_response_open(&keys, &hi, &s.i, &s.of_i, msg2) == WG_DROP_BAD_TAG);
}

Test(noise, an_ephemeral_of_low_order_is_dropped)
{
	struct sides s;
	setup(&s);
	uint8_t msg[WG_INITIATION_BYTES];
	struct wg_handshake hs;
	struct wg_key who;
	initiate(&s, msg, &hs);
	memset(msg + 8, 0, 32);
	cr_expect(wg_initiation_open(&hs, &who, &s.r, msg) == WG_DROP_BAD_TAG);
}

Test(noise, a_static_key_of_low_order_is_no_peer)
{
	struct sides s;
	setup(&s);
	struct wg_key zero = {0};
	struct wg_remote r;
	cr_expect(wg_remote_init(&r, &s.i, &zero, NULL) == ERR_INPUT);
}

// draft-irtf-cfrg-xchacha-03 section 2.2.1
Test(noise, hchacha20_matches_the_draft)
{
	uint8_t key[32];
	uint8_t nonce[16];
	struct wg_key got;
	char hex[65];
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	cr_assert(hex_decode(nonce, 16, BYTES_STR("000000090000004a0000000031415927")) == ERR_OK);
	cr_assert(wg_hchacha20(&got, key, nonce) == ERR_OK);
	hex_encode(hex, BYTES(got.b, 32));
	cr_expect_str_eq(hex, "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
}

Test(noise, cookies_match_the_vectors_and_only_fit_their_message)
{
	struct sides s;
	setup(&s);
	uint8_t secret[WG_COOKIE_SECRET_BYTES];
	static const uint8_t source[] = {127, 0, 0, 1, 40000 >> 8, 40000 & 255};
	uint8_t nonce[WG_COOKIE_NONCE_BYTES];
	uint8_t cookie[WG_COOKIE_BYTES];
	uint8_t opened[WG_COOKIE_BYTES] = {0};
	uint8_t msg1[WG_INITIATION_BYTES];
	uint8_t msg3[WG_COOKIE_REPLY_BYTES];
	struct wg_handshake hs;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)(0x80 + i);
	cr_assert(wg_cookie_make(cookie, secret, BYTES(source, sizeof(source))) == ERR_OK);
	expect_vector("cookie", cookie, sizeof(cookie));
	initiate(&s, msg1, &hs);
	struct bytes msg = BYTES(msg1, sizeof(msg1));
	cr_assert(wg_cookie_reply_create(msg3, &s.r, msg, cookie, nonce) == ERR_OK);
	expect_vector("msg3", msg3, sizeof(msg3));

	cr_assert(wg_cookie_reply_open(opened, &s.of_i, wg_mac1_of(msg), msg3) == WG_DROP_NONE);
	cr_expect(memcmp(opened, cookie, sizeof(cookie)) == 0);
	uint8_t other_mac1[WG_MAC_BYTES] = {0};
	memset(opened, 7, sizeof(opened));
	cr_expect(wg_cookie_reply_open(opened, &s.of_i, other_mac1, msg3) == WG_DROP_BAD_TAG);
	for (size_t at = 8; at < sizeof(msg3); at++) {
		msg3[at] ^= 1;
		cr_expect(wg_cookie_reply_open(opened, &s.of_i, wg_mac1_of(msg), msg3) ==
				  WG_DROP_BAD_TAG,
			  "byte %zu", at);
		msg3[at] ^= 1;
	}
	cr_expect(opened[0] == 7, "a forged reply leaves the old cookie");

	cr_assert(wg_initiation_create(msg1, &hs, &s.of_i, &s.i, &s.timestamp, INDEX_I, cookie,
				       &s.ei) == ERR_OK);
	expect_vector("msg1_mac2", msg1 + 132, WG_MAC_BYTES);
	cr_expect(wg_mac2_is_valid(cookie, msg));
	cr_expect(!wg_mac2_is_valid(secret, msg));
}

Test(noise, timestamps_are_coarse_and_ordered)
{
	struct wg_tai64n a;
	struct wg_tai64n b;
	wg_tai64n_set(&a, TIMESTAMP_NS);
	wg_tai64n_set(&b, TIMESTAMP_NS + 1000);
	cr_expect(!wg_tai64n_is_after(&b, &a) && !wg_tai64n_is_after(&a, &b));
	wg_tai64n_set(&b, TIMESTAMP_NS + 17000000);
	cr_expect(wg_tai64n_is_after(&b, &a) && !wg_tai64n_is_after(&a, &b));
	wg_tai64n_set(&b, TIMESTAMP_NS + 600000000); // the next second
	cr_expect(wg_tai64n_is_after(&b, &a));
	cr_expect(a.b[9] != 0 || a.b[8] != 0);
	cr_expect(a.b[9] == 0 && a.b[10] == 0 && a.b[11] == 0);
}

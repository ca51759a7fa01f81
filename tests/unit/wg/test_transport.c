// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/rng.h"
#include "vectors.h"
#include "wg/transport.h"

#define BORN (1000 * NS_PER_S)

// --- the replay window against a model that keeps everything ---

enum { MODEL_COUNTERS = 200000 };

struct model {
	bool seen[MODEL_COUNTERS];
	bool any;
	uint64_t greatest;
};

static bool
model_accept(struct model *m, uint64_t counter)
{
	if (m->any && counter < m->greatest && m->greatest - counter > WG_REPLAY_WINDOW)
		return false;
	if (m->seen[counter])
		return false;
	m->seen[counter] = true;
	if (!m->any || counter > m->greatest)
		m->greatest = counter;
	m->any = true;
	return true;
}

// Where the next counter comes from: near the front, behind it, at the window's edge, a jump.
static uint64_t
pick_counter(struct rng *r, const struct model *m)
{
	uint64_t front = m->greatest;
	uint64_t c = front;
	switch (rng_below(r, 6)) {
	case 0:
		c = front + 1;
		break;
	case 1:
		c = front + rng_below(r, 200);
		break;
	case 2:
		c = front > 300 ? front - rng_below(r, 300) : rng_below(r, front + 1);
		break;
	case 3:
		c = front > WG_REPLAY_WINDOW + 2 ? front - WG_REPLAY_WINDOW - 2 + rng_below(r, 5)
						 : 0;
		break;
	case 4:
		c = rng_below(r, front + 1);
		break;
	default:
		c = rng_below(r, 50) == 0 ? front + rng_below(r, 20000) : front + 64;
		break;
	}
	return c;
}

Test(transport, replay_window_equals_the_simple_model)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rng r;
		struct model *m = calloc(1, sizeof(*m));
		struct wg_replay w = {0};
		rng_init(&r, seed, 0);
		for (int i = 0; i < 20000; i++) {
			uint64_t c = pick_counter(&r, m);
			if (c >= MODEL_COUNTERS)
				break;
			bool want = model_accept(m, c);
			cr_assert(wg_replay_accept(&w, c) == want,
				  "seed %llu step %d counter %llu front %llu",
				  (unsigned long long)seed, i, (unsigned long long)c,
				  (unsigned long long)m->greatest);
		}
		free(m);
	}
}

Test(transport, replay_window_edges)
{
	struct wg_replay w = {0};
	cr_expect(wg_replay_accept(&w, 0));
	cr_expect(!wg_replay_accept(&w, 0));
	cr_expect(wg_replay_accept(&w, WG_REPLAY_WINDOW + 1));
	cr_expect(!wg_replay_accept(&w, 0), "just too old");
	cr_expect(wg_replay_accept(&w, 1), "just young enough");
	cr_expect(!wg_replay_accept(&w, 1));
	cr_expect(wg_replay_accept(&w, 1ULL << 60));
	cr_expect(!wg_replay_accept(&w, WG_REPLAY_WINDOW + 1));
	cr_expect(!wg_replay_accept(&w, UINT64_MAX), "reserved by REJECT_AFTER_MESSAGES");
	cr_expect(wg_replay_accept(&w, (1ULL << 60) + 1), "an absurd counter moved nothing");
}

// --- sessions ---

struct ends {
	struct wg_keypair i;
	struct wg_keypair r;
};

static void
setup(struct ends *e)
{
	struct wg_session_keys keys = {
		.send = vector_key("key_i_to_r"),
		.receive = vector_key("key_r_to_i"),
		.local_index = 0x01020304,
		.remote_index = 0x0a0b0c0d,
	};
	wg_keypair_start(&e->i, &keys, true, BORN);
	struct wg_session_keys mirrored = {keys.receive, keys.send, keys.remote_index,
					   keys.local_index};
	wg_keypair_start(&e->r, &mirrored, false, BORN);
}

static void
expect_sealed(struct ends *e, const char *name, struct bytes inner)
{
	BUF_AUTO struct buf want;
	uint8_t out[WG_DATAGRAM_MAX];
	buf_init(&want, 4096);
	vector_load(&want, name);
	cr_assert(wg_transport_size(inner.n) == want.len);
	cr_assert(wg_transport_seal(out, &e->i, inner) == ERR_OK);
	cr_expect(bytes_equal(buf_bytes(&want), BYTES(out, want.len)), "%s differs", name);
	struct bytes opened;
	cr_assert(wg_transport_open(&opened, &e->r, out, want.len, BORN) == WG_DROP_NONE);
	cr_assert(opened.n >= inner.n);
	cr_expect(inner.n == 0 || memcmp(opened.p, inner.p, inner.n) == 0);
	for (size_t i = inner.n; i < opened.n; i++)
		cr_expect(opened.p[i] == 0, "padding is zero");
}

Test(transport, packets_match_the_vectors)
{
	struct ends e;
	BUF_AUTO struct buf echo;
	setup(&e);
	buf_init(&echo, 4096);
	vector_load(&echo, "inner_echo");
	expect_sealed(&e, "keepalive_0", BYTES_NONE);
	expect_sealed(&e, "data_1", buf_bytes(&echo));
	cr_expect(e.i.send_counter == 2);
}

Test(transport, padding_follows_the_mtu)
{
	static const size_t rows[][2] = {
		{0,    32  },
		      {1,	  48  },
		    {16,	 48  },
		  {17,   64	 },
		{84,   128 },
		{1400, 1440},
		      {1408, 1440},
		    {1409, 1452},
		  {1420, 1452},
		{1421, 1453}
	    };
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		cr_expect_eq(wg_transport_size(rows[i][0]), rows[i][1], "inner of %zu bytes",
			     rows[i][0]);
	cr_expect_eq(wg_transport_size(WG_MTU), (size_t)WG_DATAGRAM_MAX);
}

Test(transport, a_packet_is_opened_once)
{
	struct ends e;
	setup(&e);
	uint8_t sent[WG_KEEPALIVE_BYTES];
	uint8_t copy[WG_KEEPALIVE_BYTES];
	struct bytes inner;
	cr_assert(wg_transport_seal(sent, &e.i, BYTES_NONE) == ERR_OK);
	memcpy(copy, sent, sizeof(copy));
	cr_expect(wg_transport_open(&inner, &e.r, copy, sizeof(copy), BORN) == WG_DROP_NONE);
	cr_expect(wg_transport_open(&inner, &e.r, sent, sizeof(sent), BORN) ==
		  WG_DROP_REPEATED_COUNTER);
}

Test(transport, damage_is_noticed_and_does_not_move_the_window)
{
	struct ends e;
	setup(&e);
	uint8_t sent[64];
	static const uint8_t text[20] = "twenty bytes of it.";
	size_t n = wg_transport_size(sizeof(text));
	cr_assert(n == sizeof(sent));
	cr_assert(wg_transport_seal(sent, &e.i, BYTES(text, sizeof(text))) == ERR_OK);
	for (size_t at = 8; at < n; at++) {
		uint8_t copy[sizeof(sent)];
		struct bytes inner;
		memcpy(copy, sent, n);
		copy[at] ^= 0x40;
		cr_expect(wg_transport_open(&inner, &e.r, copy, n, BORN) == WG_DROP_BAD_TAG,
			  "byte %zu", at);
		cr_expect(inner.n == 0);
	}
	for (size_t cut = WG_KEEPALIVE_BYTES; cut < n; cut++) {
		uint8_t copy[sizeof(sent)];
		struct bytes inner;
		memcpy(copy, sent, cut);
		cr_expect(wg_transport_open(&inner, &e.r, copy, cut, BORN) == WG_DROP_BAD_TAG,
			  "cut at %zu", cut);
	}
	cr_expect(e.r.replay.next == 0);
}

Test(transport, keys_die_at_180_seconds)
{
	struct ends e;
	setup(&e);
	uint8_t sent[WG_KEEPALIVE_BYTES];
	struct bytes inner;
	cr_assert(wg_transport_seal(sent, &e.i, BYTES_NONE) == ERR_OK);
	cr_expect(!wg_keypair_is_expired(&e.r, BORN + 180 * NS_PER_S - 1));
	cr_expect(wg_keypair_is_expired(&e.r, BORN + 180 * NS_PER_S));
	cr_expect(wg_transport_open(&inner, &e.r, sent, sizeof(sent), BORN + 180 * NS_PER_S) ==
		  WG_DROP_EXPIRED_KEY);
}

Test(transport, counters_do_not_wrap)
{
	struct ends e;
	setup(&e);
	uint8_t out[WG_KEEPALIVE_BYTES];
	e.i.send_counter = UINT64_MAX - (1u << 13);
	cr_expect(wg_transport_seal(out, &e.i, BYTES_NONE) == ERR_EXHAUSTED);
	e.i.send_counter--;
	cr_expect(wg_transport_seal(out, &e.i, BYTES_NONE) == ERR_OK);
}

// --- classification ---

Test(message, types_need_their_exact_length_and_zero_reserved_bytes)
{
	static const struct {
		uint8_t type;
		size_t n;
	} rows[] = {
		{1, 148},
		  {2, 92 },
		   {3, 64 }
	  };
	uint8_t msg[1500] = {0};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		msg[0] = rows[i].type;
		for (size_t n = 0; n <= 200; n++)
			cr_expect((wg_message_type(BYTES(msg, n)) ==
				   (enum wg_message)rows[i].type) == (n == rows[i].n),
				  "type %d length %zu", rows[i].type, n);
	}
	msg[0] = 4;
	for (size_t n = 0; n <= 200; n++)
		cr_expect((wg_message_type(BYTES(msg, n)) == WG_MESSAGE_TRANSPORT) == (n >= 32),
			  "length %zu", n);
	for (size_t at = 1; at < 4; at++) {
		msg[at] = 1;
		cr_expect(wg_message_type(BYTES(msg, 64)) == WG_MESSAGE_NONE);
		msg[at] = 0;
	}
	for (int type = 0; type < 256; type++) {
		msg[0] = (uint8_t)type;
		cr_expect((wg_message_type(BYTES(msg, 1000)) != WG_MESSAGE_NONE) == (type == 4));
	}
}

Test(message, names_are_stable)
{
	cr_expect_str_eq(wg_drop_name(WG_DROP_BAD_MAC1), "bad-mac1");
	cr_expect_str_eq(wg_drop_name(WG_DROP_UNKNOWN_INDEX), "unknown-index");
	cr_expect_str_eq(wg_drop_name((enum wg_drop)99), "unknown");
	cr_expect_str_eq(wg_message_name(WG_MESSAGE_TRANSPORT), "transport");
	for (int i = 0; i < WG_DROP_COUNT; i++)
		cr_expect(wg_drop_name((enum wg_drop)i) != NULL);
}

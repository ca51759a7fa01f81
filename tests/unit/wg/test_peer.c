// SPDX-License-Identifier: Apache-2.0
// Two peers on a virtual clock and a wire that loses what the test tells it to lose.
#include <criterion/criterion.h>

#include "base/clock.h"
#include "wg/ip.h"
#include "wg/peer.h"

enum { WIRE_MAX = 256 };

struct datagram {
	size_t n;
	uint8_t bytes[WG_DATAGRAM_MAX];
};

struct end {
	struct wg_identity identity;
	struct wg_peer peer;
	struct datagram *wire; // what this end has sent and nobody has received yet
	size_t n_wire;
	unsigned sent[WG_MESSAGE_COUNT];
	unsigned events[4];
	unsigned indexes_in_use;
	unsigned inner; // inner packets received
	size_t last_inner;
	enum wg_drop last_drop;
};

struct world {
	struct end device;
	struct end server;
	struct wg_now now;
};

static struct world w;

static void
on_send(void *ctx, struct bytes datagram)
{
	struct end *e = ctx;
	cr_assert(e->n_wire < WIRE_MAX && datagram.n <= WG_DATAGRAM_MAX);
	struct datagram *d = &e->wire[e->n_wire++];
	d->n = datagram.n;
	memcpy(d->bytes, datagram.p, datagram.n);
	e->sent[wg_message_type(datagram)]++;
}

static uint32_t
on_index_new(void *ctx)
{
	static uint32_t next = 1000;
	((struct end *)ctx)->indexes_in_use++;
	return next++;
}

static void
on_index_free(void *ctx, uint32_t index)
{
	cr_expect(index >= 1000);
	((struct end *)ctx)->indexes_in_use--;
}

static void
on_event(void *ctx, enum wg_event event, const struct wg_now *now)
{
	cr_expect(now->mono_ns == w.now.mono_ns);
	((struct end *)ctx)->events[event]++;
}

static const struct wg_peer_ops ops = {on_send, on_index_new, on_index_free, on_event};

static void
join(const struct wg_key *psk_device, const struct wg_key *psk_server)
{
	cr_assert(wg_peer_init(&w.device.peer, &w.device.identity, &w.server.identity.public_key,
			       psk_device, &ops, &w.device, 1, 1) == ERR_OK);
	cr_assert(wg_peer_init(&w.server.peer, &w.server.identity, &w.device.identity.public_key,
			       psk_server, &ops, &w.server, 1, 2) == ERR_OK);
}

static void
setup_with_psk(const struct wg_key *psk_device, const struct wg_key *psk_server)
{
	// clamping clears the low three bits: keys must differ above them
	struct wg_key device = {.b = {0x10}};
	struct wg_key server = {.b = {0x20}};
	w.now = (struct wg_now){1000 * NS_PER_S, 1700000000 * NS_PER_S};
	cr_assert(wg_identity_init(&w.device.identity, &device) == ERR_OK);
	cr_assert(wg_identity_init(&w.server.identity, &server) == ERR_OK);
	w.device.wire = calloc(WIRE_MAX, sizeof(struct datagram));
	w.server.wire = calloc(WIRE_MAX, sizeof(struct datagram));
	join(psk_device, psk_server);
}

static void
setup(void)
{
	setup_with_psk(NULL, NULL);
}

static void
teardown(void)
{
	wg_peer_fini(&w.device.peer);
	wg_peer_fini(&w.server.peer);
	cr_expect(w.device.indexes_in_use == 0 && w.server.indexes_in_use == 0,
		  "every index is given back");
	free(w.device.wire);
	free(w.server.wire);
}

static enum wg_drop
receive(struct end *to, const struct datagram *d)
{
	struct datagram copy = *d;
	struct bytes inner;
	to->last_drop = wg_peer_receive(&to->peer, copy.bytes, copy.n, &inner, &w.now);
	if (inner.n) {
		to->inner++;
		to->last_inner = inner.n;
	}
	return to->last_drop;
}

// Takes the oldest datagram off e's wire.
static struct datagram
take(struct end *e)
{
	cr_assert(e->n_wire > 0);
	struct datagram d = e->wire[0];
	e->n_wire--;
	memmove(e->wire, e->wire + 1, e->n_wire * sizeof(d));
	return d;
}

static enum wg_drop
deliver_one(struct end *from, struct end *to)
{
	struct datagram d = take(from);
	return receive(to, &d);
}

// Delivers until both wires are empty.
static void
deliver(void)
{
	while (w.device.n_wire || w.server.n_wire) {
		if (w.device.n_wire)
			deliver_one(&w.device, &w.server);
		if (w.server.n_wire)
			deliver_one(&w.server, &w.device);
	}
}

static void
lose(void)
{
	w.device.n_wire = w.server.n_wire = 0;
}

static void
set_time(uint64_t mono_ns)
{
	cr_assert(mono_ns >= w.now.mono_ns);
	w.now.wall_ns += mono_ns - w.now.mono_ns;
	w.now.mono_ns = mono_ns;
}

static uint64_t
earliest(void)
{
	uint64_t a = wg_peer_deadline(&w.device.peer);
	uint64_t b = wg_peer_deadline(&w.server.peer);
	return a < b ? a : b;
}

// Runs the timers for so many milliseconds; `wire` is called after each.
static void
run(uint64_t ms, void (*wire)(void))
{
	uint64_t end = w.now.mono_ns + ms * NS_PER_MS;
	for (uint64_t at = earliest(); at <= end; at = earliest()) {
		set_time(at > w.now.mono_ns ? at : w.now.mono_ns);
		wg_peer_tick(&w.device.peer, &w.now);
		wg_peer_tick(&w.server.peer, &w.now);
		wire();
	}
	set_time(end);
}

static void
send_data(struct end *from)
{
	uint8_t packet[84];
	struct ip_echo echo = {1, 2, false, 1, 1, BYTES_NONE};
	memset(packet, 0, sizeof(packet));
	ip_echo_build(packet, &echo);
	cr_assert(wg_peer_send(&from->peer, BYTES(packet, ip_echo_size(0)), &w.now) == ERR_OK);
}

static void
connect_both(void)
{
	wg_peer_connect(&w.device.peer, &w.now);
	deliver();
	cr_assert(wg_peer_has_session(&w.device.peer, &w.now));
	cr_assert(wg_peer_has_session(&w.server.peer, &w.now));
}

TestSuite(peer, .init = setup, .fini = teardown);

Test(peer, a_handshake_takes_three_packets_and_counts_at_the_third)
{
	wg_peer_connect(&w.device.peer, &w.now);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_NONE);
	cr_expect(!wg_peer_has_session(&w.server.peer, &w.now), "not yet confirmed");
	set_time(w.now.mono_ns + 30 * NS_PER_MS);
	cr_expect(deliver_one(&w.server, &w.device) == WG_DROP_NONE);
	cr_expect(w.device.events[WG_EVENT_SESSION] == 1);
	cr_expect(w.device.peer.stats.handshake_ns == 30 * NS_PER_MS);
	cr_expect(w.server.peer.stats.handshakes == 0);
	cr_assert(w.device.n_wire == 1 && w.device.wire[0].n == WG_KEEPALIVE_BYTES);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_NONE);
	cr_expect(w.server.peer.stats.handshakes == 1 && w.server.events[WG_EVENT_SESSION] == 1);
	cr_expect(w.server.peer.stats.last_handshake_wall_ns == w.now.wall_ns);
	cr_expect(w.device.peer.stats.tx_bytes == 148 + 32);
	cr_expect(w.server.peer.stats.rx_bytes == 148 + 32);
	cr_expect(w.server.peer.stats.tx_bytes == 92 && w.device.peer.stats.rx_bytes == 92);
}

Test(peer, packets_wait_for_the_session_and_replace_the_keepalive)
{
	for (int i = 0; i < WG_STAGED_MAX + 3; i++)
		send_data(&w.device);
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == 1, "one initiation for all");
	deliver();
	cr_expect(w.server.inner == WG_STAGED_MAX, "the oldest made room");
	cr_expect(w.server.last_inner == 28, "trimmed to the packet's own length");
	cr_expect(w.device.sent[WG_MESSAGE_TRANSPORT] == WG_STAGED_MAX);
}

Test(peer, data_flows_both_ways)
{
	connect_both();
	for (int i = 0; i < 50; i++) {
		send_data(&w.device);
		send_data(&w.server);
		deliver();
	}
	cr_expect(w.server.inner == 50 && w.device.inner == 50);
	uint8_t big[WG_MTU + 1] = {0};
	cr_expect(wg_peer_send(&w.device.peer, BYTES(big, sizeof(big)), &w.now) == ERR_TOO_LARGE);
}

Test(peer, twenty_initiations_five_seconds_apart_then_silence)
{
	uint64_t last = 0;
	send_data(&w.device);
	for (unsigned i = 1; i <= WG_INITIATIONS_PER_ROUND; i++) {
		cr_assert(w.device.sent[WG_MESSAGE_INITIATION] == i);
		uint64_t gap = w.now.mono_ns - last;
		cr_expect(!last || (gap >= 5 * NS_PER_S && gap <= 5333 * NS_PER_MS));
		last = w.now.mono_ns;
		lose();
		set_time(wg_peer_deadline(&w.device.peer));
		wg_peer_tick(&w.device.peer, &w.now);
	}
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == WG_INITIATIONS_PER_ROUND);
	cr_expect(w.device.events[WG_EVENT_GAVE_UP] == 1);
	cr_expect(w.device.peer.n_staged == 0);
	run(3600 * 1000, lose);
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == WG_INITIATIONS_PER_ROUND);
	send_data(&w.device); // new data begins a new round
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == WG_INITIATIONS_PER_ROUND + 1);
	deliver();
	cr_expect(w.server.inner == 1);
}

Test(peer, every_retry_has_a_new_ephemeral_and_a_later_timestamp)
{
	wg_peer_connect(&w.device.peer, &w.now);
	struct datagram first = take(&w.device);
	run(6000, lose);
	cr_assert(w.device.sent[WG_MESSAGE_INITIATION] == 2);
	run(6000, deliver);
	cr_expect(w.server.peer.stats.handshakes == 1);
	// the first one, late
	cr_expect(receive(&w.server, &first) == WG_DROP_REPLAY);
}

Test(peer, persistent_keepalive_starts_and_restarts_the_tunnel)
{
	wg_peer_set_keepalive(&w.device.peer, 25, &w.now);
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == 1, "at once");
	deliver();
	unsigned before = w.device.sent[WG_MESSAGE_TRANSPORT];
	run(100 * 1000, deliver);
	cr_expect_eq(w.device.sent[WG_MESSAGE_TRANSPORT] - before, 4u);
	run(200 * 1000, lose); // the server is gone: a round, a pause, another round
	unsigned gone = w.device.sent[WG_MESSAGE_INITIATION];
	cr_expect(gone > 20, "%u", gone);
	run(30 * 1000, deliver);
	cr_expect(wg_peer_has_session(&w.device.peer, &w.now));
}

Test(peer, received_data_is_acknowledged_by_a_keepalive_after_ten_seconds)
{
	connect_both();
	send_data(&w.device);
	deliver();
	cr_expect(w.server.sent[WG_MESSAGE_TRANSPORT] == 0);
	run(9999, deliver);
	cr_expect(w.server.sent[WG_MESSAGE_TRANSPORT] == 0);
	run(1, deliver);
	cr_expect(w.server.sent[WG_MESSAGE_TRANSPORT] == 1);
	run(60 * 1000, deliver);
	cr_expect(w.server.sent[WG_MESSAGE_TRANSPORT] == 1, "keepalives are not acknowledged");
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == 1);
}

Test(peer, an_answer_makes_the_keepalive_superfluous)
{
	connect_both();
	send_data(&w.device);
	deliver();
	run(5000, deliver);
	send_data(&w.server);
	deliver();
	unsigned sent = w.server.sent[WG_MESSAGE_TRANSPORT];
	run(9000, deliver);
	cr_expect(w.server.sent[WG_MESSAGE_TRANSPORT] == sent);
}

Test(peer, a_silent_other_side_brings_a_new_handshake_after_15_seconds)
{
	connect_both();
	send_data(&w.server);
	lose();
	run(14999, lose);
	cr_expect(w.server.sent[WG_MESSAGE_INITIATION] == 0);
	run(400, deliver);
	cr_expect(w.server.sent[WG_MESSAGE_INITIATION] == 1, "the server may initiate too");
	cr_expect(w.device.peer.stats.responses_sent == 1);
	cr_expect(w.server.peer.stats.handshakes == 2 && w.device.peer.stats.handshakes == 2);
}

Test(peer, the_initiator_renews_at_120_seconds_when_it_sends)
{
	connect_both();
	run(119 * 1000, deliver);
	send_data(&w.server);
	send_data(&w.device);
	deliver();
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == 1);
	set_time(w.now.mono_ns + NS_PER_S);
	send_data(&w.server);
	deliver();
	cr_expect(w.server.sent[WG_MESSAGE_INITIATION] == 0, "the responder does not renew");
	send_data(&w.device);
	deliver();
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == 2);
	cr_expect(w.server.peer.stats.handshakes == 2);
	cr_expect(w.server.inner == 2);
}

Test(peer, the_previous_session_still_opens_after_a_renewal)
{
	connect_both();
	run(121 * 1000, deliver);
	uint8_t late[64];
	uint8_t packet[28];
	struct ip_echo echo = {1, 2, false, 1, 1, BYTES_NONE};
	ip_echo_build(packet, &echo);
	cr_assert(wg_peer_seal(&w.device.peer, late, BYTES(packet, sizeof(packet)), &w.now) ==
		  ERR_OK);
	send_data(&w.device);
	deliver();
	cr_assert(w.server.peer.stats.handshakes == 2);
	struct bytes inner;
	cr_expect(wg_peer_receive(&w.server.peer, late, sizeof(late), &inner, &w.now) ==
		  WG_DROP_NONE);
	cr_expect(inner.n == sizeof(packet));
}

Test(peer, hearing_on_a_key_of_165_seconds_renews_once)
{
	connect_both();
	run(165 * 1000, deliver);
	unsigned before = w.device.sent[WG_MESSAGE_INITIATION];
	send_data(&w.server);
	cr_expect(deliver_one(&w.server, &w.device) == WG_DROP_NONE);
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == before + 1);
	deliver();
	cr_expect(w.device.peer.stats.handshakes == 2);
}

Test(peer, keys_of_180_seconds_are_refused_both_ways)
{
	connect_both();
	send_data(&w.device);
	struct datagram stale = take(&w.device);
	set_time(w.now.mono_ns + 180 * NS_PER_S);
	cr_expect(receive(&w.server, &stale) == WG_DROP_EXPIRED_KEY);
	cr_expect(!wg_peer_has_session(&w.device.peer, &w.now));
	uint8_t out[WG_KEEPALIVE_BYTES];
	cr_expect(wg_peer_seal(&w.device.peer, out, BYTES_NONE, &w.now) == ERR_WRONG_STATE);
	send_data(&w.device);
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] == 2, "sending begins a handshake");
	deliver();
	cr_expect(w.server.inner == 1);
}

Test(peer, everything_is_forgotten_after_540_seconds)
{
	connect_both();
	set_time(w.now.mono_ns + 540 * NS_PER_S);
	wg_peer_tick(&w.device.peer, &w.now);
	wg_peer_tick(&w.server.peer, &w.now);
	cr_expect(w.device.indexes_in_use == 0 && w.server.indexes_in_use == 0);
	cr_expect(wg_peer_deadline(&w.device.peer) == UINT64_MAX);
}

Test(peer, replayed_and_hasty_initiations_are_refused)
{
	wg_peer_connect(&w.device.peer, &w.now);
	struct datagram first = take(&w.device);
	cr_expect(receive(&w.server, &first) == WG_DROP_NONE);
	cr_expect(receive(&w.server, &first) == WG_DROP_REPLAY);
	// a rebooted device is back within 20 ms
	wg_peer_reset(&w.device.peer);
	w.now.wall_ns += NS_PER_S;
	set_time(w.now.mono_ns + 19 * NS_PER_MS);
	lose();
	wg_peer_connect(&w.device.peer, &w.now);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_FLOOD);
	set_time(w.now.mono_ns + 6 * NS_PER_S);
	wg_peer_tick(&w.device.peer, &w.now);
	deliver();
	cr_expect(w.server.peer.stats.handshakes == 1);
}

Test(peer, a_clock_that_went_back_locks_the_device_out_until_the_peer_is_renewed)
{
	connect_both();
	wg_peer_reset(&w.device.peer);
	set_time(w.now.mono_ns + NS_PER_S);
	w.now.wall_ns -= 3600 * NS_PER_S;
	wg_peer_connect(&w.device.peer, &w.now);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_REPLAY);
	wg_peer_reset(&w.server.peer); // removed and added again
	run(6000, deliver);
	cr_expect(wg_peer_has_session(&w.device.peer, &w.now));
}

Test(peer, a_rebooted_server_is_found_again)
{
	connect_both();
	wg_peer_reset(&w.server.peer);
	send_data(&w.device);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_UNKNOWN_INDEX);
	run(16 * 1000, deliver);
	cr_expect(w.server.peer.stats.handshakes == 2);
	send_data(&w.device);
	deliver();
	cr_expect(w.server.inner == 1);
}

Test(peer, simultaneous_handshakes_settle)
{
	wg_peer_connect(&w.device.peer, &w.now);
	wg_peer_connect(&w.server.peer, &w.now);
	struct datagram a = take(&w.device);
	struct datagram b = take(&w.server);
	receive(&w.server, &a);
	receive(&w.device, &b);
	deliver();
	run(12 * 1000, deliver);
	cr_expect(wg_peer_has_session(&w.device.peer, &w.now));
	send_data(&w.device);
	send_data(&w.server);
	deliver();
	cr_expect(w.server.inner == 1 && w.device.inner == 1);
}

Test(peer, a_cookie_is_used_by_the_next_retry_and_only_for_120_seconds)
{
	uint8_t cookie[WG_COOKIE_BYTES] = {1, 2, 3};
	struct datagram reply = {.n = WG_COOKIE_REPLY_BYTES};
	wg_peer_connect(&w.device.peer, &w.now);
	struct datagram refused = take(&w.device);
	struct bytes msg = BYTES(refused.bytes, refused.n);
	cr_expect(!wg_mac2_is_valid(cookie, msg));
	cr_assert(wg_cookie_reply_create(reply.bytes, &w.server.identity, msg, cookie, NULL) ==
		  ERR_OK);
	cr_expect(receive(&w.device, &reply) == WG_DROP_NONE);
	cr_expect(receive(&w.device, &reply) == WG_DROP_UNKNOWN_INDEX, "one cookie a message");
	cr_expect(w.device.events[WG_EVENT_COOKIE] == 1);
	cr_expect(w.device.n_wire == 0, "no immediate retry, as the real ones");
	set_time(wg_peer_deadline(&w.device.peer));
	wg_peer_tick(&w.device.peer, &w.now);
	struct datagram retry = take(&w.device);
	cr_expect(wg_mac2_is_valid(cookie, BYTES(retry.bytes, retry.n)));
	run(115 * 1000, lose);
	wg_peer_connect(&w.device.peer, &w.now);
	run(6000, lose);
	set_time(w.now.mono_ns + 6 * NS_PER_S);
	wg_peer_connect(&w.device.peer, &w.now);
	struct datagram late = take(&w.device);
	cr_expect(!wg_mac2_is_valid(cookie, BYTES(late.bytes, late.n)));
}

Test(peer, a_stranger_is_not_answered)
{
	struct wg_identity other;
	struct wg_key key = {.b = {0x40}};
	struct wg_remote remote;
	struct wg_handshake hs;
	struct wg_tai64n timestamp;
	struct datagram d = {.n = WG_INITIATION_BYTES};
	cr_assert(wg_identity_init(&other, &key) == ERR_OK);
	wg_tai64n_set(&timestamp, w.now.wall_ns);
	cr_assert(wg_remote_init(&remote, &other, &w.server.identity.public_key, NULL) == ERR_OK);
	cr_assert(wg_initiation_create(d.bytes, &hs, &remote, &other, &timestamp, 1, NULL, NULL) ==
		  ERR_OK);
	cr_expect(receive(&w.server, &d) == WG_DROP_UNKNOWN_PEER);
	// right static key in the message, but without its private half
	struct wg_identity liar = other;
	liar.public_key = w.device.identity.public_key;
	cr_assert(wg_initiation_create(d.bytes, &hs, &remote, &liar, &timestamp, 1, NULL, NULL) ==
		  ERR_OK);
	cr_expect(receive(&w.server, &d) == WG_DROP_BAD_TAG);
	// made for another server
	cr_assert(wg_remote_init(&remote, &other, &w.device.identity.public_key, NULL) == ERR_OK);
	cr_assert(wg_initiation_create(d.bytes, &hs, &remote, &other, &timestamp, 1, NULL, NULL) ==
		  ERR_OK);
	cr_expect(receive(&w.server, &d) == WG_DROP_BAD_MAC1);
	cr_expect(w.server.n_wire == 0);
}

Test(peer, inner_rubbish_is_dropped_but_counts_as_life)
{
	connect_both();
	uint8_t rubbish[20] = {0xff};
	cr_assert(wg_peer_send(&w.device.peer, BYTES(rubbish, sizeof(rubbish)), &w.now) == ERR_OK);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_MALFORMED);
	cr_expect(w.server.inner == 0);
}

Test(peer, any_bytes_are_survived)
{
	connect_both();
	struct rng r;
	rng_init(&r, 7, 7);
	for (int i = 0; i < 20000; i++) {
		struct datagram d = {.n = rng_below(&r, 200)};
		rng_fill(&r, d.bytes, d.n);
		if (d.n >= 4 && rng_below(&r, 2)) {
			memset(d.bytes, 0, 4);
			d.bytes[0] = (uint8_t)(1 + rng_below(&r, 4));
		}
		cr_expect(receive(&w.device, &d) != WG_DROP_NONE);
	}
	send_data(&w.device);
	deliver();
	cr_expect(w.server.inner == 1, "the session is unharmed");
}

Test(peer, truncated_messages_are_malformed)
{
	wg_peer_connect(&w.device.peer, &w.now);
	struct datagram whole = take(&w.device);
	for (size_t n = 0; n < whole.n; n++) {
		struct bytes inner;
		uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, whole.bytes, n);
		cr_expect(wg_peer_receive(&w.server.peer, exact, n, &inner, &w.now) ==
			  WG_DROP_MALFORMED);
		free(exact);
	}
}

Test(peer, a_new_key_pair_needs_a_new_handshake)
{
	connect_both();
	struct wg_key key = {.b = {0x50}};
	cr_assert(wg_identity_init(&w.server.identity, &key) == ERR_OK);
	cr_assert(wg_peer_identity_changed(&w.server.peer) == ERR_OK);
	send_data(&w.device);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_UNKNOWN_INDEX);
	run(16 * 1000, lose);
	cr_expect(w.device.sent[WG_MESSAGE_INITIATION] >= 2);
}

static const struct wg_key psk_a = {.b = {5}};
static const struct wg_key psk_b = {.b = {6}};

static void
setup_wrong_psk(void)
{
	setup_with_psk(&psk_a, &psk_b);
}

TestSuite(peer_psk, .init = setup_wrong_psk, .fini = teardown);

Test(peer_psk, another_preshared_key_is_told_apart_from_silence)
{
	wg_peer_connect(&w.device.peer, &w.now);
	cr_expect(deliver_one(&w.device, &w.server) == WG_DROP_NONE);
	cr_expect(deliver_one(&w.server, &w.device) == WG_DROP_BAD_TAG);
	cr_expect(w.device.events[WG_EVENT_BAD_RESPONSE] == 1);
	cr_expect(w.device.peer.stats.bad_responses == 1);
	cr_expect(w.server.peer.stats.handshakes == 0);
	wg_peer_set_preshared_key(&w.server.peer, &psk_a);
	run(6000, deliver);
	cr_expect(w.server.peer.stats.handshakes == 1);
}

// SPDX-License-Identifier: Apache-2.0
// The mock WireGuard server's engine with simulated devices on a virtual clock.
#include <criterion/criterion.h>

#include "base/clock.h"
#include "wireguard/configure.h"
#include "wireguard/state.h"

enum { DEVICES = 3, WIRE_MAX = 64 };

struct datagram {
	struct addr to;
	size_t n;
	uint8_t bytes[WG_DATAGRAM_MAX];
};

struct device {
	struct wg_identity identity;
	struct wg_peer peer;
	struct addr addr;
	struct datagram out[WIRE_MAX];
	size_t n_out;
	unsigned replies;
	char name[WG_KEY_CHARS + 1];
};

static struct world {
	struct server server;
	struct fault_plan *faults;
	struct journal *journal;
	struct log log;
	struct device devices[DEVICES];
	struct datagram out[WIRE_MAX]; // the server's
	size_t n_out;
	uint16_t port_taken;
	struct wg_now now;
} w;

static void
put(struct datagram *wire, size_t *n, const struct addr *to, struct bytes datagram)
{
	cr_assert(*n < WIRE_MAX && datagram.n <= WG_DATAGRAM_MAX);
	struct datagram *d = &wire[(*n)++];
	if (to)
		d->to = *to;
	d->n = datagram.n;
	memcpy(d->bytes, datagram.p, datagram.n);
}

static void
server_send(void *ctx, const struct addr *to, struct bytes datagram)
{
	(void)ctx;
	put(w.out, &w.n_out, to, datagram);
}

static enum err
server_rebind(void *ctx, uint16_t *port, struct why *why)
{
	(void)ctx;
	if (*port == w.port_taken)
		return why_set(why, ERR_CONFLICT, "taken");
	return ERR_OK;
}

static void
device_send(void *ctx, struct bytes datagram)
{
	struct device *d = ctx;
	put(d->out, &d->n_out, NULL, datagram);
}

static const struct server_ops server_side = {server_send, server_rebind};
static const struct wg_peer_ops device_side = {.send = device_send};

static void
command(const char *text, int want)
{
	BUF_AUTO struct buf answer;
	char expected[32];
	buf_init(&answer, WG_UAPI_BYTES_MAX);
	cr_assert(configure_answer(&w.server, BYTES_STR(text), &answer, &w.now) == ERR_OK);
	snprintf(expected, sizeof(expected), "errno=%d\n\n", want);
	cr_expect_str_eq((char *)answer.data, expected, "%s", text);
}

static void
set_peer(const struct device *d, const char *settings)
{
	char hex[WG_KEY_HEX_CHARS + 1];
	char text[512];
	wg_key_print_hex(hex, &d->identity.public_key);
	snprintf(text, sizeof(text), "set=1\npublic_key=%s\n%s\n", hex, settings);
	command(text, 0);
}

static void
make_device(struct device *d, unsigned i)
{
	struct wg_key key = {.b = {(uint8_t)(0x40 + 8 * i)}};
	char text[32];
	cr_assert(wg_identity_init(&d->identity, &key) == ERR_OK);
	wg_key_print(d->name, &d->identity.public_key);
	cr_assert(wg_peer_init(&d->peer, &d->identity, &w.server.identity.public_key, NULL,
			       &device_side, d, 1, i) == ERR_OK);
	snprintf(text, sizeof(text), "127.1.0.%u:%u", i + 1, 40000 + i);
	cr_assert(addr_parse(&d->addr, text, NULL) == ERR_OK);
	snprintf(text, sizeof(text), "allowed_ip=10.8.0.%u/32\n", i + 2);
	set_peer(d, text);
}

static void
setup(void)
{
	struct wg_key key = {.b = {0x20}};
	w.log = (struct log){.prog = "test", .level = LOG_OFF, .fd = -1};
	w.now = (struct wg_now){1000 * NS_PER_S, 1700000000 * NS_PER_S};
	cr_assert(fault_plan_new(&w.faults, &server_vocabulary, 1) == ERR_OK);
	cr_assert(journal_new(&w.journal, NULL) == ERR_OK);
	const struct server_options o = {.private_key = &key,
					 .address = ip4_prefix(0x0a080001, 24),
					 .seed = 1,
					 .log = &w.log,
					 .faults = w.faults,
					 .journal = w.journal,
					 .ops = &server_side};
	cr_assert(server_init(&w.server, &o) == ERR_OK);
	for (unsigned i = 0; i < DEVICES; i++)
		make_device(&w.devices[i], i);
}

static void
teardown(void)
{
	server_fini(&w.server);
	for (unsigned i = 0; i < DEVICES; i++)
		wg_peer_fini(&w.devices[i].peer);
	fault_plan_free(w.faults);
	journal_free(w.journal);
}

static struct device *
device_at(const struct addr *a)
{
	for (unsigned i = 0; i < DEVICES; i++) {
		if (a->len == w.devices[i].addr.len &&
		    memcmp(&a->ss, &w.devices[i].addr.ss, a->len) == 0)
			return &w.devices[i];
	}
	return NULL;
}

static void
device_receive(struct device *d, const struct datagram *from)
{
	struct datagram copy = *from;
	struct bytes inner;
	struct ip_echo echo;
	wg_peer_receive(&d->peer, copy.bytes, copy.n, &inner, &w.now);
	if (inner.n && ip_echo_parse(&echo, inner) == ERR_OK && echo.is_reply)
		d->replies++;
}

static bool
deliver_from(struct device *d)
{
	if (!d->n_out)
		return false;
	struct datagram first = d->out[0];
	memmove(d->out, d->out + 1, --d->n_out * sizeof(first));
	server_receive(&w.server, &d->addr, first.bytes, first.n, &w.now);
	return true;
}

static bool
deliver_to_devices(void)
{
	if (!w.n_out)
		return false;
	struct datagram first = w.out[0];
	memmove(w.out, w.out + 1, --w.n_out * sizeof(first));
	struct device *d = device_at(&first.to);
	if (d)
		device_receive(d, &first);
	return true;
}

static void
deliver(void)
{
	bool moved = true;
	while (moved) {
		moved = deliver_to_devices();
		for (unsigned i = 0; i < DEVICES; i++)
			moved |= deliver_from(&w.devices[i]);
	}
}

static void
advance(uint64_t ms)
{
	uint64_t end = w.now.mono_ns + ms * NS_PER_MS;
	for (;;) {
		uint64_t at = server_deadline(&w.server);
		for (unsigned i = 0; i < DEVICES; i++) {
			uint64_t t = wg_peer_deadline(&w.devices[i].peer);
			at = t < at ? t : at;
		}
		uint64_t to = at < end ? at : end;
		to = to > w.now.mono_ns ? to : w.now.mono_ns;
		w.now.wall_ns += to - w.now.mono_ns;
		w.now.mono_ns = to;
		server_tick(&w.server, &w.now);
		for (unsigned i = 0; i < DEVICES; i++)
			wg_peer_tick(&w.devices[i].peer, &w.now);
		deliver();
		if (at > end)
			return;
	}
}

static void
ping_from(struct device *d, uint32_t source, uint32_t target)
{
	uint8_t packet[84];
	uint8_t payload[56] = {1};
	const struct ip_echo echo = {source, target, false, 1, 1, BYTES(payload, sizeof(payload))};
	ip_echo_build(packet, &echo);
	cr_assert(wg_peer_send(&d->peer, BYTES(packet, sizeof(packet)), &w.now) == ERR_OK);
	deliver();
}

static void
ping(unsigned i)
{
	ping_from(&w.devices[i], 0x0a080002 + i, 0x0a080001);
}

static const struct peer *
peer_of(unsigned i)
{
	return peers_find(&w.server.peers, &w.devices[i].identity.public_key);
}

static void
arm_fault(const char *json)
{
	json_auto_t *fault = json_loads(json, 0, NULL);
	struct why why = {0};
	cr_assert(fault_plan_add(w.faults, fault, NULL, &why) == ERR_OK, "%s", why.text);
}

static uint64_t
all_drops(void)
{
	uint64_t n = 0;
	for (int i = 0; i < WG_DROP_COUNT; i++)
		n += w.server.drops[i];
	return n;
}

TestSuite(wireguard_server, .init = setup, .fini = teardown);

Test(wireguard_server, devices_shake_hands_and_their_pings_are_answered)
{
	for (unsigned i = 0; i < DEVICES; i++) {
		for (int n = 0; n < 3; n++)
			ping(i);
		cr_expect(w.devices[i].replies == 3);
		cr_expect(peer_of(i)->echoes == 3 && peer_of(i)->engine.stats.handshakes == 1);
		cr_expect(peer_of(i)->engine.stats.rx_bytes == 148 + 3 * 128);
		cr_expect(peer_of(i)->engine.stats.tx_bytes == 92 + 3 * 128);
	}
	cr_expect(all_drops() == 0);
}

Test(wireguard_server, a_handshake_counts_only_after_a_transport_packet)
{
	wg_peer_connect(&w.devices[0].peer, &w.now);
	deliver_from(&w.devices[0]);
	cr_expect(peer_of(0)->engine.stats.handshakes == 0);
	cr_expect(peer_of(0)->engine.stats.last_handshake_wall_ns == 0);
	deliver();
	cr_expect(peer_of(0)->engine.stats.handshakes == 1);
}

Test(wireguard_server, a_stranger_is_dropped_and_named_in_the_journal)
{
	set_peer(&w.devices[1], "remove=true\n");
	ping(1);
	cr_expect(w.server.drops[WG_DROP_UNKNOWN_PEER] == 1 && w.devices[1].replies == 0);
	const struct journal_filter filter = {.device = w.devices[1].name};
	json_auto_t *entries = journal_list(w.journal, &filter);
	json_t *entry = json_array_get(json_object_get(entries, "entries"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(entry, "note")), "unknown-peer");
	cr_expect_str_eq(json_string_value(json_object_get(entry, "event")), "initiation");
}

Test(wireguard_server, a_removed_peers_session_is_unknown)
{
	ping(0);
	set_peer(&w.devices[0], "remove=true\n");
	ping(0);
	cr_expect(w.server.drops[WG_DROP_UNKNOWN_INDEX] == 1);
	cr_expect(w.devices[0].replies == 1);
	set_peer(&w.devices[0], "allowed_ip=10.8.0.2/32\n");
	advance(20000);
	ping(0);
	cr_expect(w.devices[0].replies == 2);
}

Test(wireguard_server, inner_sources_outside_allowed_ips_are_refused)
{
	ping(0);
	ping_from(&w.devices[0], 0x0a080003, 0x0a080001); // another device's address
	ping_from(&w.devices[0], 0x0a0800c8, 0x0a080001); // nobody's
	cr_expect(w.server.drops[WG_DROP_BAD_SOURCE] == 2 && w.devices[0].replies == 1);
	cr_expect(peer_of(0)->drops[WG_DROP_BAD_SOURCE] == 2);
	// a whole subnet with one address given to somebody else
	set_peer(&w.devices[0], "replace_allowed_ips=true\nallowed_ip=10.8.0.0/24\n");
	ping_from(&w.devices[0], 0x0a0800c8, 0x0a080001);
	cr_expect(w.devices[0].replies == 2);
	ping_from(&w.devices[0], 0x0a080003, 0x0a080001);
	cr_expect(w.server.drops[WG_DROP_BAD_SOURCE] == 3, "the longer prefix is device 1's");
}

Test(wireguard_server, packets_for_others_are_counted_and_not_answered)
{
	ping_from(&w.devices[0], 0x0a080002, 0x0a080003);
	cr_expect(w.server.other_packets == 1 && w.devices[0].replies == 0);
	cr_expect(all_drops() == 0);
}

Test(wireguard_server, a_peer_may_move_but_only_with_a_proof)
{
	ping(0);
	struct device *d = &w.devices[0];
	struct addr old = d->addr;
	cr_assert(addr_parse(&d->addr, "127.9.9.9:999", NULL) == ERR_OK);
	ping(0);
	cr_expect(d->replies == 2 && peer_of(0)->engine.stats.handshakes == 1);
	cr_expect(memcmp(&peer_of(0)->endpoint.ss, &d->addr.ss, d->addr.len) == 0);
	// a copied packet from elsewhere proves nothing
	ping_from(d, 0x0a080002, 0x0a080003);
	uint8_t echo[28];
	uint8_t sealed[64];
	const struct ip_echo e = {0x0a080002, 0x0a080001, false, 1, 1, BYTES_NONE};
	ip_echo_build(echo, &e);
	cr_assert(wg_peer_seal(&d->peer, sealed, BYTES(echo, sizeof(echo)), &w.now) == ERR_OK);
	uint8_t copy[64];
	memcpy(copy, sealed, sizeof(copy));
	server_receive(&w.server, &d->addr, sealed, sizeof(sealed), &w.now);
	server_receive(&w.server, &old, copy, sizeof(copy), &w.now);
	cr_expect(w.server.drops[WG_DROP_REPEATED_COUNTER] == 1);
	cr_expect(memcmp(&peer_of(0)->endpoint.ss, &d->addr.ss, d->addr.len) == 0);
}

Test(wireguard_server, each_cause_of_a_drop_has_its_counter)
{
	struct device *d = &w.devices[0];
	uint8_t junk[200] = {9};
	server_receive(&w.server, &d->addr, junk, sizeof(junk), &w.now);
	server_receive(&w.server, &d->addr, junk, 0, &w.now);
	cr_expect(w.server.drops[WG_DROP_MALFORMED] == 2);
	memset(junk, 0, sizeof(junk));
	junk[0] = 1;
	server_receive(&w.server, &d->addr, junk, 148, &w.now);
	cr_expect(w.server.drops[WG_DROP_BAD_MAC1] == 1);
	junk[0] = 4;
	server_receive(&w.server, &d->addr, junk, 32, &w.now);
	cr_expect(w.server.drops[WG_DROP_UNKNOWN_INDEX] == 1);
	wg_peer_connect(&d->peer, &w.now);
	struct datagram first = d->out[0];
	struct datagram again = first;
	deliver();
	server_receive(&w.server, &d->addr, again.bytes, again.n, &w.now);
	cr_expect(w.server.drops[WG_DROP_REPLAY] == 1);
	cr_expect(peer_of(0)->drops[WG_DROP_REPLAY] == 1);
	wg_peer_reset(&d->peer);
	w.now.wall_ns += NS_PER_S;
	wg_peer_connect(&d->peer, &w.now);
	deliver();
	cr_expect(w.server.drops[WG_DROP_FLOOD] == 1);
	cr_expect(all_drops() == 6);
}

Test(wireguard_server, the_server_begins_a_handshake_when_told_where_a_device_is)
{
	char settings[128];
	char addr[ADDR_TEXT_BYTES];
	addr_format(addr, &w.devices[2].addr);
	snprintf(settings, sizeof(settings), "endpoint=%s\npersistent_keepalive_interval=25\n",
		 addr);
	set_peer(&w.devices[2], settings);
	cr_assert(w.n_out == 1);
	deliver();
	cr_expect(peer_of(2)->engine.stats.handshakes == 1);
	cr_expect(w.devices[2].peer.stats.handshakes == 1);
	uint64_t before = w.devices[2].peer.stats.rx_bytes;
	advance(60000);
	cr_expect(w.devices[2].peer.stats.rx_bytes == before + 2 * WG_KEEPALIVE_BYTES);
}

Test(wireguard_server, uapi_requests_change_and_show_the_server)
{
	BUF_AUTO struct buf answer;
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	buf_init(&answer, WG_UAPI_BYTES_MAX);
	ping(0);
	cr_assert(configure_answer(&w.server, BYTES_STR("get=1\n\n"), &answer, &w.now) == ERR_OK);
	cr_assert(wg_uapi_get_answer_parse(&d, buf_bytes(&answer), NULL) == ERR_OK);
	cr_assert(d.n_peers == DEVICES);
	cr_expect(d.peers[0].last_handshake_s == 1700000000);
	cr_expect_str_eq(d.peers[0].endpoint, "127.1.0.1:40000");
	cr_expect(d.peers[0].n_allowed_ips == 1 && d.peers[1].n_allowed_ips == 1);

	w.port_taken = 1234;
	command("set=1\nlisten_port=1234\n\n", -98);
	command("set=1\nlisten_port=1235\n\n", 0);
	cr_expect(w.server.listen_port == 1235);
	command("set=1\nnonsense=1\n\n", -22);
	command("bogus\n\n", -22);
	command("set=1\npublic_key=0000000000000000000000000000000000000000000000000000000000000000"
		"\n\n",
		-22);
	cr_expect(peers_count(&w.server.peers) == DEVICES);
	command("set=1\npublic_key=0900000000000000000000000000000000000000000000000000000000000000"
		"\nupdate_only=true\nallowed_ip=10.8.0.9/32\n\n",
		0);
	cr_expect(peers_count(&w.server.peers) == DEVICES, "update_only adds nobody");
	command("set=1\nreplace_peers=true\n\n", 0);
	cr_expect(peers_count(&w.server.peers) == 0);
}

Test(wireguard_server, a_new_private_key_ends_sessions_and_old_configurations)
{
	ping(0);
	command("set=1\nprivate_key=7000000000000000000000000000000000000000000000000000000000000000"
		"\n\n",
		0);
	ping(0);
	cr_expect(w.server.drops[WG_DROP_UNKNOWN_INDEX] == 1);
	advance(16000);
	cr_expect(w.server.drops[WG_DROP_BAD_MAC1] >= 1, "the device still has the old public key");
	command("set=1\nprivate_key=0000000000000000000000000000000000000000000000000000000000000000"
		"\n\n",
		0);
	uint64_t before = w.server.drops[WG_DROP_BAD_MAC1];
	wg_peer_reset(&w.devices[1].peer);
	ping(1);
	cr_expect(w.server.drops[WG_DROP_BAD_MAC1] == before + 1, "a server without a key");
}

Test(wireguard_server, state_has_the_agreed_shape)
{
	ping(0);
	json_auto_t *all = state_json(&w.server, NULL);
	json_auto_t *one = state_json(&w.server, w.devices[0].name);
	json_auto_t *none = state_json(&w.server, "nobody");
	const char *address = NULL;
	json_t *peers = NULL;
	json_t *drops = NULL;
	cr_assert(json_unpack(all, "{s:s, s:o, s:o}", "address", &address, "peers", &peers, "drops",
			      &drops) == 0);
	cr_expect_str_eq(address, "10.8.0.1/24");
	cr_expect(json_object_size(peers) == DEVICES);
	cr_expect(json_is_integer(json_object_get(drops, "bad-mac1")));
	cr_expect(json_is_integer(json_object_get(drops, "unknown-index")));
	cr_expect(json_is_null(
		json_object_get(json_object_get(peers, w.devices[1].name), "endpoint")));
	cr_expect(json_object_size(json_object_get(one, "peers")) == 1);
	cr_expect(json_object_size(json_object_get(none, "peers")) == 0);
	json_t *peer = json_object_get(json_object_get(one, "peers"), w.devices[0].name);
	json_int_t handshakes = 0;
	json_int_t echoes = 0;
	json_int_t last = 0;
	const char *endpoint = NULL;
	const char *allowed = NULL;
	cr_assert(json_unpack(peer, "{s:I, s:I, s:I, s:s, s:[s]}", "handshakes", &handshakes,
			      "echoes", &echoes, "last_handshake", &last, "endpoint", &endpoint,
			      "allowed_ips", &allowed) == 0);
	cr_expect(handshakes == 1 && echoes == 1 && last == 1700000000);
	cr_expect_str_eq(endpoint, "127.1.0.1:40000");
	cr_expect_str_eq(allowed, "10.8.0.2/32");
}

Test(wireguard_server, reset_forgets_peers_and_counters_but_not_the_key)
{
	struct wg_key before = w.server.identity.public_key;
	uint8_t junk = 1;
	ping(0);
	server_receive(&w.server, &w.devices[0].addr, &junk, 1, &w.now);
	server_reset(&w.server);
	cr_expect(peers_count(&w.server.peers) == 0 && all_drops() == 0);
	cr_expect(server_deadline(&w.server) == UINT64_MAX);
	cr_expect(wg_key_equal(&before, &w.server.identity.public_key));
}

// --- faults ---

Test(wireguard_server, dropped_initiations_are_repeated_by_the_device)
{
	arm_fault("{\"on\":\"initiation\",\"when\":{\"first\":2},\"do\":{\"drop\":true}}");
	ping(0);
	cr_expect(w.devices[0].replies == 0 && w.server.drops[WG_DROP_FAULT] == 1);
	advance(11000);
	cr_expect(w.server.drops[WG_DROP_FAULT] == 2);
	cr_expect(w.devices[0].replies == 1);
}

Test(wireguard_server, a_fault_for_one_device_spares_the_others)
{
	char json[256];
	snprintf(json, sizeof(json),
		 "{\"on\":\"transport\",\"device\":\"%s\",\"do\":{\"drop\":true}}",
		 w.devices[1].name);
	arm_fault(json);
	for (unsigned i = 0; i < DEVICES; i++)
		ping(i);
	cr_expect(w.devices[0].replies == 1 && w.devices[2].replies == 1);
	cr_expect(w.devices[1].replies == 0);
}

Test(wireguard_server, delays_hold_datagrams_in_and_out)
{
	arm_fault("{\"on\":\"initiation\",\"do\":{\"delay_ms\":300}}");
	arm_fault("{\"on\":\"response\",\"do\":{\"delay_ms\":200}}");
	arm_fault("{\"on\":\"transport\",\"phase\":\"effect\",\"do\":{\"delay_ms\":100}}");
	ping(0);
	advance(499);
	cr_expect(!wg_peer_has_session(&w.devices[0].peer, &w.now));
	advance(1);
	cr_expect(wg_peer_has_session(&w.devices[0].peer, &w.now));
	cr_expect(w.devices[0].peer.stats.handshake_ns == 500 * NS_PER_MS);
	cr_expect(w.devices[0].replies == 0 && peer_of(0)->echoes == 1);
	advance(100);
	cr_expect(w.devices[0].replies == 1);
	cr_expect(all_drops() == 0);
}

Test(wireguard_server, a_silent_server_acts_and_does_not_answer)
{
	arm_fault("{\"name\":\"s\",\"on\":\"initiation\",\"when\":{\"first\":1},"
		  "\"do\":{\"semantic\":\"silent\"}}");
	ping(0);
	cr_expect(peer_of(0)->engine.stats.responses_sent == 1);
	cr_expect(w.devices[0].peer.stats.handshakes == 0 && all_drops() == 0);
	advance(6000);
	cr_expect(w.devices[0].replies == 1);
	json_auto_t *list = fault_plan_list(w.faults);
	cr_expect(json_integer_value(json_object_get(json_array_get(list, 0), "fired")) == 1);
}

Test(wireguard_server, a_wrong_server_key_is_silence_or_an_answer_that_does_not_open)
{
	arm_fault(
		"{\"on\":\"initiation\",\"when\":{\"first\":1},\"do\":{\"semantic\":\"wrong-key\"}}");
	ping(0);
	cr_expect(w.server.drops[WG_DROP_BAD_MAC1] == 1 &&
		  w.devices[0].peer.stats.bad_responses == 0);
	arm_fault(
		"{\"on\":\"response\",\"when\":{\"first\":1},\"do\":{\"semantic\":\"wrong-key\"}}");
	advance(6000);
	cr_expect(w.devices[0].peer.stats.bad_responses == 1 && w.devices[0].replies == 0);
	advance(6000);
	cr_expect(w.devices[0].replies == 1, "without a fault it works again");
}

Test(wireguard_server, hostile_datagrams_are_survived)
{
	struct rng r;
	struct addr from = w.devices[0].addr;
	rng_init(&r, 9, 9);
	ping(0);
	wg_peer_connect(&w.devices[1].peer, &w.now);
	struct datagram valid = w.devices[1].out[0];
	for (size_t bit = 0; bit < valid.n * 8; bit += 3) {
		struct datagram copy = valid;
		copy.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		server_receive(&w.server, &from, copy.bytes, copy.n, &w.now);
	}
	for (size_t n = 0; n < valid.n; n++) {
		uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, valid.bytes, n);
		server_receive(&w.server, &from, exact, n, &w.now);
		free(exact);
	}
	for (int i = 0; i < 5000; i++) {
		uint8_t bytes[300];
		size_t n = rng_below(&r, sizeof(bytes));
		rng_fill(&r, bytes, n);
		if (n > 4) {
			memset(bytes, 0, 4);
			bytes[0] = (uint8_t)rng_below(&r, 6);
		}
		server_receive(&w.server, &from, bytes, n, &w.now);
	}
	cr_expect(peers_count(&w.server.peers) == DEVICES);
	ping(0);
	cr_expect(w.devices[0].replies == 2, "the others' sessions are unharmed");
	cr_expect(w.n_out == 0, "nothing hostile was answered");
}

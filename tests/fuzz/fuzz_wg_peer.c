// SPDX-License-Identifier: Apache-2.0
// Two WireGuard peers and a hostile network between them. The input is what the network does, an
// operation a byte: deliver, drop, repeat, damage, forge; let time pass; send; reboot. Whatever it
// does: a packet comes out at most once and as it went in, timers never stand still, and every
// index is given back.
#include "base/clock.h"
#include "fuzz.h"
#include "wg/crypto.h"
#include "wg/ip.h"
#include "wg/peer.h"

enum {
	WIRE_MAX = 64,
	OPERATIONS_MAX = 200,
	PACKETS_MAX = 256,
	TICKS_MAX = 16,
};

struct datagram {
	size_t n;
	uint8_t bytes[WG_DATAGRAM_MAX];
};

struct end {
	struct wg_peer peer;
	struct end *other;
	struct datagram wire[WIRE_MAX]; // sent by this end
	size_t n_wire;
	int indexes;
	bool came[PACKETS_MAX]; // packets of the other end, by sequence number
	uint16_t next_packet;
};

static struct wg_identity identities[2];
static struct end ends[2];
static struct wg_now now;

static void
on_send(void *ctx, struct bytes datagram)
{
	struct end *e = ctx;
	FUZZ_CHECK(datagram.n <= WG_DATAGRAM_MAX);
	FUZZ_CHECK(wg_message_type(datagram) != WG_MESSAGE_NONE);
	if (e->n_wire == WIRE_MAX)
		return; // the network loses it
	struct datagram *d = &e->wire[e->n_wire++];
	d->n = datagram.n;
	memcpy(d->bytes, datagram.p, datagram.n);
}

static uint32_t
on_index_new(void *ctx)
{
	static uint32_t next;
	((struct end *)ctx)->indexes++;
	return ++next;
}

static void
on_index_free(void *ctx, uint32_t index)
{
	FUZZ_CHECK(index != 0 && ((struct end *)ctx)->indexes > 0);
	((struct end *)ctx)->indexes--;
}

static const struct wg_peer_ops ops = {
	.send = on_send,
	.index_new = on_index_new,
	.index_free = on_index_free,
};

static void
send_packet(struct end *e, uint8_t n)
{
	uint8_t inner[IP4_HEADER_BYTES + ICMP_HEADER_BYTES + UINT8_MAX];
	uint8_t payload[UINT8_MAX];
	if (e->next_packet == PACKETS_MAX)
		return;
	memset(payload, e->next_packet, sizeof(payload));
	struct ip_echo echo = {
		.source = 0x0a080001,
		.destination = 0x0a080002,
		.sequence = e->next_packet++,
		.payload = BYTES(payload, n),
	};
	ip_echo_build(inner, &echo);
	FUZZ_CHECK(wg_peer_send(&e->peer, BYTES(inner, ip_echo_size(n)), &now) == ERR_OK);
}

static void
check_packet(struct end *to, struct bytes inner)
{
	struct ip_echo echo;
	FUZZ_CHECK(ip_echo_parse(&echo, inner) == ERR_OK);
	FUZZ_CHECK(echo.sequence < to->other->next_packet && !to->came[echo.sequence]);
	to->came[echo.sequence] = true;
	for (size_t i = 0; i < echo.payload.n; i++)
		FUZZ_CHECK(echo.payload.p[i] == (uint8_t)echo.sequence);
}

static void
receive(struct end *to, struct bytes datagram)
{
	struct bytes inner = BYTES_NONE;
	uint8_t *copy = malloc(datagram.n ? datagram.n : 1);
	if (!copy)
		abort();
	if (datagram.n)
		memcpy(copy, datagram.p, datagram.n);
	enum wg_drop drop = wg_peer_receive(&to->peer, copy, datagram.n, &inner, &now);
	FUZZ_CHECK(drop < WG_DROP_COUNT && drop != WG_DROP_INTERNAL);
	FUZZ_CHECK(drop == WG_DROP_NONE || inner.n == 0);
	if (inner.n)
		check_packet(to, inner);
	free(copy);
}

static void
lose_first(struct end *e)
{
	if (e->n_wire == 0)
		return;
	e->n_wire--;
	memmove(e->wire, e->wire + 1, e->n_wire * sizeof(e->wire[0]));
}

static void
deliver(struct end *from)
{
	struct datagram d = from->wire[0];
	if (from->n_wire == 0)
		return;
	lose_first(from);
	receive(from->other, BYTES(d.bytes, d.n));
}

static void
repeat(struct end *from)
{
	if (from->n_wire)
		receive(from->other, BYTES(from->wire[0].bytes, from->wire[0].n));
}

// A right mac1, as anybody can make it who knows the receiver's public key.
static void
sign(struct datagram *d, const struct end *to)
{
	size_t at = d->n - 2 * WG_MAC_BYTES;
	const uint8_t *key = to->other->peer.remote.mac1_key;
	if (d->n == WG_INITIATION_BYTES || d->n == WG_RESPONSE_BYTES)
		FUZZ_CHECK(wg_mac(d->bytes + at, BYTES(key, WG_HASH_BYTES), BYTES(d->bytes, at)) ==
			   ERR_OK);
}

static void
damage(struct end *from, struct bytes *in, bool again_signed)
{
	size_t at = fuzz_take_u8(in);
	uint8_t mask = fuzz_take_u8(in);
	if (from->n_wire == 0 || mask == 0)
		return;
	struct datagram d = from->wire[0];
	d.bytes[at % d.n] ^= mask;
	if (again_signed)
		sign(&d, from->other);
	receive(from->other, BYTES(d.bytes, d.n));
}

static void
cut(struct end *from, struct bytes *in)
{
	size_t n = fuzz_take_u8(in);
	if (from->n_wire && n < from->wire[0].n)
		receive(from->other, BYTES(from->wire[0].bytes, n));
}

// Bytes of the input as a datagram; of a handshake message only the front, with a right mac1.
static void
forge(struct end *to, struct bytes *in, bool as_handshake)
{
	struct datagram d = {.n = fuzz_take_u8(in)};
	struct bytes given = fuzz_take(in, d.n);
	if (given.n)
		memcpy(d.bytes, given.p, given.n);
	if (as_handshake) {
		d.n = d.n % 2 ? WG_INITIATION_BYTES : WG_RESPONSE_BYTES;
		sign(&d, to);
	}
	receive(to, BYTES(d.bytes, d.n));
}

// Somebody else's cookie cannot be made without the mac1 that it answers; the receiver's own peer
// can send one at any time.
static void
send_cookie(struct end *from)
{
	uint8_t cookie[WG_COOKIE_BYTES] = {7};
	uint8_t reply[WG_COOKIE_REPLY_BYTES];
	struct end *to = from->other;
	if (to->n_wire == 0)
		return;
	struct bytes msg = BYTES(to->wire[0].bytes, to->wire[0].n);
	enum wg_message type = wg_message_type(msg);
	if (type != WG_MESSAGE_INITIATION && type != WG_MESSAGE_RESPONSE)
		return;
	FUZZ_CHECK(wg_cookie_reply_create(reply, from->peer.identity, msg, cookie, NULL) == ERR_OK);
	receive(to, BYTES(reply, sizeof(reply)));
}

static void
pass_time(uint8_t amount)
{
	static const uint64_t units[] = {NS_PER_MS, 100 * NS_PER_MS, NS_PER_S, 10 * NS_PER_S};
	uint64_t passed = units[amount % N_ELEMENTS(units)] * (1 + amount / N_ELEMENTS(units));
	now.mono_ns += passed;
	now.wall_ns += passed;
	for (size_t i = 0; i < N_ELEMENTS(ends); i++) {
		unsigned ticks = 0;
		while (wg_peer_deadline(&ends[i].peer) <= now.mono_ns) {
			FUZZ_CHECK(++ticks <= TICKS_MAX);
			wg_peer_tick(&ends[i].peer, &now);
		}
	}
}

static void
change_preshared_key(struct end *e, uint8_t value)
{
	struct wg_key key = {.b = {value}};
	wg_peer_set_preshared_key(&e->peer, &key);
}

static void
operate(uint8_t operation, struct bytes *in)
{
	struct end *e = &ends[operation >> 7];
	switch ((operation & 0x7f) % 15) {
	case 0:
	case 1:
		deliver(e);
		break;
	case 2:
		send_packet(e, fuzz_take_u8(in));
		break;
	case 3:
		pass_time(fuzz_take_u8(in));
		break;
	case 4:
		lose_first(e);
		break;
	case 5:
		repeat(e);
		break;
	case 6:
		damage(e, in, false);
		break;
	case 7:
		damage(e, in, true);
		break;
	case 8:
		cut(e, in);
		break;
	case 9:
		forge(e, in, false);
		break;
	case 10:
		forge(e, in, true);
		break;
	case 11:
		send_cookie(e);
		break;
	case 12:
		wg_peer_reset(&e->peer);
		break;
	case 13:
		wg_peer_set_keepalive(&e->peer, fuzz_take_u8(in), &now);
		break;
	default:
		change_preshared_key(e, fuzz_take_u8(in) % 2);
	}
}

static void
begin(void)
{
	static bool ready;
	const struct wg_key keys[] = {{.b = {0x10}}, {.b = {0x20}}};
	for (size_t i = 0; !ready && i < N_ELEMENTS(keys); i++)
		FUZZ_CHECK(wg_identity_init(&identities[i], &keys[i]) == ERR_OK);
	ready = true;
	now = (struct wg_now){1000 * NS_PER_S, 1700000000 * NS_PER_S};
	memset(ends, 0, sizeof(ends));
	for (size_t i = 0; i < N_ELEMENTS(ends); i++) {
		ends[i].other = &ends[1 - i];
		FUZZ_CHECK(wg_peer_init(&ends[i].peer, &identities[i],
					&identities[1 - i].public_key, NULL, &ops, &ends[i], 1,
					i) == ERR_OK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	begin();
	for (unsigned n = 0; in.n && n < OPERATIONS_MAX; n++) {
		uint8_t operation = fuzz_take_u8(&in);
		operate(operation, &in);
	}
	for (size_t i = 0; i < N_ELEMENTS(ends); i++) {
		wg_peer_fini(&ends[i].peer);
		FUZZ_CHECK(ends[i].indexes == 0);
	}
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// CPU time of lib/wg: one handshake by side, one transport packet. Best of several rounds, because
// other work on the machine only ever adds. Run it alone: bench_wg [HANDSHAKES]
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "wg/noise.h"
#include "wg/transport.h"

enum { ROUNDS = 7, PACKETS = 20000 };

struct pair {
	struct wg_identity i;
	struct wg_identity r;
	struct wg_remote to_r;
	struct wg_remote to_i;
};

struct cost {
	uint64_t initiation;
	uint64_t answer;
	uint64_t finish;
};

static bool
make_pair(struct pair *p)
{
	struct wg_key a;
	struct wg_key b;
	struct wg_key unused;
	return !wg_key_generate(&a, &unused) && !wg_key_generate(&b, &unused) &&
	       !wg_identity_init(&p->i, &a) && !wg_identity_init(&p->r, &b) &&
	       !wg_remote_init(&p->to_r, &p->i, &p->r.public_key, NULL) &&
	       !wg_remote_init(&p->to_i, &p->r, &p->i.public_key, NULL);
}

static bool
answer(const struct pair *p, const uint8_t *msg1, uint8_t *msg2)
{
	struct wg_handshake hs;
	struct wg_key who;
	struct wg_tai64n timestamp;
	struct wg_session_keys keys;
	return wg_mac1_is_valid(&p->r, BYTES(msg1, WG_INITIATION_BYTES)) &&
	       !wg_initiation_open(&hs, &who, &p->r, msg1) &&
	       !wg_initiation_authenticate(&hs, &timestamp, &p->to_i, msg1) &&
	       !wg_response_create(msg2, &keys, &hs, &p->to_i, 2, NULL, NULL);
}

static bool
handshake(const struct pair *p, struct cost *c, struct wg_session_keys *keys)
{
	struct wg_handshake hs;
	struct wg_tai64n timestamp;
	uint8_t msg1[WG_INITIATION_BYTES];
	uint8_t msg2[WG_RESPONSE_BYTES];
	wg_tai64n_set(&timestamp, clock_wall_ns());
	uint64_t t0 = clock_process_cpu_ns();
	if (wg_initiation_create(msg1, &hs, &p->to_r, &p->i, &timestamp, 1, NULL, NULL))
		return false;
	uint64_t t1 = clock_process_cpu_ns();
	if (!answer(p, msg1, msg2))
		return false;
	uint64_t t2 = clock_process_cpu_ns();
	if (!wg_mac1_is_valid(&p->i, BYTES(msg2, sizeof(msg2))) ||
	    wg_response_open(keys, &hs, &p->i, &p->to_r, msg2))
		return false;
	uint64_t t3 = clock_process_cpu_ns();
	c->initiation += t1 - t0;
	c->answer += t2 - t1;
	c->finish += t3 - t2;
	return true;
}

static bool
bench_handshakes(const struct pair *p, unsigned n, struct wg_session_keys *keys)
{
	struct cost best = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	for (int round = 0; round < ROUNDS; round++) {
		struct cost c = {0};
		for (unsigned i = 0; i < n; i++) {
			if (!handshake(p, &c, keys))
				return false;
		}
		best.initiation = c.initiation < best.initiation ? c.initiation : best.initiation;
		best.answer = c.answer < best.answer ? c.answer : best.answer;
		best.finish = c.finish < best.finish ? c.finish : best.finish;
	}
	double us = 1000.0 * n;
	printf("initiator  %6.1f us (initiation %.1f + response %.1f)\n",
	       (double)(best.initiation + best.finish) / us, (double)best.initiation / us,
	       (double)best.finish / us);
	printf("responder  %6.1f us\n", (double)best.answer / us);
	return true;
}

static bool
bench_packets(const struct wg_session_keys *keys, size_t inner)
{
	static uint8_t packet[WG_MTU];
	static uint8_t out[WG_DATAGRAM_MAX];
	uint64_t best_seal = UINT64_MAX;
	uint64_t best_open = UINT64_MAX;
	// A session with itself: the same key both ways.
	struct wg_session_keys same = {keys->send, keys->send, 1, 1};
	static struct wg_keypair k;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t seal = 0;
		uint64_t open = 0;
		wg_keypair_start(&k, &same, true, 0);
		for (int i = 0; i < PACKETS; i++) {
			struct bytes opened;
			uint64_t t0 = clock_process_cpu_ns();
			if (wg_transport_seal(out, &k, BYTES(packet, inner)))
				return false;
			uint64_t t1 = clock_process_cpu_ns();
			if (wg_transport_open(&opened, &k, out, wg_transport_size(inner), 0))
				return false;
			uint64_t t2 = clock_process_cpu_ns();
			seal += t1 - t0;
			open += t2 - t1;
		}
		best_seal = seal < best_seal ? seal : best_seal;
		best_open = open < best_open ? open : best_open;
	}
	printf("packet of %4zu bytes: seal %.2f us, open %.2f us (clock included)\n", inner,
	       (double)best_seal / (1000.0 * PACKETS), (double)best_open / (1000.0 * PACKETS));
	return true;
}

int
main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500;
	static struct pair p;
	struct wg_session_keys keys = {0};
	if (n == 0 || !make_pair(&p) || !bench_handshakes(&p, n, &keys) ||
	    !bench_packets(&keys, 0) || !bench_packets(&keys, 84) || !bench_packets(&keys, 1400)) {
		fprintf(stderr, "bench_wg: a step failed\n");
		return 1;
	}
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// A device's end of a tunnel without an interface: lib/wg's engine on one UDP socket. Reads a
// wg-quick file, shakes hands, pings an address through the tunnel, prints one line of JSON.
// For the interop tests: wg_ping FILE ADDRESS COUNT [SECONDS]; exit 0 when every ping was answered.
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "wg/conf.h"
#include "wg/peer.h"

struct device {
	int fd;
	struct wg_identity identity;
	struct wg_peer peer;
	struct wg_conf conf;
	uint32_t target;
	unsigned sent;
	unsigned answered;
	unsigned echoes; // requests of the other side that we answered
	uint64_t drops[WG_DROP_COUNT];
};

static struct wg_now
read_clocks(void)
{
	return (struct wg_now){clock_mono_ns(), clock_wall_ns()};
}

static void
on_send(void *ctx, struct bytes datagram)
{
	struct device *d = ctx;
	if (send(d->fd, datagram.p, datagram.n, 0) < 0)
		perror("wg_ping: send");
}

static const struct wg_peer_ops ops = {.send = on_send};

static int
connect_udp(const char *endpoint)
{
	char host[WG_CONF_ENDPOINT_BYTES];
	char port[8];
	uint16_t number = 0;
	struct addrinfo *found = NULL;
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
	if (wg_endpoint_split(host, &number, BYTES_STR(endpoint)) != ERR_OK)
		return -1;
	snprintf(port, sizeof(port), "%u", number);
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -1;
	int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		fd_close(&fd);
	freeaddrinfo(found);
	return fd;
}

static void
send_echo(struct device *d, const struct ip_echo *echo, const struct wg_now *now)
{
	uint8_t packet[WG_MTU];
	size_t n = ip_echo_size(echo->payload.n);
	if (n > sizeof(packet))
		return;
	ip_echo_build(packet, echo);
	if (wg_peer_send(&d->peer, BYTES(packet, n), now) != ERR_OK)
		fprintf(stderr, "wg_ping: a packet could not be sent\n");
}

static void
send_ping(struct device *d, const struct wg_now *now)
{
	uint8_t payload[56];
	memset(payload, (int)d->sent, sizeof(payload));
	const struct ip_echo echo = {.source = ip4_of_prefix(&d->conf.addresses[0]),
				     .destination = d->target,
				     .id = 77,
				     .sequence = (uint16_t)++d->sent,
				     .payload = BYTES(payload, sizeof(payload))};
	send_echo(d, &echo, now);
}

static void
on_inner(struct device *d, struct bytes inner, const struct wg_now *now)
{
	struct ip_echo echo;
	uint32_t own = ip4_of_prefix(&d->conf.addresses[0]);
	if (ip_echo_parse(&echo, inner) != ERR_OK || echo.destination != own)
		return;
	if (echo.is_reply) {
		d->answered += echo.source == d->target && echo.id == 77;
		return;
	}
	const struct ip_echo reply = {.source = own,
				      .destination = echo.source,
				      .is_reply = true,
				      .id = echo.id,
				      .sequence = echo.sequence,
				      .payload = echo.payload};
	send_echo(d, &reply, now);
	d->echoes++;
}

static void
receive(struct device *d)
{
	uint8_t datagram[2048];
	ssize_t n = recv(d->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
	if (n < 0)
		return;
	struct wg_now now = read_clocks();
	struct bytes inner;
	d->drops[wg_peer_receive(&d->peer, datagram, (size_t)n, &inner, &now)]++;
	if (inner.n)
		on_inner(d, inner, &now);
}

// Waits for a datagram or a timer, at most until `until`.
static void
turn(struct device *d, uint64_t until)
{
	struct pollfd p = {.fd = d->fd, .events = POLLIN};
	uint64_t at = wg_peer_deadline(&d->peer);
	uint64_t now_ns = clock_mono_ns();
	if (at > until)
		at = until;
	uint64_t wait_ms = at > now_ns ? (at - now_ns) / NS_PER_MS + 1 : 0;
	if (poll(&p, 1, (int)wait_ms) > 0)
		receive(d);
	struct wg_now now = read_clocks();
	wg_peer_tick(&d->peer, &now);
}

// `seconds`: how long to stay and answer, beyond the pings.
static void
run(struct device *d, unsigned count, unsigned seconds)
{
	uint64_t start = clock_mono_ns();
	uint64_t patience = start + 15 * NS_PER_S;
	struct wg_now now = read_clocks();
	wg_peer_set_keepalive(&d->peer, d->conf.keepalive_s, &now);
	while (d->sent < count) {
		now = read_clocks();
		send_ping(d, &now);
		uint64_t next = now.mono_ns + 100 * NS_PER_MS;
		while (clock_mono_ns() < next)
			turn(d, next);
	}
	while (d->answered < count && clock_mono_ns() < patience)
		turn(d, patience);
	while (clock_mono_ns() < start + seconds * NS_PER_S)
		turn(d, start + seconds * NS_PER_S);
}

static void
report(const struct device *d)
{
	const struct wg_peer_stats *s = &d->peer.stats;
	printf("{\"sent\":%u,\"answered\":%u,\"echoes\":%u,\"handshakes\":%llu,"
	       "\"initiations\":%llu,\"responses\":%llu,\"bad_responses\":%llu,"
	       "\"handshake_us\":%llu,\"rx_bytes\":%llu,\"tx_bytes\":%llu",
	       d->sent, d->answered, d->echoes, (unsigned long long)s->handshakes,
	       (unsigned long long)s->initiations_sent, (unsigned long long)s->responses_sent,
	       (unsigned long long)s->bad_responses, (unsigned long long)s->handshake_ns / 1000,
	       (unsigned long long)s->rx_bytes, (unsigned long long)s->tx_bytes);
	for (int i = WG_DROP_NONE + 1; i < WG_DROP_COUNT; i++) {
		if (d->drops[i])
			printf(",\"%s\":%llu", wg_drop_name((enum wg_drop)i),
			       (unsigned long long)d->drops[i]);
	}
	printf("}\n");
}

static enum err
set_up(struct device *d, const char *file, const char *target, struct why *why)
{
	BUF_AUTO struct buf text;
	buf_init(&text, WG_CONF_BYTES_MAX);
	TRY(file_read(&text, file, why));
	TRY(wg_conf_parse(&d->conf, buf_bytes(&text), why));
	TRY(wg_conf_check(&d->conf, why));
	TRY(ip4_parse(&d->target, BYTES_STR(target)));
	d->fd = connect_udp(d->conf.endpoint);
	if (d->fd < 0)
		return why_set(why, ERR_UPSTREAM_DOWN, "%s cannot be reached", d->conf.endpoint);
	TRY(wg_identity_init(&d->identity, &d->conf.private_key));
	return wg_peer_init(&d->peer, &d->identity, &d->conf.public_key, &d->conf.preshared_key,
			    &ops, d, clock_mono_ns(), 0);
}

int
main(int argc, char **argv)
{
	struct device d = {.fd = -1};
	struct why why = {0};
	if (argc < 4) {
		fprintf(stderr, "usage: wg_ping FILE ADDRESS COUNT [SECONDS]\n");
		return 64;
	}
	unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
	unsigned seconds = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	enum err err = set_up(&d, argv[1], argv[2], &why);
	if (err) {
		fprintf(stderr, "wg_ping: %s %s\n", err_text(err), why.text);
		return 78;
	}
	run(&d, count, seconds);
	report(&d);
	wg_peer_fini(&d.peer);
	wg_conf_fini(&d.conf);
	fd_close(&d.fd);
	return d.answered == count ? 0 : 1;
}

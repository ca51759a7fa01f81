// SPDX-License-Identifier: Apache-2.0
// An https URL is shown to curl as http; when curl wants a socket it is given one that leads to our
// gate, and what arrives there is tied by a relay to a TLS stream. curl pools connections by host
// and port: each tls_client is given an address of its own to "connect to", so that connections of
// different trust or identity never mix.
#include <stdio.h>

#include "base/clock.h"
#include "net/http_client_internal.h"

static void
on_relay_open(struct relay *relay, void *ctx)
{
	struct client_relay *cr = ctx;
	(void)relay;
	if (!cr->call)
		return;
	cr->call->connected = true;
	cr->call->open_ns = clock_mono_ns() - cr->call->started_ns;
}

void
http_tls_forget(struct client_relay *cr)
{
	if (cr->call)
		cr->call->relay = NULL;
	if (cr->prev)
		cr->prev->next = cr->next;
	else
		cr->client->relays = cr->next;
	if (cr->next)
		cr->next->prev = cr->prev;
	gate_forget(cr->client->gate, &cr->ticket);
	free(cr);
}

static void
on_relay_end(struct relay *relay, const struct why *why, void *ctx)
{
	struct client_relay *cr = ctx;
	(void)relay;
	if (cr->call)
		cr->call->relay_why = *why;
	http_tls_forget(cr);
}

static curl_socket_t
open_tls(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_call *call = ctx;
	struct http_client *c = call->client;
	(void)purpose;
	struct client_relay *cr = calloc(1, sizeof(*cr));
	int fd = cr ? gate_open(c->gate, &cr->ticket) : -1;
	if (fd < 0) {
		free(cr);
		return CURL_SOCKET_BAD;
	}
	cr->client = c;
	cr->call = call;
	cr->next = c->relays;
	if (cr->next)
		cr->next->prev = cr;
	c->relays = cr;
	call->relay = cr;
	call->opened_relay = true;
	address->family = AF_UNIX;
	address->protocol = 0;
	address->addrlen = sizeof(struct sockaddr_un);
	memcpy(&address->addr, gate_address(c->gate), sizeof(struct sockaddr_un));
	return fd;
}

// curl's socket came through the gate: tie it to a TLS stream.
void
http_tls_arrived(struct gate_ticket *ticket, int take_fd)
{
	static const struct relay_events events = {.on_open = on_relay_open,
						   .on_end = on_relay_end};
	struct client_relay *cr = CONTAINER_OF(ticket, struct client_relay, ticket);
	struct http_call *call = cr->call;
	struct stream *stream = NULL;
	if (relay_new(&cr->relay, take_fd, cr->client->loop, &events, cr) != ERR_OK) {
		http_tls_forget(cr);
		return;
	}
	if (stream_connect(&stream, cr->client->loop, call->host, call->port, call->tls,
			   &relay_stream_events, cr->relay) != ERR_OK) {
		relay_end(cr->relay, true);
		http_tls_forget(cr);
		return;
	}
	relay_take_stream(cr->relay, stream);
}

static unsigned
realm_number(struct http_client *c, struct tls_client *tls)
{
	struct tls_realm *realm = NULL;
	HASH_FIND_PTR(c->realms, &tls, realm);
	if (realm)
		return realm->number;
	realm = calloc(1, sizeof(*realm));
	if (!realm)
		return 0;
	// Held for the client's life: a freed pointer could come back as another identity.
	realm->tls = tls_client_ref(tls);
	realm->number = ++c->n_realms;
	HASH_ADD_PTR(c->realms, tls, realm);
	return realm->number;
}

void
http_tls_prepare(struct http_call *call)
{
	char line[64];
	unsigned n = call->fresh ? 0 : realm_number(call->client, call->tls);
	// Never dialled: only the name under which curl pools connections of this tls_client.
	snprintf(line, sizeof(line), "::127.%u.%u.%u:%u", n >> 16 & 255, n >> 8 & 255, n & 255,
		 call->port);
	call->connect_to = curl_slist_append(NULL, line);
	curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to);
	curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETFUNCTION, open_tls);
	curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETDATA, call);
}

void
http_tls_free_realms(struct http_client *c)
{
	struct tls_realm *realm, *next;
	HASH_ITER (hh, c->realms, realm, next) {
		HASH_DEL(c->realms, realm);
		tls_client_unref(realm->tls);
		free(realm);
	}
}

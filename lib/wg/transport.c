// SPDX-License-Identifier: Apache-2.0
#include "wg/transport.h"

#include <openssl/crypto.h>

#include "base/clock.h"
#include "wg/crypto.h"

enum {
	TRANSPORT_RECEIVER = 4,
	TRANSPORT_COUNTER = 8,
	PADDING = 16,
	WORD_BITS = 64,
};

// Nonces may not run out (whitepaper 6.1: 2^64 - 2^13 - 1).
#define REJECT_AFTER_MESSAGES (UINT64_MAX - (1u << 13))

static uint64_t *
replay_word(struct wg_replay *w, uint64_t counter)
{
	return &w->bits[counter / WORD_BITS % WG_REPLAY_WORDS];
}

// Moves the window up to counter: the words between are new and empty.
static void
replay_advance(struct wg_replay *w, uint64_t counter)
{
	uint64_t newest = w->next ? (w->next - 1) / WORD_BITS : 0;
	uint64_t steps = counter / WORD_BITS - newest;
	if (steps > WG_REPLAY_WORDS)
		steps = WG_REPLAY_WORDS;
	for (uint64_t i = 0; i < steps; i++)
		*replay_word(w, counter - i * WORD_BITS) = 0;
	w->next = counter + 1;
}

bool
wg_replay_accept(struct wg_replay *w, uint64_t counter)
{
	if (counter >= REJECT_AFTER_MESSAGES)
		return false;
	if (counter >= w->next)
		replay_advance(w, counter);
	else if (w->next - 1 - counter > WG_REPLAY_WINDOW)
		return false;
	uint64_t *word = replay_word(w, counter);
	uint64_t bit = 1ULL << (counter % WORD_BITS);
	bool is_new = (*word & bit) == 0;
	*word |= bit;
	return is_new;
}

void
wg_keypair_start(struct wg_keypair *k, const struct wg_session_keys *keys, bool is_initiator,
		 uint64_t now_ns)
{
	*k = (struct wg_keypair){
		.send_key = keys->send,
		.receive_key = keys->receive,
		.born_ns = now_ns,
		.local_index = keys->local_index,
		.remote_index = keys->remote_index,
		.is_initiator = is_initiator,
	};
}

void
wg_keypair_free(struct wg_keypair *k)
{
	if (k)
		OPENSSL_cleanse(k, sizeof(*k));
	free(k);
}

bool
wg_keypair_is_expired(const struct wg_keypair *k, uint64_t now_ns)
{
	return now_ns - k->born_ns >= WG_REJECT_AFTER_S * NS_PER_S;
}

static size_t
padding(size_t n)
{
	if (n >= WG_MTU)
		return 0;
	size_t padded = (n + PADDING - 1) / PADDING * PADDING;
	return (padded < WG_MTU ? padded : WG_MTU) - n;
}

size_t
wg_transport_size(size_t n)
{
	return WG_TRANSPORT_HEADER_BYTES + n + padding(n) + WG_TAG_BYTES;
}

enum err
wg_transport_seal(uint8_t *out, struct wg_keypair *k, struct bytes inner)
{
	if (k->send_counter >= REJECT_AFTER_MESSAGES)
		return ERR_EXHAUSTED;
	uint8_t nonce[WG_NONCE_BYTES];
	wg_nonce(nonce, k->send_counter);
	wg_put_le32(out, WG_MESSAGE_TRANSPORT);
	wg_put_le32(out + TRANSPORT_RECEIVER, k->remote_index);
	wg_put_le64(out + TRANSPORT_COUNTER, k->send_counter);
	k->send_counter++;
	return wg_aead_seal(out + WG_TRANSPORT_HEADER_BYTES, k->send_key.b, nonce, inner,
			    padding(inner.n), BYTES_NONE);
}

enum wg_drop
wg_transport_open(struct bytes *inner, struct wg_keypair *k, uint8_t *datagram, size_t n,
		  uint64_t now_ns)
{
	*inner = BYTES_NONE;
	if (wg_keypair_is_expired(k, now_ns))
		return WG_DROP_EXPIRED_KEY;
	uint64_t counter = wg_get_le64(datagram + TRANSPORT_COUNTER);
	uint8_t nonce[WG_NONCE_BYTES];
	wg_nonce(nonce, counter);
	uint8_t *body = datagram + WG_TRANSPORT_HEADER_BYTES;
	size_t sealed = n - WG_TRANSPORT_HEADER_BYTES;
	enum err err = wg_aead_open(body, k->receive_key.b, nonce, BYTES(body, sealed), BYTES_NONE);
	if (err)
		return err == ERR_INPUT ? WG_DROP_BAD_TAG : WG_DROP_INTERNAL;
	// Only now: an unauthenticated counter must not move the window.
	if (!wg_replay_accept(&k->replay, counter))
		return WG_DROP_REPEATED_COUNTER;
	*inner = BYTES(body, sealed - WG_TAG_BYTES);
	return WG_DROP_NONE;
}

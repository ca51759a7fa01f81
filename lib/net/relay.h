// SPDX-License-Identifier: Apache-2.0
// Ties a stream to one end of a socketpair, so that a library which only speaks plain sockets
// (libmicrohttpd, curl) stands behind our TLS. Bytes are held back on either side when the other is
// slow.
#pragma once

#include "net/stream.h"

struct relay;

struct relay_events {
	// The stream stands (TCP and TLS). Optional.
	void (*on_open)(struct relay *r, void *ctx);
	// Last callback: the stream ended (why as in stream_events) or the library closed its end
	// (err OK).
	void (*on_end)(struct relay *r, const struct why *why, void *ctx);
};

// A relay without a stream yet. take_fd is our end of the pair, non-blocking.
enum err ERR_MUST_CHECK relay_new(struct relay **out, int take_fd, uv_loop_t *loop,
				  const struct relay_events *events, void *ctx);
// The events that the relay's stream must be made with, ctx = the relay; then hand the stream over.
extern const struct stream_events relay_stream_events;
void relay_take_stream(struct relay *r, struct stream *s);
struct stream *relay_stream(struct relay *r);
// Ends both sides without a callback; reset: RST towards the peer.
void relay_end(struct relay *r, bool reset);

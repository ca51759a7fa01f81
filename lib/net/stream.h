// SPDX-License-Identifier: Apache-2.0
// One TCP connection on the loop, plain or TLS, as a stream of bytes in and out. Non-blocking, one
// loop thread, TCP_NODELAY. HTTP (through a relay) and MQTT stand on it.
#pragma once

#include <openssl/ssl.h>
#include <uv.h>

#include "base/buf.h"
#include "net/addr.h"
#include "net/tls.h"

struct stream;

// All callbacks come from the loop, never from inside a stream_* call.
struct stream_events {
	// Connected; with TLS: the handshake is done and the peer certificate can be looked at.
	void (*on_open)(struct stream *s, void *ctx);
	// Bytes from the peer; they are valid during the call.
	void (*on_data)(struct stream *s, struct bytes data, void *ctx);
	// Everything written has left for the kernel (after it had not). Optional.
	void (*on_drain)(struct stream *s, void *ctx);
	// Last callback, exactly once: the peer closed cleanly (why->err == ERR_OK) or what went
	// wrong. The stream frees itself afterwards. Not called after stream_close() or
	// stream_reset().
	void (*on_close)(struct stream *s, const struct why *why, void *ctx);
};

// Takes an accepted, non-blocking socket. tls: NULL = plain; referenced while in use.
enum err ERR_MUST_CHECK stream_accept(struct stream **out, uv_loop_t *loop, int take_fd,
				      struct tls_server *tls, const struct stream_events *events,
				      void *ctx);
// Connects to host:port (names are resolved off the loop). tls: NULL = plain; with verification on,
// the server's certificate must carry `host` (IP literals as iPAddress). Errors come by on_close.
enum err ERR_MUST_CHECK stream_connect(struct stream **out, uv_loop_t *loop, const char *host,
				       uint16_t port, struct tls_client *tls,
				       const struct stream_events *events, void *ctx);
// Queues bytes (copied). ERR_TOO_LARGE when more than the limit would wait for a slow peer.
enum err ERR_MUST_CHECK stream_write(struct stream *s, struct bytes data);
size_t stream_pending(const struct stream *s); // bytes not yet handed to the kernel
void stream_pause(struct stream *s);	       // no more on_data until resumed
void stream_resume(struct stream *s);
// Sends what is queued, then close_notify and FIN. No further callback. Gives up after 5 s.
void stream_close(struct stream *s);
// Sends what is queued, then close_notify and FIN, and goes on reading until the peer closes.
void stream_shutdown_write(struct stream *s);
// Drops everything, RST. No further callback.
void stream_reset(struct stream *s);
SSL *stream_ssl(struct stream *s); // borrowed; NULL when plain
const struct addr *stream_peer(const struct stream *s);
void stream_set_ctx(struct stream *s, const struct stream_events *events, void *ctx);

// A listening socket whose connections become streams.
struct listener;
struct listener_options {
	struct addr addr;
	struct tls_server *tls;	     // NULL = plain; referenced
	struct stream_events events; // for each new stream
	// ctx of a new stream; NULL refuses the connection (reset). Called before its handshake.
	void *(*on_accept)(struct stream *s, void *owner);
	void *owner;
};
enum err ERR_MUST_CHECK listener_new(struct listener **out, uv_loop_t *loop,
				     const struct listener_options *o, struct why *why);
struct addr listener_addr(const struct listener *l); // with the real port
void listener_free(struct listener *l);		     // open streams stay

// SPDX-License-Identifier: Apache-2.0
// What stream.c and stream_connect.c share; nobody else includes this.
#pragma once

#include "net/stream.h"

enum phase {
	PHASE_RESOLVING,
	PHASE_CONNECTING,
	PHASE_HANDSHAKE,
	PHASE_OPEN,
	PHASE_CLOSING, // the owner has let go: flush, FIN, wait for the peer's
	PHASE_DEAD,
};

struct stream {
	uv_poll_t poll;
	uv_timer_t timer;
	uv_getaddrinfo_t *resolve;
	struct addrinfo *found;
	const struct addrinfo *next;
	uv_loop_t *loop;
	SSL *ssl;
	struct stream_events events;
	void *ctx;
	struct addr peer;
	struct buf out;
	size_t out_sent;
	struct why why;
	int fd;
	int open_handles;
	uint16_t port;
	enum phase phase;
	bool server;
	bool poll_live;
	bool paused;
	bool failed; // why is set, on_close is due
	bool fin_sent;
	bool fin_wanted;
	bool write_blocked; // on_drain is due once the rest has left
	bool writing_wants_read;
};

enum {
	STREAM_HANDSHAKE_LIMIT_MS = 15000,
};

struct stream *stream_alloc(uv_loop_t *loop, const struct stream_events *events, void *ctx);
enum err ERR_MUST_CHECK stream_watch_socket(struct stream *s, int fd);
// One of the stream's handles is closed; the last one frees the memory.
void stream_on_handle_closed(uv_handle_t *handle);
void stream_update_poll(struct stream *s);
// Runs the timer's callback on the next turn.
void stream_kick(struct stream *s);
void stream_start_timer(struct stream *s, uint64_t ms);
// Remembers why the stream is about to end; the first cause stays.
enum err stream_set_failed(struct stream *s, enum err err, const char *text);
enum err stream_socket_failed(struct stream *s, int cause);
// Ends without and with on_close.
void stream_destroy(struct stream *s);
void stream_report_close(struct stream *s);
// The connect failed: the next address of the name, or the end.
void stream_retry_elsewhere(struct stream *s);

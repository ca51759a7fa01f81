// SPDX-License-Identifier: Apache-2.0
// Inside lib/wg only: what peer_out.c (sessions, sending) does for peer.c (receiving, timers).
#pragma once

#include "wg/peer.h"

// An authenticated packet of n bytes left or came: counters and timers.
void wg_peer_mark_sent(struct wg_peer *p, size_t n, const struct wg_now *now);
void wg_peer_mark_received(struct wg_peer *p, size_t n, const struct wg_now *now);
void wg_peer_mark_data_received(struct wg_peer *p, const struct wg_now *now);
void wg_peer_restart_persistent_keepalive(struct wg_peer *p, const struct wg_now *now);
void wg_peer_emit(struct wg_peer *p, enum wg_event event, const struct wg_now *now);
// A session can be used both ways: the round of initiations ends.
void wg_peer_session_confirmed(struct wg_peer *p, const struct wg_now *now);

bool wg_peer_index_is_used(const struct wg_peer *p, uint32_t index);
uint32_t wg_peer_index_new(struct wg_peer *p);
void wg_peer_index_free(struct wg_peer *p, uint32_t index);
enum err ERR_MUST_CHECK wg_peer_add_session(struct wg_peer *p, const struct wg_session_keys *keys,
					    bool is_initiator, const struct wg_now *now);
// The peer has used the session that we kept aside.
void wg_peer_promote_next(struct wg_peer *p);
void wg_peer_drop_handshake(struct wg_peer *p);
void wg_peer_drop_staged(struct wg_peer *p);
// Sessions and the open handshake.
void wg_peer_drop_sessions(struct wg_peer *p);

// The cookie for mac2, or NULL when there is none young enough.
const uint8_t *wg_peer_fresh_cookie(struct wg_peer *p, const struct wg_now *now);
// After an initiation or response was made: its mac1 and time.
void wg_peer_remember_sent(struct wg_peer *p, struct bytes msg, const struct wg_now *now);
// One initiation, unless a handshake message was sent in the last 5 s. is_retry: part of the
// running round.
void wg_peer_initiate(struct wg_peer *p, bool is_retry, const struct wg_now *now);
void wg_peer_flush_staged(struct wg_peer *p, const struct wg_now *now);
void wg_peer_send_keepalive(struct wg_peer *p, const struct wg_now *now);

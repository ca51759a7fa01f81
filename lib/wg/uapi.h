// SPDX-License-Identifier: Apache-2.0
// The text of WireGuard's cross-platform userspace API (wireguard.com/xplatform): what `wg show`
// and `wg set` say to a userspace implementation over its unix socket. Requests and answers are
// lines "key=value" that end with an empty line. One structure serves both directions: in a set
// request it says what to change, in a get answer what there is.
#pragma once

#include "base/buf.h"
#include "wg/ip.h"
#include "wg/key.h"

enum {
	WG_UAPI_ENDPOINT_BYTES = 64,
	WG_UAPI_BYTES_MAX = 16 * 1024 * 1024, // about 50,000 peers
};

struct wg_uapi_peer {
	struct wg_key public_key;
	bool remove;
	bool update_only;
	bool replace_allowed_ips;
	bool has_preshared_key;
	struct wg_key preshared_key; // zero: none
	bool has_endpoint;
	char endpoint[WG_UAPI_ENDPOINT_BYTES]; // "ip:port" or "[v6]:port", numeric
	bool has_keepalive;
	uint16_t keepalive_s;
	struct ip_prefix *allowed_ips; // owned
	size_t n_allowed_ips;
	// Only in answers to get.
	uint64_t last_handshake_s; // 0: never
	uint32_t last_handshake_ns;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
};

struct wg_uapi_device {
	bool has_private_key;
	struct wg_key private_key; // zero in a set request: forget it
	bool has_listen_port;
	uint16_t listen_port;
	bool has_fwmark;
	uint32_t fwmark;
	bool replace_peers;	    // only in set
	struct wg_uapi_peer *peers; // owned
	size_t n_peers;
};

void wg_uapi_device_init(struct wg_uapi_device *d);
void wg_uapi_device_fini(struct wg_uapi_device *d);
#define WG_UAPI_DEVICE_AUTO __attribute__((cleanup(wg_uapi_device_fini)))
// A new zeroed peer at the end, owned by d; NULL when memory is out. Moves earlier ones.
struct wg_uapi_peer *wg_uapi_peer_add(struct wg_uapi_device *d, const struct wg_key *public_key);
enum err ERR_MUST_CHECK wg_uapi_allowed_ip_add(struct wg_uapi_peer *p, const struct ip_prefix *ip);

enum wg_uapi_operation { WG_UAPI_GET, WG_UAPI_SET };

// Bytes of the first complete message in text (with its empty line); 0: not complete yet.
size_t wg_uapi_message_size(struct bytes text);

// A server reads one complete request. d is filled for WG_UAPI_SET. ERR_SYNTAX, ERR_UNSUPPORTED
// (unknown key or operation): why names line and key.
enum err ERR_MUST_CHECK wg_uapi_request_parse(enum wg_uapi_operation *op, struct wg_uapi_device *d,
					      struct bytes text, struct why *why);
// The answer to get=1, with errno=0 and the empty line.
enum err ERR_MUST_CHECK wg_uapi_get_answer_render(struct buf *out, const struct wg_uapi_device *d);
// The answer to set=1, or a failed get: "errno=N" with the empty line; number is 0 or a positive
// errno value.
enum err ERR_MUST_CHECK wg_uapi_status_render(struct buf *out, int number);

// A client writes a request.
enum err ERR_MUST_CHECK wg_uapi_get_render(struct buf *out);
enum err ERR_MUST_CHECK wg_uapi_set_render(struct buf *out, const struct wg_uapi_device *d);
// A client reads the complete answer to get. ERR_UPSTREAM_REFUSED for errno != 0.
enum err ERR_MUST_CHECK wg_uapi_get_answer_parse(struct wg_uapi_device *d, struct bytes text,
						 struct why *why);
// A client reads the answer to set: ERR_OK for errno=0, ERR_UPSTREAM_REFUSED naming the errno.
enum err ERR_MUST_CHECK wg_uapi_status_parse(struct bytes text, struct why *why);

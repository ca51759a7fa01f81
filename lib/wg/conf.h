// SPDX-License-Identifier: Apache-2.0
// A device's wg-quick(8) file: one [Interface], one [Peer]. What `wg setconf` and wg-quick accept
// is accepted; keys that neither knows are counted, not refused.
#pragma once

#include "base/buf.h"
#include "wg/ip.h"
#include "wg/key.h"

// What stands for PrivateKey when the device made its key pair itself; clients replace exactly
// this.
#define WG_CONF_PLACEHOLDER "<REPLACE_WITH_DEVICE_PRIVATE_KEY>"

enum {
	WG_CONF_ADDRESSES_MAX = 8,
	WG_CONF_ALLOWED_MAX = 32,
	WG_CONF_ENDPOINT_BYTES = 264, // a host name of 255 characters, ':' and a port
	WG_CONF_BYTES_MAX = 65536,
};

enum wg_conf_key {
	WG_CONF_KEY_ABSENT,
	WG_CONF_KEY_PRESENT,
	WG_CONF_KEY_PLACEHOLDER, // a value in <angle brackets>: somebody has to fill it in
};

struct wg_conf {
	enum wg_conf_key private_key_state;
	struct wg_key private_key;
	struct ip_prefix addresses[WG_CONF_ADDRESSES_MAX];
	size_t n_addresses;
	uint16_t listen_port; // 0: any
	uint16_t mtu;	      // 0: default
	bool has_dns;	      // wg-quick fails without resolvconf

	enum wg_conf_key public_key_state; // the server's
	struct wg_key public_key;
	bool has_preshared_key;
	struct wg_key preshared_key;
	char endpoint[WG_CONF_ENDPOINT_BYTES]; // "host:port", "[v6]:port"; "" when absent
	struct ip_prefix allowed_ips[WG_CONF_ALLOWED_MAX];
	size_t n_allowed_ips;
	uint16_t keepalive_s; // 0: off

	unsigned n_unknown;	// keys that nobody knows
	char first_unknown[64]; // and the first of them
};

// Wipes the keys.
void wg_conf_fini(struct wg_conf *c);
#define WG_CONF_AUTO __attribute__((cleanup(wg_conf_fini)))

// The text of a file. A key in <angle brackets> is reported by its state and is no error; a missing
// section or key is none either (wg_conf_check() says what a tunnel lacks). ERR_SYNTAX with line
// number, key and value; ERR_UNSUPPORTED for a second [Peer].
enum err ERR_MUST_CHECK wg_conf_parse(struct wg_conf *out, struct bytes text, struct why *why);
// Everything there that a device needs: PrivateKey, Address, PublicKey, Endpoint, AllowedIPs, no
// placeholder. ERR_INPUT: why names what is missing.
enum err ERR_MUST_CHECK wg_conf_check(const struct wg_conf *c, struct why *why);
// Appends the text. PrivateKey is the placeholder unless private_key_state is WG_CONF_KEY_PRESENT;
// absent optional values give no line.
enum err ERR_MUST_CHECK wg_conf_render(struct buf *out, const struct wg_conf *c);
// Appends text with the placeholder replaced. ERR_NOT_FOUND when it is not there exactly once.
enum err ERR_MUST_CHECK wg_conf_substitute(struct buf *out, struct bytes text,
					   const struct wg_key *private_key, struct why *why);
// Splits "host:port" or "[v6]:port"; host is terminated, without brackets. ERR_SYNTAX.
enum err ERR_MUST_CHECK wg_endpoint_split(char host[static WG_CONF_ENDPOINT_BYTES], uint16_t *port,
					  struct bytes text);

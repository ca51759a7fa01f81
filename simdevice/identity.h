// SPDX-License-Identifier: Apache-2.0
// What enrollment gives a device: key, certificate, the issuers' certificates, the tunnel's
// configuration. Issuers are the same for all devices of a tenant: a worker keeps them once, parsed
// and verified.
#pragma once

#include "flash.h"
#include "pki/trust.h"
#include "wg/conf.h"

// A chain of issuers, Sub-CA first, without the root; reference counted. One thread.
struct issuers;
void issuers_unref(struct issuers *i);
struct issuers *issuers_ref(struct issuers *i);
AUTO_DEFINE(struct issuers *, issuers_unref)
STACK_OF(X509) * issuers_certs(const struct issuers *i); // borrowed

// Chains that were verified to the root, by the bytes in which they came: every later certificate
// with the same chain costs one signature check instead of one per level.
struct issuers_cache;
enum err ERR_MUST_CHECK issuers_cache_new(struct issuers_cache **out);
void issuers_cache_free(struct issuers_cache *c);

// What a wg0.conf says, without the spare room of struct wg_conf. Reference counted: a tunnel that
// is up keeps the one it was brought up with.
struct tunnel_config {
	unsigned refs;
	struct wg_key private_key;
	struct wg_key server_key;
	struct wg_key preshared_key;
	bool has_preshared_key;
	uint16_t keepalive_s;
	struct ip_prefix address;
	struct ip_prefix *allowed_ips;
	size_t n_allowed_ips;
	char *endpoint; // host:port
};

struct tunnel_config *tunnel_config_ref(struct tunnel_config *t);
void tunnel_config_unref(struct tunnel_config *t);
AUTO_DEFINE(struct tunnel_config *, tunnel_config_unref)
// A complete wg0.conf with an IPv4 address. ERR_INPUT, ERR_SYNTAX.
enum err ERR_MUST_CHECK tunnel_config_parse(struct tunnel_config **out, struct bytes text,
					    struct why *why);
// The server's tunnel address: the first one of the AllowedIPs network that holds our own.
uint32_t tunnel_server_address(const struct tunnel_config *t);

struct identity {
	EVP_PKEY *key;
	X509 *leaf;
	struct issuers *issuers;
	struct tunnel_config *tunnel; // NULL: no wg0.conf
};

void identity_fini(struct identity *id);
// Moves *from into *to, which is finished first.
void identity_move(struct identity *to, struct identity *from);

// What a certificate answer was found to be; for reports, also when it was refused.
struct identity_facts {
	bool parsed;
	bool key_matches;
	size_t chain_length;	 // certificates from the leaf up, without the root
	char chain_verdict[256]; // "verifies", or OpenSSL's words
};

// What identity_build() reads; all borrowed.
struct identity_texts {
	EVP_PKEY *key;
	struct bytes cert;     // leaf, then its issuers
	struct bytes ca_chain; // issuers up to the root
	struct bytes wg;       // wg0.conf with its private key, or none
};

// Checks what the bridge answered as a careful device does: the certificate's key is ours, its CN
// is `id`, it is valid at `now` and chains to `root`; wg0.conf is complete. ERR_INPUT (kind says
// which: "wrong-key", "wrong-cn", "untrusted-chain", "bad-certificate", "bad-wg-config") with why.
// facts may be NULL.
enum err ERR_MUST_CHECK identity_build(struct identity *out, const struct identity_texts *texts,
				       const char *id, X509 *root, int64_t now,
				       struct issuers_cache *cache, struct identity_facts *facts,
				       const char **kind, struct why *why);
// The same from flash; root: NULL takes the last certificate of ca-chain.crt if `fingerprint` is
// its. *root_pem (may be NULL): the root in PEM, owned by the caller.
enum err ERR_MUST_CHECK identity_load(struct identity *out, const struct flash_image *flash,
				      const char *id, const char *fingerprint, int64_t now,
				      struct issuers_cache *cache, char **root_pem,
				      struct why *why);

// SPDX-License-Identifier: Apache-2.0
// TLS contexts on OpenSSL, built once and shared by all connections of a thread: TLS 1.2 and 1.3,
// no session tickets, ALPN http/1.1 where asked. Reference counted; a running server's identity can
// be swapped: connections that are open keep the old one.
#pragma once

#include <openssl/ssl.h>

#include "base/buf.h"

enum tls_client_auth {
	TLS_CLIENT_NONE,	    // no certificate is asked for
	TLS_CLIENT_VERIFY_IF_GIVEN, // like Go's VerifyClientCertIfGiven: none is fine, a bad one
				    // ends the handshake
	TLS_CLIENT_ANY_IF_GIVEN,    // asked for, accepted whatever it is; the program judges
};

struct tls_server_options {
	struct bytes chain_pem; // leaf first, then its issuers
	EVP_PKEY *key;		// borrowed; referenced
	enum tls_client_auth client_auth;
	struct bytes client_ca_pem; // anchors for TLS_CLIENT_VERIFY_IF_GIVEN; also advertised
	bool alpn_http;		    // answer ALPN with http/1.1
};

struct tls_server;

enum err ERR_MUST_CHECK tls_server_new(struct tls_server **out, const struct tls_server_options *o,
				       struct why *why);
struct tls_server *tls_server_ref(struct tls_server *s);
void tls_server_unref(struct tls_server *s);
AUTO_DEFINE(struct tls_server *, tls_server_unref)
// New connections get the new certificate; on error the old one stays.
enum err ERR_MUST_CHECK tls_server_set_identity(struct tls_server *s, struct bytes chain_pem,
						EVP_PKEY *key, struct why *why);
SSL_CTX *tls_server_ctx(struct tls_server *s); // borrowed

struct tls_client_options {
	struct bytes roots_pem; // trust anchors; none = do not verify (trust bootstrap only)
	struct bytes chain_pem; // own certificate and issuers, or none
	EVP_PKEY *key;		// borrowed; needed with chain_pem
	const char *alpn;	// e.g. "http/1.1", or NULL
};

struct tls_client;

enum err ERR_MUST_CHECK tls_client_new(struct tls_client **out, const struct tls_client_options *o,
				       struct why *why);
struct tls_client *tls_client_ref(struct tls_client *c);
void tls_client_unref(struct tls_client *c);
AUTO_DEFINE(struct tls_client *, tls_client_unref)
SSL_CTX *tls_client_ctx(struct tls_client *c); // borrowed

// Empties OpenSSL's error queue into one phrase for a person ("certificate verify failed: ...").
void tls_error_text(char *out, size_t size);

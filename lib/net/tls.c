// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdio.h>

struct tls_server {
	atomic_int refs;
	SSL_CTX *ctx;
};

struct tls_client {
	atomic_int refs;
	SSL_CTX *ctx;
};

void
tls_error_text(char *out, size_t size)
{
	unsigned long code = 0;
	const char *data = NULL;
	int flags = 0;
	// The last entry is the outermost and most telling one; the queue must be empty afterwards.
	for (unsigned long next; (next = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0;)
		code = next;
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	if (reason)
		snprintf(out, size, "%s", reason);
	else
		snprintf(out, size, "no further detail");
}

static enum err
openssl_failed(struct why *why, const char *what)
{
	char text[256];
	tls_error_text(text, sizeof(text));
	return why_set(why, ERR_CRYPTO, "%s: %s", what, text);
}

static X509 *
read_certificate(BIO *bio)
{
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (!cert)
		ERR_clear_error(); // the end of the text is not an error
	return cert;
}

static enum err
use_identity(SSL_CTX *ctx, struct bytes chain_pem, EVP_PKEY *key, struct why *why)
{
	BIO *bio = BIO_new_mem_buf(chain_pem.p, (int)chain_pem.n);
	X509 *leaf = bio ? read_certificate(bio) : NULL;
	enum err err = ERR_OK;
	if (!leaf)
		err = why_set(why, ERR_INPUT, "no certificate in the chain's PEM text");
	else if (SSL_CTX_use_certificate(ctx, leaf) != 1)
		err = openssl_failed(why, "the certificate cannot be used");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		err = openssl_failed(why, "the private key does not fit the certificate");
	X509_free(leaf);
	if (err == ERR_OK)
		SSL_CTX_clear_chain_certs(ctx);
	while (err == ERR_OK) {
		X509 *issuer = read_certificate(bio);
		if (!issuer)
			break;
		if (SSL_CTX_add0_chain_cert(ctx, issuer) != 1) {
			X509_free(issuer);
			err = openssl_failed(why, "the chain cannot be used");
		}
	}
	BIO_free(bio);
	return err;
}

static enum err
add_anchors(SSL_CTX *ctx, struct bytes pem, bool advertise, struct why *why)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	int n = 0;
	for (X509 *cert; bio && (cert = read_certificate(bio)) != NULL; n++) {
		X509_STORE_add_cert(store, cert);
		if (advertise)
			SSL_CTX_add_client_CA(ctx, cert);
		X509_free(cert);
	}
	BIO_free(bio);
	return n ? ERR_OK
		 : why_set(why, ERR_INPUT, "no certificate in the trust anchors' PEM text");
}

static void
set_common(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

static int
select_http(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	    unsigned in_len, void *arg)
{
	static const unsigned char http11[] = "\x08http/1.1";
	(void)ssl;
	(void)arg;
	unsigned char *chosen = NULL;
	if (SSL_select_next_proto(&chosen, out_len, http11, sizeof(http11) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int
accept_any_chain(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static enum err
set_client_auth(SSL_CTX *ctx, const struct tls_server_options *o, struct why *why)
{
	if (o->client_auth == TLS_CLIENT_NONE)
		return ERR_OK;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (o->client_auth == TLS_CLIENT_ANY_IF_GIVEN)
		SSL_CTX_set_cert_verify_callback(ctx, accept_any_chain, NULL);
	return o->client_ca_pem.n ? add_anchors(ctx, o->client_ca_pem, true, why) : ERR_OK;
}

static enum err
server_fill(struct tls_server *s, const struct tls_server_options *o, struct why *why)
{
	s->ctx = SSL_CTX_new(TLS_server_method());
	if (!s->ctx)
		return openssl_failed(why, "TLS context");
	set_common(s->ctx);
	// Tickets cost a mutual handshake 250 us and the client 16 KiB, and nobody resumes here.
	SSL_CTX_set_num_tickets(s->ctx, 0);
	SSL_CTX_set_options(s->ctx, SSL_OP_NO_TICKET);
	if (o->alpn_http)
		SSL_CTX_set_alpn_select_cb(s->ctx, select_http, NULL);
	TRY(use_identity(s->ctx, o->chain_pem, o->key, why));
	return set_client_auth(s->ctx, o, why);
}

enum err
tls_server_new(struct tls_server **out, const struct tls_server_options *o, struct why *why)
{
	AUTO(tls_server_unref) struct tls_server *s = calloc(1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	s->refs = 1;
	TRY(server_fill(s, o, why));
	*out = STEAL(s);
	return ERR_OK;
}

struct tls_server *
tls_server_ref(struct tls_server *s)
{
	if (s)
		s->refs++;
	return s;
}

void
tls_server_unref(struct tls_server *s)
{
	if (!s || --s->refs > 0)
		return;
	SSL_CTX_free(s->ctx);
	free(s);
}

enum err
tls_server_set_identity(struct tls_server *s, struct bytes chain_pem, EVP_PKEY *key,
			struct why *why)
{
	// Tried on a scratch context first: a bad certificate must not leave half a change behind.
	SSL_CTX *scratch = SSL_CTX_new(TLS_server_method());
	if (!scratch)
		return openssl_failed(why, "TLS context");
	enum err err = use_identity(scratch, chain_pem, key, why);
	SSL_CTX_free(scratch);
	TRY(err);
	return use_identity(s->ctx, chain_pem, key, why);
}

SSL_CTX *
tls_server_ctx(struct tls_server *s)
{
	return s->ctx;
}

static enum err
client_fill(struct tls_client *c, const struct tls_client_options *o, struct why *why)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (!c->ctx)
		return openssl_failed(why, "TLS context");
	set_common(c->ctx);
	if (o->alpn) {
		unsigned char wire[64];
		size_t n = strlen(o->alpn);
		if (n + 1 > sizeof(wire))
			return why_set(why, ERR_INPUT, "ALPN name too long");
		wire[0] = (unsigned char)n;
		memcpy(wire + 1, o->alpn, n);
		if (SSL_CTX_set_alpn_protos(c->ctx, wire, (unsigned)n + 1) != 0)
			return openssl_failed(why, "ALPN");
	}
	if (o->chain_pem.n)
		TRY(use_identity(c->ctx, o->chain_pem, o->key, why));
	if (!o->roots_pem.n)
		return ERR_OK;
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	return add_anchors(c->ctx, o->roots_pem, false, why);
}

enum err
tls_client_new(struct tls_client **out, const struct tls_client_options *o, struct why *why)
{
	AUTO(tls_client_unref) struct tls_client *c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	c->refs = 1;
	TRY(client_fill(c, o, why));
	*out = STEAL(c);
	return ERR_OK;
}

struct tls_client *
tls_client_ref(struct tls_client *c)
{
	if (c)
		c->refs++;
	return c;
}

void
tls_client_unref(struct tls_client *c)
{
	if (!c || --c->refs > 0)
		return;
	SSL_CTX_free(c->ctx);
	free(c);
}

SSL_CTX *
tls_client_ctx(struct tls_client *c)
{
	return c->ctx;
}

// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <stdio.h>
#include <string.h>

#define END_CERTIFICATE "-----END CERTIFICATE-----"

struct issuers {
	unsigned refs;
	uint8_t hash[SHA256_BYTES]; // of the texts that they came in
	STACK_OF(X509) * certs;
	struct trust *anchor; // the Sub-CA, once the chain was verified to the root
	size_t length;	      // certificates of a whole chain without the root
};

// A stack has a handful of issuing CAs; more than that and the oldest is verified anew.
enum { CACHE_SLOTS = 8 };

struct issuers_cache {
	struct issuers *slots[CACHE_SLOTS];
	size_t next;
};

struct issuers *
issuers_ref(struct issuers *i)
{
	i->refs++;
	return i;
}

void
issuers_unref(struct issuers *i)
{
	if (!i || --i->refs > 0)
		return;
	x509_stack_free(i->certs);
	trust_free(i->anchor);
	free(i);
}

STACK_OF(X509) * issuers_certs(const struct issuers *i)
{
	return i->certs;
}

enum err
issuers_cache_new(struct issuers_cache **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? ERR_OK : ERR_NOMEM;
}

void
issuers_cache_free(struct issuers_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		issuers_unref(c->slots[i]);
	free(c);
}

static struct issuers *
cache_find(struct issuers_cache *c, const uint8_t hash[static SHA256_BYTES])
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if (c->slots[i] && memcmp(c->slots[i]->hash, hash, SHA256_BYTES) == 0)
			return c->slots[i];
	return NULL;
}

static void
cache_add(struct issuers_cache *c, struct issuers *i)
{
	issuers_unref(c->slots[c->next]);
	c->slots[c->next] = issuers_ref(i);
	c->next = (c->next + 1) % CACHE_SLOTS;
}

// --- the tunnel ---

struct tunnel_config *
tunnel_config_ref(struct tunnel_config *t)
{
	t->refs++;
	return t;
}

void
tunnel_config_unref(struct tunnel_config *t)
{
	if (!t || --t->refs > 0)
		return;
	wg_key_wipe(&t->private_key);
	wg_key_wipe(&t->preshared_key);
	free(t->allowed_ips);
	free(t->endpoint);
	free(t);
}

static const struct ip_prefix *
find_ip4(const struct ip_prefix *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].family == 4)
			return &list[i];
	return NULL;
}

enum err
tunnel_config_parse(struct tunnel_config **out, struct bytes text, struct why *why)
{
	WG_CONF_AUTO struct wg_conf conf = {0};
	TRY(wg_conf_parse(&conf, text, why));
	TRY(wg_conf_check(&conf, why));
	const struct ip_prefix *address = find_ip4(conf.addresses, conf.n_addresses);
	if (!address)
		return why_set(why, ERR_INPUT, "wg0.conf: no IPv4 address in [Interface] Address");
	AUTO(tunnel_config_unref) struct tunnel_config *t = calloc(1, sizeof(*t));
	if (!t)
		return why_set(why, ERR_NOMEM, "out of memory");
	t->refs = 1;
	t->private_key = conf.private_key;
	t->server_key = conf.public_key;
	t->preshared_key = conf.preshared_key;
	t->has_preshared_key = conf.has_preshared_key;
	t->keepalive_s = conf.keepalive_s;
	t->address = *address;
	t->n_allowed_ips = conf.n_allowed_ips;
	t->allowed_ips = calloc(conf.n_allowed_ips, sizeof(*t->allowed_ips));
	t->endpoint = strdup(conf.endpoint);
	if (!t->allowed_ips || !t->endpoint)
		return why_set(why, ERR_NOMEM, "out of memory");
	memcpy(t->allowed_ips, conf.allowed_ips, conf.n_allowed_ips * sizeof(*t->allowed_ips));
	*out = STEAL(t);
	return ERR_OK;
}

uint32_t
tunnel_server_address(const struct tunnel_config *t)
{
	struct ip_prefix network = t->address;
	for (size_t i = 0; i < t->n_allowed_ips; i++)
		if (ip_prefix_contains(&t->allowed_ips[i], 4, t->address.addr)) {
			network = t->allowed_ips[i];
			break;
		}
	if (network.bits == 0) // a default route: the interface's own network says more
		network = t->address;
	ip_prefix_mask(&network);
	return ip4_of_prefix(&network) + 1;
}

// --- identity ---

void
identity_fini(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->leaf);
	issuers_unref(id->issuers);
	tunnel_config_unref(id->tunnel);
	*id = (struct identity){0};
}

void
identity_move(struct identity *to, struct identity *from)
{
	identity_fini(to);
	*to = *from;
	*from = (struct identity){0};
}

struct check {
	const struct identity_texts *texts;
	const char *id;
	X509 *root;
	int64_t now;
	struct issuers_cache *cache;
	struct identity_facts *facts;
	const char **kind;
	struct why *why;
};

static enum err
refuse(const struct check *c, const char *kind)
{
	*c->kind = kind;
	if (c->why)
		c->why->err = ERR_INPUT;
	return ERR_INPUT;
}

// Both texts without the leaf: what is the same for every device of a tenant.
static enum err
hash_issuers(uint8_t out[static SHA256_BYTES], const struct identity_texts *t)
{
	const uint8_t *end = memmem(t->cert.p, t->cert.n, END_CERTIFICATE, strlen(END_CERTIFICATE));
	struct bytes rest = BYTES_NONE;
	if (end)
		rest = BYTES(end, t->cert.n - (size_t)(end - t->cert.p));
	BUF_AUTO struct buf both;
	buf_init(&both, 2 * FLASH_FILE_MAX + 1);
	TRY(buf_append(&both, rest.p, rest.n));
	TRY(buf_put_u8(&both, 0));
	TRY(buf_append(&both, t->ca_chain.p, t->ca_chain.n));
	return sha256(out, buf_bytes(&both));
}

static bool
is_root(X509 *cert, X509 *root)
{
	return X509_cmp(cert, root) == 0;
}

// The issuers that a TLS client sends after its leaf: those that came in `cert`, or else those of
// ca_chain, root left out.
static enum err
collect_issuers(struct issuers *i, STACK_OF(X509) * in_cert, STACK_OF(X509) * in_chain, X509 *root)
{
	STACK_OF(X509) *source = sk_X509_num(in_cert) > 1 ? in_cert : in_chain;
	i->certs = sk_X509_new_null();
	if (!i->certs)
		return ERR_NOMEM;
	for (int k = source == in_cert ? 1 : 0; k < sk_X509_num(source); k++) {
		X509 *cert = sk_X509_value(source, k);
		if (is_root(cert, root))
			continue;
		if (!X509_add_cert(i->certs, cert, X509_ADD_FLAG_UP_REF))
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err
merge(STACK_OF(X509) * *out, STACK_OF(X509) * in_cert, STACK_OF(X509) * in_chain)
{
	*out = sk_X509_new_null();
	if (!*out || !X509_add_certs(*out, in_cert, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP) ||
	    !X509_add_certs(*out, in_chain, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
		return ERR_NOMEM;
	return ERR_OK;
}

// First sight of a chain: everything is parsed and verified to the pinned root.
static enum err
verify_new_chain(struct issuers **out, const struct check *c, X509 *leaf,
		 const uint8_t hash[static SHA256_BYTES])
{
	AUTO(x509_stack_free) STACK_OF(X509) *in_cert = NULL;
	AUTO(x509_stack_free) STACK_OF(X509) *in_chain = NULL;
	AUTO(x509_stack_free) STACK_OF(X509) *all = NULL;
	TRY(cert_chain_from_pem(&in_cert, c->texts->cert, c->why));
	TRY(cert_chain_from_pem(&in_chain, c->texts->ca_chain, c->why));
	TRY(merge(&all, in_cert, in_chain));
	AUTO(issuers_unref) struct issuers *i = calloc(1, sizeof(*i));
	if (!i)
		return ERR_NOMEM;
	i->refs = 1;
	memcpy(i->hash, hash, SHA256_BYTES);
	TRY(collect_issuers(i, in_cert, in_chain, c->root));
	i->length = (size_t)sk_X509_num(i->certs) + 1;
	AUTO(trust_free) struct trust *root = NULL;
	TRY(trust_new_from_cert(&root, c->root));
	TRY(trust_verify(root, leaf, all, c->now, TRUST_CLIENT, c->why));
	X509 *issuer = sk_X509_num(i->certs) > 0 ? sk_X509_value(i->certs, 0) : c->root;
	// Only a chain in order may be cached: the first issuer must be the leaf's own.
	if (X509_check_issued(issuer, leaf) == X509_V_OK) {
		TRY(trust_new_from_cert(&i->anchor, issuer));
		cache_add(c->cache, i);
	}
	*out = STEAL(i);
	return ERR_OK;
}

static enum err
verify_chain(struct identity *id, const struct check *c)
{
	uint8_t hash[SHA256_BYTES];
	TRY(hash_issuers(hash, c->texts));
	struct issuers *known = cache_find(c->cache, hash);
	if (known) {
		id->issuers = issuers_ref(known);
		TRY(trust_verify(known->anchor, id->leaf, NULL, c->now, TRUST_CLIENT, c->why));
	} else {
		TRY(verify_new_chain(&id->issuers, c, id->leaf, hash));
	}
	c->facts->chain_length = id->issuers->length;
	return ERR_OK;
}

static enum err
check_cn(const struct check *c, X509 *leaf)
{
	AUTO(free) char *cn = NULL;
	TRY(cert_cn(&cn, leaf));
	if (cn && strcmp(cn, c->id) == 0)
		return ERR_OK;
	return why_set(c->why, ERR_INPUT, "the certificate's CN is '%s', this device is '%s'",
		       cn ? cn : "", c->id);
}

static enum err
check_leaf(struct identity *id, const struct check *c)
{
	if (cert_from_pem(&id->leaf, c->texts->cert, c->why))
		return refuse(c, "bad-certificate");
	c->facts->parsed = true;
	c->facts->key_matches = cert_matches_key(id->leaf, c->texts->key);
	enum err chain = verify_chain(id, c);
	snprintf(c->facts->chain_verdict, sizeof(c->facts->chain_verdict), "%.255s",
		 chain ? c->why->text : "verifies");
	if (chain)
		return refuse(c, "untrusted-chain");
	if (!c->facts->key_matches) {
		(void)why_set(c->why, ERR_INPUT,
			      "the certificate holds another public key than ours");
		return refuse(c, "wrong-key");
	}
	if (check_cn(c, id->leaf))
		return refuse(c, "wrong-cn");
	return ERR_OK;
}

enum err
identity_build(struct identity *out, const struct identity_texts *texts, const char *id, X509 *root,
	       int64_t now, struct issuers_cache *cache, struct identity_facts *facts,
	       const char **kind, struct why *why)
{
	struct identity_facts own_facts = {0};
	struct why own_why = {0};
	struct check c = {.texts = texts,
			  .id = id,
			  .root = root,
			  .now = now,
			  .cache = cache,
			  .facts = facts ? facts : &own_facts,
			  .kind = kind,
			  .why = why ? why : &own_why};
	struct identity built = {0};
	enum err err = check_leaf(&built, &c);
	if (!err && texts->wg.n && tunnel_config_parse(&built.tunnel, texts->wg, c.why))
		err = refuse(&c, "bad-wg-config");
	if (err) {
		identity_fini(&built);
		return err;
	}
	EVP_PKEY_up_ref(texts->key);
	built.key = texts->key;
	identity_move(out, &built);
	return ERR_OK;
}

static enum err
find_root(X509 **out, char **root_pem, const struct flash_image *flash, const char *fingerprint,
	  struct why *why)
{
	AUTO(x509_stack_free) STACK_OF(X509) *chain = NULL;
	TRY(cert_chain_from_pem(&chain, BYTES_STR(flash->text[FLASH_CHAIN]), why));
	X509 *root = sk_X509_value(chain, sk_X509_num(chain) - 1);
	if (fingerprint[0] && !trust_find_fingerprint(&root, chain, fingerprint))
		return why_set(why, ERR_INPUT,
			       "ca-chain.crt holds no certificate with the fingerprint %s",
			       fingerprint);
	BUF_AUTO struct buf pem;
	buf_init(&pem, FLASH_FILE_MAX);
	TRY(cert_to_pem(&pem, root));
	X509_up_ref(root);
	*out = root;
	*root_pem = buf_steal_str(&pem);
	return ERR_OK;
}

enum err
identity_load(struct identity *out, const struct flash_image *flash, const char *id,
	      const char *fingerprint, int64_t now, struct issuers_cache *cache, char **root_pem,
	      struct why *why)
{
	for (unsigned i = FLASH_KEY; i <= FLASH_CHAIN; i++)
		if (!flash->text[i])
			return why_set(why, ERR_INPUT, "the flash has no %s",
				       flash_file_name((enum flash_file)i));
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	TRY(key_from_pem(&key, BYTES_STR(flash->text[FLASH_KEY]), why));
	AUTO(X509_free) X509 *root = NULL;
	AUTO(free) char *pem = NULL;
	TRY(find_root(&root, &pem, flash, fingerprint, why));
	struct identity_texts texts = {.key = key,
				       .cert = BYTES_STR(flash->text[FLASH_CERT]),
				       .ca_chain = BYTES_STR(flash->text[FLASH_CHAIN])};
	if (flash->text[FLASH_WG])
		texts.wg = BYTES_STR(flash->text[FLASH_WG]);
	const char *kind = "";
	TRY(identity_build(out, &texts, id, root, now, cache, NULL, &kind, why));
	if (root_pem)
		*root_pem = STEAL(pem);
	return ERR_OK;
}

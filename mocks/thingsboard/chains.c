// SPDX-License-Identifier: Apache-2.0
// A full path validation of leaf, Sub-CA and intermediate takes three signature checks and several
// walks over the store. All devices of a tenant come with the same issuers, so their part of the
// work is done once: the key of the memory is the SHA-256 of the issuers as they were sent, its
// value the issuing certificate and the time until which that result may be used. What is left for
// each device is checked here directly: issued by that certificate, signed by its key, within its
// dates. Anything out of the ordinary (critical extensions that OpenSSL does not know, proxies,
// name constraints above) goes the long way again, so that the shortcut never accepts what the long
// way would refuse.
#include "thingsboard/chains.h"

#include <uthash.h>

#include "pki/cert.h"
#include "pki/trust.h"

enum {
	// Tenants have one Sub-CA, or two while one is replaced.
	REMEMBERED_MAX = 64,
	// Anchors do not change, but their own dates are looked at again this often.
	REMEMBERED_S = 300,
	ISSUERS_MAX = 8,
};

struct remembered {
	uint8_t key[SHA256_BYTES];
	X509 *issuer; // of leaves
	int64_t not_before;
	int64_t not_after;
	UT_hash_handle hh;
};

struct chains {
	struct trust *anchors;
	struct remembered *seen;
};

enum err
chains_new(struct chains **out, struct bytes anchors_pem, struct why *why)
{
	AUTO(chains_free) struct chains *c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	TRY(trust_new(&c->anchors, anchors_pem, why));
	*out = STEAL(c);
	return ERR_OK;
}

static void
forget_all(struct chains *c)
{
	struct remembered *r;
	struct remembered *next;
	HASH_ITER (hh, c->seen, r, next) {
		HASH_DEL(c->seen, r);
		X509_free(r->issuer);
		free(r);
	}
}

void
chains_free(struct chains *c)
{
	if (!c)
		return;
	forget_all(c);
	trust_free(c->anchors);
	free(c);
}

static enum err
issuers_key(uint8_t out[static SHA256_BYTES], const STACK_OF(X509) * issuers)
{
	uint8_t digests[ISSUERS_MAX][SHA256_BYTES];
	int n = sk_X509_num(issuers);
	for (int i = 0; i < n; i++)
		TRY(cert_sha256(digests[i], sk_X509_value(issuers, i)));
	return sha256(out, BYTES(digests, (size_t)n * SHA256_BYTES));
}

// By name, key identifier and key usage, then by signature.
static bool
issued_by(X509 *cert, X509 *issuer)
{
	if (X509_check_issued(issuer, cert) != X509_V_OK)
		return false;
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	bool good = key && X509_verify(cert, key) == 1;
	if (!good)
		(void)ossl_fail(NULL, ERR_CRYPTO, "");
	return good;
}

static enum err
check_order(X509 *leaf, const STACK_OF(X509) * issuers, struct why *why)
{
	X509 *cert = leaf;
	for (int i = 0; i < sk_X509_num(issuers); i++) {
		X509 *issuer = sk_X509_value(issuers, i);
		if (!issued_by(cert, issuer))
			return why_set(
				why, ERR_FORBIDDEN,
				"certificate %d of the chain was not issued by certificate %d: "
				"send the leaf first, then each one's issuer",
				i, i + 1);
		cert = issuer;
	}
	return ERR_OK;
}

// A leaf whose meaning the shortcut knows in full.
static bool
is_ordinary(X509 *leaf)
{
	return !(X509_get_extension_flags(leaf) &
		 (EXFLAG_CA | EXFLAG_PROXY | EXFLAG_CRITICAL | EXFLAG_INVALID));
}

static bool
may_remember(const STACK_OF(X509) * issuers)
{
	for (int i = 0; i < sk_X509_num(issuers); i++)
		if (X509_get_ext_by_NID(sk_X509_value(issuers, i), NID_name_constraints, -1) >= 0)
			return false;
	return true;
}

static enum err
remember(struct chains *c, const uint8_t key[static SHA256_BYTES], const STACK_OF(X509) * issuers,
	 int64_t now)
{
	if (HASH_COUNT(c->seen) >= REMEMBERED_MAX)
		forget_all(c);
	struct remembered *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	memcpy(r->key, key, SHA256_BYTES);
	r->not_before = now;
	r->not_after = now + REMEMBERED_S;
	for (int i = 0; i < sk_X509_num(issuers); i++) {
		int64_t from;
		int64_t until;
		if (cert_validity(&from, &until, sk_X509_value(issuers, i)) == ERR_OK &&
		    until < r->not_after)
			r->not_after = until;
	}
	r->issuer = sk_X509_value(issuers, 0);
	X509_up_ref(r->issuer);
	HASH_ADD(hh, c->seen, key, SHA256_BYTES, r);
	return ERR_OK;
}

static struct remembered *
recall(struct chains *c, const uint8_t key[static SHA256_BYTES], int64_t now)
{
	struct remembered *r = NULL;
	HASH_FIND(hh, c->seen, key, SHA256_BYTES, r);
	if (!r || (now >= r->not_before && now <= r->not_after))
		return r;
	HASH_DEL(c->seen, r);
	X509_free(r->issuer);
	free(r);
	return NULL;
}

static enum err
check_leaf(X509 *leaf, X509 *issuer, int64_t now, struct why *why)
{
	if (!issued_by(leaf, issuer))
		return why_set(why, ERR_FORBIDDEN,
			       "certificate 0 of the chain was not issued by certificate 1: send "
			       "the leaf first, then each one's issuer");
	if (!cert_is_valid_at(leaf, now))
		return why_set(why, ERR_FORBIDDEN,
			       "the device certificate has expired or is not valid yet");
	return ERR_OK;
}

static enum err
check_in_full(struct chains *c, X509 *leaf, STACK_OF(X509) * issuers, int64_t now, struct why *why)
{
	X509 *issuer = sk_X509_value(issuers, 0);
	TRY(check_order(leaf, issuers, why));
	// The issuer on its own as well: OpenSSL may have found the leaf's path without the one
	// that was sent, which then must not be remembered as somebody to be trusted.
	if (trust_verify(c->anchors, leaf, issuers, now, TRUST_ANY, why) != ERR_OK ||
	    trust_verify(c->anchors, issuer, issuers, now, TRUST_ANY, why) != ERR_OK) {
		why_prefix(why, "the chain does not verify against the loaded CA");
		return ERR_FORBIDDEN;
	}
	if (X509_check_ca(issuer) != 1)
		return why_set(why, ERR_FORBIDDEN, "certificate 1 of the chain is not a CA");
	return ERR_OK;
}

enum err
chains_check(struct chains *c, X509 *leaf, STACK_OF(X509) * issuers, int64_t now, struct why *why)
{
	int n = issuers ? sk_X509_num(issuers) : 0;
	if (n == 0)
		return why_set(
			why, ERR_FORBIDDEN,
			"the device sent its certificate without the Sub-CA: its certificate "
			"file must hold the leaf followed by its issuers");
	if (n > ISSUERS_MAX)
		return why_set(why, ERR_FORBIDDEN, "more than %d issuers in the chain",
			       ISSUERS_MAX);
	uint8_t key[SHA256_BYTES];
	TRY(issuers_key(key, issuers));
	bool ordinary = is_ordinary(leaf);
	const struct remembered *known = ordinary ? recall(c, key, now) : NULL;
	if (known)
		return check_leaf(leaf, known->issuer, now, why);
	TRY(check_in_full(c, leaf, issuers, now, why));
	return ordinary && may_remember(issuers) ? remember(c, key, issuers, now) : ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
// A device believes nothing that it cannot check: every way in which an answer can be wrong.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "chain.h"

#define WG_CONF                                                                                    \
	"[Interface]\n"                                                                            \
	"PrivateKey = %s\n"                                                                        \
	"Address = 10.8.0.7/24\n"                                                                  \
	"[Peer]\n"                                                                                 \
	"PublicKey = YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n"                               \
	"Endpoint = vpn.example.com:51820\n"                                                       \
	"AllowedIPs = 10.8.0.0/24\n"                                                               \
	"PersistentKeepalive = 25\n"

static struct chain chain;
static struct issuers_cache *cache;
static struct identity id;
static struct identity_facts facts;
static const char *kind;
static struct why why;

static void
setup(void)
{
	chain_init(&chain);
	cr_assert(eq(int, issuers_cache_new(&cache), ERR_OK));
}

static void
teardown(void)
{
	identity_fini(&id);
	issuers_cache_free(cache);
	chain_fini(&chain);
}

TestSuite(identity, .init = setup, .fini = teardown);

static void
conf(struct buf *out)
{
	struct wg_key private_key, public_key;
	char text[WG_KEY_CHARS + 1];
	buf_init(out, 4096);
	cr_assert(eq(int, wg_key_generate(&private_key, &public_key), ERR_OK));
	wg_key_print(text, &private_key);
	cr_assert(eq(int, buf_printf(out, WG_CONF, text), ERR_OK));
}

static enum err
build(const char *cert, const char *ca_chain, struct bytes wg, int64_t now)
{
	struct identity_texts texts = {.key = chain.device_key,
				       .cert = BYTES_STR(cert),
				       .ca_chain = BYTES_STR(ca_chain),
				       .wg = wg};
	kind = "";
	facts = (struct identity_facts){0};
	return identity_build(&id, &texts, "dev-1", chain.root, now, cache, &facts, &kind, &why);
}

static void
expect_refused(enum err err, const char *want, const char *words)
{
	cr_expect(eq(int, err, ERR_INPUT));
	cr_expect(eq(str, (char *)(uintptr_t)kind, (char *)(uintptr_t)want), "%s", why.text);
	cr_expect(strstr(why.text, words) != NULL, "said: %s", why.text);
	cr_expect(id.leaf == NULL, "nothing is kept of a refused answer");
}

Test(identity, a_good_answer)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	BUF_AUTO struct buf wg;
	conf(&wg);
	cr_assert(eq(int, build(cert, ca_chain, buf_bytes(&wg), CHAIN_NOW), ERR_OK), "%s",
		  why.text);
	cr_expect(eq(sz, facts.chain_length, 3), "leaf, Sub-CA, intermediate");
	cr_expect(facts.key_matches);
	cr_expect(eq(str, facts.chain_verdict, (char *)(uintptr_t) "verifies"));
	cr_expect(eq(int, sk_X509_num(issuers_certs(id.issuers)), 2), "the root is never sent");
	cr_expect(eq(u32, ip4_of_prefix(&id.tunnel->address), 0x0a080007));
	cr_expect(eq(u32, tunnel_server_address(id.tunnel), 0x0a080001));
	cr_expect(eq(int, id.tunnel->keepalive_s, 25));
}

// The second device of a tenant takes the short way; it must refuse what the long way refuses.
Test(identity, a_known_chain_is_not_a_blank_cheque)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	for (int round = 0; round < 2; round++)
		cr_assert(eq(int, build(cert, ca_chain, BYTES_NONE, CHAIN_NOW), ERR_OK));
	cr_expect(eq(sz, facts.chain_length, 3));
	identity_fini(&id);
	// Same issuers' text behind a leaf that another CA signed.
	struct chain other = {0};
	chain_init(&other);
	AUTO(free) char *foreign = chain_issue(&other, "dev-1", chain.device_key);
	char *end = strstr(foreign, "-----END CERTIFICATE-----\n");
	struct buf mixed;
	buf_init(&mixed, 65536);
	cr_assert(buf_append(&mixed, foreign,
			     (size_t)(end - foreign) + strlen("-----END CERTIFICATE-----\n")) ==
		  ERR_OK);
	cr_assert(buf_append_str(&mixed, chain.issuers_pem) == ERR_OK);
	expect_refused(build((char *)mixed.data, ca_chain, BYTES_NONE, CHAIN_NOW),
		       "untrusted-chain", "");
	// Expired since.
	expect_refused(build(cert, ca_chain, BYTES_NONE, CHAIN_NOW + 30 * 24 * 3600),
		       "untrusted-chain", "expired");
	buf_fini(&mixed);
	chain_fini(&other);
}

Test(identity, another_key)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	cr_assert(eq(int, key_generate(&other), ERR_OK));
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", other);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	expect_refused(build(cert, ca_chain, BYTES_NONE, CHAIN_NOW), "wrong-key", "public key");
	cr_expect(not(facts.key_matches));
	cr_expect(eq(str, facts.chain_verdict, (char *)(uintptr_t) "verifies"));
}

Test(identity, another_name)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-2", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	expect_refused(build(cert, ca_chain, BYTES_NONE, CHAIN_NOW), "wrong-cn", "'dev-2'");
}

Test(identity, another_root)
{
	struct chain other = {0};
	chain_init(&other);
	AUTO(free) char *cert = chain_issue(&other, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&other);
	expect_refused(build(cert, ca_chain, BYTES_NONE, CHAIN_NOW), "untrusted-chain", "");
	cr_expect(ne(str, facts.chain_verdict, (char *)(uintptr_t) "verifies"));
	chain_fini(&other);
}

Test(identity, a_missing_intermediate)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	*(strstr(cert, "-----END CERTIFICATE-----\n") + strlen("-----END CERTIFICATE-----\n")) =
		'\0';
	expect_refused(build(cert, chain.root_pem, BYTES_NONE, CHAIN_NOW), "untrusted-chain",
		       "issuer");
}

// A bridge that sends only the leaf in "cert" is fine as long as ca_chain has the rest.
Test(identity, issuers_only_in_ca_chain)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	*(strstr(cert, "-----END CERTIFICATE-----\n") + strlen("-----END CERTIFICATE-----\n")) =
		'\0';
	cr_assert(eq(int, build(cert, ca_chain, BYTES_NONE, CHAIN_NOW), ERR_OK), "%s", why.text);
	cr_expect(eq(int, sk_X509_num(issuers_certs(id.issuers)), 2));
}

Test(identity, expired_and_not_yet_valid)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	expect_refused(build(cert, ca_chain, BYTES_NONE, CHAIN_NOW + 2 * 24 * 3600),
		       "untrusted-chain", "expired");
	expect_refused(build(cert, ca_chain, BYTES_NONE, CHAIN_NOW - 3600), "untrusted-chain",
		       "not yet valid");
}

Test(identity, rubbish)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	expect_refused(build("rubbish", ca_chain, BYTES_NONE, CHAIN_NOW), "bad-certificate", "");
	expect_refused(build(cert, "rubbish", BYTES_NONE, CHAIN_NOW), "untrusted-chain", "");
	expect_refused(build(cert, ca_chain, BYTES_STR("rubbish"), CHAIN_NOW), "bad-wg-config", "");
	expect_refused(
		build(cert, ca_chain, BYTES_STR("[Interface]\nAddress = 10.8.0.2/24\n"), CHAIN_NOW),
		"bad-wg-config", "PrivateKey");
}

Test(identity, the_placeholder_is_no_key)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	BUF_AUTO struct buf wg;
	buf_init(&wg, 4096);
	cr_assert(eq(int, buf_printf(&wg, WG_CONF, WG_CONF_PLACEHOLDER), ERR_OK));
	expect_refused(build(cert, ca_chain, buf_bytes(&wg), CHAIN_NOW), "bad-wg-config", "");
}

static void
fill_flash(struct flash_image *flash)
{
	AUTO(free) char *cert = chain_issue(&chain, "dev-1", chain.device_key);
	AUTO(free) char *ca_chain = chain_ca_chain(&chain);
	SECRET_AUTO struct secret key = SECRET_NONE;
	BUF_AUTO struct buf wg;
	conf(&wg);
	cr_assert(eq(int, key_to_pem(&key, chain.device_key), ERR_OK));
	cr_assert(eq(int, flash_image_set(flash, FLASH_KEY, BYTES(key.text, key.n)), ERR_OK));
	cr_assert(eq(int, flash_image_set(flash, FLASH_CERT, BYTES_STR(cert)), ERR_OK));
	cr_assert(eq(int, flash_image_set(flash, FLASH_CHAIN, BYTES_STR(ca_chain)), ERR_OK));
	cr_assert(eq(int, flash_image_set(flash, FLASH_WG, buf_bytes(&wg)), ERR_OK));
	cr_assert(eq(int, flash_image_set(flash, FLASH_FLAG, BYTES_STR("")), ERR_OK));
}

static enum err
load(const struct flash_image *flash, const char *fingerprint, char **root_pem)
{
	why = (struct why){0};
	return identity_load(&id, flash, "dev-1", fingerprint, CHAIN_NOW, cache, root_pem, &why);
}

Test(identity, flash_is_loaded_with_its_root)
{
	FLASH_IMAGE_AUTO struct flash_image flash = {0};
	AUTO(free) char *root_pem = NULL;
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	fill_flash(&flash);
	cr_assert(eq(int, cert_fingerprint(fingerprint, chain.root), ERR_OK));
	cr_assert(eq(int, load(&flash, fingerprint, &root_pem), ERR_OK), "%s", why.text);
	cr_expect(eq(str, root_pem, chain.root_pem));
	cr_expect(id.tunnel != NULL);
	cr_expect(eq(int, load(&flash, "", NULL), ERR_OK),
		  "without a pin the last one is the root");
}

Test(identity, flash_of_another_root_is_refused)
{
	FLASH_IMAGE_AUTO struct flash_image flash = {0};
	char fingerprint[CERT_FINGERPRINT_CHARS + 1];
	memset(fingerprint, 'a', sizeof(fingerprint) - 1);
	fingerprint[sizeof(fingerprint) - 1] = '\0';
	fill_flash(&flash);
	cr_expect(eq(int, load(&flash, fingerprint, NULL), ERR_INPUT));
	cr_expect(strstr(why.text, "fingerprint") != NULL, "%s", why.text);
}

Test(identity, flash_with_a_missing_or_foreign_file_is_refused)
{
	for (unsigned i = FLASH_KEY; i <= FLASH_CHAIN; i++) {
		FLASH_IMAGE_AUTO struct flash_image flash = {0};
		fill_flash(&flash);
		free(flash.text[i]);
		flash.text[i] = NULL;
		cr_expect(eq(int, load(&flash, "", NULL), ERR_INPUT));
		cr_expect(strstr(why.text, flash_file_name((enum flash_file)i)) != NULL, "%s",
			  why.text);
	}
	FLASH_IMAGE_AUTO struct flash_image flash = {0};
	fill_flash(&flash);
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	SECRET_AUTO struct secret key = SECRET_NONE;
	cr_assert(eq(int, key_generate(&other), ERR_OK));
	cr_assert(eq(int, key_to_pem(&key, other), ERR_OK));
	cr_assert(eq(int, flash_image_set(&flash, FLASH_KEY, BYTES(key.text, key.n)), ERR_OK));
	cr_expect(eq(int, load(&flash, "", NULL), ERR_INPUT));
}

Test(identity, the_server_address_of_a_default_route)
{
	BUF_AUTO struct buf wg;
	conf(&wg);
	char *allowed = strstr((char *)wg.data, "10.8.0.0/24");
	memcpy(allowed, "0.0.0.0/0  ", 11);
	AUTO(tunnel_config_unref) struct tunnel_config *t = NULL;
	cr_assert(eq(int, tunnel_config_parse(&t, buf_bytes(&wg), &why), ERR_OK), "%s", why.text);
	cr_expect(eq(u32, tunnel_server_address(t), 0x0a080001));
}

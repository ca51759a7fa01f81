// SPDX-License-Identifier: Apache-2.0
// What several tests of lib/pki need: test data, and a small PKI of three levels.
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/file.h"
#include "pki/cert.h"
#include "pki/csr.h"

enum { DATA_MAX = 1024 * 1024 };

#define NOW    ((int64_t)1795460350) // 2026-11-23T18:59:10Z, when the recordings were made
#define MINUTE 60
#define DAY    (24 * 60 * MINUTE)

// tests/data/pki/<name>, terminated; the caller frees.
static inline char *
data_read(const char *name)
{
	char path[512];
	struct why why = {0};
	struct buf b;
	buf_init(&b, DATA_MAX);
	snprintf(path, sizeof(path), "%s/pki/%s", TEST_DATA_DIR, name);
	enum err err = file_read(&b, path, &why);
	cr_assert(err == ERR_OK, "%s", why.text);
	return buf_steal_str(&b);
}

struct pki {
	EVP_PKEY *root_key, *sub_key, *leaf_key;
	X509 *root, *sub;
	struct cert_ca *root_ca, *sub_ca;
};

static inline void
pki_init(struct pki *p)
{
	struct why why;
	*p = (struct pki){0};
	cr_assert(key_generate(&p->root_key) == ERR_OK);
	cr_assert(key_generate(&p->sub_key) == ERR_OK);
	cr_assert(key_generate(&p->leaf_key) == ERR_OK);
	struct cert_template t = {
		.cn = "Test Root",
		.organization = "Example",
		.key = p->root_key,
		.not_before = NOW - MINUTE,
		.not_after = NOW + 3650 * (int64_t)DAY,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
		.is_ca = true,
		.path_len = 1,
	};
	cr_assert(cert_issue_root(&p->root, &t) == ERR_OK);
	cr_assert(cert_ca_new(&p->root_ca, p->root, p->root_key, &why) == ERR_OK);
	t.cn = "Test Issuing CA";
	t.key = p->sub_key;
	t.path_len = 0;
	cr_assert(cert_issue(&p->sub, p->root_ca, &t) == ERR_OK);
	cr_assert(cert_ca_new(&p->sub_ca, p->sub, p->sub_key, &why) == ERR_OK);
}

static inline void
pki_fini(struct pki *p)
{
	EVP_PKEY_free(p->root_key);
	EVP_PKEY_free(p->sub_key);
	EVP_PKEY_free(p->leaf_key);
	X509_free(p->root);
	X509_free(p->sub);
	cert_ca_free(p->root_ca);
	cert_ca_free(p->sub_ca);
}

// A leaf's template with the usual fields; cn is also the one SAN when sans is given (initialised).
static inline struct cert_template
pki_leaf_template(struct pki *p, const char *cn, struct san_list *sans)
{
	if (sans)
		cr_assert(san_list_add_host(sans, cn) == ERR_OK);
	return (struct cert_template){
		.cn = cn,
		.key = p->leaf_key,
		.not_before = NOW - MINUTE,
		.not_after = NOW + DAY,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = XKU_SSL_SERVER | XKU_SSL_CLIENT,
		.sans = sans,
	};
}

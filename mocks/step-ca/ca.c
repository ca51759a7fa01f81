// SPDX-License-Identifier: Apache-2.0
#include "step-ca/ca.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

enum {
	PEM_MAX = 64 * 1024,
	ANSWER_MAX = 256 * 1024,
	BACKDATE_S = 60,
	DAY_S = 24 * 3600,
	ROOT_DAYS = 3650,
	INTERMEDIATE_DAYS = 1825,
	SUB_DAYS = 730,
	PATH_BYTES = 4096,
};

// One row a level: a path length of 1 on the intermediate leaves room for the Sub-CA
// (contracts/step-ca.md 3).
static const struct level_row {
	const char *title;
	const char *cert_file;
	const char *key_file;
	int path_len;
	int days;
	size_t offset;
} levels[] = {
	{"Root CA",	    "root_ca.crt",	   "root_ca_key",	  2, ROOT_DAYS,		offsetof(struct ca, root)	 },
	{"Intermediate CA",   "intermediate_ca.crt", "intermediate_ca_key", 1, INTERMEDIATE_DAYS,
	 offsetof(struct ca,											  intermediate)},
	{"Tenant Issuing CA", "sub_ca.crt",	    "sub_ca_key",	  0, SUB_DAYS,	       offsetof(struct ca, sub)	       },
};

static struct ca_level *
level_at(struct ca *ca, size_t i)
{
	return (struct ca_level *)((char *)ca + levels[i].offset);
}

static struct ca *
ca_alloc(void)
{
	struct ca *ca = calloc(1, sizeof(*ca));
	for (size_t i = 0; ca && i < N_ELEMENTS(levels); i++)
		buf_init(&level_at(ca, i)->pem, PEM_MAX);
	if (ca) {
		buf_init(&ca->middle, ANSWER_MAX);
		buf_init(&ca->tail, ANSWER_MAX);
		buf_init(&ca->short_tail, ANSWER_MAX);
	}
	return ca;
}

void
ca_free(struct ca *ca)
{
	if (!ca)
		return;
	for (size_t i = 0; i < N_ELEMENTS(levels); i++) {
		X509_free(level_at(ca, i)->cert);
		EVP_PKEY_free(level_at(ca, i)->key);
		buf_fini(&level_at(ca, i)->pem);
	}
	cert_ca_free(ca->issuer);
	buf_fini(&ca->middle);
	buf_fini(&ca->tail);
	buf_fini(&ca->short_tail);
	free(ca);
}

// A PEM text as a JSON string: only its line ends need an escape.
static enum err
append_json_pem(struct buf *out, struct bytes pem)
{
	TRY(buf_reserve(out, 2 * pem.n + 2));
	out->data[out->len++] = '"';
	for (size_t i = 0; i < pem.n; i++) {
		if (pem.p[i] == '\n') {
			out->data[out->len++] = '\\';
			out->data[out->len++] = 'n';
		} else {
			out->data[out->len++] = pem.p[i];
		}
	}
	out->data[out->len++] = '"';
	out->data[out->len] = 0;
	return ERR_OK;
}

// The parts of an answer that are the same for every leaf.
static enum err
prepare_answers(struct ca *ca)
{
	static const char tls_options[] =
		"],\"tlsOptions\":{\"cipherSuites\":["
		"\"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256\","
		"\"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\"],"
		"\"minVersion\":1.2,\"maxVersion\":1.3,\"renegotiation\":false}}\n";
	TRY(buf_append_str(&ca->middle, ",\"ca\":"));
	TRY(append_json_pem(&ca->middle, buf_bytes(&ca->sub.pem)));
	TRY(buf_append_str(&ca->middle, ",\"certChain\":["));
	TRY(buf_append_str(&ca->tail, ","));
	TRY(append_json_pem(&ca->tail, buf_bytes(&ca->sub.pem)));
	TRY(buf_append(&ca->short_tail, ca->tail.data, ca->tail.len));
	TRY(buf_append_str(&ca->tail, ","));
	TRY(append_json_pem(&ca->tail, buf_bytes(&ca->intermediate.pem)));
	TRY(buf_append_str(&ca->tail, tls_options));
	return buf_append_str(&ca->short_tail, tls_options);
}

// Makes what is derived from certificates and keys.
static enum err
ca_complete(struct ca *ca, struct why *why)
{
	for (size_t i = 0; i < N_ELEMENTS(levels); i++) {
		struct ca_level *level = level_at(ca, i);
		if (level->pem.len == 0)
			TRY(cert_to_pem(&level->pem, level->cert));
		struct ca_level *issuer = level_at(ca, i ? i - 1 : 0);
		if (X509_verify(level->cert, issuer->key) != 1)
			return ossl_fail(why, ERR_INPUT, levels[i].cert_file);
	}
	TRY(prepare_answers(ca));
	TRY(cert_fingerprint(ca->root_fingerprint, ca->root.cert));
	TRY(cert_fingerprint(ca->sub_fingerprint, ca->sub.cert));
	return cert_ca_new(&ca->issuer, ca->sub.cert, ca->sub.key, why);
}

static enum err
make_level(struct ca *ca, size_t i, const char *name, int64_t now)
{
	char cn[128];
	struct ca_level *level = level_at(ca, i);
	snprintf(cn, sizeof(cn), "%s %s", name, levels[i].title);
	TRY(key_generate(&level->key));
	const struct cert_template t = {
		.cn = cn,
		.organization = name,
		.key = level->key,
		.not_before = now - BACKDATE_S,
		.not_after = now + (int64_t)levels[i].days * DAY_S,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
		.is_ca = true,
		.path_len = levels[i].path_len,
	};
	if (i == 0)
		return cert_issue_root(&level->cert, &t);
	const struct ca_level *above = level_at(ca, i - 1);
	AUTO(cert_ca_free) struct cert_ca *issuer = NULL;
	TRY(cert_ca_new(&issuer, above->cert, above->key, NULL));
	return cert_issue(&level->cert, issuer, &t);
}

enum err
ca_new(struct ca **out, const char *name, int64_t now)
{
	*out = NULL;
	AUTO(ca_free) struct ca *ca = ca_alloc();
	if (!ca)
		return ERR_NOMEM;
	for (size_t i = 0; i < N_ELEMENTS(levels); i++)
		TRY(make_level(ca, i, name, now));
	TRY(ca_complete(ca, NULL));
	*out = STEAL(ca);
	return ERR_OK;
}

// --- the folder ---

static enum err
path_in(char out[static PATH_BYTES], const char *dir, const char *file, struct why *why)
{
	int n = snprintf(out, PATH_BYTES, "%s/%s", dir, file);
	return n < PATH_BYTES ? ERR_OK : why_set(why, ERR_INPUT, "%.100s...: path too long", dir);
}

static enum err
load_key(EVP_PKEY **out, const char *path, struct why *why)
{
	struct buf text;
	buf_init(&text, PEM_MAX);
	enum err err = file_read(&text, path, why);
	if (!err) {
		err = key_from_pem(out, buf_bytes(&text), why);
		if (err)
			why_prefix(why, "%s", path);
	}
	if (text.data)
		OPENSSL_cleanse(text.data, text.len);
	buf_fini(&text);
	return err;
}

static enum err
load_level(struct ca_level *level, const struct level_row *row, const char *dir, struct why *why)
{
	char path[PATH_BYTES];
	TRY(path_in(path, dir, row->cert_file, why));
	TRY(file_read(&level->pem, path, why));
	enum err err = cert_from_pem(&level->cert, buf_bytes(&level->pem), why);
	if (err) {
		why_prefix(why, "%s", path);
		return err;
	}
	// The answers repeat this text, so it must be exactly the certificate.
	buf_clear(&level->pem);
	TRY(path_in(path, dir, row->key_file, why));
	TRY(load_key(&level->key, path, why));
	if (!cert_matches_key(level->cert, level->key))
		return why_set(why, ERR_INPUT, "%s: is not the key of %s", path, row->cert_file);
	return ERR_OK;
}

static enum err
save_level(const struct ca_level *level, const struct level_row *row, const char *dir,
	   struct why *why)
{
	char path[PATH_BYTES];
	SECRET_AUTO struct secret key = SECRET_NONE;
	TRY(key_to_pem(&key, level->key));
	TRY(path_in(path, dir, row->key_file, why));
	TRY(file_replace(path, BYTES(key.text, key.n), 0600, why));
	TRY(path_in(path, dir, row->cert_file, why));
	return file_replace(path, buf_bytes(&level->pem), 0644, why);
}

enum err
ca_open(struct ca **out, const char *dir, const char *name, int64_t now, struct why *why)
{
	char root[PATH_BYTES];
	*out = NULL;
	TRY(path_in(root, dir, levels[0].cert_file, why));
	if (access(root, F_OK) == 0) {
		AUTO(ca_free) struct ca *ca = ca_alloc();
		if (!ca)
			return why_set(why, ERR_NOMEM, "out of memory");
		for (size_t i = 0; i < N_ELEMENTS(levels); i++)
			TRY(load_level(level_at(ca, i), &levels[i], dir, why));
		TRY(ca_complete(ca, why));
		*out = STEAL(ca);
		return ERR_OK;
	}
	AUTO(ca_free) struct ca *ca = NULL;
	TRY(file_make_dirs(dir, 0700, why));
	TRY(ca_new(&ca, name, now));
	// The root last: its presence says that the folder is complete.
	for (size_t i = N_ELEMENTS(levels); i-- > 0;)
		TRY(save_level(level_at(ca, i), &levels[i], dir, why));
	*out = STEAL(ca);
	return ERR_OK;
}

// --- answers ---

enum err
ca_write_issuers_pem(struct buf *out, const struct ca *ca)
{
	TRY(buf_append(out, ca->sub.pem.data, ca->sub.pem.len));
	return buf_append(out, ca->intermediate.pem.data, ca->intermediate.pem.len);
}

enum err
ca_write_answer(struct buf *out, const struct ca *ca, struct bytes leaf_der,
		bool without_intermediate)
{
	const struct buf *tail = without_intermediate ? &ca->short_tail : &ca->tail;
	BUF_AUTO struct buf leaf;
	buf_init(&leaf, PEM_MAX);
	// Growing step by step would copy the answer several times.
	TRY(buf_reserve(&leaf, 2 * leaf_der.n + 128));
	TRY(pem_write(&leaf, "CERTIFICATE", leaf_der));
	TRY(buf_reserve(out, 3 * leaf.len + ca->middle.len + tail->len));
	TRY(buf_append_str(out, "{\"crt\":"));
	TRY(append_json_pem(out, buf_bytes(&leaf)));
	TRY(buf_append(out, ca->middle.data, ca->middle.len));
	TRY(append_json_pem(out, buf_bytes(&leaf)));
	return buf_append(out, tail->data, tail->len);
}

// SPDX-License-Identifier: Apache-2.0
#include "step-ca/provisioner.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "base/encode.h"
#include "base/file.h"
#include "pki/der.h"

enum {
	P2C = 100000, // what step's tools of the 0.19 era take
	FILE_MAX = 4 * 1024 * 1024,
	PAGE_STANDARD = 20,
	PAGE_MAX = 100,
	TYPE_JWK = 1,
};

static const uint8_t step_oid_raw[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82,
				       0xa4, 0x64, 0xc6, 0x28, 0x40, 0x01};
const struct bytes step_extension_oid = {step_oid_raw, sizeof(step_oid_raw)};

static void
provisioner_fini(struct provisioner *p)
{
	free(p->name);
	free(p->kid);
	EVP_PKEY_free(p->key);
	free(p->encrypted_key);
	free(p->json);
	buf_fini(&p->step_extension);
}

void
provisioners_fini(struct provisioners *l)
{
	for (size_t i = 0; i < l->n; i++)
		provisioner_fini(&l->items[i]);
	free(l->items);
	*l = (struct provisioners){0};
}

// The list is sorted by the first four bytes, which count; the rest is there to look opaque.
static void
make_uid(struct provisioner *p, size_t index)
{
	uint8_t sum[SHA_DIGEST_LENGTH];
	char id[512];
	snprintf(id, sizeof(id), "%s:%s", p->name, p->kid);
	SHA1((const uint8_t *)id, strlen(id), sum);
	for (int i = 0; i < 4; i++)
		sum[i] = (uint8_t)(index >> 8 * (3 - i));
	hex_encode(p->uid, BYTES(sum, sizeof(sum)));
}

static enum err
make_json(struct provisioner *p)
{
	json_auto_t *jwk = jwk_from_key(p->key);
	json_auto_t *object =
		json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:O?, s:O?}, s:s*}", "type",
			  "JWK", "name", p->name, "key", "use", "sig", "kty", "EC", "kid", p->kid,
			  "crv", "P-256", "alg", "ES256", "x", json_object_get(jwk, "x"), "y",
			  json_object_get(jwk, "y"), "encryptedKey", p->encrypted_key);
	p->json = object ? json_dumps(object, JSON_COMPACT) : NULL;
	return p->json ? ERR_OK : ERR_INPUT;
}

static enum err
make_step_extension(struct provisioner *p)
{
	static const uint8_t type = TYPE_JWK;
	buf_init(&p->step_extension, 4096);
	struct der_writer w = DER_WRITER(&p->step_extension);
	size_t content = der_open(&w, DER_SEQUENCE);
	der_put_uint(&w, BYTES(&type, 1));
	der_put(&w, DER_OCTET_STRING, BYTES_STR(p->name));
	der_put(&w, DER_OCTET_STRING, BYTES_STR(p->kid));
	der_close(&w, content);
	return w.err;
}

// Takes p over, also on failure. name, kid, key and encrypted_key are set.
static enum err
add(struct provisioners *l, struct provisioner *p, struct why *why)
{
	enum err err = ERR_OK;
	if (!p->name || !p->kid)
		err = ERR_NOMEM;
	else if (provisioners_by_name(l, BYTES_STR(p->name)))
		err = why_set(why, ERR_CONFLICT, "provisioner \"%.100s\" is there twice", p->name);
	if (!err)
		err = make_json(p);
	if (!err)
		err = make_step_extension(p);
	struct provisioner *items = err ? NULL : realloc(l->items, (l->n + 1) * sizeof(*items));
	if (!items) {
		provisioner_fini(p);
		return err ? err : ERR_NOMEM;
	}
	make_uid(p, l->n);
	l->items = items;
	l->items[l->n++] = *p;
	return ERR_OK;
}

static enum err
seal(char **out, const EVP_PKEY *key, const struct secret *password)
{
	SECRET_AUTO struct secret jwk = SECRET_NONE;
	BUF_AUTO struct buf jwe;
	buf_init(&jwe, JWE_MAX_BYTES);
	TRY(jwk_private_to_text(&jwk, key));
	TRY(jwe_seal(&jwe, BYTES(jwk.text, jwk.n), BYTES(password->text, password->n), P2C,
		     "jwk+json"));
	*out = buf_steal_str(&jwe);
	return ERR_OK;
}

static enum err
public_half(EVP_PKEY **out, const EVP_PKEY *key)
{
	uint8_t point[P256_POINT_BYTES];
	TRY(key_p256_point(point, key));
	return key_p256_from_raw(out, point, NULL);
}

enum err
provisioners_add(struct provisioners *l, const char *name, const struct secret *password,
		 struct why *why)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	char kid[JWK_THUMBPRINT_CHARS + 1];
	TRY(key_generate(&key));
	TRY(jwk_thumbprint(kid, key));
	struct provisioner p = {.name = strdup(name), .kid = strdup(kid)};
	enum err err = public_half(&p.key, key);
	if (!err)
		err = seal(&p.encrypted_key, key, password);
	if (err) {
		provisioner_fini(&p);
		return why_set(why, err, "provisioner key: %s", err_text(err));
	}
	return add(l, &p, why);
}

// --- the file ---

static enum err
check_password(const struct provisioner *p, const struct secret *password, struct why *why)
{
	SECRET_AUTO struct secret jwk = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	if (!p->encrypted_key)
		return ERR_OK;
	enum err err = jwe_open(&jwk, BYTES_STR(p->encrypted_key),
				BYTES(password->text, password->n), why);
	if (!err)
		err = jwk_private_from_text(&key, &jwk, why);
	if (!err && !key_public_equal(key, p->key))
		err = why_set(why, ERR_INPUT, "encryptedKey holds another key");
	if (err)
		why_prefix(why, "provisioner \"%.100s\"", p->name);
	return err ? ERR_INPUT : ERR_OK;
}

static char *
dup_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? strdup(text) : NULL;
}

static enum err
load_one(struct provisioners *l, const json_t *object, const struct secret *password,
	 struct why *why)
{
	const json_t *jwk = json_object_get(object, "key");
	struct provisioner p = {
		.name = dup_member(object, "name"),
		.kid = dup_member(jwk, "kid"),
		.encrypted_key = dup_member(object, "encryptedKey"),
	};
	const char *type = json_string_value(json_object_get(object, "type"));
	enum err err = ERR_OK;
	if (!type || strcmp(type, "JWK") != 0 || !p.name || !p.kid)
		err = why_set(why, ERR_INPUT,
			      "a provisioner needs \"type\":\"JWK\", \"name\" and \"key\" with "
			      "\"kid\"");
	if (!err)
		err = jwk_to_key(&p.key, jwk, why);
	if (!err)
		err = check_password(&p, password, why);
	if (!err)
		return add(l, &p, why);
	provisioner_fini(&p);
	return err;
}

enum err
provisioners_load(struct provisioners *l, const char *path, const struct secret *password,
		  struct why *why)
{
	BUF_AUTO struct buf text;
	buf_init(&text, FILE_MAX);
	TRY(file_read(&text, path, why));
	json_error_t error;
	json_auto_t *list =
		json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_array(list))
		return why_set(why, ERR_INPUT, "%s: not a JSON array of provisioners", path);
	size_t i;
	json_t *object;
	json_array_foreach (list, i, object) {
		enum err err = load_one(l, object, password, why);
		if (err) {
			why_prefix(why, "%s", path);
			return err;
		}
	}
	return ERR_OK;
}

// Comma-separated objects of items from `at`, at most `limit`; returns the index behind the last.
static size_t
write_objects(struct buf *out, const struct provisioners *l, size_t at, size_t limit, enum err *err)
{
	for (size_t n = 0; at < l->n && n < limit && !*err; n++, at++)
		*err = buf_printf(out, "%s%s", n ? "," : "", l->items[at].json);
	return at;
}

enum err
provisioners_save(const struct provisioners *l, const char *path, struct why *why)
{
	BUF_AUTO struct buf text;
	enum err err = ERR_OK;
	buf_init(&text, FILE_MAX);
	TRY(buf_append_str(&text, "["));
	write_objects(&text, l, 0, l->n, &err);
	TRY(err);
	TRY(buf_append_str(&text, "]\n"));
	return file_replace(path, buf_bytes(&text), 0600, why);
}

// --- looking up ---

const struct provisioner *
provisioners_by_name(const struct provisioners *l, struct bytes name)
{
	for (size_t i = 0; i < l->n; i++) {
		if (bytes_is(name, l->items[i].name))
			return &l->items[i];
	}
	return NULL;
}

const struct provisioner *
provisioners_by_token(const struct provisioners *l, const char *issuer, const char *kid)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->items[i].name, issuer) == 0 && strcmp(l->items[i].kid, kid) == 0)
			return &l->items[i];
	}
	return NULL;
}

const struct provisioner *
provisioners_by_kid(const struct provisioners *l, const char *kid)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].encrypted_key && strcmp(l->items[i].kid, kid) == 0)
			return &l->items[i];
	}
	return NULL;
}

// Cursors are compared as if filled with zeros on the left to the length of a uid.
static bool
is_before(const char *uid, const char *cursor)
{
	size_t n = strlen(cursor);
	size_t zeros = n < PROVISIONER_UID_CHARS ? PROVISIONER_UID_CHARS - n : 0;
	for (size_t i = 0; i < zeros; i++) {
		if (uid[i] != '0')
			return false;
	}
	return strcmp(uid + zeros, cursor) < 0;
}

enum err
provisioners_write_page(struct buf *out, const struct provisioners *l, const char *cursor,
			int64_t limit)
{
	size_t at = 0;
	enum err err = ERR_OK;
	size_t most = limit <= 0 ? PAGE_STANDARD : limit > PAGE_MAX ? PAGE_MAX : (size_t)limit;
	while (at < l->n && is_before(l->items[at].uid, cursor))
		at++;
	TRY(buf_append_str(out, "{\"provisioners\":["));
	at = write_objects(out, l, at, most, &err);
	TRY(err);
	const char *next = at < l->n ? l->items[at].uid : "";
	return buf_printf(out, "],\"nextCursor\":\"%s\"}\n", next + strspn(next, "0"));
}

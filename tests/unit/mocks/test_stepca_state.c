// SPDX-License-Identifier: Apache-2.0
// What survives a restart of mock-step-ca: chain, provisioners, ledger.
#include "stepca_fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "pki/trust.h"
#include "step-ca/ca.h"

#define NOW ((int64_t)1795460350)

static char dir[64];

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/stepca-state-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
}

static void
teardown(void)
{
	static const char *const files[] = {"root_ca.crt",	"intermediate_ca.crt", "sub_ca.crt",
					    "root_ca_key",	"intermediate_ca_key", "sub_ca_key",
					    "provisioner.json", "ledger.jsonl"};
	for (size_t i = 0; i < N_ELEMENTS(files); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

TestSuite(stepca_state, .init = setup, .fini = teardown);

static const char *
path_of(const char *file)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return path;
}

Test(stepca_state, the_chain_comes_back_the_same)
{
	AUTO(ca_free) struct ca *first = NULL;
	AUTO(ca_free) struct ca *second = NULL;
	struct why why = {0};
	cr_assert(ca_open(&first, dir, "Test", NOW, &why) == ERR_OK, "%s", why.text);
	cr_assert(ca_open(&second, dir, "Test", NOW + 1000, &why) == ERR_OK, "%s", why.text);
	cr_expect(eq(str, first->root_fingerprint, second->root_fingerprint));
	cr_expect(eq(str, first->sub_fingerprint, second->sub_fingerprint));
	struct stat st;
	cr_assert(stat(path_of("sub_ca_key"), &st) == 0);
	cr_expect(eq(int, (int)(st.st_mode & 0777), 0600));
}

Test(stepca_state, a_leaf_of_the_chain_verifies_to_the_root)
{
	AUTO(ca_free) struct ca *ca = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(X509_free) X509 *leaf = NULL;
	AUTO(trust_free) struct trust *trust = NULL;
	AUTO(x509_stack_free) STACK_OF(X509) *issuers = NULL;
	BUF_AUTO struct buf pem;
	buf_init(&pem, 100000);
	cr_assert(ca_new(&ca, "Test", NOW) == ERR_OK);
	cr_assert(key_generate(&key) == ERR_OK);
	const struct cert_template t = {
		.cn = "dev-1", .key = key, .not_before = NOW, .not_after = NOW + 100};
	cr_assert(cert_issue(&leaf, ca->issuer, &t) == ERR_OK);
	cr_assert(ca_write_issuers_pem(&pem, ca) == ERR_OK);
	cr_assert(cert_chain_from_pem(&issuers, buf_bytes(&pem), NULL) == ERR_OK);
	cr_expect(eq(int, sk_X509_num(issuers), 2));
	cr_assert(trust_new_from_cert(&trust, ca->root.cert) == ERR_OK);
	struct why why = {0};
	cr_expect(trust_verify(trust, leaf, issuers, NOW, TRUST_ANY, &why) == ERR_OK, "%s",
		  why.text);
}

Test(stepca_state, files_that_do_not_fit_are_named)
{
	AUTO(ca_free) struct ca *ca = NULL;
	struct ca *none = NULL;
	struct why why = {0};
	SECRET_AUTO struct secret pem = SECRET_NONE;
	AUTO(EVP_PKEY_free) EVP_PKEY *other = NULL;
	cr_assert(ca_open(&ca, dir, "Test", NOW, NULL) == ERR_OK);
	cr_assert(key_generate(&other) == ERR_OK);
	cr_assert(key_to_pem(&pem, other) == ERR_OK);
	cr_assert(file_replace(path_of("sub_ca_key"), BYTES(pem.text, pem.n), 0600, NULL) ==
		  ERR_OK);
	cr_expect(ca_open(&none, dir, "Test", NOW, &why) == ERR_INPUT);
	cr_expect(strstr(why.text, "sub_ca_key") != NULL, "%s", why.text);
	unlink(path_of("intermediate_ca.crt"));
	cr_expect(ca_open(&none, dir, "Test", NOW, &why) != ERR_OK);
	cr_expect(strstr(why.text, "intermediate_ca.crt") != NULL, "%s", why.text);
}

Test(stepca_state, provisioners_come_back_and_the_password_is_checked)
{
	SECRET_AUTO struct secret password = stepca_password();
	SECRET_AUTO struct secret wrong = SECRET_NONE;
	struct provisioners a = {0};
	struct provisioners b = {0};
	struct provisioners c = {0};
	struct why why = {0};
	cr_assert(provisioners_add(&a, "iot-bridge", &password, NULL) == ERR_OK);
	cr_expect(provisioners_add(&a, "iot-bridge", &password, &why) == ERR_CONFLICT);
	cr_assert(provisioners_save(&a, path_of("provisioner.json"), NULL) == ERR_OK);
	cr_assert(provisioners_load(&b, path_of("provisioner.json"), &password, &why) == ERR_OK,
		  "%s", why.text);
	cr_assert(eq(sz, b.n, 1));
	cr_expect(eq(str, b.items[0].json, a.items[0].json));
	cr_expect(eq(str, b.items[0].uid, a.items[0].uid));
	cr_assert(secret_set(&wrong, BYTES_STR("wrong")) == ERR_OK);
	cr_expect(provisioners_load(&c, path_of("provisioner.json"), &wrong, &why) == ERR_INPUT);
	cr_expect(strstr(why.text, "password is wrong") != NULL, "%s", why.text);
	provisioners_fini(&a);
	provisioners_fini(&b);
	provisioners_fini(&c);
}

Test(stepca_state, a_provisioner_has_the_shape_of_the_real_api)
{
	SECRET_AUTO struct secret password = stepca_password();
	struct provisioners l = {0};
	cr_assert(provisioners_add(&l, "iot-bridge", &password, NULL) == ERR_OK);
	const struct provisioner *p = &l.items[0];
	AUTO(EVP_PKEY_free) EVP_PKEY *key = stepca_open_key(p->encrypted_key);
	char kid[JWK_THUMBPRINT_CHARS + 1];
	cr_assert(jwk_thumbprint(kid, key) == ERR_OK);
	cr_expect(eq(str, p->kid, kid));
	cr_expect(key_public_equal(key, p->key));
	cr_expect(strncmp(p->json,
			  "{\"type\":\"JWK\",\"name\":\"iot-bridge\",\"key\":{\"use\":\"sig\","
			  "\"kty\":\"EC\",\"kid\":\"",
			  68) == 0,
		  "%s", p->json);
	// The example of contracts/step-ca.md 7.
	static const uint8_t head[] = {0x30, 0x3c, 0x02, 0x01, 0x01, 0x04, 0x0a};
	cr_expect(eq(sz, p->step_extension.len, 62));
	cr_expect(memcmp(p->step_extension.data, head, sizeof(head)) == 0);
	provisioners_fini(&l);
}

Test(stepca_state, provisioners_are_paged)
{
	struct provisioners l = {0};
	struct provisioner items[120] = {0};
	char json[120][8];
	for (int i = 0; i < 120; i++) {
		snprintf(json[i], sizeof(json[i]), "%d", i);
		items[i].json = json[i];
		snprintf(items[i].uid, sizeof(items[i].uid), "%08x%032d", i, 7);
	}
	l = (struct provisioners){items, 120};
	static const struct {
		const char *cursor;
		int64_t limit;
		int first;
		size_t n;
	} rows[] = {
		{"",					 0,	0,   20 },
		    {"",					 -5,   0,	20 },
		{"",					 1000, 0,   100},
		    {"",					 3,    0,   3	},
		{"zz",				       10,   1,   10 },
		    {"ffffffffffffffffffffffffffffffffffffffff", 5,    120, 0  },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		BUF_AUTO struct buf out;
		buf_init(&out, 100000);
		cr_assert(provisioners_write_page(&out, &l, rows[i].cursor, rows[i].limit) ==
			  ERR_OK);
		json_auto_t *page = json_loads((char *)out.data, 0, NULL);
		const json_t *list = json_object_get(page, "provisioners");
		cr_expect(eq(sz, json_array_size(list), rows[i].n), "row %zu", i);
		int first = rows[i].n ? (int)json_integer_value(json_array_get(list, 0)) : 120;
		cr_expect(eq(int, first, rows[i].first), "row %zu", i);
	}
	// Following the cursors sees everyone once.
	AUTO(free) char *cursor = strdup("");
	int seen = 0;
	do {
		BUF_AUTO struct buf out;
		buf_init(&out, 100000);
		cr_assert(provisioners_write_page(&out, &l, cursor, 7) == ERR_OK);
		json_auto_t *page = json_loads((char *)out.data, 0, NULL);
		size_t i;
		json_t *v;
		json_array_foreach (json_object_get(page, "provisioners"), i, v)
			cr_expect(eq(i64, json_integer_value(v), seen++));
		free(cursor);
		cursor = strdup(json_string_value(json_object_get(page, "nextCursor")));
	} while (*cursor && seen < 1000);
	cr_expect(eq(int, seen, 120));
}

static struct ledger *
reopen(struct ledger *l)
{
	struct why why = {0};
	ledger_free(l);
	l = NULL;
	cr_assert(ledger_open(&l, path_of("ledger.jsonl"), &why) == ERR_OK, "%s", why.text);
	return l;
}

Test(stepca_state, the_ledger_survives)
{
	struct ledger *l = reopen(NULL);
	cr_assert(ledger_use_token(l, "token \"1\"\n") == ERR_OK);
	cr_assert(ledger_add_certificate(l, "17", "dev-1", NOW) == ERR_OK);
	cr_assert(ledger_add_certificate(l, "18", "dev-1", NOW) == ERR_OK);
	cr_assert(ledger_revoke(l, "17") == ERR_OK);
	cr_assert(ledger_revoke(l, "999") == ERR_OK);
	l = reopen(l);
	cr_expect(ledger_use_token(l, "token \"1\"\n") == ERR_CONFLICT);
	cr_expect(ledger_use_token(l, "token 2") == ERR_OK);
	cr_expect(ledger_revoke(l, "17") == ERR_CONFLICT);
	cr_expect(ledger_is_revoked(l, "999") && !ledger_is_revoked(l, "18"));
	cr_expect(eq(str, (char *)(uintptr_t)ledger_subject(l, "18"), "dev-1"));
	json_auto_t *all = ledger_certificates(l, NULL);
	const json_t *dev = json_object_get(all, "dev-1");
	cr_expect(eq(i64, json_integer_value(json_object_get(dev, "issued")), 2));
	cr_expect(eq(i64, json_integer_value(json_object_get(dev, "revoked")), 1));
	const json_t *latest = json_object_get(dev, "latest");
	cr_expect(eq(str, (char *)(uintptr_t)json_string_value(json_object_get(latest, "serial")),
		     "18"));
	cr_expect(json_object_get(dev, "serials") == NULL);
	json_auto_t *one = ledger_certificates(l, "dev-1");
	const json_t *serials = json_object_get(json_object_get(one, "dev-1"), "serials");
	cr_expect(eq(sz, json_array_size(serials), 2));
	ledger_clear(l);
	cr_expect(ledger_use_token(l, "token 2") == ERR_OK);
	l = reopen(l);
	cr_expect(ledger_use_token(l, "token \"1\"\n") == ERR_OK);
	ledger_free(l);
}

Test(stepca_state, a_torn_last_line_is_dropped_and_garbage_is_named)
{
	struct ledger *l = reopen(NULL);
	cr_assert(ledger_use_token(l, "a") == ERR_OK);
	FILE *f = fopen(path_of("ledger.jsonl"), "a");
	fputs("{\"used\":\"b", f);
	fclose(f);
	l = reopen(l);
	cr_expect(ledger_use_token(l, "a") == ERR_CONFLICT);
	cr_expect(ledger_use_token(l, "b") == ERR_OK);
	l = reopen(l);
	cr_expect(ledger_use_token(l, "b") == ERR_CONFLICT);
	ledger_free(l);
	f = fopen(path_of("ledger.jsonl"), "a");
	fputs("garbage\n", f);
	fclose(f);
	struct why why = {0};
	cr_expect(ledger_open(&l, path_of("ledger.jsonl"), &why) == ERR_SYNTAX);
	cr_expect(strstr(why.text, "ledger.jsonl:3") != NULL, "%s", why.text);
}

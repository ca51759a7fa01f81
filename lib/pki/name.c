// SPDX-License-Identifier: Apache-2.0
#include "pki/name.h"

#include "pki/ossl.h"

static void
write_rdn(struct der_writer *w, struct bytes type, const char *text)
{
	size_t rdn = der_open(w, DER_SET);
	size_t pair = der_open(w, DER_SEQUENCE);
	der_put(w, DER_OID, type);
	der_put_text(w, text);
	der_close(w, pair);
	der_close(w, rdn);
}

void
name_write(struct der_writer *w, const char *organization, const char *cn)
{
	size_t name = der_open(w, DER_SEQUENCE);
	if (organization && *organization)
		write_rdn(w, oid_organization, organization);
	if (cn && *cn)
		write_rdn(w, oid_common_name, cn);
	der_close(w, name);
}

AUTO_DEFINE(ASN1_STRING *, ASN1_STRING_free)

// Any of ASN.1's string types as UTF-8.
static enum err
text_to_utf8(char **out, const struct der_item *item)
{
	AUTO(ASN1_STRING_free) ASN1_STRING *s = ASN1_STRING_type_new(item->tag);
	if (!s || ASN1_STRING_set(s, item->value.p, (int)item->value.n) != 1)
		return ossl_fail(NULL, ERR_NOMEM, "name");
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, s);
	if (n < 0)
		return ossl_fail(NULL, ERR_SYNTAX, "name");
	bool has_nul = memchr(utf8, 0, (size_t)n) != NULL;
	*out = has_nul ? NULL : bytes_to_str(BYTES(utf8, (size_t)n));
	OPENSSL_free(utf8);
	return has_nul ? ERR_SYNTAX : *out ? ERR_OK : ERR_NOMEM;
}

static enum err
read_pair(char **cn, size_t *n_cn, struct bytes *rdn)
{
	struct bytes pair;
	struct bytes type;
	struct der_item value;
	TRY(der_expect(rdn, DER_SEQUENCE, &pair));
	TRY(der_expect(&pair, DER_OID, &type));
	TRY(der_read(&pair, &value));
	if (pair.n)
		return ERR_SYNTAX;
	if (!bytes_equal(type, oid_common_name))
		return ERR_OK;
	char *text = NULL;
	TRY(text_to_utf8(&text, &value));
	free(*cn);
	*cn = text;
	++*n_cn;
	return ERR_OK;
}

enum err
name_read_cn(char **cn, size_t *n_cn, struct bytes name)
{
	AUTO(free) char *last = NULL;
	size_t n = 0;
	struct bytes rdns;
	TRY(der_expect(&name, DER_SEQUENCE, &rdns));
	if (name.n)
		return ERR_SYNTAX;
	while (rdns.n) {
		struct bytes rdn;
		TRY(der_expect(&rdns, DER_SET, &rdn));
		if (!rdn.n)
			return ERR_SYNTAX;
		while (rdn.n)
			TRY(read_pair(&last, &n, &rdn));
	}
	*cn = STEAL(last);
	*n_cn = n;
	return ERR_OK;
}

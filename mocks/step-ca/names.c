// SPDX-License-Identifier: Apache-2.0
#include "step-ca/names.h"

#include <ctype.h>
#include <strings.h>

enum {
	RSA_MIN_BITS = 2048,
	LIST_MAX_BYTES = 4096,
};

// The length of a URL scheme at the start of text (RFC 3986 section 3.1), 0 when there is none.
static size_t
scheme_length(const char *text)
{
	if (!isalpha((unsigned char)*text))
		return 0;
	size_t n =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	return text[n] == ':' ? n : 0;
}

// What Go's url.Parse refuses in a text with a scheme: control characters, and a port that is no
// number.
static bool
is_parsable_url(const char *text, size_t scheme)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	}
	const char *rest = text + scheme + 1;
	if (strncmp(rest, "//", 2) != 0)
		return true;
	rest += 2;
	size_t n = strcspn(rest, "/?#");
	const char *host = memrchr(rest, '@', n);
	host = host ? host + 1 : rest;
	n -= (size_t)(host - rest);
	const char *bracket = memrchr(host, ']', n);
	const char *port = memrchr(host, ':', n);
	if (!port || (bracket && port < bracket))
		return true;
	for (const char *p = port + 1; p < host + n; p++) {
		if (!isdigit((unsigned char)*p))
			return false;
	}
	return true;
}

static enum err
add_uri(struct san_list *l, const char *text, size_t scheme)
{
	AUTO(free) char *uri = strdup(text);
	if (!uri)
		return ERR_NOMEM;
	for (size_t i = 0; i < scheme; i++)
		uri[i] = (char)tolower((unsigned char)uri[i]);
	return san_list_add(l, SAN_URI, uri);
}

enum err
names_add(struct san_list *l, const char *text)
{
	size_t scheme = scheme_length(text);
	if (san_list_add(l, SAN_IP, text) == ERR_OK)
		return ERR_OK;
	if (scheme && is_parsable_url(text, scheme))
		return add_uri(l, text, scheme);
	return san_list_add(l, strchr(text, '@') ? SAN_EMAIL : SAN_DNS, text);
}

enum err
names_sort(struct san_list *out, const struct san_list *in)
{
	for (int type = 0; type < SAN_TYPES; type++) {
		for (size_t i = 0; i < in->n; i++) {
			if (in->items[i].type == (enum san_type)type)
				TRY(san_list_add(out, in->items[i].type, in->items[i].text));
		}
	}
	return ERR_OK;
}

// --- the CSR against the token ---

static bool
same_text(const struct san *a, const struct san *b)
{
	size_t scheme = a->type == SAN_URI ? scheme_length(a->text) : 0;
	return strncasecmp(a->text, b->text, scheme) == 0 && strlen(b->text) >= scheme &&
	       strcmp(a->text + scheme, b->text + scheme) == 0;
}

static bool
is_within(const struct san_list *a, const struct san_list *b, enum san_type type)
{
	for (size_t i = 0; i < a->n; i++) {
		bool found = a->items[i].type != type;
		for (size_t k = 0; k < b->n && !found; k++)
			found = b->items[k].type == type && same_text(&a->items[i], &b->items[k]);
		if (!found)
			return false;
	}
	return true;
}

static bool
has_type(const struct san_list *l, enum san_type type)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].type == type)
			return true;
	}
	return false;
}

// "[a b]", as Go prints a slice.
static void
format_list(struct buf *out, const struct san_list *l, enum san_type type)
{
	const char *separator = "";
	enum err err = buf_append_str(out, "[");
	for (size_t i = 0; i < l->n && !err; i++) {
		if (l->items[i].type != type)
			continue;
		err = buf_printf(out, "%s%s", separator, l->items[i].text);
		separator = " ";
	}
	if (!err)
		err = buf_append_str(out, "]");
	(void)err; // a list that is too long is cut in the message
}

static enum err
check_type(const struct csr *csr, const struct san_list *sans, enum san_type type, struct why *why)
{
	static const char *const plural[SAN_TYPES] = {"DNS names", "email addresses",
						      "IP addresses", "URIs"};
	if (!has_type(&csr->sans, type) ||
	    (is_within(&csr->sans, sans, type) && is_within(sans, &csr->sans, type)))
		return ERR_OK;
	BUF_AUTO struct buf got;
	BUF_AUTO struct buf want;
	buf_init(&got, LIST_MAX_BYTES);
	buf_init(&want, LIST_MAX_BYTES);
	format_list(&got, &csr->sans, type);
	format_list(&want, sans, type);
	return why_set(why, ERR_FORBIDDEN,
		       "certificate request does not contain the valid %s - got %s, want %s",
		       plural[type], (char *)got.data, (char *)want.data);
}

enum err
names_check_csr(const struct csr *csr, const char *subject, const struct san_list *sans,
		struct why *why)
{
	if (csr->cn && *csr->cn && strcmp(csr->cn, subject) != 0)
		return why_set(why, ERR_FORBIDDEN,
			       "certificate request does not contain the valid common name - got "
			       "%s, want %s",
			       csr->cn, subject);
	if (csr->kind == KEY_KIND_RSA && csr->bits < RSA_MIN_BITS)
		return why_set(why, ERR_FORBIDDEN,
			       "certificate request RSA key must be at least %d bits (%d bytes)",
			       RSA_MIN_BITS, RSA_MIN_BITS / 8);
	for (int type = 0; type < SAN_TYPES; type++)
		TRY(check_type(csr, sans, (enum san_type)type, why));
	return ERR_OK;
}

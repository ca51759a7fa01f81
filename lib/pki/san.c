// SPDX-License-Identifier: Apache-2.0
#include "pki/san.h"

#include <arpa/inet.h>

#include "pki/der.h"

// RFC 5280 section 4.2.1.6: the context tag of each kind of name.
static const struct {
	uint8_t tag;
	const char *name;
} types[SAN_TYPES] = {
	[SAN_DNS] = {DER_CONTEXT | 2, "dns"  },
	[SAN_EMAIL] = {DER_CONTEXT | 1, "email"},
	[SAN_IP] = {DER_CONTEXT | 7, "ip"	 },
	[SAN_URI] = {DER_CONTEXT | 6, "uri"  },
};

enum { SAN_LIST_MAX = 1000 };

void
san_list_init(struct san_list *l)
{
	*l = (struct san_list){0};
}

void
san_list_fini(struct san_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].text);
	free(l->items);
	*l = (struct san_list){0};
}

const char *
san_type_name(enum san_type type)
{
	return types[type].name;
}

// 4 or 16 bytes of address into out; 0 when text is not an address.
static size_t
ip_from_text(uint8_t out[static 16], const char *text)
{
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static bool
is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

static enum err
push(struct san_list *l, enum san_type type, char *take_text)
{
	AUTO(free) char *text = take_text;
	if (!text)
		return ERR_NOMEM;
	if (l->n >= SAN_LIST_MAX)
		return ERR_TOO_LARGE;
	struct san *items = realloc(l->items, (l->n + 1) * sizeof(*items));
	if (!items)
		return ERR_NOMEM;
	l->items = items;
	l->items[l->n++] = (struct san){type, STEAL(text)};
	return ERR_OK;
}

static enum err
push_ip(struct san_list *l, struct bytes raw)
{
	char text[INET6_ADDRSTRLEN];
	if (raw.n != 4 && raw.n != 16)
		return ERR_SYNTAX;
	if (!inet_ntop(raw.n == 4 ? AF_INET : AF_INET6, raw.p, text, sizeof(text)))
		return ERR_INTERNAL;
	return push(l, SAN_IP, strdup(text));
}

enum err
san_list_add(struct san_list *l, enum san_type type, const char *text)
{
	uint8_t ip[16];
	if (type == SAN_IP) {
		size_t n = ip_from_text(ip, text);
		return n ? push_ip(l, BYTES(ip, n)) : ERR_INPUT;
	}
	return is_ascii(text) ? push(l, type, strdup(text)) : ERR_INPUT;
}

enum err
san_list_add_host(struct san_list *l, const char *text)
{
	uint8_t ip[16];
	return san_list_add(l, ip_from_text(ip, text) ? SAN_IP : SAN_DNS, text);
}

static bool
contains(const struct san_list *l, const struct san *san)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].type == san->type && strcmp(l->items[i].text, san->text) == 0)
			return true;
	}
	return false;
}

static bool
is_subset(const struct san_list *a, const struct san_list *b)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!contains(b, &a->items[i]))
			return false;
	}
	return true;
}

bool
san_list_equal(const struct san_list *a, const struct san_list *b)
{
	return a->n_other == b->n_other && is_subset(a, b) && is_subset(b, a);
}

enum err
san_list_to_der(struct buf *out, const struct san_list *l)
{
	struct der_writer w = DER_WRITER(out);
	size_t names = der_open(&w, DER_SEQUENCE);
	for (size_t i = 0; i < l->n; i++) {
		uint8_t ip[16];
		const struct san *san = &l->items[i];
		struct bytes value = BYTES_STR(san->text);
		if (san->type == SAN_IP)
			value = BYTES(ip, ip_from_text(ip, san->text));
		der_put(&w, types[san->type].tag, value);
	}
	der_close(&w, names);
	return w.err;
}

// A NUL inside a name would let "good\0evil" pass as "good": such names are refused, as is 8-bit.
static enum err
push_text(struct san_list *l, enum san_type type, struct bytes raw)
{
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == 0 || raw.p[i] >= 0x80)
			return ERR_SYNTAX;
	}
	return push(l, type, bytes_to_str(raw));
}

enum err
san_list_from_der(struct san_list *l, struct bytes der)
{
	struct bytes names;
	TRY(der_expect(&der, DER_SEQUENCE, &names));
	if (der.n)
		return ERR_SYNTAX;
	while (names.n) {
		struct der_item item;
		TRY(der_read(&names, &item));
		int type = 0;
		while (type < SAN_TYPES && types[type].tag != item.tag)
			type++;
		if (type == SAN_IP)
			TRY(push_ip(l, item.value));
		else if (type < SAN_TYPES)
			TRY(push_text(l, (enum san_type)type, item.value));
		else
			l->n_other++;
	}
	return ERR_OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "pki/der.h"

#include "base/encode.h"

#define OID(name, ...)                                                                             \
	static const uint8_t name##_raw[] = {__VA_ARGS__};                                         \
	const struct bytes name = {name##_raw, sizeof(name##_raw)}

OID(oid_ec_public_key, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);
OID(oid_prime256v1, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);
OID(oid_ecdsa_sha256, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);
OID(oid_extension_request, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e);
OID(oid_common_name, 0x55, 0x04, 0x03);
OID(oid_organization, 0x55, 0x04, 0x0a);
OID(oid_subject_key_id, 0x55, 0x1d, 0x0e);
OID(oid_key_usage, 0x55, 0x1d, 0x0f);
OID(oid_subject_alt_name, 0x55, 0x1d, 0x11);
OID(oid_basic_constraints, 0x55, 0x1d, 0x13);
OID(oid_authority_key_id, 0x55, 0x1d, 0x23);
OID(oid_ext_key_usage, 0x55, 0x1d, 0x25);
OID(oid_server_auth, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01);
OID(oid_client_auth, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02);

static void
append(struct der_writer *w, const void *p, size_t n)
{
	if (!w->err)
		w->err = buf_append(w->out, p, n);
}

// The length octets of n into out (at most 5); returns how many.
static size_t
length_octets(uint8_t out[static 5], size_t n)
{
	if (n < 0x80) {
		out[0] = (uint8_t)n;
		return 1;
	}
	size_t count = 0;
	for (size_t rest = n; rest; rest >>= 8)
		count++;
	out[0] = (uint8_t)(0x80 | count);
	for (size_t i = 0; i < count; i++)
		out[1 + i] = (uint8_t)(n >> 8 * (count - 1 - i));
	return 1 + count;
}

size_t
der_open(struct der_writer *w, uint8_t tag)
{
	const uint8_t head[2] = {tag, 0};
	append(w, head, sizeof(head));
	return w->out->len;
}

void
der_close(struct der_writer *w, size_t mark)
{
	if (w->err)
		return;
	uint8_t octets[5];
	size_t content = w->out->len - mark;
	if (content > UINT32_MAX) {
		w->err = ERR_TOO_LARGE;
		return;
	}
	size_t n = length_octets(octets, content);
	w->err = buf_reserve(w->out, n - 1);
	if (w->err)
		return;
	uint8_t *at = w->out->data + mark;
	memmove(at + n - 1, at, content);
	memcpy(at - 1, octets, n);
	w->out->len += n - 1;
}

void
der_put(struct der_writer *w, uint8_t tag, struct bytes value)
{
	if (!w->err && value.n > UINT32_MAX)
		w->err = ERR_TOO_LARGE;
	if (w->err)
		return;
	uint8_t head[6] = {tag};
	size_t n = length_octets(head + 1, value.n);
	append(w, head, 1 + n);
	append(w, value.p, value.n);
}

void
der_put_raw(struct der_writer *w, struct bytes encoded)
{
	append(w, encoded.p, encoded.n);
}

void
der_put_uint(struct der_writer *w, struct bytes v)
{
	static const uint8_t zero = 0;
	while (v.n > 1 && v.p[0] == 0) {
		v.p++;
		v.n--;
	}
	if (v.n == 0)
		v = BYTES(&zero, 1);
	size_t mark = der_open(w, DER_INTEGER);
	if (v.p[0] & 0x80)
		append(w, &zero, 1);
	append(w, v.p, v.n);
	der_close(w, mark);
}

void
der_put_bool(struct der_writer *w, bool v)
{
	const uint8_t raw = v ? 0xff : 0;
	der_put(w, DER_BOOLEAN, BYTES(&raw, 1));
}

void
der_put_bits(struct der_writer *w, struct bytes bits)
{
	static const uint8_t unused = 0;
	size_t mark = der_open(w, DER_BIT_STRING);
	append(w, &unused, 1);
	append(w, bits.p, bits.n);
	der_close(w, mark);
}

// X.680 section 41.4.
static bool
is_printable_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(" '()+,-./:=?", c));
}

void
der_put_text(struct der_writer *w, const char *text)
{
	bool printable = true;
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t n = *p < 0x80 ? 1 : utf8_length(p, strlen((const char *)p));
		if (n == 0) {
			w->err = w->err ? w->err : ERR_INPUT;
			return;
		}
		printable = printable && is_printable_char(*p);
		p += n;
	}
	der_put(w, printable ? DER_PRINTABLE_STRING : DER_UTF8_STRING, BYTES_STR(text));
}

static enum err
read_length(struct bytes in, size_t *at, size_t *length)
{
	uint8_t first = in.p[1];
	*at = 2;
	*length = first;
	if (first < 0x80)
		return ERR_OK;
	size_t count = first & 0x7f;
	if (count == 0 || count > 4 || in.n < 2 + count || in.p[2] == 0)
		return ERR_SYNTAX;
	*length = 0;
	for (size_t i = 0; i < count; i++)
		*length = *length << 8 | in.p[2 + i];
	*at = 2 + count;
	return *length < 0x80 ? ERR_SYNTAX : ERR_OK;
}

enum err
der_read(struct bytes *in, struct der_item *item)
{
	size_t at;
	size_t length;
	if (in->n < 2 || (in->p[0] & 0x1f) == 0x1f)
		return ERR_SYNTAX;
	TRY(read_length(*in, &at, &length));
	if (length > in->n - at)
		return ERR_SYNTAX;
	item->tag = in->p[0];
	item->value = BYTES(in->p + at, length);
	item->whole = BYTES(in->p, at + length);
	in->p += at + length;
	in->n -= at + length;
	return ERR_OK;
}

enum err
der_expect(struct bytes *in, uint8_t tag, struct bytes *value)
{
	struct der_item item;
	if (!der_next_is(*in, tag))
		return ERR_SYNTAX;
	TRY(der_read(in, &item));
	if (value)
		*value = item.value;
	return ERR_OK;
}

bool
der_next_is(struct bytes in, uint8_t tag)
{
	return in.n > 0 && in.p[0] == tag;
}

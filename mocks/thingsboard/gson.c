// SPDX-License-Identifier: Apache-2.0
#include "thingsboard/gson.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	DEPTH_MAX = 255,
	TEXT_MAX = 256 * 1024,
};

struct reader {
	const uint8_t *p;
	const uint8_t *end;
	unsigned depth;
};

static enum err read_value(json_t **out, struct reader *r);

static bool
at_end(const struct reader *r)
{
	return r->p == r->end;
}

static bool
starts_with(const struct reader *r, const char *text)
{
	size_t n = strlen(text);
	return (size_t)(r->end - r->p) >= n && memcmp(r->p, text, n) == 0;
}

static void
skip_line(struct reader *r)
{
	while (!at_end(r) && *r->p != '\n' && *r->p != '\r')
		r->p++;
}

// Behind the "*/" that closes a comment.
static enum err
skip_block(struct reader *r)
{
	for (r->p += 2; !at_end(r); r->p++) {
		if (starts_with(r, "*/")) {
			r->p += 2;
			return ERR_OK;
		}
	}
	return ERR_SYNTAX;
}

// Blanks and comments.
static enum err
skip(struct reader *r)
{
	while (!at_end(r)) {
		if (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')
			r->p++;
		else if (*r->p == '#' || starts_with(r, "//"))
			skip_line(r);
		else if (starts_with(r, "/*"))
			TRY(skip_block(r));
		else
			return ERR_OK;
	}
	return ERR_OK;
}

// The next byte that means something.
static enum err
peek(uint8_t *out, struct reader *r)
{
	TRY(skip(r));
	if (at_end(r))
		return ERR_SYNTAX;
	*out = *r->p;
	return ERR_OK;
}

// --- texts ---

static enum err
read_hex4(uint32_t *out, struct reader *r)
{
	*out = 0;
	if (r->end - r->p < 4)
		return ERR_SYNTAX;
	for (int i = 0; i < 4; i++) {
		uint8_t c = *r->p++;
		if (!isxdigit(c))
			return ERR_SYNTAX;
		*out = *out << 4 | (uint32_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	return ERR_OK;
}

static enum err
put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80)
		return buf_put_u8(out, (uint8_t)c);
	if (c < 0x800) {
		TRY(buf_put_u8(out, (uint8_t)(0xc0 | c >> 6)));
	} else if (c < 0x10000) {
		TRY(buf_put_u8(out, (uint8_t)(0xe0 | c >> 12)));
		TRY(buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f))));
	} else {
		TRY(buf_put_u8(out, (uint8_t)(0xf0 | c >> 18)));
		TRY(buf_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f))));
		TRY(buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f))));
	}
	return buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
}

// Behind "\u". A surrogate must have its other half.
static enum err
read_unicode(struct buf *out, struct reader *r)
{
	uint32_t c;
	uint32_t low;
	TRY(read_hex4(&c, r));
	if (c < 0xd800 || c > 0xdfff)
		return put_utf8(out, c);
	if (c > 0xdbff || !starts_with(r, "\\u"))
		return ERR_SYNTAX;
	r->p += 2;
	TRY(read_hex4(&low, r));
	if (low < 0xdc00 || low > 0xdfff)
		return ERR_SYNTAX;
	return put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
}

// Behind a backslash.
static enum err
read_escape(struct buf *out, struct reader *r)
{
	static const char from[] = "tbnrf'\"\\/\n";
	static const char to[] = "\t\b\n\r\f'\"\\/\n";
	if (at_end(r))
		return ERR_SYNTAX;
	char c = (char)*r->p++;
	if (c == 'u')
		return read_unicode(out, r);
	const char *found = c ? strchr(from, c) : NULL;
	return found ? buf_put_u8(out, (uint8_t)to[found - from]) : ERR_SYNTAX;
}

static enum err
read_quoted(struct buf *out, struct reader *r)
{
	uint8_t quote = *r->p++;
	while (!at_end(r)) {
		uint8_t c = *r->p++;
		if (c == quote)
			return ERR_OK;
		if (c == '\\')
			TRY(read_escape(out, r));
		else
			TRY(buf_put_u8(out, c));
	}
	return ERR_SYNTAX;
}

// Up to the next byte that has a meaning of its own.
static enum err
read_bare(struct buf *out, struct reader *r)
{
	while (!at_end(r) && *r->p && !strchr("/\\;#=,:{}[] \t\f\r\n", *r->p))
		TRY(buf_put_u8(out, *r->p++));
	return out->len ? ERR_OK : ERR_SYNTAX;
}

static enum err
read_name(struct buf *out, struct reader *r)
{
	TRY(buf_reserve(out, 1)); // "" is a name, too
	out->data[0] = 0;
	TRY(*r->p == '"' || *r->p == '\'' ? read_quoted(out, r) : read_bare(out, r));
	// No key of ours can hold a NUL.
	return memchr(out->data, 0, out->len) ? ERR_SYNTAX : ERR_OK;
}

// --- values ---

// RFC 8259's number, nothing more.
static bool
is_number(const char *s, bool *is_real)
{
	*is_real = false;
	s += *s == '-';
	size_t digits = strspn(s, "0123456789");
	if (!digits || (digits > 1 && *s == '0'))
		return false;
	s += digits;
	if (*s == '.') {
		*is_real = true;
		s++;
		digits = strspn(s, "0123456789");
		if (!digits)
			return false;
		s += digits;
	}
	if (*s == 'e' || *s == 'E') {
		*is_real = true;
		s++;
		s += *s == '+' || *s == '-';
		digits = strspn(s, "0123456789");
		if (!digits)
			return false;
		s += digits;
	}
	return !*s;
}

static json_t *
bare_value(const char *text, size_t n)
{
	bool is_real;
	if (strcasecmp(text, "true") == 0)
		return json_true();
	if (strcasecmp(text, "false") == 0)
		return json_false();
	if (strcasecmp(text, "null") == 0)
		return json_null();
	if (!is_number(text, &is_real))
		return json_stringn(text, n);
	errno = 0;
	long long integer = is_real ? 0 : strtoll(text, NULL, 10);
	if (!is_real && errno == 0)
		return json_integer(integer);
	json_t *real = json_real(strtod(text, NULL));
	return real ? real : json_stringn(text, n); // beyond any double
}

static enum err
read_text_value(json_t **out, struct reader *r)
{
	BUF_AUTO struct buf text;
	buf_init(&text, TEXT_MAX);
	TRY(buf_reserve(&text, 1));
	bool quoted = *r->p == '"' || *r->p == '\'';
	TRY(quoted ? read_quoted(&text, r) : read_bare(&text, r));
	const char *chars = (const char *)text.data;
	*out = quoted ? json_stringn(chars, text.len) : bare_value(chars, text.len);
	return *out ? ERR_OK : ERR_SYNTAX; // not UTF-8
}

static enum err
read_member(json_t *object, struct reader *r)
{
	uint8_t c;
	BUF_AUTO struct buf name;
	json_t *value = NULL;
	buf_init(&name, TEXT_MAX);
	TRY(read_name(&name, r));
	TRY(peek(&c, r));
	if (c != ':' && c != '=')
		return ERR_SYNTAX;
	r->p++;
	if (c == '=' && starts_with(r, ">"))
		r->p++;
	TRY(read_value(&value, r));
	return json_object_set_new(object, (const char *)name.data, value) ? ERR_SYNTAX : ERR_OK;
}

// Behind a member or an element: true when another one follows.
static enum err
read_separator(bool *more, uint8_t close, struct reader *r)
{
	uint8_t c;
	TRY(peek(&c, r));
	if (c != close && c != ',' && c != ';')
		return ERR_SYNTAX;
	r->p++;
	*more = c != close;
	return ERR_OK;
}

static enum err
read_object(json_t **out, struct reader *r)
{
	uint8_t c;
	bool more = true;
	json_auto_t *object = json_object();
	r->p++;
	TRY(peek(&c, r));
	if (c == '}') {
		r->p++;
		more = false;
	}
	while (more) {
		TRY(peek(&c, r));
		TRY(read_member(object, r));
		TRY(read_separator(&more, '}', r));
	}
	*out = STEAL(object);
	return ERR_OK;
}

// A missing element ("[1,,2]", "[1,]") is null.
static enum err
read_element(json_t *array, struct reader *r)
{
	uint8_t c;
	json_t *value = NULL;
	TRY(peek(&c, r));
	if (c == ',' || c == ';' || c == ']')
		value = json_null();
	else
		TRY(read_value(&value, r));
	return json_array_append_new(array, value) ? ERR_NOMEM : ERR_OK;
}

static enum err
read_array(json_t **out, struct reader *r)
{
	uint8_t c;
	bool more = true;
	json_auto_t *array = json_array();
	r->p++;
	TRY(peek(&c, r));
	if (c == ']') {
		r->p++;
		more = false;
	}
	while (more) {
		TRY(read_element(array, r));
		TRY(read_separator(&more, ']', r));
	}
	*out = STEAL(array);
	return ERR_OK;
}

static enum err
read_value(json_t **out, struct reader *r)
{
	uint8_t c;
	TRY(peek(&c, r));
	if (c != '{' && c != '[')
		return read_text_value(out, r);
	if (r->depth == DEPTH_MAX)
		return ERR_SYNTAX;
	r->depth++;
	enum err err = c == '{' ? read_object(out, r) : read_array(out, r);
	r->depth--;
	return err;
}

enum err
gson_parse(json_t **out, struct bytes text)
{
	if (!text.n)
		return ERR_SYNTAX;
	struct reader r = {text.p, text.p + text.n, 0};
	json_auto_t *json = NULL;
	TRY(read_value(&json, &r));
	TRY(skip(&r));
	if (!at_end(&r))
		return ERR_SYNTAX;
	*out = STEAL(json);
	return ERR_OK;
}

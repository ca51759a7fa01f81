// SPDX-License-Identifier: Apache-2.0
#include "pki/pem.h"

#include <openssl/crypto.h>

#include "base/encode.h"

enum { PEM_COLUMNS = 64, PEM_LINE_BYTES = PEM_COLUMNS / 4 * 3 };

static struct bytes
next_line(struct bytes *text)
{
	const uint8_t *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
	size_t n = end ? (size_t)(end - text->p) : text->n;
	struct bytes line = BYTES(text->p, n);
	size_t eaten = end ? n + 1 : n;
	text->p += eaten;
	text->n -= eaten;
	while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' ' ||
			  line.p[line.n - 1] == '\t'))
		line.n--;
	return line;
}

// line is "-----BEGIN label-----" for what = "BEGIN ".
static bool
is_boundary(struct bytes line, const char *what, struct bytes *label)
{
	size_t head = 5 + strlen(what);
	if (line.n < head + 5 || memcmp(line.p, "-----", 5) != 0 ||
	    memcmp(line.p + 5, what, head - 5) != 0 || memcmp(line.p + line.n - 5, "-----", 5) != 0)
		return false;
	*label = BYTES(line.p + head, line.n - head - 5);
	return true;
}

// RFC 1421 header lines ("DEK-Info: ...") stand before an empty line; base64 holds no colon.
static bool
is_header(struct bytes line)
{
	return line.n && memchr(line.p, ':', line.n) != NULL;
}

static enum err
append_without_blanks(struct buf *out, struct bytes line)
{
	TRY(buf_reserve(out, line.n));
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] != ' ' && line.p[i] != '\t')
			out->data[out->len++] = line.p[i];
	}
	return ERR_OK;
}

enum err
pem_next(struct pem_block *block, struct bytes *text)
{
	buf_clear(&block->der);
	block->label = BYTES_NONE;
	while (text->n && !is_boundary(next_line(text), "BEGIN ", &block->label))
		;
	if (!block->label.p)
		return ERR_NOT_FOUND;
	struct buf base64;
	buf_init(&base64, text->n);
	enum err err = ERR_SYNTAX;
	struct bytes end_label;
	while (text->n) {
		struct bytes line = next_line(text);
		if (is_boundary(line, "END ", &end_label)) {
			if (bytes_equal(end_label, block->label))
				err = base64_decode(&block->der, buf_bytes(&base64));
			break;
		}
		if (!is_header(line) && append_without_blanks(&base64, line))
			break;
	}
	if (base64.data)
		OPENSSL_cleanse(base64.data, base64.len); // it may have been a private key
	buf_fini(&base64);
	return err;
}

enum err
pem_write(struct buf *out, const char *label, struct bytes der)
{
	size_t lines = (der.n + PEM_LINE_BYTES - 1) / PEM_LINE_BYTES;
	TRY(buf_printf(out, "-----BEGIN %s-----\n", label));
	TRY(buf_reserve(out, BASE64_CHARS(der.n) + lines + 1));
	for (size_t at = 0; at < der.n; at += PEM_LINE_BYTES) {
		size_t n = der.n - at < PEM_LINE_BYTES ? der.n - at : PEM_LINE_BYTES;
		base64_encode((char *)buf_tail(out), BYTES(der.p + at, n));
		out->len += BASE64_CHARS(n);
		out->data[out->len++] = '\n';
	}
	out->data[out->len] = 0;
	return buf_printf(out, "-----END %s-----\n", label);
}

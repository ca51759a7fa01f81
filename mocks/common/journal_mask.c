// SPDX-License-Identifier: Apache-2.0
// Masks secrets in a text that is JSON, was JSON before it was cut, or is anything else: a scanner
// for `"key": "value"`, not a parser.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/journal.h"

// Parts of a key's name, without regard to case, that make its value a secret.
static const char *const secret_parts[] = {
	"password", "passwd",  "secret", "token",	 "private",	  "credentialsvalue",
	"apikey",   "api_key", "psk",	 "presharedkey", "preshared_key", "authorization"};
// Whole names.
static const char *const secret_names[] = {"ott", "jwt", "pin"};

static bool
is_secret_key(struct bytes key)
{
	char name[64];
	if (key.n >= sizeof(name))
		key.n = sizeof(name) - 1;
	memcpy(name, key.p, key.n);
	name[key.n] = 0;
	for (size_t i = 0; i < N_ELEMENTS(secret_parts); i++) {
		if (strcasestr(name, secret_parts[i]))
			return true;
	}
	for (size_t i = 0; i < N_ELEMENTS(secret_names); i++) {
		if (strcasecmp(name, secret_names[i]) == 0)
			return true;
	}
	return false;
}

// Index behind the string's content that begins at i: of its closing quote or the end of the text.
static size_t
string_end(struct bytes text, size_t i)
{
	while (i < text.n && text.p[i] != '"')
		i += text.p[i] == '\\' ? 2 : 1;
	return i < text.n ? i : text.n;
}

static size_t
skip_blanks(struct bytes text, size_t i)
{
	while (i < text.n && isspace(text.p[i]))
		i++;
	return i;
}

static const uint8_t *
find(struct bytes text, size_t from, const char *needle)
{
	return memmem(text.p + from, text.n - from, needle, strlen(needle));
}

// Appends text[from, to) without the content of PEM private keys (RFC 7468, RFC 5958).
static enum err
append_without_keys(struct buf *out, struct bytes text, size_t from, size_t to)
{
	static const char label[] = "PRIVATE KEY-----";
	struct bytes part = BYTES(text.p + from, to - from);
	size_t at = 0;
	for (;;) {
		const uint8_t *begin = find(part, at, label);
		if (!begin)
			return buf_append(out, part.p + at, part.n - at);
		size_t open = (size_t)(begin - part.p) + sizeof(label) - 1;
		TRY(buf_append(out, part.p + at, open - at));
		TRY(buf_append_str(out, "***"));
		const uint8_t *end = find(part, open, label);
		if (!end)
			return ERR_OK;
		at = (size_t)(end - part.p) + sizeof(label) - 1;
	}
}

enum err
journal_mask(struct buf *out, struct bytes text)
{
	size_t done = 0;
	size_t i = 0;
	while (i < text.n) {
		if (text.p[i] != '"') {
			i++;
			continue;
		}
		size_t key = i + 1;
		size_t key_end = string_end(text, key);
		size_t colon = skip_blanks(text, key_end + (key_end < text.n));
		i = key_end + 1;
		if (colon >= text.n || text.p[colon] != ':')
			continue;
		size_t value = skip_blanks(text, colon + 1);
		if (value >= text.n || text.p[value] != '"' ||
		    !is_secret_key(BYTES(text.p + key, key_end - key)))
			continue;
		TRY(append_without_keys(out, text, done, value + 1));
		TRY(buf_append_str(out, "***"));
		done = string_end(text, value + 1);
		i = done + 1;
	}
	return append_without_keys(out, text, done, text.n);
}

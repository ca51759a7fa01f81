// SPDX-License-Identifier: Apache-2.0
// base64, base64url, hex, percent-encoding, JSON escapes, ids. Decoders take one canonical form
// only, so that encoding what was decoded gives the same text back.
#include <jansson.h>

#include "base/encode.h"
#include "base/id.h"
#include "base/log.h"
#include "fuzz.h"

static void
check_base64(struct bytes text)
{
	BUF_AUTO struct buf raw;
	buf_init(&raw, text.n + 4); // decoders reserve whole groups
	AUTO(free) char *encoded = malloc(BASE64_CHARS(text.n) + 5);
	if (base64_decode(&raw, text) == ERR_OK) {
		base64_encode(encoded, buf_bytes(&raw));
		FUZZ_CHECK(bytes_is(text, encoded));
	}
	buf_clear(&raw);
	if (base64url_decode(&raw, text) == ERR_OK) {
		base64url_encode(encoded, buf_bytes(&raw));
		FUZZ_CHECK(bytes_is(text, encoded));
	}
	buf_clear(&raw);
	base64_encode(encoded, text);
	FUZZ_CHECK(base64_decode(&raw, BYTES_STR(encoded)) == ERR_OK && fuzz_buf_is(&raw, text));
	buf_clear(&raw);
	base64url_encode(encoded, text);
	FUZZ_CHECK(base64url_decode(&raw, BYTES_STR(encoded)) == ERR_OK && fuzz_buf_is(&raw, text));
}

static void
check_hex(struct bytes text)
{
	uint8_t *raw = malloc(text.n + 1);
	char *encoded = malloc(HEX_CHARS(text.n) + 1);
	if (hex_decode(raw, text.n / 2, text) == ERR_OK) {
		FUZZ_CHECK(text.n % 2 == 0);
		hex_encode(encoded, BYTES(raw, text.n / 2));
		FUZZ_CHECK(strncasecmp(encoded, (const char *)text.p, text.n) == 0);
	}
	hex_encode(encoded, text);
	FUZZ_CHECK(hex_decode(raw, text.n, BYTES_STR(encoded)) == ERR_OK);
	FUZZ_CHECK(text.n == 0 || memcmp(raw, text.p, text.n) == 0);
	free(encoded);
	free(raw);
}

static void
check_percent(struct bytes text)
{
	AUTO(free) char *decoded = fuzz_text(text);
	BUF_AUTO struct buf encoded;
	size_t n = strlen(decoded);
	buf_init(&encoded, 3 * text.n + 1);
	if (percent_decode(decoded) != ERR_OK)
		return;
	FUZZ_CHECK(strlen(decoded) <= n);
	FUZZ_CHECK(percent_encode(&encoded, decoded) == ERR_OK);
	AUTO(free) char *again = fuzz_text(buf_bytes(&encoded));
	FUZZ_CHECK(percent_decode(again) == ERR_OK && strcmp(again, decoded) == 0);
}

// Whatever the bytes, a log line stays JSON.
static void
check_json_escape(struct bytes text)
{
	BUF_AUTO struct buf line;
	buf_init(&line, 8 * text.n + 16);
	FUZZ_CHECK(buf_append_str(&line, "[\"") == ERR_OK);
	FUZZ_CHECK(json_escape(&line, text) == ERR_OK);
	FUZZ_CHECK(buf_append_str(&line, "\"]") == ERR_OK);
	FUZZ_CHECK(!memchr(line.data, '\n', line.len));
	json_auto_t *json = json_loadb((const char *)line.data, line.len, JSON_ALLOW_NUL, NULL);
	FUZZ_CHECK(json);
}

static void
check_ids(struct bytes text)
{
	AUTO(free) char *id = fuzz_text(text);
	struct why why = {0};
	enum err err = device_id_check(id, &why);
	FUZZ_CHECK_WHY(err, why);
	FUZZ_CHECK(device_id_is_valid(id) == !err);
	FUZZ_CHECK(err || strlen(id) <= DEVICE_ID_MAX);
	(void)uuid_is_valid(id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = BYTES(data, size);
	check_base64(text);
	check_hex(text);
	check_percent(text);
	check_json_escape(text);
	check_ids(text);
	return 0;
}

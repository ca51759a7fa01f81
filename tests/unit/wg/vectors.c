// SPDX-License-Identifier: Apache-2.0
#include "vectors.h"

#include <criterion/criterion.h>

#include "base/encode.h"
#include "base/file.h"

void
vector_load(struct buf *out, const char *name)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 65536);
	cr_assert(file_read(&text, TEST_DATA_DIR "/wireguard-vectors.txt", NULL) == ERR_OK);
	size_t n = strlen(name);
	for (char *line = (char *)text.data; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) != 0 || line[n] != ' ')
			continue;
		const char *hex = line + n + strspn(line + n, " ");
		size_t digits = strcspn(hex, "\n");
		cr_assert(buf_reserve(out, digits / 2) == ERR_OK);
		cr_assert(hex_decode(buf_tail(out), digits / 2, BYTES(hex, digits)) == ERR_OK);
		out->len += digits / 2;
		return;
	}
	cr_assert_fail("no vector named %s", name);
}

struct wg_key
vector_key(const char *name)
{
	BUF_AUTO struct buf raw;
	struct wg_key key;
	buf_init(&raw, 4096);
	vector_load(&raw, name);
	cr_assert(raw.len == sizeof(key.b));
	memcpy(key.b, raw.data, sizeof(key.b));
	return key;
}

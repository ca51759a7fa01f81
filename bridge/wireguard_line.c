// SPDX-License-Identifier: Apache-2.0
#include "bridge/wireguard_line.h"

#include <ctype.h>
#include <strings.h>

static bool
is_blank(uint8_t c)
{
	return isspace(c) != 0;
}

static struct bytes
trim(struct bytes text)
{
	while (text.n && is_blank(text.p[0]))
		text = BYTES(text.p + 1, text.n - 1);
	while (text.n && is_blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

// "# device: dev-1"
static bool
read_marker(struct bytes *device, struct bytes line)
{
	static const char word[] = "device:";
	char id[DEVICE_ID_MAX + 1];
	struct bytes text = trim(line);
	if (text.n == 0 || text.p[0] != '#')
		return false;
	text = trim(BYTES(text.p + 1, text.n - 1));
	if (text.n < sizeof(word) - 1 || memcmp(text.p, word, sizeof(word) - 1) != 0)
		return false;
	text = trim(BYTES(text.p + sizeof(word) - 1, text.n - (sizeof(word) - 1)));
	if (text.n > DEVICE_ID_MAX)
		return false;
	memcpy(id, text.p, text.n);
	id[text.n] = '\0';
	*device = text;
	return strlen(id) == text.n && device_id_is_valid(id);
}

static void
compact(struct wireguard_line *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->text.n && l->text.p[i] != '#'; i++) {
		if (is_blank(l->text.p[i]))
			continue;
		if (n == sizeof(l->compact) - 1) {
			l->cut = true;
			break;
		}
		l->compact[n++] = (char)l->text.p[i];
	}
	l->compact[n] = '\0';
}

bool
wireguard_line_next(struct wireguard_line *out, struct bytes *text)
{
	if (text->n == 0)
		return false;
	const uint8_t *end = memchr(text->p, '\n', text->n);
	size_t n = end ? (size_t)(end - text->p) + 1 : text->n;
	out->text = BYTES(text->p, n);
	out->cut = false;
	*text = BYTES(text->p + n, text->n - n);
	compact(out);
	if (out->compact[0] == '[')
		out->kind = strcasecmp(out->compact, "[Peer]") == 0 ? LINE_PEER : LINE_SECTION;
	else if (out->compact[0])
		out->kind = LINE_KEY;
	else if (read_marker(&out->device, out->text))
		out->kind = LINE_MARKER;
	else
		out->kind = trim(out->text).n ? LINE_COMMENT : LINE_BLANK;
	return true;
}

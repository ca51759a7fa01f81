// SPDX-License-Identifier: Apache-2.0
#include "step-ca/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

enum {
	FILE_MAX = 1024 * 1024 * 1024,
	LINE_MAX_BYTES = 256 * 1024,
};

// A member of a set of texts.
struct word {
	UT_hash_handle hh;
	char text[];
};

struct subject;

struct certificate {
	UT_hash_handle hh; // by serial
	struct subject *subject;
	int64_t not_after;
	bool revoked;
	struct certificate *next; // of the subject, oldest first
	struct certificate *prev;
	char serial[];
};

struct subject {
	UT_hash_handle hh; // by CN
	uint64_t issued;
	uint64_t revoked;
	struct certificate *certificates;
	char cn[];
};

struct ledger {
	int fd; // -1: memory only
	struct word *used;
	struct word *revoked;
	struct certificate *certificates;
	struct subject *subjects;
	struct buf line; // reused
};

// --- sets ---

static bool
has_word(const struct word *set, const char *text)
{
	struct word *found;
	HASH_FIND_STR(set, text, found);
	return found != NULL;
}

static enum err
add_word(struct word **set, const char *text)
{
	size_t n = strlen(text);
	struct word *word = malloc(sizeof(*word) + n + 1);
	if (!word)
		return ERR_NOMEM;
	memcpy(word->text, text, n + 1);
	HASH_ADD_KEYPTR(hh, *set, word->text, n, word);
	return ERR_OK;
}

static void
free_words(struct word **set)
{
	struct word *word;
	struct word *next;
	HASH_ITER (hh, *set, word, next) {
		HASH_DEL(*set, word);
		free(word);
	}
}

// --- certificates ---

static struct subject *
subject_of(struct ledger *l, const char *cn)
{
	struct subject *s;
	size_t n = strlen(cn);
	HASH_FIND_STR(l->subjects, cn, s);
	if (s)
		return s;
	s = calloc(1, sizeof(*s) + n + 1);
	if (!s)
		return NULL;
	memcpy(s->cn, cn, n + 1);
	HASH_ADD_KEYPTR(hh, l->subjects, s->cn, n, s);
	return s;
}

static enum err
remember_certificate(struct ledger *l, const char *serial, const char *cn, int64_t not_after)
{
	struct subject *s = subject_of(l, cn);
	size_t n = strlen(serial);
	struct certificate *c = calloc(1, sizeof(*c) + n + 1);
	if (!s || !c) {
		free(c);
		return ERR_NOMEM;
	}
	memcpy(c->serial, serial, n + 1);
	c->subject = s;
	c->not_after = not_after;
	s->issued++;
	DL_APPEND(s->certificates, c);
	HASH_ADD_KEYPTR(hh, l->certificates, c->serial, n, c);
	return ERR_OK;
}

static struct certificate *
find_certificate(const struct ledger *l, const char *serial)
{
	struct certificate *c;
	HASH_FIND_STR(l->certificates, serial, c);
	return c;
}

static enum err
remember_revocation(struct ledger *l, const char *serial)
{
	TRY(add_word(&l->revoked, serial));
	struct certificate *c = find_certificate(l, serial);
	if (c && !c->revoked) {
		c->revoked = true;
		c->subject->revoked++;
	}
	return ERR_OK;
}

static void
forget_all(struct ledger *l)
{
	struct subject *s;
	struct subject *next;
	free_words(&l->used);
	free_words(&l->revoked);
	HASH_CLEAR(hh, l->certificates);
	HASH_ITER (hh, l->subjects, s, next) {
		struct certificate *c;
		struct certificate *next_c;
		DL_FOREACH_SAFE (s->certificates, c, next_c)
			free(c);
		HASH_DEL(l->subjects, s);
		free(s);
	}
}

// --- the file: one JSON object a line ---

static enum err
write_line(struct ledger *l, const char *kind, const char *text, const char *rest)
{
	if (l->fd < 0)
		return ERR_OK;
	buf_clear(&l->line);
	TRY(buf_printf(&l->line, "{\"%s\":\"", kind));
	TRY(json_escape(&l->line, BYTES_STR(text)));
	TRY(buf_printf(&l->line, "\"%s}\n", rest));
	ssize_t n;
	do
		n = write(l->fd, l->line.data, l->line.len);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)l->line.len ? ERR_OK : ERR_IO;
}

static enum err
read_entry(struct ledger *l, struct bytes line)
{
	json_auto_t *entry = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	const char *used = json_string_value(json_object_get(entry, "used"));
	const char *revoked = json_string_value(json_object_get(entry, "revoked"));
	const char *issued = json_string_value(json_object_get(entry, "issued"));
	const char *cn = json_string_value(json_object_get(entry, "cn"));
	if (used)
		return has_word(l->used, used) ? ERR_OK : add_word(&l->used, used);
	if (revoked)
		return has_word(l->revoked, revoked) ? ERR_OK : remember_revocation(l, revoked);
	if (issued && cn && !find_certificate(l, issued))
		return remember_certificate(
			l, issued, cn, json_integer_value(json_object_get(entry, "not_after")));
	return ERR_SYNTAX;
}

// Returns through *good how many bytes of whole lines there are.
static enum err
read_entries(struct ledger *l, struct bytes text, size_t *good, const char *path, struct why *why)
{
	*good = 0;
	for (unsigned number = 1; *good < text.n; number++) {
		const uint8_t *start = text.p + *good;
		const uint8_t *end = memchr(start, '\n', text.n - *good);
		if (!end)
			return ERR_OK;
		enum err err = read_entry(l, BYTES(start, (size_t)(end - start)));
		if (err)
			return why_set(why, err, "%s:%u: not an entry of a ledger", path, number);
		*good = (size_t)(end + 1 - text.p);
	}
	return ERR_OK;
}

static enum err
open_file(struct ledger *l, const char *path, struct why *why)
{
	BUF_AUTO struct buf text;
	size_t good;
	buf_init(&text, FILE_MAX);
	l->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return why_set(why, ERR_IO, "%s: %s", path, strerror(errno));
	TRY(file_read(&text, path, why));
	TRY(read_entries(l, buf_bytes(&text), &good, path, why));
	if (ftruncate(l->fd, (off_t)good) != 0)
		return why_set(why, ERR_IO, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

AUTO_DEFINE(struct ledger *, ledger_free)

enum err
ledger_open(struct ledger **out, const char *path, struct why *why)
{
	*out = NULL;
	AUTO(ledger_free) struct ledger *l = calloc(1, sizeof(*l));
	if (!l)
		return why_set(why, ERR_NOMEM, "out of memory");
	l->fd = -1;
	buf_init(&l->line, LINE_MAX_BYTES);
	if (path)
		TRY(open_file(l, path, why));
	*out = STEAL(l);
	return ERR_OK;
}

void
ledger_free(struct ledger *l)
{
	if (!l)
		return;
	forget_all(l);
	buf_fini(&l->line);
	fd_close(&l->fd);
	free(l);
}

void
ledger_clear(struct ledger *l)
{
	forget_all(l);
	if (l->fd >= 0 && ftruncate(l->fd, 0) != 0)
		fd_close(&l->fd);
}

// --- questions and entries ---

enum err
ledger_use_token(struct ledger *l, const char *key)
{
	if (has_word(l->used, key))
		return ERR_CONFLICT;
	TRY(write_line(l, "used", key, ""));
	return add_word(&l->used, key);
}

enum err
ledger_revoke(struct ledger *l, const char *serial)
{
	if (has_word(l->revoked, serial))
		return ERR_CONFLICT;
	TRY(write_line(l, "revoked", serial, ""));
	return remember_revocation(l, serial);
}

bool
ledger_is_revoked(const struct ledger *l, const char *serial)
{
	return has_word(l->revoked, serial);
}

enum err
ledger_add_certificate(struct ledger *l, const char *serial, const char *cn, int64_t not_after)
{
	BUF_AUTO struct buf rest;
	buf_init(&rest, LINE_MAX_BYTES);
	if (l->fd >= 0) {
		TRY(buf_append_str(&rest, ",\"cn\":\""));
		TRY(json_escape(&rest, BYTES_STR(cn)));
		TRY(buf_printf(&rest, "\",\"not_after\":%lld", (long long)not_after));
		TRY(write_line(l, "issued", serial, (char *)rest.data));
	}
	return remember_certificate(l, serial, cn, not_after);
}

const char *
ledger_subject(const struct ledger *l, const char *serial)
{
	const struct certificate *c = find_certificate(l, serial);
	return c ? c->subject->cn : NULL;
}

static json_t *
certificate_json(const struct certificate *c)
{
	char not_after[CLOCK_RFC3339_BYTES];
	clock_format_rfc3339(not_after, (uint64_t)c->not_after * NS_PER_S, 0);
	return json_pack("{s:s, s:s, s:b}", "serial", c->serial, "not_after", not_after, "revoked",
			 c->revoked);
}

static json_t *
subject_json(const struct subject *s, bool with_serials)
{
	json_t *json = json_pack("{s:I, s:I, s:o}", "issued", (json_int_t)s->issued, "revoked",
				 (json_int_t)s->revoked, "latest",
				 certificate_json(s->certificates->prev));
	if (!json || !with_serials)
		return json;
	json_t *serials = json_array();
	const struct certificate *c;
	DL_FOREACH (s->certificates, c)
		json_array_append_new(serials, certificate_json(c));
	json_object_set_new(json, "serials", serials);
	return json;
}

json_t *
ledger_certificates(const struct ledger *l, const char *device)
{
	json_t *all = json_object();
	struct subject *s;
	struct subject *next;
	if (device) {
		HASH_FIND_STR(l->subjects, device, s);
		if (s)
			json_object_set_new(all, s->cn, subject_json(s, true));
		return all;
	}
	HASH_ITER (hh, l->subjects, s, next)
		json_object_set_new(all, s->cn, subject_json(s, false));
	return all;
}

// SPDX-License-Identifier: Apache-2.0
// Records lie packed one behind the other in one block of memory that is used as a ring; an array
// of offsets, itself a ring, finds a record by its sequence number. A record never wraps: when the
// rest of the block is too short, the ring goes on at its start.
#include "common/journal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	RING_BYTES = 8 * 1024 * 1024,
	BODY_MAX_BYTES = 4096,
	TEXT_MAX_BYTES = 512,
	RECORD_ALIGN = 8,
	// A ring that cannot hold a few of the largest records would be of no use.
	RING_MIN_BYTES = 64 * 1024,
	FAULT_NAMES_MAX = 1024,
};

enum text_slot {
	TEXT_EVENT,
	TEXT_DEVICE,
	TEXT_PEER,
	TEXT_CALL,
	TEXT_AUTH,
	TEXT_NEAREST,
	TEXT_NOTE,
	N_TEXTS
};

static const char *const text_names[N_TEXTS] = {"event", "device",  "peer", "call",
						"auth",	 "nearest", "note"};

// The texts and then the body follow it; a text of length 0 was absent.
struct record {
	uint64_t seq;
	uint64_t wall_ns;
	uint32_t body_kept;
	uint32_t body_total;
	int status;
	uint16_t fault; // index into the names of faults; 0: none
	uint16_t text_len[N_TEXTS];
};

struct journal {
	uint8_t *block;
	uint32_t size;
	uint32_t head; // where the next record may go
	uint32_t body_max;
	uint32_t *offsets; // of seq at [seq % n_offsets]
	uint64_t n_offsets;
	uint64_t first; // oldest that is kept
	uint64_t next;	// sequence number to give; first == next: empty
	uint64_t cleared;
	// Names of faults seen so far: few, and a record can be given one after it was packed.
	char *faults[FAULT_NAMES_MAX];
	uint16_t n_faults;
};

enum err
journal_new(struct journal **out, const struct journal_options *o)
{
	AUTO(journal_free) struct journal *j = calloc(1, sizeof(*j));
	if (!j)
		return ERR_NOMEM;
	size_t size = o && o->bytes ? o->bytes : RING_BYTES;
	size = size < RING_MIN_BYTES ? RING_MIN_BYTES : size;
	j->size = (uint32_t)(size > UINT32_MAX / 2 ? UINT32_MAX / 2 : size);
	j->body_max = (uint32_t)(o && o->body_max ? o->body_max : BODY_MAX_BYTES);
	if (j->body_max > j->size / 4)
		j->body_max = j->size / 4;
	j->n_offsets = j->size / sizeof(struct record);
	j->block = malloc(j->size);
	j->offsets = calloc(j->n_offsets, sizeof(*j->offsets));
	j->first = j->next = 1;
	if (!j->block || !j->offsets)
		return ERR_NOMEM;
	*out = STEAL(j);
	return ERR_OK;
}

void
journal_free(struct journal *j)
{
	if (!j)
		return;
	for (uint16_t i = 0; i < j->n_faults; i++)
		free(j->faults[i]);
	free(j->block);
	free(j->offsets);
	free(j);
}

void
journal_clear(struct journal *j)
{
	j->first = j->next;
	j->cleared = j->next - 1;
	j->head = 0;
}

static struct record *
record_at(const struct journal *j, uint64_t seq)
{
	return (struct record *)(void *)(j->block + j->offsets[seq % j->n_offsets]);
}

// Room for n bytes (n is far below the size) at j->head; the oldest records go as far as needed.
static void
make_room(struct journal *j, uint32_t n)
{
	if (j->next - j->first == j->n_offsets)
		j->first++;
	for (;;) {
		if (j->first == j->next) {
			j->head = 0;
			return;
		}
		uint32_t tail = j->offsets[j->first % j->n_offsets];
		if (j->head > tail) {
			if (j->size - j->head >= n)
				return;
			if (tail >= n) {
				j->head = 0;
				return;
			}
		} else if (tail - j->head >= n) {
			return;
		}
		j->first++;
	}
}

static uint16_t
text_length(const char *text, enum text_slot slot)
{
	if (!text)
		return 0;
	size_t n = strnlen(text, TEXT_MAX_BYTES);
	// Credentials stop at the scheme: "Basic", "Bearer".
	if (slot == TEXT_AUTH) {
		const char *blank = memchr(text, ' ', n);
		n = blank ? (size_t)(blank - text) : 0;
	}
	return (uint16_t)n;
}

static uint16_t
fault_index(struct journal *j, const char *name)
{
	if (!name)
		return 0;
	for (uint16_t i = 0; i < j->n_faults; i++) {
		if (strcmp(j->faults[i], name) == 0)
			return (uint16_t)(i + 1);
	}
	if (j->n_faults == FAULT_NAMES_MAX)
		return 0;
	char *copy = strdup(name);
	if (!copy)
		return 0;
	j->faults[j->n_faults++] = copy;
	return j->n_faults;
}

uint64_t
journal_append(struct journal *j, const struct journal_record *r)
{
	const char *const texts[N_TEXTS] = {r->event, r->device,  r->peer, r->call,
					    r->auth,  r->nearest, r->note};
	struct record record = {.seq = j->next,
				.wall_ns = r->wall_ns,
				.status = r->status,
				.fault = fault_index(j, r->fault)};
	size_t n = sizeof(record);
	for (enum text_slot i = 0; i < N_TEXTS; i++)
		n += record.text_len[i] = text_length(texts[i], i);
	record.body_total = (uint32_t)(r->body.n > UINT32_MAX ? UINT32_MAX : r->body.n);
	record.body_kept = r->body.n < j->body_max ? (uint32_t)r->body.n : j->body_max;
	n = (n + record.body_kept + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;

	make_room(j, (uint32_t)n);
	uint8_t *p = j->block + j->head;
	memcpy(p, &record, sizeof(record));
	p += sizeof(record);
	for (enum text_slot i = 0; i < N_TEXTS; i++) {
		if (record.text_len[i])
			memcpy(p, texts[i], record.text_len[i]);
		p += record.text_len[i];
	}
	if (record.body_kept)
		memcpy(p, r->body.p, record.body_kept);
	j->offsets[j->next % j->n_offsets] = j->head;
	j->head += (uint32_t)n;
	return j->next++;
}

void
journal_set_status(struct journal *j, uint64_t seq, int status)
{
	if (seq >= j->first && seq < j->next)
		record_at(j, seq)->status = status;
}

void
journal_set_fault(struct journal *j, uint64_t seq, const char *fault)
{
	if (seq >= j->first && seq < j->next)
		record_at(j, seq)->fault = fault_index(j, fault);
}

// A JSON string of any bytes; what is not UTF-8 reads U+FFFD.
static json_t *
text_to_json(struct bytes text)
{
	BUF_AUTO struct buf b;
	buf_init(&b, 6 * text.n + 2);
	if (buf_append_str(&b, "\"") != ERR_OK || json_escape(&b, text) != ERR_OK ||
	    buf_append_str(&b, "\"") != ERR_OK)
		return NULL;
	return json_loadb((const char *)b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static json_t *
body_to_json(struct bytes body)
{
	BUF_AUTO struct buf masked;
	buf_init(&masked, 4 * body.n + 64);
	if (journal_mask(&masked, body) != ERR_OK)
		return NULL;
	json_t *parsed = json_loadb((const char *)masked.data, masked.len, 0, NULL);
	return parsed ? parsed : text_to_json(buf_bytes(&masked));
}

static json_t *
record_to_json(const struct journal *j, const struct record *r)
{
	char stamp[CLOCK_RFC3339_BYTES];
	clock_format_rfc3339(stamp, r->wall_ns, 6);
	json_t *out = json_pack("{s:I, s:s}", "seq", (json_int_t)r->seq, "t", stamp);
	const uint8_t *p = (const uint8_t *)(r + 1);
	for (enum text_slot i = 0; i < N_TEXTS; i++) {
		if (r->text_len[i])
			json_object_set_new(out, text_names[i],
					    text_to_json(BYTES(p, r->text_len[i])));
		p += r->text_len[i];
	}
	if (r->fault)
		json_object_set_new(out, "fault", json_string(j->faults[r->fault - 1]));
	if (r->status)
		json_object_set_new(out, "status", json_integer(r->status));
	if (r->body_kept)
		json_object_set_new(out, "body", body_to_json(BYTES(p, r->body_kept)));
	if (r->body_total > r->body_kept)
		json_object_set_new(out, "body_bytes", json_integer(r->body_total));
	return out;
}

static bool
text_is(const struct record *r, enum text_slot slot, const char *wanted)
{
	const uint8_t *p = (const uint8_t *)(r + 1);
	for (enum text_slot i = 0; i < slot; i++)
		p += r->text_len[i];
	return bytes_is(BYTES(p, r->text_len[slot]), wanted);
}

static bool
passes(const struct record *r, const struct journal_filter *f)
{
	return (!f->device || text_is(r, TEXT_DEVICE, f->device)) &&
	       (!f->event || text_is(r, TEXT_EVENT, f->event));
}

json_t *
journal_list(const struct journal *j, const struct journal_filter *f)
{
	uint64_t from = f->since < j->first ? j->first : f->since + 1;
	if (f->since >= j->next)
		from = j->next;
	if (f->last) {
		size_t left = f->last;
		uint64_t oldest = from;
		for (from = j->next; from > oldest && left; from--)
			left -= passes(record_at(j, from - 1), f);
	}
	json_t *entries = json_array();
	for (uint64_t seq = from; seq < j->next; seq++) {
		const struct record *r = record_at(j, seq);
		if (passes(r, f))
			json_array_append_new(entries, record_to_json(j, r));
	}
	return json_pack("{s:o, s:I, s:I}", "entries", entries, "last", (json_int_t)(j->next - 1),
			 "dropped", (json_int_t)(j->first - 1 - j->cleared));
}

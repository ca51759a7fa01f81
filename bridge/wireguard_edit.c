// SPDX-License-Identifier: Apache-2.0
// The text is cut into pieces: one for each [Peer] section from its header (and the empty line
// before it) to its last key, and one for whatever lies between. Pieces are never altered: a change
// marks one as gone and puts another in its place, so that both indexes stay true.
#include "bridge/wireguard_edit.h"

#include <stdio.h>
#include <strings.h>
#include <uthash.h>
#include <utlist.h>

#include "bridge/wireguard_backend.h"
#include "bridge/wireguard_line.h"
#include "wg/ip.h"

enum {
	BLOCK_BYTES_MAX = 1024 * 1024,
};

struct piece {
	struct piece *next, *prev;
	struct bytes text;
	char *own; // what text points to when it is not the file's
	bool gone;
	bool is_peer;
	size_t lead; // bytes of text before the header's line
	struct bytes device;
	bool has_key;
	struct wg_key key;
	unsigned n_allowed;
	struct ip_prefix allowed; // the last one
	UT_hash_handle by_device;
	UT_hash_handle by_key;
	// Others with the same device or key; the head is in the index.
	struct piece *same_device;
	struct piece *same_key;
};

struct wireguard_edit {
	struct piece *pieces;
	struct piece *devices; // index
	struct piece *keys;    // index
	const char *eol;
	size_t n_peers;
	bool changed;
};

// --- pieces ---

static void
read_allowed_ips(struct piece *p, const char *list, bool cut)
{
	// Whatever is not exactly one readable address counts as many.
	p->n_allowed += cut ? 2 : 0;
	while (*list) {
		size_t n = strcspn(list, ",");
		p->n_allowed += ip_prefix_parse(&p->allowed, BYTES(list, n)) == ERR_OK ? 1 : 2;
		list += n + (list[n] == ',');
	}
}

static void
read_key_line(struct piece *p, const struct wireguard_line *l)
{
	static const char public_key[] = "PublicKey=";
	static const char allowed_ips[] = "AllowedIPs=";
	const char *text = l->compact;
	if (strncasecmp(text, public_key, sizeof(public_key) - 1) == 0) {
		struct bytes value = BYTES_STR(text + sizeof(public_key) - 1);
		p->has_key = !l->cut && wg_key_parse(&p->key, value) == ERR_OK;
	} else if (strncasecmp(text, allowed_ips, sizeof(allowed_ips) - 1) == 0) {
		read_allowed_ips(p, text + sizeof(allowed_ips) - 1, l->cut);
	}
}

static uint32_t
piece_ip(const struct piece *p)
{
	bool single = p->n_allowed == 1 && p->allowed.family == 4 && p->allowed.bits == 32;
	return single ? ip4_of_prefix(&p->allowed) : 0;
}

static void
index_piece(struct wireguard_edit *e, struct piece *p)
{
	struct piece *head;
	if (p->device.n) {
		HASH_FIND(by_device, e->devices, p->device.p, p->device.n, head);
		if (head) {
			p->same_device = head->same_device;
			head->same_device = p;
		} else {
			HASH_ADD_KEYPTR(by_device, e->devices, p->device.p, p->device.n, p);
		}
	}
	if (p->has_key) {
		HASH_FIND(by_key, e->keys, &p->key, sizeof(p->key), head);
		if (head) {
			p->same_key = head->same_key;
			head->same_key = p;
		} else {
			HASH_ADD_KEYPTR(by_key, e->keys, &p->key, sizeof(p->key), p);
		}
	}
}

static struct piece *
with_device(const struct wireguard_edit *e, const char *device)
{
	struct piece *head;
	HASH_FIND(by_device, e->devices, device, strlen(device), head);
	return head;
}

static struct piece *
with_key(const struct wireguard_edit *e, const struct wg_key *key)
{
	struct piece *head;
	HASH_FIND(by_key, e->keys, key, sizeof(*key), head);
	return head;
}

static struct piece *
add_piece(struct wireguard_edit *e, bool is_peer)
{
	struct piece *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->is_peer = is_peer;
	e->n_peers += is_peer;
	DL_APPEND(e->pieces, p);
	return p;
}

static enum err
add_between(struct wireguard_edit *e, const uint8_t *begin, const uint8_t *end)
{
	if (begin == end)
		return ERR_OK;
	struct piece *p = add_piece(e, false);
	if (!p)
		return ERR_NOMEM;
	p->text = BYTES(begin, (size_t)(end - begin));
	return ERR_OK;
}

// Where the cutting stands.
struct cut {
	const uint8_t *done;  // everything before it is in pieces
	const uint8_t *blank; // an empty line right before this one; NULL = none
	struct piece *peer;   // the open one; its text grows with its lines
	bool has_keys;
};

static enum err
begin_peer(struct wireguard_edit *e, struct cut *c, const struct wireguard_line *l, struct why *why)
{
	const uint8_t *begin = c->blank ? c->blank : l->text.p;
	if (e->n_peers == WIREGUARD_EDIT_PEERS_MAX)
		return why_set(why, ERR_TOO_LARGE, "more than %d peers", WIREGUARD_EDIT_PEERS_MAX);
	TRY(add_between(e, c->done, begin));
	c->peer = add_piece(e, true);
	if (!c->peer)
		return ERR_NOMEM;
	c->peer->lead = (size_t)(l->text.p - begin);
	c->peer->text = BYTES(begin, c->peer->lead + l->text.n);
	c->done = l->text.p + l->text.n;
	c->has_keys = false;
	return ERR_OK;
}

static void
extend_peer(struct cut *c, const struct wireguard_line *l)
{
	bool names_device = l->kind == LINE_MARKER && !c->has_keys;
	if (names_device && !c->peer->device.n)
		c->peer->device = l->device;
	if (l->kind == LINE_KEY) {
		read_key_line(c->peer, l);
		c->has_keys = true;
	}
	if (!names_device && l->kind != LINE_KEY)
		return;
	c->done = l->text.p + l->text.n;
	c->peer->text.n = (size_t)(c->done - c->peer->text.p);
}

static enum err
cut_text(struct wireguard_edit *e, struct bytes text, struct why *why)
{
	struct cut c = {.done = text.p};
	const uint8_t *end = text.p + text.n;
	struct wireguard_line l;
	while (wireguard_line_next(&l, &text)) {
		bool header = l.kind == LINE_PEER || l.kind == LINE_SECTION;
		if (c.peer && !header)
			extend_peer(&c, &l);
		if (c.peer && header) {
			index_piece(e, c.peer);
			c.peer = NULL;
		}
		if (l.kind == LINE_PEER)
			TRY(begin_peer(e, &c, &l, why));
		c.blank = l.kind == LINE_BLANK ? l.text.p : NULL;
	}
	if (c.peer)
		index_piece(e, c.peer);
	return add_between(e, c.done, end);
}

enum err
wireguard_edit_new(struct wireguard_edit **out, struct bytes text, struct why *why)
{
	AUTO(wireguard_edit_free) struct wireguard_edit *e = calloc(1, sizeof(*e));
	if (!e)
		return ERR_NOMEM;
	const uint8_t *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	e->eol = end && end > text.p && end[-1] == '\r' ? "\r\n" : "\n";
	if (text.n)
		TRY(cut_text(e, text, why));
	*out = STEAL(e);
	return ERR_OK;
}

void
wireguard_edit_free(struct wireguard_edit *e)
{
	struct piece *p, *next;
	if (!e)
		return;
	HASH_CLEAR(by_device, e->devices);
	HASH_CLEAR(by_key, e->keys);
	DL_FOREACH_SAFE (e->pieces, p, next) {
		free(p->own);
		free(p);
	}
	free(e);
}

// --- changes ---

// A change with its key read.
struct wanted {
	struct wireguard_edit *e;
	const struct wireguard_change *change;
	struct wg_key key;
	struct piece *keep; // the block that stays or is replaced
	bool is_right;	    // keep needs no replacement
};

static bool
belongs(const struct piece *p, const struct wireguard_change *change)
{
	if (p->device.n)
		return bytes_is(p->device, change->device);
	return change->ip != 0 && piece_ip(p) == change->ip;
}

static bool
is_right(const struct piece *p, const struct wanted *w)
{
	return w->change->public_key && p->device.n && p->has_key &&
	       wg_key_equal(&p->key, &w->key) && piece_ip(p) == w->change->ip;
}

static void
drop(struct wireguard_edit *e, struct piece *p)
{
	p->gone = true;
	e->n_peers--;
	e->changed = true;
}

// One of the device's blocks: the right one stays, else the first that was found.
static void
sort_out(struct wanted *w, struct piece *p)
{
	if (p->gone || p == w->keep || !belongs(p, w->change))
		return;
	bool right = is_right(p, w);
	if (!w->change->public_key || (w->keep && (w->is_right || !right))) {
		drop(w->e, p);
		return;
	}
	if (w->keep)
		drop(w->e, w->keep);
	w->keep = p;
	w->is_right = right;
}

static enum err
sort_out_key(const struct wg_key *key, void *ctx)
{
	struct wanted *w = ctx;
	for (struct piece *p = with_key(w->e, key); p; p = p->same_key)
		sort_out(w, p);
	return ERR_OK;
}

static enum err
check_key_is_free(const struct wanted *w, struct why *why)
{
	for (struct piece *p = with_key(w->e, &w->key); p; p = p->same_key) {
		if (p->gone || belongs(p, w->change))
			continue;
		if (p->device.n)
			return why_set(why, ERR_CONFLICT,
				       "the public key of device %s is already that of device %.*s",
				       w->change->device, (int)p->device.n,
				       (const char *)p->device.p);
		return why_set(why, ERR_CONFLICT,
			       "the public key of device %s is already that of a [Peer] with other "
			       "AllowedIPs and without a remark \"# device:\"",
			       w->change->device);
	}
	return ERR_OK;
}

static enum err
append_line(struct buf *out, struct bytes line, const char *eol)
{
	TRY(buf_append(out, line.p, line.n));
	return line.n && line.p[line.n - 1] == '\n' ? ERR_OK : buf_append_str(out, eol);
}

// Header, remark and what else people noted there keep their bytes.
static enum err
write_block(struct buf *out, const struct wanted *w, const struct piece *old)
{
	const char *eol = w->e->eol;
	char address[IP4_TEXT_BYTES];
	struct bytes rest =
		old ? BYTES(old->text.p + old->lead, old->text.n - old->lead) : BYTES_NONE;
	struct bytes marker = BYTES_NONE;
	struct wireguard_line l;
	if (wireguard_line_next(&l, &rest))
		TRY(append_line(out, l.text, eol));
	else
		TRY(buf_printf(out, "[Peer]%s", eol));
	struct bytes notes = rest;
	while (old && old->device.n && !marker.n && wireguard_line_next(&l, &rest))
		if (l.kind == LINE_MARKER)
			marker = l.text;
	if (marker.n)
		TRY(append_line(out, marker, eol));
	else
		TRY(buf_printf(out, "# device: %s%s", w->change->device, eol));
	while (wireguard_line_next(&l, &notes))
		if (l.kind != LINE_KEY && l.text.p != marker.p)
			TRY(append_line(out, l.text, eol));
	ip4_print(address, w->change->ip);
	return buf_printf(out, "PublicKey = %s%sAllowedIPs = %s/32%s", w->change->public_key, eol,
			  address, eol);
}

// Whether the text breaks off within its last line.
static bool
ends_in_a_line(const struct wireguard_edit *e, bool *is_empty)
{
	*is_empty = true;
	if (!e->pieces)
		return false;
	for (const struct piece *p = e->pieces->prev;; p = p->prev) {
		if (!p->gone && p->text.n) {
			*is_empty = false;
			return p->text.p[p->text.n - 1] != '\n';
		}
		if (p == e->pieces)
			return false;
	}
}

// What stands before the block: its old empty line, or a new one.
static enum err
write_lead(struct buf *out, const struct wanted *w)
{
	bool is_empty;
	if (w->keep)
		return buf_append(out, w->keep->text.p, w->keep->lead);
	bool open = ends_in_a_line(w->e, &is_empty);
	if (is_empty)
		return ERR_OK;
	return buf_printf(out, "%s%s", open ? w->e->eol : "", w->e->eol);
}

// The piece is read back from its own text, so that the indexes see what a later reader will.
static enum err
put_block(const struct wanted *w)
{
	BUF_AUTO struct buf text;
	struct wireguard_edit *e = w->e;
	buf_init(&text, BLOCK_BYTES_MAX);
	TRY(buf_reserve(&text, 0));
	TRY(write_lead(&text, w));
	size_t lead = text.len;
	TRY(write_block(&text, w, w->keep));
	struct piece *p = calloc(1, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	p->is_peer = true;
	p->lead = lead;
	p->text.n = text.len;
	p->own = buf_steal_str(&text);
	p->text.p = (const uint8_t *)p->own;
	struct bytes rest = BYTES(p->text.p + lead, p->text.n - lead);
	struct wireguard_line l;
	while (wireguard_line_next(&l, &rest)) {
		if (l.kind == LINE_MARKER && !p->device.n)
			p->device = l.device;
		if (l.kind == LINE_KEY)
			read_key_line(p, &l);
	}
	if (w->keep) {
		DL_APPEND_ELEM(e->pieces, w->keep, p);
		drop(e, w->keep);
	} else {
		DL_APPEND(e->pieces, p);
	}
	e->n_peers++;
	e->changed = true;
	index_piece(e, p);
	return ERR_OK;
}

enum err
wireguard_edit_apply(struct wireguard_edit *e, const struct wireguard_change *change,
		     struct why *why)
{
	struct wanted w = {.e = e, .change = change};
	if (change->public_key) {
		TRY(wg_key_parse(&w.key, BYTES_STR(change->public_key)));
		TRY(check_key_is_free(&w, why));
	}
	for (struct piece *p = with_device(e, change->device); p; p = p->same_device)
		sort_out(&w, p);
	if (change->public_key)
		TRY(sort_out_key(&w.key, &w));
	TRY(wireguard_each_key(change->remove, sort_out_key, &w));
	if (!change->public_key || w.is_right)
		return ERR_OK;
	return put_block(&w);
}

bool
wireguard_edit_is_changed(const struct wireguard_edit *e)
{
	return e->changed;
}

enum err
wireguard_edit_render(struct buf *out, const struct wireguard_edit *e)
{
	const struct piece *p;
	TRY(buf_reserve(out, 0));
	DL_FOREACH (e->pieces, p)
		if (!p->gone)
			TRY(buf_append(out, p->text.p, p->text.n));
	return ERR_OK;
}

// --- reading ---

// No other block has its key or its device.
static bool
is_alone(const struct wireguard_edit *e, const struct piece *p)
{
	const struct piece *q;
	for (q = with_key(e, &p->key); q; q = q->same_key)
		if (!q->gone && q != p)
			return false;
	if (!p->device.n)
		return true;
	HASH_FIND(by_device, e->devices, p->device.p, p->device.n, q);
	for (; q; q = q->same_device)
		if (!q->gone && q != p)
			return false;
	return true;
}

enum err
wireguard_edit_peers(struct wireguard_peer **out, size_t *n, const struct wireguard_edit *e)
{
	const struct piece *p;
	struct wireguard_peer *list = calloc(e->n_peers + 1, sizeof(*list));
	if (!list)
		return ERR_NOMEM;
	*n = 0;
	DL_FOREACH (e->pieces, p) {
		if (p->gone || !p->has_key)
			continue;
		struct wireguard_peer *peer = &list[(*n)++];
		wg_key_print(peer->public_key, &p->key);
		snprintf(peer->device, sizeof(peer->device), "%.*s", (int)p->device.n,
			 p->device.n ? (const char *)p->device.p : "");
		peer->ip = is_alone(e, p) ? piece_ip(p) : 0;
	}
	wireguard_sort_peers(list, *n);
	*out = list;
	return ERR_OK;
}

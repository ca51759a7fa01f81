// SPDX-License-Identifier: Apache-2.0
#include "wg/uapi.h"

#include <errno.h>
#include <openssl/crypto.h>

#include "wg/conf.h"
#include "wg/number.h"

// Which messages a key may stand in.
enum {
	IN_SET = 1,
	IN_GET = 2,
	IN_BOTH = IN_SET | IN_GET,
};

struct reader {
	struct wg_uapi_device *device;
	struct wg_uapi_peer *peer; // of the latest public_key line; NULL before it
	int direction;
	unsigned line;
	bool has_errno;
	int error;
	struct why *why;
};

struct row {
	const char *key;
	int allowed_in;
	bool of_peer;
	enum err (*set)(struct reader *r, struct bytes value);
};

void
wg_uapi_device_init(struct wg_uapi_device *d)
{
	*d = (struct wg_uapi_device){0};
}

void
wg_uapi_device_fini(struct wg_uapi_device *d)
{
	for (size_t i = 0; i < d->n_peers; i++) {
		wg_key_wipe(&d->peers[i].preshared_key);
		free(d->peers[i].allowed_ips);
	}
	free(d->peers);
	wg_key_wipe(&d->private_key);
	wg_uapi_device_init(d);
}

// Arrays here double when their length is a power of two, so none needs to keep its capacity.
static bool
is_full(size_t n)
{
	return (n & (n - 1)) == 0;
}

struct wg_uapi_peer *
wg_uapi_peer_add(struct wg_uapi_device *d, const struct wg_key *public_key)
{
	if (is_full(d->n_peers)) {
		size_t cap = d->n_peers ? d->n_peers * 2 : 1;
		struct wg_uapi_peer *peers = reallocarray(d->peers, cap, sizeof(*peers));
		if (!peers)
			return NULL;
		d->peers = peers;
	}
	struct wg_uapi_peer *p = &d->peers[d->n_peers++];
	*p = (struct wg_uapi_peer){.public_key = *public_key};
	return p;
}

enum err
wg_uapi_allowed_ip_add(struct wg_uapi_peer *p, const struct ip_prefix *ip)
{
	if (is_full(p->n_allowed_ips)) {
		size_t cap = p->n_allowed_ips ? p->n_allowed_ips * 2 : 1;
		struct ip_prefix *list = reallocarray(p->allowed_ips, cap, sizeof(*list));
		if (!list)
			return ERR_NOMEM;
		p->allowed_ips = list;
	}
	p->allowed_ips[p->n_allowed_ips++] = *ip;
	return ERR_OK;
}

size_t
wg_uapi_message_size(struct bytes text)
{
	if (text.n && text.p[0] == '\n')
		return 1;
	const uint8_t *end = text.n ? memmem(text.p, text.n, "\n\n", 2) : NULL;
	return end ? (size_t)(end - text.p) + 2 : 0;
}

// --- values ---

static enum err
read_true(bool *out, struct bytes value)
{
	*out = true;
	return bytes_is(value, "true") ? ERR_OK : ERR_SYNTAX;
}

static enum err
set_private_key(struct reader *r, struct bytes value)
{
	r->device->has_private_key = true;
	return wg_key_parse_hex(&r->device->private_key, value);
}

static enum err
set_listen_port(struct reader *r, struct bytes value)
{
	uint64_t number = 0;
	TRY(wg_number_parse(&number, value, UINT16_MAX));
	r->device->has_listen_port = true;
	r->device->listen_port = (uint16_t)number;
	return ERR_OK;
}

static enum err
set_fwmark(struct reader *r, struct bytes value)
{
	uint64_t number = 0;
	TRY(wg_number_parse(&number, value, UINT32_MAX));
	r->device->has_fwmark = true;
	r->device->fwmark = (uint32_t)number;
	return ERR_OK;
}

static enum err
set_replace_peers(struct reader *r, struct bytes value)
{
	return read_true(&r->device->replace_peers, value);
}

static enum err
set_public_key(struct reader *r, struct bytes value)
{
	struct wg_key key;
	TRY(wg_key_parse_hex(&key, value));
	r->peer = wg_uapi_peer_add(r->device, &key);
	return r->peer ? ERR_OK : ERR_NOMEM;
}

static enum err
set_update_only(struct reader *r, struct bytes value)
{
	return read_true(&r->peer->update_only, value);
}

static enum err
set_remove(struct reader *r, struct bytes value)
{
	return read_true(&r->peer->remove, value);
}

static enum err
set_preshared_key(struct reader *r, struct bytes value)
{
	r->peer->has_preshared_key = true;
	return wg_key_parse_hex(&r->peer->preshared_key, value);
}

static enum err
set_endpoint(struct reader *r, struct bytes value)
{
	char host[WG_CONF_ENDPOINT_BYTES];
	uint16_t port;
	struct ip_prefix address;
	TRY(wg_endpoint_split(host, &port, value));
	TRY(ip_prefix_parse(&address, BYTES_STR(host)));
	if (value.n >= WG_UAPI_ENDPOINT_BYTES)
		return ERR_SYNTAX;
	r->peer->has_endpoint = true;
	memcpy(r->peer->endpoint, value.p, value.n);
	r->peer->endpoint[value.n] = '\0';
	return ERR_OK;
}

static enum err
set_keepalive(struct reader *r, struct bytes value)
{
	uint64_t number = 0;
	TRY(wg_number_parse(&number, value, UINT16_MAX));
	r->peer->has_keepalive = true;
	r->peer->keepalive_s = (uint16_t)number;
	return ERR_OK;
}

static enum err
set_replace_allowed_ips(struct reader *r, struct bytes value)
{
	r->peer->n_allowed_ips = 0;
	free(r->peer->allowed_ips);
	r->peer->allowed_ips = NULL;
	return read_true(&r->peer->replace_allowed_ips, value);
}

static enum err
set_allowed_ip(struct reader *r, struct bytes value)
{
	struct ip_prefix ip;
	if (value.n == 0 || !memchr(value.p, '/', value.n))
		return ERR_SYNTAX;
	TRY(ip_prefix_parse(&ip, value));
	return wg_uapi_allowed_ip_add(r->peer, &ip);
}

static enum err
set_protocol_version(struct reader *r, struct bytes value)
{
	(void)r;
	return bytes_is(value, "1") ? ERR_OK : ERR_SYNTAX;
}

static enum err
set_handshake_s(struct reader *r, struct bytes value)
{
	return wg_number_parse(&r->peer->last_handshake_s, value, INT64_MAX);
}

static enum err
set_handshake_ns(struct reader *r, struct bytes value)
{
	uint64_t number = 0;
	TRY(wg_number_parse(&number, value, 999999999));
	r->peer->last_handshake_ns = (uint32_t)number;
	return ERR_OK;
}

static enum err
set_rx_bytes(struct reader *r, struct bytes value)
{
	return wg_number_parse(&r->peer->rx_bytes, value, UINT64_MAX);
}

static enum err
set_tx_bytes(struct reader *r, struct bytes value)
{
	return wg_number_parse(&r->peer->tx_bytes, value, UINT64_MAX);
}

// wireguard-go writes -EINVAL, the specification speaks of the value; both mean the same.
static enum err
set_errno(struct reader *r, struct bytes value)
{
	uint64_t number = 0;
	if (value.n && value.p[0] == '-')
		value = BYTES(value.p + 1, value.n - 1);
	TRY(wg_number_parse(&number, value, INT32_MAX));
	r->has_errno = true;
	r->error = (int)number;
	return ERR_OK;
}

// clang-format off
static const struct row rows[] = {
	{"private_key", IN_BOTH, false, set_private_key},
	{"listen_port", IN_BOTH, false, set_listen_port},
	{"fwmark", IN_BOTH, false, set_fwmark},
	{"replace_peers", IN_SET, false, set_replace_peers},
	{"update_only", IN_SET, true, set_update_only},
	{"remove", IN_SET, true, set_remove},
	{"preshared_key", IN_BOTH, true, set_preshared_key},
	{"endpoint", IN_BOTH, true, set_endpoint},
	{"persistent_keepalive_interval", IN_BOTH, true, set_keepalive},
	{"replace_allowed_ips", IN_SET, true, set_replace_allowed_ips},
	{"allowed_ip", IN_BOTH, true, set_allowed_ip},
	{"protocol_version", IN_BOTH, true, set_protocol_version},
	{"last_handshake_time_sec", IN_GET, true, set_handshake_s},
	{"last_handshake_time_nsec", IN_GET, true, set_handshake_ns},
	{"rx_bytes", IN_GET, true, set_rx_bytes},
	{"tx_bytes", IN_GET, true, set_tx_bytes},
};
// clang-format on

// public_key and errno stand outside the table: they change what the lines after them belong to.
static const struct row public_key_row = {"public_key", IN_BOTH, false, set_public_key};
static const struct row errno_row = {"errno", IN_GET, false, set_errno};

static const struct row *
find_row(const struct reader *r, struct bytes key)
{
	if (bytes_is(key, public_key_row.key))
		return &public_key_row;
	if (r->direction == IN_GET && bytes_is(key, errno_row.key))
		return &errno_row;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		if ((row->allowed_in & r->direction) && row->of_peer == (r->peer != NULL) &&
		    bytes_is(key, row->key))
			return row;
	}
	return NULL;
}

static enum err
read_line(struct reader *r, struct bytes line)
{
	const uint8_t *equals = line.n ? memchr(line.p, '=', line.n) : NULL;
	if (!equals)
		return why_set(r->why, ERR_SYNTAX, "line %u is not key=value", r->line);
	struct bytes key = BYTES(line.p, (size_t)(equals - line.p));
	struct bytes value = BYTES(equals + 1, line.n - key.n - 1);
	const struct row *row = find_row(r, key);
	int shown = (int)(key.n < 64 ? key.n : 64);
	if (!row) {
		// An answer may carry keys that came after us; a request that we cannot obey may
		// not pass.
		if (r->direction == IN_GET)
			return ERR_OK;
		return why_set(r->why, ERR_UNSUPPORTED, "line %u: unknown %s key \"%.*s\"", r->line,
			       r->peer ? "peer" : "device", shown, (const char *)key.p);
	}
	enum err err = row->set(r, value);
	if (err == ERR_NOMEM)
		return why_set(r->why, err, "out of memory");
	return err ? why_set(r->why, err, "line %u: the value of %s is not valid", r->line,
			     row->key)
		   : ERR_OK;
}

// Lines up to the empty one; text is one complete message without its first line if it had one.
static enum err
read_lines(struct reader *r, struct bytes text)
{
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		if (!end)
			return why_set(r->why, ERR_SYNTAX, "the last line does not end");
		r->line++;
		size_t n = (size_t)(end - text.p);
		if (n == 0)
			return ERR_OK;
		TRY(read_line(r, BYTES(text.p, n)));
		text = BYTES(end + 1, text.n - n - 1);
	}
	return why_set(r->why, ERR_SYNTAX, "the message does not end with an empty line");
}

static bool
starts_with(struct bytes text, const char *prefix)
{
	size_t n = strlen(prefix);
	return text.n >= n && memcmp(text.p, prefix, n) == 0;
}

enum err
wg_uapi_request_parse(enum wg_uapi_operation *op, struct wg_uapi_device *d, struct bytes text,
		      struct why *why)
{
	wg_uapi_device_init(d);
	if (bytes_is(text, "get=1\n\n")) {
		*op = WG_UAPI_GET;
		return ERR_OK;
	}
	if (starts_with(text, "get=1\n"))
		return why_set(why, ERR_SYNTAX, "line 2: get=1 takes nothing but an empty line");
	if (!starts_with(text, "set=1\n"))
		return why_set(why, ERR_UNSUPPORTED, "the first line is neither get=1 nor set=1");
	*op = WG_UAPI_SET;
	struct reader r = {.device = d, .direction = IN_SET, .line = 1, .why = why};
	enum err err = read_lines(&r, BYTES(text.p + 6, text.n - 6));
	if (err)
		wg_uapi_device_fini(d);
	return err;
}

enum err
wg_uapi_get_answer_parse(struct wg_uapi_device *d, struct bytes text, struct why *why)
{
	wg_uapi_device_init(d);
	struct reader r = {.device = d, .direction = IN_GET, .why = why};
	enum err err = read_lines(&r, text);
	if (!err && !r.has_errno)
		err = why_set(why, ERR_SYNTAX, "the answer has no errno line");
	if (!err && r.error)
		err = why_set(why, ERR_UPSTREAM_REFUSED, "the server answered errno %d (%s)",
			      r.error, strerrordesc_np(r.error) ?: "unknown");
	if (err)
		wg_uapi_device_fini(d);
	return err;
}

enum err
wg_uapi_status_parse(struct bytes text, struct why *why)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device ignored;
	return wg_uapi_get_answer_parse(&ignored, text, why);
}

// --- writing ---

static enum err
put_key(struct buf *out, const char *name, const struct wg_key *key)
{
	char hex[WG_KEY_HEX_CHARS + 1];
	wg_key_print_hex(hex, key);
	enum err err = buf_printf(out, "%s=%s\n", name, hex);
	OPENSSL_cleanse(hex, sizeof(hex));
	return err;
}

static enum err
put_device(struct buf *out, const struct wg_uapi_device *d)
{
	if (d->has_private_key)
		TRY(put_key(out, "private_key", &d->private_key));
	if (d->has_listen_port)
		TRY(buf_printf(out, "listen_port=%u\n", d->listen_port));
	if (d->has_fwmark)
		TRY(buf_printf(out, "fwmark=%u\n", d->fwmark));
	return ERR_OK;
}

static enum err
put_settings(struct buf *out, const struct wg_uapi_peer *p)
{
	if (p->has_preshared_key)
		TRY(put_key(out, "preshared_key", &p->preshared_key));
	if (p->has_endpoint)
		TRY(buf_printf(out, "endpoint=%s\n", p->endpoint));
	if (p->has_keepalive)
		TRY(buf_printf(out, "persistent_keepalive_interval=%u\n", p->keepalive_s));
	return ERR_OK;
}

static enum err
put_allowed_ips(struct buf *out, const struct wg_uapi_peer *p)
{
	char text[IP_PREFIX_TEXT_BYTES];
	for (size_t i = 0; i < p->n_allowed_ips; i++) {
		ip_prefix_print(text, &p->allowed_ips[i]);
		TRY(buf_printf(out, "allowed_ip=%s\n", text));
	}
	return ERR_OK;
}

static enum err
put_known_peer(struct buf *out, const struct wg_uapi_peer *p)
{
	TRY(put_key(out, "public_key", &p->public_key));
	TRY(put_settings(out, p));
	TRY(buf_printf(out,
		       "protocol_version=1\nlast_handshake_time_sec=%llu\n"
		       "last_handshake_time_nsec=%u\ntx_bytes=%llu\nrx_bytes=%llu\n",
		       (unsigned long long)p->last_handshake_s, p->last_handshake_ns,
		       (unsigned long long)p->tx_bytes, (unsigned long long)p->rx_bytes));
	return put_allowed_ips(out, p);
}

enum err
wg_uapi_get_answer_render(struct buf *out, const struct wg_uapi_device *d)
{
	TRY(put_device(out, d));
	for (size_t i = 0; i < d->n_peers; i++)
		TRY(put_known_peer(out, &d->peers[i]));
	return wg_uapi_status_render(out, 0);
}

enum err
wg_uapi_status_render(struct buf *out, int number)
{
	// Negative as wireguard-go writes it: `wg set` takes it for -errno.
	return buf_printf(out, "errno=%d\n\n", -number);
}

enum err
wg_uapi_get_render(struct buf *out)
{
	return buf_append_str(out, "get=1\n\n");
}

static enum err
put_wanted_peer(struct buf *out, const struct wg_uapi_peer *p)
{
	TRY(put_key(out, "public_key", &p->public_key));
	if (p->remove)
		return buf_append_str(out, "remove=true\n");
	if (p->update_only)
		TRY(buf_append_str(out, "update_only=true\n"));
	TRY(put_settings(out, p));
	if (p->replace_allowed_ips)
		TRY(buf_append_str(out, "replace_allowed_ips=true\n"));
	return put_allowed_ips(out, p);
}

enum err
wg_uapi_set_render(struct buf *out, const struct wg_uapi_device *d)
{
	TRY(buf_append_str(out, "set=1\n"));
	TRY(put_device(out, d));
	if (d->replace_peers)
		TRY(buf_append_str(out, "replace_peers=true\n"));
	for (size_t i = 0; i < d->n_peers; i++)
		TRY(put_wanted_peer(out, &d->peers[i]));
	return buf_append_str(out, "\n");
}

// SPDX-License-Identifier: Apache-2.0
#include "wg/conf.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <strings.h>

#include "wg/number.h"

enum section { SECTION_NONE, SECTION_INTERFACE, SECTION_PEER };

struct field {
	enum section section;
	const char *name;
	enum err (*set)(struct wg_conf *c, struct bytes value); // NULL: wg-quick's own business
	const char *expects;
	bool is_secret;
};

struct reader {
	struct wg_conf *conf;
	enum section section;
	unsigned line;
	bool has_peer;
	struct why *why;
};

static enum err
set_key(enum wg_conf_key *state, struct wg_key *key, struct bytes value)
{
	if (value.n >= 2 && value.p[0] == '<' && value.p[value.n - 1] == '>') {
		*state = WG_CONF_KEY_PLACEHOLDER;
		return ERR_OK;
	}
	TRY(wg_key_parse(key, value));
	*state = WG_CONF_KEY_PRESENT;
	return ERR_OK;
}

static enum err
set_private_key(struct wg_conf *c, struct bytes value)
{
	return set_key(&c->private_key_state, &c->private_key, value);
}

static enum err
set_public_key(struct wg_conf *c, struct bytes value)
{
	return set_key(&c->public_key_state, &c->public_key, value);
}

static enum err
set_preshared_key(struct wg_conf *c, struct bytes value)
{
	TRY(wg_key_parse(&c->preshared_key, value));
	c->has_preshared_key = true;
	return ERR_OK;
}

// Appends the prefixes of a list separated by commas; an empty list is allowed.
static enum err
add_prefixes(struct ip_prefix *list, size_t *n, size_t max, struct bytes value)
{
	while (value.n) {
		const uint8_t *comma = memchr(value.p, ',', value.n);
		size_t item = comma ? (size_t)(comma - value.p) : value.n;
		if (*n == max)
			return ERR_TOO_LARGE;
		TRY(ip_prefix_parse(&list[*n], BYTES(value.p, item)));
		(*n)++;
		size_t used = comma ? item + 1 : item;
		value = BYTES(value.p + used, value.n - used);
		if (comma && value.n == 0)
			return ERR_SYNTAX;
	}
	return ERR_OK;
}

static enum err
set_address(struct wg_conf *c, struct bytes value)
{
	return add_prefixes(c->addresses, &c->n_addresses, WG_CONF_ADDRESSES_MAX, value);
}

static enum err
set_allowed_ips(struct wg_conf *c, struct bytes value)
{
	return add_prefixes(c->allowed_ips, &c->n_allowed_ips, WG_CONF_ALLOWED_MAX, value);
}

static enum err
set_u16(uint16_t *out, struct bytes value)
{
	uint64_t number = 0;
	TRY(wg_number_parse(&number, value, UINT16_MAX));
	*out = (uint16_t)number;
	return ERR_OK;
}

static enum err
set_listen_port(struct wg_conf *c, struct bytes value)
{
	return set_u16(&c->listen_port, value);
}

static enum err
set_mtu(struct wg_conf *c, struct bytes value)
{
	return set_u16(&c->mtu, value);
}

static enum err
set_keepalive(struct wg_conf *c, struct bytes value)
{
	if (value.n == 3 && strncasecmp((const char *)value.p, "off", 3) == 0) {
		c->keepalive_s = 0;
		return ERR_OK;
	}
	return set_u16(&c->keepalive_s, value);
}

static enum err
set_dns(struct wg_conf *c, struct bytes value)
{
	(void)value;
	c->has_dns = true;
	return ERR_OK;
}

static enum err
set_endpoint(struct wg_conf *c, struct bytes value)
{
	char host[WG_CONF_ENDPOINT_BYTES];
	uint16_t port;
	TRY(wg_endpoint_split(host, &port, value));
	memcpy(c->endpoint, value.p, value.n);
	c->endpoint[value.n] = '\0';
	return ERR_OK;
}

#define PREFIXES "a list of addresses with prefix length (10.8.0.2/24)"
#define KEY	 "44 base64 characters"
#define PORT	 "a number from 0 to 65535"

// clang-format off
static const struct field fields[] = {
	{SECTION_INTERFACE, "PrivateKey", set_private_key, KEY, true},
	{SECTION_INTERFACE, "Address", set_address, PREFIXES, false},
	{SECTION_INTERFACE, "ListenPort", set_listen_port, PORT, false},
	{SECTION_INTERFACE, "MTU", set_mtu, PORT, false},
	{SECTION_INTERFACE, "DNS", set_dns, NULL, false},
	{SECTION_INTERFACE, "Table", NULL, NULL, false},
	{SECTION_INTERFACE, "FwMark", NULL, NULL, false},
	{SECTION_INTERFACE, "PreUp", NULL, NULL, false},
	{SECTION_INTERFACE, "PostUp", NULL, NULL, false},
	{SECTION_INTERFACE, "PreDown", NULL, NULL, false},
	{SECTION_INTERFACE, "PostDown", NULL, NULL, false},
	{SECTION_INTERFACE, "SaveConfig", NULL, NULL, false},
	{SECTION_PEER, "PublicKey", set_public_key, KEY, false},
	{SECTION_PEER, "PresharedKey", set_preshared_key, KEY, true},
	{SECTION_PEER, "Endpoint", set_endpoint, "host:port, or [IPv6 address]:port", false},
	{SECTION_PEER, "AllowedIPs", set_allowed_ips, PREFIXES, false},
	{SECTION_PEER, "PersistentKeepalive", set_keepalive, "\"off\" or seconds from 0 to 65535", false},
};
// clang-format on

// Blanks count nowhere and a comment begins anywhere, as in wg's own parser. Terminated.
static struct bytes
squeeze(char *out, struct bytes line)
{
	size_t n = 0;
	for (size_t i = 0; i < line.n && line.p[i] != '#'; i++) {
		if (!strchr(" \t\r\v\f", line.p[i]) || line.p[i] == '\0')
			out[n++] = (char)line.p[i];
	}
	out[n] = '\0';
	return BYTES(out, n);
}

static enum err
read_section(struct reader *r, const char *line)
{
	if (strcasecmp(line, "[Interface]") == 0) {
		r->section = SECTION_INTERFACE;
		return ERR_OK;
	}
	if (strcasecmp(line, "[Peer]") != 0)
		return why_set(r->why, ERR_SYNTAX,
			       "line %u: unknown section %.64s; known are [Interface] and [Peer]",
			       r->line, line);
	if (r->has_peer)
		return why_set(r->why, ERR_UNSUPPORTED,
			       "line %u: a second [Peer]; a device's file has exactly one, its "
			       "server",
			       r->line);
	r->has_peer = true;
	r->section = SECTION_PEER;
	return ERR_OK;
}

static const struct field *
find_field(enum section section, const char *name, size_t n)
{
	for (size_t i = 0; i < N_ELEMENTS(fields); i++) {
		const struct field *f = &fields[i];
		if (f->section == section && strlen(f->name) == n &&
		    strncasecmp(f->name, name, n) == 0)
			return f;
	}
	return NULL;
}

static enum err
field_failed(const struct reader *r, const struct field *f, const char *value, enum err err)
{
	if (err == ERR_TOO_LARGE)
		return why_set(r->why, err, "line %u: %s: too many entries", r->line, f->name);
	if (f->is_secret)
		return why_set(r->why, err, "line %u: %s: the value is not %s", r->line, f->name,
			       f->expects);
	return why_set(r->why, err, "line %u: %s: \"%.64s\" is not %s", r->line, f->name, value,
		       f->expects);
}

static enum err
read_setting(struct reader *r, struct bytes line)
{
	const char *text = (const char *)line.p;
	const char *equals = memchr(line.p, '=', line.n);
	if (!equals)
		return why_set(r->why, ERR_SYNTAX,
			       "line %u: \"%.32s\" is neither a section nor Key = Value", r->line,
			       text);
	size_t n = (size_t)(equals - text);
	if (r->section == SECTION_NONE)
		return why_set(r->why, ERR_SYNTAX, "line %u: %.*s stands before any section",
			       r->line, (int)(n < 64 ? n : 64), text);
	const struct field *f = find_field(r->section, text, n);
	if (!f) {
		if (r->conf->n_unknown++ == 0)
			snprintf(r->conf->first_unknown, sizeof(r->conf->first_unknown), "%.*s",
				 (int)(n < 63 ? n : 63), text);
		return ERR_OK;
	}
	struct bytes value = BYTES(equals + 1, line.n - n - 1);
	enum err err = f->set ? f->set(r->conf, value) : ERR_OK;
	return err ? field_failed(r, f, equals + 1, err) : ERR_OK;
}

static enum err
read_line(struct reader *r, struct bytes raw, char *scratch)
{
	r->line++;
	struct bytes line = squeeze(scratch, raw);
	if (line.n == 0)
		return ERR_OK;
	if (memchr(line.p, 0, line.n))
		return why_set(r->why, ERR_SYNTAX, "line %u: contains a NUL byte", r->line);
	return line.p[0] == '[' ? read_section(r, scratch) : read_setting(r, line);
}

enum err
wg_conf_parse(struct wg_conf *out, struct bytes text, struct why *why)
{
	*out = (struct wg_conf){0};
	if (text.n > WG_CONF_BYTES_MAX)
		return why_set(why, ERR_TOO_LARGE, "a WireGuard file of %zu bytes is too large",
			       text.n);
	char *scratch = malloc(text.n + 1);
	if (!scratch)
		return why_set(why, ERR_NOMEM, "out of memory");
	struct reader r = {.conf = out, .why = why};
	enum err err = ERR_OK;
	for (size_t at = 0; at < text.n && !err;) {
		const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
		size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
		err = read_line(&r, BYTES(text.p + at, n), scratch);
		at += n + 1;
	}
	OPENSSL_cleanse(scratch, text.n + 1);
	free(scratch);
	if (err)
		wg_conf_fini(out);
	return err;
}

enum err
wg_conf_check(const struct wg_conf *c, struct why *why)
{
	const struct {
		bool ok;
		const char *what;
	} needs[] = {
		{c->private_key_state == WG_CONF_KEY_PRESENT, "[Interface] PrivateKey"},
		{c->n_addresses > 0,			     "[Interface] Address"	  },
		{c->public_key_state == WG_CONF_KEY_PRESENT,  "[Peer] PublicKey"      },
		{c->endpoint[0] != '\0',			 "[Peer] Endpoint"	  },
		{c->n_allowed_ips > 0,			       "[Peer] AllowedIPs"	  },
	};
	if (c->private_key_state == WG_CONF_KEY_PLACEHOLDER)
		return why_set(why, ERR_INPUT,
			       "[Interface] PrivateKey is still a placeholder: put the device's "
			       "own key there");
	if (c->public_key_state == WG_CONF_KEY_PLACEHOLDER)
		return why_set(why, ERR_INPUT,
			       "[Peer] PublicKey is a placeholder: whoever made this file did not "
			       "know the server's key (WG_SERVER_PUBLIC_KEY)");
	for (size_t i = 0; i < N_ELEMENTS(needs); i++) {
		if (!needs[i].ok)
			return why_set(why, ERR_INPUT, "%s is missing", needs[i].what);
	}
	return ERR_OK;
}

void
wg_conf_fini(struct wg_conf *c)
{
	OPENSSL_cleanse(&c->private_key, sizeof(c->private_key));
	OPENSSL_cleanse(&c->preshared_key, sizeof(c->preshared_key));
}

static enum err
render_key(struct buf *out, const char *name, const struct wg_key *key)
{
	char text[WG_KEY_CHARS + 1];
	wg_key_print(text, key);
	enum err err = buf_printf(out, "%s = %s\n", name, text);
	OPENSSL_cleanse(text, sizeof(text));
	return err;
}

static enum err
render_prefixes(struct buf *out, const char *name, const struct ip_prefix *list, size_t n)
{
	char text[IP_PREFIX_TEXT_BYTES];
	for (size_t i = 0; i < n; i++) {
		ip_prefix_print(text, &list[i]);
		TRY(buf_printf(out, "%s%s%s", i ? ", " : name, i ? "" : " = ", text));
	}
	return n ? buf_append_str(out, "\n") : ERR_OK;
}

static enum err
render_number(struct buf *out, const char *name, unsigned number)
{
	return number ? buf_printf(out, "%s = %u\n", name, number) : ERR_OK;
}

enum err
wg_conf_render(struct buf *out, const struct wg_conf *c)
{
	if (c->public_key_state != WG_CONF_KEY_PRESENT)
		return ERR_WRONG_STATE;
	TRY(buf_append_str(out, "[Interface]\n"));
	if (c->private_key_state == WG_CONF_KEY_PRESENT)
		TRY(render_key(out, "PrivateKey", &c->private_key));
	else
		TRY(buf_append_str(out, "PrivateKey = " WG_CONF_PLACEHOLDER "\n"));
	TRY(render_prefixes(out, "Address", c->addresses, c->n_addresses));
	TRY(render_number(out, "ListenPort", c->listen_port));
	TRY(render_number(out, "MTU", c->mtu));
	TRY(buf_append_str(out, "\n[Peer]\n"));
	TRY(render_key(out, "PublicKey", &c->public_key));
	if (c->has_preshared_key)
		TRY(render_key(out, "PresharedKey", &c->preshared_key));
	if (c->endpoint[0])
		TRY(buf_printf(out, "Endpoint = %s\n", c->endpoint));
	TRY(render_prefixes(out, "AllowedIPs", c->allowed_ips, c->n_allowed_ips));
	return render_number(out, "PersistentKeepalive", c->keepalive_s);
}

enum err
wg_conf_substitute(struct buf *out, struct bytes text, const struct wg_key *private_key,
		   struct why *why)
{
	size_t n = strlen(WG_CONF_PLACEHOLDER);
	const uint8_t *at = text.n ? memmem(text.p, text.n, WG_CONF_PLACEHOLDER, n) : NULL;
	if (!at)
		return why_set(why, ERR_NOT_FOUND, "the text does not contain %s",
			       WG_CONF_PLACEHOLDER);
	size_t before = (size_t)(at - text.p);
	struct bytes rest = BYTES(at + n, text.n - before - n);
	if (rest.n && memmem(rest.p, rest.n, WG_CONF_PLACEHOLDER, n))
		return why_set(why, ERR_NOT_FOUND, "the text contains %s more than once",
			       WG_CONF_PLACEHOLDER);
	char key[WG_KEY_CHARS + 1];
	TRY(buf_append(out, text.p, before));
	TRY(buf_reserve(out, WG_KEY_CHARS + rest.n));
	wg_key_print(key, private_key);
	enum err err = buf_append(out, key, WG_KEY_CHARS);
	OPENSSL_cleanse(key, sizeof(key));
	TRY(err);
	return buf_append(out, rest.p, rest.n);
}

static bool
is_host(struct bytes host)
{
	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = host.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
		if (!ok)
			return false;
	}
	return host.n > 0;
}

static bool
is_ip6(struct bytes host)
{
	struct ip_prefix p;
	return !memchr(host.p, '/', host.n) && ip_prefix_parse(&p, host) == ERR_OK && p.family == 6;
}

enum err
wg_endpoint_split(char host[static WG_CONF_ENDPOINT_BYTES], uint16_t *port, struct bytes text)
{
	const uint8_t *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
	if (!colon || text.n >= WG_CONF_ENDPOINT_BYTES)
		return ERR_SYNTAX;
	size_t n = (size_t)(colon - text.p);
	struct bytes name = BYTES(text.p, n);
	bool is_bracketed = n > 2 && text.p[0] == '[' && text.p[n - 1] == ']';
	if (is_bracketed)
		name = BYTES(text.p + 1, n - 2);
	if (is_bracketed ? !is_ip6(name) : !is_host(name))
		return ERR_SYNTAX;
	TRY(set_u16(port, BYTES(colon + 1, text.n - n - 1)));
	memcpy(host, name.p, name.n);
	host[name.n] = '\0';
	return *port ? ERR_OK : ERR_SYNTAX;
}

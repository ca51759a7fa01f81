// SPDX-License-Identifier: Apache-2.0
#include "bridge/config_types.h"

#include <ctype.h>
#include <stdio.h>

#include "bridge/store.h"
#include "bridge/wireguard.h"
#include "wg/key.h"

static enum err
set_string(char **field, const char *text, size_t n)
{
	char *copy = strndup(text, n);
	if (!copy)
		return ERR_NOMEM;
	free(*field);
	*field = copy;
	return ERR_OK;
}

// Decimal digits only, the whole of text[0..n), at most max.
static bool
read_number(uint32_t *out, const char *text, size_t n, uint32_t max)
{
	uint64_t value = 0;
	if (n == 0 || n > 9)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= max;
}

static bool
has_blank_or_control(const char *text)
{
	for (; *text; text++)
		if (!isgraph((unsigned char)*text))
			return true;
	return false;
}

static enum err
parse_string(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	(void)why;
	return set_string((char **)((char *)c + row->offset), text, strlen(text));
}

static enum err
parse_secret(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	(void)why;
	return secret_set((struct secret *)((char *)c + row->offset), BYTES_STR(text));
}

static enum err
parse_url(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
			: strncmp(text, "http://", 7) == 0 ? 7
							   : 0;
	if (scheme == 0 || has_blank_or_control(text))
		return why_set(why, ERR_INPUT, "is not a URL: write https://host:port");
	if (text[scheme] == '\0' || strchr("/:?#", text[scheme]))
		return why_set(why, ERR_INPUT, "has no host: write https://host:port");
	if (strpbrk(text + scheme, "@?#"))
		return why_set(why, ERR_INPUT,
			       "must be a plain base URL, without user, query or fragment");
	size_t n = strlen(text);
	while (text[n - 1] == '/')
		n--;
	return set_string((char **)((char *)c + row->offset), text, n);
}

static enum err
parse_seconds(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	uint32_t seconds;
	if (!read_number(&seconds, text, strlen(text), row->max) || seconds < row->min)
		return why_set(why, ERR_INPUT, "must be a whole number of seconds from %u to %u",
			       row->min, row->max);
	*(unsigned *)(void *)((char *)c + row->offset) = seconds * 1000U;
	return ERR_OK;
}

static enum err
parse_count(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	uint32_t count;
	if (!read_number(&count, text, strlen(text), row->max) || count < row->min)
		return why_set(why, ERR_INPUT, "must be a whole number from %u to %u", row->min,
			       row->max);
	*(unsigned *)(void *)((char *)c + row->offset) = count;
	return ERR_OK;
}

static enum err
parse_choice(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	for (int i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*(int *)(void *)((char *)c + row->offset) = i;
			return ERR_OK;
		}
	}
	return why_set(why, ERR_INPUT, "must be %s or %s", row->choices[0], row->choices[1]);
}

static enum err
parse_fingerprint(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	char hex[64 + 1];
	size_t n = 0;
	for (const char *p = text; *p; p++) {
		if (*p == ':')
			continue;
		if (!isxdigit((unsigned char)*p) || n == 64)
			n = 65;
		if (n > 64)
			break;
		hex[n++] = (char)tolower((unsigned char)*p);
	}
	if (n != 64)
		return why_set(
			why, ERR_INPUT,
			"must be a SHA-256 in hex (64 digits), as `step certificate fingerprint "
			"root_ca.crt` prints it");
	return set_string((char **)((char *)c + row->offset), hex, 64);
}

static enum err
parse_addr(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	(void)row;
	if (addr_parse(&c->listen, text, why) != ERR_OK)
		return ERR_INPUT;
	return set_string(&c->listen_text, text, strlen(text));
}

static enum err
parse_tls(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	(void)row;
	if (strcmp(text, "auto") == 0 || strcmp(text, "off") == 0) {
		c->tls = text[0] == 'a' ? CONFIG_TLS_AUTO : CONFIG_TLS_OFF;
		return ERR_OK;
	}
	const char *comma = strchr(text, ',');
	if (strncmp(text, "files:", 6) != 0 || !comma || comma == text + 6 || comma[1] == '\0' ||
	    strchr(comma + 1, ','))
		return why_set(
			why, ERR_INPUT,
			"must be auto, off or files:CERT,KEY (two PEM files, certificate with "
			"its chain first)");
	c->tls = CONFIG_TLS_FILES;
	TRY(set_string(&c->tls_cert_file, text + 6, (size_t)(comma - text - 6)));
	return set_string(&c->tls_key_file, comma + 1, strlen(comma + 1));
}

static enum err
parse_db(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	(void)row;
	if (store_database_is_postgres(text)) {
		TRY(store_database_check(text, why));
		return set_string(&c->db_path, text, strlen(text));
	}
	const char *path = strncmp(text, "sqlite://", 9) == 0 ? text + 9 : text;
	if (strstr(path, "://") || *path == '\0')
		return why_set(why, ERR_INPUT,
			       "must be a path or sqlite:///path of a SQLite file, or "
			       "postgresql://user:password@host:port/database");
	return set_string(&c->db_path, path, strlen(path));
}

static enum err
parse_subnet(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	(void)row;
	TRY(pool_parse(&c->wg_pool, text, why));
	return set_string(&c->wg_subnet, text, strlen(text));
}

static enum err
parse_endpoint(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	uint32_t port;
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[';
	if (!colon || colon == text || has_blank_or_control(text) ||
	    !read_number(&port, colon + 1, strlen(colon + 1), 65535) || port == 0 ||
	    (bracketed ? colon[-1] != ']' : memchr(text, ':', (size_t)(colon - text)) != NULL))
		return why_set(
			why, ERR_INPUT,
			"must be host:port, such as vpn.example.com:51820 or [fd00::1]:51820");
	return set_string((char **)((char *)c + row->offset), text, strlen(text));
}

static enum err
parse_wg_key(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	struct wg_key key;
	if (wg_key_parse(&key, BYTES_STR(text)) != ERR_OK)
		return why_set(
			why, ERR_INPUT,
			"must be a WireGuard public key: 32 bytes in base64 (44 characters), as "
			"`wg pubkey` prints it");
	TRY(wg_key_check_public(&key, why));
	return set_string((char **)((char *)c + row->offset), text, strlen(text));
}

static enum err
parse_wg_server(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	(void)row;
	TRY(wireguard_server_check(text, why));
	return set_string(&c->wg_server, text, strlen(text));
}

static enum err
show_text(struct buf *out, const struct config *c, const struct config_row *row)
{
	const char *text = *(char *const *)(const void *)((const char *)c + row->offset);
	return buf_append_str(out, text ? text : "(unset)");
}

static enum err
show_secret(struct buf *out, const struct config *c, const struct config_row *row)
{
	const struct secret *s = (const void *)((const char *)c + row->offset);
	return buf_append_str(out, secret_is_set(s) ? "(set)" : "(unset)");
}

static enum err
show_db(struct buf *out, const struct config *c, const struct config_row *row)
{
	char name[STORE_NAME_BYTES];
	(void)row;
	if (!c->db_path || !store_database_is_postgres(c->db_path))
		return buf_append_str(out, c->db_path ? c->db_path : "(unset)");
	store_database_name(c->db_path, name);
	return buf_append_str(out, name);
}

static enum err
show_seconds(struct buf *out, const struct config *c, const struct config_row *row)
{
	unsigned ms = *(const unsigned *)(const void *)((const char *)c + row->offset);
	return buf_printf(out, "%u", ms / 1000U);
}

static enum err
show_count(struct buf *out, const struct config *c, const struct config_row *row)
{
	return buf_printf(out, "%u",
			  *(const unsigned *)(const void *)((const char *)c + row->offset));
}

static enum err
show_choice(struct buf *out, const struct config *c, const struct config_row *row)
{
	int choice = *(const int *)(const void *)((const char *)c + row->offset);
	return buf_append_str(out, row->choices[choice]);
}

static enum err
show_tls(struct buf *out, const struct config *c, const struct config_row *row)
{
	(void)row;
	if (c->tls == CONFIG_TLS_FILES)
		return buf_printf(out, "files:%s,%s", c->tls_cert_file, c->tls_key_file);
	return buf_append_str(out, c->tls == CONFIG_TLS_AUTO ? "auto" : "off");
}

static void
fini_text(struct config *c, const struct config_row *row)
{
	char **field = (char **)((char *)c + row->offset);
	free(*field);
	*field = NULL;
}

static void
fini_db(struct config *c, const struct config_row *row)
{
	(void)row;
	store_database_free(c->db_path);
	c->db_path = NULL;
}

static void
fini_secret(struct config *c, const struct config_row *row)
{
	secret_fini((struct secret *)((char *)c + row->offset));
}

static void
fini_tls(struct config *c, const struct config_row *row)
{
	(void)row;
	free(c->tls_cert_file);
	free(c->tls_key_file);
	c->tls_cert_file = NULL;
	c->tls_key_file = NULL;
}

static void
fini_nothing(struct config *c, const struct config_row *row)
{
	(void)c;
	(void)row;
}

static const struct kind {
	const char *form;
	enum err (*parse)(struct config *c, const struct config_row *row, const char *text,
			  struct why *why);
	enum err (*show)(struct buf *out, const struct config *c, const struct config_row *row);
	void (*fini)(struct config *c, const struct config_row *row);
} kinds[] = {
	[CONFIG_STRING] = {"text",			   parse_string,	 show_text,    fini_text   },
	[CONFIG_SECRET] = {"secret",			     parse_secret,	   show_secret,	fini_secret },
	[CONFIG_URL] = {"URL",			       parse_url,	  show_text,    fini_text   },
	[CONFIG_SECONDS] = {"seconds",		       parse_seconds,     show_seconds, fini_nothing},
	[CONFIG_COUNT] = {"number",			    parse_count,	 show_count,   fini_nothing},
	[CONFIG_CHOICE] = {"choice",			     parse_choice,	   show_choice,	fini_nothing},
	[CONFIG_FINGERPRINT] = {"SHA-256 in hex",		  parse_fingerprint, show_text,	fini_text	 },
	[CONFIG_ADDR] = {"address:port",		 parse_addr,	     show_text,	fini_text	 },
	[CONFIG_TLS] = {"auto | off | files:CERT,KEY", parse_tls,	  show_tls,	    fini_tls    },
	[CONFIG_DB] = {"path | postgresql://...",	  parse_db,	    show_db,	     fini_db	    },
	[CONFIG_SUBNET] = {"IPv4 network",		   parse_subnet,	 show_text,    fini_text   },
	[CONFIG_ENDPOINT] = {"host:port",			  parse_endpoint,	  show_text,    fini_text   },
	[CONFIG_WG_KEY] = {"base64 key",			 parse_wg_key,      show_text,	  fini_text   },
	[CONFIG_WG_SERVER] = {WIREGUARD_SERVER_FORMS,	      parse_wg_server,   show_text,	  fini_text   },
};

const char *
config_kind_form(enum config_kind kind)
{
	return kinds[kind].form;
}

enum err
config_row_parse(struct config *c, const struct config_row *row, const char *text, struct why *why)
{
	enum err err = kinds[row->kind].parse(c, row, text, why);
	if (err == ERR_NOMEM)
		return why_set(why, ERR_NOMEM, "out of memory");
	return err;
}

enum err
config_row_show(struct buf *out, const struct config *c, const struct config_row *row)
{
	return kinds[row->kind].show(out, c, row);
}

void
config_row_fini(struct config *c, const struct config_row *row)
{
	kinds[row->kind].fini(c, row);
}

// SPDX-License-Identifier: Apache-2.0
// No password, token or private key may stand in what a run leaves behind: logs, the bridge's
// state, the resolved scenario. The devices' flashes are theirs and hold private keys by design.
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "runner/mem.h"
#include "runner/run.h"

enum {
	FILE_MAX_BYTES = 64 << 20,
	TOKEN_PART_MIN = 16,
	CONF_MAX_BYTES = 65536,
};

struct hunt {
	struct run *run;
	char **needles; // exact texts
	const char **names;
	size_t n;
	char *found; // heap; first find
};

static void
add_needle(struct hunt *hunt, const char *name, const char *text)
{
	if (!text || strlen(text) < 8) // shorter ones are ordinary words
		return;
	hunt->needles = mem_grow(hunt->needles, hunt->n, sizeof(*hunt->needles));
	hunt->names = mem_grow(hunt->names, hunt->n, sizeof(*hunt->names));
	hunt->names[hunt->n] = name;
	hunt->needles[hunt->n++] = mem_dup(text);
}

static bool
is_base64url(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static size_t
base64url_run(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && is_base64url(p[n]))
		n++;
	return n;
}

// A compact JWS with a real signature (RFC 7515 section 7.1): header.payload.signature, the first
// two are JSON objects ("eyJ" is base64url of {").
static bool
holds_token(struct bytes text)
{
	const char *end = (const char *)text.p + text.n;
	const char *p = (const char *)text.p;
	while (p && p < end && (p = memmem(p, (size_t)(end - p), "eyJ", 3))) {
		size_t header = base64url_run(p, end);
		const char *payload = p + header + 1;
		if (header >= TOKEN_PART_MIN && payload + 3 < end && payload[-1] == '.' &&
		    memcmp(payload, "eyJ", 3) == 0) {
			size_t n = base64url_run(payload, end);
			const char *signature = payload + n + 1;
			if (n >= TOKEN_PART_MIN && signature < end && signature[-1] == '.' &&
			    base64url_run(signature, end) >= TOKEN_PART_MIN)
				return true;
		}
		p += header ? header : 1;
	}
	return false;
}

static void
search_file(struct hunt *hunt, const char *path)
{
	BUF_AUTO struct buf text;
	buf_init(&text, FILE_MAX_BYTES);
	if (hunt->found || file_read(&text, path, NULL) != ERR_OK)
		return;
	if (memmem(text.data, text.len, "PRIVATE KEY-----", 16))
		hunt->found = mem_printf("%s holds a private key", path);
	else if (holds_token(buf_bytes(&text)))
		hunt->found = mem_printf("%s holds a signed token", path);
	for (size_t i = 0; i < hunt->n && !hunt->found; i++)
		if (memmem(text.data, text.len, hunt->needles[i], strlen(hunt->needles[i])))
			hunt->found = mem_printf("%s holds %s", path, hunt->names[i]);
}

static void
search_folder(struct hunt *hunt, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		AUTO(free) char *inner = mem_printf("%s/%s", path, entry->d_name);
		struct stat st;
		if (lstat(inner, &st) == 0 && S_ISREG(st.st_mode))
			search_file(hunt, inner);
	}
	if (dir)
		closedir(dir);
}

// The private keys that devices hold must not be known anywhere else.
static void
add_device_key(struct hunt *hunt, const char *conf_path)
{
	static const char name[] = "PrivateKey";
	BUF_AUTO struct buf text;
	buf_init(&text, CONF_MAX_BYTES);
	if (file_read(&text, conf_path, NULL) != ERR_OK)
		return;
	char *line = strstr((char *)text.data, name);
	if (!line)
		return;
	line += sizeof(name) - 1;
	line += strspn(line, " =\t");
	line[strcspn(line, "\r\n")] = '\0';
	add_needle(hunt, "the WireGuard private key of a device", line);
	explicit_bzero(text.data, text.len);
}

static void
add_device_keys(struct hunt *hunt)
{
	AUTO(free) char *path = mem_printf("%s/devices", hunt->run->stack->dir);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		AUTO(free) char *conf = mem_printf("%s/%s/wg0.conf", path, entry->d_name);
		if (entry->d_name[0] != '.')
			add_device_key(hunt, conf);
	}
	if (dir)
		closedir(dir);
}

void
leaks_find(char **out, struct run *run)
{
	static const char *const folders[] = {"", "/logs", "/state"};
	const struct stack_secrets *s = &run->stack->secrets;
	struct hunt hunt = {.run = run};
	add_needle(&hunt, "the provisioner's password", s->provisioner_password);
	add_needle(&hunt, "the bridge's admin token", s->admin_token);
	add_needle(&hunt, "the webhook's token", s->webhook_token);
	add_needle(&hunt, "hawkBit's password", s->hawkbit_password);
	add_needle(&hunt, "ThingsBoard's password", s->thingsboard_password);
	add_device_keys(&hunt);
	for (size_t i = 0; i < N_ELEMENTS(folders); i++) {
		AUTO(free) char *path = mem_printf("%s%s", run->stack->dir, folders[i]);
		search_folder(&hunt, path);
	}
	for (size_t i = 0; i < hunt.n; i++) {
		explicit_bzero(hunt.needles[i], strlen(hunt.needles[i]));
		free(hunt.needles[i]);
	}
	free(hunt.needles);
	free(hunt.names);
	*out = hunt.found;
}

// SPDX-License-Identifier: Apache-2.0
#include "runner/facts.h"

#include <stdio.h>

#include "base/file.h"
#include "runner/diag.h"
#include "runner/mem.h"

enum {
	FILE_MAX_BYTES = 1 << 20,
};

static const struct fact_name names[] = {
	{"BRIDGE_URL",		       "IoT Bridge, https://host:port",		false},
	{"BRIDGE_ADMIN_TOKEN",	       "bearer token of its admin calls",		  true },
	{"BRIDGE_WEBHOOK_TOKEN",	 "bearer token that it wants from the webhook", true },
	{"STEP_CA_URL",			"step-ca, https://host:port",		      false},
	{"STEP_CA_FINGERPRINT",		"SHA-256 of its root, hex",		    false},
	{"STEP_CA_PROVISIONER_NAME",     "JWK provisioner",				false},
	{"STEP_CA_PROVISIONER_PASSWORD", "password of its encryptedKey",		 true },
	{"STEP_CA_ADMIN_URL",	      "admin API of the mock",		       false},
	{"THINGSBOARD_URL",		    "REST API",					false},
	{"THINGSBOARD_MQTT_URL",	 "mqtts://host:port",			      false},
	{"THINGSBOARD_USER",	     "tenant administrator",			     false},
	{"THINGSBOARD_PASSWORD",	 "password of that user",			  true },
	{"THINGSBOARD_ADMIN_URL",	  "admin API of the mock",			   false},
	{"HAWKBIT_URL",			"update server",				 false},
	{"HAWKBIT_USER",		 "user of its Management API",		       false},
	{"HAWKBIT_PASSWORD",	     "password of that user",			      true },
	{"HAWKBIT_ADMIN_URL",	      "admin API of the mock",		       false},
	{"WG_SERVER_ENDPOINT",	       "WireGuard server, host:port (UDP)",	    false},
	{"WG_SERVER_PUBLIC_KEY",	 "its public key, base64",			   false},
	{"WG_SUBNET",		      "network of the tunnel addresses",		 false},
	{"WG_UAPI",		      "UNIX socket of its userspace API",		false},
	{"WG_ADMIN_URL",		 "admin API of the mock",			  false},
};

const struct fact_name *
facts_names(size_t *n)
{
	*n = N_ELEMENTS(names);
	return names;
}

static bool
is_known(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return true;
	return false;
}

static char *
skip_blanks(char *p)
{
	return p + strspn(p, " \t");
}

static void
trim(char *text)
{
	size_t n = strlen(text);
	while (n && strchr(" \t\r", text[n - 1]))
		text[--n] = '\0';
	if (n >= 2 && (*text == '"' || *text == '\'') && text[n - 1] == *text) {
		memmove(text, text + 1, n - 2);
		text[n - 2] = '\0';
	}
}

static enum err
read_line(struct words *facts, char *line, const char *path, int number, struct why *why)
{
	const char *known[N_ELEMENTS(names)];
	line = skip_blanks(line);
	if (strncmp(line, "export ", 7) == 0)
		line = skip_blanks(line + 7);
	if (!*line || *line == '#')
		return ERR_OK;
	char *value = strchr(line, '=');
	if (!value)
		return why_set(why, ERR_INPUT, "%s:%d: expected NAME=value", path, number);
	*value++ = '\0';
	trim(value);
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		known[i] = names[i].name;
	if (!is_known(line)) {
		AUTO(free) char *hint = diag_hint(line, known, N_ELEMENTS(known));
		return why_set(why, ERR_INPUT, "%s:%d: unknown name '%s'%s", path, number, line,
			       hint);
	}
	words_set_env(facts, line, *value ? value : NULL);
	return ERR_OK;
}

enum err
facts_read(struct words *facts, const char *path, struct why *why)
{
	BUF_AUTO struct buf text;
	buf_init(&text, FILE_MAX_BYTES);
	TRY(file_read(&text, path, why));
	char *next;
	int number = 1;
	for (char *line = (char *)text.data; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		TRY(read_line(facts, line, path, number, why));
	}
	return ERR_OK;
}

enum err
facts_print(struct buf *out, const struct words *facts)
{
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		const char *value = words_get_env(facts, names[i].name);
		if (value)
			TRY(buf_printf(out, "%s=%s\n", names[i].name, value));
	}
	return ERR_OK;
}

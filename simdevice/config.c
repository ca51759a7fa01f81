// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "wg/conf.h"

#define MQTTS_PORT 8883

void
sim_config_init(struct sim_config *c)
{
	*c = (struct sim_config){
		.limits = device_limits_default,
		.n_udp_sockets = 2,
		.mqtt_keepalive_s = 60,
		.flash_sync = true,
	};
}

void
sim_config_fini(struct sim_config *c)
{
	free(c->bridge);
	free(c->mqtt_host);
	free(c->step_ca);
	free(c->flash_dir);
	secret_fini(&c->admin_token);
}

enum err
sim_config_set_url(char **out, const char *what, const char *url, struct why *why)
{
	size_t scheme = strncmp(url, "https://", 8) == 0  ? 8
			: strncmp(url, "http://", 7) == 0 ? 7
							  : 0;
	size_t n = strlen(url);
	while (n > scheme && url[n - 1] == '/')
		n--;
	if (scheme == 0 || n == scheme || strpbrk(url, " \t\r\n\"?#"))
		return why_set(why, ERR_INPUT,
			       "%s: '%s' is not a URL like https://bridge.example:8443", what, url);
	char *copy = strndup(url, n);
	if (!copy)
		return why_set(why, ERR_NOMEM, "out of memory");
	free(*out);
	*out = copy;
	return ERR_OK;
}

enum err
sim_config_set_fingerprint(struct sim_config *c, const char *text, struct why *why)
{
	size_t n = 0;
	for (const char *p = text; *p; p++) {
		if (*p == ':')
			continue;
		if (!isxdigit((unsigned char)*p) || n == FINGERPRINT_CHARS)
			return why_set(why, ERR_INPUT,
				       "fingerprint: '%s' is not a SHA-256 of 64 hex digits", text);
		c->fingerprint[n++] = (char)tolower((unsigned char)*p);
	}
	c->fingerprint[n] = '\0';
	if (n != FINGERPRINT_CHARS)
		return why_set(why, ERR_INPUT,
			       "fingerprint: '%s' has %zu hex digits, a SHA-256 has 64", text, n);
	return ERR_OK;
}

enum err
sim_config_set_mqtt(struct sim_config *c, const char *url, struct why *why)
{
	static const char scheme[] = "mqtts://";
	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return why_set(why, ERR_INPUT, "MQTT URL: '%s' does not begin with mqtts://", url);
	const char *rest = url + sizeof(scheme) - 1;
	size_t n = strcspn(rest, "/");
	bool has_port = memchr(rest, ':', n) && (rest[0] != '[' || rest[n - 1] != ']');
	BUF_AUTO struct buf endpoint;
	buf_init(&endpoint, WG_CONF_ENDPOINT_BYTES);
	enum err err = buf_append(&endpoint, rest, n);
	if (!err && !has_port)
		err = buf_printf(&endpoint, ":%d", MQTTS_PORT);
	char host[WG_CONF_ENDPOINT_BYTES];
	uint16_t port = 0;
	if (!err)
		err = wg_endpoint_split(host, &port, buf_bytes(&endpoint));
	if (err || rest[n + (rest[n] == '/')] != '\0' || port == 0)
		return why_set(why, ERR_INPUT,
			       "MQTT URL: '%s' is not of the form mqtts://host:8883", url);
	char *copy = strdup(host);
	if (!copy)
		return why_set(why, ERR_NOMEM, "out of memory");
	free(c->mqtt_host);
	c->mqtt_host = copy;
	c->mqtt_port = port;
	return ERR_OK;
}

enum err
dialect_parse(enum dialect *out, const char *name)
{
	static const char *const names[] = {
		[DIALECT_RUNBOOK] = "runbook", [DIALECT_CDM] = "cdm", [DIALECT_NATIVE] = "native"};
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum dialect)i;
			return ERR_OK;
		}
	return ERR_INPUT;
}

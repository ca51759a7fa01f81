// SPDX-License-Identifier: Apache-2.0
#include "enroll_answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *cert;
	const char *wg;
	const char *wg_ip;
} names[] = {
	[DIALECT_RUNBOOK] = {"cert",	     "wg",		   "wg_ip"	  },
	[DIALECT_CDM] = {"certificate", "wireguard_config", "wireguard_ip"},
	[DIALECT_NATIVE] = {"certificate", NULL,		 NULL	     },
};

void
enroll_answer_fini(struct enroll_answer *a)
{
	json_decref(a->json);
	*a = (struct enroll_answer){0};
}

static enum err
get_text(const char **out, const json_t *json, const char *name, struct why *why)
{
	*out = NULL;
	if (!name)
		return ERR_OK;
	*out = json_string_value(json_object_get(json, name));
	if (!*out || !**out)
		return why_set(why, ERR_SYNTAX, "the answer has no text in '%s'", name);
	return ERR_OK;
}

enum err
enroll_answer_parse(struct enroll_answer *out, struct bytes body, enum dialect dialect,
		    struct why *why)
{
	json_error_t error;
	json_auto_t *json =
		json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(json))
		return why_set(why, ERR_SYNTAX, "the answer is not a JSON object: %s",
			       json ? "another type" : error.text);
	struct enroll_answer a = {0};
	TRY(get_text(&a.cert, json, names[dialect].cert, why));
	TRY(get_text(&a.ca_chain, json, "ca_chain", why));
	TRY(get_text(&a.wg, json, names[dialect].wg, why));
	TRY(get_text(&a.wg_ip, json, names[dialect].wg_ip, why));
	a.json = json_incref(json);
	*out = a;
	return ERR_OK;
}

void
problem_parse(struct problem *out, struct bytes body)
{
	*out = (struct problem){0};
	json_auto_t *json = body.n ? json_loadb((const char *)body.p, body.n, 0, NULL) : NULL;
	const char *type = json_string_value(json_object_get(json, "type"));
	const char *detail = json_string_value(json_object_get(json, "detail"));
	if (type)
		snprintf(out->type, sizeof(out->type), "%s", type);
	if (detail)
		snprintf(out->detail, sizeof(out->detail), "%s", detail);
	else
		snprintf(out->detail, sizeof(out->detail), "%.*s",
			 (int)(body.n < 200 ? body.n : 200), body.n ? (const char *)body.p : "");
}

void
problem_kind(char *out, size_t size, const struct problem *p, int status)
{
	static const char urn[] = "urn:provsim:";
	if (strncmp(p->type, urn, sizeof(urn) - 1) == 0 && p->type[sizeof(urn) - 1])
		snprintf(out, size, "%s", p->type + sizeof(urn) - 1);
	else
		snprintf(out, size, "http-%d", status);
}

uint32_t
retry_after_ms(const char *value)
{
	if (!value || *value < '0' || *value > '9')
		return 0;
	errno = 0;
	char *end = NULL;
	unsigned long seconds = strtoul(value, &end, 10);
	if (errno || *end || seconds > 86400)
		return 0;
	return (uint32_t)(seconds * 1000);
}

bool
http_status_is_retryable(int status)
{
	return status == 408 || status == 429 || status == 503 || status == 504;
}

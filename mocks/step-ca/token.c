// SPDX-License-Identifier: Apache-2.0
#include "step-ca/token.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"

enum { LEEWAY_S = 60 };

// --- audiences ---

// Below https://<dns name>; step-ca lets the SSH paths pass for X.509 too.
static const struct {
	const char *path;
	unsigned uses;
} endpoint_paths[] = {
	{"/1.0/sign",	      TOKEN_FOR_SIGN  },
	    {"/sign",	      TOKEN_FOR_SIGN  },
	{"/1.0/ssh/sign",	  TOKEN_FOR_SIGN	},
	    {"/ssh/sign",	  TOKEN_FOR_SIGN	},
	{"/1.0/renew",      TOKEN_FOR_RENEW },
	    {"/renew",	       TOKEN_FOR_RENEW },
	{"/1.0/revoke",	TOKEN_FOR_REVOKE},
	    {"/revoke",		TOKEN_FOR_REVOKE},
	{"/1.0/ssh/revoke", TOKEN_FOR_SSH	 },
	    {"/ssh/revoke",	    TOKEN_FOR_SSH	 },
	{"/1.0/ssh/renew",  TOKEN_FOR_SSH	},
	    {"/ssh/renew",	   TOKEN_FOR_SSH	},
	{"/1.0/ssh/rekey",  TOKEN_FOR_SSH	},
	    {"/ssh/rekey",	   TOKEN_FOR_SSH	},
};

static const char legacy_audience[] = "step-certificate-authority";

static enum err
add_audience(struct token_rules *r, char *take_text, unsigned uses)
{
	struct audience *list =
		take_text ? realloc(r->audiences, (r->n_audiences + 1) * sizeof(*list)) : NULL;
	if (!list) {
		free(take_text);
		return ERR_NOMEM;
	}
	r->audiences = list;
	r->audiences[r->n_audiences++] = (struct audience){take_text, uses};
	return ERR_OK;
}

enum err
token_rules_init(struct token_rules *r, const char *const *dns_names, size_t n_dns_names,
		 int64_t start_s)
{
	*r = (struct token_rules){.start_s = start_s};
	TRY(add_audience(r, strdup(legacy_audience), TOKEN_FOR_SIGN | TOKEN_FOR_REVOKE));
	for (size_t i = 0; i < n_dns_names; i++) {
		for (size_t k = 0; k < N_ELEMENTS(endpoint_paths); k++) {
			char *text = NULL;
			if (asprintf(&text, "https://%s%s", dns_names[i], endpoint_paths[k].path) <
			    0)
				return ERR_NOMEM;
			TRY(add_audience(r, text, endpoint_paths[k].uses));
		}
	}
	return ERR_OK;
}

void
token_rules_fini(struct token_rules *r)
{
	for (size_t i = 0; i < r->n_audiences; i++)
		free(r->audiences[i].text);
	free(r->audiences);
	*r = (struct token_rules){0};
}

// The end of the port that begins with the colon at p; NULL when it is no port.
static const char *
end_of_port(const char *p, const char *authority_end)
{
	for (p++; p < authority_end; p++) {
		if (!isdigit((unsigned char)*p))
			return NULL;
	}
	return p;
}

// A URL compared with `want` as if it had no port (and, like Go's Hostname(), no brackets).
static bool
equals_without_port(const char *url, const char *want)
{
	const char *host = strstr(url, "://");
	if (!host)
		return strcmp(url, want) == 0;
	host += 3;
	const char *end = host + strcspn(host, "/?#");
	const char *host_end = end;
	const char *rest = end;
	if (*host == '[') {
		host_end = memchr(host, ']', (size_t)(end - host));
		if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
			return false;
		if (host_end + 1 < end && !end_of_port(host_end + 1, end))
			return false;
	} else {
		const char *colon = memchr(host, ':', (size_t)(end - host));
		if (colon && !end_of_port(colon, end))
			return false;
		host_end = colon ? colon : end;
	}
	size_t scheme = (size_t)(host - url);
	host += *host == '[';
	size_t n = (size_t)(host_end - host);
	size_t n_rest = strlen(rest);
	if (n_rest && rest[n_rest - 1] == '#')
		n_rest--; // an empty fragment is none
	return strncasecmp(want, url, scheme) == 0 && strncmp(want + scheme, host, n) == 0 &&
	       strlen(want + scheme + n) == n_rest && strncmp(want + scheme + n, rest, n_rest) == 0;
}

static unsigned
uses_of(const struct token_rules *r, const char *audience)
{
	unsigned uses = 0;
	for (size_t i = 0; i < r->n_audiences; i++) {
		if (strcmp(audience, r->audiences[i].text) == 0 ||
		    equals_without_port(audience, r->audiences[i].text))
			uses |= r->audiences[i].uses;
	}
	return uses;
}

bool
token_has_audience(const struct token_rules *r, const struct jws *jws, unsigned uses)
{
	const json_t *aud = json_object_get(jws->claims, "aud");
	if (json_is_string(aud))
		return uses_of(r, json_string_value(aud)) & uses;
	for (size_t i = 0; i < json_array_size(aud); i++) {
		if (uses_of(r, json_string_value(json_array_get(aud, i))) & uses)
			return true;
	}
	return false;
}

// A fragment in an audience names a provisioner of another kind, of which there are none.
static bool
has_fragment(const struct jws *jws)
{
	const json_t *aud = json_object_get(jws->claims, "aud");
	if (json_is_string(aud)) {
		const char *hash = strchr(json_string_value(aud), '#');
		return hash && hash[1];
	}
	for (size_t i = 0; i < json_array_size(aud); i++) {
		const char *hash = strchr(json_string_value(json_array_get(aud, i)), '#');
		if (hash && hash[1])
			return true;
	}
	return false;
}

// --- claims ---

static bool
is_text(const json_t *v)
{
	return json_is_string(v);
}

static bool
is_number(const json_t *v)
{
	return json_is_number(v);
}

static bool
is_texts(const json_t *v)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (!json_is_string(json_array_get(v, i)))
			return false;
	}
	return json_is_array(v);
}

static bool
is_text_or_texts(const json_t *v)
{
	return json_is_string(v) || is_texts(v);
}

static const struct {
	const char *name;
	bool (*has_type)(const json_t *v);
} claims[] = {
	{"iss",	is_text	       },
	    {"sub",   is_text	   },
	{"jti",	is_text	       },
	    {"aud",   is_text_or_texts},
	{"exp",	is_number	 },
	    {"nbf",   is_number	     },
	{"iat",	is_number	 },
	    {"sans",  is_texts	     },
	{"email", is_text	 },
	    {"nonce", is_text	     },
};

enum err
token_check_types(const struct jws *jws, struct why *why)
{
	static const char *const headers[] = {"alg", "kid"};
	for (size_t i = 0; i < N_ELEMENTS(headers); i++) {
		const json_t *v = json_object_get(jws->header, headers[i]);
		if (v && !json_is_null(v) && !json_is_string(v))
			return why_set(why, ERR_SYNTAX, "header %s is not a string", headers[i]);
	}
	for (size_t i = 0; i < N_ELEMENTS(claims); i++) {
		const json_t *v = json_object_get(jws->claims, claims[i].name);
		if (v && !json_is_null(v) && !claims[i].has_type(v))
			return why_set(why, ERR_SYNTAX, "claim %s has the wrong type",
				       claims[i].name);
	}
	return ERR_OK;
}

// A time claim in whole seconds. What does not fit 64 bits becomes the smallest number, as Go's
// conversion has it.
static bool
claim_seconds(const struct jws *jws, const char *name, int64_t *out)
{
	const json_t *v = json_object_get(jws->claims, name);
	const double limit = 9223372036854775808.0; // 2^63
	double s = json_number_value(v);
	if (!json_is_number(v))
		return false;
	*out = s >= limit || s < -limit ? INT64_MIN : (int64_t)s;
	return true;
}

enum token_time
token_check_times(const struct jws *jws, uint64_t now_ns)
{
	int64_t t;
	int64_t now = (int64_t)(now_ns / NS_PER_S);
	bool is_past_the_second = now_ns % NS_PER_S != 0;
	if (claim_seconds(jws, "nbf", &t) && now + LEEWAY_S < t)
		return TOKEN_NOT_YET_VALID;
	if (claim_seconds(jws, "exp", &t) &&
	    (now - LEEWAY_S > t || (now - LEEWAY_S == t && is_past_the_second)))
		return TOKEN_EXPIRED;
	if (claim_seconds(jws, "iat", &t) && now + LEEWAY_S < t)
		return TOKEN_FROM_THE_FUTURE;
	return TOKEN_TIME_GOOD;
}

enum err
token_burn(const struct token_rules *r, const struct jws *jws)
{
	const char *jti = jws_claim_str(jws, "jti");
	if (jti && *jti)
		return ledger_use_token(r->ledger, jti);
	uint8_t hash[SHA256_BYTES];
	char hex[HEX_CHARS(SHA256_BYTES) + 1];
	TRY(sha256(hash, buf_bytes(&jws->text)));
	hex_encode(hex, BYTES(hash, sizeof(hash)));
	return ledger_use_token(r->ledger, hex);
}

static const char *
or_empty(const char *text)
{
	return text ? text : "";
}

// Steps 1 and 2: nothing is burnt when they fail.
static enum err
find_provisioner(struct token *out, const struct token_rules *r, const struct jws *jws,
		 struct why *why)
{
	int64_t iat;
	TRY(token_check_types(jws, why));
	if (claim_seconds(jws, "iat", &iat) && iat < r->start_s)
		return why_set(why, ERR_UNAUTHORIZED, "issued before the start of the CA");
	const char *issuer = or_empty(jws_claim_str(jws, "iss"));
	const char *kid = or_empty(jws_header_str(jws, "kid"));
	out->provisioner = provisioners_by_token(r->provisioners, issuer, kid);
	if (has_fragment(jws) || !token_has_audience(r, jws, ~0U) || !out->provisioner)
		return why_set(why, ERR_UNAUTHORIZED,
			       "provisioner not found or invalid audience (iss %.64s, kid %.64s)",
			       issuer, kid);
	return ERR_OK;
}

// Step 4.
static enum err
verify(struct token *out, const struct token_rules *r, const struct jws *jws, enum token_use use,
       uint64_t now_ns, struct why *why)
{
	static const char *const time_texts[] = {
		[TOKEN_NOT_YET_VALID] = "not valid yet (nbf)",
		[TOKEN_EXPIRED] = "expired (exp)",
		[TOKEN_FROM_THE_FUTURE] = "issued in the future (iat)",
	};
	TRY(jws_verify(jws, out->provisioner->key, why));
	enum token_time time = token_check_times(jws, now_ns);
	if (time != TOKEN_TIME_GOOD)
		return why_set(why, ERR_UNAUTHORIZED, "%s", time_texts[time]);
	if (!token_has_audience(r, jws, use))
		return why_set(why, ERR_UNAUTHORIZED, "audience is another endpoint");
	out->subject = or_empty(jws_claim_str(jws, "sub"));
	if (!*out->subject)
		return why_set(why, ERR_UNAUTHORIZED, "subject is empty");
	const json_t *sans = json_object_get(jws->claims, "sans");
	out->sans = json_array_size(sans) ? sans : NULL;
	return ERR_OK;
}

enum token_verdict
token_authorize(struct token *out, const struct token_rules *r, const struct jws *jws,
		enum token_use use, uint64_t now_ns, struct why *why)
{
	*out = (struct token){0};
	if (!jws) {
		why_set(why, ERR_UNAUTHORIZED, "not a compact JWS with JSON inside");
		return TOKEN_REJECTED;
	}
	if (find_provisioner(out, r, jws, why))
		return TOKEN_REJECTED;
	enum err err = token_burn(r, jws);
	if (err) {
		why_set(why, err, err == ERR_CONFLICT ? "already used" : "cannot be recorded");
		return err == ERR_CONFLICT ? TOKEN_REPLAYED : TOKEN_REJECTED;
	}
	return verify(out, r, jws, use, now_ns, why) ? TOKEN_REJECTED : TOKEN_ACCEPTED;
}

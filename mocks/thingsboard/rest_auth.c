// SPDX-License-Identifier: Apache-2.0
// Login, token refresh and the bearer check (contracts/thingsboard.md 1; the texts are the
// server's).
#include "thingsboard/rest.h"

#include <openssl/crypto.h>

#include "base/clock.h"

enum {
	ACCESS_TOKEN_S = 9000,
	REFRESH_TOKEN_S = 604800,
	TOKEN_MAX = 8192,
	// ThingsBoard cuts as many characters off the header without looking at them.
	BEARER_PREFIX = 7,
};

static const char *
role_name(enum role role)
{
	return role == ROLE_TENANT_ADMIN ? "TENANT_ADMIN" : "SYS_ADMIN";
}

static json_t *
access_claims(const struct rest *r, const struct user *user, const char *session, int64_t now)
{
	bool tenant = user->role == ROLE_TENANT_ADMIN;
	return json_pack("{s:s, s:s, s:[s], s:s, s:I, s:s, s:I, s:s, s:s, s:b, s:b, s:s, s:s}",
			 "sub", user->email, "userId", user->id, "scopes", role_name(user->role),
			 "sessionId", session, "exp", (json_int_t)(now + ACCESS_TOKEN_S), "iss",
			 "thingsboard.io", "iat", (json_int_t)now, "firstName", user->first_name,
			 "lastName", "Administrator", "enabled", 1, "isPublic", 0, "tenantId",
			 tenant ? r->devices->tenant_id : NULL_UUID, "customerId", NULL_UUID);
}

static json_t *
refresh_claims(struct rest *r, const struct user *user, const char *session, int64_t now)
{
	char jti[UUID_CHARS + 1];
	uuid_v4(jti, &r->rng);
	return json_pack("{s:s, s:s, s:[s], s:s, s:I, s:s, s:I, s:b, s:s}", "sub", user->email,
			 "userId", user->id, "scopes", "REFRESH_TOKEN", "sessionId", session, "exp",
			 (json_int_t)(now + REFRESH_TOKEN_S), "iss", "thingsboard.io", "iat",
			 (json_int_t)now, "isPublic", 0, "jti", jti);
}

static void
reply_tokens(struct http_req *req, struct rest *r, const struct user *user)
{
	char session[UUID_CHARS + 1];
	uuid_v4(session, &r->rng);
	int64_t now = clock_wall_s();
	json_auto_t *access = access_claims(r, user, session, now);
	json_auto_t *refresh = refresh_claims(r, user, session, now);
	BUF_AUTO struct buf token;
	BUF_AUTO struct buf refresh_token;
	buf_init(&token, TOKEN_MAX);
	buf_init(&refresh_token, TOKEN_MAX);
	if (jwt_sign(&token, &r->key, access) || jwt_sign(&refresh_token, &r->key, refresh)) {
		rest_error(req, 500, CODE_GENERAL, "Failed to create a token");
		return;
	}
	http_reply_json(req, 200,
			json_pack("{s:s%, s:s%}", "token", token.data, token.len, "refreshToken",
				  refresh_token.data, refresh_token.len));
}

static void
unauthorized(struct http_req *req, enum rest_code code, const char *text)
{
	rest_error(req, 401, code, "%s", text);
}

static const struct user *
find_user(const struct rest *r, const char *email)
{
	for (size_t i = 0; i < ROLES; i++)
		if (strcasecmp(r->users[i].email, email) == 0)
			return &r->users[i];
	return NULL;
}

void
rest_login(struct http_req *req, struct rest *r)
{
	struct bytes body = http_req_body(req);
	json_auto_t *json = json_loadb((const char *)body.p, body.n, 0, NULL);
	const char *email = json_string_value(json_object_get(json, "username"));
	const char *password = json_string_value(json_object_get(json, "password"));
	if (!email || !*email || !password || !*password) {
		unauthorized(req, CODE_AUTHENTICATION, "Authentication failed");
		return;
	}
	const struct user *user = find_user(r, email);
	if (user && secret_equal(user->password, BYTES_STR(password)))
		reply_tokens(req, r, user);
	else
		unauthorized(req, CODE_AUTHENTICATION, "Invalid username or password");
}

// The claims of a token of ours that has not expired, or NULL: answered.
static json_t *
open_token(struct http_req *req, struct rest *r, const char *token)
{
	json_auto_t *claims = NULL;
	enum err err = jwt_verify(&claims, &r->key, BYTES_STR(token));
	json_t *exp = json_object_get(claims, "exp");
	if (err == ERR_SYNTAX) {
		unauthorized(req, CODE_AUTHENTICATION, "Invalid username or password");
		return NULL;
	}
	// One answer for a wrong signature and for an old token: the real server does not tell them
	// apart either.
	if (err != ERR_OK || json_integer_value(exp) <= clock_wall_s()) {
		unauthorized(req, CODE_TOKEN_EXPIRED, "Token has expired");
		return NULL;
	}
	return STEAL(claims);
}

static bool
is_refresh(const json_t *claims)
{
	const char *scope = json_string_value(json_array_get(json_object_get(claims, "scopes"), 0));
	return scope && strcmp(scope, "REFRESH_TOKEN") == 0;
}

static const struct user *
claims_user(const struct rest *r, const json_t *claims)
{
	const char *email = json_string_value(json_object_get(claims, "sub"));
	return email ? find_user(r, email) : NULL;
}

void
rest_token(struct http_req *req, struct rest *r)
{
	struct bytes body = http_req_body(req);
	json_auto_t *json = json_loadb((const char *)body.p, body.n, 0, NULL);
	const char *token = json_string_value(json_object_get(json, "refreshToken"));
	if (!token || !*token) {
		unauthorized(req, CODE_AUTHENTICATION, "Authentication failed");
		return;
	}
	json_auto_t *claims = open_token(req, r, token);
	if (!claims)
		return;
	const struct user *user = claims_user(r, claims);
	if (!is_refresh(claims))
		rest_error(req, 500, CODE_GENERAL, "Invalid Refresh Token scope");
	else if (!user)
		unauthorized(req, CODE_AUTHENTICATION, "Invalid username or password");
	else
		reply_tokens(req, r, user);
}

static bool
is_blank(const char *text)
{
	return !text || text[strspn(text, " \t")] == '\0';
}

const struct user *
rest_authenticate(struct http_req *req, struct rest *r)
{
	const struct http_route *route = http_req_route(req);
	const char *header = http_req_header(req, "X-Authorization");
	if (is_blank(header))
		header = http_req_header(req, "Authorization");
	if (is_blank(header) || strlen(header) < BEARER_PREFIX) {
		unauthorized(req, CODE_AUTHENTICATION, "Authentication failed");
		return NULL;
	}
	if (fault_plan_match_semantic(r->plan, route ? route->name : NULL, NULL, "token-expired")) {
		unauthorized(req, CODE_TOKEN_EXPIRED, "Token has expired");
		return NULL;
	}
	json_auto_t *claims = open_token(req, r, header + BEARER_PREFIX);
	if (!claims)
		return NULL;
	if (is_refresh(claims)) {
		rest_error(req, 500, CODE_GENERAL, "Invalid JWT token scope");
		return NULL;
	}
	const struct user *user = claims_user(r, claims);
	if (!user)
		unauthorized(req, CODE_AUTHENTICATION, "Invalid username or password");
	return user;
}

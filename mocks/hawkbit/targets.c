// SPDX-License-Identifier: Apache-2.0
// Targets of the Management API: create, read, change, delete, attributes
// (contracts/hawkbit.md 2.1, 2.2).
#include <stdio.h>

#include "base/clock.h"
#include "hawkbit/mgmt.h"
#include "hawkbit/target_input.h"
#include "hawkbit/target_view.h"

static int64_t
now_ms(void)
{
	return (int64_t)(clock_wall_ns() / NS_PER_MS);
}

void
userinfo_get(struct hawkbit *h, struct http_req *req)
{
	static const char *const permissions[] = {
		"CREATE_TARGET",
		"READ_TARGET",
		"UPDATE_TARGET",
		"DELETE_TARGET",
		"READ_TARGET_SECURITY_TOKEN",
	};
	json_t *list = json_array();
	for (size_t i = 0; i < N_ELEMENTS(permissions); i++)
		json_array_append_new(list, json_string(permissions[i]));
	reply_hal(req, 200,
		  json_pack("{s:s, s:s, s:o}", "tenant", "DEFAULT", "username", h->o.user,
			    "permissions", list));
}

// Whether the reader sees security tokens (hawkBit's READ_TARGET_SECURITY_TOKEN).
static bool
shows_token(struct hawkbit *h, struct http_req *req, const struct target *t)
{
	return !fault_plan_match_semantic(h->o.faults, http_req_route(req)->name, t->controller_id,
					  "token-missing");
}

static void
reply_target(struct hawkbit *h, struct http_req *req, const struct target *t)
{
	reply_hal(req, 200,
		  target_to_json(t, VIEW_FULL, mgmt_base_url(h, req), shows_token(h, req, t)));
}

// --- create ---

// No target types are known: any that is named does not exist.
static enum err
check_type(const struct target_input *in, struct arena *arena, struct refusal *r)
{
	if (!in->has_target_type)
		return ERR_OK;
	const char *id = arena_printf(arena, "%lld", (long long)in->target_type);
	return refuse_not_found(r, "TargetType", id ? id : "");
}

static enum err
make_target(struct hawkbit *h, struct http_req *req, const json_t *json, struct target **out,
	    struct refusal *r)
{
	struct arena *arena = http_req_arena(req);
	struct target_input in;
	TRY(target_input_parse(&in, json, arena, r));
	TRY(target_input_check(&in, true, r));
	TRY(check_type(&in, arena, r));
	AUTO(target_free) struct target *t = NULL;
	TRY(target_from_input(&t, &in, h->o.user, now_ms()));
	const char *id = in.controller_id;
	bool conflict = fault_plan_match_semantic(h->o.faults, "targets.create", id,
						  "target-conflict") != NULL;
	enum err err = conflict ? ERR_CONFLICT : target_store_add(&h->targets, STEAL(t));
	if (err == ERR_CONFLICT) {
		*r = (struct refusal){.kind = REFUSE_EXISTS};
		return ERR_INPUT;
	}
	TRY(err);
	*out = target_store_find(&h->targets, id);
	return ERR_OK;
}

// One transaction: the first refusal takes back what this request has made.
static enum err
make_targets(struct hawkbit *h, struct http_req *req, const json_t *array, struct target **made,
	     struct refusal *r)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		enum err err = make_target(h, req, json_array_get(array, i), &made[i], r);
		if (err == ERR_OK)
			continue;
		while (i-- > 0)
			target_store_delete(&h->targets, made[i]);
		return err;
	}
	return ERR_OK;
}

static void
create_all(struct hawkbit *h, struct http_req *req, const json_t *array)
{
	size_t n = json_array_size(array);
	struct refusal refusal = {0};
	AUTO(free) char *memory = calloc(n + 1, sizeof(struct target *));
	struct target **made = (struct target **)(void *)memory;
	enum err err = made ? make_targets(h, req, array, made, &refusal) : ERR_NOMEM;
	if (err == ERR_INPUT) {
		reply_refusal(req, h->o.release, &refusal);
		return;
	}
	if (err != ERR_OK) {
		reply_spring(req, 500);
		return;
	}
	json_t *list = json_array();
	const char *base_url = mgmt_base_url(h, req);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, target_to_json(made[i], VIEW_ROW, base_url,
							   shows_token(h, req, made[i])));
	reply_hal(req, 201, list);
}

void
targets_create(struct hawkbit *h, struct http_req *req)
{
	json_auto_t *body = mgmt_body(h, req);
	if (!body)
		return;
	if (json_is_array(body)) {
		create_all(h, req, body);
	} else if (json_is_object(body) && h->o.release->single_as_array) {
		json_auto_t *array = json_pack("[O]", body);
		create_all(h, req, array);
	} else {
		struct refusal refusal = {.kind = REFUSE_NOT_READABLE};
		reply_refusal(req, h->o.release, &refusal);
	}
}

// --- read, change, delete ---

void
targets_get(struct hawkbit *h, struct http_req *req)
{
	const struct target *t = mgmt_target_of(h, req);
	if (t)
		reply_target(h, req, t);
}

static enum err
parse_update(struct http_req *req, const json_t *body, struct target_input *in, struct refusal *r)
{
	TRY(target_input_parse(in, body, http_req_arena(req), r));
	return target_input_check(in, false, r);
}

void
targets_update(struct hawkbit *h, struct http_req *req)
{
	json_auto_t *body = mgmt_body(h, req);
	struct target_input in;
	struct refusal refusal = {0};
	if (!body)
		return;
	if (parse_update(req, body, &in, &refusal) != ERR_OK) {
		reply_refusal(req, h->o.release, &refusal);
		return;
	}
	if (in.has_request_attributes && !in.request_attributes) {
		reply_bare(req, 400);
		return;
	}
	struct target *t = mgmt_target_of(h, req);
	if (!t)
		return;
	in.has_target_type = in.has_target_type && in.target_type != -1; // -1: take the type away
	if (check_type(&in, http_req_arena(req), &refusal) != ERR_OK)
		reply_refusal(req, h->o.release, &refusal);
	else if (target_update(t, &in, h->o.user, now_ms()) != ERR_OK)
		reply_spring(req, 500);
	else
		reply_target(h, req, t);
}

void
targets_delete(struct hawkbit *h, struct http_req *req)
{
	struct target *t = mgmt_target_of(h, req);
	if (!t)
		return;
	target_store_delete(&h->targets, t);
	reply_bare(req, h->o.release->delete_status);
}

void
attributes_get(struct hawkbit *h, struct http_req *req)
{
	const struct target *t = mgmt_target_of(h, req);
	if (!t)
		return;
	if (json_object_size(t->attributes) == 0)
		reply_bare(req, 204);
	else
		reply_hal(req, 200, json_incref(t->attributes));
}

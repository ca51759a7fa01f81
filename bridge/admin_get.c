// SPDX-License-Identifier: Apache-2.0
#include "bridge/admin_get.h"

#include <stdio.h>

#include "base/clock.h"
#include "bridge/bridge.h"
#include "bridge/reply.h"

enum {
	PAGE_DEFAULT = 100,
	PAGE_MAX = 1000,
};

// RFC 3339; null for "never".
static json_t *
time_to_json(int64_t ms)
{
	char text[CLOCK_RFC3339_BYTES];
	if (ms <= 0)
		return json_null();
	clock_format_rfc3339(text, (uint64_t)ms * NS_PER_MS, 3);
	return json_string(text);
}

static json_t *
text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static json_t *
device_to_json(const struct device_row *d)
{
	char ip[IPV4_TEXT_BYTES] = "";
	if (d->wg_ip)
		ipv4_format(ip, d->wg_ip);
	return json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", d->id,
			 "state", device_state_name(d->state), "generation", (int)d->generation,
			 "wg_ip", text_or_null(ip), "wg_public_key", text_or_null(d->wg_public_key),
			 "device_type", text_or_null(d->device_type), "created_at",
			 time_to_json(d->created_ms), "updated_at", time_to_json(d->updated_ms),
			 "enrolled_at", time_to_json(d->enrolled_ms), "provisioned_at",
			 time_to_json(d->provisioned_ms), "decommissioned_at",
			 time_to_json(d->decommissioned_ms));
}

static json_t *
certificates_to_json(const struct store_answer *a, int64_t now_ms)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->n_certificates; i++) {
		const struct certificate_row *c = &a->certificates[i];
		const char *state = c->revoked			? "revoked"
				    : c->not_after_ms <= now_ms ? "expired"
								: "valid";
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:i}", "serial",
						      c->serial, "state", state, "not_after",
						      time_to_json(c->not_after_ms), "issued_at",
						      time_to_json(c->issued_ms), "generation",
						      (int)c->generation));
	}
	return list;
}

static const char *
task_status_text(enum task_status status)
{
	switch (status) {
	case TASK_OPEN:
		return "pending";
	case TASK_DONE:
		return "done";
	case TASK_GIVEN_UP:
		return "failed";
	}
	return "unknown";
}

static json_t *
tasks_to_json(const struct store_answer *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->n_tasks; i++) {
		const struct task_row *t = &a->tasks[i];
		bool has_time = t->status == TASK_OPEN && t->next_ms != INT64_MAX;
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:o, s:o}", "task",
						      task_kind_name(t->kind), "status",
						      task_status_text(t->status), "attempts",
						      (json_int_t)t->attempts, "next_attempt_at",
						      time_to_json(has_time ? t->next_ms : 0),
						      "error", text_or_null(t->last_error)));
	}
	return list;
}

json_t *
admin_device_to_json(const struct store_answer *a, int64_t now_ms)
{
	json_t *body = device_to_json(&a->device);
	if (!body)
		return NULL;
	json_object_set_new(body, "certificates", certificates_to_json(a, now_ms));
	json_object_set_new(body, "tasks", tasks_to_json(a));
	return body;
}

static void
fail_store(struct http_req *req, enum err err, const struct why *why)
{
	if (err == ERR_EXHAUSTED || err == ERR_CANCELLED)
		reply_problem(req, PROBLEM_OVERLOADED,
			      "the bridge's store is busy; try again shortly", NULL);
	else
		reply_problem(req, err == ERR_IO ? PROBLEM_STORE_FAILED : PROBLEM_INTERNAL,
			      why ? why->text : err_text(err), NULL);
}

static void
on_device(const struct store_answer *answer, void *ctx)
{
	struct http_req *req = ctx;
	const char *id = http_req_param(req, "device_id");
	if (answer->err == ERR_NOT_FOUND) {
		reply_problem(req, PROBLEM_NOT_FOUND, "no such device", id);
		return;
	}
	if (answer->err != ERR_OK) {
		fail_store(req, answer->err, &answer->why);
		return;
	}
	http_reply_json(req, 200,
			admin_device_to_json(answer, (int64_t)(clock_wall_ns() / NS_PER_MS)));
}

void
admin_get_device(struct http_req *req, void *ctx)
{
	struct bridge *b = ctx;
	const char *id = http_req_param(req, "device_id");
	if (!admin_is_allowed(req, &b->config.admin_token))
		return;
	if (!device_id_is_valid(id)) {
		reply_problem(req, PROBLEM_NOT_FOUND, "no such device", NULL);
		return;
	}
	enum err err = store_get_device(b->store, id, on_device, req);
	if (err != ERR_OK)
		fail_store(req, err, NULL);
}

static void
on_list(const struct store_answer *answer, void *ctx)
{
	struct http_req *req = ctx;
	if (answer->err != ERR_OK) {
		fail_store(req, answer->err, &answer->why);
		return;
	}
	json_t *list = json_array();
	for (size_t i = 0; i < answer->n_devices; i++)
		json_array_append_new(list, device_to_json(&answer->devices[i]));
	const char *last = answer->more && answer->n_devices
				   ? answer->devices[answer->n_devices - 1].id
				   : NULL;
	http_reply_json(req, 200, json_pack("{s:o, s:s?}", "devices", list, "next_cursor", last));
}

static enum err
read_query(struct store_list *l, struct http_req *req, struct why *why)
{
	const char *limit = http_req_query(req, "limit");
	const char *cursor = http_req_query(req, "cursor");
	const char *state = http_req_query(req, "state");
	l->limit = PAGE_DEFAULT;
	if (limit) {
		char *end;
		unsigned long n = strtoul(limit, &end, 10);
		if (*limit < '0' || *limit > '9' || *end || n < 1 || n > PAGE_MAX)
			return why_set(why, ERR_INPUT, "limit must be a number from 1 to %d",
				       PAGE_MAX);
		l->limit = n;
	}
	if (cursor && *cursor && !device_id_is_valid(cursor))
		return why_set(why, ERR_INPUT, "cursor must be the next_cursor of the page before");
	l->after = cursor && *cursor ? cursor : NULL;
	if (state && *state) {
		enum device_state value;
		if (device_state_parse(&value, state) != ERR_OK)
			return why_set(why, ERR_INPUT, "there is no device state \"%.40s\"", state);
		l->states = 1U << value;
	}
	return ERR_OK;
}

void
admin_list_devices(struct http_req *req, void *ctx)
{
	struct bridge *b = ctx;
	struct store_list list = {0};
	struct why why = {0};
	if (!admin_is_allowed(req, &b->config.admin_token))
		return;
	if (read_query(&list, req, &why) != ERR_OK) {
		reply_problem(req, PROBLEM_INVALID_REQUEST, why.text, NULL);
		return;
	}
	enum err err = store_list_devices(b->store, &list, on_list, req);
	if (err != ERR_OK)
		fail_store(req, err, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// What a handler can see of its request and how it answers.
#include <stdio.h>

#include "base/encode.h"
#include "net/http_internal.h"

enum {
	REPLY_MAX_BYTES = 64 * 1024 * 1024,
};

const char *
http_status_text(int status)
{
	const char *text = MHD_get_reason_phrase_for((unsigned)status);
	return text ? text : "Unknown";
}

const char *
http_req_method(const struct http_req *req)
{
	return req->method;
}

const char *
http_req_path(const struct http_req *req)
{
	return req->path;
}

const struct http_route *
http_req_route(const struct http_req *req)
{
	return req->match.route;
}

const char *
http_req_param(const struct http_req *req, const char *name)
{
	for (size_t i = 0; i < req->match.params.n; i++) {
		if (bytes_is(req->match.params.at[i].name, name))
			return req->match.params.at[i].value;
	}
	return NULL;
}

const char *
http_req_query(struct http_req *req, const char *name)
{
	const char *raw = MHD_lookup_connection_value(req->connection, MHD_GET_ARGUMENT_KIND, name);
	char *value = raw ? arena_strndup(&req->arena, raw, strlen(raw)) : NULL;
	return value && percent_decode(value) == ERR_OK ? value : NULL;
}

const char *
http_req_header(const struct http_req *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

struct bytes
http_req_body(const struct http_req *req)
{
	return buf_bytes(&req->body);
}

const struct addr *
http_req_peer(const struct http_req *req)
{
	return &req->peer;
}

SSL *
http_req_ssl(const struct http_req *req)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!info || info->connect_fd >= req->server->n_fds)
		return NULL;
	struct tls_connection *tc = req->server->by_fd[info->connect_fd];
	struct stream *stream = tc ? relay_stream(tc->relay) : NULL;
	return stream ? stream_ssl(stream) : NULL;
}

struct arena *
http_req_arena(struct http_req *req)
{
	return &req->arena;
}

const char *
http_req_id(const struct http_req *req)
{
	return req->id;
}

struct log *
http_req_log(struct http_req *req)
{
	return &req->log;
}

uint64_t
http_req_started_ns(const struct http_req *req)
{
	return req->started_ns;
}

uv_loop_t *
http_req_loop(const struct http_req *req)
{
	return req->server->loop;
}

void
http_req_set_priv(struct http_req *req, void *priv)
{
	req->priv = priv;
}

void *
http_req_priv(const struct http_req *req)
{
	return req->priv;
}

void
http_reply_header(struct http_req *req, const char *name, const char *value)
{
	if (strpbrk(value, "\r\n"))
		return;
	struct http_header *header = arena_alloc(&req->arena, sizeof(*header));
	const char *kept_name = arena_strndup(&req->arena, name, strlen(name));
	const char *kept_value = arena_strndup(&req->arena, value, strlen(value));
	if (!header || !kept_name || !kept_value)
		return;
	*header = (struct http_header){req->reply_headers, kept_name, kept_value};
	req->reply_headers = header;
}

static void
reply_known(struct http_req *req, int status)
{
	req->reply_status = status;
	req->state = HTTP_REQ_HELD;
	const struct http_server_options *o = &req->server->o;
	if (o->after && o->after(req, status, o->ctx))
		return;
	http_req_release_reply(req);
}

void
http_req_release_reply(struct http_req *req)
{
	if (req->state != HTTP_REQ_HELD)
		return;
	req->state = HTTP_REQ_READY;
	http_server_proceed(req);
}

void
http_req_discard_reply(struct http_req *req)
{
	if (req->state != HTTP_REQ_HELD)
		return;
	buf_fini(&req->reply_body);
	req->reply_headers = NULL; // they live in the arena
	req->chunked = false;
	req->state = HTTP_REQ_WAITING;
}

void
http_reply(struct http_req *req, int status, const char *content_type, struct bytes body)
{
	if (req->state != HTTP_REQ_WAITING)
		return;
	buf_init(&req->reply_body, REPLY_MAX_BYTES);
	if (buf_append(&req->reply_body, body.p, body.n) != ERR_OK) {
		http_req_abort(req, false);
		return;
	}
	if (content_type)
		http_reply_header(req, "Content-Type", content_type);
	reply_known(req, status);
}

void
http_reply_chunked(struct http_req *req, int status, const char *content_type, struct bytes body)
{
	req->chunked = true;
	http_reply(req, status, content_type, body);
}

void
http_reply_json(struct http_req *req, int status, json_t *take_body)
{
	char *text = take_body ? json_dumps(take_body, JSON_COMPACT) : NULL;
	json_decref(take_body);
	if (!text) {
		http_reply_problem(req, 500, "internal", "the answer could not be written", NULL);
		return;
	}
	http_reply(req, status, "application/json", BYTES_STR(text));
	free(text);
}

void
http_reply_problem(struct http_req *req, int status, const char *kind, const char *detail,
		   const char *device_id)
{
	json_auto_t *body =
		json_pack("{s:o, s:s, s:i, s:s, s:s}", "type", json_sprintf("urn:provsim:%s", kind),
			  "title", http_status_text(status), "status", status, "detail", detail,
			  "request_id", req->id);
	if (body && device_id)
		json_object_set_new(body, "device_id", json_string(device_id));
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	http_reply(req, status, "application/problem+json", BYTES_STR(text ? text : "{}"));
	free(text);
}

void
http_req_abort(struct http_req *req, bool reset)
{
	if (req->state == HTTP_REQ_QUEUED || req->state == HTTP_REQ_ABORTED)
		return;
	req->reset = reset;
	req->state = HTTP_REQ_ABORTED;
	http_server_proceed(req);
}

static void
reply_too_large(struct http_req *req)
{
	const struct http_error_style *style = req->server->o.errors;
	char detail[96];
	if (style && style->too_large) {
		style->too_large(req, req->server->o.ctx);
		return;
	}
	snprintf(detail, sizeof(detail), "the body is larger than %zu bytes",
		 req->match.route ? req->match.route->body_max : 0);
	http_reply_problem(req, 413, "too-large", detail, NULL);
}

static void
reply_wrong_method(struct http_req *req)
{
	const struct http_server_options *o = &req->server->o;
	const char *allow = http_route_allow(o->routes, o->n_routes, req->path, &req->arena);
	if (o->errors && o->errors->method_not_allowed) {
		o->errors->method_not_allowed(req, allow, o->ctx);
		return;
	}
	http_reply_header(req, "Allow", allow);
	http_reply_problem(req, 405, "method-not-allowed", "this path does not take that method",
			   NULL);
}

void
http_reply_unmatched(struct http_req *req)
{
	const struct http_server_options *o = &req->server->o;
	if (req->bad_framing)
		http_reply_problem(req, 400, "bad-framing",
				   "the request has several lengths, or a length beside chunks", NULL);
	else if (req->too_large)
		reply_too_large(req);
	else if (req->match.bad_escape)
		http_reply_problem(req, 400, "bad-path", "the path is not valid percent-encoding",
				   NULL);
	else if (req->match.path_known)
		reply_wrong_method(req);
	else if (o->errors && o->errors->not_found)
		o->errors->not_found(req, o->ctx);
	else
		http_reply_problem(req, 404, "not-found", "no such path", NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "common/admin.h"

#include <string.h>

enum {
	FAULT_BODY_MAX = 64 * 1024,
	NUMBER_DIGITS_MAX = 19,
};

struct admin {
	struct http_server *server;
	struct fault_plan *faults;
	struct journal *journal;
	json_t *(*state)(void *ctx, const char *device);
	void (*reset)(void *ctx);
	const struct http_route *extra;
	size_t n_extra;
	void *ctx;
	struct http_route *routes; // ours, then the mock's
};

static void
reply_empty(struct http_req *req)
{
	http_reply(req, 204, NULL, BYTES_NONE);
}

static void
reply_json(struct http_req *req, json_t *take_body)
{
	if (take_body)
		http_reply_json(req, 200, take_body);
	else
		http_reply_problem(req, 500, "internal", "out of memory", NULL);
}

static void
reply_why(struct http_req *req, const struct why *why)
{
	int status = why->err == ERR_INPUT ? 400 : err_http_status(why->err);
	http_reply_problem(req, status, err_name(why->err), why->text, NULL);
}

static void
get_state(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	reply_json(req, a->state(a->ctx, http_req_query(req, "device")));
}

// An optional number in the query; stays as it is when absent.
static enum err
query_number(uint64_t *out, struct http_req *req, const char *name, struct why *why)
{
	const char *text = http_req_query(req, name);
	if (!text)
		return ERR_OK;
	size_t n = strspn(text, "0123456789");
	if (n == 0 || n > NUMBER_DIGITS_MAX || text[n])
		return why_set(why, ERR_INPUT, "query parameter \"%s\" must be a number", name);
	*out = strtoull(text, NULL, 10);
	return ERR_OK;
}

static enum err
journal_filter_from_query(struct journal_filter *f, struct http_req *req, struct why *why)
{
	uint64_t last = 0;
	f->device = http_req_query(req, "device");
	f->event = http_req_query(req, "event");
	TRY(query_number(&f->since, req, "since", why));
	TRY(query_number(&last, req, "last", why));
	f->last = last;
	return ERR_OK;
}

static void
get_journal(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	struct journal_filter filter = {0};
	struct why why = {0};
	if (journal_filter_from_query(&filter, req, &why) != ERR_OK)
		reply_why(req, &why);
	else
		reply_json(req, journal_list(a->journal, &filter));
}

static void
post_fault(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	struct bytes body = http_req_body(req);
	json_error_t error;
	json_auto_t *json =
		json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &error);
	struct why why = {0};
	const char *name = NULL;
	if (!json) {
		why_set(&why, ERR_SYNTAX, "the body is not JSON: %s (line %d, column %d)",
			error.text, error.line, error.column);
		reply_why(req, &why);
	} else if (fault_plan_add(a->faults, json, &name, &why) != ERR_OK) {
		reply_why(req, &why);
	} else {
		log_info(http_req_log(req), "fault.armed", KV_STR("fault", name));
		http_reply_json(req, 201, fault_plan_get(a->faults, name));
	}
}

static void
get_faults(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	reply_json(req, fault_plan_list(a->faults));
}

static void
get_vocabulary(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	reply_json(req, fault_plan_vocabulary(a->faults));
}

static void
delete_faults(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	fault_plan_clear(a->faults);
	reply_empty(req);
}

static void
delete_fault(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	struct why why = {0};
	if (fault_plan_delete(a->faults, http_req_param(req, "name"), &why) != ERR_OK)
		reply_why(req, &why);
	else
		reply_empty(req);
}

static void
post_reset(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	fault_plan_clear(a->faults);
	journal_clear(a->journal);
	a->reset(a->ctx);
	reply_empty(req);
}

// A row of the mock's own: its handler gets the mock's ctx.
static void
call_extra(struct http_req *req, void *ctx)
{
	const struct admin *a = ctx;
	const char *name = http_req_route(req)->name;
	for (size_t i = 0; i < a->n_extra; i++) {
		if (strcmp(a->extra[i].name, name) == 0) {
			a->extra[i].handler(req, a->ctx);
			return;
		}
	}
}

static const struct http_route own_routes[] = {
	{"GET",	"/state",		  get_state,	     0,		"admin.state"	     },
	{"GET",	"/journal",	    get_journal,	 0,		    "admin.journal"	   },
	{"POST",	 "/faults",	    post_fault,	FAULT_BODY_MAX, "admin.faults.add"	  },
	{"GET",	"/faults",		   get_faults,     0,		  "admin.faults.list"	     },
	{"GET",	"/faults/vocabulary", get_vocabulary, 0,		 "admin.faults.vocabulary"},
	{"DELETE", "/faults",	      delete_faults,  0,		"admin.faults.clear"	    },
	{"DELETE", "/faults/{name}",     delete_fault,   0,	      "admin.faults.delete"	   },
	{"POST",	 "/reset",		   post_reset,     0,		  "admin.reset"	       },
};

enum err
admin_new(struct admin **out, uv_loop_t *loop, const struct admin_options *o, struct why *why)
{
	struct admin *a = calloc(1, sizeof(*a));
	size_t n_own = N_ELEMENTS(own_routes);
	struct http_route *routes = calloc(n_own + o->n_extra, sizeof(*routes));
	if (!a || !routes) {
		free(a);
		free(routes);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	*a = (struct admin){.faults = o->faults,
			    .journal = o->journal,
			    .state = o->state,
			    .reset = o->reset,
			    .extra = o->extra,
			    .n_extra = o->n_extra,
			    .ctx = o->ctx,
			    .routes = routes};
	memcpy(routes, own_routes, sizeof(own_routes));
	for (size_t i = 0; i < o->n_extra; i++) {
		routes[n_own + i] = o->extra[i];
		routes[n_own + i].handler = call_extra;
	}
	const struct http_server_options options = {.server_name = o->mock,
						    .addr = o->addr,
						    .routes = routes,
						    .n_routes = n_own + o->n_extra,
						    .ctx = a,
						    .log = o->log};
	enum err err = http_server_new(&a->server, loop, &options, why);
	if (err != ERR_OK) {
		why_prefix(why, "admin API");
		admin_free(a);
		return err;
	}
	*out = a;
	return ERR_OK;
}

struct addr
admin_addr(const struct admin *a)
{
	return http_server_addr(a->server);
}

void
admin_free(struct admin *a)
{
	if (!a)
		return;
	if (a->server)
		http_server_free(a->server);
	free(a->routes);
	free(a);
}

// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "act.h"
#include "enroll_answer.h"

void
act_http_start(struct sim_device *s, const struct http_request *r, http_done_fn *done)
{
	s->call_attempt = s->dev.attempt;
	enum err err = http_call_start(&s->call, s->worker->http, r, done, s);
	if (!err)
		return;
	s->call = NULL;
	device_fail(&s->dev, LAYER_HTTP, err_name(err), 0, "%s %s: %s", r->method, r->url,
		    err_text(err));
	device_post(&s->dev, EV_REFUSED);
}

void
act_http_ended(struct sim_device *s)
{
	s->call = NULL;
}

enum dev_event
act_http_failed(struct sim_device *s, const struct http_answer *a, const char *what)
{
	bool tls = a->err == ERR_TLS;
	device_fail(&s->dev, tls ? LAYER_TLS : LAYER_HTTP, tls ? "untrusted" : err_name(a->err), 0,
		    "%s: %s", what, a->why.text[0] ? a->why.text : err_text(a->err));
	return err_is_retryable(a->err) && !tls ? EV_RETRY : EV_REFUSED;
}

enum dev_event
act_http_refused(struct sim_device *s, const struct http_answer *a, const char *what)
{
	struct problem problem;
	problem_parse(&problem, a->body);
	char kind[FAILURE_KIND_MAX];
	problem_kind(kind, sizeof(kind), &problem, a->status);
	struct failure *f = device_fail(&s->dev, LAYER_HTTP, kind, a->status, "%s: HTTP %d: %s",
					what, a->status, problem.detail);
	f->retry_after_ms = retry_after_ms(a->retry_after);
	return http_status_is_retryable(a->status) ? EV_RETRY : EV_REFUSED;
}

// SPDX-License-Identifier: Apache-2.0
// DELETE /devices/{id} with the operator's token, over connections that are kept: it is the fleet's
// operator who asks, not the device. 202 means that some steps still wait: the call is idempotent,
// so it is asked again.
#include "act.h"
#include "base/encode.h"

static const char what[] = "DELETE /devices";

static void
on_retired(const struct http_answer *a, void *ctx)
{
	struct sim_device *s = ctx;
	act_http_ended(s);
	enum dev_event event = EV_OK;
	if (a->err) {
		event = act_http_failed(s, a, what);
	} else if (a->status == 202) {
		device_fail(&s->dev, LAYER_HTTP, "decommissioning", 202,
			    "%s: some steps still wait for another system", what);
		event = EV_RETRY;
	} else if (a->status != 200) {
		event = act_http_refused(s, a, what);
	}
	sim_device_done(s, event, s->call_attempt);
}

static enum err
send_request(struct sim_device *s, struct why *why)
{
	const struct sim_config *c = s->worker->config;
	if (!secret_is_set(&c->admin_token))
		return why_set(why, ERR_INPUT, "the bridge's admin token is not configured");
	if (!c->bridge)
		return why_set(why, ERR_INPUT, "the bridge's URL is not configured");
	BUF_AUTO struct buf url;
	buf_init(&url, 4096);
	TRY(buf_printf(&url, "%s/devices/", c->bridge));
	TRY(percent_encode(&url, s->dev.id));
	act_http_start(s,
		       &(struct http_request){.method = "DELETE",
					      .url = (const char *)url.data,
					      .tls = s->worker->https,
					      .bearer = &c->admin_token,
					      .timeout_ms = c->limits.leave_ms + HTTP_GRACE_MS},
		       on_retired);
	return ERR_OK;
}

void
act_retire(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct why why = {0};
	enum err err = send_request(s, &why);
	if (err) {
		device_fail(d, LAYER_USAGE, "not-configured", 0, "%s: %s", what,
			    why.text[0] ? why.text : err_text(err));
		device_post(d, EV_REFUSED);
	}
}

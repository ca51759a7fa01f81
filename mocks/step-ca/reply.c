// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "step-ca/internal.h"

enum {
	GO_BUFFER_BYTES = 2048, // what Go's server collects before it gives up on Content-Length
	MESSAGE_MAX = 8192,
};

static const char see_logs[] = "Please see the certificate authority logs for more info.";

// The words of step-ca's errs package. with_text: the cause follows.
static const struct error_row {
	enum err err;
	int status;
	const char *text;
	bool with_text;
} rows[] = {
	{ERR_SYNTAX,	     400, "The request could not be completed",				true },
	{ERR_UNAUTHORIZED, 401, "The request lacked necessary authorization to be completed.",
	 false											  },
	{ERR_FORBIDDEN,	403, "The request was forbidden by the certificate authority",	       true },
	{ERR_NOT_FOUND,	404, "The requested resource could not be found.",			   false},
	{ERR_UNSUPPORTED,  501,
	 "The requested method is not implemented by the certificate authority.",		  false},
	{ERR_INTERNAL,     500, "The certificate authority encountered an Internal Server Error.",
	 false											  },
};

void
reply_body(struct http_req *req, int status, const char *content_type, struct bytes body)
{
	if (body.n > GO_BUFFER_BYTES)
		http_reply_chunked(req, status, content_type, body);
	else
		http_reply(req, status, content_type, body);
}

void
reply_json_text(struct http_req *req, int status, struct bytes json)
{
	reply_body(req, status, "application/json", json);
}

static enum err
write_error(struct buf *out, int status, const char *message)
{
	TRY(buf_printf(out, "{\"status\":%d,\"message\":\"", status));
	TRY(json_escape(out, BYTES_STR(message)));
	return buf_append_str(out, "\"}\n");
}

void
reply_message(struct http_req *req, int status, const char *message)
{
	BUF_AUTO struct buf body;
	buf_init(&body, MESSAGE_MAX);
	if (write_error(&body, status, message))
		http_req_abort(req, false);
	else
		reply_json_text(req, status, buf_bytes(&body));
}

void
reply_error(struct http_req *req, enum err err, const struct why *why)
{
	char message[sizeof(why->text) + 128];
	const struct error_row *row = rows;
	while (row < rows + N_ELEMENTS(rows) - 1 && row->err != err)
		row++;
	if (row->with_text)
		snprintf(message, sizeof(message), "%s: %s.", row->text, why->text);
	else
		snprintf(message, sizeof(message), "%s %s", row->text, see_logs);
	log_info(http_req_log(req), "request.refused", KV_I64("status", row->status), KV_ERR(err),
		 KV_STR("why", why ? why->text : ""));
	reply_message(req, row->status, message);
}

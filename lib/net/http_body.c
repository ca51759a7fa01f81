// SPDX-License-Identifier: Apache-2.0
// How much of a body is taken, and which are refused before a byte of them is read.
#include <strings.h>

#include "net/http_internal.h"

enum {
	// So much of a body that is too large is read for the sake of the answer.
	DISCARD_MAX_BYTES = 1024 * 1024,
};

struct framing {
	const char *length;
	bool chunked;
	bool disputed;
};

static enum MHD_Result
look_at_framing(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *f = cls;
	(void)kind;
	if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->chunked = true;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		f->disputed |= f->length && (!value || strcmp(f->length, value) != 0);
		f->length = value;
	}
	return MHD_YES;
}

// Two lengths, or a length beside chunks (RFC 9112 section 6.3): a proxy in front may have read
// another end of the request than we would, and what we took for the next one.
static bool
framing_is_disputed(struct http_req *req)
{
	struct framing f = {0};
	MHD_get_connection_values(req->connection, MHD_HEADER_KIND, look_at_framing, &f);
	return f.disputed || (f.chunked && f.length);
}

static bool
announces_too_much(struct http_req *req)
{
	const char *text = http_req_header(req, "Content-Length");
	unsigned long long n = text ? strtoull(text, NULL, 10) : 0;
	return n > req->body.max;
}

void
http_body_look_at_head(struct http_req *req)
{
	req->bad_framing = framing_is_disputed(req);
	req->too_large = announces_too_much(req);
}

// A chunked body shows its size only as it comes, and libmicrohttpd takes no answer before its end:
// a little too much is read and refused properly, a flood is cut off.
enum MHD_Result
http_body_take(struct http_req *req, const char *upload, size_t *upload_size)
{
	size_t n = *upload_size;
	*upload_size = 0;
	if (req->state != HTTP_REQ_READING)
		return MHD_YES;
	if (!req->too_large && buf_append(&req->body, upload, n) != ERR_OK)
		req->too_large = true;
	if (req->too_large)
		req->discarded += n;
	return req->discarded <= DISCARD_MAX_BYTES ? MHD_YES : MHD_NO;
}

// SPDX-License-Identifier: Apache-2.0
#include "bridge/openapi.h"

void
openapi_get(struct http_req *req, void *ctx)
{
	(void)ctx;
	http_reply(req, 200, "application/json", BYTES(openapi_json, openapi_json_bytes));
}

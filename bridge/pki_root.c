// SPDX-License-Identifier: Apache-2.0
#include "bridge/pki_root.h"

#include <ctype.h>

#include "bridge/bridge.h"
#include "bridge/reply.h"

bool
pki_fingerprint_matches(const char *text, const char *fingerprint)
{
	for (; *text; text++) {
		if (*text == '-')
			continue;
		if (tolower((unsigned char)*text) != *fingerprint)
			return false;
		fingerprint++;
	}
	return *fingerprint == '\0';
}

void
pki_root_get(struct http_req *req, void *ctx)
{
	struct bridge *b = ctx;
	const char *known = stepca_root_fingerprint(b->stepca);
	if (!known) {
		reply_problem(req, PROBLEM_CA_UNREACHABLE,
			      "the bridge has not been able to fetch the root from step-ca yet",
			      NULL);
		return;
	}
	if (!pki_fingerprint_matches(http_req_param(req, "fingerprint"), known)) {
		reply_problem(req, PROBLEM_NOT_FOUND, "the pinned root has another fingerprint",
			      NULL);
		return;
	}
	http_reply_json(req, 200, json_pack("{s:s}", "ca", stepca_root_pem(b->stepca)));
}

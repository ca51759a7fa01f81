// SPDX-License-Identifier: Apache-2.0
// GET /pki/root/{fingerprint}: the root certificate for devices that know only URL and fingerprint.
#pragma once

#include "net/http_server.h"

// Handler; ctx is the struct bridge.
void pki_root_get(struct http_req *req, void *ctx);
// True when text is the fingerprint, whatever the case and with or without '-' (as step-ca reads
// it).
bool pki_fingerprint_matches(const char *text, const char *fingerprint);
